//! Finds the ports of all declared states, and how each program changes them.

use super::pattern::{Match, PortPattern, closest, pair};
use super::{Axis, State, StateDeclaration, StateKind, StateUse};
use crate::diagnostic::{Diagnostic, Diagnostics, codes};
use m4c_ir::{Graph, NodeKind, Range, ValueId};
use m4c_ops::{Dim, DimView, Fact};
use std::collections::{BTreeMap, BTreeSet};

/// The most names that one note lists.
const LISTED: usize = 16;

/// What every program does with states, in the order of `graphs`, which are named after their programs.
///
/// # Errors
/// Patterns that match nothing, ports that do not pair, and programs that change a state in no known way.
pub fn resolve(declarations: &[StateDeclaration], graphs: &[&Graph]) -> Result<Vec<Vec<StateUse>>, Diagnostics> {
    let mut uses = vec![Vec::new(); graphs.len()];
    let mut diagnostics = Diagnostics::new();
    let mut taken: BTreeMap<(usize, bool, String), String> = BTreeMap::new();
    for declaration in declarations {
        let group = Group { declaration, graphs };
        let Some(states) = diagnostics.take(group.states()) else { continue };
        for (program, used) in states {
            let ports = used.read.iter().map(|port| (false, port)).chain(used.write.iter().map(|port| (true, port)));
            for (output, port) in ports {
                let key = (program, output, port.clone());
                if let Some(other) = taken.insert(key, used.state.name.clone()) {
                    let kind = if output { "output" } else { "input" };
                    let message = format!("{kind} `{port}` belongs to states `{other}` and `{}`", used.state.name);
                    diagnostics.push(group.error(codes::M4_TOML_STATE_PORTS, message));
                }
            }
            uses[program].push(used);
        }
    }
    diagnostics.finish(uses).map(|(uses, _)| uses)
}

struct Group<'a> {
    declaration: &'a StateDeclaration,
    graphs: &'a [&'a Graph],
}

/// A state and what programs do with it, before it is known how it changes.
#[derive(Default)]
struct Draft {
    star: String,
    reads: BTreeMap<usize, String>,
    writes: BTreeMap<usize, String>,
}

