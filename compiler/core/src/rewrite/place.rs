//! Which target computes each value: forms are chosen together with the targets that take them, and passing values has a price.

use super::extract::{Extraction, HOST, Placed, Ports, Prices, usual_sizes};
use super::load::load;
use super::pieces::{Piece, Rewriting};
use super::{Saturated, Saturation};
use crate::diagnostic::Diagnostics;
use m4c_ir::{Graph, ValueId};
use m4c_target::Target;
use std::collections::BTreeMap;

/// A graph whose values are given to targets.
#[derive(Debug)]
pub struct Placement {
    /// The chosen forms.
    pub graph: Graph,
    /// Where each value is computed, by places in the list of targets; on several where that costs less than to pass it. Inputs
    /// and constants have no entry.
    pub targets: BTreeMap<ValueId, Vec<usize>>,
    /// What it costs by the targets' figures, in seconds, for usual sizes.
    pub cost: f64,
}

impl Rewriting {
    /// The cheapest forms for several targets, and which of them computes each. The first is the host: it takes everything, and
    /// has the inputs and outputs. What one block passes to the next stays on one target.
    ///
    /// # Errors
    /// Where the forms make a graph that is not well formed, which is a bug.
    pub fn place(&self, targets: &[&dyn Target], extraction: Extraction) -> Result<Placement, Diagnostics> {
        let prices = Placed(targets);
        let between = if self.cut.blocks().next().is_some() { targets.len() } else { 1 };
        let mut best = self.placed(&prices, extraction, HOST)?;
        for target in HOST + 1..between {
            let other = self.placed(&prices, extraction, target)?;
            if other.cost < best.cost {
                best = other;
            }
        }
        Ok(best)
    }

    /// The placement where what pieces pass to each other is on one target.
    fn placed(&self, prices: &Placed<'_>, extraction: Extraction, between: usize) -> Result<Placement, Diagnostics> {
        let mut made = Vec::new();
        for (place, (whole, piece)) in self.cut.pieces().zip(&self.pieces).enumerate() {
            made.push(match piece {
                Piece::Forms(forms) => {
                    // The last piece is what is no block.
                    let rest = place + 1 == self.pieces.len();
                    let target = |name: &str| if rest && self.cut.is_of_the_graph(name) { HOST } else { between };
                    let inputs = whole.inputs().iter().map(|&input| target(whole.input_name(input)));
                    let outputs = whole.outputs().iter().map(|output| target(&output.name));
                    let ports = Ports { inputs: inputs.collect(), outputs: outputs.collect() };
                    forms.extract_at(prices, extraction, &ports)?.0
                }
                Piece::Kept(_) => whole.clone(),
            });
        }
        let graph = self.cut.join(made)?;
        let (targets, cost) = places(&graph, prices)?;
        Ok(Placement { graph, targets, cost })
    }
}

/// The cheapest targets for the values of a graph as it is, and what that costs.
fn places(graph: &Graph, prices: &dyn Prices) -> Result<(BTreeMap<ValueId, Vec<usize>>, f64), Diagnostics> {
    let (loaded, sizes) = (load(graph), usual_sizes(graph));
    let (bodies, refusals, report) = (Vec::new(), Vec::new(), Saturation::none());
    let all = Saturated { graph: graph.clone(), loaded, sizes, bodies, report, refusals };
    let (candidates, choice) = all.choice(prices, &Ports::all(graph, HOST))?;
    let mut targets: BTreeMap<egg::Id, Vec<usize>> = BTreeMap::new();
    for (place, &class) in candidates.classes.iter().enumerate().filter(|(place, _)| choice.users[*place] > 0) {
        let computed = choice.form[place].is_some_and(|form| candidates.forms[place][form].node.is_some());
        if computed {
            targets.entry(class).or_default().push(candidates.targets[place]);
        }
    }
    targets.values_mut().for_each(|targets| targets.sort_unstable());
    let applied = |value: &ValueId| matches!(graph.node(*value).kind, m4c_ir::NodeKind::Apply { .. });
    let of =
        |value: ValueId| Some((value, targets.get(&all.loaded.forms.find(*all.loaded.classes.get(&value)?))?.clone()));
    Ok((graph.order().into_iter().filter(applied).filter_map(of).collect(), choice.cost(&candidates)))
}
