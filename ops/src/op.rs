//! What the definition of an operator contains. All fields are required: "not applicable" is written, not omitted.

use crate::attr::{Attr, AttrKind, Attrs};
use crate::build::{Build, EvalBuilder, FactBuilder, Value};
use crate::dim::{Dim, Guard, GuardKind, Symbols};
use crate::dtype::DType;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, OnnxImport};
use crate::tensor::Tensor;
use std::fmt;

/// An operator: everything that the project believes about it, in one place.
pub struct Op {
    /// Name in text form, tables and file names.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Operands in order.
    pub operands: &'static [Operand],
    /// Attributes in order; all are present on every node.
    pub attrs: &'static [AttrSpec],
    /// What storage types the type variables of the operands stand for.
    pub types: &'static [TypeVar],
    /// What must hold beyond types; each has a refusal that breaks it.
    pub constraints: &'static [Constraint],
    /// The meaning.
    pub meaning: Meaning,
    /// How far a correct implementation may be from the meaning.
    pub numerics: Numerics,
    /// Arithmetic operations of one application.
    pub flops: fn(&Facts<'_>, &Fact) -> Dim,
    /// The ONNX operators that import as this one.
    pub import: &'static [OnnxImport],
    /// How it is written as plain ONNX.
    pub export: Export,
    /// Examples: tests, documentation and test vectors.
    pub samples: &'static [Sample],
    /// Applications that a constraint refuses.
    pub refusals: &'static [Refusal],
}

/// An operand of an operator.
pub struct Operand {
    /// Name in documentation and targets' conditions.
    pub name: &'static str,
    /// A type variable or a type.
    pub ty: &'static str,
    /// How many values it stands for.
    pub arity: Arity,
}

/// How many values an operand stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// Exactly one.
    One,
    /// One or none.
    Optional,
    /// One or more; only the last operand.
    Many,
}

/// A required operand.
pub const fn operand(name: &'static str, ty: &'static str) -> Operand {
    Operand { name, ty, arity: Arity::One }
}

/// An operand that may be absent.
pub const fn optional(name: &'static str, ty: &'static str) -> Operand {
    Operand { name, ty, arity: Arity::Optional }
}

/// One or more operands of one type.
pub const fn many(name: &'static str, ty: &'static str) -> Operand {
    Operand { name, ty, arity: Arity::Many }
}

/// An attribute of an operator.
pub struct AttrSpec {
    /// Name.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: AttrKind,
    /// What it sets.
    pub doc: &'static str,
}

/// An attribute.
pub const fn attr(name: &'static str, kind: AttrKind, doc: &'static str) -> AttrSpec {
    AttrSpec { name, kind, doc }
}

/// A type variable and the types it stands for.
pub struct TypeVar {
    /// Name used by operands.
    pub name: &'static str,
    /// The types.
    pub dtypes: &'static [DType],
}

/// A type variable.
pub const fn types(name: &'static str, dtypes: &'static [DType]) -> TypeVar {
    TypeVar { name, dtypes }
}

/// Something that must hold of an application.
pub struct Constraint {
    /// Name, `kebab-case`; errors and tests cite it.
    pub name: &'static str,
    /// The condition in English.
    pub text: &'static str,
}

/// A constraint.
pub const fn constraint(name: &'static str, text: &'static str) -> Constraint {
    Constraint { name, text }
}

/// What an operator means.
pub enum Meaning {
    /// One of the operators that everything decomposes into.
    Primitive {
        /// The fact of the result. Types and attributes' presence have been checked before.
        infer: fn(&mut Infer<'_>) -> Result<Fact, Violation>,
        /// The result, in plain loops and fixed order; also defined on sizes that are not numbers yet where that helps
        /// shape arithmetic. Facts have been checked before.
        eval: fn(&Evaluate<'_>) -> Result<Tensor, EvalError>,
    },
    /// A name for a decomposition.
    Composite {
        /// The finite list of forms, by what is present.
        variants: &'static [&'static str],
        /// Builds the decomposition.
        decompose: Decompose,
    },
}

/// Builds a composite from simpler operators.
pub type Decompose = fn(&mut dyn Build, &[Option<Value>], &Attrs) -> Result<Value, Violation>;

/// Facts of operands and the attributes of an application.
pub struct Facts<'a> {
    /// Facts of the operands.
    pub operands: &'a [Option<&'a Fact>],
    /// Attributes.
    pub attrs: &'a Attrs,
}

/// What an inference function works with.
pub struct Infer<'a> {
    operands: &'a [Option<&'a Fact>],
    /// Attributes.
    pub attrs: &'a Attrs,
    sizes: &'a mut dyn Assume,
}

/// Takes note of what an inference assumed about sizes.
pub trait Assume {
    /// Notes that the rest relies on `guard`.
    fn assume(&mut self, guard: Guard);
}

