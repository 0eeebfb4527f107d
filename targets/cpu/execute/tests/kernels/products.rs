//! Matrix products and convolutions.

use crate::harness::{Random, Tensor, accepts, coordinates, count, near, position, run, shape};
use m4c_exec_cpu::CPU;
use m4c_exec_cpu::epilogue::Activation;
use m4c_exec_cpu::layout::{pack_kn16, packed_len};
use m4c_runtime::DType;
use m4c_runtime::executor::{Dims, Executor, Shape, SingleThread, StepData, StepShape, Threads};

fn size(random: &mut Random) -> usize {
    match random.below(10) {
        0 => 0,
        1 => 60 + random.below(90),
        2 => 250 + random.below(20),
        _ => 1 + random.below(20),
    }
}

#[test]
fn matmul_broadcasts_leading_axes() {
    let mut random = Random(21);
    for _ in 0..150 {
        let (m, k, n) = (size(&mut random), size(&mut random), size(&mut random));
        let batch = random.dims(2, 3);
        let [lead_a, lead_b]: [Vec<usize>; 2] = [(); 2].map(|()| {
            let lead = &batch[random.below(batch.len() + 1)..];
            lead.iter().map(|&size| if random.below(3) == 0 { 1 } else { size }).collect()
        });
        let rank = lead_a.len().max(lead_b.len());
        let size = |lead: &[usize], axis: usize| (axis + lead.len()).checked_sub(rank).map_or(1, |own| lead[own]);
        let lead: Vec<usize> = (0..rank)
            .map(|axis| if size(&lead_a, axis) == 1 { size(&lead_b, axis) } else { size(&lead_a, axis) })
            .collect();
        let (a, b) =
            (random.numbers(&[&lead_a[..], &[m, k]].concat()), random.numbers(&[&lead_b[..], &[k, n]].concat()));
        let dims = [&lead[..], &[m, n]].concat();
        let out = run("matmul_f32", &[Some(&a), Some(&b)], DType::F32, &dims, &[]).unwrap();
        for (at, &got) in out.f32().iter().enumerate() {
            let index = coordinates(&dims, at);
            let (lead, i, j) = (&index[..rank], index[rank], index[rank + 1]);
            let at_a = (position(&lead_a, lead) * m + i) * k;
            let at_b = position(&lead_b, lead) * k * n + j;
            let exact: f64 = (0..k).map(|k| f64::from(a.f32()[at_a + k]) * f64::from(b.f32()[at_b + k * n])).sum();
            assert!(near(got, exact, 2e-5), "{lead_a:?} {lead_b:?} {index:?}: {got} {exact}");
        }
    }
}

#[test]
fn a_right_operand_in_another_order_gives_the_same_product() {
    let mut random = Random(22);
    for round in 0..200 {
        let (m, k, n) = (1 + round % 6, size(&mut random), size(&mut random));
        let lead = random.dims(2, 3);
        let b_lead: Vec<usize> = lead.iter().map(|&size| if random.below(4) == 0 { 1 } else { size }).collect();
        let (a, b) = (random.numbers(&[&lead[..], &[m, k]].concat()), random.numbers(&[&b_lead[..], &[k, n]].concat()));
        let dims = [&lead[..], &[m, n]].concat();
        let plain = run("matmul_f32", &[Some(&a), Some(&b)], DType::F32, &dims, &[]).unwrap();
        // Rows of a cache come first: the keys' are n, the values' are k.
        let rank = b.dims.len();
        let first = [rank - 1, rank - 2][round % 2];
        let order: Vec<usize> = [first].into_iter().chain((0..rank).filter(|&axis| axis != first)).collect();
        let stored_dims: Vec<usize> = order.iter().map(|&axis| b.dims[axis]).collect();
        let stored: Vec<f32> = (0..count(&stored_dims))
            .map(|at| {
                let index = coordinates(&stored_dims, at);
                let mut own = vec![0; rank];
                order.iter().zip(index).for_each(|(&axis, index)| own[axis] = index);
                b.f32()[position(&b.dims, &own)]
            })
            .collect();
        let stored = Tensor::new(DType::F32, &stored_dims, &stored);
        let params: Vec<i64> = (0..rank).map(|axis| order.iter().position(|&o| o == axis).unwrap() as i64).collect();
        let out = run("matmul_ordered_f32", &[Some(&a), Some(&stored)], DType::F32, &dims, &params).unwrap();
        for (got, expected) in out.f32().iter().zip(plain.f32()) {
            assert!(near(*got, f64::from(*expected), 2e-5), "{dims:?} {k} {params:?}: {got} {expected}");
        }
    }
}

