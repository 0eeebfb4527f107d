//! Losses of classifiers: the negated logarithm of the probability that a model gave to the right class.

use crate::attr::Attrs;
use crate::build::{Build, Value};
use crate::onnx::{ImportError, OnnxImport, OnnxNode, from};
use crate::primitive::{gather, log, reduce_sum};

/// `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`.
pub static IMPORT: &[OnnxImport] = &[
    from("NegativeLogLikelihoodLoss", 12, |b, node| {
        let logs = node.operand(0)?;
        Ok(vec![loss(b, node, logs)?])
    }),
    from("SoftmaxCrossEntropyLoss", 12, |b, node| {
        let logs = log::of_softmax(b, node.operand(0)?, 1)?;
        Ok(vec![loss(b, node, logs)?, logs])
    }),
];

/// Of `logs` [batch, classes, …] those of the classes [batch, …] that operand 1 names, negated and weighted by class; under
/// the reduction `mean` the weights' sum divides.
fn loss(b: &mut dyn Build, node: &OnnxNode, logs: Value) -> Result<Value, ImportError> {
    let fact = b.fact(logs).clone();
    let mut classes = node.operand(1)?;
    let (rank, targets) = (fact.rank() as i64, b.fact(classes).clone());
    if rank < 2 || targets.rank() + 1 != fact.rank() {
        return Err(ImportError::Operand { index: 1, found: format!("is {targets} for {fact}") });
    }
    let zero = b.scalar(fact.dtype, 0.0);
    let ignored = match node.int("ignore_index")? {
        Some(index) => {
            let index = b.like(classes, index as f64);
            let ignored = b.equal(classes, index)?;
            let first = b.like(classes, 0.0);
            classes = b.select(ignored, first, classes)?;
            Some(ignored)
        }
        None => None,
    };
    // With the classes last, each place picks one of its own.
    let last = (0..rank).filter(|&axis| axis != 1).chain([1]).collect();
    let by_place = b.transpose(logs, last)?;
    let column = b.with_axis(classes, targets.rank())?;
    let attrs = Attrs::none().int("axis", rank - 1).int("batch_dims", rank - 1);
    let picked = b.op(&gather::OP, &[by_place, column], attrs)?;
    let picked = b.without_axis(picked, targets.rank())?;
    let mut loss = b.negated(picked)?;
    let mut weights = match node.optional(2) {
        Some(weights) => Some(b.pick(weights, classes, 0)?),
        None => None,
    };
    if let Some(weights) = weights {
        loss = b.mul(loss, weights)?;
    }
    if let Some(ignored) = ignored {
        let one = b.scalar(fact.dtype, 1.0);
        weights = Some(b.select(ignored, zero, weights.unwrap_or(one))?);
        loss = b.select(ignored, zero, loss)?;
    }
    let all: Vec<i64> = (0..rank - 1).collect();
    Ok(match node.text("reduction")?.unwrap_or("mean") {
        "none" => loss,
        "sum" => b.sum(loss, all, false)?,
        "mean" => match weights {
            Some(weights) => {
                let (loss, weight) = (b.sum(loss, all.clone(), false)?, b.sum(weights, all, false)?);
                b.div(loss, weight)?
            }
            None => reduce_sum::mean(b, loss, all, false)?,
        },
        other => return Err(ImportError::Attribute { name: "reduction".into(), found: format!("is `{other}`") }),
    })
}
