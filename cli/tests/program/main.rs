//! The program `isi` as people run it.

mod bad_input;
mod by_hand;
mod demo;
mod support;