impl Assume for Vec<Guard> {
    fn assume(&mut self, guard: Guard) {
        if !self.contains(&guard) {
            self.push(guard);
        }
    }
}

impl<'a> Infer<'a> {
    /// The fact of operand `index`; arity has been checked.
    pub fn operand(&self, index: usize) -> &'a Fact {
        match self.operands.get(index) {
            Some(Some(fact)) => fact,
            _ => unreachable!("arity is checked before inference"),
        }
    }

    /// The facts of all operands that are present.
    pub fn operands(&self) -> impl Iterator<Item = &'a Fact> + use<'a> {
        self.operands.iter().flatten().copied()
    }

    /// The size that two equal sizes have; what cannot be proved is assumed and guarded.
    pub fn same(&mut self, a: &Dim, b: &Dim) -> Option<Dim> {
        same(self.sizes, a, b)
    }

    /// The quotient of two sizes; where no remainder cannot be proved it is assumed and guarded.
    pub fn quotient(&mut self, dividend: &Dim, divisor: &Dim) -> Option<Dim> {
        if let Some(quotient) = dividend.div_exact(divisor) {
            return Some(quotient);
        }
        let by = divisor.as_i64().filter(|by| *by > 0)?;
        dividend.as_i64().is_none().then(|| {
            let guard = Guard { kind: GuardKind::Divides, left: divisor.clone(), right: dividend.clone() };
            self.sizes.assume(guard);
            dividend.floor_div(by)
        })
    }

    /// Notes that `small` is at most `large`; false where that is known to be wrong.
    pub fn at_most(&mut self, small: &Dim, large: &Dim) -> bool {
        let guard = Guard { kind: GuardKind::AtMost, left: small.clone(), right: large.clone() };
        match guard.known() {
            Some(known) => known,
            None => {
                self.sizes.assume(guard);
                true
            }
        }
    }

    /// The shape that numpy's broadcasting gives two shapes.
    pub fn broadcast(&mut self, a: &[Dim], b: &[Dim]) -> Option<Vec<Dim>> {
        let rank = a.len().max(b.len());
        let one = Dim::from(1);
        let size = |shape: &[Dim], axis: usize| {
            (axis + shape.len()).checked_sub(rank).map_or(one.clone(), |i| shape[i].clone())
        };
        (0..rank)
            .map(|axis| match (size(a, axis), size(b, axis)) {
                (x, y) if x.is(1) => Some(y),
                (x, y) if y.is(1) => Some(x),
                (x, y) => same(self.sizes, &x, &y),
            })
            .collect()
    }
}

fn same(sizes: &mut dyn Assume, a: &Dim, b: &Dim) -> Option<Dim> {
    if a == b {
        return Some(if a.complexity() <= b.complexity() { a.clone() } else { b.clone() });
    }
    if a.differs(b) {
        return None;
    }
    let guard = Guard::equal(a, b);
    if guard.known() != Some(true) {
        sizes.assume(guard);
    }
    Some(if a.complexity() <= b.complexity() { a.clone() } else { b.clone() })
}

/// What an evaluation works with.
pub struct Evaluate<'a> {
    operands: &'a [Option<&'a Tensor>],
    /// Attributes; all sizes are numbers unless operands are symbolic.
    pub attrs: &'a Attrs,
}

impl<'a> Evaluate<'a> {
    /// Operand `index`; arity has been checked.
    pub fn operand(&self, index: usize) -> &'a Tensor {
        match self.operands.get(index) {
            Some(Some(tensor)) => tensor,
            _ => unreachable!("arity is checked before evaluation"),
        }
    }

    /// All operands that are present.
    pub fn operands(&self) -> Vec<&'a Tensor> {
        self.operands.iter().flatten().copied().collect()
    }

    /// The sizes of the result, where they follow from sizes that are numbers.
    ///
    /// # Errors
    /// Where they depend on a size that is not a number.
    pub fn result_sizes(&self, op: &'static Op) -> Result<Vec<usize>, EvalError> {
        let facts: Vec<Option<Fact>> = self.operands.iter().map(|operand| operand.map(Tensor::fact)).collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let inferred = op.infer(&facts, self.attrs, &Symbols::default(), &mut Vec::new());
        inferred.ok().and_then(|fact| fact.sizes()).ok_or(EvalError::Symbolic)
    }

    /// The sizes attribute as numbers.
    pub fn sizes(&self, name: &str) -> Result<Vec<usize>, EvalError> {
        self.attrs.get_dims(name).iter().map(|dim| dim.as_usize().ok_or(EvalError::Symbolic)).collect()
    }
}

/// Why an application has no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EvalError {
    /// It depends on a size that is not a number yet.
    Symbolic,
    /// A value lies outside the domain, such as an index.
    Domain(String),
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::Symbolic => f.write_str("the result depends on a size that is not known"),
            EvalError::Domain(what) => f.write_str(what),
        }
    }
}

