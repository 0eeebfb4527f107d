//! Makes a graph of the chosen forms, in the order of the graph that they are forms of.

use super::choose::Choice;
use super::{Candidates, HOST, Ports};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use crate::rewrite::Saturated;
use crate::rewrite::language::{Head, Node, application, known};
use egg::Id;
use m4c_ir::{Graph, NodeKind, ValueId, verify};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Which class of the candidates a class on a target is.
type Places = BTreeMap<(Id, usize), usize>;

impl Saturated {
    pub(super) fn emit(
        &self,
        candidates: &Candidates,
        choice: &Choice,
        ports: &Ports,
        body: &mut dyn FnMut(usize) -> Result<Graph, Diagnostics>,
    ) -> Result<Graph, Diagnostics> {
        let mut result = self.graph.empty_copy();
        let mut values: BTreeMap<usize, ValueId> = BTreeMap::new();
        let keys = candidates.classes.iter().copied().zip(candidates.targets.iter().copied());
        let places: Places = keys.enumerate().map(|(place, key)| (key, place)).collect();
        let place_of = |value: ValueId, target: usize| {
            let class = self.loaded.classes.get(&value)?;
            places.get(&(self.loaded.forms.find(*class), target)).copied()
        };
        for (&input, &target) in self.graph.inputs().iter().zip(&ports.inputs) {
            let value = result.copy_node(&self.graph, input, &[]);
            if let Some(place) = place_of(input, target) {
                values.insert(place, value);
            }
        }
        for class in self.order(candidates, choice, &places) {
            if !values.contains_key(&class) {
                let form = choice.form[class].map(|form| &candidates.forms[class][form]);
                let form = form.ok_or_else(|| broken(&["a class without a form was chosen".to_string()]))?;
                let target = candidates.targets[class];
                let value_of = |child: Id| {
                    let place = places.get(&(self.loaded.forms.find(child), target))?;
                    values.get(place).copied()
                };
                let value = match &form.node {
                    Some(node) => self.emit_one(&mut result, candidates.classes[class], node, &value_of, body)?,
                    // What is passed is one value of the graph.
                    None => {
                        let from = form.children.first().and_then(|from| values.get(from)).copied();
                        from.ok_or_else(|| broken(&["nothing is passed".to_string()]))?
                    }
                };
                values.insert(class, value);
            }
        }
        for (output, &target) in self.graph.outputs().iter().zip(&ports.outputs) {
            let value = place_of(output.value, target).and_then(|place| values.get(&place));
            match value {
                Some(value) => result.add_output(output.name.clone(), *value),
                None => return Err(broken(&[format!("output `{}` was not built", output.name)])),
            }
        }
        let result = result.compacted();
        let found = verify::verify(&result);
        if found.is_empty() {
            return Ok(result);
        }
        Err(broken(&found.iter().map(ToString::to_string).collect::<Vec<_>>()))
    }

    /// The classes that are needed, each after what it needs, otherwise as in the graph before.
    fn order(&self, candidates: &Candidates, choice: &Choice, places: &Places) -> Vec<usize> {
        let count = candidates.classes.len();
        let mut place: Vec<Option<u32>> = vec![None; count];
        let targets: BTreeSet<usize> = candidates.targets.iter().copied().collect();
        for (value, class) in &self.loaded.classes {
            let class = self.loaded.forms.find(*class);
            for &class in targets.iter().filter_map(|&target| places.get(&(class, target))) {
                place[class] = Some(place[class].map_or(value.0, |known: u32| known.min(value.0)));
            }
        }
        let binders: BTreeMap<&str, usize> = self
            .loaded
            .binders
            .iter()
            .filter_map(|(name, &class)| Some((name.as_str(), *places.get(&(self.loaded.forms.find(class), HOST))?)))
            .collect();
        let needed: Vec<usize> = (0..count).filter(|&class| choice.users[class] > 0).collect();
        let (mut missing, mut users) = (vec![0usize; count], vec![Vec::new(); count]);
        for &class in &needed {
            let Some(form) = choice.form[class] else { continue };
            let mut needs: BTreeSet<usize> = candidates.forms[class][form].children.iter().copied().collect();
            needs.extend(self.sizes_of(candidates, class, form).iter().filter_map(|name| binders.get(name.as_str())));
            needs.remove(&class);
            missing[class] = needs.len();
            needs.iter().for_each(|&need| users[need].push(class));
        }
        // A form of its own comes where its last operand is.
        let mut ready: BinaryHeap<Reverse<(u32, usize)>> = BinaryHeap::new();
        let mut at = vec![0u32; count];
        for &class in needed.iter().filter(|&&class| missing[class] == 0) {
            ready.push(Reverse((place[class].unwrap_or(0), class)));
        }
        let mut order = Vec::with_capacity(needed.len());
        while let Some(Reverse((position, class))) = ready.pop() {
            order.push(class);
            for &user in &users[class] {
                at[user] = at[user].max(position);
                missing[user] -= 1;
                if missing[user] == 0 {
                    ready.push(Reverse((place[user].unwrap_or(at[user]), user)));
                }
            }
        }
        order
    }

