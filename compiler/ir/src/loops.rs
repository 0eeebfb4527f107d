//! Builds loops: while one is built, nodes go into its body, and values of the graphs around it are captured on use.

use crate::builder::GraphBuilder;
use crate::graph::{Graph, ValueId};
use crate::scan::{MOST_NESTED, Scan};
use m4c_ops::build::{Build, Value};
use m4c_ops::{Dim, Fact, Violation};
use std::collections::BTreeMap;
use std::mem::{replace, take};

/// A graph in whose loop nodes are added, and what is known of the loop.
pub(crate) struct Around {
    pub(crate) graph: Graph,
    nodes: BTreeMap<ValueId, Value>,
    bound: BTreeMap<(ValueId, usize), Dim>,
    local: BTreeMap<Value, ValueId>,
    trip: Dim,
    operands: Vec<Value>,
    carries: usize,
    rows: Vec<bool>,
}

fn refused(found: impl Into<String>) -> Violation {
    Violation { op: "scan", constraint: "sound-loop", found: found.into() }
}

impl GraphBuilder {
    /// Begins a loop with these carried values and those whose rows it reads, each with whether from behind. Gives the
    /// carried values and rows of an iteration.
    ///
    /// # Errors
    /// Where loops are nested too deep or a value has no rows.
    pub fn begin_scan(
        &mut self,
        trip: Dim,
        carries: &[Value],
        rows: &[(Value, bool)],
    ) -> Result<(Vec<Value>, Vec<Value>), Violation> {
        if self.around.len() >= MOST_NESTED {
            return Err(refused("loops are nested too deep"));
        }
        let mut facts = Vec::with_capacity(rows.len());
        for (value, _) in rows {
            let fact = self.fact(*value).clone();
            let Some((count, row)) = fact.shape.split_first() else {
                return Err(refused(format!("{fact} has no rows")));
            };
            if *count != trip {
                if count.differs(&trip) {
                    return Err(refused(format!("{fact} does not have {trip} rows")));
                }
                self.assume(m4c_ops::Guard::equal(count, &trip));
            }
            facts.push(Fact { dtype: fact.dtype, shape: row.to_vec() });
        }
        let operands: Vec<Value> = carries.iter().copied().chain(rows.iter().map(|(value, _)| *value)).collect();
        let carried: Vec<Fact> = carries.iter().map(|&value| self.fact(value).clone()).collect();
        let mut body = Graph::new("body");
        body.symbols = self.graph.symbols.clone();
        let around = Around {
            graph: replace(&mut self.graph, body),
            nodes: take(&mut self.nodes),
            bound: take(&mut self.bound),
            local: take(&mut self.local),
            trip,
            operands,
            carries: carries.len(),
            rows: rows.iter().map(|(_, reversed)| *reversed).collect(),
        };
        self.around.push(around);
        let mut input = |kind: &str, facts: Vec<Fact>| -> Vec<Value> {
            facts.into_iter().enumerate().map(|(index, fact)| self.input(&format!("{kind}{index}"), fact)).collect()
        };
        Ok((input("carried", carried), input("row", facts)))
    }

    /// Ends the loop: what is carried on, and the rows of stacked results, each with whether from behind. Gives the carried
    /// values after the last iteration and the stacked results.
    ///
    /// # Errors
    /// Where a carried value would change its sizes, or an iteration has sizes of its own.
    pub fn end_scan(&mut self, next: &[Value], stacked: &[(Value, bool)]) -> Result<Vec<Value>, Violation> {
        for (index, &value) in next.iter().enumerate() {
            self.output(&format!("carried{index}"), value);
        }
        for (index, (value, _)) in stacked.iter().enumerate() {
            self.output(&format!("stack{index}"), *value);
        }
        let Some(mut around) = self.leave() else { return Err(refused("no loop has begun")) };
        let mut body = take(&mut around.body);
        take(&mut body.guards).into_iter().for_each(|guard| self.graph.assume(guard));
        let scan = Scan {
            body,
            trip: around.trip,
            carries: around.carries,
            rows: around.rows,
            stacks: stacked.iter().map(|(_, reversed)| *reversed).collect(),
        };
        let operands: Vec<ValueId> = around.operands.iter().map(|&value| self.node(value)).collect();
        let facts: Vec<&Fact> = operands.iter().map(|&value| self.graph.fact(value)).collect();
        let guards = &self.graph.guards;
        let same = |a: &Dim, b: &Dim| a == b || guards.contains(&m4c_ops::Guard::equal(a, b));
        if let Some(what) = scan.check(&facts, &same) {
            return Err(refused(what));
        }
        let operands: Vec<Option<ValueId>> = operands.into_iter().map(Some).collect();
        let results = self.graph.add_scan(scan, &operands);
        if let Some(scan) = results.first().and_then(|&result| self.graph.operands(result).first().copied().flatten()) {
            self.mark(scan);
        }
        Ok(results.into_iter().map(|result| self.import_node(result)).collect())
    }

    /// Gives up a loop that has begun.
    pub fn leave_scan(&mut self) {
        self.leave();
    }

    /// A value of a graph around as an input of the body.
    pub(crate) fn capture(&mut self, value: Value) -> ValueId {
        let fact = self.fact(value).clone();
        let Some(around) = self.around.last_mut() else { return ValueId(u32::MAX) };
        around.operands.push(value);
        let name = format!("captured{}", around.operands.len());
        let node = self.graph.add_input(name, fact);
        self.local.insert(value, node);
        node
    }

    fn leave(&mut self) -> Option<Left> {
        let Around { graph, nodes, bound, local, trip, operands, carries, rows } = self.around.pop()?;
        let body = replace(&mut self.graph, graph);
        (self.nodes, self.bound, self.local) = (nodes, bound, local);
        Some(Left { body, trip, operands, carries, rows })
    }
}

/// A loop whose body is done.
struct Left {
    body: Graph,
    trip: Dim,
    operands: Vec<Value>,
    carries: usize,
    rows: Vec<bool>,
}
