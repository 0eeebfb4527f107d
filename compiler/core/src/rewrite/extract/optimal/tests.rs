//! The choice is the cheapest of all, which small graphs are searched for, and never above the greedy one.

use super::super::Candidates;
use super::super::choose::tests::{all, form, optimum as searched, random};
use super::super::choose::{Candidate, Choice};
use super::super::price::NOT_TAKEN;
use super::{EQUAL, optimum, optimum_within};

/// So many classes can be searched.
const FEW: usize = 7;

/// Random candidates: `needs` says whether a class may be computed of another.
fn sample(
    random: &mut dyn FnMut(u64) -> u64,
    cost: &dyn Fn(u64) -> f64,
    needs: &dyn Fn(usize, usize) -> bool,
) -> Candidates {
    let one = |random: &mut dyn FnMut(u64) -> u64, class: usize| -> Candidate {
        let count = random(3);
        let children: Vec<usize> = (0..count).map(|_| random(FEW as u64) as usize).collect();
        form(cost(random(10)), &children.into_iter().filter(|&child| needs(class, child)).collect::<Vec<_>>())
    };
    let forms = (0..FEW).map(|class| (0..1 + random(3)).map(|_| one(random, class)).collect()).collect();
    all(forms, &[0, 1])
}

/// Checks many samples; gives how many there were and on how many the greedy choice is not the cheapest.
fn check(cost: &dyn Fn(u64) -> f64, needs: &dyn Fn(usize, usize) -> bool) -> (usize, usize) {
    let mut random = random(11);
    let (mut checked, mut above) = (0, 0);
    for number in 0..400 {
        let candidates = sample(&mut random, cost, needs);
        let Some(greedy) = Choice::cheapest(&candidates) else { continue };
        let (least, start) = (searched(&candidates), greedy.cost(&candidates));
        let found = optimum(&candidates, greedy);
        let same = |one: f64| (one - least).abs() <= EQUAL * least;
        assert!(found.proved, "sample {number} is not proved");
        assert!(
            same(found.choice.cost(&candidates)),
            "sample {number}: {} for {least}",
            found.choice.cost(&candidates)
        );
        assert!(same(found.bound) && start >= least * (1.0 - EQUAL), "sample {number}");
        checked += 1;
        above += usize::from(!same(start));
    }
    (checked, above)
}

#[test]
fn without_circles_the_choice_is_the_cheapest() {
    let (checked, above) = check(&|number| 1.0 + number as f64, &|class, child| child > class);
    assert_eq!(checked, 400);
    assert!(above > 0, "samples on which the greedy choice is the cheapest, too, tell nothing");
}

#[test]
fn with_circles_the_choice_is_the_cheapest() {
    let (checked, above) = check(&|number| (1.0 + number as f64) * 1e-7, &|_, _| true);
    assert!(checked > 200 && above > 0, "{checked} samples, {above} of them hard");
}

#[test]
fn what_the_target_does_not_take_is_avoided_first() {
    let cost = |number| if number < 4 { NOT_TAKEN } else { number as f64 * 1e-6 };
    let (checked, _) = check(&cost, &|_, _| true);
    assert!(checked > 200, "{checked} samples");
}

#[test]
fn circles_of_three_are_left_out() {
    // Each of three is free once another is known, or dear.
    let candidates = all(
        (0..3).map(|class| vec![form(0.0, &[(class + 1) % 3]), form(5.0 - class as f64, &[])]).collect(),
        &[0, 1, 2],
    );
    let greedy = Choice::cheapest(&candidates).expect("a choice");
    let found = optimum(&candidates, greedy);
    assert!(found.proved);
    assert!((found.choice.cost(&candidates) - 3.0).abs() < 1e-9, "{:?}", found.choice);
}

/// Vertex cover: each edge of a random graph is computed of one of its ends.
fn cover(vertices: usize, edges: usize, random: &mut dyn FnMut(u64) -> u64) -> Candidates {
    let mut forms: Vec<Vec<Candidate>> = (0..vertices).map(|_| vec![form(10.0 + random(3) as f64, &[])]).collect();
    for _ in 0..edges {
        forms.push((0..2).map(|_| form(0.1, &[random(vertices as u64) as usize])).collect());
    }
    all(forms, &(vertices..vertices + edges).collect::<Vec<_>>())
}

#[test]
fn within_too_few_nodes_the_bound_holds_and_the_choice_is_no_worse() {
    let mut random = random(13);
    let mut open = 0;
    for number in 0..20 {
        let candidates = cover(24, 60, &mut random);
        let greedy = Choice::cheapest(&candidates).expect("a choice");
        let start = greedy.cost(&candidates);
        let least = optimum(&candidates, greedy.clone());
        assert!(least.proved, "sample {number}");
        let found = optimum_within(&candidates, greedy, 1);
        let cost = found.choice.cost(&candidates);
        assert!(cost <= start && cost >= least.bound * (1.0 - EQUAL), "sample {number}");
        assert!(found.bound <= least.bound * (1.0 + EQUAL), "sample {number}: {} for {}", found.bound, least.bound);
        open += usize::from(!found.proved);
    }
    assert!(open > 0, "every sample was proved all the same");
}
