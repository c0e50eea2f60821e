//! Client SDK: join a session, share, view, drive, talk.

pub mod payload;
