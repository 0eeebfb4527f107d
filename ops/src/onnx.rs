//! What an operator's room says about ONNX: which nodes import as it, and how it is written back. No bytes are read here.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::dim::Dim;
use crate::dtype::DType;
use crate::element::Element;
use crate::fact::Fact;
use crate::op::Violation;
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::fmt;

/// An ONNX node with its operands already imported.
#[derive(Clone)]
pub struct OnnxNode {
    /// Operator name, as in `LayerNormalization`.
    pub op_type: String,
    /// The operator set version of the model for the node's domain.
    pub version: i64,
    /// Operands; `None` where absent.
    pub operands: Vec<Option<Value>>,
    /// ONNX's element types of the operands; their storage types carry these.
    pub elements: Vec<Option<Element>>,
    /// How many results the node has.
    pub results: usize,
    /// Attributes by name.
    pub attrs: BTreeMap<String, OnnxAttr>,
}

/// An attribute of an ONNX node.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum OnnxAttr {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Floats(Vec<f32>),
    Text(String),
    Texts(Vec<String>),
    Tensor(Tensor),
    /// A graph, a type or a sparse tensor.
    Other,
}

/// An ONNX operator of which some versions import as the operator in whose room this stands.
pub struct OnnxImport {
    /// Operator name.
    pub op_type: &'static str,
    /// Domain; empty for the standard one.
    pub domain: &'static str,
    /// First operator set version.
    pub since: i64,
    /// Last version, `i64::MAX` where still valid.
    pub until: i64,
    /// Builds the results.
    pub import: ImportFn,
}

/// Builds the results of an ONNX node.
pub type ImportFn = fn(&mut dyn Build, &OnnxNode) -> Result<Vec<Value>, ImportError>;

/// All versions from `since` on of a standard operator.
pub const fn from(op_type: &'static str, since: i64, import: ImportFn) -> OnnxImport {
    OnnxImport { op_type, domain: "", since, until: i64::MAX, import }
}

/// The versions `since` to `until` of a standard operator.
pub const fn between(op_type: &'static str, since: i64, until: i64, import: ImportFn) -> OnnxImport {
    OnnxImport { op_type, domain: "", since, until, import }
}

/// An operator of onnxruntime's own, which has one version.
pub const fn microsoft(op_type: &'static str, import: ImportFn) -> OnnxImport {
    OnnxImport { op_type, domain: "com.microsoft", since: 1, until: i64::MAX, import }
}

/// Why a node does not import. The importer adds the place.
#[derive(Clone, PartialEq, Debug)]
pub enum ImportError {
    /// A constraint of the operator that the node becomes.
    Refused(Violation),
    /// An attribute that is missing, of another kind, or of a value that is not supported.
    Attribute {
        /// Its name.
        name: String,
        /// What is wrong.
        found: String,
    },
    /// An operand that is missing or of a form that is not supported.
    Operand {
        /// Its position.
        index: usize,
        /// What is wrong.
        found: String,
    },
    /// An operand that must be known when compiling.
    NotConstant {
        /// Its position.
        index: usize,
        /// What it sets.
        sets: &'static str,
    },
    /// A feature of the operator that is not supported.
    Unsupported(String),
}

impl From<Violation> for ImportError {
    fn from(violation: Violation) -> ImportError {
        ImportError::Refused(violation)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Refused(violation) => violation.fmt(f),
            ImportError::Attribute { name, found } => write!(f, "attribute `{name}` {found}"),
            ImportError::Operand { index, found } => write!(f, "operand {index} {found}"),
            ImportError::NotConstant { index, sets } => {
                write!(f, "operand {index}, which sets {sets}, is only known at run time")
            }
            ImportError::Unsupported(what) => f.write_str(what),
        }
    }
}

/// No tensor has as many axes.
const MOST_SIZES: usize = 64;

impl OnnxNode {
    /// Operand `index`.
    ///
    /// # Errors
    /// Where it is absent.
    pub fn operand(&self, index: usize) -> Result<Value, ImportError> {
        self.optional(index).ok_or(ImportError::Operand { index, found: "is missing".into() })
    }

    /// Operand `index`, where present.
    pub fn optional(&self, index: usize) -> Option<Value> {
        self.operands.get(index).copied().flatten()
    }

    /// ONNX's element type of operand `index`.
    ///
    /// # Errors
    /// Where the operand is absent.
    pub fn element(&self, index: usize) -> Result<Element, ImportError> {
        let element = self.elements.get(index).copied().flatten();
        element.ok_or(ImportError::Operand { index, found: "is missing".into() })
    }

    /// Operand `index` as sizes: each element that is only known while running becomes a symbol of its own.
    ///
    /// # Errors
    /// Where it is absent, no list of integers, or of a length that is only known at run time; `sets` says what for.
    pub fn sizes(&self, b: &mut dyn Build, index: usize, sets: &'static str) -> Result<Vec<Dim>, ImportError> {
        let value = self.operand(index)?;
        if let Some(known) = b.known(value).and_then(Tensor::as_dims) {
            return Ok(known);
        }
        let fact = b.fact(value).clone();
        let count = fact.elements().as_usize().filter(|_| !fact.dtype.is_float() && fact.rank() <= 1);
        let count = count.ok_or(ImportError::NotConstant { index, sets })?;
        if count > MOST_SIZES {
            return Err(ImportError::Operand { index, found: format!("is {count} sizes") });
        }
        Ok((0..count).map(|at| b.bind(value, at)).collect::<Result<_, _>>()?)
    }

