//! The CPU target, device side: kernels.
