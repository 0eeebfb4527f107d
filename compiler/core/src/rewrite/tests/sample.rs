//! Random forms that a left side finds, made from the result backward, so that nearly all of them are well typed.

use super::random::Random;
use crate::rewrite::builder::{Builder, class, value};
use crate::rewrite::language::{Facts, Forms, Head, Node, attr, known};
use crate::rewrite::pattern::{Match, Pattern};
use crate::rewrite::rule::{Place, ReadRule};
use egg::Id;
use m4c_ir::ValueId;
use m4c_ops::build::Build;
use m4c_ops::{Attr, Attrs, DType, Dim, Fact, Op, Symbols, Tensor, primitive, table};

/// Shapes and numbers that parts of a left side must have to be found at all, by rule and name; chance would need too long.
/// The name of nothing is the root's. A rule may have several such sets.
const HINTS: &[HintSet] = &[
    ("select-not", &[], &[("no", 0.0)]),
    (
        "attention-shared-heads",
        &[("", &[2, 4, 3, 2]), KEYS[0], KEYS[1], KEYS[2], KEYS[3], VALUES[0], VALUES[1], VALUES[2], VALUES[3]],
        &[],
    ),
    // Heads that take turns instead of standing together.
    (
        "attention-shared-heads",
        &[
            ("", &[2, 4, 3, 2]),
            KEYS[0],
            ("k1", &[2, 1, 2, 3, 2]),
            KEYS[2],
            KEYS[3],
            VALUES[0],
            VALUES[1],
            VALUES[2],
            VALUES[3],
        ],
        &[],
    ),
    (
        "attention-shared-heads",
        &[
            ("", &[2, 4, 3, 2]),
            KEYS[0],
            KEYS[1],
            KEYS[2],
            KEYS[3],
            VALUES[0],
            ("v1", &[2, 1, 2, 3, 2]),
            VALUES[2],
            VALUES[3],
        ],
        &[],
    ),
    ("recognize-layer-norm", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 4.0)]),
    ("recognize-layer-norm", &[("", &[2, 3, 2]), ("x", &[2, 3, 2])], &[("n", 6.0)]),
    ("recognize-layer-norm", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 3.0)]),
    ("recognize-layer-norm-without-bias", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 4.0)]),
    ("recognize-layer-norm-without-bias", &[("", &[2, 3, 2]), ("x", &[2, 3, 2])], &[("n", 6.0)]),
    ("recognize-layer-norm-without-bias", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 3.0)]),
    ("recognize-layer-norm-without-scale", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 4.0)]),
    ("recognize-layer-norm-without-scale", &[("", &[3, 4]), ("x", &[3, 4])], &[("n", 3.0)]),
    ("recognize-widened-rms-norm", &[("", &[3, 4]), ("narrow", &[3, 4])], &[("n", 4.0)]),
    ("recognize-widened-rms-norm", &[("", &[3, 4]), ("narrow", &[3, 4])], &[("n", 3.0)]),
    ("recognize-instance-norm", &[("", &[2, 2, 3]), ("x", &[2, 2, 3])], &[("n", 3.0)]),
    ("recognize-instance-norm", &[("", &[2, 3, 3]), ("x", &[2, 3, 3])], &[("n", 3.0)]),
    ("recognize-instance-norm", &[("", &[2, 2, 3]), ("x", &[2, 2, 3])], &[("n", 2.0)]),
    ("group-norm-scale", &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("scale", &[4, 1])], &[("ones", 1.0), ("zeros", 0.0)]),
    ("group-norm-scale", &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("scale", &[4, 1])], &[("zeros", 0.0)]),
    ("group-norm-scale", &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("scale", &[4, 1])], &[("ones", 1.0)]),
    ("group-norm-scale", &[("", &[2, 3, 3]), ("x", &[2, 3, 3]), ("scale", &[3])], &[("ones", 1.0), ("zeros", 0.0)]),
    ("group-norm-bias", &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("bias", &[4, 1])], &[("zeros", 0.0)]),
    ("group-norm-bias", &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("bias", &[4, 1])], &[]),
    ("group-norm-bias", &[("", &[2, 3, 3]), ("x", &[2, 3, 3]), ("bias", &[3])], &[("zeros", 0.0)]),
    (
        "recognize-group-norm",
        &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("g", &[2, 2, 6]), ("scale", &[4, 1]), ("bias", &[4, 1])],
        &[("ones", 1.0), ("zeros", 0.0)],
    ),
    (
        "recognize-group-norm",
        &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("g", &[2, 2, 6]), ("scale", &[4, 1]), ("bias", &[4, 1])],
        &[("zeros", 0.0)],
    ),
    (
        "recognize-group-norm",
        &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("g", &[2, 2, 6]), ("scale", &[4, 1]), ("bias", &[4, 1])],
        &[("ones", 1.0)],
    ),
    // Groups that lie across batches, and vectors along another axis.
    (
        "recognize-group-norm",
        &[("", &[2, 4, 3]), ("x", &[2, 4, 3]), ("g", &[1, 4, 6]), ("scale", &[4, 1]), ("bias", &[4, 1])],
        &[("ones", 1.0), ("zeros", 0.0)],
    ),
    (
        "recognize-group-norm",
        &[("", &[2, 3, 3]), ("x", &[2, 3, 3]), ("g", &[2, 3, 3]), ("scale", &[3]), ("bias", &[3, 1])],
        &[("ones", 1.0), ("zeros", 0.0)],
    ),
    (
        "recognize-group-norm",
        &[("", &[2, 3, 3]), ("x", &[2, 3, 3]), ("g", &[2, 3, 3]), ("scale", &[3, 1]), ("bias", &[3])],
        &[("ones", 1.0), ("zeros", 0.0)],
    ),
    ("recognize-rope", ROPE, &[]),
    ("recognize-rope", ROPE_OTHER_POSITIONS, &[]),
    ("recognize-rope", ROPE_BY_HEAD, &[]),
    ("recognize-rope-with-signed-table", ROPE, &[]),
    ("recognize-rope-with-signed-table", ROPE_OTHER_POSITIONS, &[]),
    ("recognize-rope-with-signed-table", ROPE_BY_HEAD, &[]),
    ("recognize-rope-of-halves", ROPE, &[]),
    ("recognize-rope-of-halves", ROPE_OTHER_POSITIONS, &[]),
    ("recognize-rope-of-halves", &[("", &[2, 6, 2, 2]), ("x", &[2, 3, 2, 4]), TABLES[0], TABLES[1]], &[]),
    ("recognize-interleaved-rope", PAIRS, &[]),
    (
        "recognize-interleaved-rope",
        &[PAIRS[0], PAIRS[1], PAIRS[2], PAIRS[3], PAIRS[4], ("c", &[2, 1, 1, 2]), ("s", &[1, 1, 2, 2])],
        &[],
    ),
    // Halves, and what is regrouped afterward.
    (
        "recognize-interleaved-rope",
        &[PAIRS[0], PAIRS[1], ("p", &[2, 3, 2, 4]), PAIRS[3], PAIRS[4], TABLES[0], TABLES[1]],
        &[],
    ),
    (
        "recognize-interleaved-rope",
        &[("", &[6, 2, 4]), PAIRS[1], PAIRS[2], PAIRS[3], PAIRS[4], TABLES[0], TABLES[1]],
        &[],
    ),
    ("sum-of-whole-map", &[("", &[2, 1, 1])], &[("w", 1.0)]),
    ("sum-of-whole-map", &[("", &[2, 1, 1, 1])], &[("w", 1.0)]),
    ("sum-of-whole-map", &[("", &[3, 1, 1])], &[]),
    ("conv-of-one-place", &[("", &[2, 3, 1])], &[]),
    ("conv-of-one-place", &[("", &[2, 3, 1, 1])], &[]),
    ("conv-of-rows", &[("", &[2, 3, 4])], &[]),
    ("conv-of-rows", &[("", &[2, 1, 4])], &[]),
    ("biased-conv-of-rows", &[("", &[2, 3, 4]), ("c", &[2, 4, 3]), ("bias", &[4, 1])], &[]),
    ("biased-conv-of-rows", &[("", &[2, 3, 3]), ("c", &[2, 3, 3]), ("bias", &[3])], &[]),
    ("biased-conv-of-rows", &[("", &[2, 2, 2]), ("c", &[2, 2, 2]), ("bias", &[2, 1])], &[]),
    ("biased-conv-of-rows", &[("", &[2, 1, 4]), ("c", &[2, 4, 1]), ("bias", &[4, 1])], &[]),
    ("slice-of-pairs", &[("", &[3, 2]), ("p", &[3, 2, 2]), ("x", &[3, 4])], &[]),
    ("slice-of-pairs", &[("", &[2, 3]), ("p", &[2, 3, 2]), ("x", &[2, 6])], &[]),
];

