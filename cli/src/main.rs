//! isi
fn main() {}
