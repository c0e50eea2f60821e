//! Objects, private objects and leases, with fixed keys and virtual time.

mod epochs;
mod format;
mod leases;
mod private;
mod replay;
mod vectors;
mod world;