#[test]
fn matmul_lets_nan_and_infinity_through() {
    let a = Tensor::new(DType::F32, &[2, 2], &[1f32, f32::NAN, f32::INFINITY, 0.0]);
    let b = Tensor::new(DType::F32, &[2, 1], &[1f32, 2.0]);
    let out = run("matmul_f32", &[Some(&a), Some(&b)], DType::F32, &[2, 1], &[]).unwrap();
    assert!(out.f32()[0].is_nan() && out.f32()[1] == f32::INFINITY);
}

/// What a step does beside the product.
#[derive(Clone, Copy, Default)]
struct Extra<'a> {
    bias: Option<&'a Tensor>,
    residual: Option<&'a Tensor>,
    gate: Option<&'a Tensor>,
    activation: Option<Activation>,
}

impl Extra<'_> {
    fn params(&self) -> Vec<i64> {
        self.activation.iter().map(|&activation| activation as i64).collect()
    }
}

/// A matrix of so many rows and columns as packed weights.
fn panels(w: &[f32], [k, n]: [usize; 2]) -> Vec<f32> {
    let mut weights = vec![f32::NAN; packed_len(k, n).unwrap()];
    pack_kn16(w, k, n, n, 1, &mut weights);
    weights
}

/// Runs the packed product, which is called with the logical sizes of its weights.
fn packed(x: &Tensor, w: &[f32], [k, n]: [usize; 2], extra: Extra<'_>, threads: &dyn Threads) -> Vec<f32> {
    let Extra { bias, residual, gate, .. } = extra;
    let weights = panels(w, [k, n]);
    let mut dims = x.dims.clone();
    *dims.last_mut().unwrap() = n;
    let shape = |dims: &[usize], bytes| Shape { dtype: DType::F32, dims: Dims::new(dims).unwrap(), bytes };
    let operands = [
        Some(x.shape()),
        Some(shape(&[k, n], 4 * weights.len())),
        bias.map(Tensor::shape),
        residual.map(Tensor::shape),
        gate.map(Tensor::shape),
    ];
    let results = [shape(&dims, 4 * count(&dims))];
    let params = extra.params();
    let step = StepShape { operands: &operands, results: &results, params: &params };
    let kernel = CPU.kernel("matmul_packed_f32").unwrap();
    kernel.check(&step).unwrap();
    let mut out = vec![f32::NAN; count(&dims)];
    let mut scratch = vec![0u64; kernel.scratch(&step, threads.count()).div_ceil(8)];
    let data = StepData {
        operands: &[
            x.data(),
            bytemuck::cast_slice(&weights),
            bias.map_or(&[], Tensor::data),
            residual.map_or(&[], Tensor::data),
            gate.map_or(&[], Tensor::data),
        ],
        results: &mut [bytemuck::cast_slice_mut(&mut out)],
        scratch: bytemuck::cast_slice_mut(&mut scratch),
    };
    kernel.run(&step, data, threads).unwrap();
    out
}

