//! The description's bytes as tables, without trusting a length or an offset.
//!
//! FlatBuffer offsets may share: a small description could stand for an exponentially large one. Every element read is
//! therefore paid for from a budget of the description's own length, which descriptions without sharing never exceed.

use alloc::string::String;
use alloc::vec::Vec;

use planus::{ReadAsRoot, Vector, VectorRead};

use crate::MAX_RANK;
use crate::artifact::{Constant, Segment};
use crate::description::{Axis, Buffer, ExprStep, Guard, Kernel, NodeName, Provenance, SourceFile, Symbol};
use crate::error::Error;
use crate::generated::m4c::artifact as raw;
use crate::program::{DimList, Port, Program, StepRow, Tensor};
use crate::state::{State, StateUse};

/// All of a description.
pub(crate) struct Decoded {
    pub(crate) programs: Vec<Program>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) constants: Vec<Constant>,
    pub(crate) states: Vec<State>,
    pub(crate) provenance: Provenance,
}

/// Decodes a description whose hash was verified.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, Error> {
    let root = raw::ArtifactRef::read_as_root(bytes).map_err(broken)?;
    let mut budget = Budget { left: bytes.len() };
    let provenance = provenance(&mut budget, root.provenance().map_err(broken)?)?;
    Ok(Decoded {
        programs: budget.tables(root.programs(), program)?,
        segments: budget.tables(root.segments(), segment)?,
        constants: budget.tables(root.constants(), constant)?,
        states: budget.tables(root.states(), state)?,
        provenance,
    })
}

struct Budget {
    left: usize,
}

/// The bytes of a table without fields: its offset in the list and its own offset to a vtable.
const TABLE: usize = 8;

impl Budget {
    fn pay(&mut self, bytes: usize) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or(Error::malformed("the description shares its parts"))?;
        Ok(())
    }

    fn text(&mut self, text: planus::Result<&str>) -> Result<String, Error> {
        let text = text.map_err(broken)?;
        self.pay(text.len())?;
        Ok(text.into())
    }

    fn tables<'a, T, O>(
        &mut self,
        list: planus::Result<Vector<'a, planus::Result<T>>>,
        read: impl Fn(&mut Budget, T) -> Result<O, Error>,
    ) -> Result<Vec<O>, Error>
    where
        planus::Result<T>: VectorRead<'a>,
    {
        let list = list.map_err(broken)?;
        self.pay(list.len().checked_mul(TABLE).ok_or(Error::malformed("a list is too long"))?)?;
        list.iter().map(|item| read(self, item.map_err(broken)?)).collect()
    }

    fn numbers<'a, T: VectorRead<'a>>(&mut self, list: planus::Result<Vector<'a, T>>) -> Result<Vector<'a, T>, Error> {
        let list = list.map_err(broken)?;
        self.pay(list.len().checked_mul(T::STRIDE).ok_or(Error::malformed("a list is too long"))?)?;
        Ok(list)
    }

    fn dims<'a>(&mut self, list: planus::Result<Vector<'a, u32>>) -> Result<DimList, Error> {
        let list = self.numbers(list)?;
        let mut dims = DimList { rank: rank(list.len())?, ..DimList::default() };
        dims.exprs.iter_mut().zip(list.iter()).for_each(|(slot, expr)| *slot = expr);
        Ok(dims)
    }
}

fn rank(len: usize) -> Result<u8, Error> {
    u8::try_from(len).ok().filter(|_| len <= MAX_RANK).ok_or(Error::malformed("a tensor has too many dimensions"))
}

fn broken(_: planus::Error) -> Error {
    Error::malformed("the description is not a valid FlatBuffer")
}

fn unknown(_: planus::errors::UnknownEnumTag) -> Error {
    Error::malformed("an expression has an unknown operation")
}

fn program(budget: &mut Budget, from: raw::ProgramRef<'_>) -> Result<Program, Error> {
    let mut program = Program {
        name: budget.text(from.name())?,
        symbols: budget.tables(from.symbols(), symbol)?,
        guards: budget.tables(from.guards(), guard)?,
        inputs: budget.tables(from.inputs(), port)?,
        outputs: budget.tables(from.outputs(), port)?,
        buffers: budget.tables(from.buffers(), buffer)?,
        kernels: budget.tables(from.kernels(), kernel)?,
        nodes: budget.tables(from.nodes(), node)?,
        states: budget.tables(from.states(), state_use)?,
        ..Program::default()
    };
    for expr in budget.tables(from.exprs(), |budget, expr| budget.numbers(expr.steps()))? {
        for step in expr.iter() {
            program.expr_steps.push(ExprStep { arg: step.arg(), op: step.op().map_err(unknown)? });
        }
        program.expr_ends.push(index(program.expr_steps.len())?);
    }
    for step in budget.tables(from.steps(), |_, step| Ok(step))? {
        let starts = (program.operands.len(), program.results.len(), program.params.len());
        program.operands.extend(budget.tables(step.operands(), tensor)?);
        program.results.extend(budget.tables(step.results(), tensor)?);
        program.params.extend(budget.numbers(step.params())?.iter());
        program.steps.push(StepRow {
            kernel: step.kernel().map_err(broken)?,
            node: step.node().map_err(broken)?,
            operands: starts.0..program.operands.len(),
            results: starts.1..program.results.len(),
            params: starts.2..program.params.len(),
        });
    }
    Ok(program)
}

