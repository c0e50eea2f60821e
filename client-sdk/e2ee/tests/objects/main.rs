//! Objects, private objects and leases, with fixed keys and virtual time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod allocations;
mod epochs;
mod format;
mod held_back;
mod leases;
mod padding;
mod private;
mod replay;
mod vector_file;
mod vectors;
mod world;
