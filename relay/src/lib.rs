//! The relay node: QUIC, admission, configuration, metrics.
