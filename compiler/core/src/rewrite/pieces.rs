//! A graph rewritten piece by piece: blocks that repeat are saturated once, and extracted once for each target.

use super::extract::{Extraction, ExtractionReport, Prices};
use super::rule::ReadRule;
use super::rules::Allowed;
use super::saturate::Saturation;
use super::{Saturated, inside, rules, saturate};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::outline::{Cut, Outlined};
use m4c_ir::{Graph, memory};
use serde::Serialize;

/// A piece of more nodes is left as it is: forms of everything would take more time and memory than they are worth.
const MOST_NODES: usize = 20_000;
/// The memory that a node of an e-graph takes, with what is known of it.
const NODE_BYTES: u64 = 512;

/// All forms of the pieces of a graph.
pub struct Rewriting {
    pub(super) cut: Cut,
    pub(super) pieces: Vec<Piece>,
}

pub(super) enum Piece {
    Forms(Box<Saturated>),
    /// It has so many nodes that it is left as it is.
    Kept(usize),
}

/// What rewriting did.
#[derive(Clone, Debug, Serialize)]
pub struct RewritingReport {
    /// Blocks that repeat, which were rewritten once.
    pub blocks: Vec<BlockReport>,
    /// Nodes of pieces that were left as they are, since they are too large.
    pub kept_nodes: usize,
    /// The sum over all pieces.
    #[serde(flatten)]
    pub saturation: Saturation,
}

/// A block that repeats.
#[derive(Clone, Debug, Serialize)]
pub struct BlockReport {
    /// Its operators.
    pub nodes: usize,
    /// How often it stands in the graph.
    pub occurrences: usize,
}

impl Rewriting {
    /// Saturates a graph, what repeats in it once.
    ///
    /// # Errors
    /// Where a rule is wrong, which is a bug.
    pub fn of(graph: &Graph, allowed: impl Into<Allowed>) -> Result<Rewriting, Diagnostics> {
        Rewriting::of_pieces(Cut::of(graph), allowed)
    }

    /// Saturates the pieces of a graph.
    ///
    /// # Errors
    /// Where a rule is wrong, which is a bug.
    pub fn of_pieces(cut: Cut, allowed: impl Into<Allowed>) -> Result<Rewriting, Diagnostics> {
        let rules: Vec<ReadRule> =
            rules::read(allowed.into()).map_err(|error| Diagnostic::bug(codes::VERIFIER, error))?;
        let mut pieces = Vec::new();
        for piece in cut.pieces() {
            let room = memory::take(saturate::most_nodes(piece.len()) as u64 * NODE_BYTES);
            pieces.push(match room.ok().filter(|_| piece.len() <= MOST_NODES) {
                Some(_room) => Piece::Forms(Box::new(inside(piece, &rules, &piece.guards)?)),
                None => Piece::Kept(piece.len()),
            });
        }
        Ok(Rewriting { cut, pieces })
    }

    /// The graph of the forms that are chosen in some way, and how good the choice is.
    ///
    /// # Errors
    /// Where this way was not built, or the forms make a graph that is not well formed, which is a bug.
    pub fn extract(
        &self,
        prices: &dyn Prices,
        extraction: Extraction,
    ) -> Result<(Graph, ExtractionReport), Diagnostics> {
        let mut report = ExtractionReport::none(extraction);
        let occurrences = self.cut.blocks().map(|block| block.occurrences).chain([1]);
        let mut made = Vec::new();
        for ((whole, piece), occurrences) in self.cut.pieces().zip(&self.pieces).zip(occurrences) {
            made.push(match piece {
                Piece::Forms(forms) => {
                    let (graph, own) = forms.extract_by(prices, extraction)?;
                    report.add(&own, occurrences);
                    graph
                }
                Piece::Kept(_) => whole.clone(),
            });
        }
        Ok((self.cut.join(made)?, report))
    }

    /// A warning where pieces were left as they are.
    pub fn too_large(&self, program: &str) -> Option<Diagnostic> {
        let kept = |piece: &Piece| if let Piece::Kept(nodes) = piece { Some(*nodes) } else { None };
        let nodes = self.pieces.iter().find_map(kept)?;
        let message = format!("{nodes} nodes of program `{program}` are not rewritten: they are too many");
        Some(Diagnostic::warning(codes::REWRITE_TOO_LARGE, message))
    }

    /// What rewriting did.
    pub fn report(&self) -> RewritingReport {
        let mut saturation = Saturation::none();
        let mut kept_nodes = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Forms(forms) => saturation.add(&forms.report),
                Piece::Kept(nodes) => kept_nodes += nodes,
            }
        }
        let block = |block: Outlined| BlockReport { nodes: block.nodes, occurrences: block.occurrences };
        RewritingReport { blocks: self.cut.blocks().map(block).collect(), kept_nodes, saturation }
    }
}
