//! The CPU target, compile side: kernels chosen and weights packed ahead of time.
