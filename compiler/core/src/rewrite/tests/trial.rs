//! Both sides of a rule, computed.

use super::random::Random;
use super::sample::{Sample, sample};
use crate::rewrite::language::{Forms, Head, application, known};
use crate::rewrite::rule::{ReadRule, Refused, RuleNumerics};
use egg::Id;
use m4c_ops::numerics::Difference;
use m4c_ops::{DType, Data, Fact, Numerics, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The condition of rules whose right side need not fit.
const FITS: &str = "(fits)";

/// What one trial showed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    /// No left side came of it.
    NoSample,
    /// A condition does not hold.
    Refused(&'static str),
    /// The right side cannot be built, or has another type or shape.
    NotBuilt,
    /// Both sides have the same elements.
    Equal,
    /// They differ: what the left and the right side give, as text.
    Differs(String),
}

/// Elements that show what only looks equal, or that stay in the middle for sides that round differently.
fn elements(fact: &Fact, exact: bool, random: &mut Random) -> Tensor {
    let sizes = fact.sizes().expect("sampled sizes are numbers");
    let count = sizes.iter().product::<usize>();
    let special = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -1.0, 1e30];
    let mut number = || {
        let plain = (random.between(100, 2000) as f64 / 1000.0) * if random.between(0, 2) == 0 { -1.0 } else { 1.0 };
        if exact && random.between(0, 3) == 0 { special[random.between(0, 8) as usize] } else { plain }
    };
    let numbers: Vec<f64> = (0..count).map(|_| number()).collect();
    let data = match fact.dtype {
        DType::Bool => Data::Bool(numbers.iter().map(|number| *number > 0.0).collect()),
        dtype if dtype.is_float() => Data::from_f64(dtype, numbers.into_iter()),
        dtype => Data::from_i64(dtype, (0..count).map(|_| random.between(-3, 4))),
    };
    Tensor::new(sizes, data).expect("as many elements")
}

/// The value of a class: of whichever form of it comes first.
fn evaluated(
    forms: &Forms,
    class: Id,
    inputs: &[Tensor],
    done: &mut BTreeMap<Id, Option<Arc<Tensor>>>,
) -> Option<Arc<Tensor>> {
    let class = forms.find(class);
    if let Some(value) = done.get(&class) {
        return value.clone();
    }
    done.insert(class, None);
    let mut value = None;
    for node in &forms[class].nodes {
        value = match node.head {
            Head::Constant(place) => {
                let leaf = &forms.analysis.constants[place as usize];
                leaf.constant.load(&leaf.fact)
            }
            Head::Input(place) => inputs.get(place as usize).cloned().map(Arc::new),
            Head::Apply(_) => application(forms, node).and_then(|(op, operands, attrs)| {
                let mut given = Vec::new();
                for operand in operands {
                    given.push(match operand {
                        Some(id) => Some(evaluated(forms, id, inputs, done)?),
                        None => None,
                    });
                }
                let given: Vec<Option<&Tensor>> = given.iter().map(Option::as_deref).collect();
                op.eval(&given, &attrs).ok().map(Arc::new)
            }),
            _ => None,
        };
        if value.is_some() {
            break;
        }
    }
    done.insert(class, value.clone());
    value
}

/// One trial of a rule; a condition may be left out.
pub(super) fn trial(rule: &ReadRule, without: Option<&str>, random: &mut Random) -> Outcome {
    let Some(Sample { mut forms, place }) = sample(rule, random) else { return Outcome::NoSample };
    if rule.left.matches(&forms, forms.find(place.roots[0]), rule.names.len()).is_empty() {
        // What is known of its operands was computed at once.
        return Outcome::NoSample;
    }
    // Both sides are equal whether the rule pays or not.
    for (condition, text) in rule.given.iter().zip(rule.rule.given) {
        if Some(*text) != without && !condition.holds(&forms, &place.found) {
            return Outcome::Refused(text);
        }
    }
    let built = match rule.build(&mut forms, &place) {
        Ok(built) => built,
        Err(Refused::Condition(text)) => return Outcome::Refused(text),
        Err(refused @ (Refused::Right | Refused::Fact)) => {
            let said = rule.rule.given.contains(&FITS) && without != Some(FITS);
            return if said { Outcome::NotBuilt } else { Outcome::Differs(format!("does not fit: {refused:?}")) };
        }
    };
    forms.rebuild();
    let exact = rule.rule.numerics == RuleNumerics::Exact;
    let facts: Vec<Fact> = forms.analysis.inputs.iter().map(|(_, fact)| fact.clone()).collect();
    let inputs: Vec<Tensor> = facts.iter().map(|fact| elements(fact, exact, random)).collect();
    let mut done = BTreeMap::new();
    let rounds = rule.left.operators().len().max(1) as f64;
    for (&root, &built) in place.roots.iter().zip(&built) {
        let left = evaluated(&forms, root, &inputs, &mut done);
        let right = evaluated(&forms, built, &inputs, &mut done);
        let (Some(left), Some(right)) = (left, right) else { return Outcome::NotBuilt };
        let dtype = known(&forms, root).map_or(DType::F32, |known| known.fact.dtype);
        if !equal(&left, &right, exact, rounds * Numerics::Accumulated.tolerance(dtype)) {
            return Outcome::Differs(format!("{left:?}\n{right:?}"));
        }
    }
    Outcome::Equal
}

/// Each operator of the left side may round.
fn equal(left: &Tensor, right: &Tensor, exact: bool, tolerance: f64) -> bool {
    if left.shape() != right.shape() || left.dtype() != right.dtype() {
        return false;
    }
    let (Some(a), Some(b)) = (left.as_f64s(), right.as_f64s()) else {
        return left.to_bytes() == right.to_bytes();
    };
    if exact {
        // The payload of a NaN is free, the sign of a zero is not.
        return a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
    }
    Difference::between(&b, &a).within(tolerance)
}
