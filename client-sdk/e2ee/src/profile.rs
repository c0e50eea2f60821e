use isi_wire::limits::PARTICIPANTS_PER_SESSION_MAX;
use openmls::prelude::Ciphersuite;

/// Most members of a session with [`GroupProfile::PostQuantum`]: every member's leaf, and every step of an update path,
/// carries a kilobyte more.
pub const POST_QUANTUM_MEMBERS_MAX: usize = 100;

/// Which MLS suite a session's group uses. Chosen when it is created, stated in its invitations, never changed.
///
/// Signatures are Ed25519 in both: a quantum computer of later years cannot forge what was said today. Objects are sealed
/// alike in both, by keys from the group's exporter. Keys of private objects (RFC 9180) are agreed by X25519 in both;
/// they are mixed with a secret of the group, so that whoever has to break X25519 has to break the group as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GroupProfile {
    /// RFC 9420 suite 0x0003: X25519, ChaCha20-Poly1305, SHA-256, Ed25519.
    #[default]
    Classic,
    /// Suite 0x004F of draft-ietf-mls-pq-ciphersuites: X-Wing (ML-KEM-768 with X25519), AES-128-GCM, SHA-256, Ed25519. What
    /// a relay records today stays closed to a quantum computer. At most [`POST_QUANTUM_MEMBERS_MAX`] members.
    PostQuantum,
}

impl GroupProfile {
    /// Most members of a session.
    #[must_use]
    pub const fn members_max(self) -> usize {
        match self {
            Self::Classic => PARTICIPANTS_PER_SESSION_MAX,
            Self::PostQuantum => POST_QUANTUM_MEMBERS_MAX,
        }
    }

    /// Its number among the MLS suites.
    #[must_use]
    pub const fn suite(self) -> u16 {
        self.ciphersuite() as u16
    }

    pub(crate) const fn ciphersuite(self) -> Ciphersuite {
        match self {
            Self::Classic => Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
            Self::PostQuantum => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
        }
    }

    /// `None` for a suite that no session uses.
    pub(crate) fn from_suite(suite: u16) -> Option<Self> {
        [Self::Classic, Self::PostQuantum].into_iter().find(|profile| profile.suite() == suite)
    }
}
