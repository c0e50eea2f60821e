//! The group through its public API, and against members who use OpenMLS without our rules.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod admission;
mod expiry;
mod heartbeats;
mod invitations;
mod issuers;
mod life;
mod mangled;
mod objects;
mod profile;
mod races;
mod record;
mod record_file;
mod rogue;
mod rules;
mod scale;
mod swaps;
mod world;
