//! The operator table, and what follows from it for every operator alike.

use crate::attr::{Attr, Attrs};
use crate::dim::Dim;
use crate::dim::Symbols;
use crate::dtype::DType;
use crate::fact::Fact;
use crate::onnx::OnnxImport;
use crate::op::{Op, Sample};
use crate::tensor::Tensor;
use crate::{composite, import, primitive, structural};

/// Declares rooms: each line is a file and an entry of the table.
#[macro_export]
macro_rules! rooms {
    ($($room:ident),* $(,)?) => {
        $(pub mod $room;)*

        /// All operators of this kind, in order.
        pub static ALL: &[&$crate::op::Op] = &[$(&$room::OP),*];
    };
}

/// The promise: no more primitives than this.
pub const MAX_PRIMITIVES: usize = 39;

/// All operators: primitives, composites and structural forms.
pub fn all() -> impl Iterator<Item = &'static Op> {
    primitive::ALL.iter().chain(composite::ALL).chain(structural::ALL).copied()
}

/// The operator of that name.
pub fn find(name: &str) -> Option<&'static Op> {
    all().find(|op| op.name == name)
}

/// The import of an ONNX operator at an operator set version, with the operator in whose room it stands, if any.
pub fn find_import(domain: &str, op_type: &str, version: i64) -> Option<(Option<&'static Op>, &'static OnnxImport)> {
    imports().find(|(_, import)| {
        import.domain == domain && import.op_type == op_type && (import.since..=import.until).contains(&version)
    })
}

/// All imports, with the operator in whose room each stands; none for those of [`crate::import`].
pub fn imports() -> impl Iterator<Item = (Option<&'static Op>, &'static OnnxImport)> {
    let of_operators = all().flat_map(|op| op.import.iter().map(move |import| (Some(op), import)));
    of_operators.chain(import::ALL.iter().flat_map(|room| room.iter()).map(|import| (None, import)))
}

impl Op {
    /// Reads attributes written `name = value` each.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse_attrs(&self, texts: &[&str], symbols: &Symbols) -> Result<Attrs, String> {
        let mut attrs = Attrs::none();
        if texts.len() != self.attrs.len() {
            return Err(format!("`{}` has {} attributes, not {}", self.name, self.attrs.len(), texts.len()));
        }
        for (spec, text) in self.attrs.iter().zip(texts) {
            let (name, value) = text.split_once('=').ok_or_else(|| format!("no `=` in `{text}`"))?;
            if name.trim() != spec.name {
                return Err(format!("expected attribute `{}`, not `{}`", spec.name, name.trim()));
            }
            attrs = attrs.with(spec.name, Attr::parse(spec.kind, value, symbols)?);
        }
        Ok(attrs)
    }
}

/// A [`Sample`] with its texts read.
pub struct ReadSample {
    /// Operands.
    pub operands: Vec<Option<Tensor>>,
    /// Attributes.
    pub attrs: Attrs,
    /// The result as written.
    pub result: Tensor,
}

impl Sample {
    /// Reads the texts.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(&self, op: &Op) -> Result<ReadSample, String> {
        let symbols = Symbols::default();
        let tensor = |text: &str| Tensor::parse(text, &symbols).map_err(|error| error.to_string());
        Ok(ReadSample {
            operands: self
                .operands
                .iter()
                .map(|text| if *text == "-" { Ok(None) } else { tensor(text).map(Some) })
                .collect::<Result<_, _>>()?,
            attrs: op.parse_attrs(self.attrs, &symbols)?,
            result: tensor(self.result)?,
        })
    }
}

impl Fact {
    /// Reads `f32[2, n]`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str, symbols: &Symbols) -> Result<Fact, String> {
        let (dtype, shape) = text.split_once('[').ok_or_else(|| format!("no `[` in `{text}`"))?;
        let dtype = DType::parse(dtype.trim()).ok_or_else(|| format!("`{dtype}` is no type"))?;
        let Attr::Dims(shape) = Attr::parse(crate::attr::AttrKind::Dims, &format!("[{shape}"), symbols)? else {
            return Err(format!("`{text}` is no fact"));
        };
        Ok(Fact::new(dtype, shape))
    }
}

/// The number of elements of a result, for operators that do one operation an element.
pub fn one_flop_an_element(_: &crate::op::Facts<'_>, result: &Fact) -> Dim {
    result.elements()
}

/// No arithmetic: data movement only.
pub fn no_flops(_: &crate::op::Facts<'_>, _: &Fact) -> Dim {
    Dim::from(0)
}
