//! Writes the text form.

use crate::constant::Constant;
use crate::graph::{Graph, NodeKind, Range, ValueId};
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
        let mut origins = BTreeSet::new();
        collect_origins(self, &mut origins);
        for origin in origins {
            let (op, name, scope) = (quoted(&origin.op_type), quoted(&origin.name), quoted(&origin.scope));
            writeln!(f, "  origin {} {op} {name} {scope}", origin.index)?;
        }
        write_nodes(self, f, "  ")?;
        writeln!(f, "}}")
    }
}

fn collect_origins<'g>(graph: &'g Graph, origins: &mut BTreeSet<&'g Arc<Origin>>) {
    for value in graph.order() {
        let node = graph.node(value);
        origins.extend(&node.origins);
        if let NodeKind::Scan(scan) = &node.kind {
            collect_origins(&scan.body, origins);
        }
    }
}

fn write_operands(graph: &Graph, value: ValueId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, operand) in graph.operands(value).iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { " " })?;
        match operand {
            Some(operand) => write!(f, "%{}", operand.0)?,
            None => f.write_str("_")?,
        }
    }
    Ok(())
}

fn write_origins(graph: &Graph, value: ValueId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, origin) in graph.node(value).origins.iter().enumerate() {
        write!(f, "{}{}", if i > 0 { ", " } else { " @ " }, origin.index)?;
    }
    Ok(())
}

fn write_nodes(graph: &Graph, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
    for value in graph.order() {
        let node = graph.node(value);
        write!(f, "{indent}%{} = ", value.0)?;
        match &node.kind {
            NodeKind::Input(name) => write!(f, "input {} : {}", quoted(name), node.fact)?,
            NodeKind::Constant(Constant::Inline(tensor)) => write!(f, "constant {tensor}")?,
            NodeKind::Constant(Constant::Stored { file, offset, length }) => {
                write!(f, "constant {} file {} {offset} {length}", node.fact, quoted(file.name()))?;
            }
            NodeKind::Apply { op, attrs } => {
                f.write_str(op.name)?;
                write_operands(graph, value, f)?;
                if !op.attrs.is_empty() {
                    write!(f, " {attrs}")?;
                }
                write!(f, " : {}", node.fact)?;
            }
            NodeKind::Result(index) => {
                write!(f, "result {index}")?;
                write_operands(graph, value, f)?;
                write!(f, " : {}", node.fact)?;
            }
            NodeKind::Scan(scan) => {
                f.write_str("scan")?;
                write_operands(graph, value, f)?;
                let ways = |reversed: &[bool]| {
                    let ways: Vec<&str> =
                        reversed.iter().map(|&back| if back { "backward" } else { "forward" }).collect();
                    ways.join(", ")
                };
                let (rows, stacks) = (ways(&scan.rows), ways(&scan.stacks));
                write!(f, " [trip = {}; carries = {}; rows = {rows}; stacks = {stacks}]", scan.trip, scan.carries)?;
                write_origins(graph, value, f)?;
                writeln!(f, " {{")?;
                write_nodes(&scan.body, f, &format!("{indent}  "))?;
                writeln!(f, "{indent}}}")?;
                continue;
            }
        }
        write_origins(graph, value, f)?;
        writeln!(f)?;
    }
    for output in graph.outputs() {
        writeln!(f, "{indent}output {} = %{}", quoted(&output.name), output.value.0)?;
    }
    Ok(())
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
