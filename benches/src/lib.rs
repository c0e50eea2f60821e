//! What the criterion benches and the measurement programs share. Nobody depends on this crate.

pub mod stock;
