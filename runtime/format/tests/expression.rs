//! Exact and interval evaluation agree, and neither ever wraps or panics.

use m4c_format::expression::{Affine, Interval, affine, bounds, check, evaluate, render};
use m4c_format::{Code, ExprBuilder, ExprOp, ExprStep};

fn leaf(op: ExprOp, arg: i64) -> ExprStep {
    ExprStep { arg, op }
}

fn step(op: ExprOp) -> ExprStep {
    ExprStep { arg: 0, op }
}

#[test]
fn floor_division_rounds_down() {
    let quotient = |left, right| {
        let steps = [leaf(ExprOp::Const, left), leaf(ExprOp::Const, right), step(ExprOp::FloorDiv)];
        evaluate(&steps, &[]).map_err(|error| error.code)
    };
    let cases = [(7, 2, 3), (-7, 2, -4), (7, -2, -4), (-7, -2, 3), (-8, 2, -4), (0, -3, 0)];
    for (left, right, expected) in cases {
        assert_eq!(quotient(left, right), Ok(expected), "{left} / {right}");
    }
    assert_eq!(quotient(1, 0), Err(Code::Malformed));
    assert_eq!(quotient(i64::MIN, -1), Err(Code::TooLarge));
}

#[test]
fn overflow_is_an_error() {
    for op in [ExprOp::Add, ExprOp::Mul] {
        let steps = [leaf(ExprOp::Const, i64::MAX), leaf(ExprOp::Const, 2), step(op)];
        assert_eq!(evaluate(&steps, &[]).map_err(|error| error.code), Err(Code::TooLarge));
        assert_eq!(bounds(&steps, &[]).map_err(|error| error.code), Err(Code::TooLarge));
    }
}

#[test]
fn intervals_contain_every_value() {
    let mut state = 0x1234_5678_9ABC_DEF1u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let ops = [ExprOp::Add, ExprOp::Mul, ExprOp::FloorDiv, ExprOp::Min, ExprOp::Max];
    let (mut checked, ranges) = (0, [Interval { low: 0, high: 4 }, Interval { low: 2, high: 5 }]);
    for _ in 0..3000 {
        let mut steps = Vec::new();
        let mut depth = 0;
        while depth != 1 || steps.len() < 5 {
            // Long walks rarely come back to a depth of 1 by themselves.
            if depth >= 2 && (steps.len() > 9 || next(2) == 0) {
                steps.push(step(ops[next(5) as usize]));
                depth -= 1;
            } else {
                let constant = leaf(ExprOp::Const, next(9) as i64 - 4);
                steps.push(if next(2) == 0 { leaf(ExprOp::Symbol, next(2) as i64) } else { constant });
                depth += 1;
            }
        }
        if check(&steps, 2).is_err() {
            continue;
        }
        let Ok(range) = bounds(&steps, &ranges) else { continue };
        checked += 1;
        for a in 0..=4 {
            for b in 2..=5 {
                let value = evaluate(&steps, &[a, b]).expect("the interval was finite");
                assert!(range.low <= value && value <= range.high, "{steps:?} at {a}, {b}");
                if let Some(Affine { scale, symbol, offset }) = affine(&steps) {
                    assert_eq!(value, scale * [a, b][symbol as usize] + offset);
                }
            }
        }
    }
    assert!(checked > 1000, "only {checked} expressions were checked");
}

#[test]
fn equal_expressions_are_interned_and_constants_folded() {
    let mut exprs = ExprBuilder::new();
    let (n, two) = (exprs.symbol(0), exprs.constant(2));
    let first = exprs.mul(n, two);
    assert_eq!(exprs.mul(n, two), first);
    let four = exprs.add(two, two);
    assert_eq!(four, exprs.constant(4));
    let sum = exprs.add(first, four);
    let low = exprs.min(sum, n);
    let text = |expr| render(exprs.steps(expr), &|_| "n".into());
    assert_eq!(text(sum), "n * 2 + 4");
    assert_eq!(text(low), "min(n * 2 + 4, n)");
    assert_eq!(affine(exprs.steps(sum)), Some(Affine { scale: 2, symbol: 0, offset: 4 }));
    assert_eq!(affine(exprs.steps(low)), None);
}

#[test]
fn ill_formed_steps_never_panic() {
    let bad: [&[ExprStep]; 4] =
        [&[], &[step(ExprOp::Add)], &[leaf(ExprOp::Const, 1), leaf(ExprOp::Const, 1)], &[leaf(ExprOp::Symbol, -5)]];
    for steps in bad {
        assert!(check(steps, 1).is_err());
        assert!(evaluate(steps, &[1]).is_err());
        assert!(bounds(steps, &[Interval { low: 0, high: 1 }]).is_err());
        render(steps, &|_| "n".into());
    }
    let deep = vec![leaf(ExprOp::Const, 1); 1000];
    assert!(evaluate(&deep, &[]).is_err() && check(&deep, 0).is_err());
}
