//! Elementwise functions that are none of ours, against double precision over many points.

use super::{Operand, plain, results};
use m4c_ops::{Data, Tensor};

/// Points of both signs whose magnitudes are spread evenly by their logarithm, and those around 1/2, 1 and 2.
fn points(low: f64, high: f64) -> Vec<f32> {
    let spread = (0..4000).map(|i| 10f64.powf(-30.0 + 68.0 * f64::from(i) / 4000.0));
    let near = [0.5, 1.0, 2.0, 0.414_213_56, 2.414_213_6, 88.0, 1e9]
        .map(|center: f64| (-300..300).map(move |i| center + center * f64::from(i) * 1e-6));
    let even = (0..4000).map(|i| f64::from(i) * 0.005);
    let all = spread.chain(near.into_iter().flatten()).chain(even).flat_map(|x| [x as f32, -x as f32]);
    all.filter(|x| (low..=high).contains(&f64::from(*x))).collect()
}

/// The largest error, in units of the last place of the right result, is at most `ulps`.
#[track_caller]
fn check(op_type: &str, low: f64, high: f64, exact: fn(f64) -> f64, ulps: f64) {
    let points = points(low, high);
    let x = Tensor::new(vec![points.len()], Data::F32(points.clone())).unwrap();
    let found = results(op_type, plain, vec![Operand::Given(x)], 1)[0].as_f64s().unwrap();
    for (&x, found) in points.iter().zip(found) {
        let right = exact(f64::from(x));
        let rounded = right as f32;
        let same = rounded.is_infinite() && found == f64::from(rounded) || right.is_nan() && found.is_nan();
        // Numbers below the least normal one are as far apart as those above it.
        let unit = f64::from(rounded.abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON) / 2.0;
        let unit = if rounded.abs() >= f32::MAX / 2.0 { unit * 2.0 } else { unit };
        let error = (found - right).abs() / unit;
        assert!(same || error <= 2.0 * ulps, "{op_type} of {x:e}: {found:e}, not {right:e}, {error} half ulps");
    }
}

#[test]
fn functions_are_accurate_to_a_few_units_in_the_last_place() {
    let max = f64::from(f32::MAX);
    check("Atan", -max, max, f64::atan, 3.0);
    check("Asin", -1.0, 1.0, f64::asin, 3.0);
    check("Acos", -1.0, 1.0, f64::acos, 3.0);
    check("Tan", -1.5, 1.5, f64::tan, 4.0);
    check("Sinh", -100.0, 100.0, f64::sinh, 4.0);
    check("Cosh", -100.0, 100.0, f64::cosh, 4.0);
    check("Asinh", -max, max, f64::asinh, 4.0);
    check("Acosh", 1.0, max, f64::acosh, 4.0);
    check("Atanh", -1.0, 1.0, f64::atanh, 4.0);
    check("Softplus", -80.0, max, |x| if x > 700.0 { x } else { x.exp().ln_1p() }, 4.0);
}

#[test]
fn domains_end_where_they_should() {
    let x = || Operand::Given(Tensor::new(vec![4], Data::F32(vec![2.0, -2.0, f32::NAN, f32::INFINITY])).unwrap());
    let numbers = |op_type| results(op_type, plain, vec![x()], 1)[0].as_f64s().unwrap();
    for op_type in ["Asin", "Acos", "Atanh"] {
        assert!(numbers(op_type).iter().all(|value| value.is_nan()), "{op_type}");
    }
    assert!(numbers("Acosh")[1].is_nan() && numbers("Acosh")[2].is_nan());
    for op_type in ["Acosh", "Asinh", "Sinh", "Cosh"] {
        assert!(numbers(op_type)[3] == f64::INFINITY, "{op_type}");
    }
}
