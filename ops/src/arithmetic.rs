//! Builders spell elementwise operators as methods.

use crate::build::{Build, Value};
use crate::dtype::DType;
use crate::op::Violation;
use crate::primitive as p;

/// Methods that apply an operator to values of one type.
macro_rules! methods {
    ($($doc:literal $name:ident($($operand:ident),+) = $op:ident;)*) => {
        impl dyn Build + '_ {
            $(
                #[doc = $doc]
                ///
                /// # Errors
                /// The constraint that the application breaks.
                pub fn $name(&mut self, $($operand: Value),+) -> Result<Value, Violation> {
                    self.plain(&p::$op::OP, &[$($operand),+])
                }
            )*
        }
    };
}

methods! {
    "The sum." add(x, y) = add;
    "The difference." sub(x, y) = sub;
    "The product." mul(x, y) = mul;
    "The quotient." div(x, y) = div;
    "The power." pow(x, y) = pow;
    "The larger." max(x, y) = max;
    "The smaller." min(x, y) = min;
    "Whether they are equal." equal(x, y) = equal;
    "Whether the first is smaller." less(x, y) = less;
    "The second where the first is true, else the third." select(condition, yes, no) = select;
    "The exponential." exp(x) = exp;
    "The natural logarithm." log(x) = log;
    "The square root." sqrt(x) = sqrt;
    "The sine." sin(x) = sin;
    "The cosine." cos(x) = cos;
    "The hyperbolic tangent." tanh(x) = tanh;
    "The largest whole number that is not above." floor(x) = floor;
    "The nearest whole number, halves to the even one." round(x) = round;
    "The matrix product." matmul(x, y) = matmul;
}

impl dyn Build + '_ {
    /// A scalar of the type of `x`.
    pub fn like(&mut self, x: Value, value: f64) -> Value {
        self.scalar(self.fact(x).dtype, value)
    }

    /// `x + value`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn plus(&mut self, x: Value, value: f64) -> Result<Value, Violation> {
        let value = self.like(x, value);
        self.add(x, value)
    }

    /// `x * value`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn times(&mut self, x: Value, value: f64) -> Result<Value, Violation> {
        let value = self.like(x, value);
        self.mul(x, value)
    }

    /// The negated.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn negated(&mut self, x: Value) -> Result<Value, Violation> {
        p::mul::negated(self, x)
    }

    /// The absolute value.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn abs(&mut self, x: Value) -> Result<Value, Violation> {
        let negated = self.negated(x)?;
        self.max(x, negated)
    }

    /// `value / x`.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn over(&mut self, value: f64, x: Value) -> Result<Value, Violation> {
        let value = self.like(x, value);
        self.div(value, x)
    }

    /// Whether both are true.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn and(&mut self, x: Value, y: Value) -> Result<Value, Violation> {
        let no = self.scalar(DType::Bool, 0.0);
        self.select(x, y, no)
    }

    /// Whether one is true.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn or(&mut self, x: Value, y: Value) -> Result<Value, Violation> {
        let yes = self.scalar(DType::Bool, 1.0);
        self.select(x, yes, y)
    }

    /// Whether it is false.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn not(&mut self, x: Value) -> Result<Value, Violation> {
        let no = self.scalar(DType::Bool, 0.0);
        self.equal(x, no)
    }

    /// The value with `coefficients[0] + coefficients[1] * x + …` by Horner's rule.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn polynomial(&mut self, x: Value, coefficients: &[f64]) -> Result<Value, Violation> {
        let (last, rest) = coefficients.split_last().unwrap_or((&0.0, &[]));
        let mut sum = self.like(x, *last);
        for coefficient in rest.iter().rev() {
            let product = self.mul(sum, x)?;
            sum = self.plus(product, *coefficient)?;
        }
        Ok(sum)
    }

    /// `f` of `x` computed in `f32` where `x` is narrower, and rounded back.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn in_f32(
        &mut self,
        x: Value,
        f: impl FnOnce(&mut dyn Build, Value) -> Result<Value, Violation>,
    ) -> Result<Value, Violation> {
        let dtype = self.fact(x).dtype;
        let wide = self.wide(x)?;
        let result = f(self, wide)?;
        self.cast(result, dtype)
    }

    /// `x` in `f32` where it is of a narrower floating-point type.
    ///
    /// # Errors
    /// The constraint that the application breaks.
    pub fn wide(&mut self, x: Value) -> Result<Value, Violation> {
        match self.fact(x).dtype {
            DType::F16 | DType::BF16 => self.cast(x, DType::F32),
            _ => Ok(x),
        }
    }
}
