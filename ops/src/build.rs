//! Builders: one way to write a decomposition or an import, whether it makes a graph, facts or numbers.

use crate::attr::Attrs;
use crate::dim::{Dim, Guard, Symbols};
use crate::dtype::DType;
use crate::fact::Fact;
use crate::op::{Assume, Decompose, EvalError, Op, Violation};
use crate::primitive;
use crate::tensor::Tensor;

/// A value of a builder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Value(pub u32);

/// Applies operators to values.
pub trait Build {
    /// The result of an operator.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation>;

    /// A constant.
    fn constant(&mut self, tensor: Tensor) -> Value;

    /// What is known of a value.
    fn fact(&self, value: Value) -> &Fact;

    /// The content of a value, where it is known; sizes in it may be symbolic.
    fn known(&self, value: Value) -> Option<&Tensor>;

    /// The bytes of a constant as elements of another type and shape; `None` where the value is none, or has not as many
    /// bytes.
    fn reinterpreted(&mut self, value: Value, fact: Fact) -> Option<Value> {
        let bytes = self.known(value)?.to_bytes()?;
        Some(self.constant(Tensor::from_bytes(fact.dtype, fact.sizes()?, &bytes)?))
    }

    /// The symbols that sizes are over.
    fn symbols(&self) -> &Symbols;

    /// Notes that the rest relies on `guard`.
    fn assume(&mut self, guard: Guard);
}

impl dyn Build + '_ {
    /// The result of an operator with all operands present.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn op(&mut self, op: &'static Op, operands: &[Value], attrs: Attrs) -> Result<Value, Violation> {
        let operands: Vec<Option<Value>> = operands.iter().copied().map(Some).collect();
        self.apply(op, &operands, attrs)
    }

    /// The result of an operator without attributes.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn plain(&mut self, op: &'static Op, operands: &[Value]) -> Result<Value, Violation> {
        self.op(op, operands, Attrs::none())
    }

    /// A scalar of a given type.
    pub fn scalar(&mut self, dtype: DType, value: f64) -> Value {
        self.constant(Tensor::scalar(dtype, value))
    }

    /// A list of sizes as an `i64` value.
    pub fn sizes(&mut self, dims: Vec<Dim>) -> Value {
        let tensor = Tensor::dims(vec![dims.len()], dims);
        self.constant(tensor.unwrap_or_else(|| Tensor::list_i64(Vec::new())))
    }

    /// One size as an `i64` scalar.
    pub fn size(&mut self, dim: Dim) -> Value {
        let tensor = Tensor::dims(Vec::new(), vec![dim]);
        self.constant(tensor.unwrap_or_else(|| Tensor::scalar_i64(0)))
    }

    /// The value in another storage type; itself where it has that type already.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn cast(&mut self, x: Value, to: DType) -> Result<Value, Violation> {
        if self.fact(x).dtype == to {
            return Ok(x);
        }
        self.op(&primitive::cast::OP, &[x], Attrs::none().dtype("to", to))
    }

    /// A composite of 16-bit floats computed in `f32` and rounded once.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn widened(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: &Attrs) -> Result<Value, Violation> {
        let narrow = operands.iter().flatten().map(|&operand| self.fact(operand).dtype).find(|dtype| dtype.is_narrow());
        let mut wide = Vec::new();
        for operand in operands {
            wide.push(match *operand {
                Some(value) if self.fact(value).dtype.is_narrow() => Some(self.cast(value, DType::F32)?),
                other => other,
            });
        }
        let result = self.apply(op, &wide, attrs.clone())?;
        self.cast(result, narrow.unwrap_or(DType::F32))
    }

    /// The value in another shape of as many elements; itself where it has that shape already.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn reshape(&mut self, x: Value, to: &[Dim]) -> Result<Value, Violation> {
        if self.fact(x).shape == to {
            return Ok(x);
        }
        let groups = primitive::reshape::groups(&self.fact(x).shape.clone(), to, &mut |guard| self.assume(guard))?;
        self.op(&primitive::reshape::OP, &[x], Attrs::none().with("groups", crate::attr::Attr::Groups(groups)))
    }

    /// The value with its axes in another order; itself where the order is the same.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn transpose(&mut self, x: Value, perm: Vec<i64>) -> Result<Value, Violation> {
        if perm.iter().enumerate().all(|(i, &p)| p == i as i64) {
            return Ok(x);
        }
        self.op(&primitive::transpose::OP, &[x], Attrs::none().ints("perm", perm))
    }
}

