//! Reads the text form.

use crate::constant::{Constant, DataFile};
use crate::graph::{Graph, Range, ValueId};
use crate::origin::Origin;
use crate::scan::{MOST_NESTED, Scan};
use m4c_ops::dim::{Guard, GuardKind};
use m4c_ops::{Dim, Fact, Tensor, table};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Finds the files that stored constants lie in, by name.
pub type Files<'a> = &'a dyn Fn(&str) -> Option<Arc<DataFile>>;

/// Why a text is not a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Reads one graph.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(text: &str, files: Files<'_>) -> Result<Graph, TextError> {
    let mut reader = Reader {
        graph: Graph::default(),
        values: BTreeMap::new(),
        origins: BTreeMap::new(),
        files,
        around: Vec::new(),
        closed: false,
    };
    let mut seen_head = false;
    let mut last = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        last = number + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let result = if !seen_head {
            seen_head = true;
            reader.head(line)
        } else if reader.closed {
            Err("nothing may follow the closing `}`".to_string())
        } else {
            reader.line(line)
        };
        result.map_err(|what| TextError { line: number + 1, what })?;
    }
    if !reader.closed {
        return Err(TextError { line: last.max(1), what: "expected `}`".into() });
    }
    Ok(reader.graph)
}

struct Reader<'a> {
    graph: Graph,
    values: BTreeMap<u32, ValueId>,
    origins: BTreeMap<u32, Arc<Origin>>,
    files: Files<'a>,
    /// The graphs around the one that is read, innermost last.
    around: Vec<Around>,
    closed: bool,
}

/// A graph in whose loop the lines are.
struct Around {
    graph: Graph,
    values: BTreeMap<u32, ValueId>,
    id: u32,
    operands: Vec<Option<ValueId>>,
    scan: Scan,
    origins: Vec<Arc<Origin>>,
}

