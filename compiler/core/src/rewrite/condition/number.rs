//! Numbers, types, and what is known when compiling.

use super::{Entry, entry};
use crate::rewrite::language::known;
use m4c_ops::{DType, Data, composite};

pub(super) const CONDITIONS: &[Entry] = &[
    entry("finite-reciprocal", 2, "{0} and its reciprocal are finite, normal numbers in the type of {1}", |asked| {
        let (number, dtype) = (asked.number(0)? as f32, asked.fact(1)?.dtype);
        Some(match dtype {
            DType::F16 => [number, number.recip()].iter().all(|one| (6.2e-5..=65504.0).contains(&one.abs())),
            _ => number.is_normal() && number.recip().is_normal(),
        })
    }),
    entry("lowest", 2, "{0} is the lowest number of the type of {1}", |asked| {
        Some(asked.number(0)? == composite::attention::lowest(asked.fact(1)?.dtype))
    }),
    entry(
        "absorbing",
        2,
        "{0} is the lowest number of the type of {1}, beside which others are lost: not that of f16",
        |asked| {
            let dtype = asked.fact(1)?.dtype;
            Some(dtype != DType::F16 && asked.number(0)? == composite::attention::lowest(dtype))
        },
    ),
    entry(
        "exact-steps",
        2,
        "products of {0} with integers of 17 bits are normal numbers in the type of {1}, which is f32",
        |asked| {
            let step = asked.number(0)?.abs();
            Some(asked.fact(1)?.dtype == DType::F32 && (f64::from(f32::MIN_POSITIVE)..1e33).contains(&step))
        },
    ),
    entry("one-step", 2, "{0} and {1}, where it is there, have one element each", |asked| {
        let zero = asked.fact(1).is_none_or(|zero| zero.elements().is(1));
        Some(zero && asked.fact(0)?.elements().is(1))
    }),
    entry("constant", 1, "{0} is known when compiling", |asked| Some(known(asked.forms, asked.class(0)?)?.constant)),
    entry("not-constant", 1, "{0} is not known when compiling", |asked| {
        Some(!known(asked.forms, asked.class(0)?)?.constant)
    }),
    entry("real", 1, "{0} is of a floating-point type", |asked| Some(asked.fact(0)?.dtype.is_float())),
    entry("widens", 2, "the type of {0} has every number of the type of {1}", |asked| {
        Some(widens(asked.fact(1)?.dtype, asked.fact(0)?.dtype))
    }),
    entry("all-one", 1, "all elements of {0} are 1", |asked| {
        Some(known(asked.forms, asked.class(0)?)?.number == Some(1.0))
    }),
    entry("all-zero", 1, "all elements of {0} are 0", |asked| {
        Some(known(asked.forms, asked.class(0)?)?.number == Some(0.0))
    }),
    entry("all-false", 1, "all elements of {0} are false", |asked| {
        let known = known(asked.forms, asked.class(0)?)?;
        let Data::Bool(all) = known.elements.as_ref()?.data() else { return None };
        Some(all.iter().all(|one| !one))
    }),
];

/// Whether every number of one type is one of another.
fn widens(from: DType, to: DType) -> bool {
    use DType::{BF16, F16, F32, I4, I8, I16, I32, I64, U4, U8};
    from == to
        || matches!(
            (from, to),
            (F16 | BF16 | I8 | U8 | I16 | I4 | U4, F32)
                | (I4 | U4, I8 | U8 | I16 | I32 | I64)
                | (I8 | U8, I16 | I32 | I64)
                | (I16, I32 | I64)
                | (I32, I64)
        ) && !(from == I4 && to == U8)
}
