//! End-to-end encryption of a session: MLS group, object sealing, signatures. No I/O.
