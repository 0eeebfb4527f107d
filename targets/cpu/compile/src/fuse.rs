//! Which steps become one: elementwise functions of each other, what follows a product or a norm, two products that are
//! multiplied, and transpositions of what attention gives.

use crate::program::Program;
use crate::{attention, epilogue};
use m4c_ops::{DType, Dim, Fact};
use m4c_target::{Fused, Fusion, FusionOperand};

/// The one step for two.
pub(crate) fn fuse(fusion: &Fusion<'_>) -> Option<Fused> {
    let between = fusion.operands.get(fusion.between)?.view.fact;
    match &*fusion.producer.kernel {
        "attention_f32" if fusion.consumer.kernel == "transpose_4" && between.shape == fusion.produced.shape => {
            Some(Fused { step: attention::ordered(fusion.producer, &fusion.consumer.params)?, resized: None })
        }
        "matmul_packed_f32" if fusion.consumer.kernel == "matmul_packed_f32" => epilogue::of_pair(fusion),
        "matmul_f32" | "matmul_packed_f32" | "conv_f32" => epilogue::of_product(fusion),
        "group_norm_f32" => epilogue::of_norm(fusion),
        _ => elementwise(fusion),
    }
}

/// One program for two.
fn elementwise(fusion: &Fusion<'_>) -> Option<Fused> {
    let first = Program::of(fusion.producer, &fusion.operands)?;
    let second = Program::of(fusion.consumer, &fusion.operands)?;
    if fusion.result.dtype != DType::F32 || !same_count(fusion.produced, fusion.result) {
        return None;
    }
    let read_alike = |place: &usize| read_alike(&fusion.operands[*place], fusion.produced, fusion.result);
    if !first.operands.iter().all(read_alike) {
        return None;
    }
    let step = first.then(second, fusion.between)?.step()?;
    Some(Fused { step, resized: None })
}

/// Whether two values have as many elements, whatever the sizes.
pub(crate) fn same_count(a: &Fact, b: &Fact) -> bool {
    a.shape == b.shape || a.elements() == b.elements()
}

/// Whether an operand meets the same elements of a result under these sizes and under those.
fn read_alike(operand: &FusionOperand<'_>, before: &Fact, after: &Fact) -> bool {
    let fact = operand.view.fact;
    if before.shape == after.shape || same_count(fact, before) || fact.elements().is(1) {
        return true;
    }
    let own = fact.shape.iter().skip_while(|size| size.is(1)).count();
    let last = |fact: &Fact| -> Option<Vec<Dim>> { Some(fact.shape[fact.rank().checked_sub(own)?..].to_vec()) };
    fact.rank() <= after.rank() && last(before).is_some() && last(before) == last(after)
}
