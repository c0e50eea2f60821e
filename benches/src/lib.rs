//! Criterion benches and measurement programs.