#[test]
fn packed_matmul_agrees_with_the_sum_of_products() {
    let mut random = Random(22);
    for round in 0..120 {
        let (k, n) = (size(&mut random), size(&mut random));
        let mut dims = if round % 3 == 0 { vec![] } else { vec![1 + random.below(3), size(&mut random)] };
        dims.push(k);
        let (x, w) = (random.numbers(&dims), random.numbers(&[k, n]));
        let bias = random.numbers(&[n]);
        let bias = (round % 2 == 0).then_some(&bias);
        let extra = Extra { bias, ..Extra::default() };
        let out = packed(&x, w.f32(), [k, n], extra, &SingleThread);
        let parallel = packed(&x, w.f32(), [k, n], extra, &crate::harness::Scoped(5));
        assert!(out.iter().map(|x| x.to_bits()).eq(parallel.iter().map(|x| x.to_bits())));
        for (at, &got) in out.iter().enumerate() {
            let (i, j) = (at / n, at % n);
            let products = (0..k).map(|at| f64::from(x.f32()[i * k + at]) * f64::from(w.f32()[at * n + j]));
            let exact = products.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias.f32()[j]));
            assert!(near(got, exact, 2e-5), "{dims:?} {n}: {got} {exact}");
        }
    }
}

#[test]
fn packed_half_precision_gives_the_bits_of_the_plain_product() {
    let mut random = Random(25);
    for round in 0..120 {
        let (dtype, name) = [(DType::F16, "f16"), (DType::Bf16, "bf16")][round % 2];
        let (m, k, n) = (size(&mut random), size(&mut random), size(&mut random));
        // Patterns of no special value: the top of the exponent is not set in either type.
        let mut halves =
            |dims: &[usize]| -> Vec<u16> { (0..count(dims)).map(|_| random.bits() as u16 & 0xbfff).collect() };
        let (x, w) = (halves(&[m, k]), halves(&[k, n]));
        let (x, w) = (Tensor::new(dtype, &[m, k], &x), Tensor::new(dtype, &[k, n], &w));
        let plain = run(&format!("matmul_{name}"), &[Some(&x), Some(&w)], dtype, &[m, n], &[]).unwrap();
        let mut panels = vec![u16::MAX; packed_len(k, n).unwrap()];
        pack_kn16(w.as_slice::<u16>(), k, n, n, 1, &mut panels);
        let shape = |dims: &[usize], bytes| Shape { dtype, dims: Dims::new(dims).unwrap(), bytes };
        let operands = [Some(x.shape()), Some(shape(&[k, n], 2 * panels.len()))];
        let results = [shape(&[m, n], 2 * m * n)];
        let step = StepShape { operands: &operands, results: &results, params: &[] };
        let kernel = CPU.kernel(&format!("matmul_packed_{name}")).unwrap();
        kernel.check(&step).unwrap();
        for threads in [&SingleThread as &dyn Threads, &crate::harness::Scoped(5)] {
            let mut out = vec![0u16; m * n];
            let mut scratch = vec![0u64; kernel.scratch(&step, threads.count()).div_ceil(8)];
            let data = StepData {
                operands: &[x.data(), bytemuck::cast_slice(&panels)],
                results: &mut [bytemuck::cast_slice_mut(&mut out)],
                scratch: bytemuck::cast_slice_mut(&mut scratch),
            };
            kernel.run(&step, data, threads).unwrap();
            assert_eq!(out, plain.as_slice::<u16>(), "{name} {m} x {k} x {n}");
        }
    }
}