const TABLES: [Hint; 4] = [("c", &[2, 1, 2, 2]), ("s", &[2, 1, 2, 2]), ("cc", &[2, 1, 2, 4]), ("ss", &[2, 1, 2, 4])];
const ROPE: &[Hint] = &[("", &[2, 3, 2, 4]), ("x", &[2, 3, 2, 4]), TABLES[0], TABLES[1], TABLES[2], TABLES[3]];
const ROPE_OTHER_POSITIONS: &[Hint] = &[
    ("", &[2, 3, 2, 4]),
    ("x", &[2, 3, 2, 4]),
    ("c", &[2, 1, 1, 2]),
    ("s", &[1, 1, 2, 2]),
    ("cc", &[2, 1, 1, 4]),
    ("ss", &[1, 1, 2, 4]),
];
const ROPE_BY_HEAD: &[Hint] = &[
    ("", &[2, 3, 2, 4]),
    ("x", &[2, 3, 2, 4]),
    ("c", &[2, 3, 2, 2]),
    ("s", &[2, 3, 2, 2]),
    ("cc", &[2, 3, 2, 4]),
    ("ss", &[2, 3, 2, 4]),
];
const PAIRS: &[Hint] = &[
    ("", &[2, 3, 2, 4]),
    ("x", &[2, 3, 2, 4]),
    ("p", &[2, 3, 2, 2, 2]),
    ("first", &[2, 3, 2, 2]),
    ("second", &[2, 3, 2, 2]),
    TABLES[0],
    TABLES[1],
];

