//! Every code, by the part of m4c that speaks. To add one, add an entry in the file of its group.

use super::{Entry, Group};

mod adapter;
mod artifact;
mod command;
mod emit;
mod facts;
mod import;
mod plan;
mod rewrite;
mod target;

pub use adapter::*;
pub use artifact::*;
pub use command::*;
pub use emit::*;
pub use facts::*;
pub use import::*;
pub use plan::*;
pub use rewrite::*;
pub use target::*;

/// The groups in rising order. A group without codes keeps its number for the part that will need it.
pub const GROUPS: &[Group] = &[
    Group { hundred: 1, title: "files and import", entries: import::ENTRIES },
    Group { hundred: 2, title: "facts: types, shapes and sizes", entries: facts::ENTRIES },
    Group { hundred: 3, title: "adapters", entries: adapter::ENTRIES },
    Group { hundred: 4, title: "rewriting", entries: rewrite::ENTRIES },
    Group { hundred: 5, title: "targets and partitioning", entries: target::ENTRIES },
    Group { hundred: 6, title: "planning", entries: plan::ENTRIES },
    Group { hundred: 7, title: "output", entries: emit::ENTRIES },
    Group { hundred: 8, title: "m4.toml and the command line", entries: command::ENTRIES },
    Group { hundred: 9, title: "artifacts, running and verifying", entries: artifact::ENTRIES },
];

/// All entries in rising order.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.entries)
}
