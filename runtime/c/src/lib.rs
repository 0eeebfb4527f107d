//! The C interface of the runtime, with the CPU executor.
