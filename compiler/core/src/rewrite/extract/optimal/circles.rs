//! Circles in a choice: classes that would be computed of themselves.

use super::open::Open;
use super::program::Edge;
use std::collections::BTreeMap;

/// Circles through the classes of a part, as the edges that each goes through; none only where there is none.
pub(super) fn circles(open: &Open<'_>, part: &[usize], chosen: &BTreeMap<usize, usize>) -> Vec<Vec<Edge>> {
    let needs = |class: usize| -> &[usize] {
        let form = chosen.get(&class).copied().or_else(|| open.fixed(class));
        form.map_or(&[], |place| open.children(class, place))
    };
    // Whether a class is on the path at hand.
    let mut seen: BTreeMap<usize, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for &start in part {
        if seen.contains_key(&start) {
            continue;
        }
        seen.insert(start, true);
        let mut path = vec![(start, needs(start).iter())];
        while let Some((class, children)) = path.last_mut() {
            let class = *class;
            let Some(&child) = children.next() else {
                seen.insert(class, false);
                path.pop();
                continue;
            };
            if !open.may_circle(class, child) {
                continue;
            }
            match seen.get(&child) {
                None => {
                    seen.insert(child, true);
                    path.push((child, needs(child).iter()));
                }
                Some(true) => {
                    let ring: Vec<usize> = path.iter().map(|(on, _)| *on).skip_while(|&on| on != child).collect();
                    let next = ring.iter().skip(1).chain([&child]);
                    found.push(ring.iter().copied().zip(next.copied()).collect());
                }
                Some(false) => {}
            }
        }
    }
    found
}
