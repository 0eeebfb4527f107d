//! Why a value has the form that it has: the rules on the way from the imported form, other forms with what the target says
//! of them, and what was found and refused.

use super::Saturated;
use super::extract::{HOST, Ports, Prices, Targeted};
use super::language::{Forms, Head, Node, known, viewed};
use super::rule::{Refused, RuleNumerics};
use super::rules;
use crate::diagnostic::Diagnostics;
use egg::Id;
use m4c_ir::{NodeKind, Origin, ValueId};
use m4c_target::{NodeView, Target, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One value that a node of the user's model became.
#[derive(Clone, Debug, Serialize)]
pub struct ValueExplanation {
    /// The imported form.
    pub imported: String,
    /// The form that was chosen for the target; none where the value is not computed any more.
    pub chosen: Option<String>,
    /// Where it is not: the chosen forms that cover it.
    pub covered_by: Vec<String>,
    /// The rules that lead from the imported form to the chosen one.
    pub chain: Vec<String>,
    /// All forms of one application, with what the target says.
    pub forms: Vec<FormVerdict>,
    /// Rules whose left side was found here and that did not apply.
    pub refused: Vec<RefusedRule>,
}

/// A form and what the target says of it.
#[derive(Clone, Debug, Serialize)]
pub struct FormVerdict {
    /// The application with its facts.
    pub form: String,
    /// `yes`, `no` or `unknown`.
    pub verdict: &'static str,
    /// Why not.
    pub reason: Option<String>,
    /// What it costs by itself, in seconds.
    pub cost: f64,
}

/// A rule that was not applied.
#[derive(Clone, Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedRule {
    /// Its name.
    pub rule: String,
    /// What did not hold.
    pub why: String,
}

impl Saturated {
    /// Everything about the values that come from some nodes of the user's model.
    ///
    /// # Errors
    /// Those of extraction.
    pub fn explain(
        &self,
        from: &dyn Fn(&Origin) -> bool,
        target: &dyn Target,
        numerics: RuleNumerics,
    ) -> Result<Vec<ValueExplanation>, Diagnostics> {
        let prices = Targeted(target);
        let (candidates, choice) = self.choice(&prices, &Ports::all(&self.graph, HOST))?;
        let names: Vec<&str> = rules::all().filter(|rule| rule.numerics <= numerics).map(|rule| rule.name).collect();
        let chosen: BTreeMap<Id, &Node> = candidates
            .classes
            .iter()
            .enumerate()
            .filter(|(place, _)| choice.users[*place] > 0)
            .filter_map(|(place, &class)| Some((class, candidates.forms[place][choice.form[place]?].node.as_ref()?)))
            .collect();
        let mut all = Vec::new();
        for (&value, &id) in &self.loaded.classes {
            let node = self.graph.node(value);
            let ours = matches!(node.kind, NodeKind::Apply { .. }) && node.origins.iter().any(|origin| from(origin));
            if ours {
                all.push(self.one(value, id, &chosen, &names, target, &prices));
            }
        }
        Ok(all)
    }

    fn one(
        &self,
        value: ValueId,
        id: Id,
        chosen: &BTreeMap<Id, &Node>,
        names: &[&str],
        target: &dyn Target,
        prices: &dyn Prices,
    ) -> ValueExplanation {
        let forms = &self.loaded.forms;
        let class = forms.find(id);
        let here = chosen.get(&class).copied();
        let origins = &self.graph.node(value).origins;
        let covers = |class: Id| {
            known(forms, class).is_some_and(|known| origins.iter().any(|origin| known.origins.contains(origin)))
        };
        let covered_by = chosen.iter().filter(|(class, _)| here.is_none() && covers(**class));
        let covered_by: BTreeSet<String> = covered_by.filter_map(|(&class, node)| self.text(class, node)).collect();
        let mut refused: BTreeSet<RefusedRule> = BTreeSet::new();
        for refusal in self.refusals.iter().filter(|refusal| forms.find(refusal.root) == class) {
            let why = match &refusal.why {
                Refused::Condition(text) => format!("{text} does not hold"),
                Refused::Right => "the right side cannot be built of what was found".into(),
                Refused::Fact => "the right side has another type or other sizes".into(),
            };
            let rule = names.get(refusal.rule).map_or(String::new(), |name| (*name).into());
            refused.insert(RefusedRule { rule, why });
        }
        let mut verdicts = Vec::new();
        for node in &forms[class].nodes {
            let seen = viewed(forms, class, node, |view| (view.to_string(), target.supports(view)));
            let Some((form, verdict)) = seen else { continue };
            let (verdict, reason) = match verdict {
                Verdict::Yes => ("yes", None),
                Verdict::No { reason } => ("no", Some(reason)),
                Verdict::Unknown => ("unknown", None),
            };
            verdicts.push(FormVerdict { form, verdict, reason, cost: self.price(class, node, prices) });
        }
        ValueExplanation {
            imported: self.imported(value),
            chosen: here.and_then(|node| self.text(class, node)),
            covered_by: covered_by.into_iter().collect(),
            chain: here.map_or(Vec::new(), |node| chain(forms, id, node, names)),
            forms: verdicts,
            refused: refused.into_iter().collect(),
        }
    }

    fn imported(&self, value: ValueId) -> String {
        NodeView::of(&self.graph, value, &|_| false).map_or(String::new(), |view| view.to_string())
    }

    fn text(&self, class: Id, node: &Node) -> Option<String> {
        let forms = &self.loaded.forms;
        if let Head::Constant(_) = node.head {
            return Some(format!("constant : {}", known(forms, class)?.fact));
        }
        viewed(forms, class, node, |view| view.to_string())
    }
}

/// The rules on the shortest way from an id to a form of its class.
fn chain(forms: &Forms, from: Id, to: &Node, names: &[&str]) -> Vec<String> {
    let canonical = |node: &Node| {
        let mut node = node.clone();
        node.children.iter_mut().for_each(|child| *child = forms.find(*child));
        node
    };
    let (class, wanted) = (forms.find(from), canonical(to));
    let made = forms.analysis.made.iter();
    let goals: BTreeSet<Id> = made
        .filter(|(node, id, _)| forms.find(*id) == class && canonical(node) == wanted)
        .map(|(_, id, _)| *id)
        .collect();
    let log = forms.analysis.log.borrow();
    let mut edges: BTreeMap<Id, Vec<(Id, Option<u16>)>> = BTreeMap::new();
    for step in log.iter().filter(|step| forms.find(step.from) == class) {
        edges.entry(step.from).or_default().push((step.to, step.rule));
        edges.entry(step.to).or_default().push((step.from, step.rule));
    }
    let mut back: BTreeMap<Id, (Id, Option<u16>)> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    let mut seen = BTreeSet::from([from]);
    while let Some(at) = queue.pop_front() {
        if goals.contains(&at) {
            let (mut at, mut rules) = (at, Vec::new());
            while let Some(&(before, rule)) = back.get(&at) {
                rules.push(rule);
                at = before;
            }
            let name = |rule: Option<u16>| match rule {
                Some(number) => names.get(usize::from(number)).copied().unwrap_or("expansion of a composite"),
                None => "equal operands",
            };
            return rules.into_iter().rev().map(|rule| name(rule).to_owned()).collect();
        }
        for &(next, rule) in edges.get(&at).into_iter().flatten() {
            if seen.insert(next) {
                back.insert(next, (at, rule));
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}
