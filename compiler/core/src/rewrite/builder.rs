//! Builds new forms of values in the e-graph. What would need an assumption about sizes that the graph does not make
//! already is refused, so that no rewrite adds a guard.

use super::language::{Data, FEW, Forms, Head, Known, Node, application, known};
use egg::Id;
use m4c_ir::{Constant, Origin};
use m4c_ops::build::{Build, Value};
use m4c_ops::op::EvalError;
use m4c_ops::{Attr, Attrs, Fact, Guard, Op, Symbols, Tensor, Violation};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The largest number of axes of a value.
const MOST_AXES: usize = 16;

/// Adds forms to an e-graph.
pub(super) struct Builder<'f> {
    pub(super) forms: &'f mut Forms,
    /// What the new nodes come from.
    pub(super) origins: Arc<BTreeSet<Arc<Origin>>>,
    /// The root of the match, whose fact the result must have.
    pub(super) root: Option<Id>,
    refused: Option<Guard>,
}

/// The class of a builder's value.
pub(super) fn class(value: Value) -> Id {
    Id::from(value.0 as usize)
}

/// A class as a builder's value.
pub(super) fn value(class: Id) -> Value {
    Value(usize::from(class) as u32)
}

impl<'f> Builder<'f> {
    pub(super) fn new(forms: &'f mut Forms) -> Builder<'f> {
        Builder { forms, origins: Arc::default(), root: None, refused: None }
    }

    /// The class of an attribute.
    pub(super) fn attr(&mut self, attr: &Attr) -> Id {
        let place = self.forms.analysis.intern(attr);
        self.forms.add(Node { head: Head::Attr(place), children: Vec::new() })
    }

    /// The class of an operand that is not there.
    pub(super) fn absent(&mut self) -> Id {
        self.forms.add(Node { head: Head::Absent, children: Vec::new() })
    }

    /// The class of a constant.
    pub(super) fn leaf(&mut self, constant: Constant, fact: Fact) -> Id {
        let place = self.forms.analysis.constant(constant, fact);
        self.forms.add(Node { head: Head::Constant(place), children: Vec::new() })
    }

    /// Adds the node of an application that is known to be right.
    pub(super) fn add(&mut self, op: &'static Op, operands: &[Option<Id>], attrs: &Attrs, known: Known) -> Id {
        let mut children = Vec::with_capacity(operands.len() + op.attrs.len());
        for operand in operands {
            children.push(match operand {
                Some(id) => *id,
                None => self.absent(),
            });
        }
        for (_, attr) in attrs.iter() {
            children.push(self.attr(attr));
        }
        let node = Node { head: self.forms.analysis.head(op), children };
        self.forms.analysis.pending = Some(Data::Value(known));
        let id = self.forms.add(node);
        self.forms.analysis.pending = None;
        id
    }

    /// Every form of a value that is an application of an operator.
    pub(super) fn forms_of(&self, id: Id, op: &Op) -> Vec<(Vec<Option<Id>>, Attrs)> {
        let head = self.forms.analysis.head(op);
        let nodes = self.forms[id].nodes.iter().filter(|node| node.head == head);
        nodes.filter_map(|node| application(self.forms, node)).map(|(_, operands, attrs)| (operands, attrs)).collect()
    }

    fn known_of(&self, value: Value) -> Option<&Known> {
        known(self.forms, class(value))
    }

    fn folded(&self, op: &'static Op, operands: &[Option<Value>], attrs: &Attrs, fact: &Fact) -> Option<Tensor> {
        let small = fact.sizes().is_some_and(|sizes| sizes.iter().product::<usize>() <= FEW);
        let elements = operands.iter().map(|operand| match operand {
            Some(value) => self.known_of(*value)?.elements.as_deref().map(Some),
            None => Some(None),
        });
        let elements: Vec<Option<&Tensor>> = elements.collect::<Option<_>>().filter(|_| small)?;
        match op.eval(&elements, attrs) {
            Ok(tensor) if !tensor.is_symbolic() && tensor.fact() == *fact => Some(tensor),
            Ok(_) | Err(EvalError::Symbolic | EvalError::Domain(_)) => None,
        }
    }
}

impl Build for Builder<'_> {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        let no_value = || op.refuse("arity", "an attribute is no operand");
        let facts: Option<Vec<Option<&Fact>>> = operands
            .iter()
            .map(|operand| match operand {
                Some(value) => Some(Some(&*self.known_of(*value)?.fact)),
                None => Some(None),
            })
            .collect();
        let mut assumed: Vec<Guard> = Vec::new();
        let fact = op.infer(&facts.ok_or_else(no_value)?, &attrs, &self.forms.analysis.symbols, &mut assumed)?;
        for guard in assumed {
            self.assume(guard);
        }
        if let Some(guard) = &self.refused {
            return Err(op.refuse("guard", guard.to_string()));
        }
        if fact.rank() > MOST_AXES {
            return Err(op.refuse("axes", fact.to_string()));
        }
        if let Some(tensor) = self.folded(op, operands, &attrs, &fact) {
            return Ok(self.constant(tensor));
        }
        let constant = operands.iter().flatten().all(|value| self.known_of(*value).is_some_and(|known| known.constant));
        let constant = constant && !operands.is_empty() && crate::plan::constants::is_fixed(&attrs, &fact);
        let known = Known { constant, origins: self.origins.clone(), ..Known::of(fact) };
        let operands: Vec<Option<Id>> = operands.iter().map(|operand| operand.map(class)).collect();
        Ok(value(self.add(op, &operands, &attrs, known)))
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        let fact = tensor.fact();
        if tensor.is_symbolic() {
            // Sizes are applications of `dim`; no rule makes one of more than an axis.
            let dims = tensor.as_dims().unwrap_or_default();
            let attrs = Attrs::none().dims("sizes", dims).flag("scalar", fact.rank() == 0);
            return value(self.add(&m4c_ops::structural::dim::OP, &[], &attrs, Known::of(fact)));
        }
        value(self.leaf(Constant::Inline(Arc::new(tensor)), fact))
    }

    fn fact(&self, value: Value) -> &Fact {
        match self.known_of(value) {
            Some(known) => &known.fact,
            None => unreachable!("functions check that a class is a value before they ask for its fact"),
        }
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.known_of(value)?.elements.as_deref()
    }

    fn symbols(&self) -> &Symbols {
        &self.forms.analysis.symbols
    }

    fn assume(&mut self, guard: Guard) {
        if guard.known() != Some(true) && !self.forms.analysis.guards.contains(&guard) {
            self.refused.get_or_insert(guard);
        }
    }
}