impl Group<'_> {
    fn states(&self) -> Result<Vec<(usize, StateUse)>, Diagnostic> {
        let mut drafts = self.drafts()?;
        for &program in &drafts.first().map(|draft| draft.reads.keys().copied().collect::<Vec<_>>()).unwrap_or_default()
        {
            self.own_updates(program, &mut drafts)?;
        }
        let mut uses = Vec::new();
        for draft in &drafts {
            let state = self.state(draft)?;
            let programs: BTreeSet<usize> = draft.reads.keys().chain(draft.writes.keys()).copied().collect();
            for program in programs {
                let (read, write) = (draft.reads.get(&program).cloned(), draft.writes.get(&program).cloned());
                uses.push((program, StateUse { state: state.clone(), read, write }));
            }
        }
        Ok(uses)
    }

    /// The states with the ports that patterns name.
    fn drafts(&self) -> Result<Vec<Draft>, Diagnostic> {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut first: Vec<Match> = Vec::new();
        for (position, pattern) in self.declaration.to.iter().enumerate() {
            let (program, found) = self.find(pattern, false)?;
            if position == 0 {
                drafts = found.iter().map(|found| Draft { star: found.star.clone(), ..Draft::default() }).collect();
                first.clone_from(&found);
            }
            let paired = pair(&first, &found).ok_or_else(|| self.unpaired(&first, pattern, &found))?;
            for (draft, found) in drafts.iter_mut().zip(paired) {
                draft.reads.insert(program, found.port.clone());
            }
        }
        for (position, pattern) in self.declaration.from.iter().enumerate() {
            let (program, found) = self.find(pattern, true)?;
            let paired = pair(&first, &found).ok_or_else(|| self.unpaired(&first, pattern, &found))?;
            for (draft, found) in drafts.iter_mut().zip(paired) {
                draft.writes.insert(program, found.port.clone());
                // Writers name what a state holds, readers often only count.
                if position == 0 {
                    draft.star.clone_from(&found.star);
                }
            }
        }
        Ok(drafts)
    }

    fn find(&self, pattern: &PortPattern, output: bool) -> Result<(usize, Vec<Match>), Diagnostic> {
        let Some(program) = self.graphs.iter().position(|graph| graph.name == pattern.program) else {
            let names: Vec<&str> = self.graphs.iter().map(|graph| &*graph.name).collect();
            let message = format!("`{pattern}` names a program that does not exist");
            let error = self.error(codes::M4_TOML_STATE_PORTS, message);
            return Err(error.help(format!("the programs are {}", names.join(", "))));
        };
        let graph = self.graphs[program];
        let (mine, others) = if output { (outputs(graph), inputs(graph)) } else { (inputs(graph), outputs(graph)) };
        let found = pattern.matches(mine.iter().copied());
        if !found.is_empty() {
            return Ok((program, found));
        }
        let (kind, other, key) = if output { ("output", "input", "from") } else { ("input", "output", "to") };
        let message = format!("no {kind} of program `{}` fits `{}`", pattern.program, pattern.name);
        let mut error = self.error(codes::M4_TOML_STATE_PORTS, message);
        if !pattern.matches(others.iter().copied()).is_empty() {
            error = error.note(format!("{other}s do, but `{key}` takes {kind}s"));
        }
        if let Some(name) = closest(&pattern.name, mine.iter().copied()) {
            error = error.note(format!("the closest is `{name}`"));
        }
        Err(error.help(format!("its {kind}s are {}", listed(mine.iter().copied()))))
    }

    /// What a program that reads the states leaves of them, where no pattern says so: an output that is the input and more
    /// rows, or one that is named as `from` says and is of the same sizes.
    fn own_updates(&self, program: usize, drafts: &mut [Draft]) -> Result<(), Diagnostic> {
        let graph = self.graphs[program];
        let mut named: Vec<Option<String>> = vec![None; drafts.len()];
        for pattern in &self.declaration.from {
            let found = pattern.matches(outputs(graph).into_iter());
            let stars: Vec<Match> =
                drafts.iter().map(|draft| Match { port: String::new(), star: draft.star.clone() }).collect();
            for (slot, found) in named.iter_mut().zip(pair(&stars, &found).unwrap_or_default()) {
                slot.get_or_insert_with(|| found.port.clone());
            }
        }
        for (draft, named) in drafts.iter_mut().zip(named) {
            let Some(read) = draft.reads.get(&program) else { continue };
            if draft.writes.contains_key(&program) {
                continue;
            }
            let grown = graph.outputs().iter().find(|output| grows(graph, read, output.value).is_some());
            let kept = || {
                let output = graph.outputs().iter().find(|output| Some(&output.name) == named.as_ref())?;
                let past = input(graph, read)?;
                let same = graph.fact(output.value) == graph.fact(past) && output.value != past;
                same.then_some(output)
            };
            if let Some(output) = grown.or_else(kept) {
                draft.writes.insert(program, output.name.clone());
            }
        }
        Ok(())
    }

    fn state(&self, draft: &Draft) -> Result<State, Diagnostic> {
        let group = &self.declaration.name;
        let name = if draft.star.is_empty() { group.clone() } else { format!("{group}.{}", draft.star) };
        let mut kind = StateKind::Write;
        for (&program, read) in &draft.reads {
            let Some(write) = draft.writes.get(&program) else { continue };
            let found = self.change(&name, program, read, write)?;
            if kind != StateKind::Write && kind != found {
                let message = format!("programs change state `{name}` in different ways");
                return Err(self.error(codes::M4_TOML_STATE_CHANGE, message));
            }
            kind = found;
        }
        let facts = self.facts(draft);
        let Some((_, _, first)) = facts.first() else {
            return Err(self.error(codes::M4_TOML_STATE_PORTS, format!("nothing reads state `{name}`")));
        };
        let mut axes = Vec::with_capacity(first.rank());
        for (axis, dim) in first.shape.iter().enumerate() {
            let appended = kind == StateKind::Append(axis);
            for (program, port, fact) in &facts {
                let other = fact.shape.get(axis).filter(|_| fact.rank() == first.rank() && fact.dtype == first.dtype);
                let fits = other.is_some_and(|other| {
                    appended || other.as_i64().is_none_or(|n| dim.as_i64().is_none_or(|m| m == n))
                });
                if !fits {
                    let (at, first_port, _) = &facts[0];
                    let (here, there) = (&self.graphs[*at].name, &self.graphs[*program].name);
                    let message = format!(
                        "state `{name}` is `{first_port}` {first} of program `{here}` and `{port}` {fact} of program `{there}`"
                    );
                    return Err(self.error(codes::M4_TOML_STATE_PORTS, message));
                }
            }
            let most =
                || facts.iter().map(|(program, _, fact)| largest(&fact.shape[axis], &self.graphs[*program].ranges));
            axes.push(match dim.as_i64() {
                Some(size) if !appended => Axis::Fixed(size),
                _ => {
                    let name = if appended { group.clone() } else { dim.to_string() };
                    Axis::Bounded {
                        name,
                        most: most().collect::<Option<Vec<_>>>().and_then(|most| most.into_iter().max()),
                    }
                }
            });
        }
        Ok(State { name, kind, dtype: first.dtype, axes })
    }

    /// How a program that reads and writes a state changes it.
    fn change(&self, name: &str, program: usize, read: &str, write: &str) -> Result<StateKind, Diagnostic> {
        let graph = self.graphs[program];
        let output = graph.outputs().iter().find(|output| output.name == write).map(|output| output.value);
        if let Some(axis) = output.and_then(|output| grows(graph, read, output)) {
            return Ok(StateKind::Append(axis));
        }
        let facts = input(graph, read).zip(output).map(|(read, write)| (graph.fact(read), graph.fact(write)));
        match facts {
            Some((before, after)) if before == after => Ok(StateKind::Carry),
            Some((before, after)) => {
                let message = format!("program `{}` changes state `{name}` in no way that is known", graph.name);
                let error = self.error(codes::M4_TOML_STATE_CHANGE, message);
                let error = error.note(format!("input `{read}` is {before}, output `{write}` is {after}"));
                Err(error.help("an output must be the input with rows added behind it by one Concat, or of its sizes"))
            }
            None => Err(Diagnostic::bug(codes::INTERNAL, format!("state `{name}` lost its ports"))),
        }
    }

    /// The ports of a state with their programs, those that read it first.
    fn facts<'d>(&self, draft: &'d Draft) -> Vec<(usize, &'d str, Fact)> {
        let reads = draft.reads.iter().filter_map(|(&program, port)| {
            let graph = self.graphs[program];
            Some((program, &**port, graph.fact(input(graph, port)?).clone()))
        });
        let writes = draft.writes.iter().filter_map(|(&program, port)| {
            let graph = self.graphs[program];
            let output = graph.outputs().iter().find(|output| output.name == *port)?;
            Some((program, &**port, graph.fact(output.value).clone()))
        });
        reads.chain(writes).collect()
    }

    fn unpaired(&self, first: &[Match], pattern: &PortPattern, found: &[Match]) -> Diagnostic {
        let to = self.declaration.to.first().map(ToString::to_string).unwrap_or_default();
        let message = format!("`{to}` matches {} ports, `{pattern}` matches {}", first.len(), found.len());
        let names = |found: &[Match]| listed(found.iter().map(|found| &*found.port));
        let error = self.error(codes::M4_TOML_STATE_PORTS, message);
        error.note(format!("these are {}", names(first))).note(format!("and {}", names(found)))
    }

    fn error(&self, code: crate::diagnostic::Code, message: String) -> Diagnostic {
        let message = format!("[state.{}]: {message}", self.declaration.name);
        Diagnostic::error(code, message).at(self.declaration.place.clone())
    }
}

