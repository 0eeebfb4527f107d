//! Where in the user's model a node comes from.

use std::fmt;

/// One node of the imported model. A rewrite's result carries the union of what it replaced.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Origin {
    /// Position among the nodes of the model.
    pub index: u32,
    /// Operator type in the model's own terms.
    pub op_type: String,
    /// The node's name; may be empty or repeated.
    pub name: String,
    /// Dotted module path, where the exporter wrote one.
    pub scope: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.index, self.op_type)?;
        let place = if self.scope.is_empty() { &self.name } else { &self.scope };
        if place.is_empty() { Ok(()) } else { write!(f, " {place}") }
    }
}
