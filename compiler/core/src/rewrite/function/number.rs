//! Numbers.

use super::{Function, function, id, number};
use crate::rewrite::builder::class;
use crate::rewrite::language::known;
use crate::rewrite::template::Part;
use m4c_ops::build::Build;
use m4c_ops::{Data, Tensor};

pub(super) const FUNCTIONS: &[Function] = &[
    function("product", 2, "the product of two numbers, rounded to f32", |_, parts| {
        let product = number(&parts[0])? as f32 * number(&parts[1])? as f32;
        product.is_normal().then_some(Part::Number(f64::from(product)))
    }),
    function("reciprocal", 1, "1 over a number, rounded to f32", |_, parts| {
        Some(Part::Number(f64::from((number(&parts[0])? as f32).recip())))
    }),
    function("f32", 1, "a number as a scalar of type f32", |b, parts| {
        let scalar = b.constant(Tensor::scalar_f32(number(&parts[0])? as f32));
        Some(Part::Class(class(scalar)))
    }),
    function("per-channel", 2, "a number for each channel of a value", |b, parts| {
        let fact = &known(b.forms, id(&parts[0])?)?.fact;
        let (dtype, channels) = (fact.dtype, usize::try_from(fact.shape.get(1)?.as_i64()?).ok()?);
        let all = Data::from_f64(dtype, std::iter::repeat_n(number(&parts[1])?, channels.min(MOST_CHANNELS)));
        Tensor::new(vec![channels], all).map(|tensor| Part::Class(class(b.constant(tensor))))
    }),
];

/// More channels than this are none.
const MOST_CHANNELS: usize = 1 << 16;
