//! Rewrites what repeats in a graph once: the layers of a model are cut out as one block, rewritten, and put back each with
//! its own weights.
//!
//! Occurrences of a block stand one after the other, and one value goes from each to the next. What else they read comes from
//! before the first: values that all share, or values and constants of their own. Constants that rewriting may look at are
//! the same in all of them. A block is given with the constants of its first occurrence; those of the others take their place
//! afterwards.

mod blocks;
mod join;
mod looks;
mod repeats;
mod rest;

use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use blocks::{Block, blocks};
use join::{Rewritten, join};
use looks::Sequence;
use m4c_ir::{Constant, Graph, NodeKind, ValueId, verify};
use m4c_ops::Fact;
use repeats::repeats;
use rest::Rest;

/// A block that was rewritten once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outlined {
    /// How many nodes it had, without inputs and constants.
    pub nodes: usize,
    /// How often it occurs.
    pub occurrences: usize,
}

/// Rewrites a graph piece by piece: each block that repeats once, and the rest as one more piece, whose number is the
/// last. A graph without repeats is one piece.
///
/// A piece is a graph of its own with the name, symbols, ranges and guards of the whole. What `rewrite` makes of it must have
/// the same inputs and outputs. It may look at the elements of a constant that is in memory, has few elements, or only equal
/// ones: these are the same in all occurrences. Others it may give other sizes, but not take apart.
///
/// # Errors
/// What `rewrite` gives, and where it breaks this contract, which is a bug.
pub fn outlined(
    graph: &Graph,
    rewrite: &mut dyn FnMut(usize, &Graph) -> Result<Graph, Diagnostics>,
) -> Result<(Graph, Vec<Outlined>), Diagnostics> {
    let sequence = Sequence::of(graph);
    let blocks = blocks(graph, &sequence, &repeats(&sequence));
    if blocks.is_empty() {
        return Ok((rewrite(0, graph)?, Vec::new()));
    }
    let rest = Rest::of(graph, &sequence, &blocks);
    let mut made = Vec::with_capacity(blocks.len());
    for (number, block) in blocks.iter().enumerate() {
        made.push(checked(&block.piece, rewrite(number, &block.piece)?)?);
    }
    let rewritten = Rewritten { rest: checked(&rest.piece, rewrite(blocks.len(), &rest.piece)?)?, blocks: made };
    let joined = join(graph, &sequence, &blocks, &rest, &rewritten)
        .ok_or_else(|| bug("the pieces of a graph could not be put together"))?;
    let broken = verify::verify(&joined);
    if !broken.is_empty() {
        let start = bug("the pieces of a graph made one that is not well formed");
        return Err(broken.iter().fold(start, |all, one| all.note(one.to_string())).into());
    }
    let count = |block: &Block| Outlined { nodes: block.nodes, occurrences: block.starts.len() };
    Ok((joined, blocks.iter().map(count).collect()))
}

fn bug(message: &str) -> Diagnostic {
    Diagnostic::bug(codes::VERIFIER, message)
}

/// A rewritten piece, if it has the inputs and outputs that the piece had.
fn checked(piece: &Graph, made: Graph) -> Result<Graph, Diagnostics> {
    fn input(graph: &Graph, value: ValueId) -> (&str, &Fact) {
        (graph.input_name(value), graph.fact(value))
    }
    let (old, new) = (piece.inputs().iter(), made.inputs().iter());
    let mut same = old.len() == new.len() && old.zip(new).all(|(&a, &b)| input(piece, a) == input(&made, b));
    let (old, new) = (piece.outputs().iter(), made.outputs().iter());
    same &= old.len() == new.len()
        && old.zip(new).all(|(a, b)| a.name == b.name && piece.fact(a.value) == made.fact(b.value));
    if same { Ok(made) } else { Err(bug("rewriting changed the inputs or outputs of a piece").into()) }
}

/// The constant that a value is.
fn constant_of(graph: &Graph, value: ValueId) -> Option<&Constant> {
    if let NodeKind::Constant(constant) = &graph.node(value).kind { Some(constant) } else { None }
}

#[cfg(test)]
mod tests;
