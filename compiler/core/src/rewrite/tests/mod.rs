//! Rules are tested by being in a table; saturation and extraction on graphs.

mod chains;
mod direction;
mod growth;
mod pieces;
mod place;
mod planted;
mod profit;
mod random;
mod sample;
mod soundness;
mod spellings;
mod trial;
