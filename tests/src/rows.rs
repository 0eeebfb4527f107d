//! Rows of attention that padding hides whole: their result is not defined, and exporters differ on it.

use crate::Named;
use m4c_ops::{Data, Tensor};
use std::sync::Arc;

/// Results with zeros in the rows of queries that see no token: those before which, and at which, `attention_mask` is 0.
///
/// The mask is [batch, tokens]; the queries are the last of the tokens. Logits are [batch, queries, …], keys and values
/// [batch, heads, tokens, …].
pub fn without_hidden(results: &Named, inputs: &Named) -> Named {
    let Some(mask) = inputs.get("attention_mask") else { return results.clone() };
    let seen = mask.as_i64s().expect("a mask of integers");
    let tokens = mask.shape()[1];
    let hidden = |row: usize, token: usize| seen[row * tokens..=row * tokens + token].iter().all(|&x| x == 0);
    let blank = |tensor: &Arc<Tensor>| {
        let shape = tensor.shape();
        let axis = if shape.len() == 4 { 2 } else { 1 };
        let (Data::F32(values), true) = (tensor.data(), shape.len() > axis && shape[0] == mask.shape()[0]) else {
            return tensor.clone();
        };
        let inner: usize = shape[axis + 1..].iter().product();
        let per_row: usize = shape[1..].iter().product();
        let blanked = values.iter().enumerate().map(|(at, &x)| {
            let (row, place) = (at / per_row, at / inner % shape[axis]);
            let token = (place + tokens).checked_sub(shape[axis]);
            if token.is_some_and(|token| hidden(row, token)) { 0.0 } else { x }
        });
        Arc::new(Tensor::new(shape.to_vec(), Data::F32(blanked.collect())).expect("as many elements"))
    };
    results.iter().map(|(name, tensor)| (name.clone(), blank(tensor))).collect()
}
