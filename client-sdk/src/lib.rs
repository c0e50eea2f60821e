//! Client SDK: join a session, share, view, drive, talk.