/// What separate steps make of a product: bias along an axis, activation, gate, residual.
fn finished(product: &Tensor, extra: Extra<'_>, bias_dims: &[usize]) -> Tensor {
    let one = |name: &str, x: &Tensor, other: Option<&Tensor>| {
        let operands: Vec<_> = [Some(x), other].into_iter().filter(Option::is_some).collect();
        run(name, &operands, DType::F32, &x.dims, &[]).unwrap()
    };
    let scalar = |value: f32| Tensor::new(DType::F32, &[], &[value]);
    let mut x = product.clone();
    if let Some(bias) = extra.bias {
        x = one("add_f32", &x, Some(&Tensor::new(DType::F32, bias_dims, bias.f32())));
    }
    x = match extra.activation.unwrap_or(Activation::None) {
        Activation::None => x,
        Activation::Relu => one("max_f32", &x, Some(&scalar(0.0))),
        Activation::Gelu => one("gelu_f32", &x, None),
        Activation::Sigmoid => one("sigmoid_f32", &x, None),
        Activation::Tanh => one("tanh_f32", &x, None),
        Activation::Silu => one("mul_f32", &x, Some(&one("sigmoid_f32", &x, None))),
        Activation::QuickGelu => {
            let gate = one("sigmoid_f32", &one("mul_f32", &x, Some(&scalar(1.702))), None);
            one("mul_f32", &x, Some(&gate))
        }
        Activation::GeluTanh => {
            let bend = one("mul_f32", &one("mul_f32", &x, Some(&x)), Some(&scalar(0.044_715)));
            let bend = one("add_f32", &bend, Some(&scalar(1.0)));
            let scaled = one("mul_f32", &x, Some(&scalar((2.0 / std::f64::consts::PI).sqrt() as f32)));
            let gate = one("tanh_f32", &one("mul_f32", &scaled, Some(&bend)), None);
            let gated = one("mul_f32", &x, Some(&one("add_f32", &gate, Some(&scalar(1.0)))));
            one("mul_f32", &gated, Some(&scalar(0.5)))
        }
    };
    if let Some(gate) = extra.gate {
        x = one("mul_f32", &x, Some(gate));
    }
    match extra.residual {
        Some(residual) => one("add_f32", &x, Some(residual)),
        None => x,
    }
}

fn assert_same_bits(fused: &[f32], separate: &[f32], what: &str) {
    assert_eq!(fused.len(), separate.len());
    for (at, (a, b)) in fused.iter().zip(separate).enumerate() {
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{what} at {at}: {a} {b}");
    }
}

#[test]
fn what_a_product_does_to_its_elements_has_the_bits_of_separate_steps() {
    let mut random = Random(24);
    for round in 0..300 {
        let activation = match round % (Activation::ALL.len() + 1) {
            0 => None,
            number => Some(Activation::ALL[number - 1]),
        };
        let (batch, m, k, n) = (1 + random.below(3), size(&mut random), size(&mut random), 1 + random.below(70));
        let dims = [batch, m, n];
        let (residual, gate) = (random.numbers(&dims), random.odd_numbers(&dims));
        let bias = random.odd_numbers(&[n]);
        let [with_bias, with_residual, with_gate] = [0; 3].map(|_: i32| random.below(2) == 0);
        let x = random.numbers(&[batch, m, k]);
        let w = random.numbers(&[k, n]);
        let mut extra = Extra {
            bias: with_bias.then_some(&bias),
            residual: with_residual.then_some(&residual),
            gate: with_gate.then_some(&gate),
            activation,
        };
        let plain = run("matmul_f32", &[Some(&x), Some(&w)], DType::F32, &dims, &[]).unwrap();
        let separate = finished(&plain, extra, &[n]);
        let operands = [Some(&x), Some(&w), extra.bias, extra.residual, extra.gate];
        let fused = run("matmul_f32", &operands, DType::F32, &dims, &extra.params()).unwrap();
        assert_same_bits(fused.f32(), separate.f32(), &format!("matmul {dims:?} {k} {activation:?}"));
        let fused = packed(&x, w.f32(), [k, n], extra, &SingleThread);
        let plain = packed(&x, w.f32(), [k, n], Extra::default(), &SingleThread);
        let separate = finished(&Tensor::new(DType::F32, &dims, &plain), extra, &[n]);
        assert_same_bits(&fused, separate.f32(), &format!("packed {dims:?} {k} {activation:?}"));

        // The groups are 1, 2, or as many as channels.
        let (groups, o) = [(1, 5), (2, 6), (3, 3)][round % 3];
        let bias = random.odd_numbers(&[o]);
        extra.bias = with_bias.then_some(&bias);
        let (h, w) = (1 + random.below(9), 1 + random.below(40));
        let x = random.numbers(&[batch, 3 * groups, h, w]);
        let weights = random.numbers(&[o, 3, 1, 1]);
        let dims = [batch, o, h, w];
        let (residual, gate) = (random.numbers(&dims), random.odd_numbers(&dims));
        (extra.residual, extra.gate) = (with_residual.then_some(&residual), with_gate.then_some(&gate));
        let mut params = vec![groups as i64, 1, 1, 0, 0, 1, 1, 0, 0];
        let plain = run("conv_f32", &[Some(&x), Some(&weights)], DType::F32, &dims, &params).unwrap();
        params.extend(extra.params());
        let separate = finished(&plain, extra, &[o, 1, 1]);
        let operands = [Some(&x), Some(&weights), extra.bias, extra.residual, extra.gate];
        let fused = run("conv_f32", &operands, DType::F32, &dims, &params).unwrap();
        assert_same_bits(fused.f32(), separate.f32(), &format!("conv {dims:?} {groups} {activation:?}"));
    }
}

