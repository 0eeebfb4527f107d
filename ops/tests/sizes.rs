//! The algebra of sizes against brute force: whatever is simplified or proved must hold for every value of the symbols.

use m4c_ops::{Binding, Dim, Symbols};

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }
}

/// An expression as written, evaluated step by step.
enum Written {
    Number(i64),
    Symbol(usize),
    Add(Box<[Written; 2]>),
    Subtract(Box<[Written; 2]>),
    Multiply(Box<[Written; 2]>),
    Divide(Box<Written>, i64),
    Min(Box<[Written; 2]>),
    Max(Box<[Written; 2]>),
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl Written {
    fn random(random: &mut Random, depth: u32) -> Written {
        if depth == 0 || random.below(5) == 0 {
            return match random.below(3) {
                0 => Written::Number(random.below(12) as i64 - 5),
                _ => Written::Symbol(random.below(3) as usize),
            };
        }
        let mut two = || Box::new([Written::random(random, depth - 1), Written::random(random, depth - 1)]);
        let pair = two();
        match random.below(7) {
            0 => Written::Add(pair),
            1 | 2 => Written::Subtract(pair),
            3 => Written::Multiply(pair),
            4 => {
                let [dividend, _] = *pair;
                Written::Divide(Box::new(dividend), random.below(6) as i64 + 1)
            }
            5 => Written::Min(pair),
            _ => Written::Max(pair),
        }
    }

    fn value(&self, values: &[i64; 3]) -> i64 {
        let both = |pair: &[Written; 2]| (pair[0].value(values), pair[1].value(values));
        match self {
            Written::Number(number) => *number,
            Written::Symbol(index) => values[*index],
            Written::Add(pair) => both(pair).0 + both(pair).1,
            Written::Subtract(pair) => both(pair).0 - both(pair).1,
            Written::Multiply(pair) => both(pair).0 * both(pair).1,
            Written::Divide(dividend, divisor) => dividend.value(values).div_euclid(*divisor),
            Written::Min(pair) => both(pair).0.min(both(pair).1),
            Written::Max(pair) => both(pair).0.max(both(pair).1),
        }
    }

    fn dim(&self, symbols: &Symbols) -> Dim {
        let both = |pair: &[Written; 2]| (pair[0].dim(symbols), pair[1].dim(symbols));
        match self {
            Written::Number(number) => Dim::from(*number),
            Written::Symbol(index) => symbols.get(NAMES[*index]),
            Written::Add(pair) => both(pair).0 + both(pair).1,
            Written::Subtract(pair) => both(pair).0 - both(pair).1,
            Written::Multiply(pair) => both(pair).0 * both(pair).1,
            Written::Divide(dividend, divisor) => dividend.dim(symbols).floor_div(*divisor),
            Written::Min(pair) => both(pair).0.minimum(&both(pair).1),
            Written::Max(pair) => both(pair).0.maximum(&both(pair).1),
        }
    }
}

/// `a` is 0 to 9, `b` is 2 to 7, `c` is at least 1.
fn symbols() -> Symbols {
    let symbols = Symbols::default();
    symbols.limit("a", 0, Some(9));
    symbols.limit("b", 2, Some(7));
    symbols.limit("c", 1, None);
    symbols
}

const VALUES: [[i64; 3]; 7] = [[0, 2, 1], [9, 7, 1], [0, 7, 50], [9, 2, 2], [3, 5, 4], [4, 4, 9], [1, 3, 1000]];

fn binding(values: &[i64; 3]) -> Binding {
    NAMES.iter().map(|name| name.to_string()).zip(*values).collect()
}

#[test]
fn simplified_sizes_have_the_values_of_what_was_written() {
    let (symbols, mut random) = (symbols(), Random(7));
    for depth in 1..6 {
        for _ in 0..5_000 {
            let written = Written::random(&mut random, depth);
            let dim = written.dim(&symbols);
            for values in &VALUES {
                let found = dim.eval(&binding(values));
                assert_eq!(found, Some(written.value(values)), "{dim} at {values:?}");
            }
        }
    }
}

#[test]
fn sizes_print_read_back_and_substitute() {
    let (symbols, mut random) = (symbols(), Random(11));
    for _ in 0..5_000 {
        let dim = Written::random(&mut random, 4).dim(&symbols);
        assert_eq!(Dim::parse(&dim.to_string(), &symbols).as_ref(), Ok(&dim));
        let by = Written::random(&mut random, 2);
        let replaced = dim.substitute(&[("a".to_string(), by.dim(&symbols))].into());
        for values in &VALUES {
            let inner = [by.value(values), values[1], values[2]];
            assert_eq!(
                replaced.eval(&binding(values)),
                dim.eval(&binding(&inner)),
                "{dim} with a = {}",
                by.dim(&symbols)
            );
        }
    }
}

#[test]
fn proofs_hold_for_all_values() {
    let (symbols, mut random) = (symbols(), Random(13));
    let mut proved = [0; 4];
    for _ in 0..10_000 {
        let (x, y) = (Written::random(&mut random, 3).dim(&symbols), Written::random(&mut random, 3).dim(&symbols));
        let claims = [x.is_not_negative(), x.is_at_most(&y), x.differs(&y), x.div_exact(&y).is_some()];
        for values in &VALUES {
            let at = |dim: &Dim| dim.eval(&binding(values)).unwrap();
            let (x_value, y_value) = (at(&x), at(&y));
            assert!(!claims[0] || x_value >= 0, "{x} at {values:?}");
            assert!(!claims[1] || x_value <= y_value, "{x} <= {y} at {values:?}");
            assert!(!claims[2] || x_value != y_value, "{x} != {y} at {values:?}");
            if let Some(quotient) = x.div_exact(&y) {
                assert_eq!(at(&quotient) * y_value, x_value, "{x} / {y} at {values:?}");
            }
        }
        for (count, claim) in proved.iter_mut().zip(claims) {
            *count += usize::from(claim);
        }
    }
    assert!(proved.iter().all(|count| *count > 250), "claims were hardly ever made: {proved:?}");
}

#[test]
fn sizes_of_real_models_are_in_normal_form() {
    let symbols = Symbols::default();
    let check = |text: &str, expect: &str| {
        let dim = Dim::parse(text, &symbols).unwrap();
        assert_eq!(dim.to_string(), expect, "{text}");
        assert_eq!(dim, Dim::parse(expect, &symbols).unwrap());
    };
    check("2*((h - 1)//2) + 2", "2*((h + 1)/2)");
    check("((8*k - 1)//2 + 1)*2", "8*k");
    check("(((h - 1)//2 + 1 - 1)//2 + 1 - 1)//2 + 1", "(h + 7)/8");
    check("(4*batch*seq)//4", "batch*seq");
    check("min(seq, min(512, seq))", "min(seq, 512)");
    check("(s + 1)*b - b", "b*s");
    check("past_seq + 1 - 2", "past_seq - 1");
    let divided = |of: &str, by: &str| {
        let dim = |text: &str| Dim::parse(text, &symbols).unwrap();
        dim(of).div_exact(&dim(by)).map(|quotient| quotient.to_string())
    };
    assert_eq!(divided("4*b*(s + 1)", "s + 1").as_deref(), Some("4*b"));
    assert_eq!(divided("4*b*(s + 1)", "2*b").as_deref(), Some("2*s + 2"));
    assert_eq!(divided("b + 1", "2"), None);
    assert_eq!(divided("b", "0"), None);
}

#[test]
fn hostile_sizes_stay_small_and_end() {
    let symbols = Symbols::default();
    let long: Vec<String> = (0..60).map(|i| format!("(x{i} + y{i})")).collect();
    assert!(Dim::parse(&long.join("*"), &symbols).is_ok());
    let deep = (0..60).fold("x".to_string(), |inner, i| format!("min({inner} + 1, y{i}//3) - z"));
    assert!(Dim::parse(&deep, &symbols).is_ok());
    let huge = Dim::parse("9223372036854775807*x*9223372036854775807 + 9223372036854775807", &symbols).unwrap();
    assert_eq!(huge.eval(&[("x".to_string(), 5)].into()), None);
}
