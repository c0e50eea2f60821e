//! What the delivery classes promise, on bad networks: a whole relay node with its default settings and its clients over a
//! simulated network, in virtual time. There is no wall clock in any figure. `ISI_SEED` gives another run than the usual one,
//! `--nocapture` shows the figures.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod actors;
mod churn;
mod constant_rate;
mod identity;
mod input;
mod journal;
mod organizers;
mod paths;
mod people;
mod recovery;
mod recovery_of_commits;
mod recovery_of_records;
mod recovery_scene;
mod tokens;
mod trouble;
mod watch;
mod world;
