//! Writes the text form.

use crate::constant::Constant;
use crate::graph::{Graph, NodeKind, Range};
use crate::origin::Origin;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", self.low)?;
        if let Some(high) = self.high {
            write!(f, "{high}")?;
        }
        write!(f, ":{}", self.step)
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {} {{", quoted(&self.name))?;
        for (symbol, range) in &self.ranges {
            writeln!(f, "  symbol {} {range}", quoted(symbol))?;
        }
        for guard in &self.guards {
            writeln!(f, "  guard {guard}")?;
        }
        let order = self.order();
        let origins: BTreeSet<&Arc<Origin>> = order.iter().flat_map(|&value| &self.node(value).origins).collect();
        for origin in origins {
            let (op, name, scope) = (quoted(&origin.op_type), quoted(&origin.name), quoted(&origin.scope));
            writeln!(f, "  origin {} {op} {name} {scope}", origin.index)?;
        }
        for value in order {
            let node = self.node(value);
            write!(f, "  %{} = ", value.0)?;
            match &node.kind {
                NodeKind::Input(name) => write!(f, "input {} : {}", quoted(name), node.fact)?,
                NodeKind::Constant(Constant::Inline(tensor)) => write!(f, "constant {tensor}")?,
                NodeKind::Constant(Constant::Stored { file, offset, length }) => {
                    write!(f, "constant {} file {} {offset} {length}", node.fact, quoted(file.name()))?;
                }
                NodeKind::Apply { op, attrs } => {
                    f.write_str(op.name)?;
                    for (i, operand) in self.operands(value).iter().enumerate() {
                        f.write_str(if i > 0 { ", " } else { " " })?;
                        match operand {
                            Some(operand) => write!(f, "%{}", operand.0)?,
                            None => f.write_str("_")?,
                        }
                    }
                    if !op.attrs.is_empty() {
                        write!(f, " {attrs}")?;
                    }
                    write!(f, " : {}", node.fact)?;
                }
            }
            for (i, origin) in node.origins.iter().enumerate() {
                write!(f, "{}{}", if i > 0 { ", " } else { " @ " }, origin.index)?;
            }
            writeln!(f)?;
        }
        for output in self.outputs() {
            writeln!(f, "  output {} = %{}", quoted(&output.name), output.value.0)?;
        }
        writeln!(f, "}}")
    }
}

/// In quotes; quotes, backslashes and control characters are escaped as in Rust.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