fn inputs(graph: &Graph) -> Vec<&str> {
    graph.inputs().iter().map(|&value| graph.input_name(value)).collect()
}

fn outputs(graph: &Graph) -> Vec<&str> {
    graph.outputs().iter().map(|output| &*output.name).collect()
}

fn input(graph: &Graph, name: &str) -> Option<ValueId> {
    graph.inputs().iter().copied().find(|&value| graph.input_name(value) == name)
}

/// The axis along which an output is an input with more behind it.
fn grows(graph: &Graph, read: &str, output: ValueId) -> Option<usize> {
    let past = input(graph, read)?;
    let NodeKind::Apply { op, attrs } = &graph.node(output).kind else { return None };
    let operands = graph.operands(output);
    let (first, rest) = operands.split_first()?;
    let grown = op.name == m4c_ops::primitive::concat::OP.name
        && *first == Some(past)
        && !rest.is_empty()
        && !rest.contains(&Some(past));
    grown.then(|| usize::try_from(attrs.get_int("axis")).ok())?
}

/// The largest value of a size, where ranges give one.
fn largest(dim: &Dim, ranges: &BTreeMap<String, Range>) -> Option<i64> {
    match dim.view() {
        DimView::Const(value) => Some(value),
        DimView::Symbol(name) => ranges.get(&name)?.high,
        DimView::Add(of) => of.iter().try_fold(0i64, |sum, dim| sum.checked_add(largest(dim, ranges)?)),
        DimView::Mul(of) if of.iter().all(Dim::is_not_negative) => {
            of.iter().try_fold(1i64, |product, dim| product.checked_mul(largest(dim, ranges)?))
        }
        DimView::Mul(_) => None,
        DimView::Div(of, by) => Some(largest(&of, ranges)?.div_euclid(by)),
        DimView::Min(of) => of.iter().filter_map(|dim| largest(dim, ranges)).min(),
        DimView::Max(of) => {
            of.iter().map(|dim| largest(dim, ranges)).try_fold(i64::MIN, |most, dim| Some(most.max(dim?)))
        }
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..LISTED].join(", ")),
        _ if names.is_empty() => "none".into(),
        _ => names.join(", "),
    }
}
