//! demo
pub mod histogram;
pub mod pipe;
pub mod protocol;
pub mod proxy;
