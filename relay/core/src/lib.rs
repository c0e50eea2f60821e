//! Session state machine of the relay. No I/O, no clock, no randomness.
