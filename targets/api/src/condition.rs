//! What a profile may demand of a node beyond types: a closed vocabulary, so that it can be evaluated, tested and printed.

use crate::node::NodeView;
use std::fmt;
use std::str::FromStr;

/// A demand on a node. Operands are named as in the operator's definition; an absent one fulfills everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// `rank(x) <= 5`
    RankAtMost {
        /// An operand, or `result`.
        operand: String,
        /// The largest number of axes.
        rank: usize,
    },
    /// `constant(w)`
    Constant {
        /// An operand.
        operand: String,
    },
    /// `sizes(scale) = sizes(x) from axis`
    TrailingSizes {
        /// An operand.
        operand: String,
        /// The operand whose last sizes it has.
        of: String,
        /// The attribute that says from which axis on.
        from: String,
    },
}

impl Condition {
    /// Whether the node fulfills it. Sizes that are not known to be equal count as different.
    pub fn holds(&self, node: &NodeView<'_>) -> bool {
        match self {
            Condition::RankAtMost { operand, rank } => node.facts(operand).iter().all(|fact| fact.rank() <= *rank),
            Condition::Constant { operand } => node.named(operand).all(|operand| operand.constant),
            Condition::TrailingSizes { operand, of, from } => {
                let axis = usize::try_from(node.attrs.get_int(from)).unwrap_or(usize::MAX);
                let whole = node.facts(of);
                let trailing = whole.first().and_then(|fact| fact.shape.get(axis..));
                node.facts(operand).iter().all(|fact| Some(&*fact.shape) == trailing)
            }
        }
    }

    /// What a node that fulfills it is like, in English.
    pub fn text(&self) -> String {
        match self {
            Condition::RankAtMost { operand, rank } => {
                format!("{} has at most {rank} axes", quoted(operand))
            }
            Condition::Constant { operand } => {
                format!("{} is known when compiling", quoted(operand))
            }
            Condition::TrailingSizes { operand, of, from } => {
                let (operand, of) = (quoted(operand), quoted(of));
                format!("{operand} has the sizes of {of} from axis `{from}` on")
            }
        }
    }

    /// Names of the operands that it speaks of.
    pub fn operands(&self) -> Vec<&str> {
        match self {
            Condition::RankAtMost { operand, .. } | Condition::Constant { operand } => {
                vec![operand]
            }
            Condition::TrailingSizes { operand, of, .. } => vec![operand, of],
        }
    }

    /// Names of the attributes that it speaks of.
    pub fn attrs(&self) -> Vec<&str> {
        match self {
            Condition::TrailingSizes { from, .. } => vec![from],
            Condition::RankAtMost { .. } | Condition::Constant { .. } => Vec::new(),
        }
    }
}

fn quoted(operand: &str) -> String {
    format!("`{operand}`")
}

/// Reads what `Display` writes.
impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let unknown = || {
            format!(
                "`{text}` is no condition; known are `rank(x) <= 5`, `constant(x)` and `sizes(x) = sizes(y) from axis`"
            )
        };
        let parsed = || {
            let (function, rest) = text.trim().split_once('(')?;
            let (operand, rest) = rest.split_once(')')?;
            let operand = name(operand)?;
            let rest = rest.trim();
            Some(match function.trim() {
                "rank" => {
                    let rank = rest.strip_prefix("<=")?.trim().parse().ok()?;
                    Condition::RankAtMost { operand, rank }
                }
                "constant" if rest.is_empty() => Condition::Constant { operand },
                "sizes" => {
                    let rest = rest.strip_prefix('=')?.trim().strip_prefix("sizes")?.trim();
                    let (of, from) = rest.strip_prefix('(')?.split_once(')')?;
                    let from = name(from.trim().strip_prefix("from ")?)?;
                    let of = name(of)?;
                    Condition::TrailingSizes { operand, of, from }
                }
                _ => return None,
            })
        };
        parsed().ok_or_else(unknown)
    }
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| text.into())
}

/// As it is written in a profile.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::RankAtMost { operand, rank } => write!(f, "rank({operand}) <= {rank}"),
            Condition::Constant { operand } => write!(f, "constant({operand})"),
            Condition::TrailingSizes { operand, of, from } => {
                write!(f, "sizes({operand}) = sizes({of}) from {from}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::OperandView;
    use m4c_ops::{Attrs, Fact, Symbols, composite};

    #[test]
    fn conditions_read_back_as_they_are_written() {
        for text in ["rank(x) <= 5", "constant(w)", "sizes(scale) = sizes(x) from axis"] {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "rank(x)",
            "rank(x) <= y",
            "constant()",
            "constant(x) y",
            "sizes(x) = sizes(y)",
            "float(x)",
            "rank(x) <= -1",
        ] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_hold_for_what_they_say() {
        let symbols = Symbols::default();
        let fact = |text: &str| Fact::parse(text, &symbols).unwrap();
        let (x, scale, epsilon) = (fact("f32[n, 3, 4]"), fact("f32[3, 4]"), fact("f32[]"));
        let attrs = Attrs::none().int("axis", 1);
        let view = |fact, constant| Some(OperandView { fact, constant });
        let mut node = NodeView {
            op: &composite::layer_norm::OP,
            attrs: &attrs,
            operands: vec![view(&x, false), view(&scale, true), None, view(&epsilon, true)],
            result: &x,
        };
        let holds = |node: &NodeView<'_>, text: &str| text.parse::<Condition>().unwrap().holds(node);
        assert!(holds(&node, "rank(x) <= 3") && !holds(&node, "rank(result) <= 2"));
        assert!(holds(&node, "constant(scale)") && !holds(&node, "constant(x)"));
        assert!(holds(&node, "sizes(scale) = sizes(x) from axis"));
        assert!(holds(&node, "sizes(bias) = sizes(x) from axis"), "absent");
        assert!(!holds(&node, "sizes(epsilon) = sizes(x) from axis"));
        node.operands[1] = view(&epsilon, true);
        assert!(!holds(&node, "sizes(scale) = sizes(x) from axis"));
    }
}