/// Of a rule: shapes, and numbers.
type HintSet = (&'static str, &'static [Hint], &'static [(&'static str, f64)]);
type Hint = (&'static str, &'static [i64]);
const KEYS: [Hint; 4] =
    [("k", &[2, 2, 3, 2]), ("k1", &[2, 2, 1, 3, 2]), ("kt", &[2, 2, 2, 3, 2]), ("kh", &[2, 4, 3, 2])];
const VALUES: [Hint; 4] =
    [("v", &[2, 2, 3, 2]), ("v1", &[2, 2, 1, 3, 2]), ("vt", &[2, 2, 2, 3, 2]), ("vh", &[2, 4, 3, 2])];

/// A left side in an e-graph of its own, with what its names stand for.
pub(super) struct Sample {
    pub(super) forms: Forms,
    pub(super) place: Place,
}

struct Sampler<'a> {
    rule: &'a ReadRule,
    random: &'a mut Random,
    forms: Forms,
    classes: Vec<Option<Id>>,
    numbers: Vec<Option<f64>>,
    inside: Vec<Id>,
    sizes: [i64; 2],
    hints: &'static [Hint],
    given: &'static [(&'static str, f64)],
    dtype: DType,
    integer: DType,
}

/// One sample; none where chance did not fit together.
pub(super) fn sample(rule: &ReadRule, random: &mut Random) -> Option<Sample> {
    let sizes = [random.between(2, 4), random.between(1, 4)];
    let sets: Vec<_> = HINTS.iter().filter(|(name, ..)| *name == rule.rule.name).collect();
    let set = sets.get(random.between(0, sets.len() as i64 + 1) as usize);
    let (hints, given) = set.map_or((&[][..], &[][..]), |(_, hints, given)| (*hints, *given));
    let count = rule.names.len();
    let mut sampler = Sampler {
        rule,
        random,
        forms: Forms::new(Facts::new(Symbols::default(), indexmap::IndexSet::new())),
        classes: vec![None; count],
        numbers: vec![None; count],
        inside: Vec::new(),
        sizes,
        hints,
        given,
        dtype: DType::F32,
        integer: DType::I8,
    };
    let rank = sampler.random.between(0, 5);
    let mut shape: Vec<i64> = (0..rank).map(|_| sampler.size()).collect();
    if let Some((_, hint)) = hints.iter().find(|(name, _)| name.is_empty()) {
        shape = hint.to_vec();
    }
    let mut dtype = [DType::F32, DType::F32, DType::F32, DType::F16, DType::I32, DType::I64, DType::Bool]
        [sampler.random.between(0, 7) as usize];
    if rule.left.operators().contains(&"quantize") {
        dtype = [DType::I8, DType::U8][sampler.random.between(0, 2) as usize];
    }
    sampler.dtype = if dtype.is_float() { dtype } else { DType::F32 };
    sampler.integer = if dtype.integer_range().is_some() { dtype } else { DType::I8 };
    let wanted = Fact::new(dtype, shape);
    let mut roots = vec![sampler.make(&rule.left, &wanted)?];
    for (beside, _) in &rule.beside {
        let mut wanted = wanted.clone();
        if let Some(last) = wanted.shape.last_mut() {
            *last = Dim::from(sampler.size());
        }
        roots.push(sampler.make(beside, &wanted)?);
    }
    sampler.forms.rebuild();
    let found = Match { classes: sampler.classes, numbers: sampler.numbers, inside: sampler.inside };
    Some(Sample { forms: sampler.forms, place: Place { roots, found } })
}

fn numbers_of(fact: &Fact) -> Option<Vec<i64>> {
    fact.shape.iter().map(Dim::as_i64).collect()
}