#[test]
fn two_products_that_are_multiplied_have_the_bits_of_separate_steps() {
    let mut random = Random(26);
    for round in 0..100 {
        let (m, k, n) =
            (size(&mut random), size(&mut random), 1 + random.below(if round % 10 == 0 { 800 } else { 70 }));
        let x = random.numbers(&[m, k]);
        let factors = [random.numbers(&[k, n]), random.numbers(&[k, n])];
        let biases = [random.odd_numbers(&[n]), random.odd_numbers(&[n])];
        let extras = [0, 1].map(|index| Extra {
            bias: (random.below(2) == 0).then_some(&biases[index]),
            activation: Some(Activation::ALL[(round + index) % Activation::ALL.len()]),
            ..Extra::default()
        });
        let [first, second] = [0, 1].map(|index| {
            let out = packed(&x, factors[index].f32(), [k, n], extras[index], &SingleThread);
            Tensor::new(DType::F32, &[m, n], &out)
        });
        let separate = run("mul_f32", &[Some(&first), Some(&second)], DType::F32, &[m, n], &[]).unwrap();
        let weights = factors.map(|factor| panels(factor.f32(), [k, n]));
        let shape = |dims: &[usize], bytes| Shape { dtype: DType::F32, dims: Dims::new(dims).unwrap(), bytes };
        let [w, v] = [0, 1].map(|index| Some(shape(&[k, n], 4 * weights[index].len())));
        let operands = [Some(x.shape()), w, v, extras[0].bias.map(Tensor::shape), extras[1].bias.map(Tensor::shape)];
        let (results, params) = ([shape(&[m, n], 4 * m * n)], [extras[0].params(), extras[1].params()].concat());
        let step = StepShape { operands: &operands, results: &results, params: &params };
        let kernel = CPU.kernel("matmul_gated_f32").unwrap();
        kernel.check(&step).unwrap();
        for threads in [&SingleThread as &dyn Threads, &crate::harness::Scoped(5)] {
            let mut out = vec![f32::NAN; m * n];
            let mut scratch = vec![0u64; kernel.scratch(&step, threads.count()).div_ceil(8)];
            let bias = |index: usize| extras[index].bias.map_or(&[][..], Tensor::data);
            let [w, v] = [0, 1].map(|index| bytemuck::cast_slice(&weights[index]));
            let data = StepData {
                operands: &[x.data(), w, v, bias(0), bias(1)],
                results: &mut [bytemuck::cast_slice_mut(&mut out)],
                scratch: bytemuck::cast_slice_mut(&mut scratch),
            };
            kernel.run(&step, data, threads).unwrap();
            assert_same_bits(&out, separate.f32(), &format!("{m} {k} {n} {params:?}"));
        }
    }
}

