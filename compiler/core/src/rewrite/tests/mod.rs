//! Rules are tested by being in a table; saturation and extraction on graphs.

mod pieces;
mod planted;
mod random;
mod sample;
mod soundness;
mod spellings;
mod trial;