impl Sampler<'_> {
    fn size(&mut self) -> i64 {
        match self.random.between(0, 6) {
            0 => 1,
            1 | 2 => self.sizes[1],
            3 => 4,
            _ => self.sizes[0],
        }
    }

    fn make(&mut self, pattern: &Pattern, wanted: &Fact) -> Option<Id> {
        match pattern {
            Pattern::Any(name) => {
                if let Some(class) = self.classes[*name] {
                    return (*known(&self.forms, class)?.fact == *wanted).then_some(class);
                }
                let own = self.rule.names.get(*name);
                let number = self.given.iter().find(|(known, _)| own.is_some_and(|own| own == known));
                let class = match number {
                    Some((_, number)) => self.constant_of(wanted, *number)?,
                    None => self.input(wanted),
                };
                self.classes[*name] = Some(class);
                Some(class)
            }
            Pattern::Number(name) => {
                let number = match self.numbers[*name] {
                    Some(number) => number,
                    None => self.number(*name),
                };
                let class = self.constant(wanted, number)?;
                // As it is after rounding to its type.
                self.numbers[*name] = known(&self.forms, class)?.number;
                Some(class)
            }
            Pattern::Literal(number) => self.constant(wanted, *number),
            Pattern::Either(all) => {
                let one = self.random.between(0, all.len() as i64) as usize;
                self.make(&all[one], wanted)
            }
            Pattern::Apply { name, op, children, .. } => {
                let op = table::find(op)?;
                let wanted = self.hinted(*name).unwrap_or(wanted.clone());
                let built = self.apply(op, children, &wanted)?;
                self.inside.push(built);
                if let Some(name) = name {
                    if self.classes[*name].is_some_and(|other| other != built) {
                        return None;
                    }
                    self.classes[*name] = Some(built);
                }
                Some(built)
            }
            Pattern::Some { name, op, .. } => {
                let op = table::find(op)?;
                let (first, count) = (self.rule.names.len(), self.random.between(1, 4) as usize);
                self.classes.resize(first + count + op.attrs.len(), None);
                let children: Vec<Pattern> = (first..self.classes.len()).map(Pattern::Any).collect();
                let built = self.apply(op, &children, wanted);
                self.classes.truncate(first);
                self.inside.push(built?);
                if let Some(name) = name {
                    self.classes[*name] = built;
                }
                built
            }
            Pattern::Flag(_) | Pattern::Absent => None,
        }
    }

    fn hinted(&self, name: Option<usize>) -> Option<Fact> {
        let name = self.rule.names.get(name?)?;
        let (_, shape) = self.hints.iter().find(|(known, _)| known == name)?;
        Some(Fact::new(self.dtype, shape.to_vec()))
    }

    fn input(&mut self, fact: &Fact) -> Id {
        let place = self.forms.analysis.inputs.len() as u32;
        self.forms.analysis.inputs.push((ValueId(place), fact.clone()));
        // Some are all one number, as conditions on numbers want them.
        if fact.dtype.is_float() && self.random.between(0, 8) == 0 {
            let number = [0.0, 1.0][self.random.between(0, 2) as usize];
            if let Some(class) = self.constant_of(fact, number) {
                return class;
            }
        }
        // Masks hide what lies behind a diagonal.
        if fact.rank() == 2
            && self.rule.left.operators().contains(&"attention")
            && self.random.between(0, 2) == 0
            && let Some(mask) = self.triangle(fact)
        {
            return mask;
        }
        self.forms.add(Node { head: Head::Input(place), children: Vec::new() })
    }

    fn triangle(&mut self, fact: &Fact) -> Option<Id> {
        let [rows, columns] = fact.sizes()?[..] else { return None };
        let before = self.random.between(-1, columns as i64) + 1;
        let hidden = [f64::NEG_INFINITY, m4c_ops::composite::attention::lowest(self.dtype)];
        let hidden = hidden[self.random.between(0, 2) as usize];
        let shown = (0..rows * columns).map(|at| ((at % columns) as i64) < (at / columns) as i64 + before);
        let data = match fact.dtype {
            DType::Bool => m4c_ops::Data::Bool(shown.collect()),
            dtype => m4c_ops::Data::from_f64(dtype, shown.map(|shown| if shown { 0.0 } else { hidden })),
        };
        let tensor = Tensor::new(vec![rows, columns], data)?;
        Some(class(Builder::new(&mut self.forms).constant(tensor)))
    }

    fn number(&mut self, name: usize) -> f64 {
        if let Some((_, number)) = self.given.iter().find(|(known, _)| *known == self.rule.names[name]) {
            return *number;
        }
        let mentions = |word: &str| {
            let asked = format!("({word} ${} ", self.rule.names[name]);
            self.rule.rule.given.iter().any(|given| given.starts_with(&asked))
        };
        let (lowest, tiny) = (mentions("lowest") || mentions("absorbing"), mentions("finite-reciprocal"));
        if lowest && self.random.between(0, 2) == 0 {
            return m4c_ops::composite::attention::lowest(self.dtype);
        }
        if tiny && self.random.between(0, 4) == 0 {
            return f64::from(1e-42f32);
        }
        // Half precision has no digits to spare for differences.
        let all = [1.0, 2.0, 3.0, 4.0, 6.0, 0.5, 0.125, 8.0, 9.0, 12.0, 16.0, 1e-5, -1.0, -3.0, 0.0];
        let count = if self.dtype == DType::F32 { all.len() } else { all.len() - 4 };
        f64::from(all[self.random.between(0, count as i64) as usize] as f32)
    }

    fn constant(&mut self, wanted: &Fact, number: f64) -> Option<Id> {
        let one = numbers_of(wanted)?.iter().all(|&size| size == 1);
        if one && wanted.dtype.is_float() { self.constant_of(wanted, number) } else { None }
    }

    fn constant_of(&mut self, fact: &Fact, number: f64) -> Option<Id> {
        let sizes = fact.sizes()?;
        let count = sizes.iter().product();
        let one = m4c_ops::Data::from_f64(fact.dtype, std::iter::repeat_n(number, count));
        let tensor = Tensor::new(sizes, one)?;
        Some(class(Builder::new(&mut self.forms).constant(tensor)))
    }

    /// A shape that broadcasts to this one.
    fn smaller(&mut self, shape: &[i64]) -> Vec<i64> {
        let skipped = if self.random.between(0, 3) == 0 { self.random.between(0, shape.len() as i64 + 1) } else { 0 };
        let mut smaller = shape[skipped as usize..].to_vec();
        match self.random.between(0, 4) {
            0 => smaller.iter_mut().for_each(|size| {
                if self.random.between(0, 2) == 0 {
                    *size = 1;
                }
            }),
            1 | 2 => {
                if let Some(last) = smaller.last_mut() {
                    *last = 1;
                }
            }
            _ => {}
        }
        smaller
    }

    /// The shape that an operand has already, if its pattern says so.
    fn fixed(&self, pattern: &Pattern) -> Option<Vec<i64>> {
        match pattern {
            Pattern::Any(name) => match self.classes[*name] {
                Some(class) => numbers_of(&known(&self.forms, class)?.fact),
                None => self.hinted(Some(*name)).and_then(|fact| numbers_of(&fact)),
            },
            Pattern::Apply { name, op, children, .. } => match self.hinted(*name) {
                Some(fact) => numbers_of(&fact),
                None if ["mul", "pow", "cast"].contains(op) => children.first().and_then(|child| self.fixed(child)),
                None => None,
            },
            Pattern::Either(all) => all.iter().find_map(|one| self.fixed(one)),
            _ => None,
        }
    }

    fn scalar_shape(&mut self) -> Vec<i64> {
        vec![1; (self.random.between(0, 4) - 2).max(0) as usize]
    }

    /// Shapes for operands that broadcast to the wanted one.
    fn broadcasting(&mut self, patterns: &[Pattern], shape: &[i64]) -> Vec<Vec<i64>> {
        let whole = self.random.between(0, patterns.len() as i64) as usize;
        let number = |pattern: &Pattern| matches!(pattern, Pattern::Number(_) | Pattern::Literal(_));
        let whole = if number(&patterns[whole]) { (whole + 1) % patterns.len() } else { whole };
        let mut shapes = Vec::new();
        for (place, pattern) in patterns.iter().enumerate() {
            shapes.push(if number(pattern) {
                self.scalar_shape()
            } else if let Some(fixed) = self.fixed(pattern) {
                fixed
            } else if place == whole || self.random.between(0, 2) == 0 {
                shape.to_vec()
            } else {
                self.smaller(shape)
            });
        }
        shapes
    }

    fn attr_of(&mut self, pattern: &Pattern, fresh: Attr) -> Option<Attr> {
        match pattern {
            Pattern::Any(name) => match self.classes[*name] {
                Some(class) => attr(&self.forms, class).cloned(),
                None => {
                    self.classes[*name] = Some(Builder::new(&mut self.forms).attr(&fresh));
                    Some(fresh)
                }
            },
            Pattern::Flag(flag) => (fresh == Attr::Flag(*flag)).then_some(fresh),
            _ => None,
        }
    }

    /// Whether a name stands for what is not there, or for what is.
    fn presence(&self, pattern: &Pattern) -> Option<bool> {
        match pattern {
            Pattern::Any(name) => self.classes[*name].map(|class| known(&self.forms, class).is_some()),
            _ => None,
        }
    }

    fn bound_attr(&self, pattern: &Pattern) -> Option<Attr> {
        match pattern {
            Pattern::Any(name) => attr(&self.forms, self.classes[*name]?).cloned(),
            _ => None,
        }
    }

    fn apply(&mut self, op: &'static Op, children: &[Pattern], wanted: &Fact) -> Option<Id> {
        let shape = numbers_of(wanted)?;
        let rank = shape.len();
        let (patterns, attr_patterns) = children.split_at(children.len() - op.attrs.len());
        let float = if wanted.dtype.is_float() { wanted.dtype } else { DType::F32 };
        let fact = |dtype: DType, shape: Vec<i64>| Fact::new(dtype, shape);
        let (mut facts, mut attrs): (Vec<Option<Fact>>, Vec<Attr>) = (Vec::new(), Vec::new());
        match op.name {
            "add" | "sub" | "mul" | "div" | "max" | "min" | "pow" => {
                let shapes = self.broadcasting(patterns, &shape);
                facts.extend(shapes.into_iter().map(|shape| Some(fact(wanted.dtype, shape))));
            }
            "equal" | "less" => {
                let shapes = self.broadcasting(patterns, &shape);
                let dtype = if self.random.between(0, 3) == 0 { DType::Bool } else { self.dtype };
                facts.extend(shapes.into_iter().map(|shape| Some(fact(dtype, shape))));
            }
            "select" => {
                let shapes = self.broadcasting(patterns, &shape);
                let dtypes = [DType::Bool, wanted.dtype, wanted.dtype];
                facts.extend(shapes.into_iter().zip(dtypes).map(|(shape, dtype)| Some(fact(dtype, shape))));
            }
            "cast" => {
                let all = [DType::F32, DType::F16, DType::BF16, DType::I32, DType::I64, DType::I8, DType::U8];
                let from = match (self.random.between(0, 4), wanted.dtype) {
                    (0, dtype) => dtype,
                    (1, DType::F32) => DType::F16,
                    (1, DType::F16) => DType::F32,
                    _ => all[self.random.between(0, all.len() as i64) as usize],
                };
                facts.push(Some(fact(from, shape)));
                attrs.push(Attr::DType(wanted.dtype));
            }
            "matmul" => {
                let [.., rows, columns] = shape[..] else { return None };
                let inner = match (self.fixed(&patterns[0]), self.fixed(&patterns[1])) {
                    (Some(left), _) => *left.last()?,
                    (None, Some(right)) => *right.get(right.len().checked_sub(2)?)?,
                    (None, None) => self.size(),
                };
                let outer = &shape[..rank - 2];
                let short = if self.random.between(0, 3) == 0 { self.smaller(outer) } else { outer.to_vec() };
                let (left, right) =
                    if self.random.between(0, 2) == 0 { (outer.to_vec(), short) } else { (short, outer.to_vec()) };
                facts.push(Some(fact(wanted.dtype, [&left[..], &[rows, inner]].concat())));
                facts.push(Some(fact(wanted.dtype, [&right[..], &[inner, columns]].concat())));
            }
            "transpose" => {
                let mut perm: Vec<i64> = (0..rank as i64).collect();
                if self.random.between(0, 5) > 0 {
                    self.random.shuffle(&mut perm);
                }
                if let Some(Attr::Ints(bound)) = self.bound_attr(&attr_patterns[0]) {
                    perm = bound;
                }
                let mut before = vec![0; rank];
                for (place, &axis) in perm.iter().enumerate() {
                    *before.get_mut(axis as usize)? = *shape.get(place)?;
                }
                facts.push(Some(fact(wanted.dtype, before)));
                attrs.push(Attr::Ints(perm));
            }
            "reshape" => {
                let before = self.fixed(&patterns[0]).unwrap_or_else(|| self.regrouped(&shape));
                let dims = |shape: &[i64]| shape.iter().map(|&size| Dim::from(size)).collect::<Vec<_>>();
                let groups = primitive::reshape::groups(&dims(&before), &dims(&shape), &mut |_| {}).ok()?;
                facts.push(Some(fact(wanted.dtype, before)));
                attrs.push(Attr::Groups(groups));
            }
            "broadcast" => {
                let before = self.fixed(&patterns[0]).unwrap_or_else(|| self.smaller(&shape));
                facts.push(Some(fact(wanted.dtype, before)));
                attrs.push(Attr::Dims(wanted.shape.clone()));
            }
            "slice" => {
                let (before, starts, steps) = self.cut(&patterns[0], &shape, self.bound_attr(&attr_patterns[2]))?;
                facts.push(Some(fact(wanted.dtype, before)));
                attrs.extend([Attr::Dims(starts), Attr::Dims(wanted.shape.clone()), Attr::Ints(steps)]);
            }
            "concat" => {
                let axis = match self.bound_attr(&attr_patterns[0]) {
                    Some(Attr::Int(axis)) => axis,
                    _ if rank == 0 => return None,
                    _ if self.random.between(0, 2) == 0 => rank as i64 - 1,
                    _ => self.random.between(0, rank as i64),
                };
                let whole = *shape.get(axis as usize)?;
                let parts = patterns.len() as i64;
                let first = match whole % parts {
                    0 => whole / parts,
                    _ => self.random.between(1, whole.max(2)),
                };
                for place in 0..parts {
                    let size = if place + 1 == parts { whole - first * (parts - 1) } else { first };
                    let mut part = shape.clone();
                    part[axis as usize] = (size > 0).then_some(size)?;
                    facts.push(Some(fact(wanted.dtype, part)));
                }
                attrs.push(Attr::Int(axis));
            }
            "reduce_sum" | "reduce_max" => {
                let fixed = self.fixed(&patterns[0]);
                let mut axes: Vec<i64> = (0..rank as i64).filter(|&axis| shape[axis as usize] == 1).collect();
                if let Some(Attr::Ints(bound)) = self.bound_attr(&attr_patterns[0]) {
                    axes = bound;
                } else if let Some(fixed) = &fixed {
                    axes.retain(|&axis| fixed.get(axis as usize).is_some_and(|size| *size != 1));
                } else if self.random.between(0, 3) == 0 {
                    axes.truncate(1);
                }
                let mut before = shape.clone();
                for &axis in &axes {
                    let size = self.size();
                    *before.get_mut(axis as usize)? = size;
                }
                facts.push(Some(fact(wanted.dtype, fixed.unwrap_or(before))));
                attrs.extend([Attr::Ints(axes), Attr::Flag(true)]);
            }
            "softmax" => {
                let axis = match rank as i64 {
                    0 => return None,
                    rank if self.random.between(0, 4) > 0 => rank - 1,
                    rank => self.random.between(0, rank),
                };
                facts.push(Some(wanted.clone()));
                attrs.push(Attr::Int(axis));
            }
            "group_norm" => {
                let channels = *shape.get(1)?;
                let groups = if self.random.between(0, 3) > 0 { channels } else { 1 };
                facts.push(Some(wanted.clone()));
                facts.extend([Some(fact(float, vec![channels])), Some(fact(float, vec![channels]))]);
                facts.push(Some(fact(DType::F32, Vec::new())));
                attrs.push(Attr::Int(groups));
            }
            "pad" => {
                let whole = self.fixed(&patterns[0]);
                if whole.as_ref().is_some_and(|whole| whole.len() != rank) {
                    return None;
                }
                let (mut before, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
                let between = if self.random.between(0, 4) == 0 { 1 } else { 0 };
                let first = if self.random.between(0, 4) == 0 { 0 } else { 2 };
                for (axis, &size) in shape.iter().enumerate() {
                    let own = whole.as_ref().map(|whole| whole[axis]);
                    let room = if axis < first { 0 } else { (size - own.unwrap_or(1)).clamp(0, 2 + own.unwrap_or(0)) };
                    let ahead = self.random.between(0, room + 1);
                    let behind = own.map_or_else(|| self.random.between(0, room - ahead + 1), |_| room - ahead);
                    let inner = size - ahead - behind;
                    // As many elements as fit with so many between them.
                    before.push((inner > 0).then_some((inner - 1) / (between + 1) + 1)?);
                    low.push(Dim::from(ahead));
                    high.push(Dim::from(behind));
                }
                facts.extend([Some(fact(wanted.dtype, before)), Some(fact(wanted.dtype, Vec::new()))]);
                attrs.extend([Attr::Dims(low), Attr::Dims(high), Attr::Ints(vec![between; rank])]);
            }
            "conv" | "max_pool" => self.slid(op, patterns, wanted, &mut facts, &mut attrs)?,
            "quantize" | "dequantize" => {
                let other = if self.random.between(0, 4) == 0 { DType::I16 } else { self.integer };
                let integer = if wanted.dtype.is_float() { other } else { wanted.dtype };
                let from = if wanted.dtype.is_float() { integer } else { self.dtype };
                let steps = if self.random.between(0, 2) == 0 { self.smaller(&shape) } else { self.scalar_shape() };
                let present = self.presence(&patterns[2]).unwrap_or(self.random.between(0, 2) == 0);
                let zero = present.then(|| fact(integer, steps.clone()));
                facts.extend([Some(fact(from, shape)), Some(fact(DType::F32, steps)), zero]);
                attrs.push(Attr::DType(wanted.dtype));
            }
            "attention" => {
                let [batch, heads, rows, width] = shape[..] else { return None };
                let keys = self.fixed(&patterns[1]).unwrap_or(vec![batch, heads, 3, 2]);
                let values = self.fixed(&patterns[2]).unwrap_or(vec![batch, heads, 3, width]);
                facts.push(Some(fact(float, vec![batch, heads, rows, *keys.last()?])));
                facts.extend([Some(fact(float, keys.clone())), Some(fact(float, values))]);
                let spelled = matches!(patterns[3], Pattern::Apply { .. });
                let dtype = if !spelled && self.random.between(0, 3) == 0 { DType::Bool } else { float };
                let mask = (spelled || self.random.between(0, 2) == 0).then(|| fact(dtype, vec![rows, keys[2]]));
                facts.extend([mask, Some(fact(DType::F32, Vec::new())), None]);
                let before = (self.random.between(0, 4) == 0).then(|| Dim::from(self.random.between(0, 2)));
                attrs.push(Attr::Dims(before.into_iter().collect()));
                attrs.extend(op.attrs.iter().skip(1).map(|_| Attr::Flag(false)));
            }
            // What is left is elementwise.
            _ if op.attrs.is_empty() && patterns.len() == 1 => facts.push(Some(wanted.clone())),
            _ => return None,
        }
        let mut operands = Vec::new();
        for (pattern, fact) in patterns.iter().zip(facts) {
            let operand = match (pattern, fact) {
                (Pattern::Any(name), None) => {
                    let absent = Builder::new(&mut self.forms).absent();
                    self.classes[*name] = Some(absent);
                    None
                }
                (_, None) => None,
                (pattern, Some(fact)) => {
                    // What was made meanwhile has its fact.
                    let bound = match pattern {
                        Pattern::Any(name) => self.classes[*name].and_then(|class| known(&self.forms, class)),
                        _ => None,
                    };
                    let fact = bound.map_or(fact, |bound| (*bound.fact).clone());
                    Some(value(self.make(pattern, &fact)?))
                }
            };
            operands.push(operand);
        }
        let mut all = Attrs::none();
        for ((spec, pattern), fresh) in op.attrs.iter().zip(attr_patterns).zip(attrs) {
            all = all.with(spec.name, self.attr_of(pattern, fresh)?);
        }
        let built = Builder::new(&mut self.forms).apply(op, &operands, all).ok().map(class)?;
        (*known(&self.forms, built)?.fact == *wanted).then_some(built)
    }

    /// The operands and attributes of an operator whose windows slide over spatial axes.
    fn slid(
        &mut self,
        op: &Op,
        patterns: &[Pattern],
        wanted: &Fact,
        facts: &mut Vec<Option<Fact>>,
        attrs: &mut Vec<Attr>,
    ) -> Option<()> {
        let [batch, channels, ref map @ ..] = numbers_of(wanted)?[..] else { return None };
        let fixed = self.fixed(&patterns[0]);
        let window = patterns.get(1).and_then(|pattern| self.fixed(pattern));
        let simple = self.random.between(0, 2) == 0;
        let spatial = map.len();
        let (mut sizes, mut strides, mut dilations) = (Vec::new(), Vec::new(), Vec::new());
        let (mut before, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, &size) in map.iter().enumerate() {
            let mut some = |least: i64, most: i64| if simple { least } else { self.random.between(least, most) };
            let [own, stride, dilation] = [some(1, 4), some(1, 4), some(1, 3)];
            let [ahead, behind] = [some(0, 3), some(0, 3)];
            let own = window.as_ref().and_then(|window| window.get(2 + axis)).copied().unwrap_or(own);
            let rest = if self.random.between(0, 2) == 0 { self.random.between(0, stride) } else { 0 };
            let whole = (size - 1) * stride + (own - 1) * dilation + 1 + rest - ahead - behind;
            before.push((whole > 0).then_some(whole)?);
            sizes.push(own);
            strides.push(stride);
            dilations.push(dilation);
            low.push(ahead);
            high.push(behind);
        }
        let pads = Attr::Ints([low, high].concat());
        let (strides, dilations) = (Attr::Ints(strides), Attr::Ints(dilations));
        if op.name == "max_pool" {
            facts.push(Some(Fact::new(wanted.dtype, [&[batch, channels][..], &before].concat())));
            attrs.extend([Attr::Ints(sizes), strides, dilations, pads]);
        } else {
            let groups = if channels % 2 == 0 && self.random.between(0, 3) == 0 { 2 } else { 1 };
            let own = fixed.as_ref().and_then(|fixed| fixed.get(1)).map(|all| all / groups);
            let own = own.unwrap_or_else(|| if groups == 1 { self.size() } else { 1 });
            facts.push(Some(Fact::new(wanted.dtype, [&[batch, own * groups][..], &before].concat())));
            facts.push(Some(Fact::new(wanted.dtype, [&[channels, own][..], &sizes].concat())));
            attrs.extend([strides, dilations, pads, Attr::Int(groups)]);
        }
        (spatial > 0).then_some(())
    }

    /// Another shape of as many elements.
    fn regrouped(&mut self, shape: &[i64]) -> Vec<i64> {
        let mut shape = shape.to_vec();
        for _ in 0..self.random.between(0, 3) {
            let at = self.random.between(0, shape.len() as i64 + 1) as usize;
            match self.random.between(0, 4) {
                0 => shape.insert(at, 1),
                1 if shape.get(at) == Some(&1) => {
                    shape.remove(at);
                }
                2 if at + 1 < shape.len() => {
                    let next = shape.remove(at + 1);
                    shape[at] *= next;
                }
                3 if shape.get(at).is_some_and(|size| size % 2 == 0) => {
                    shape[at] /= 2;
                    shape.insert(at, 2);
                }
                _ => {}
            }
        }
        shape
    }

    /// What a slice takes: the shape before it, its starts and steps.
    fn cut(&mut self, pattern: &Pattern, shape: &[i64], bound: Option<Attr>) -> Option<(Vec<i64>, Vec<Dim>, Vec<i64>)> {
        if let Some(fixed) = self.fixed(pattern).filter(|fixed| fixed.len() == shape.len()) {
            let (mut starts, mut steps) = (Vec::new(), Vec::new());
            for (axis, (whole, size)) in fixed.iter().zip(shape).enumerate() {
                let rest = whole.checked_sub(*size).filter(|rest| *rest >= 0)?;
                // A part of it, or every second element.
                let second = match &bound {
                    Some(Attr::Ints(steps)) => steps.get(axis) == Some(&2),
                    _ => *size > 1 && *whole == 2 * size && self.random.between(0, 2) == 0,
                };
                let rest = if second { 1 } else { rest };
                let start = if self.random.between(0, 2) == 0 { rest } else { 0 };
                starts.push(Dim::from(start));
                steps.push(if second { 2 } else { 1 });
            }
            return Some((fixed, starts, steps));
        }
        let (mut before, mut starts, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for &size in shape {
            let (mut start, mut step, mut rest) = (0, 1, 0);
            match self.random.between(0, 6) {
                0 => (start, rest) = (self.random.between(0, 3), self.random.between(0, 2)),
                1 => step = 2,
                2 => (start, step) = ((size - 1).max(0), -1),
                _ => {}
            }
            let span = (size - 1).max(0) * step;
            before.push(start.max(start + span) + 1 + rest);
            starts.push(Dim::from(start));
            steps.push(step);
        }
        Some((before, starts, steps))
    }
}