fn index(len: usize) -> Result<u32, Error> {
    u32::try_from(len).map_err(|_| Error::malformed("a list is too long"))
}

fn symbol(budget: &mut Budget, from: raw::SymbolRef<'_>) -> Result<Symbol, Error> {
    Ok(Symbol {
        name: budget.text(from.name())?,
        low: from.low().map_err(broken)?,
        high: from.high().map_err(broken)?,
        step: from.step().map_err(broken)?,
    })
}

fn guard(budget: &mut Budget, from: raw::GuardRef<'_>) -> Result<Guard, Error> {
    Ok(Guard {
        kind: from.kind().map_err(broken)?,
        left: from.left().map_err(broken)?,
        right: from.right().map_err(broken)?,
        text: budget.text(from.text())?,
    })
}

fn port(budget: &mut Budget, from: raw::PortRef<'_>) -> Result<Port, Error> {
    Ok(Port {
        name: budget.text(from.name())?,
        dtype: from.dtype().map_err(broken)?,
        dims: budget.dims(from.dims())?,
        tolerance: from.tolerance().map_err(broken)?,
    })
}

fn buffer(_: &mut Budget, from: raw::BufferRef<'_>) -> Result<Buffer, Error> {
    Ok(Buffer {
        bytes: from.bytes().map_err(broken)?,
        first: from.first().map_err(broken)?,
        last: from.last().map_err(broken)?,
    })
}

fn kernel(budget: &mut Budget, from: raw::KernelRef<'_>) -> Result<Kernel, Error> {
    Ok(Kernel { executor: budget.text(from.executor())?, name: budget.text(from.name())? })
}

fn node(budget: &mut Budget, from: raw::NodeNameRef<'_>) -> Result<NodeName, Error> {
    Ok(NodeName { op: budget.text(from.op())?, scope: budget.text(from.scope())? })
}

fn tensor(budget: &mut Budget, from: raw::OperandRef<'_>) -> Result<Tensor, Error> {
    Ok(Tensor {
        place: from.place().map_err(broken)?,
        index: from.index().map_err(broken)?,
        dtype: from.dtype().map_err(broken)?,
        dims: budget.dims(from.dims())?,
    })
}

fn state(budget: &mut Budget, from: raw::StateRef<'_>) -> Result<State, Error> {
    Ok(State {
        name: budget.text(from.name())?,
        kind: from.kind().map_err(broken)?,
        dtype: from.dtype().map_err(broken)?,
        axes: budget.tables(from.axes(), |budget, axis| {
            Ok(Axis { name: budget.text(axis.name())?, size: axis.size().map_err(broken)? })
        })?,
        axis: from.axis().map_err(broken)?,
    })
}

fn state_use(budget: &mut Budget, from: raw::StateUseRef<'_>) -> Result<StateUse, Error> {
    let mut optional = |from: planus::Result<Option<raw::PortRef<'_>>>| {
        let from = from.map_err(broken)?;
        budget.pay(TABLE)?;
        from.map(|from| port(budget, from)).transpose()
    };
    let (read, write) = (optional(from.read())?, optional(from.write())?);
    Ok(StateUse { state: from.state().map_err(broken)?, read, write })
}

fn segment(_: &mut Budget, from: raw::SegmentRef<'_>) -> Result<Segment, Error> {
    let hash = from.hash().map_err(broken)?;
    let hash = raw::Digest { w0: hash.w0(), w1: hash.w1(), w2: hash.w2(), w3: hash.w3() };
    Ok(Segment { offset: from.offset().map_err(broken)?, length: from.length().map_err(broken)?, hash: hash.into() })
}

