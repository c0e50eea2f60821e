//! What the criterion benches and the measurement programs share. Nobody depends on this crate.

pub mod duel;
pub mod fanout;
pub mod floor;
pub mod membership;
pub mod stock;