/// A constraint that an application breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The operator.
    pub op: &'static str,
    /// Name of the constraint; `arity`, `types` and `attributes` are those of the signature.
    pub constraint: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` requires {}: {}", self.op, self.constraint, self.found)
    }
}

/// An example of an application, in text form.
pub struct Sample {
    /// What it shows.
    pub name: &'static str,
    /// Operands as tensors, `-` where absent.
    pub operands: &'static [&'static str],
    /// Attributes, `name = value` each.
    pub attrs: &'static [&'static str],
    /// The result.
    pub result: &'static str,
}

/// An example of an application that a constraint refuses.
pub struct Refusal {
    /// The constraint.
    pub constraint: &'static str,
    /// Operands as facts, `f32[2, n]`.
    pub operands: &'static [&'static str],
    /// Attributes, `name = value` each.
    pub attrs: &'static [&'static str],
}

impl Op {
    /// Whether this is a composite.
    pub fn is_composite(&self) -> bool {
        matches!(self.meaning, Meaning::Composite { .. })
    }

    /// A violation of one of this operator's constraints.
    pub fn refuse(&self, constraint: &'static str, found: impl Into<String>) -> Violation {
        Violation { op: self.name, constraint, found: found.into() }
    }

    /// The fact of the result; assumptions about sizes go to `sizes`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn infer(
        &'static self,
        operands: &[Option<&Fact>],
        attrs: &Attrs,
        symbols: &Symbols,
        sizes: &mut dyn Assume,
    ) -> Result<Fact, Violation> {
        self.check_signature(operands, attrs)?;
        match &self.meaning {
            Meaning::Primitive { infer, .. } => infer(&mut Infer { operands, attrs, sizes }),
            Meaning::Composite { decompose, .. } => {
                let mut builder = FactBuilder::new(symbols, sizes);
                let operands: Vec<Option<Value>> =
                    operands.iter().map(|fact| fact.map(|fact| builder.value(fact.clone()))).collect();
                let result = decompose(&mut builder, &operands, attrs)?;
                Ok(builder.fact(result).clone())
            }
        }
    }

    /// The result of an application whose facts have been inferred and whose attributes are bound.
    ///
    /// # Errors
    /// Where a value lies outside the domain or depends on an unknown size.
    pub fn eval(&'static self, operands: &[Option<&Tensor>], attrs: &Attrs) -> Result<Tensor, EvalError> {
        match &self.meaning {
            Meaning::Primitive { eval, .. } => eval(&Evaluate { operands, attrs }),
            Meaning::Composite { decompose, .. } => EvalBuilder::run(*decompose, operands, attrs),
        }
    }

    /// Arithmetic operations of one application.
    pub fn work(&self, operands: &[Option<&Fact>], attrs: &Attrs, result: &Fact) -> Dim {
        (self.flops)(&Facts { operands, attrs }, result)
    }

    fn check_signature(&self, operands: &[Option<&Fact>], attrs: &Attrs) -> Result<(), Violation> {
        let many = self.operands.last().is_some_and(|last| last.arity == Arity::Many);
        if operands.len() != self.operands.len() && !(many && operands.len() > self.operands.len()) {
            let count = format!("{} operands, not {}", operands.len(), self.operands.len());
            return Err(self.refuse("arity", count));
        }
        let mut bound: Vec<(&str, DType)> = Vec::new();
        for (index, fact) in operands.iter().enumerate() {
            let spec = &self.operands[index.min(self.operands.len() - 1)];
            let Some(fact) = fact else {
                if spec.arity == Arity::Optional {
                    continue;
                }
                return Err(self.refuse("arity", format!("operand `{}` is missing", spec.name)));
            };
            let allowed = match self.types.iter().find(|var| var.name == spec.ty) {
                Some(var) => var.dtypes.contains(&fact.dtype),
                None => spec.ty == fact.dtype.name(),
            };
            let first = bound.iter().find(|(ty, _)| *ty == spec.ty).map(|(_, dtype)| *dtype);
            if !allowed || first.is_some_and(|dtype| dtype != fact.dtype) {
                let among = first.map_or(spec.ty.to_string(), |dtype| format!("{} = {dtype}", spec.ty));
                return Err(self.refuse("types", format!("operand `{}` is {}, not {among}", spec.name, fact.dtype)));
            }
            bound.push((spec.ty, fact.dtype));
        }
        let given: Vec<(&str, AttrKind)> = attrs.iter().map(|(name, value)| (name, Attr::kind(value))).collect();
        let wanted: Vec<(&str, AttrKind)> = self.attrs.iter().map(|spec| (spec.name, spec.kind)).collect();
        if given != wanted {
            return Err(self.refuse("attributes", format!("{attrs}")));
        }
        Ok(())
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Op) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