    /// The symbols that a form mentions and that the data decides.
    fn sizes_of(&self, candidates: &Candidates, class: usize, form: usize) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        if self.loaded.binders.is_empty() {
            return names;
        }
        let forms = &self.loaded.forms;
        let Some(node) = &candidates.forms[class][form].node else { return names };
        if let Some(known) = known(forms, candidates.classes[class]) {
            names.extend(known.fact.shape.iter().flat_map(m4c_ops::Dim::symbols));
        }
        if let Some((_, _, attrs)) = application(forms, node) {
            let _ = attrs.map_dims(&mut |dim| {
                names.extend(dim.symbols());
                Some(dim.clone())
            });
        }
        if let Head::Scan(place) = node.head {
            names.extend(forms.analysis.scans[place as usize].symbols());
        }
        names
    }

    fn emit_one(
        &self,
        result: &mut Graph,
        id: Id,
        node: &Node,
        value_of: &dyn Fn(Id) -> Option<ValueId>,
        body: &mut dyn FnMut(usize) -> Result<Graph, Diagnostics>,
    ) -> Result<ValueId, Diagnostics> {
        let forms = &self.loaded.forms;
        let missing = || broken(&["a form lacks what it needs".to_string()]);
        let value = match node.head {
            Head::Constant(place) => {
                let leaf = &forms.analysis.constants[place as usize];
                result.add_constant(leaf.constant.clone(), leaf.fact.clone())
            }
            Head::Scan(place) => {
                let mut scan = forms.analysis.scans[place as usize].clone();
                scan.body = body(place as usize)?;
                let operands: Vec<_> = node.children.iter().map(|&child| value_of(child)).collect();
                result.add_scan_alone(scan, &operands)
            }
            Head::Result(index) => {
                let scan = node.children.first().and_then(|&child| value_of(child)).ok_or_else(missing)?;
                let fact = known(forms, id).map(|known| (*known.fact).clone()).ok_or_else(missing)?;
                result.add_result(scan, index as usize, fact)
            }
            Head::Apply(_) => {
                let (op, operands, attrs) = application(forms, node).ok_or_else(missing)?;
                let fact = known(forms, id).map(|known| (*known.fact).clone()).ok_or_else(missing)?;
                let operands: Vec<_> = operands.into_iter().map(|operand| operand.and_then(value_of)).collect();
                result.add_apply(op, &operands, attrs, fact)
            }
            Head::Absent | Head::Attr(_) | Head::Input(_) => return Err(missing()),
        };
        if let Some(known) = known(forms, id)
            && !matches!(result.node(value).kind, NodeKind::Constant(_))
        {
            result.node_mut(value).origins = (*known.origins).clone();
        }
        Ok(value)
    }
}

fn broken(found: &[String]) -> Diagnostics {
    let start = Diagnostic::bug(codes::VERIFIER, "extraction made a graph that is not well formed");
    found.iter().fold(start, |all, one| all.note(one.clone())).into()
}
