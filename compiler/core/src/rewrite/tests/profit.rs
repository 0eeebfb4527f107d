//! What a rule asks for to pay changes what is chosen.

use super::random::Random;
use super::sample::{Sample, sample};
use super::soundness::read;
use crate::rewrite::language::{Forms, Head, application};
use crate::rewrite::rule::{Kind, ReadRule};
use crate::rewrite::rules::all;
use crate::rewrite::{Prices, Rule, Smallest, inside};
use egg::Id;
use m4c_ir::{Graph, GraphBuilder, NodeKind, ValueId, text};
use m4c_ops::Dim;
use m4c_ops::build::{Build, Value};
use m4c_target::NodeView;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Samples on which only the condition does not hold, at most.
const TRIALS: usize = 60;
/// Samples at most, of any kind.
const SAMPLES: usize = 30_000;

/// Graphs that tell more than a left side with nothing around it, by rule: a scale of weights that meets another one behind the
/// product.
const GRAPHS: &[(&str, &str)] = &[(
    "matmul-scale-right",
    "%0 = input \"x\" : f32[2, 3]\n%1 = constant f32[3, 2] 1 2 3 4 5 6\n%2 = constant f32[] 3\n%3 = mul %1, %2 : f32[3, 2]\n\
     %4 = matmul %0, %3 : f32[2, 2]\n%5 = constant f32[] 5\n%6 = mul %4, %5 : f32[2, 2]\noutput \"z\" = %6\n",
)];

/// Three products of one value, that of a number maybe with a weight that is not known when compiling, read by one attention or by
/// nobody.
pub(super) fn products(biased: bool, varying: Option<usize>, attended: bool) -> String {
    let mut lines = String::from("%0 = input \"x\" : f32[1, 1, 4, 2]\n");
    for (place, first) in [1, 5, 9].into_iter().enumerate() {
        let [weight, bias, product] = [first, first + 1, first + 2];
        let _ = match varying == Some(place) {
            true => writeln!(lines, "%{weight} = input \"w{place}\" : f32[2, 2]"),
            false => writeln!(lines, "%{weight} = constant f32[2, 2] 1 2 3 {place}"),
        };
        let _ = writeln!(lines, "%{product} = matmul %0, %{weight} : f32[1, 1, 4, 2]");
        let _ = writeln!(
            lines,
            "%{bias} = constant f32[2] 1 {place}\n%{} = add %{product}, %{bias} : f32[1, 1, 4, 2]",
            first + 3
        );
    }
    let read = if biased { [4, 8, 12] } else { [3, 7, 11] };
    if attended {
        let _ = writeln!(
            lines,
            "%13 = constant f32[] 0.5\n%14 = attention %{}, %{}, %{}, _, %13, _ {{causal = [], guarded = false}} : f32[1, 1, 4, 2]\n\
             output \"z\" = %14",
            read[0], read[1], read[2]
        );
    } else {
        read.iter().for_each(|value| {
            let _ = writeln!(lines, "output \"z{value}\" = %{value}");
        });
    }
    lines
}

/// As [`Smallest`], but parts of a value are read where they lie.
struct PartsInPlace;

impl Prices for PartsInPlace {
    fn price(&self, node: &NodeView<'_>, size: &dyn Fn(&Dim) -> f64) -> f64 {
        if *node.op == m4c_ops::primitive::slice::OP { 1e-8 } else { Smallest.price(node, size) }
    }
}

