//! Elements that are repeated along one axis after the other, written once.

use super::reshaped;
use crate::rewrite::builder::{Builder, class, value};
use crate::rewrite::language::known;
use egg::Id;
use m4c_ops::build::Build;
use m4c_ops::{Dim, primitive};

/// `broadcast(reshape(broadcast(x)))` as one broadcast between two reshapes, where the reshape in the middle merges axes and adds
/// or drops those of size 1: each axis behind it is several of those before it. Given are x and the results of the three.
pub(super) fn repeated_once(b: &mut Builder<'_>, x: Id, first: Id, middle: Id, result: Id) -> Option<Id> {
    let shape = |id: Id| Some(known(b.forms, id)?.fact.shape.clone());
    let (own, first, middle, result) = (shape(x)?, shape(first)?, shape(middle)?, shape(result)?);
    let mut assumed = false;
    let groups = primitive::reshape::groups(&first, &middle, &mut |_| assumed = true).ok().filter(|_| !assumed)?;
    let one = Dim::from(1);
    let ahead = first.len().checked_sub(own.len())?;
    let own: Vec<Dim> = std::iter::repeat_n(one.clone(), ahead).chain(own.iter().cloned()).collect();
    // Axes that the second broadcast adds in front are new.
    let added = result.len().checked_sub(middle.len())?;
    let (mut from, mut to) = (vec![one.clone(); added], result[..added].to_vec());
    let (mut taken, mut given) = (0, added);
    for group in &groups {
        let axes = taken..taken + group.take;
        let behind = given..given + group.give.len();
        (taken, given) = (axes.end, behind.end);
        let mut solid = behind.clone().filter(|&axis| !middle[axis - added].is(1));
        let merged = solid.next();
        if solid.next().is_some() {
            return None;
        }
        for axis in behind {
            if Some(axis) == merged {
                from.extend_from_slice(&own[axes.clone()]);
                to.extend_from_slice(&first[axes.clone()]);
            } else {
                from.push(one.clone());
                to.push(result[axis].clone());
            }
        }
    }
    let apart = reshaped(b, x, &from)?;
    let b: &mut dyn Build = b;
    let repeated = b.expanded(value(apart), &to).ok()?;
    b.reshape(repeated, &result).ok().map(class)
}
