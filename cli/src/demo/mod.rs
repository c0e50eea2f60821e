//! demo
pub mod histogram;
pub mod proxy;