fn constant(budget: &mut Budget, from: raw::ConstantRef<'_>) -> Result<Constant, Error> {
    let dims = budget.numbers(from.dims())?;
    Ok(Constant {
        segment: from.segment().map_err(broken)?,
        offset: from.offset().map_err(broken)?,
        length: from.length().map_err(broken)?,
        dtype: from.dtype().map_err(broken)?,
        dims: dims.iter().take(usize::from(rank(dims.len())?)).collect(),
        layout: budget.text(from.layout())?,
    })
}

fn provenance(budget: &mut Budget, from: raw::ProvenanceRef<'_>) -> Result<Provenance, Error> {
    let flags = from.flags().map_err(broken)?;
    budget.pay(flags.len().checked_mul(TABLE).ok_or(Error::malformed("a list is too long"))?)?;
    Ok(Provenance {
        compiler: budget.text(from.compiler())?,
        sources: budget.tables(from.sources(), |budget, source| {
            let digest = source.digest().map_err(broken)?;
            let digest = raw::Digest { w0: digest.w0(), w1: digest.w1(), w2: digest.w2(), w3: digest.w3() };
            Ok(SourceFile { name: budget.text(source.name())?, digest })
        })?,
        flags: flags.iter().map(|flag| budget.text(flag)).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use alloc::vec;
    use planus::{Builder, Offset};

    /// Lists of lists that all are the same list: 300 × 300 × 300 operands in a few kilobytes.
    #[test]
    fn shared_parts_are_refused_before_they_grow() {
        let mut builder = Builder::new();
        let operand: Offset<raw::Operand> = planus::WriteAsOffset::prepare(&raw::Operand::default(), &mut builder);
        let operands = builder.create_vector(vec![operand; 300]);
        let no = Vec::<raw::Operand>::new;
        let step = raw::Step::create(&mut builder, 0u32, operands, no(), Vec::<u32>::new(), 0u32);
        let steps = builder.create_vector(vec![step; 300]);
        let program = raw::Program::create(
            &mut builder,
            "p",
            Vec::<raw::Symbol>::new(),
            Vec::<raw::Expr>::new(),
            Vec::<raw::Guard>::new(),
            Vec::<raw::Port>::new(),
            Vec::<raw::Port>::new(),
            Vec::<raw::Buffer>::new(),
            Vec::<raw::Kernel>::new(),
            steps,
            Vec::<raw::NodeName>::new(),
            Vec::<raw::StateUse>::new(),
        );
        let programs = builder.create_vector(vec![program; 300]);
        let provenance = raw::Provenance { compiler: "c".into(), ..raw::Provenance::default() };
        let (segments, constants) = (Vec::<raw::Segment>::new(), Vec::<raw::Constant>::new());
        let states = Vec::<raw::State>::new();
        let root = raw::Artifact::create(&mut builder, programs, segments, constants, provenance, states);
        let bytes = builder.finish(root, None).to_vec();
        let error = decode(&bytes).err().expect("refused");
        assert_eq!((error.code, error.detail), (Code::Malformed, "the description shares its parts"));
    }

    /// Changes every byte of a sound description: it decodes to something, or is refused.
    #[test]
    fn damaged_descriptions_never_panic() {
        let tensor = |index| raw::Operand { index, dims: vec![0, 1], ..raw::Operand::default() };
        let step = raw::Step { operands: vec![tensor(0); 2], results: vec![tensor(1)], ..raw::Step::default() };
        let symbol = raw::Symbol { name: "n".into(), low: 0, high: 9, step: 1 };
        let expr = raw::Expr { steps: vec![ExprStep { arg: 3, op: raw::ExprOp::Const }] };
        let program = raw::Program {
            name: "p".into(),
            steps: vec![step],
            states: vec![raw::StateUse { state: 0, read: Some(Default::default()), write: None }],
            symbols: vec![symbol],
            exprs: vec![expr],
            ..raw::Program::default()
        };
        let provenance = raw::Provenance { compiler: "c".into(), flags: vec!["-f".into()], sources: vec![] };
        let provenance = alloc::boxed::Box::new(provenance);
        let axes = vec![raw::Axis { name: "rows".into(), size: 9 }];
        let state = raw::State { name: "s".into(), axes, ..raw::State::default() };
        let artifact =
            raw::Artifact { programs: vec![program], provenance, states: vec![state], ..raw::Artifact::default() };
        let mut bytes = Builder::new().finish(&artifact, None).to_vec();
        assert!(decode(&bytes).is_ok());
        let mut refused = 0;
        for at in 0..bytes.len() {
            let sound = bytes[at];
            for value in 0..=255 {
                bytes[at] = value;
                refused += u32::from(decode(&bytes).is_err());
            }
            bytes[at] = sound;
        }
        assert!(refused > 1000);
    }
}
