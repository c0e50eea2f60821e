//! isi: demo, share, view, chat, token, doctor.
pub mod demo;
pub mod hex;
pub mod random;
pub mod search;

pub mod screen;
pub mod failure;
