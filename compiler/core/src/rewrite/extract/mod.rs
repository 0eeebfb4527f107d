//! Chooses one form of every value that the outputs need: the cheapest, work that is shared counted once.

mod choose;
mod emit;
#[cfg(feature = "optimal-extraction")]
mod optimal;
mod price;
mod report;

use price::NOT_TAKEN;
pub(super) use price::Placed;
pub(super) use price::usual_sizes;
pub use price::{Prices, Smallest, Targeted};
pub use report::{Extraction, ExtractionReport};

use super::Saturated;
use super::language::{Data, Head, Node, known};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use choose::{Candidate, Choice};
use egg::{Id, Language};
use m4c_ir::Graph;
use std::collections::{BTreeMap, BTreeSet};

/// The forms that may be chosen, by class.
pub(super) struct Candidates {
    /// The classes that the outputs may need, for each target on which they may be needed.
    pub(super) classes: Vec<Id>,
    /// That target.
    pub(super) targets: Vec<usize>,
    /// The forms of each.
    pub(super) forms: Vec<Vec<Candidate>>,
    /// The classes that are needed in any case.
    pub(super) roots: Vec<usize>,
}

/// The target that has inputs and outputs.
pub(super) const HOST: usize = 0;

/// A node or none where the value is passed, what it costs, and the classes that it needs with their targets.
type Form = (Option<Node>, f64, Vec<(Id, usize)>);

/// Where the inputs and outputs of a graph are.
pub(super) struct Ports {
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

impl Ports {
    /// All on one target.
    pub(super) fn all(graph: &Graph, target: usize) -> Ports {
        Ports { inputs: vec![target; graph.inputs().len()], outputs: vec![target; graph.outputs().len()] }
    }
}

/// The choice of one way, beginning with the greedy one.
fn chosen(
    candidates: &Candidates,
    greedy: Choice,
    extraction: Extraction,
) -> Result<(Choice, ExtractionReport), Diagnostics> {
    let report = ExtractionReport::of(candidates, greedy.cost(candidates));
    match extraction {
        Extraction::Greedy => Ok((greedy, report)),
        #[cfg(feature = "optimal-extraction")]
        Extraction::Optimal => {
            let optimal::Optimum { choice, bound, proved } = optimal::optimum(candidates, greedy);
            let report = ExtractionReport { cost: choice.cost(candidates), bound: Some(bound), proved, ..report };
            Ok((choice, report))
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
        self.extract_at(prices, extraction, &Ports::all(&self.graph, HOST))
    }

    /// The same with inputs and outputs anywhere.
    pub(super) fn extract_at(
        &self,
        prices: &dyn Prices,
        extraction: Extraction,
        ports: &Ports,
    ) -> Result<(Graph, ExtractionReport), Diagnostics> {
        let (candidates, greedy) = self.choice(prices, ports)?;
        let (choice, mut report) = chosen(&candidates, greedy, extraction)?;
        let graph = self.emit(&candidates, &choice, ports, &mut |body| {
            let (graph, own) = self.bodies[body].extract_by(prices, extraction)?;
            report.add(&own, 1);
            Ok(graph)
        })?;
        Ok((graph, report))
    }

    /// The forms that may be chosen, and the greedy choice.
    pub(super) fn choice(&self, prices: &dyn Prices, ports: &Ports) -> Result<(Candidates, Choice), Diagnostics> {
        let candidates = self.candidates(prices, ports);
        match Choice::cheapest(&candidates) {
            Some(choice) => Ok((candidates, choice)),
            None => Err(Diagnostic::bug(codes::VERIFIER, "an output has no form without itself").into()),
        }
    }

    fn candidates(&self, prices: &dyn Prices, ports: &Ports) -> Candidates {
        let forms = &self.loaded.forms;
        let outputs = self.graph.outputs().iter().zip(&ports.outputs);
        let outputs = outputs.filter_map(|(output, &target)| Some((*self.loaded.classes.get(&output.value)?, target)));
        let binders = self.loaded.binders.values().map(|&class| (class, HOST));
        let mut stack: Vec<(Id, usize)> = outputs.chain(binders).map(|(id, target)| (forms.find(id), target)).collect();
        stack.reverse();
        let roots = stack.clone();
        let mut places: BTreeMap<(Id, usize), usize> = BTreeMap::new();
        let (mut classes, mut targets, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let given = self.given();
        while let Some((class, target)) = stack.pop() {
            if places.contains_key(&(class, target)) {
                continue;
            }
            places.insert((class, target), classes.len());
            classes.push(class);
            targets.push(target);
            let mut found = self.found(class, target, prices, ports);
            // Of forms that cost the same the first is taken: what the model has stays.
            found.sort_by_key(|(node, ..)| !node.as_ref().is_some_and(|node| given.contains(node)));
            for (_, _, children) in &found {
                stack.extend(children.iter().copied().filter(|child| !places.contains_key(child)));
            }
            all.push(found);
        }
        let candidate = |(node, cost, children): Form| {
            let children = children.iter().map(|child| places[child]).collect();
            Candidate { node, cost, children }
        };
        let forms = all.into_iter().map(|found| found.into_iter().map(candidate).collect()).collect();
        let roots = roots.iter().map(|root| places[root]).collect();
        Candidates { classes, targets, forms, roots }
    }

    /// The forms that the graph had before rewriting.
    fn given(&self) -> BTreeSet<Node> {
        let forms = &self.loaded.forms;
        let ids = self.loaded.classes.values();
        ids.map(|&id| forms.id_to_node(id).clone().map_children(|child| forms.find(child))).collect()
    }

    /// The forms of a class on a target, and the ways of passing it there.
    fn found(&self, class: Id, target: usize, prices: &dyn Prices, ports: &Ports) -> Vec<Form> {
        let forms = &self.loaded.forms;
        let constant = known(forms, class).is_some_and(|known| known.constant);
        let mut all = Vec::new();
        for node in &forms[class].nodes {
            let here = match node.head {
                Head::Input(place) => ports.inputs.get(place as usize).copied().unwrap_or(HOST) == target,
                Head::Scan(_) | Head::Result(_) => target == HOST,
                _ => true,
            };
            let cost = self.price_on(target, class, node, prices);
            if here && (target == HOST || cost < NOT_TAKEN) {
                let children = self.needs(node).into_iter().map(|child| (child, target)).collect();
                all.push((Some(node.clone()), cost, children));
            }
        }
        for from in (0..prices.targets()).filter(|&from| from != target && !constant) {
            all.push((None, self.pass(class, (from, target), prices), vec![(class, from)]));
        }
        all
    }

    /// The values that a node is computed of.
    fn needs(&self, node: &Node) -> Vec<Id> {
        let forms = &self.loaded.forms;
        let children = node.children.iter().map(|&child| forms.find(child));
        let absent = |class: Id| forms[class].nodes.iter().any(|node| node.head == Head::Absent);
        children.filter(|&child| !matches!(forms[child].data, Data::Attr(_)) && !absent(child)).collect()
    }
}
