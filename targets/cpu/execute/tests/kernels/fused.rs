//! Programs of elementwise functions give the bits of the single kernels, and norms of groups what they are by
//! definition.

use crate::harness::{Random, Tensor, accepts, count, near, run, shape};
use m4c_exec_cpu::elementwise::{Function, MOST_INSTRUCTIONS};
use m4c_exec_cpu::epilogue::Activation;
use m4c_runtime::DType;

/// The result of one function by its own kernel; truth values are `bool` there.
fn single(name: &str, function: Function, operands: &[&Tensor], dims: &[usize]) -> Tensor {
    let (kernel, dtype) = match function {
        Function::Select => ("select_4".to_owned(), DType::F32),
        Function::Less | Function::Equal => (format!("{name}_f32"), DType::Bool),
        _ => (format!("{name}_f32"), DType::F32),
    };
    let operands: Vec<Option<&Tensor>> = operands.iter().copied().map(Some).collect();
    run(&kernel, &operands, dtype, dims, &[]).unwrap()
}

#[test]
fn programs_give_the_bits_of_single_kernels() {
    let mut random = Random(61);
    for round in 0..150 {
        let dims = match round {
            0 => vec![3, 700],
            1 => vec![2, 5, 333],
            _ => random.dims(3, 9),
        };
        let part = |random: &mut Random| -> Vec<usize> {
            let lead = random.below(dims.len() + 1);
            dims[lead..].iter().map(|&size| if random.below(3) == 0 { 1 } else { size }).collect()
        };
        let mut registers = vec![random.odd_numbers(&dims)];
        for _ in 0..random.below(4) {
            let dims = part(&mut random);
            registers.push(if random.below(3) == 0 {
                let truths: Vec<u8> = (0..count(&dims)).map(|_| random.below(2) as u8).collect();
                Tensor::new(DType::Bool, &dims, &truths)
            } else {
                random.odd_numbers(&dims)
            });
        }
        let inputs = registers.len();
        let mut params = Vec::new();
        let instructions = 1 + random.below(9);
        while registers.len() < inputs + instructions {
            let (name, function) = Function::ALL[random.below(Function::ALL.len())];
            let last = registers.len() + 1 == inputs + instructions;
            let choice: Vec<usize> = (0..function.arity()).map(|_| random.below(registers.len())).collect();
            let truth = |place: usize| registers[choice[place]].dtype == DType::Bool;
            let fits = match function {
                Function::Select => truth(0) && !truth(1) && !truth(2),
                _ => {
                    (0..choice.len()).all(|place| !truth(place))
                        && !(last && matches!(function, Function::Less | Function::Equal))
                }
            };
            // The first operand has all the sizes, and so has every instruction that reads it.
            let whole = choice.iter().any(|&register| registers[register].dims == dims);
            if !fits || !whole {
                continue;
            }
            let operands: Vec<&Tensor> = choice.iter().map(|&register| &registers[register]).collect();
            let value = single(name, function, &operands, &dims);
            registers.push(value);
            let mut words = [function as i64, 0, 0, 0];
            words[1..].iter_mut().zip(&choice).for_each(|(word, &register)| *word = register as i64);
            params.extend(words);
        }
        let operands: Vec<Option<&Tensor>> = registers[..inputs].iter().map(Some).collect();
        let out = run("elementwise_f32", &operands, DType::F32, &dims, &params).unwrap();
        let bits = |x: &f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
        let (got, expected): (Vec<u32>, Vec<u32>) =
            (out.f32().iter().map(bits).collect(), registers.last().unwrap().f32().iter().map(bits).collect());
        assert_eq!(got, expected, "{dims:?} {params:?}");
    }
}

#[test]
fn programs_that_read_ahead_or_are_too_long_are_refused() {
    let x = Some(shape(DType::F32, &[4]));
    let good = |params: &[i64]| accepts("elementwise_f32", &[x, x], &[shape(DType::F32, &[4])], params);
    assert!(good(&[0, 0, 1, 0]) && good(&[10, 1, 0, 0, 2, 2, 0, 0]));
    assert!(!good(&[]) && !good(&[0, 0, 2, 0]) && !good(&[0, 0, -1, 0]) && !good(&[99, 0, 0, 0]) && !good(&[0, 0, 1]));
    assert!(!good(&[10, 0, 0, 1]), "an unused register is 0");
    assert!(good(&[10, 0, 0, 0].repeat(MOST_INSTRUCTIONS)) && !good(&[10, 0, 0, 0].repeat(MOST_INSTRUCTIONS + 1)));
}

#[test]
fn groups_of_channels_are_normalized() {
    let mut random = Random(62);
    for round in 0..60 {
        let (groups, each) = (1 + random.below(4), 1 + random.below(3));
        let inner = if round == 0 { vec![40, 50] } else { random.dims(2, 6) };
        let dims = [&[1 + random.below(3), groups * each][..], &inner].concat();
        let (x, channels) = (random.numbers(&dims), groups * each);
        let (scale, bias) = (random.numbers(&[channels]), random.numbers(&[channels]));
        let eps = Tensor::new(DType::F32, &[], &[1e-5f32]);
        let operands = [Some(&x), Some(&scale), Some(&bias), Some(&eps)];
        let out = run("group_norm_f32", &operands, DType::F32, &dims, &[groups as i64]).unwrap();
        let params = [groups as i64, Activation::Silu as i64];
        let silu = run("group_norm_f32", &operands, DType::F32, &dims, &params).unwrap();
        let inner = count(&inner);
        for (group, x) in x.f32().chunks((each * inner).max(1)).enumerate() {
            let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / x.len() as f64;
            for (i, &x) in x.iter().enumerate() {
                let channel = group % groups * each + i / inner;
                let normal = (f64::from(x) - mean) / (variance + 1e-5).sqrt();
                let exact = normal * f64::from(scale.f32()[channel]) + f64::from(bias.f32()[channel]);
                let at = group * each * inner + i;
                assert!(near(out.f32()[at], exact, 2e-6), "{dims:?} {groups}");
                assert!(near(silu.f32()[at], exact / (1.0 + (-exact).exp()), 3e-6), "{dims:?} {groups}");
            }
        }
    }
}
