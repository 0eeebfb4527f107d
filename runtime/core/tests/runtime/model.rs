//! Small artifacts, built as the compiler builds them.

use std::io::Cursor;

use m4c_format::description::{
    Axis, Buffer, Guard, Kernel, NodeName, Operand, Port, Program, Provenance, SourceFile, State, StateUse, Step,
    Symbol,
};
use m4c_format::{ConstantSpec, DType, ExprBuilder, GuardKind, Place, StateKind, Writer};

/// A program under construction, with the names that the tests use most.
pub(crate) struct Build {
    pub(crate) exprs: ExprBuilder,
    pub(crate) program: Program,
}

impl Build {
    pub(crate) fn new(name: &str) -> Build {
        let program = Program { name: name.into(), ..Program::default() };
        Build { exprs: ExprBuilder::new(), program }
    }

    pub(crate) fn symbol(&mut self, name: &str, low: i64, high: i64, step: i64) -> u32 {
        self.program.symbols.push(Symbol { name: name.into(), low, high, step });
        self.exprs.symbol(self.program.symbols.len() as u32 - 1)
    }

    pub(crate) fn input(&mut self, name: &str, dtype: DType, dims: &[u32]) -> Operand {
        self.program.inputs.push(Port { name: name.into(), dtype, dims: dims.to_vec(), tolerance: 0.0 });
        Operand::new(Place::Input, self.program.inputs.len() as u32 - 1, dtype, dims)
    }

    pub(crate) fn output(&mut self, name: &str, dims: &[u32]) -> Operand {
        self.program.outputs.push(Port { name: name.into(), dtype: DType::F32, dims: dims.to_vec(), tolerance: 0.0 });
        Operand::new(Place::Output, self.program.outputs.len() as u32 - 1, DType::F32, dims)
    }

    /// A buffer of 4-byte elements.
    pub(crate) fn buffer(&mut self, dims: &[u32], first: u32, last: u32) -> Operand {
        let four = self.exprs.constant(4);
        let bytes = dims.iter().fold(four, |product, &dim| self.exprs.mul(product, dim));
        self.program.buffers.push(Buffer { bytes, first, last });
        Operand::new(Place::Buffer, self.program.buffers.len() as u32 - 1, DType::F32, dims)
    }

    /// Reads or writes a state, or both: the ports that it stands for, with their sizes as callers see them.
    pub(crate) fn state(&mut self, state: u32, read: Option<(&str, &[u32])>, write: Option<(&str, &[u32])>) -> u32 {
        let port = |(name, dims): (&str, &[u32])| {
            Box::new(Port { name: name.into(), dtype: DType::F32, dims: dims.to_vec(), tolerance: 0.0 })
        };
        self.program.states.push(StateUse { state, read: read.map(port), write: write.map(port) });
        self.program.states.len() as u32 - 1
    }

    pub(crate) fn guard(&mut self, kind: GuardKind, left: u32, right: u32, text: &str) {
        self.program.guards.push(Guard { kind, left, right, text: text.into() });
    }

    pub(crate) fn step(&mut self, kernel: &str, operands: &[Operand], results: &[Operand]) {
        let known = self.program.kernels.iter().position(|known| known.name == kernel);
        let kernel = known.unwrap_or_else(|| {
            self.program.kernels.push(Kernel { executor: "test".into(), name: kernel.into() });
            self.program.kernels.len() - 1
        });
        let node = self.program.nodes.len() as u32;
        self.program.nodes.push(NodeName { op: "Op".into(), scope: format!("layer.{node}") });
        let (operands, results) = (operands.to_vec(), results.to_vec());
        self.program.steps.push(Step { kernel: kernel as u32, operands, results, params: vec![], node });
    }

    pub(crate) fn finish(self) -> Program {
        Program { exprs: self.exprs.finish(), ..self.program }
    }
}

/// `y = concat(double(x + x), w)` over a symbolic number of rows of 3, where `w` has 2 rows.
pub(crate) fn sample_program(weight: u32) -> Program {
    let mut build = Build::new("main");
    let rows = build.symbol("rows", 0, i64::MAX, 1);
    let (three, two) = (build.exprs.constant(3), build.exprs.constant(2));
    let longer = build.exprs.add(rows, two);
    let x = build.input("x", DType::F32, &[rows, three]);
    let y = build.output("y", &[longer, three]);
    let sum = build.buffer(&[rows, three], 0, 1);
    let doubled = build.buffer(&[rows, three], 1, 2);
    let w = Operand::new(Place::Constant, weight, DType::F32, &[]);
    build.step("add", &[x.clone(), x], std::slice::from_ref(&sum));
    build.step("double", &[sum], std::slice::from_ref(&doubled));
    build.step("concat", &[doubled, w], &[y]);
    build.finish()
}

