//! The binary as its users have it: text in, text and exit codes out.

mod compile;
mod harness;
mod hostile;
mod information;
mod inspect;
mod run;
#[cfg(feature = "torch")]
mod torch;
#[cfg(feature = "tract")]
mod tract;
mod usage;
mod verify;