impl Reader<'_> {
    fn head(&mut self, line: &str) -> Result<(), String> {
        let rest = line.strip_prefix("graph").ok_or("expected `graph`")?;
        let (name, rest) = unquote(rest)?;
        if rest.trim() != "{" {
            return Err("expected `{` after the graph's name".into());
        }
        self.graph.name = name;
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line == "}" {
            match self.around.pop() {
                Some(around) => self.end_scan(around),
                None => self.closed = true,
            }
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('%') {
            return self.node(rest);
        }
        let (word, rest) = line.split_once(' ').ok_or_else(|| format!("`{line}` is no statement"))?;
        match word {
            "symbol" => {
                let (name, rest) = unquote(rest)?;
                let range = range(rest.trim())?;
                self.graph.symbols.limit(&name, range.low, range.high);
                self.graph.ranges.insert(name, range);
                Ok(())
            }
            "guard" => {
                let guard = self.guard(rest)?;
                self.graph.guards.insert(guard);
                Ok(())
            }
            "origin" => {
                let (index, rest) = rest.split_once(' ').ok_or("expected the origin's number")?;
                let (op_type, rest) = unquote(rest)?;
                let (name, rest) = unquote(rest)?;
                let (scope, _) = unquote(rest)?;
                let index = number(index)?;
                self.origins.insert(index, Arc::new(Origin { index, op_type, name, scope }));
                Ok(())
            }
            "output" => {
                let (name, rest) = unquote(rest)?;
                let value = rest.trim().strip_prefix('=').ok_or("expected `=` after the output's name")?;
                let value = self.value(value.trim())?;
                self.graph.add_output(name, value);
                Ok(())
            }
            _ => Err(format!("`{word}` is no statement")),
        }
    }

    fn guard(&self, text: &str) -> Result<Guard, String> {
        let kinds = [(" <= ", GuardKind::AtMost), (" = ", GuardKind::Equal), (" | ", GuardKind::Divides)];
        let found = kinds.iter().find_map(|(sign, kind)| Some((text.split_once(sign)?, *kind)));
        let ((left, right), kind) = found.ok_or_else(|| format!("no `=`, `<=` or `|` in `{text}`"))?;
        let dim =
            |text: &str| Dim::parse(text, &self.graph.symbols).map_err(|error| format!("`{}`: {error}", text.trim()));
        Ok(Guard { kind, left: dim(left)?, right: dim(right)? })
    }

    /// Reads the head of a loop; its lines follow.
    fn begin_scan(&mut self, id: u32, text: &str) -> Result<(), String> {
        if self.around.len() >= MOST_NESTED {
            return Err("loops are nested too deep".into());
        }
        let (operands, rest) = text.split_once('[').ok_or("expected `[` and what the scan does")?;
        let (settings, rest) = rest.rsplit_once(']').ok_or("expected `]` after what the scan does")?;
        let rest = rest.trim().strip_suffix('{').ok_or("expected `{` at the end of the line")?;
        let operands = self.operands(operands)?;
        let origins = self.origins(rest.trim().strip_prefix('@').unwrap_or(rest))?;
        let mut scan = Scan { body: Graph::default(), trip: Dim::from(0), carries: 0, rows: vec![], stacks: vec![] };
        for setting in settings.split(';') {
            let (name, value) = setting.split_once('=').ok_or_else(|| format!("no `=` in `{setting}`"))?;
            let value = value.trim();
            let ways = || {
                let ways = value.split(',').map(str::trim).filter(|way| !way.is_empty());
                ways.map(|way| match way {
                    "forward" => Ok(false),
                    "backward" => Ok(true),
                    other => Err(format!("`{other}` is neither forward nor backward")),
                })
                .collect::<Result<Vec<bool>, String>>()
            };
            match name.trim() {
                "trip" => {
                    scan.trip =
                        Dim::parse(value, &self.graph.symbols).map_err(|error| format!("`{value}`: {error}"))?;
                }
                "carries" => scan.carries = number(value)?,
                "rows" => scan.rows = ways()?,
                "stacks" => scan.stacks = ways()?,
                other => return Err(format!("`{other}` is nothing that a scan has")),
            }
        }
        let mut body = Graph::new("body");
        body.symbols = self.graph.symbols.clone();
        let graph = std::mem::replace(&mut self.graph, body);
        let values = std::mem::take(&mut self.values);
        self.around.push(Around { graph, values, id, operands, scan, origins });
        Ok(())
    }

    fn end_scan(&mut self, around: Around) {
        let Around { graph, values, id, operands, mut scan, origins } = around;
        scan.body = std::mem::replace(&mut self.graph, graph);
        self.values = values;
        let value = self.graph.add_scan_alone(scan, &operands);
        self.graph.node_mut(value).origins.extend(origins);
        self.values.insert(id, value);
    }

    fn result(&mut self, text: &str) -> Result<ValueId, String> {
        let (index, rest) = text.split_once(' ').ok_or("expected the scan after the result's number")?;
        let (scan, fact) = rest.split_once(':').ok_or("expected `:` and the result's type and shape")?;
        let fact = Fact::parse(fact.trim(), &self.graph.symbols)?;
        let scan = self.value(scan.trim())?;
        Ok(self.graph.add_result(scan, number(index)?, fact))
    }

    fn operands(&self, text: &str) -> Result<Vec<Option<ValueId>>, String> {
        let operands = text.split(',').map(str::trim).filter(|operand| !operand.is_empty());
        operands.map(|operand| if operand == "_" { Ok(None) } else { self.value(operand).map(Some) }).collect()
    }

    fn origins(&self, text: &str) -> Result<Vec<Arc<Origin>>, String> {
        let named = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        named
            .map(|origin| {
                let index = number(origin)?;
                self.origins.get(&index).cloned().ok_or_else(|| format!("no origin {index}"))
            })
            .collect()
    }

    fn node(&mut self, rest: &str) -> Result<(), String> {
        let (id, rest) = rest.split_once('=').ok_or("expected `=` after the value")?;
        let id: u32 = number(id.trim())?;
        if self.values.contains_key(&id) {
            return Err(format!("a second value %{id}"));
        }
        if let Some(text) = rest.trim().strip_prefix("scan ") {
            return self.begin_scan(id, text);
        }
        let (body, origins) = match rest.rsplit_once(" @ ") {
            Some((body, origins)) if origins.chars().all(|c| c.is_ascii_digit() || c == ',' || c == ' ') => {
                (body, origins)
            }
            _ => (rest, ""),
        };
        let (op, operands) = body.trim().split_once(' ').unwrap_or((body.trim(), ""));
        let value = match op {
            "input" => self.input(operands)?,
            "constant" => self.constant(operands)?,
            "result" => self.result(operands)?,
            op => self.apply(op, operands)?,
        };
        let origins = self.origins(origins)?;
        self.graph.node_mut(value).origins.extend(origins);
        self.values.insert(id, value);
        Ok(())
    }

    fn input(&mut self, text: &str) -> Result<ValueId, String> {
        let (name, rest) = unquote(text)?;
        let fact = rest.trim().strip_prefix(':').ok_or("expected `:` after the input's name")?;
        let fact = Fact::parse(fact.trim(), &self.graph.symbols)?;
        Ok(self.graph.add_input(name, fact))
    }

    fn constant(&mut self, text: &str) -> Result<ValueId, String> {
        if let Some((fact, place)) = text.split_once(" file ") {
            let fact = Fact::parse(fact.trim(), &self.graph.symbols)?;
            let (name, rest) = unquote(place)?;
            let file = (self.files)(&name).ok_or_else(|| format!("file `{name}` cannot be found"))?;
            let (offset, length) = rest.trim().split_once(' ').ok_or("expected offset and length after the file")?;
            let (offset, length) = (number(offset)?, number(length.trim())?);
            return Ok(self.graph.add_constant(Constant::Stored { file, offset, length }, fact));
        }
        let tensor = Tensor::parse(text, &self.graph.symbols).map_err(|error| error.to_string())?;
        let fact = tensor.fact();
        Ok(self.graph.add_constant(Constant::Inline(Arc::new(tensor)), fact))
    }

    fn apply(&mut self, name: &str, text: &str) -> Result<ValueId, String> {
        let op = table::find(name).ok_or_else(|| format!("`{name}` is no operator"))?;
        let (before, fact) = text.rsplit_once(':').ok_or("expected `:` and the result's type and shape")?;
        let fact = Fact::parse(fact.trim(), &self.graph.symbols)?;
        let (operands, attrs) = match before.split_once('{') {
            Some((operands, attrs)) => {
                let attrs = attrs.trim().strip_suffix('}').ok_or("expected `}` after the attributes")?;
                (operands, top_level_items(attrs))
            }
            None => (before, Vec::new()),
        };
        let attrs = op.parse_attrs(&attrs, &self.graph.symbols)?;
        let operands = self.operands(operands)?;
        Ok(self.graph.add_apply(op, &operands, attrs, fact))
    }

    fn value(&self, text: &str) -> Result<ValueId, String> {
        let id: u32 = number(text.strip_prefix('%').ok_or_else(|| format!("`{text}` is no value"))?)?;
        self.values.get(&id).copied().ok_or_else(|| format!("%{id} is not defined before its use"))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number in range"))
}

fn range(text: &str) -> Result<Range, String> {
    let (low, rest) = text.split_once("..").ok_or_else(|| format!("no `..` in range `{text}`"))?;
    let (high, step) = rest.split_once(':').ok_or_else(|| format!("no `:` in range `{text}`"))?;
    let high = if high.is_empty() { None } else { Some(number(high)?) };
    Ok(Range { low: number(low)?, high, step: number(step)? })
}

/// The text in quotes at the start, and what follows.
fn unquote(text: &str) -> Result<(String, &str), String> {
    let inner = text.trim_start().strip_prefix('"').ok_or_else(|| format!("expected a name in quotes at `{text}`"))?;
    let mut name = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((name, &inner[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'u')) => {
                    let rest = chars.as_str();
                    let code = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(code, _)| code);
                    let code = code.ok_or("expected `{` and `}` after `\\u`")?;
                    let c = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
                    name.push(c.ok_or_else(|| format!("`{code}` is no character"))?);
                    chars.by_ref().take(code.chars().count() + 1).for_each(|_| ());
                    chars.next();
                }
                Some((_, c)) => name.push(c),
                None => break,
            },
            c => name.push(c),
        }
    }
    Err("a name in quotes does not end".into())
}

/// The parts between commas that are in no brackets.
fn top_level_items(text: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        items.push(&text[start..]);
    }
    items
}
