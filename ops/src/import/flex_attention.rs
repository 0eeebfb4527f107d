//! `FlexAttention` of the preview domain: attention whose scores and weights a model may change by graphs of its own.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::composite::attention;
use crate::heads;
use crate::onnx::{ImportError, OnnxImport, OnnxNode};

/// `FlexAttention`.
pub static IMPORT: &[OnnxImport] =
    &[OnnxImport { op_type: "FlexAttention", domain: "ai.onnx.preview", since: 1, until: i64::MAX, import }];

fn import(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    for name in ["score_mod", "prob_mod"] {
        if node.attrs.contains_key(name) {
            return Err(ImportError::Attribute { name: name.into(), found: "is a graph".into() });
        }
    }
    let (q, k, v) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    let scale = heads::scale(b, node, q)?;
    // Scores and weights of narrow types are computed in f32.
    let dtype = b.fact(v).dtype;
    let (q, k, v) = (b.wide(q)?, b.wide(k)?, b.wide(v)?);
    let operands = [Some(q), Some(k), Some(v), None, Some(scale), None];
    let attrs = Attrs::none().dims("causal", Vec::new()).flag("guarded", false);
    let result = b.apply(&attention::OP, &operands, attrs)?;
    Ok(vec![b.cast(result, dtype)?])
}
