//! How a graph lies in an e-graph: operators by name, their operands as children, then one leaf for each attribute.
//!
//! Leaves are interned by value. Constants are leaves, too, known by their place or content, never by their data.

use egg::{DidMerge, EGraph, Id};
use indexmap::IndexSet;
use m4c_ir::constant::Identity;
use m4c_ir::{Constant, Origin, Scan, ValueId};
use m4c_ops::dim::Guard;
use m4c_ops::{Attr, AttrKind, Attrs, Fact, Op, Symbols, Tensor, table};
use m4c_target::{NodeView, OperandView};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The e-graph of the project.
pub(super) type Forms = EGraph<Node, Facts>;

/// What a node is, without its children.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Head {
    /// An operator, by its place in the table: operands, then attributes.
    Apply(u16),
    /// An attribute.
    Attr(u32),
    /// A constant.
    Constant(u32),
    /// An input of the graph.
    Input(u32),
    /// A loop; it has no value.
    Scan(u32),
    /// A result of the loop that is its only child.
    Result(u32),
    /// An operand that is not there.
    Absent,
}

/// A node of the e-graph.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Node {
    pub(super) head: Head,
    pub(super) children: Vec<Id>,
}

impl egg::Language for Node {
    type Discriminant = Head;

    fn discriminant(&self) -> Head {
        self.head
    }

    fn matches(&self, other: &Node) -> bool {
        self.head == other.head && self.children.len() == other.children.len()
    }

    fn children(&self) -> &[Id] {
        &self.children
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.children
    }
}

/// What is known of a class.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// It is an attribute.
    Attr(u32),
    /// It is no value: an absent operand, or a loop.
    Nothing,
    /// It is a value.
    Value(Known),
}

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) fact: Arc<Fact>,
    /// Its elements, where they are few and known when compiling.
    pub(super) elements: Option<Arc<Tensor>>,
    /// What every element is, where that is one real number.
    pub(super) number: Option<f64>,
    /// Whether it is computed of constants alone.
    pub(super) constant: bool,
    /// Where in the user's model it comes from.
    pub(super) origins: Arc<BTreeSet<Arc<Origin>>>,
}

/// A constant of the graph.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) constant: Constant,
    pub(super) fact: Fact,
}

/// Why two ids are one class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Step {
    pub(super) from: Id,
    pub(super) to: Id,
    /// The rule, by its place in the list of rules; none where equal operands made them equal.
    pub(super) rule: Option<u16>,
}

/// The analysis of the e-graph, and what its leaves stand for.
pub(super) struct Facts {
    pub(super) ops: Vec<&'static Op>,
    numbers: HashMap<&'static str, u16>,
    pub(super) symbols: Symbols,
    pub(super) guards: IndexSet<Guard>,
    pub(super) attrs: Vec<Attr>,
    attr_places: HashMap<(AttrKind, String), u32>,
    pub(super) constants: Vec<Leaf>,
    constant_places: BTreeMap<(String, Identity), u32>,
    pub(super) inputs: Vec<(ValueId, Fact)>,
    pub(super) scans: Vec<Scan>,
    /// What is known of the node that is added now.
    pub(super) pending: Option<Data>,
    /// The rule that is applied now, and all unions so far.
    pub(super) rule: Option<u16>,
    pub(super) log: RefCell<Vec<Step>>,
    /// Every node as it was added, with the rule that did it.
    pub(super) made: Vec<(Node, Id, Option<u16>)>,
    /// Two facts that met and cannot be one value's: a rule is wrong.
    pub(super) conflict: Option<String>,
}

impl Facts {
    pub(super) fn new(symbols: Symbols, guards: IndexSet<Guard>) -> Facts {
        let ops: Vec<&'static Op> = table::all().collect();
        let numbers = ops.iter().enumerate().map(|(place, op)| (op.name, place as u16)).collect();
        Facts {
            ops,
            numbers,
            symbols,
            guards,
            attrs: Vec::new(),
            attr_places: HashMap::new(),
            constants: Vec::new(),
            constant_places: BTreeMap::new(),
            inputs: Vec::new(),
            scans: Vec::new(),
            pending: None,
            rule: None,
            log: RefCell::default(),
            made: Vec::new(),
            conflict: None,
        }
    }

    /// The head of an operator's nodes.
    pub(super) fn head(&self, op: &Op) -> Head {
        Head::Apply(self.numbers.get(op.name).copied().unwrap_or_default())
    }

    /// The operator of a head.
    pub(super) fn op(&self, head: Head) -> Option<&'static Op> {
        match head {
            Head::Apply(number) => self.ops.get(usize::from(number)).copied(),
            _ => None,
        }
    }

    /// The number of an attribute's value.
    pub(super) fn intern(&mut self, attr: &Attr) -> u32 {
        let attrs = &mut self.attrs;
        *self.attr_places.entry((attr.kind(), attr.to_string())).or_insert_with(|| {
            attrs.push(attr.clone());
            attrs.len() as u32 - 1
        })
    }
}

impl Facts {
    /// The number of a constant; equal ones have the same.
    pub(super) fn constant(&mut self, constant: Constant, fact: Fact) -> u32 {
        let next = self.constants.len() as u32;
        let place = match constant.identity() {
            Some(identity) => *self.constant_places.entry((fact.to_string(), identity)).or_insert(next),
            None => next,
        };
        if place == next {
            self.constants.push(Leaf { constant, fact });
        }
        place
    }
}

/// Constants of no more elements are looked at.
pub(super) const FEW: usize = 16;
/// Constants of no more elements are searched for one number.
const SEARCHED: usize = 1 << 14;

impl Known {
    /// What is known of a value of which only the fact is.
    pub(super) fn of(fact: Fact) -> Known {
        Known { fact: Arc::new(fact), elements: None, number: None, constant: false, origins: Arc::default() }
    }