/// A second program beside the sample: `z = a + a` with fixed sizes.
pub(crate) fn second_program() -> Program {
    let mut build = Build::new("second");
    let two = build.exprs.constant(2);
    let a = build.input("a", DType::F32, &[two]);
    let z = build.output("z", &[two]);
    build.step("add", &[a.clone(), a], &[z]);
    build.finish()
}

pub(crate) fn provenance() -> Provenance {
    let sources = vec![SourceFile { name: "model.onnx".into(), digest: [7; 32].into() }];
    Provenance { compiler: "m4c test".into(), sources, flags: vec!["--dim rows=1..8".into()] }
}

/// Rows of `batch` × 2 are kept along the middle axis of `kv`; `sum` is carried.
pub(crate) fn sample_states() -> Vec<State> {
    let axis = |name: &str, size| Axis { name: name.into(), size };
    let kv = vec![axis("batch", i64::MAX), axis("kv", 100), axis("", 2)];
    let state = |name: &str, kind, axes, axis| State { name: name.into(), kind, dtype: DType::F32, axes, axis };
    vec![state("kv", StateKind::Append, kv, 1), state("sum", StateKind::Carry, vec![axis("", 2)], 0)]
}

/// Writes `double(x)` as the rows of `kv`, and `double(b)` as `sum`.
pub(crate) fn first_program() -> Program {
    let mut build = Build::new("first");
    let (batch, rows) = (build.symbol("batch", 1, i64::MAX, 1), build.symbol("rows", 0, i64::MAX, 1));
    let two = build.exprs.constant(2);
    let x = build.input("x", DType::F32, &[rows, batch, two]);
    let b = build.input("b", DType::F32, &[two]);
    let kv = build.state(0, None, Some(("present", &[batch, rows, two])));
    let sum = build.state(1, None, Some(("sum.out", &[two])));
    build.step("double", &[x], &[Operand::new(Place::NextState, kv, DType::F32, &[rows, batch, two])]);
    build.step("double", &[b], &[Operand::new(Place::NextState, sum, DType::F32, &[two])]);
    build.finish()
}

/// Adds the row `double(x)` to `kv` and `b` to `sum`, and gives all rows doubled and what `sum` was, doubled.
pub(crate) fn next_program() -> Program {
    let mut build = Build::new("next");
    let (batch, past) = (build.symbol("batch", 1, i64::MAX, 1), build.symbol("past", 0, i64::MAX, 1));
    let (one, two) = (build.exprs.constant(1), build.exprs.constant(2));
    let more = build.exprs.add(past, one);
    let x = build.input("x", DType::F32, &[one, batch, two]);
    let b = build.input("b", DType::F32, &[two]);
    let kv = build.state(0, Some(("past", &[batch, past, two])), Some(("present", &[batch, more, two])));
    let sum = build.state(1, Some(("sum.in", &[two])), Some(("sum.out", &[two])));
    let rows = build.output("rows", &[more, batch, two]);
    let before = build.output("before", &[two]);
    let state = |place, index, dims: &[u32]| Operand::new(place, index, DType::F32, dims);
    build.step("double", &[x], &[state(Place::NextState, kv, &[one, batch, two])]);
    build.step("add", &[state(Place::State, sum, &[two]), b], &[state(Place::NextState, sum, &[two])]);
    build.step("double", &[state(Place::NextState, kv, &[more, batch, two])], &[rows]);
    build.step("double", &[state(Place::State, sum, &[two])], &[before]);
    build.finish()
}

/// An artifact of programs over states.
pub(crate) fn write_states(programs: Vec<Program>, states: Vec<State>) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    writer.set_states(states);
    writer.finish(programs, provenance()).expect("memory can be written").into_inner()
}

pub(crate) fn sample_with_states() -> Vec<u8> {
    write_states(vec![first_program(), next_program()], sample_states())
}

/// An artifact of these programs and one constant of 2 × 3 floats, 1 to 6.
pub(crate) fn write(programs: impl FnOnce(u32) -> Vec<Program>) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    let weight = writer
        .constant(&ConstantSpec::plain(DType::F32, &[2, 3]), &bytes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        .expect("memory can be written");
    writer.finish(programs(weight.0), provenance()).expect("memory can be written").into_inner()
}

pub(crate) fn sample() -> Vec<u8> {
    write(|weight| vec![sample_program(weight), second_program()])
}

pub(crate) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A copy of an artifact at an aligned address, as a mapped file would be.
pub(crate) struct Aligned {
    blocks: Vec<[u8; 64]>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn new(bytes: &[u8]) -> Aligned {
        let mut blocks = vec![[0u8; 64]; bytes.len() / 64 + 2];
        let start = blocks.as_ptr().addr().wrapping_neg() % 64;
        blocks.as_flattened_mut()[start..start + bytes.len()].copy_from_slice(bytes);
        Aligned { blocks, start, len: bytes.len() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.blocks.as_flattened()[self.start..self.start + self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.blocks.as_flattened_mut()[self.start..self.start + self.len]
    }
}