/// A rule without one of the conditions that it needs to pay.
pub(super) fn without(rule: &'static Rule, left_out: &str) -> &'static Rule {
    let when: Vec<&'static str> = rule.when.iter().copied().filter(|text| *text != left_out).collect();
    let &Rule { name, why, left, parts, right, given, numerics, kind, .. } = rule;
    Box::leak(Box::new(Rule { name, why, left, parts, right, given, when: when.leak(), numerics, kind }))
}

/// The rules of all tables, with another instead of the one of its name, or besides.
fn rules_with(rule: &'static Rule) -> Vec<ReadRule> {
    all().filter(|other| other.name != rule.name).chain([rule]).map(read).collect()
}

/// A sample's left side as a graph.
fn graph_of(forms: &Forms, root: Id) -> Option<Graph> {
    let mut builder = GraphBuilder::new(Graph::new("main"));
    let value = built(forms, root, &mut builder, &mut BTreeMap::new())?;
    builder.output("z", value);
    Some(builder.finish())
}

fn built(forms: &Forms, class: Id, builder: &mut GraphBuilder, done: &mut BTreeMap<Id, Value>) -> Option<Value> {
    if let Some(&value) = done.get(&class) {
        return Some(value);
    }
    let node = &forms[class].nodes[0];
    let value = match node.head {
        Head::Input(place) => builder.input(&format!("x{place}"), forms.analysis.inputs[place as usize].1.clone()),
        Head::Constant(place) => {
            let leaf = &forms.analysis.constants[place as usize];
            builder.stored(leaf.constant.clone(), leaf.fact.clone())
        }
        _ => {
            let (op, operands, attrs) = application(forms, node)?;
            let mut given = Vec::new();
            for operand in operands {
                given.push(match operand {
                    Some(operand) => Some(built(forms, operand, builder, done)?),
                    None => None,
                });
            }
            builder.apply(op, &given, attrs).ok()?
        }
    };
    done.insert(class, value);
    Some(value)
}

/// A value as a term, whatever the numbers of values are.
fn spelled(graph: &Graph, value: ValueId) -> String {
    let node = graph.node(value);
    let operands: Vec<String> = graph.operands(value).into_iter().flatten().map(|one| spelled(graph, one)).collect();
    let name = match &node.kind {
        NodeKind::Apply { op, attrs } => format!("{} {attrs}", op.name),
        NodeKind::Input(name) => format!("input {name}"),
        _ => String::from("constant"),
    };
    format!("({name} {}) : {}", operands.join(" "), node.fact)
}

/// What is chosen of all forms that rules give a graph.
fn chosen(graph: &Graph, rules: &[ReadRule]) -> String {
    let found = inside(graph, rules, &graph.guards).and_then(|all| all.extract(&PartsInPlace));
    let found = found.unwrap_or_else(|errors| panic!("{}", errors.to_text()));
    found.outputs().iter().map(|output| spelled(&found, output.value)).collect()
}

/// Samples that a rule would rewrite were it not for one condition.
fn left_alone(rule: &'static Rule, left_out: &str) -> Vec<Graph> {
    let (with, less) = (read(rule), read(without(rule, left_out)));
    let mut random = Random::new(rule.name.bytes().map(u64::from).sum::<u64>() + 5);
    let samples = (0..SAMPLES).filter_map(|_| sample(&with, &mut random));
    let graphs = samples.filter_map(|Sample { forms, place }| {
        let only = less.check(&forms, &place.found).is_ok() && with.check(&forms, &place.found).is_err();
        if only { graph_of(&forms, place.roots[0]) } else { None }
    });
    graphs.take(TRIALS).collect()
}

/// Whether there is a graph of which another form is chosen without a condition.
pub(super) fn changes_a_choice(rule: &'static Rule, left_out: &str) -> bool {
    let (with, less) = (rules_with(rule), rules_with(without(rule, left_out)));
    let written = GRAPHS.iter().filter(|(name, _)| *name == rule.name).map(|(_, lines)| (*lines).to_owned());
    let merges = [false, true].into_iter().filter(|_| rule.kind == Kind::Merge).flat_map(|biased| {
        let varying = (0..3).map(move |place| products(biased, Some(place), true));
        varying.chain([products(biased, None, false)])
    });
    let written = written.chain(merges).map(|lines| {
        let source = format!("graph \"main\" {{\n{lines}}}\n");
        text::parse(&source, &|_| None).unwrap_or_else(|error| panic!("{error:?}\n{source}"))
    });
    let mut graphs = left_alone(rule, left_out).into_iter().chain(written);
    graphs.any(|graph| chosen(&graph, &with) != chosen(&graph, &less))
}

#[test]
fn every_demand_for_profit_changes_a_choice() {
    let mut idle = Vec::new();
    for rule in all() {
        for when in rule.when {
            if !changes_a_choice(rule, when) {
                idle.push(format!("`{}` leads to the same without {when}", rule.name));
            }
        }
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}
