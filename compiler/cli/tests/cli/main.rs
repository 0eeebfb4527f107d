//! The binary as its users have it: text in, text and exit codes out.

mod adapters;
mod bench;
mod builds;
mod compile;
mod diff;
mod extraction;
mod guide;
mod harness;
mod hostile;
mod information;
mod inspect;
// libtorch alone takes more memory than the law allows.
#[cfg(all(target_os = "linux", not(feature = "torch")))]
mod memory;
mod peers;
mod run;
mod states;
#[cfg(feature = "torch")]
mod torch;
#[cfg(feature = "tract")]
mod tract;
mod usage;
mod verify;
