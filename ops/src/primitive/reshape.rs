//! Adjacent dimensions merged and split; the elements keep their order.
//!
//! A reshape carries factors, not sizes: `1>12; _` splits one dimension into 12 and the rest whatever its size is, so a
//! reshape can move past operators that change sizes, and repeated blocks have equal reshapes.

use crate::attr::{Attr, AttrKind, Group};
use crate::build::{Build, Value};
use crate::dim::{Dim, Guard, GuardKind};
use crate::dtype::ALL;
use crate::fact::Fact;
use crate::numerics::Numerics;
use crate::onnx::{Export, ImportError, OnnxAttr, OnnxNode, between, from};
use crate::op::{
    EvalError, Evaluate, Infer, Meaning, Op, Refusal, Sample, Violation, attr, constraint, operand, types,
};
use crate::signature::normalized_axes;
use crate::table::no_flops;
use crate::tensor::Tensor;

/// Adjacent dimensions merged and split; the elements keep their order.
pub static OP: Op = Op {
    name: "reshape",
    summary: "Adjacent dimensions merged and split; the elements keep their order.",
    operands: &[operand("x", "T")],
    attrs: &[attr(
        "groups",
        AttrKind::Groups,
        "how many dimensions each group takes, and the factors it gives; `_` is the rest",
    )],
    types: &[types("T", ALL)],
    constraints: &[
        constraint("takes-all", "the groups take every dimension of the operand once"),
        constraint("one-rest", "a group has at most one rest"),
        constraint("same-elements", "what a group gives has as many elements as what it takes"),
    ],
    meaning: Meaning::Primitive { infer, eval },
    numerics: Numerics::Exact,
    flops: no_flops,
    import: &[
        from("Reshape", 5, import_reshape),
        between("Squeeze", 1, 12, |b, node| squeeze(b, node, node.ints("axes")?)),
        from("Squeeze", 13, |b, node| {
            let axes = node.optional(1).map(|_| node.numbers(b, 1, "the axes")).transpose()?;
            squeeze(b, node, axes)
        }),
        between("Unsqueeze", 1, 12, |b, node| unsqueeze(b, node, node.ints("axes")?.unwrap_or_default())),
        from("Unsqueeze", 13, |b, node| {
            let axes = node.numbers(b, 1, "the axes")?;
            unsqueeze(b, node, axes)
        }),
        from("Flatten", 1, flatten),
    ],
    export: Export::Nodes(|g, node| {
        let sizes = g.sizes(&node.result.shape);
        g.node("Reshape", &[node.operands[0], Some(sizes)], &[("allowzero", OnnxAttr::Int(1))])
    }),
    samples: &[
        Sample {
            name: "splits and merges",
            operands: &["i64[2, 6, 1] 0 1 2 3 4 5 6 7 8 9 10 11"],
            attrs: &["groups = [1>_, 2>3; _]"],
            result: "i64[2, 3, 2] 0 1 2 3 4 5 6 7 8 9 10 11",
        },
        Sample { name: "scalar to list", operands: &["f32[] 5"], attrs: &["groups = [0>1]"], result: "f32[1] 5" },
    ],
    refusals: &[
        Refusal { constraint: "takes-all", operands: &["f32[2, 3]"], attrs: &["groups = [1>_]"] },
        Refusal { constraint: "one-rest", operands: &["f32[4]"], attrs: &["groups = [1>_; _]"] },
        Refusal { constraint: "same-elements", operands: &["f32[4]"], attrs: &["groups = [1>3; _]"] },
        Refusal { constraint: "same-elements", operands: &["f32[4]"], attrs: &["groups = [1>3; 2]"] },
    ],
};

fn infer(infer: &mut Infer<'_>) -> Result<Fact, Violation> {
    let x = infer.operand(0);
    let groups = infer.attrs.get_groups("groups");
    if groups.iter().map(|group| group.take).sum::<usize>() != x.rank() {
        return Err(OP.refuse("takes-all", format!("{} for {x}", Attr::Groups(groups.to_vec()))));
    }
    let (mut shape, mut at) = (Vec::new(), 0);
    for group in groups {
        let total = Dim::product(&x.shape[at..at + group.take]);
        at += group.take;
        let known = Dim::product(group.give.iter().flatten());
        let differs = || OP.refuse("same-elements", format!("group `{group}` for {total} elements of {x}"));
        let rest = match group.give.iter().filter(|factor| factor.is_none()).count() {
            0 => {
                infer.same(&total, &known).ok_or_else(differs)?;
                None
            }
            1 => Some(infer.quotient(&total, &known).ok_or_else(differs)?),
            _ => return Err(OP.refuse("one-rest", format!("group `{group}`"))),
        };
        shape.extend(group.give.iter().map(|factor| factor.clone().or_else(|| rest.clone()).unwrap_or(Dim::from(1))));
    }
    Ok(Fact { dtype: x.dtype, shape })
}

