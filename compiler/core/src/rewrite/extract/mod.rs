//! Chooses one form of every value that the outputs need: the cheapest, work that is shared counted once.

mod choose;
mod emit;
mod price;

pub(super) use price::usual_sizes;
pub use price::{Prices, Smallest, Targeted};

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

impl Saturated {
    /// The graph of the cheapest forms.
    ///
    /// # Errors
    /// Where they make a graph that is not well formed, which is a bug.
    pub fn extract(&self, prices: &dyn Prices) -> Result<Graph, Diagnostics> {
        let (candidates, choice) = self.choice(prices)?;
        self.emit(&candidates, &choice, prices)
    }

    /// The forms that may be chosen, and the cheapest choice.
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
