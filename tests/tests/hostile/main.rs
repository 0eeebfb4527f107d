//! Hostile input: damaged, contradictory and huge files end in a result or in a coded error, soon.

mod artifacts;
mod corpus;
mod damaged;
mod deep;
mod large;
mod model;
mod single_faults;
mod sizes;
