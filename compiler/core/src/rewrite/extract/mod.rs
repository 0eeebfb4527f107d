//! Chooses one form of every value that the outputs need: the cheapest, work that is shared counted once.

mod choose;
mod emit;
#[cfg(feature = "optimal-extraction")]
mod optimal;
mod price;
mod report;

pub(super) use price::usual_sizes;
pub use price::{Prices, Smallest, Targeted};
pub use report::{Extraction, ExtractionReport};

use super::Saturated;
use super::language::{Data, Head, Node};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use choose::{Candidate, Choice};
use egg::Id;
use m4c_ir::Graph;
use std::collections::BTreeMap;

/// The forms that may be chosen, by class.
pub(super) struct Candidates {
    /// The classes that the outputs may need.
    pub(super) classes: Vec<Id>,
    /// The forms of each.
    pub(super) forms: Vec<Vec<Candidate>>,
    /// The classes that are needed in any case.
    pub(super) roots: Vec<usize>,
}

/// The choice of one way, beginning with the greedy one.
fn chosen(
    candidates: &Candidates,
    greedy: Choice,
    extraction: Extraction,
) -> Result<(Choice, ExtractionReport), Diagnostics> {
    let mut report = ExtractionReport::of(candidates, greedy.cost(candidates));
    match extraction {
        Extraction::Greedy => Ok((greedy, report)),
        #[cfg(feature = "optimal-extraction")]
        Extraction::Optimal => {
            let optimum = optimal::optimum(candidates, greedy);
            report.cost = optimum.choice.cost(candidates);
            report.bound = Some(optimum.bound);
            report.proved = optimum.proved;
            Ok((optimum.choice, report))
        }
        #[cfg(not(feature = "optimal-extraction"))]
        Extraction::Optimal => Err(report::not_built().into()),
    }
}

impl Saturated {
    /// The graph of the cheapest forms.
    ///
    /// # Errors
    /// Where they make a graph that is not well formed, which is a bug.
    pub fn extract(&self, prices: &dyn Prices) -> Result<Graph, Diagnostics> {
        Ok(self.extract_by(prices, Extraction::Greedy)?.0)
    }

    /// The graph of the forms that are chosen in some way, and how good the choice is.
    ///
    /// # Errors
    /// Where this way was not built, or the forms make a graph that is not well formed, which is a bug.
    pub fn extract_by(
        &self,
        prices: &dyn Prices,
        extraction: Extraction,
    ) -> Result<(Graph, ExtractionReport), Diagnostics> {
        let (candidates, greedy) = self.choice(prices)?;
        let (choice, mut report) = chosen(&candidates, greedy, extraction)?;
        let graph = self.emit(&candidates, &choice, &mut |body| {
            let (graph, own) = self.bodies[body].extract_by(prices, extraction)?;
            report.add(&own, 1);
            Ok(graph)
        })?;
        Ok((graph, report))
    }

    /// The forms that may be chosen, and the greedy choice.
    pub(super) fn choice(&self, prices: &dyn Prices) -> Result<(Candidates, Choice), Diagnostics> {
        let candidates = self.candidates(prices);
        match Choice::cheapest(&candidates) {
            Some(choice) => Ok((candidates, choice)),
            None => Err(Diagnostic::bug(codes::VERIFIER, "an output has no form without itself").into()),
        }
    }

    fn candidates(&self, prices: &dyn Prices) -> Candidates {
        let forms = &self.loaded.forms;
        let outputs = self.graph.outputs().iter().filter_map(|output| self.loaded.classes.get(&output.value));
        let mut stack: Vec<Id> = outputs.chain(self.loaded.binders.values()).map(|&id| forms.find(id)).collect();
        stack.reverse();
        let roots = stack.clone();
        let (mut places, mut classes): (BTreeMap<Id, usize>, Vec<Id>) = (BTreeMap::new(), Vec::new());
        while let Some(class) = stack.pop() {
            if places.contains_key(&class) {
                continue;
            }
            places.insert(class, classes.len());
            classes.push(class);
            for node in &forms[class].nodes {
                stack.extend(self.needs(node).into_iter().filter(|child| !places.contains_key(child)));
            }
        }
        let of = |&class: &Id| -> Vec<Candidate> {
            let nodes = forms[class].nodes.iter();
            let candidate = |node: &Node| {
                let children = self.needs(node).into_iter().map(|child| places[&child]).collect();
                Candidate { node: node.clone(), cost: self.price(class, node, prices), children }
            };
            nodes.map(candidate).collect()
        };
        let forms = classes.iter().map(of).collect();
        let roots = roots.iter().map(|class| places[class]).collect();
        Candidates { classes, forms, roots }
    }

    /// The values that a node is computed of.
    fn needs(&self, node: &Node) -> Vec<Id> {
        let forms = &self.loaded.forms;
        let children = node.children.iter().map(|&child| forms.find(child));
        let absent = |class: Id| forms[class].nodes.iter().any(|node| node.head == Head::Absent);
        children.filter(|&child| !matches!(forms[child].data, Data::Attr(_)) && !absent(child)).collect()
    }
}
