//! The m4c command line.
