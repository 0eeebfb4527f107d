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

/// A graph cut into pieces: each block that repeats once, and the rest as one more piece, the last. A graph without repeats
/// is one piece.
///
/// A piece is a graph of its own with the name, symbols, ranges and guards of the whole. What is made of it must have the
/// same inputs and outputs. Whoever rewrites it may look at the elements of a constant that is in memory, has few elements, or
/// only equal ones: these are the same in all occurrences. Others may be given other sizes, but not taken apart.
pub struct Cut {
    graph: Graph,
    sequence: Sequence,
    blocks: Vec<Block>,
    /// None where nothing repeats.
    rest: Option<Rest>,
}

impl Cut {
    /// Finds what repeats.
    pub fn of(graph: &Graph) -> Cut {
        let sequence = Sequence::of(graph);
        let blocks = blocks(graph, &sequence, &repeats(&sequence));
        let rest = (!blocks.is_empty()).then(|| Rest::of(graph, &sequence, &blocks));
        Cut { graph: graph.clone(), sequence, blocks, rest }
    }

    /// The whole graph as one piece, whether or not something repeats.
    pub fn whole(graph: &Graph) -> Cut {
        Cut { graph: graph.clone(), sequence: Sequence::of(graph), blocks: Vec::new(), rest: None }
    }

    /// The pieces, the rest last.
    pub fn pieces(&self) -> impl Iterator<Item = &Graph> {
        let rest = self.rest.as_ref().map_or(&self.graph, |rest| &rest.piece);
        self.blocks.iter().map(|block| &block.piece).chain([rest])
    }

    /// Whether an input or output of a piece is one of the graph, not what pieces pass to each other.
    pub fn is_of_the_graph(&self, name: &str) -> bool {
        let mut inputs = self.graph.inputs().iter();
        inputs.any(|&input| self.graph.input_name(input) == name)
            || self.graph.outputs().iter().any(|output| output.name == name)
    }

    /// What repeats.
    pub fn blocks(&self) -> impl Iterator<Item = Outlined> {
        self.blocks.iter().map(|block| Outlined { nodes: block.nodes, occurrences: block.starts.len() })
    }

    /// The graph of what was made of the pieces, in their order.
    ///
    /// # Errors
    /// Where a piece was made into something else than is allowed, which is a bug.
    pub fn join(&self, mut made: Vec<Graph>) -> Result<Graph, Diagnostics> {
        let missing = || bug("a piece of a graph is missing");
        let last = made.pop().ok_or_else(missing)?;
        let Some(rest) = &self.rest else { return Ok(last) };
        let pieces = self.blocks.iter().map(|block| &block.piece).zip(made);
        let made = pieces.map(|(piece, made)| checked(piece, made)).collect::<Result<Vec<_>, _>>()?;
        if made.len() != self.blocks.len() {
            return Err(missing().into());
        }
        let rewritten = Rewritten { rest: checked(&rest.piece, last)?, blocks: made };
        let joined = join(&self.graph, &self.sequence, &self.blocks, rest, &rewritten)
            .ok_or_else(|| bug("the pieces of a graph could not be put together"))?;
        let broken = verify::verify(&joined);
        if broken.is_empty() {
            return Ok(joined);
        }
        let start = bug("the pieces of a graph made one that is not well formed");
        Err(broken.iter().fold(start, |all, one| all.note(one.to_string())).into())
    }
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
