//! A part as an integer linear program.
//!
//! A variable of each form says whether it is chosen. A class that is needed in any case has exactly one form, another at most
//! one, and a form only where all that it is computed of have one. Circles of two classes are ruled out from the start, longer
//! ones when a solution has them: few do.

use super::super::price::NOT_TAKEN;
use super::circles::circles;
use super::open::Open;
use microlp::{ComparisonOp, OptimizationDirection, Problem, SolutionStatus, SolveOptions, SolveOutcome, Variable};
use std::collections::{BTreeMap, BTreeSet};

/// The most nodes of branch and bound for a part, by its number of forms: a node of a large program takes longer.
const NODES_OF_FORMS: u64 = 20_000_000;
/// The most programs that are solved for a part, each without the circles of those before.
const MOST_PROGRAMS: usize = 64;
/// The costs of a part are scaled to this, since a solver's tolerances are absolute.
const SCALE: f64 = 1e4;

/// What a solver found.
pub(super) struct Solved {
    /// The forms of the classes that have one; none where no choice without circles was found.
    pub(super) chosen: Option<BTreeMap<usize, usize>>,
    /// No choice costs less, in seconds.
    pub(super) bound: f64,
    /// Whether the choice costs just that.
    pub(super) proved: bool,
}

/// One class may be computed of another.
pub(super) type Edge = (usize, usize);

/// The cheapest forms of a part, within so many nodes of branch and bound.
pub(super) fn solve(open: &Open<'_>, part: &[usize], most_nodes: u64) -> Solved {
    let mut excluded: Vec<Vec<Edge>> = pairs(open, part);
    let forms: u64 = part.iter().map(|&class| open.forms(class).len() as u64).sum();
    let mut nodes = (NODES_OF_FORMS / forms.max(1)).clamp(1, most_nodes);
    let mut bound = 0f64;
    for _ in 0..MOST_PROGRAMS {
        let (found, used) = Program::of(open, part, &excluded).run(nodes);
        bound = bound.max(found.bound);
        nodes = nodes.saturating_sub(used);
        let Some(chosen) = found.chosen else { break };
        let new = circles(open, part, &chosen);
        if new.is_empty() {
            return Solved { chosen: Some(chosen), bound, proved: found.proved };
        }
        if nodes == 0 {
            break;
        }
        excluded.extend(new);
    }
    Solved { chosen: None, bound, proved: false }
}

/// Circles of two classes.
fn pairs(open: &Open<'_>, part: &[usize]) -> Vec<Vec<Edge>> {
    let needs = |class: usize| open.forms(class).iter().flat_map(move |&place| open.children(class, place)).copied();
    let mut found = BTreeSet::new();
    for &class in part {
        for child in needs(class).filter(|&child| open.may_circle(class, child)) {
            if needs(child).any(|back| back == class) {
                found.insert((class.min(child), class.max(child)));
            }
        }
    }
    found.into_iter().map(|(one, other)| vec![(one, other), (other, one)]).collect()
}

struct Program {
    problem: Problem,
    variables: Vec<(usize, usize, Variable)>,
    /// How many of the solver's units a second is.
    scale: f64,
}

impl Program {
    fn of(open: &Open<'_>, part: &[usize], excluded: &[Vec<Edge>]) -> Program {
        let ordinary = |class: usize| {
            let costs = open.forms(class).iter().map(|&place| open.cost(class, place));
            costs.filter(|&cost| cost < NOT_TAKEN).fold(0.0, f64::max)
        };
        let most: f64 = part.iter().map(|&class| ordinary(class)).sum();
        let scale = SCALE / most.max(f64::MIN_POSITIVE * SCALE);
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let mut variables = Vec::new();
        let mut of: BTreeMap<usize, Vec<(usize, Variable)>> = BTreeMap::new();
        for &class in part {
            for &place in open.forms(class) {
                let cost = open.cost(class, place);
                // What is not taken costs more than all else together, and no more than that: numbers stay alike in size.
                let scaled = if cost < NOT_TAKEN { cost * scale } else { SCALE + 1.0 };
                let variable = problem.add_binary_var(scaled);
                variables.push((class, place, variable));
                of.entry(class).or_default().push((place, variable));
            }
        }
        for (&class, own) in &of {
            let every: Vec<(Variable, f64)> = own.iter().map(|&(_, variable)| (variable, 1.0)).collect();
            let how = if open.is_needed(class) { ComparisonOp::Eq } else { ComparisonOp::Le };
            problem.add_constraint(&every, how, 1.0);
            let mut users: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for (number, &(place, _)) in own.iter().enumerate() {
                for &child in open.children(class, place).iter().filter(|&&child| !open.is_needed(child)) {
                    users.entry(child).or_default().insert(number);
                }
            }
            for (child, users) in users {
                let users = users.into_iter().map(|number| (own[number].1, 1.0));
                let forms = of[&child].iter().map(|&(_, variable)| (variable, -1.0));
                problem.add_constraint(users.chain(forms).collect::<Vec<_>>(), ComparisonOp::Le, 0.0);
            }
        }
        for circle in excluded {
            let (mut row, mut most) = (Vec::new(), -1.0);
            for &(class, child) in circle {
                // A form that every choice has is no variable.
                let Some(own) = of.get(&class) else { continue };
                most += 1.0;
                let through = own.iter().filter(|(place, _)| open.children(class, *place).contains(&child));
                row.extend(through.map(|&(_, variable)| (variable, 1.0)));
            }
            problem.add_constraint(row, ComparisonOp::Le, most);
        }
        Program { problem, variables, scale }
    }

    /// What the solver finds within so many nodes, and how many it took.
    fn run(&self, nodes: u64) -> (Solved, u64) {
        let mut options = SolveOptions::default();
        options.node_limit = Some(nodes);
        let seconds = |bound: Option<f64>| bound.unwrap_or(0.0) / self.scale;
        let nothing = |bound: f64| Solved { chosen: None, bound, proved: false };
        match self.problem.solve_with(options) {
            Ok(SolveOutcome::Solution(solution)) => {
                let taken = self.variables.iter().filter(|(_, _, variable)| solution.var_value(*variable) > 0.5);
                let chosen = taken.map(|&(class, place, _)| (class, place)).collect();
                let proved = solution.status() == SolutionStatus::Optimal;
                let stats = solution.stats();
                let bound = if proved { Some(solution.objective()) } else { stats.best_bound };
                (Solved { chosen: Some(chosen), bound: seconds(bound), proved }, stats.nodes_solved)
            }
            Ok(stopped) => (nothing(seconds(stopped.stats().best_bound)), stopped.stats().nodes_solved),
            // The solver found no way on; the choice that is known stays.
            Err(_) => (nothing(0.0), nodes),
        }
    }
}
