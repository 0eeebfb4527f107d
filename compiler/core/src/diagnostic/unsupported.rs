//! All unsupported operators of a model in one diagnostic: what is missing, how often, and where first.

use super::{Diagnostic, NodeRef, codes};
use std::collections::BTreeMap;

/// Collects nodes that cannot be imported, by operator and reason.
#[derive(Debug, Default)]
pub struct UnsupportedOperators {
    groups: BTreeMap<(String, String), Seen>,
}

#[derive(Debug)]
struct Seen {
    first: NodeRef,
    count: usize,
}

impl UnsupportedOperators {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node. `operator` is the name as the user knows it, with its domain if that is not ONNX's own.
    pub fn push(&mut self, operator: &str, reason: &str, node: NodeRef) {
        self.groups
            .entry((operator.to_owned(), reason.to_owned()))
            .and_modify(|seen| seen.count += 1)
            .or_insert(Seen { first: node, count: 1 });
    }

    /// One error that lists all of them, the most frequent first; `None` if there are none.
    pub fn into_diagnostic(self) -> Option<Diagnostic> {
        let nodes: usize = self.groups.values().map(|seen| seen.count).sum();
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by_key(|((_, _), seen)| std::cmp::Reverse(seen.count));
        let file = groups.first()?.1.first.file.clone();
        let message = format!(
            "{nodes} {} an operator that m4c cannot import ({} different)",
            if nodes == 1 { "node uses" } else { "nodes use" },
            groups.len()
        );
        let start = Diagnostic::error(codes::UNSUPPORTED_OPERATORS, message).at(&*file);
        let all = groups.into_iter().fold(start, |diagnostic, ((operator, reason), seen)| {
            diagnostic.note_at(seen.first, format!("{operator}, {}: {reason}", nodes_in_words(seen.count)))
        });
        Some(all.help("`m4c ops` and docs/reference/ops list what can be imported"))
    }
}

fn nodes_in_words(count: usize) -> String {
    format!("{count} {}", if count == 1 { "node" } else { "nodes" })
}
