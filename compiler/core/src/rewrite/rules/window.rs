//! Frames, and windows that slide over spatial axes.

use super::normalize;
use crate::rewrite::rule::Rule;
use crate::rewrite::rule::RuleNumerics::{Exact, Reassociate};

const CONV: &str = "(conv ?x ?w ?strides ?dilations (=framed ?pads ?low ?high) ?groups)";
const POOL: &str = "(max_pool ?x ?window ?strides ?dilations (=framed ?pads ?low ?high))";
const FRAME: &str = "(frame ?low ?high ?between)";

pub(super) const RULES: &[Rule] = &[
    normalize(
        "pad-nothing",
        "a frame may be empty for the given sizes",
        ["(pad ?x ?v ?low ?high ?between)", "?x"],
        &["(fits)"],
        Exact,
    ),
    normalize(
        "pad-pad",
        "a model's own frame around that of a layer",
        ["(pad (pad ?x ?v ?a ?b ?between) ?v ?c ?d ?none)", "(pad ?x ?v (=sums ?a ?c) (=sums ?b ?d) ?between)"],
        &["(zeros ?none)"],
        Exact,
    ),
    normalize(
        "pad-into-conv",
        "a frame that is not the same on all sides is an operator of its own in PyTorch and Keras",
        ["(conv (pad ?x 0 ?low ?high ?between) ?w ?strides ?dilations ?pads ?groups)", CONV],
        &[FRAME],
        Reassociate,
    ),
    normalize(
        "pad-into-sums",
        "averages that count what lies outside have their frame before them, and each channel apart behind it",
        [
            "(conv map=(reshape framed=(pad ?x 0 ?low ?high ?between) ?g) ?w ?strides ?dilations ?pads ?groups)",
            "(conv (=unframed ?x ?map) ?w ?strides ?dilations (=framed ?pads ?low ?high) ?groups)",
        ],
        &[FRAME, "(same-map ?map ?framed)"],
        Reassociate,
    ),
    normalize(
        "pad-into-max-pool",
        "a pool has a frame of its own, in which nothing is the largest",
        ["(max_pool (pad ?x -inf ?low ?high ?between) ?window ?strides ?dilations ?pads)", POOL],
        &[FRAME],
        Exact,
    ),
    normalize(
        "pad-of-positive-into-max-pool",
        "Keras frames with zeros what is not negative",
        ["(max_pool (pad x=(max ?y 0) 0 ?low ?high ?between) ?window ?strides ?dilations ?pads)", POOL],
        &[FRAME, "(windows-meet ?window ?dilations ?pads ?low ?high ?x)"],
        Reassociate,
    ),
    normalize(
        "max-pool-of-one",
        "the last level of feature pyramids takes every second element so",
        ["(max_pool ?x ?window ?strides ?dilations ?pads)", "(=every-nth ?x ?strides)"],
        &["(ones ?window)", "(zeros ?pads)"],
        Exact,
    ),
    normalize(
        "sum-of-whole-map",
        "an average over a window of the whole map is one over its axes",
        ["(conv ?x ?w ?strides ?dilations ?pads ?groups)", "(reduce_sum ?x (=spatial ?x) true)"],
        &["(all-one ?w)", "(whole-map ?w ?x)", "(zeros ?pads)"],
        Reassociate,
    ),
];
