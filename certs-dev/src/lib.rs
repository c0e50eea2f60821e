//! Throw-away local certificates for development, refused by the relay on any address but loopback.
