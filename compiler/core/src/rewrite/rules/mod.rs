//! The tables of rules, one for each subject.

mod activation;
mod adapter;
mod algebra;
mod attention;
mod layout;
mod linear;
mod norm;
mod quant;
mod reduce;
mod rope;
mod window;

use super::rule::{Kind, ReadRule, Rule, RuleNumerics};
use serde::Serialize;

/// A rule toward one spelling.
const fn normalize(
    name: &'static str,
    why: &'static str,
    [left, right]: [&'static str; 2],
    given: &'static [&'static str],
    numerics: RuleNumerics,
) -> Rule {
    Rule { name, why, left, parts: &[], right, given, when: &[], numerics, kind: Kind::Normalize }
}

/// A table.
pub struct Subject {
    /// Its name.
    pub name: &'static str,
    /// What its rules are about.
    pub summary: &'static str,
    /// The rules.
    pub rules: &'static [Rule],
}

/// The table that is left out where changes of low rank stay as they are.
const ADAPTER: &str = "adapter";

/// Which rules are applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Those of this class of numerics or a stricter one.
    pub numerics: RuleNumerics,
    /// Also those that put changes of low rank into weights.
    pub merging: bool,
}

impl From<RuleNumerics> for Allowed {
    fn from(numerics: RuleNumerics) -> Allowed {
        Allowed { numerics, merging: true }
    }
}

/// All tables.
pub const SUBJECTS: &[Subject] = &[
    Subject { name: "algebra", summary: "numbers, powers and casts", rules: algebra::RULES },
    Subject {
        name: "layout",
        summary: "transpositions, reshapes, slices, concatenations and broadcasts: cancellation and motion",
        rules: layout::RULES,
    },
    Subject { name: "linear", summary: "products of matrices", rules: linear::RULES },
    Subject {
        name: ADAPTER,
        summary: "changes of low rank beside products, which become changes of weights",
        rules: adapter::RULES,
    },
    Subject {
        name: "activation",
        summary: "activation functions in the spellings of exporters",
        rules: activation::RULES,
    },
    Subject { name: "norm", summary: "normalizations and softmax in the spellings of exporters", rules: norm::RULES },
    Subject { name: "attention", summary: "attention in the spellings of exporters", rules: attention::RULES },
    Subject { name: "rope", summary: "rotary position embedding in the spellings of exporters", rules: rope::RULES },
    Subject {
        name: "quant",
        summary: "integers that stand for real numbers: motion to the side where elements are small, and cancellation",
        rules: quant::RULES,
    },
    Subject { name: "reduce", summary: "reductions", rules: reduce::RULES },
    Subject { name: "window", summary: "frames, and windows that slide over spatial axes", rules: window::RULES },
];

/// All rules, in the order of their tables.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    SUBJECTS.iter().flat_map(|subject| subject.rules)
}

/// The rules that are allowed, ready to be applied.
///
/// # Errors
/// Which text is wrong, and how.
pub(super) fn read(allowed: Allowed) -> Result<Vec<ReadRule>, String> {
    let subjects = SUBJECTS.iter().filter(|subject| allowed.merging || subject.name != ADAPTER);
    let rules = subjects.flat_map(|subject| subject.rules);
    let rules = rules.filter(|rule| rule.numerics <= allowed.numerics && rule.kind != Kind::Expand);
    rules.map(|rule| rule.read().map_err(|error| format!("rule `{}`: {error}", rule.name))).collect()
}

/// What right sides may compute: names, numbers of arguments, and what comes of it.
pub fn functions() -> Vec<(&'static str, usize, &'static str)> {
    super::function::all().map(|one| (one.name, one.arguments, one.text)).collect()
}

/// A rule as people read it.
#[derive(Clone, Debug, Serialize)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its table.
    pub subject: &'static str,
    /// When it is applied.
    pub kind: &'static str,
    /// How equal its sides are.
    pub numerics: &'static str,
    /// What it is good for.
    pub why: String,
    /// The form that is found.
    pub left: String,
    /// Parts of either side by name.
    pub parts: Vec<(&'static str, &'static str)>,
    /// The form that is added.
    pub right: String,
    /// What must hold for both sides to be equal, in English.
    pub given: Vec<String>,
    /// What must hold for it to pay, in English.
    pub when: Vec<String>,
}

/// All rules, those that are generated from composites last.
///
/// # Errors
/// Which text is wrong, and how.
pub fn described() -> Result<Vec<Described>, String> {
    let mut all = Vec::new();
    for subject in SUBJECTS {
        for rule in subject.rules {
            let read = rule.read().map_err(|error| format!("rule `{}`: {error}", rule.name))?;
            let texts = |conditions: &[super::condition::Condition]| {
                conditions.iter().map(|one| one.text(&read.names)).collect::<Vec<String>>()
            };
            all.push(Described {
                name: rule.name.into(),
                subject: subject.name,
                kind: rule.kind.name(),
                numerics: rule.numerics.name(),
                why: rule.why.into(),
                left: rule.left.into(),
                parts: rule.parts.to_vec(),
                right: rule.right.into(),
                given: texts(&read.given),
                when: texts(&read.when),
            });
        }
    }
    for op in m4c_ops::composite::ALL {
        let operands: Vec<String> = op.operands.iter().map(|operand| format!("?{}", operand.name)).collect();
        let attrs = op.attrs.iter().map(|attr| format!("?{}", attr.name));
        let words: Vec<String> = [op.name.to_owned()].into_iter().chain(operands).chain(attrs).collect();
        all.push(Described {
            name: format!("expand-{}", op.name),
            subject: "composites",
            kind: Kind::Expand.name(),
            numerics: RuleNumerics::Exact.name(),
            why: "a target that does not take it whole takes its parts".into(),
            left: format!("({})", words.join(" ")),
            parts: Vec::new(),
            right: format!("its decomposition, as the page of `{}` has it", op.name),
            given: Vec::new(),
            when: Vec::new(),
        });
    }
    Ok(all)
}
