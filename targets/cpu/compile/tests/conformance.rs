//! Every operator that the target claims, run through its kernel and compared with the operator's own meaning.

use m4c_exec_cpu::CPU;
use m4c_ops::op::Sample;
use m4c_ops::table::{self, ReadSample};
use m4c_ops::{Attr, AttrKind, Attrs, DType, Data, Difference, Fact, Op, Tensor};
use m4c_runtime::executor::{Dims, Executor, Shape, SingleThread, StepData, StepShape};
use m4c_target::{Lowered, NodeView, OpEntry, OperandView, Step, StepOperand, Support, Target, Verdict, Weight};
use m4c_target_cpu::{CpuTarget, LOWERINGS};
use std::collections::BTreeSet;

fn target() -> CpuTarget {
    CpuTarget::new().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_table_lists_operators_and_the_code_lowers_what_it_claims() {
    let target = target();
    let listed: BTreeSet<&str> = target.profile().ops.iter().map(|entry| &*entry.name).collect();
    let known: BTreeSet<&str> = table::all().map(|op| op.name).collect();
    // An operator that is not listed is unknown to the target: adding one needs no change here.
    assert!(listed.is_subset(&known), "ops.toml lists no operators: {:?}", listed.difference(&known));
    let native = |entry: &&OpEntry| entry.support == Support::Native;
    let claimed: BTreeSet<&str> = target.profile().ops.iter().filter(native).map(|entry| &*entry.name).collect();
    let lowered: BTreeSet<&str> = LOWERINGS.iter().map(|(op, _)| *op).collect();
    assert_eq!(claimed, lowered, "ops.toml and the code differ");
    assert!(target.profile().ops.iter().all(|entry| entry.evidence.is_some()));
}

#[test]
fn every_sample_that_is_claimed_runs_through_its_kernel() {
    let target = target();
    let mut executed = BTreeSet::new();
    for op in table::all() {
        for sample in op.samples {
            for variant in variants(&target, op, sample) {
                let place = format!("{}: {}", op.name, sample.name);
                if conforms(&target, op, &variant, &place) {
                    executed.insert(op.name);
                }
            }
        }
    }
    let claimed: BTreeSet<&str> = LOWERINGS.iter().map(|(op, _)| *op).collect();
    assert_eq!(executed, claimed, "a claim without a sample that runs is no claim");
}

#[test]
fn every_claimed_type_is_executed() {
    let target = target();
    for entry in &target.profile().ops {
        let op = table::find(&entry.name).unwrap_or_else(|| panic!("{}", entry.name));
        let mut seen: BTreeSet<(String, DType)> = BTreeSet::new();
        for sample in op.samples {
            for variant in variants(&target, op, sample) {
                let facts = Facts::of(op, &variant);
                let node = facts.view(op, &variant, &|_| false);
                if target.supports(&node).is_yes() {
                    for name in entry.dtypes.keys() {
                        seen.extend(node.facts(name).iter().map(|fact| (name.clone(), fact.dtype)));
                    }
                }
            }
        }
        for (name, dtypes) in &entry.dtypes {
            for &dtype in dtypes {
                assert!(seen.contains(&(name.clone(), dtype)), "{}: no sample has `{name}` in {dtype}", op.name);
            }
        }
    }
}

#[test]
fn what_has_no_kernel_is_refused_with_a_reason() {
    let target = target();
    let refused = |op: &str, operands: &[&str], attrs: &[&str]| {
        let op = table::find(op).unwrap();
        let symbols = m4c_ops::Symbols::default();
        let facts: Vec<Fact> = operands.iter().map(|text| Fact::parse(text, &symbols).unwrap()).collect();
        let attrs = op.parse_attrs(attrs, &symbols).unwrap();
        let known: Vec<Option<&Fact>> = facts.iter().map(Some).collect();
        let result = op.infer(&known, &attrs, &symbols, &mut Vec::new()).unwrap();
        let view = |fact| Some(OperandView { fact, constant: false });
        let operands = facts.iter().map(view).collect();
        match target.supports(&NodeView { op, attrs: &attrs, operands, result: &result }) {
            Verdict::No { reason } => reason,
            other => panic!("{}: {other:?}", op.name),
        }
    };
    assert!(refused("add", &["i4[2]", "i4[2]"], &[]).contains("`a` is i4"));
    assert!(refused("transpose", &["i4[2, 2]"], &["perm = [1, 0]"]).contains("no address"));
    assert!(refused("matmul", &["i64[2, 2]", "i64[2, 2]"], &[]).contains("i64"));
    let flat = refused("layer_norm", &["f32[2, 3]", "f32[1]", "f32[3]", "f32[]"], &["axis = 1"]);
    assert!(flat.contains("`scale` has the sizes of `x` from axis"), "{flat}");
    let deep = refused("exp", &["f32[1, 1, 1, 1, 1, 1, 1, 1, 1]"], &[]);
    assert!(deep.contains("9 axes"), "{deep}");
}

#[test]
fn weights_are_packed_only_where_they_are_known() {
    let target = target();
    let op = table::find("matmul").unwrap();
    let variant = op.samples[0].read(op).unwrap();
    let facts = Facts::of(op, &variant);
    let kernel = |constant: bool| match target.lower(&facts.view(op, &variant, &|_| constant)) {
        Ok(Lowered::Step(step)) => step.kernel,
        other => panic!("{other:?}"),
    };
    assert_eq!((kernel(true), kernel(false)), ("matmul_packed_f32".into(), "matmul_f32".into()));
    let fact = Fact::new(DType::F32, [1usize, 1]);
    let weight = Weight { fact: &fact, bytes: &[0; 4] };
    assert!(target.pack("no_such_layout", weight, &mut Vec::new()).is_err());
}

/// The facts of a sample.
struct Facts {
    operands: Vec<Option<Fact>>,
    result: Fact,
}

impl Facts {
    fn of(op: &'static Op, sample: &ReadSample) -> Facts {
        let operands: Vec<Option<Fact>> =
            sample.operands.iter().map(|tensor| tensor.as_ref().map(Tensor::fact)).collect();
        let known: Vec<Option<&Fact>> = operands.iter().map(Option::as_ref).collect();
        let symbols = m4c_ops::Symbols::default();
        let result = op.infer(&known, &sample.attrs, &symbols, &mut Vec::new());
        Facts { operands, result: result.unwrap_or_else(|error| panic!("{error}")) }
    }

    fn view<'a>(&'a self, op: &'static Op, sample: &'a ReadSample, constant: &dyn Fn(usize) -> bool) -> NodeView<'a> {
        let operands = self.operands.iter().enumerate();
        let view = |(index, fact): (usize, &'a Option<Fact>)| {
            fact.as_ref().map(|fact| OperandView { fact, constant: constant(index) })
        };
        NodeView { op, attrs: &sample.attrs, operands: operands.map(view).collect(), result: &self.result }
    }
}

