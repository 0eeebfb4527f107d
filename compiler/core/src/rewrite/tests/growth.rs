//! What a rule adds to a graph when it is applied alone.

use super::direction::where_applied;
use super::profit::products;
use super::soundness::read;
use crate::rewrite::language::{Forms, Head};
use crate::rewrite::load::load;
use crate::rewrite::rule::ReadRule;
use crate::rewrite::rules::all;
use crate::rewrite::saturate::{Stop, saturate};
use crate::rewrite::template::Template;
use egg::Id;
use m4c_ir::text;

/// Nodes that a function of right sides may make: the most that one needs, which is attention of three axes. It gives an axis
/// to queries, keys, values and mask, transposes the keys, has a scale, and takes the axis away again.
const OF_A_FUNCTION: usize = 8;
/// What a rule made may be found by it again: in a chain of as many as a model has in a row, each pair and each pair of pairs.
const AGAIN: usize = 3;

/// Nodes and constants that one application may add.
fn most(right: &Template) -> usize {
    match right {
        Template::Name(_) | Template::Flag(_) | Template::Absent => 0,
        Template::Number(_) | Template::Literal(_) => 1,
        Template::Apply { children, .. } => 1 + children.iter().map(most).sum::<usize>(),
        Template::Call { arguments, .. } => OF_A_FUNCTION + arguments.iter().map(most).sum::<usize>(),
    }
}

/// Saturates with one rule; whether that ends, and adds no more than what was found at first explains.
pub(super) fn bounded(forms: &mut Forms, rule: ReadRule) -> Result<(), String> {
    forms.rebuild();
    let found = rule.places(forms).iter().filter(|place| rule.check(forms, &place.found).is_ok()).count();
    let rights = rule.beside.iter().map(|(_, right)| most(right)).sum::<usize>() + most(&rule.right);
    let allowed = AGAIN * found * rights;
    let before = forms.analysis.made.len();
    let report = saturate(forms, &[rule]).0;
    if report.stop != Stop::Saturated {
        return Err(format!("it stops at the limit of {:?}", report.stop));
    }
    // What comes of composites at the end is numbered as a rule behind it.
    let own = |made: &&(_, _, Option<u16>)| made.2 == Some(0);
    let counts = |made: &&(crate::rewrite::language::Node, Id, Option<u16>)| {
        matches!(made.0.head, Head::Apply(_) | Head::Constant(_))
    };
    let added = forms.analysis.made[before..].iter().filter(own).filter(counts).count();
    if added > allowed { Err(format!("{added} nodes for {found} places where it is found")) } else { Ok(()) }
}

/// Chains in which a rule finds what it made.
const CHAINS: &str = "\
    %0 = input \"x\" : f32[2, 3, 4]\n%1 = input \"y\" : f32[2, 3, 4]\n%2 = constant f32[] 3\n%3 = constant f32[] 0.5\n\
    %4 = add %0, %1 : f32[2, 3, 4]\n%5 = add %4, %0 : f32[2, 3, 4]\n%6 = add %5, %1 : f32[2, 3, 4]\n%7 = mul %6, %0 : f32[2, 3, 4]\n\
    %8 = mul %7, %2 : f32[2, 3, 4]\n%9 = mul %8, %3 : f32[2, 3, 4]\n%10 = mul %9, %1 : f32[2, 3, 4]\n%11 = div %10, %2 : f32[2, 3, 4]\n\
    %12 = transpose %11 {perm = [1, 0, 2]} : f32[3, 2, 4]\n%13 = transpose %12 {perm = [2, 0, 1]} : f32[4, 3, 2]\n\
    %14 = transpose %13 {perm = [0, 2, 1]} : f32[4, 2, 3]\n%15 = reshape %14 {groups = [2>_, 1>_]} : f32[8, 3]\n\
    %16 = reshape %15 {groups = [1>4; _, 1>_]} : f32[4, 2, 3]\n%17 = reshape %16 {groups = [1>_, 2>_]} : f32[4, 6]\n\
    %18 = slice %17 {starts = [1, 0], sizes = [3, 6], steps = [1, 1]} : f32[3, 6]\n\
    %19 = slice %18 {starts = [0, 2], sizes = [3, 4], steps = [1, 1]} : f32[3, 4]\n\
    %20 = concat %19, %19 {axis = 1} : f32[3, 8]\n%21 = cos %20 : f32[3, 8]\n%22 = sin %20 : f32[3, 8]\n%23 = add %21, %22 : f32[3, 8]\n";

/// Attention of scaled queries and keys, and a normalization.
const BLOCK: &str = "\
    %0 = input \"q\" : f32[2, 3, 4, 5]\n%1 = input \"k\" : f32[2, 3, 6, 5]\n%2 = input \"v\" : f32[2, 3, 6, 5]\n%3 = constant f32[] 0.5\n\
    %4 = mul %0, %3 : f32[2, 3, 4, 5]\n%5 = mul %1, %3 : f32[2, 3, 6, 5]\n%6 = transpose %5 {perm = [0, 1, 3, 2]} : f32[2, 3, 5, 6]\n\
    %7 = matmul %4, %6 : f32[2, 3, 4, 6]\n%8 = softmax %7 {axis = 3} : f32[2, 3, 4, 6]\n%9 = matmul %8, %2 : f32[2, 3, 4, 5]\n\
    %10 = mul %9, %9 : f32[2, 3, 4, 5]\n%11 = reduce_sum %10 {axes = [3], keep = true} : f32[2, 3, 4, 1]\n%12 = constant f32[] 5\n\
    %13 = div %11, %12 : f32[2, 3, 4, 1]\n%14 = constant f32[] 0.00001\n%15 = add %13, %14 : f32[2, 3, 4, 1]\n%16 = sqrt %15 : f32[2, 3, 4, 1]\n\
    %17 = div %9, %16 : f32[2, 3, 4, 5]\n%18 = constant f32[5] 1 2 3 4 5\n%23 = mul %17, %18 : f32[2, 3, 4, 5]\n";

/// [`bounded`] on samples and on graphs.
pub(super) fn grows_little(rule: &'static crate::rewrite::Rule) -> Result<(), String> {
    where_applied(&read(rule), &mut |mut sample| bounded(&mut sample.forms, read(rule)).map(|()| true))?;
    let written = [CHAINS, BLOCK].map(|lines| format!("{lines}output \"z\" = %23\n"));
    for lines in written.into_iter().chain([false, true].map(|biased| products(biased, None, true))) {
        let source = format!("graph \"main\" {{\n{lines}}}\n");
        let graph = text::parse(&source, &|_| None).unwrap_or_else(|error| panic!("{error:?}\n{source}"));
        bounded(&mut load(&graph).forms, read(rule))?;
    }
    Ok(())
}

#[test]
fn no_rule_alone_grows_much() {
    let wrong: Vec<String> =
        all().filter_map(|rule| grows_little(rule).err().map(|how| format!("`{}`: {how}", rule.name))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
