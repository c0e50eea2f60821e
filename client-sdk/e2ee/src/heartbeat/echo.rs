use sha2::{Digest as _, Sha256};

/// Names one heartbeat: the first 8 bytes of SHA-256 of all of it. Each holds 8 fresh random bytes, so who echoes a heartbeat
/// has heard it, and not long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Echo(pub(crate) [u8; 8]);

impl Echo {
    pub(crate) fn of(heartbeat: &[u8]) -> Self {
        let hash = Sha256::digest(heartbeat);
        let mut echo = [0; 8];
        echo.copy_from_slice(hash.get(..8).unwrap_or_default());
        Self(echo)
    }
}