    /// Operand `index` as one size.
    ///
    /// # Errors
    /// Those of [`OnnxNode::sizes`], and where it is not one number.
    pub fn size(&self, b: &mut dyn Build, index: usize, sets: &'static str) -> Result<Dim, ImportError> {
        let mut sizes = self.sizes(b, index, sets)?;
        match (sizes.pop(), sizes.is_empty()) {
            (Some(size), true) => Ok(size),
            _ => Err(ImportError::Operand { index, found: "is not one number".into() }),
        }
    }

    /// Operand `index` as numbers known when compiling.
    ///
    /// # Errors
    /// Where it is absent or only known at run time; `sets` says what for.
    pub fn numbers(&self, b: &dyn Build, index: usize, sets: &'static str) -> Result<Vec<i64>, ImportError> {
        let known = b.known(self.operand(index)?).and_then(Tensor::as_i64s);
        known.ok_or(ImportError::NotConstant { index, sets })
    }

    /// An integer attribute, where present.
    ///
    /// # Errors
    /// Where it is of another kind.
    pub fn int(&self, name: &str) -> Result<Option<i64>, ImportError> {
        self.attr(name, "is not a number", |attr| if let OnnxAttr::Int(x) = attr { Some(*x) } else { None })
    }

    /// An integer list attribute, where present.
    ///
    /// # Errors
    /// Where it is of another kind.
    pub fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, ImportError> {
        self.attr(name, "is not a list of numbers", |attr| match attr {
            OnnxAttr::Ints(x) => Some(x.clone()),
            _ => None,
        })
    }

    /// A floating-point attribute, where present.
    ///
    /// # Errors
    /// Where it is of another kind.
    pub fn float(&self, name: &str) -> Result<Option<f32>, ImportError> {
        self.attr(name, "is not a real number", |attr| if let OnnxAttr::Float(x) = attr { Some(*x) } else { None })
    }

    /// A text attribute, where present.
    ///
    /// # Errors
    /// Where it is of another kind.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ImportError> {
        match self.attrs.get(name) {
            None => Ok(None),
            Some(OnnxAttr::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ImportError::Attribute { name: name.into(), found: "is not a text".into() }),
        }
    }

    /// The attribute `axis` counted from the front of `x`, or the one that holds where it is absent.
    ///
    /// # Errors
    /// Where it is out of range or of another kind.
    pub fn axis(&self, b: &dyn Build, x: Value, absent: i64) -> Result<usize, ImportError> {
        let (fact, axis) = (b.fact(x), self.int("axis")?.unwrap_or(absent));
        let found = || ImportError::Attribute { name: "axis".into(), found: format!("is {axis} for {fact}") };
        fact.axis(axis).ok_or_else(found)
    }

    fn attr<T>(&self, name: &str, wrong: &str, get: impl Fn(&OnnxAttr) -> Option<T>) -> Result<Option<T>, ImportError> {
        let found = || ImportError::Attribute { name: name.into(), found: wrong.into() };
        self.attrs.get(name).map(|attr| get(attr).ok_or_else(found)).transpose()
    }
}

/// The storage type that carries the type with this number in ONNX's `TensorProto.DataType`, where there is one.
pub fn dtype_from_onnx(number: i64) -> Option<DType> {
    Element::from_number(number).map(Element::carrier)
}

/// The number of a storage type in ONNX's `TensorProto.DataType`.
pub fn dtype_to_onnx(dtype: DType) -> i64 {
    Element::of(dtype).number()
}

/// How an operator is written as plain ONNX.
pub enum Export {
    /// By this function.
    Nodes(ExportFn),
    /// By its decomposition.
    Decompose,
}

/// Writes one node as plain ONNX.
pub type ExportFn = fn(&mut dyn OnnxGraph, &ExportNode<'_>) -> OnnxValue;

/// A value of an ONNX graph that is being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnnxValue(pub u32);

/// A node to be written.
pub struct ExportNode<'a> {
    /// Operands.
    pub operands: &'a [Option<OnnxValue>],
    /// Their facts.
    pub facts: &'a [Option<&'a Fact>],
    /// Attributes.
    pub attrs: &'a Attrs,
    /// The result's fact.
    pub result: &'a Fact,
}

impl ExportNode<'_> {
    /// Operand `index`; the verifier holds that required operands are present.
    pub fn operand(&self, index: usize) -> OnnxValue {
        match self.operands.get(index) {
            Some(Some(value)) => *value,
            _ => unreachable!("graphs are verified before they are written"),
        }
    }

    /// The fact of operand `index`.
    pub fn fact(&self, index: usize) -> &Fact {
        match self.facts.get(index) {
            Some(Some(fact)) => fact,
            _ => unreachable!("graphs are verified before they are written"),
        }
    }
}

/// Writes ONNX nodes of operator set 20.
pub trait OnnxGraph {
    /// A node with one result.
    fn node(&mut self, op_type: &str, operands: &[Option<OnnxValue>], attrs: &[(&str, OnnxAttr)]) -> OnnxValue;

    /// A node with two results, of which the second is wanted.
    fn second(&mut self, op_type: &str, operands: &[Option<OnnxValue>], attrs: &[(&str, OnnxAttr)]) -> OnnxValue;

    /// A constant.
    fn constant(&mut self, tensor: &Tensor) -> OnnxValue;

    /// Sizes as a one-dimensional `int64` value, computed from the shapes of the inputs where they are symbolic.
    fn sizes(&mut self, dims: &[Dim]) -> OnnxValue;
}

/// Exports as one node of the same operands, without attributes.
#[macro_export]
macro_rules! export_as {
    ($op_type:literal) => {
        $crate::onnx::Export::Nodes(|g, node| g.node($op_type, node.operands, &[]))
    };
}