/// The sample as it is written, and with each type variable and each type attribute in each type that the target claims.
fn variants(target: &CpuTarget, op: &'static Op, sample: &Sample) -> Vec<ReadSample> {
    let read = || sample.read(op).unwrap_or_else(|error| panic!("{}: {error}", op.name));
    let mut variants = vec![read()];
    let Some(entry) = target.profile().op(op.name) else { return variants };
    let dtypes: BTreeSet<DType> = entry.dtypes.values().flatten().copied().collect();
    for var in op.types {
        for &dtype in dtypes.iter().filter(|dtype| var.dtypes.contains(dtype)) {
            let mut variant = read();
            for (index, operand) in variant.operands.iter_mut().enumerate() {
                let spec = &op.operands[index.min(op.operands.len() - 1)];
                if spec.ty == var.name {
                    *operand = operand.as_ref().map(|tensor| in_type(tensor, dtype));
                }
            }
            variants.push(variant);
        }
    }
    let Some(to) = op.attrs.iter().find(|attr| attr.kind == AttrKind::DType) else { return variants };
    let with_type = |variant: &ReadSample, dtype: DType| {
        let mut attrs = Attrs::none();
        for (name, value) in variant.attrs.iter() {
            attrs = attrs.with(name, if name == to.name { Attr::DType(dtype) } else { value.clone() });
        }
        ReadSample { operands: variant.operands.clone(), attrs, result: variant.result.clone() }
    };
    let each = variants.iter().flat_map(|variant| dtypes.iter().map(|&dtype| with_type(variant, dtype)));
    let each: Vec<ReadSample> = each.collect();
    variants.extend(each);
    variants.retain(|variant| is_applicable(op, variant));
    variants
}

/// Whether the operator takes the types; another type of an operand may exclude that of the result.
fn is_applicable(op: &'static Op, sample: &ReadSample) -> bool {
    let facts: Vec<Option<Fact>> = sample.operands.iter().map(|tensor| tensor.as_ref().map(Tensor::fact)).collect();
    let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
    op.infer(&facts, &sample.attrs, &m4c_ops::Symbols::default(), &mut Vec::new()).is_ok()
}

fn in_type(tensor: &Tensor, dtype: DType) -> Tensor {
    let values = tensor.as_f64s().expect("samples are numbers");
    let data = Data::from_f64(dtype, values.into_iter());
    Tensor::new(tensor.shape().to_vec(), data).expect("as many elements")
}