#[test]
fn only_single_precision_has_activations_residuals_and_gates() {
    let accepted = |dtype: DType, operands: usize, params: &[i64]| {
        let dims = [[2, 3], [3, 3], [1, 3], [2, 3], [2, 3], [2, 3]];
        let operands: Vec<_> = dims[..operands].iter().map(|dims| Some(shape(dtype, dims))).collect();
        let mut operands = operands;
        operands.iter_mut().skip(2).take(1).for_each(|bias| *bias = Some(shape(dtype, &[3])));
        let name = if dtype == DType::F32 { "matmul_f32" } else { "matmul_f16" };
        accepts(name, &operands, &[shape(dtype, &[2, 3])], params)
    };
    assert!(accepted(DType::F32, 4, &[2]) && accepted(DType::F32, 5, &[]) && !accepted(DType::F32, 6, &[]));
    assert!(accepted(DType::F16, 3, &[]) && accepted(DType::F16, 3, &[0]));
    assert!(!accepted(DType::F16, 4, &[]) && !accepted(DType::F16, 5, &[]) && !accepted(DType::F16, 2, &[1]));
    assert!(!accepted(DType::F32, 4, &[8]) && !accepted(DType::F32, 4, &[-1]) && !accepted(DType::F32, 4, &[1, 1]));
}

/// One element of a convolution by its definition.
fn window(x: &Tensor, w: &Tensor, groups: usize, axes: &[[usize; 4]], index: &[usize]) -> f64 {
    let (c_group, o_group) = (w.dims[1], w.dims[0] / groups);
    let kernel = &w.dims[1..];
    let mut sum = 0.0;
    for at in 0..count(kernel) {
        let place = coordinates(kernel, at);
        let mut from = vec![index[0], index[1] / o_group * c_group + place[0]];
        for (axis, &[stride, dilation, low, _]) in axes.iter().enumerate() {
            let shifted = index[2 + axis] * stride + place[1 + axis] * dilation;
            from.extend(shifted.checked_sub(low).filter(|&i| i < x.dims[2 + axis]));
        }
        if from.len() == x.dims.len() {
            let element = x.dims.iter().zip(&from).fold(0, |at, (&size, &i)| at * size + i);
            sum += f64::from(x.f32()[element]) * f64::from(w.f32()[index[1] * count(kernel) + at]);
        }
    }
    sum
}

#[test]
fn conv_agrees_with_its_definition() {
    let mut random = Random(23);
    for round in 0..150 {
        let space = 1 + random.below(3);
        let (groups, mut o_group, mut c_group) = (1 + random.below(3), 1 + random.below(5), 1 + random.below(4));
        let most = [60, 24, 7][space - 1];
        let pointwise = round % 5 == 0;
        if round % 4 == 0 {
            (o_group, c_group) = (1, 1);
        }
        let (mut input, mut kernel, mut output, mut axes) = (vec![], vec![], vec![], vec![]);
        for _ in 0..space {
            let size = 1 + random.below(most);
            let [stride, dilation] = [0; 2].map(|_: i32| 1 + if pointwise { 0 } else { random.below(3) / 2 });
            let [low, high] = [0; 2].map(|_: i32| if pointwise { 0 } else { random.below(3) });
            let width = if pointwise { 1 } else { 1 + random.below(((size + low + high - 1) / dilation).min(3) + 1) };
            input.push(size);
            kernel.push(width);
            output.push((size + low + high - (width - 1) * dilation - 1) / stride + 1);
            axes.push([stride, dilation, low, high]);
        }
        let batch = 1 + random.below(2);
        let x = random.numbers(&[&[batch, groups * c_group][..], &input].concat());
        let w = random.numbers(&[&[groups * o_group, c_group][..], &kernel].concat());
        let bias = random.numbers(&[groups * o_group]);
        let bias = (round % 2 == 0).then_some(&bias);
        let dims = [&[x.dims[0], groups * o_group][..], &output].concat();
        let mut params = vec![groups as i64];
        params.extend(axes.iter().flatten().map(|&param| param as i64));
        let mut operands = vec![Some(&x), Some(&w)];
        if round % 3 > 0 || bias.is_some() {
            operands.push(bias);
        }
        let out = run("conv_f32", &operands, DType::F32, &dims, &params).unwrap();
        for (at, &got) in out.f32().iter().enumerate() {
            let index = coordinates(&dims, at);
            let bias = bias.map_or(0.0, |bias| f64::from(bias.f32()[index[1]]));
            let exact = window(&x, &w, groups, &axes, &index) + bias;
            assert!(near(got, exact, 1e-5), "{:?} {:?} {params:?} {index:?}: {got} {exact}", x.dims, w.dims);
        }
    }
}

