//! The rules that a description must keep beside being a FlatBuffer.

use alloc::collections::BTreeSet;

use crate::artifact::{Constant, Segment};
use crate::description::Place;
use crate::error::Error;
use crate::expression;
use crate::header::{HEADER_SIZE, Header};
use crate::program::{Port, Program, Tensor};
use crate::{CONSTANT_ALIGNMENT, SEGMENT_ALIGNMENT, liveness};

type Checked = Result<(), Error>;

/// Segments are aligned, inside the file, and apart from header, description and each other.
pub(crate) fn segments(segments: &[Segment], header: &Header) -> Checked {
    let mut ranges = alloc::vec::Vec::with_capacity(segments.len());
    let description_end = header.description_offset.saturating_add(header.description_length);
    for segment in segments {
        let end = segment.offset.checked_add(segment.length).filter(|&end| end <= header.file_length);
        let end = end.ok_or(Error::malformed("a segment lies outside the file"))?;
        require(segment.offset.is_multiple_of(SEGMENT_ALIGNMENT), "a segment is not aligned")?;
        require(segment.offset >= HEADER_SIZE as u64, "a segment overlaps the header")?;
        let apart = end <= header.description_offset || segment.offset >= description_end;
        require(apart || segment.length == 0, "a segment overlaps the description")?;
        ranges.push(segment.offset..end);
    }
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    require(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "two segments overlap")
}

/// Constants lie inside their segments, aligned, and plain ones are as long as their sizes say.
pub(crate) fn constants(constants: &[Constant], segments: &[Segment]) -> Checked {
    for constant in constants {
        let segment = segments.get(constant.segment as usize);
        let segment = segment.ok_or(Error::malformed("a constant names a segment that does not exist"))?;
        let end = constant.offset.checked_add(constant.length);
        require(end.is_some_and(|end| end <= segment.length), "a constant lies outside its segment")?;
        require(constant.offset.is_multiple_of(CONSTANT_ALIGNMENT), "a constant is not aligned")?;
        let elements = constant.dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        let bytes = elements.and_then(|elements| constant.dtype.byte_len(elements));
        let plain = constant.layout.is_empty();
        require(bytes.is_some(), "the sizes of a constant overflow")?;
        require(!plain || bytes == Some(constant.length), "the length of a constant does not fit its sizes")?;
    }
    Ok(())
}

/// No two programs have the same name.
pub(crate) fn program_names(programs: &[Program]) -> Checked {
    unique(programs.iter().map(|program| program.name()), "two programs have the same name")
}

/// Every index of a program is in range and every tensor is where it says.
pub(crate) fn program(program: &Program, constants: &[Constant]) -> Checked {
    symbols(program)?;
    for expr in 0..program.expr_count() {
        expression::check(program.expr(expr as u32), program.symbols.len())?;
    }
    for guard in &program.guards {
        require(is_expr(program, guard.left) && is_expr(program, guard.right), "a guard names no expression")?;
    }
    let states = &program.states;
    ports(program, program.inputs.iter().chain(states.iter().filter_map(|used| used.read.as_ref())))?;
    ports(program, program.outputs.iter().chain(states.iter().filter_map(|used| used.write.as_ref())))?;
    for step in &program.steps {
        require((step.kernel as usize) < program.kernels.len(), "a step names no kernel")?;
        let named = program.nodes.is_empty() || (step.node as usize) < program.nodes.len();
        require(named, "a step names a node that does not exist")?;
    }
    require(program.params.iter().all(|&expr| is_expr(program, expr)), "a parameter names no expression")?;
    for operand in &program.operands {
        tensor(program, operand, constants)?;
    }
    for result in &program.results {
        let written = matches!(result.place, Place::Buffer | Place::Output | Place::NextState);
        require(written, "a result is not in a buffer, output or state")?;
        tensor(program, result, constants)?;
    }
    liveness::check(program)
}

fn symbols(program: &Program) -> Checked {
    for symbol in &program.symbols {
        let sound = 0 <= symbol.low && symbol.low <= symbol.high && symbol.step >= 1;
        require(sound, "the range of a symbol is empty or negative")?;
    }
    unique(program.symbols.iter().map(|symbol| &*symbol.name), "two symbols have the same name")
}

/// Inputs and what states stand for, or outputs and what states stand for.
fn ports<'p>(program: &Program, ports: impl Iterator<Item = &'p Port> + Clone) -> Checked {
    let known = ports.clone().flat_map(|port| port.dims.iter()).all(|&expr| is_expr(program, expr));
    require(known, "a port names no expression")?;
    let sound = ports.clone().all(|port| port.tolerance.is_finite() && port.tolerance >= 0.0);
    require(sound, "a tolerance is negative or no number")?;
    unique(ports.map(|port| &*port.name), "two ports have the same name")
}

fn tensor(program: &Program, tensor: &Tensor, constants: &[Constant]) -> Checked {
    require(tensor.dims.iter().all(|&expr| is_expr(program, expr)), "a tensor names no expression")?;
    let index = tensor.index as usize;
    match tensor.place {
        Place::Absent => Ok(()),
        Place::Buffer => require(index < program.buffers.len(), "a tensor names no buffer"),
        Place::Input => in_port(tensor, program.inputs.get(index)),
        Place::Output => in_port(tensor, program.outputs.get(index)),
        Place::State => in_port(tensor, program.states.get(index).and_then(|used| used.read.as_ref())),
        Place::NextState => in_port(tensor, program.states.get(index).and_then(|used| used.write.as_ref())),
        Place::Constant => {
            let constant = constants.get(index).ok_or(Error::malformed("a tensor names no constant"))?;
            require(tensor.dtype == constant.dtype, "an operand has another type than its constant")?;
            let sizes = tensor.dims.iter().map(|&dim| expression::constant(program.expr(dim)));
            let same = sizes.eq(constant.dims.iter().map(|&size| i64::try_from(size).ok()));
            require(tensor.dims.is_empty() || same, "an operand has other sizes than its constant")
        }
    }
}

fn in_port(tensor: &Tensor, port: Option<&Port>) -> Checked {
    let port = port.ok_or(Error::malformed("a tensor names no input, output or state"))?;
    require(tensor.dtype == port.dtype, "a tensor has another type than its input, output or state")
}

pub(crate) fn is_expr(program: &Program, index: u32) -> bool {
    (index as usize) < program.expr_count()
}

pub(crate) fn unique<'a>(names: impl Iterator<Item = &'a str>, rule: &'static str) -> Checked {
    let mut seen = BTreeSet::new();
    for name in names {
        require(seen.insert(name), rule)?;
    }
    Ok(())
}

pub(crate) fn require(holds: bool, rule: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Error::malformed(rule)) }
}