/// Builds facts only.
pub struct FactBuilder<'a> {
    values: Vec<(Fact, Option<Tensor>)>,
    symbols: &'a Symbols,
    sizes: &'a mut dyn Assume,
}

impl<'a> FactBuilder<'a> {
    /// An empty builder; assumptions about sizes go to `sizes`.
    pub fn new(symbols: &'a Symbols, sizes: &'a mut dyn Assume) -> FactBuilder<'a> {
        FactBuilder { values: Vec::new(), symbols, sizes }
    }

    /// A value of which only the fact is known.
    pub fn value(&mut self, fact: Fact) -> Value {
        self.push(fact, None)
    }

    fn push(&mut self, fact: Fact, known: Option<Tensor>) -> Value {
        self.values.push((fact, known));
        Value(self.values.len() as u32 - 1)
    }
}

impl Build for FactBuilder<'_> {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        let facts: Vec<Option<&Fact>> =
            operands.iter().map(|value| value.map(|value| &self.values[value.0 as usize].0)).collect();
        let fact = op.infer(&facts, &attrs, self.symbols, self.sizes)?;
        Ok(self.push(fact, None))
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        self.push(tensor.fact(), Some(tensor))
    }

    fn fact(&self, value: Value) -> &Fact {
        &self.values[value.0 as usize].0
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        self.values[value.0 as usize].1.as_ref()
    }

    fn symbols(&self) -> &Symbols {
        self.symbols
    }

    fn assume(&mut self, guard: Guard) {
        self.sizes.assume(guard);
    }
}

/// Evaluates while building.
pub struct EvalBuilder {
    values: Vec<(Fact, Tensor)>,
    symbols: Symbols,
    failed: Option<EvalError>,
}

impl EvalBuilder {
    /// The value of a decomposition.
    ///
    /// # Errors
    /// Where a value lies outside the domain or depends on an unknown size.
    pub fn run(decompose: Decompose, operands: &[Option<&Tensor>], attrs: &Attrs) -> Result<Tensor, EvalError> {
        let mut builder = EvalBuilder { values: Vec::new(), symbols: Symbols::default(), failed: None };
        let operands: Vec<Option<Value>> =
            operands.iter().map(|tensor| tensor.map(|tensor| builder.constant(tensor.clone()))).collect();
        let result = decompose(&mut builder, &operands, attrs);
        if let Some(error) = builder.failed {
            return Err(error);
        }
        match result {
            Ok(value) => Ok(builder.values.swap_remove(value.0 as usize).1),
            Err(violation) => Err(EvalError::Domain(violation.to_string())),
        }
    }
}

impl Build for EvalBuilder {
    fn apply(&mut self, op: &'static Op, operands: &[Option<Value>], attrs: Attrs) -> Result<Value, Violation> {
        let of = |value: &Option<Value>| value.map(|value| &self.values[value.0 as usize]);
        let facts: Vec<Option<&Fact>> = operands.iter().map(|value| of(value).map(|(fact, _)| fact)).collect();
        let tensors: Vec<Option<&Tensor>> = operands.iter().map(|value| of(value).map(|(_, tensor)| tensor)).collect();
        op.infer(&facts, &attrs, &self.symbols, &mut Vec::new())?;
        match op.eval(&tensors, &attrs) {
            Ok(tensor) => Ok(self.constant(tensor)),
            Err(error) => {
                let violation = op.refuse("domain", error.to_string());
                self.failed = Some(error);
                Err(violation)
            }
        }
    }

    fn constant(&mut self, tensor: Tensor) -> Value {
        self.values.push((tensor.fact(), tensor));
        Value(self.values.len() as u32 - 1)
    }

    fn fact(&self, value: Value) -> &Fact {
        &self.values[value.0 as usize].0
    }

    fn known(&self, value: Value) -> Option<&Tensor> {
        Some(&self.values[value.0 as usize].1)
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn assume(&mut self, _guard: Guard) {}
}