#[test]
fn conv_over_nothing_is_the_bias() {
    let bias = Tensor::new(DType::F32, &[2], &[3f32, -4.0]);
    let x = Tensor::new(DType::F32, &[1, 1, 0], &[0f32; 0]);
    let w = Tensor::new(DType::F32, &[2, 1, 2], &[1f32; 4]);
    let operands = [Some(&x), Some(&w), Some(&bias)];
    let out = run("conv_f32", &operands, DType::F32, &[1, 2, 3], &[1, 1, 1, 2, 2]).unwrap();
    assert_eq!(out.f32(), [3.0, 3.0, 3.0, -4.0, -4.0, -4.0]);
    let x = Tensor::new(DType::F32, &[1, 0, 2], &[0f32; 0]);
    let w = Tensor::new(DType::F32, &[2, 0, 1], &[0f32; 0]);
    let operands = [Some(&x), Some(&w), Some(&bias)];
    let out = run("conv_f32", &operands, DType::F32, &[1, 2, 2], &[1, 1, 1, 0, 0]).unwrap();
    assert_eq!(out.f32(), [3.0, 3.0, -4.0, -4.0]);
}

#[test]
fn operations_of_products_are_counted() {
    let shape = |dims: &[usize]| {
        let dims = Dims::new(dims).expect("at most 8 axes");
        Shape { dtype: DType::F32, dims, bytes: 4 * dims.elements().expect("few") }
    };
    let work = |kernel: &str, a: &[usize], b: &[usize], out: &[usize], params: &[i64]| {
        let (operands, results) = ([Some(shape(a)), Some(shape(b))], [shape(out)]);
        let step = StepShape { operands: &operands, results: &results, params };
        let work = CPU.kernel(kernel).expect("a kernel of this name").work(&step);
        (work.operations, work.bytes)
    };
    assert_eq!(work("matmul_f32", &[5, 2, 3], &[3, 7], &[5, 2, 7], &[]), (2 * 5 * 2 * 3 * 7, 4 * (30 + 21 + 70)));
    assert_eq!(work("matmul_packed_f32", &[2, 3], &[3, 7], &[2, 7], &[]).0, 2 * 2 * 3 * 7);
    let (operands, results) = ([&[2, 3], &[3, 7], &[3, 7]].map(|dims| Some(shape(dims))), [shape(&[2, 7])]);
    let gated = StepShape { operands: &operands, results: &results, params: &[] };
    assert_eq!(CPU.kernel("matmul_gated_f32").expect("a kernel").work(&gated).operations, 2 * 2 * 2 * 3 * 7);
    assert_eq!(work("matmul_ordered_f32", &[2, 3], &[7, 3], &[2, 7], &[1, 0]).0, 2 * 2 * 3 * 7);
    let params = [2, 1, 1, 1, 1, 1, 1, 1, 1];
    let (x, w, out) = ([1, 6, 8, 8], [4, 3, 3, 3], [1, 4, 8, 8]);
    assert_eq!(work("conv_f32", &x, &w, &out, &params).0, 2 * (4 * 8 * 8) * (3 * 3 * 3));
    // Picking a few rows does not read the whole table.
    assert_eq!(work("gather_4", &[1000, 4], &[3], &[3, 4], &[0]), (0, 4 * 3 + 2 * 48));
}