fn eval(x: &Evaluate<'_>) -> Result<Tensor, EvalError> {
    x.operand(0).reshaped(x.result_sizes(&OP)?).ok_or(EvalError::Symbolic)
}

/// The finest grouping that turns one shape into another of as many elements.
///
/// # Errors
/// Where the numbers of elements are known to differ.
pub fn groups(from: &[Dim], to: &[Dim], assume: &mut dyn FnMut(Guard)) -> Result<Vec<Group>, Violation> {
    let list = |dims: &[Dim]| dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let differ = || OP.refuse("same-elements", format!("[{}] to [{}]", list(from), list(to)));
    if from.iter().chain(to).any(|dim| dim.is(0)) {
        let empty = |dims: &[Dim]| dims.iter().any(|dim| dim.is(0));
        if !(empty(from) && empty(to)) {
            return Err(differ());
        }
        return Ok(vec![Group { take: from.len(), give: to.iter().cloned().map(Some).collect() }]);
    }
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < from.len() && j < to.len() {
        let (start_i, start_j) = (i, j);
        let (mut taken, mut given) = (from[i].clone(), to[j].clone());
        (i, j) = (i + 1, j + 1);
        while taken != given && (i < from.len() || j < to.len()) {
            let give_more = taken.div_exact(&given).is_some() || given.div_exact(&taken).is_none();
            if j < to.len() && (give_more || i == from.len()) {
                given = given * to[j].clone();
                j += 1;
            } else if i < from.len() {
                taken = taken * from[i].clone();
                i += 1;
            } else {
                break;
            }
        }
        if taken != given {
            if taken.differs(&given) {
                return Err(differ());
            }
            assume(Guard::equal(&taken, &given));
        }
        groups.push(group(i - start_i, &taken, &to[start_j..j]));
    }
    let (left, more) = (from[i..].len(), &to[j..]);
    if left > 0 || !more.is_empty() {
        let (rest_from, rest_to) = (Dim::product(&from[i..]), Dim::product(more));
        if rest_from.differs(&rest_to) {
            return Err(differ());
        }
        if rest_from != rest_to {
            assume(Guard::equal(&rest_from, &rest_to));
        }
        groups.push(group(left, &rest_from, more));
    }
    Ok(groups)
}

fn group(take: usize, total: &Dim, give: &[Dim]) -> Group {
    let rest_at = give.iter().position(|dim| dim.as_i64().is_none()).unwrap_or(0);
    let rest_follows = |at: usize| {
        let known = Dim::product(give.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, dim)| dim));
        total.div_exact(&known).as_ref() == give.get(at)
    };
    let has_rest = take > 0 && !give.is_empty() && rest_follows(rest_at);
    let factor = |(at, dim): (usize, &Dim)| if has_rest && at == rest_at { None } else { Some(dim.clone()) };
    Group { take, give: give.iter().enumerate().map(factor).collect() }
}

/// ONNX's Reshape: 0 copies a size unless `allowzero`, -1 is the rest.
fn import_reshape(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let shape = b.fact(x).shape.clone();
    let mut to = node.sizes(b, 1, "the shape")?;
    let copy_zero = node.int("allowzero")?.unwrap_or(0) == 0;
    for (axis, dim) in to.iter_mut().enumerate() {
        if copy_zero && dim.is(0) {
            let found =
                || ImportError::Operand { index: 1, found: format!("copies axis {axis} of rank {}", shape.len()) };
            *dim = shape.get(axis).ok_or_else(found)?.clone();
        }
    }
    if let Some(at) = to.iter().position(|dim| dim.is(-1)) {
        // Equal sizes cancel first: the algebra does not factor a product that it has multiplied out.
        let mut from = shape.clone();
        let mut given: Vec<Dim> = to.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, dim)| dim.clone()).collect();
        given.retain(|dim| match from.iter().position(|other| other == dim && !dim.is(0)) {
            Some(place) => {
                from.remove(place);
                false
            }
            None => true,
        });
        let (total, known) = (Dim::product(&from), Dim::product(&given));
        to[at] = match (total.div_exact(&known), known.as_i64()) {
            (Some(rest), _) => rest,
            (None, Some(known)) if known > 0 && total.as_i64().is_none() => {
                b.assume(Guard { kind: GuardKind::Divides, left: Dim::from(known), right: total.clone() });
                total.floor_div(known)
            }
            _ => {
                let found = OP.refuse("same-elements", format!("{total} elements do not divide by {known}"));
                return Err(found.into());
            }
        };
    }
    Ok(vec![b.reshape(x, &to)?])
}