/// Runs a sample by kernel, with operands known when compiling and not, where the target takes it.
fn conforms(target: &CpuTarget, op: &'static Op, sample: &ReadSample, place: &str) -> bool {
    let facts = Facts::of(op, sample);
    let mut taken = false;
    for known in [false, true] {
        let node = facts.view(op, sample, &|_| known);
        let place = format!("{place}: {node}");
        if !target.supports(&node).is_yes() {
            continue;
        }
        taken = true;
        let tensors: Vec<Option<&Tensor>> = sample.operands.iter().map(Option::as_ref).collect();
        let expected = op.eval(&tensors, &sample.attrs).unwrap_or_else(|error| panic!("{place}: {error}"));
        let lowered = target.lower(&node).unwrap_or_else(|error| panic!("{place}: {error}"));
        let result = match lowered {
            Lowered::View { operand } => {
                let tensor = sample.operands[operand].as_ref().expect("present");
                let bytes = tensor.to_bytes().expect("numbers");
                Tensor::from_bytes(facts.result.dtype, facts.result.sizes().expect("numbers"), &bytes)
                    .unwrap_or_else(|| panic!("{place}: a view of another size"))
            }
            Lowered::Step(step) => run(target, &step, sample, &facts, &place),
        };
        let (y, r) = (result.as_f64s().expect("numbers"), expected.as_f64s().expect("numbers"));
        let difference = Difference::between(&y, &r);
        assert!(difference.within(op.numerics.tolerance(facts.result.dtype)), "{place}: {result} is not {expected}");
    }
    taken
}

fn run(target: &CpuTarget, step: &Step, sample: &ReadSample, facts: &Facts, place: &str) -> Tensor {
    let kernel = CPU.kernel(&step.kernel).unwrap_or_else(|| panic!("{place}: no kernel {}", step.kernel));
    let mut shapes: Vec<Option<Shape>> = Vec::new();
    let mut memory: Vec<Aligned> = Vec::new();
    for operand in &step.operands {
        let (index, layout) = match operand {
            StepOperand::Absent => (None, None),
            StepOperand::Plain(index) => (Some(*index), None),
            StepOperand::Packed { operand, layout } => (Some(*operand), Some(*layout)),
        };
        let tensor = index.and_then(|index| sample.operands[index].as_ref());
        let mut bytes = tensor.map_or(Vec::new(), |tensor| tensor.to_bytes().expect("numbers"));
        if let (Some(layout), Some(tensor)) = (layout, tensor) {
            let mut packed = Vec::new();
            let weight = Weight { fact: &tensor.fact(), bytes: &bytes };
            target.pack(layout, weight, &mut packed).unwrap_or_else(|error| panic!("{place}: {error}"));
            bytes = packed;
        }
        shapes.push(tensor.map(|tensor| shape(&tensor.fact(), bytes.len())));
        memory.push(Aligned::new(&bytes));
    }
    let sizes = facts.result.sizes().expect("numbers");
    let len = facts.result.dtype.bytes(sizes.iter().product()).expect("small");
    let results = [shape(&facts.result, len)];
    let params: Vec<i64> = step.params.iter().map(|param| param.as_i64().expect("numbers")).collect();
    let step = StepShape { operands: &shapes, results: &results, params: &params };
    kernel.check(&step).unwrap_or_else(|code| panic!("{place}: the kernel refuses {step:?}: {code:?}"));
    let mut scratch = Aligned::new(&vec![0xa5; kernel.scratch(&step, 1)]);
    let mut out = Aligned::new(&vec![0xa5; len]);
    let operands: Vec<&[u8]> = memory.iter().map(Aligned::bytes).collect();
    let data = StepData { operands: &operands, results: &mut [out.bytes_mut()], scratch: scratch.bytes_mut() };
    kernel.run(&step, data, &SingleThread).unwrap_or_else(|code| panic!("{place}: {code:?}"));
    Tensor::from_bytes(facts.result.dtype, sizes, out.bytes()).expect("as many bytes")
}

fn shape(fact: &Fact, bytes: usize) -> Shape {
    let dtype = match fact.dtype {
        DType::Bool => m4c_runtime::DType::Bool,
        DType::I4 => m4c_runtime::DType::I4,
        DType::U4 => m4c_runtime::DType::U4,
        DType::I8 => m4c_runtime::DType::I8,
        DType::U8 => m4c_runtime::DType::U8,
        DType::I16 => m4c_runtime::DType::I16,
        DType::I32 => m4c_runtime::DType::I32,
        DType::I64 => m4c_runtime::DType::I64,
        DType::F16 => m4c_runtime::DType::F16,
        DType::BF16 => m4c_runtime::DType::Bf16,
        DType::F32 => m4c_runtime::DType::F32,
    };
    let dims = Dims::new(&fact.sizes().expect("numbers")).expect("at most eight axes");
    Shape { dtype, dims, bytes }
}

/// Bytes at an address that is good for every type.
struct Aligned {
    blocks: Vec<[u8; 64]>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn new(bytes: &[u8]) -> Aligned {
        let mut blocks = vec![[0u8; 64]; bytes.len() / 64 + 2];
        let start = blocks.as_ptr().addr().wrapping_neg() % 64;
        blocks.as_flattened_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        Aligned { blocks, start, len: bytes.len() }
    }

    fn bytes(&self) -> &[u8] {
        &self.blocks.as_flattened()[self.start..self.start + self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.blocks.as_flattened_mut()[self.start..self.start + self.len]
    }
}
