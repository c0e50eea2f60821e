//! isi-relay
fn main() {}