fn squeeze(b: &mut dyn Build, node: &OnnxNode, axes: Option<Vec<i64>>) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let shape = b.fact(x).shape.clone();
    let axes = match axes {
        Some(axes) => normalized_axes(b, x, &axes, &OP)?,
        None => (0..shape.len() as i64).filter(|&axis| shape[axis as usize].is(1)).collect(),
    };
    let one = Dim::from(1);
    for &axis in &axes {
        let dim = &shape[axis as usize];
        if dim.differs(&one) {
            return Err(OP.refuse("same-elements", format!("axis {axis} has size {dim}, not 1")).into());
        }
        if !dim.is(1) {
            b.assume(Guard::equal(dim, &one));
        }
    }
    let kept = shape.iter().enumerate().filter(|(axis, _)| !axes.contains(&(*axis as i64)));
    let to: Vec<Dim> = kept.map(|(_, dim)| dim.clone()).collect();
    Ok(vec![b.reshape(x, &to)?])
}

fn unsqueeze(b: &mut dyn Build, node: &OnnxNode, axes: Vec<i64>) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let mut to = b.fact(x).shape.clone();
    let rank = (to.len() + axes.len()) as i64;
    let mut axes: Vec<i64> = axes.iter().map(|&axis| if axis < 0 { axis.saturating_add(rank) } else { axis }).collect();
    axes.sort_unstable();
    for axis in axes {
        if !(0..=to.len() as i64).contains(&axis) {
            return Err(OP.refuse("takes-all", format!("new axis {axis} in rank {rank}")).into());
        }
        to.insert(axis as usize, Dim::from(1));
    }
    Ok(vec![b.reshape(x, &to)?])
}

fn flatten(b: &mut dyn Build, node: &OnnxNode) -> Result<Vec<Value>, ImportError> {
    let x = node.operand(0)?;
    let shape = b.fact(x).shape.clone();
    let axis = node.int("axis")?.unwrap_or(1);
    let axis = if axis < 0 { axis.saturating_add(shape.len() as i64) } else { axis };
    let Some((rows, columns)) = usize::try_from(axis).ok().and_then(|axis| shape.split_at_checked(axis)) else {
        return Err(ImportError::Attribute {
            name: "axis".into(),
            found: format!("is {axis} for rank {}", shape.len()),
        });
    };
    Ok(vec![b.reshape(x, &[Dim::product(rows), Dim::product(columns)])?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dim::Symbols;

    #[track_caller]
    fn check(from: &str, to: &str, expect: &str) {
        let symbols = Symbols::default();
        let dims = |text: &str| Fact::parse(&format!("f32{text}"), &symbols).unwrap().shape;
        let groups = groups(&dims(from), &dims(to), &mut |guard| panic!("assumed {guard}")).unwrap();
        assert_eq!(Attr::Groups(groups.clone()).to_string(), expect);
        let fact = Fact::new(crate::DType::F32, dims(from));
        let attrs = crate::Attrs::none().with("groups", Attr::Groups(groups));
        let back = OP.infer(&[Some(&fact)], &attrs, &symbols, &mut Vec::new()).unwrap();
        assert_eq!(back.shape, dims(to));
    }

    #[test]
    fn groups_are_the_finest() {
        check("[b, s, 384]", "[b, s, 12, 32]", "[1>_, 1>_, 1>_; 32]");
        check("[b, s, 12, 32]", "[b, s, 384]", "[1>_, 1>_, 2>_]");
        check("[17, b, 192]", "[17, b, 3, 64]", "[1>_, 1>_, 1>_; 64]");
        check("[17, 4*b, 16]", "[17, b, 64]", "[1>_, 2>_; 64]");
        check("[b, s]", "[b*s]", "[2>_]");
        check("[b*s]", "[b, s]", "[1>_; s]");
        check("[b, 4, s]", "[b, 1, 4, 1, s]", "[1>_, 1>_; 4, 1>1; _]");
        check("[]", "[1, 1]", "[0>1; 1]");
        check("[1]", "[]", "[1>]");
        check("[0, 3]", "[0, 5]", "[2>0; 5]");
    }

    #[test]
    fn different_numbers_of_elements_are_refused() {
        let dims = |sizes: &[usize]| sizes.iter().map(|&size| Dim::from(size)).collect::<Vec<_>>();
        assert!(groups(&dims(&[4, 3]), &dims(&[5]), &mut |_| ()).is_err());
        assert!(groups(&dims(&[0, 3]), &dims(&[5]), &mut |_| ()).is_err());
        assert!(groups(&dims(&[]), &dims(&[2]), &mut |_| ()).is_err());
    }
}