    /// What is known of a constant.
    pub(super) fn constant(constant: &Constant, fact: &Fact) -> Known {
        let count = fact.sizes().and_then(|sizes| sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size)));
        let near = |most: usize| count.is_some_and(|count| count <= most);
        // Most weights differ in their first two elements, so that no more of them is read.
        let stored = constant.stored_bytes().filter(|_| !near(FEW));
        let width = fact.dtype.bits().div_ceil(8);
        let differ = stored.is_some_and(|bytes| bytes.get(..width) != bytes.get(width..2 * width));
        let elements = (near(SEARCHED) && !differ).then(|| constant.load(fact)).flatten();
        let number = elements.as_ref().and_then(|tensor| one_number(tensor));
        let elements = elements.filter(|_| near(FEW));
        Known { elements, number, constant: true, ..Known::of(fact.clone()) }
    }
}

/// What every element is.
pub(super) fn one_number(tensor: &Tensor) -> Option<f64> {
    let numbers = tensor.as_f64s()?;
    let first = *numbers.first()?;
    numbers.iter().all(|number| number.to_bits() == first.to_bits()).then_some(first)
}

impl egg::Analysis<Node> for Facts {
    type Data = Data;

    fn make(forms: &mut Forms, node: &Node, id: Id) -> Data {
        let rule = forms.analysis.rule;
        forms.analysis.made.push((node.clone(), id, rule));
        if let Some(data) = forms.analysis.pending.take() {
            return data;
        }
        // Only leaves are added without what is known of them.
        match node.head {
            Head::Attr(place) => Data::Attr(place),
            Head::Constant(place) => {
                let leaf = &forms.analysis.constants[place as usize];
                Data::Value(Known::constant(&leaf.constant, &leaf.fact))
            }
            Head::Input(place) => Data::Value(Known::of(forms.analysis.inputs[place as usize].1.clone())),
            Head::Absent | Head::Scan(_) | Head::Result(_) | Head::Apply(_) => Data::Nothing,
        }
    }

    /// What is known of a class does not grow by rebuilding.
    fn remake(forms: &mut Forms, _node: &Node, id: Id) -> Data {
        forms[id].data.clone()
    }

    fn pre_union(forms: &Forms, from: Id, to: Id, _justification: &Option<egg::Justification>) {
        forms.analysis.log.borrow_mut().push(Step { from, to, rule: forms.analysis.rule });
    }

    fn merge(&mut self, a: &mut Data, b: Data) -> DidMerge {
        match (a, b) {
            (Data::Value(a), Data::Value(b)) => {
                let differ = |(a, b): (&m4c_ops::Dim, &m4c_ops::Dim)| a.differs(b);
                if a.fact.dtype != b.fact.dtype
                    || a.fact.rank() != b.fact.rank()
                    || a.fact.shape.iter().zip(&b.fact.shape).any(differ)
                {
                    self.conflict.get_or_insert_with(|| format!("{} and {}", a.fact, b.fact));
                }
                let complexity = |fact: &Fact| fact.shape.iter().map(m4c_ops::Dim::complexity).sum::<usize>();
                if complexity(&b.fact) < complexity(&a.fact) {
                    a.fact = b.fact;
                }
                a.elements = a.elements.take().or(b.elements);
                a.number = a.number.or(b.number);
                a.constant |= b.constant;
                if !b.origins.is_subset(&a.origins) {
                    a.origins = Arc::new(a.origins.union(&b.origins).cloned().collect());
                }
                DidMerge(false, false)
            }
            (Data::Nothing, Data::Nothing) => DidMerge(false, false),
            (Data::Attr(a), Data::Attr(b)) if *a == b => DidMerge(false, false),
            (a, b) => {
                self.conflict.get_or_insert_with(|| format!("{a:?} and {b:?}"));
                DidMerge(false, false)
            }
        }
    }
}

/// What is known of a value.
pub(super) fn known(forms: &Forms, id: Id) -> Option<&Known> {
    match &forms[id].data {
        Data::Value(known) => Some(known),
        Data::Attr(_) | Data::Nothing => None,
    }
}

/// The attribute that a class is.
pub(super) fn attr(forms: &Forms, id: Id) -> Option<&Attr> {
    match forms[id].data {
        Data::Attr(place) => forms.analysis.attrs.get(place as usize),
        _ => None,
    }
}

/// The operator, operands and attributes of a node.
pub(super) fn application(forms: &Forms, node: &Node) -> Option<(&'static Op, Vec<Option<Id>>, Attrs)> {
    let op = forms.analysis.op(node.head)?;
    let (operands, attrs) = node.children.split_at_checked(node.children.len().checked_sub(op.attrs.len())?)?;
    let operand = |&id: &Id| known(forms, id).map(|_| id);
    let mut all = Attrs::none();
    for (spec, &id) in op.attrs.iter().zip(attrs) {
        all = all.with(spec.name, attr(forms, id)?.clone());
    }
    Some((op, operands.iter().map(operand).collect(), all))
}

/// What a target makes of an application; none of what is no application.
pub(super) fn viewed<T>(forms: &Forms, class: Id, node: &Node, see: impl FnOnce(&NodeView<'_>) -> T) -> Option<T> {
    let (op, operands, attrs) = application(forms, node)?;
    let view = |id: Id| known(forms, id).map(|known| OperandView { fact: &known.fact, constant: known.constant });
    let operands = operands.into_iter().map(|operand| operand.and_then(view)).collect();
    Some(see(&NodeView { op, attrs: &attrs, operands, result: &known(forms, class)?.fact }))
}

/// Names of symbols with what gives them a value.
pub(super) type Binders = BTreeMap<String, Id>;
