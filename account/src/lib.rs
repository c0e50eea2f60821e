//! What an account service signs: relay tokens, identity statements, and the key set that verifies both.
//!
//! An account service knows people; the relay and the members only know what it signed. It admits nobody by
//! itself: a token opens the relay's door, an identity statement is an upper bound on a role, and only an
//! organizer's commit makes a member.
//!
//! 1. [`AccountKey::generate`] or [`AccountKey::load`] gives the signing key, [`AccountKey::save`] keeps it.
//! 2. [`Jwks`] is the public half, the file that relays and clients are given.
//! 3. [`AccountKey::sign_token`] signs [`TokenClaims`] for the relay, [`AccountKey::sign_statement`] signs
//!    [`StatementClaims`] for the members.
//!
//! ```
//! use isi_account::{AccountKey, Role, TokenClaims};
//! use isi_wire::SessionId;
//!
//! let key = AccountKey::generate()?;
//! let proof_key = [7; 32]; // Ed25519 public key that the client holds, from its key file
//! let claims = TokenClaims::new(Role::Viewer, "relay.example:4433", SessionId([1; 16]), "user-81", &proof_key);
//! let token = key.sign_token(&claims, 1_800_000_000)?;
//! assert_eq!(token.split('.').count(), 3);
//! println!("{}", key.jwks().to_json()); // what the relay's `admission.jwks_file` holds
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod files;
mod jws;
mod key;
mod role;
mod statement;
mod thumbprint;
mod token;

pub use key::{AccountKey, Jwks, KeyError};
pub use role::{ControlRight, Role};
pub use statement::StatementClaims;
pub use thumbprint::thumbprint;
pub use token::{TOKEN_LIFETIME_S_DEFAULT, TOKEN_LIFETIME_S_MAX, TokenClaims};

/// Why claims were not signed. Each is the caller's to correct.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClaimsError {
    /// The lifetime is 0 or longer than a relay accepts.
    #[error(
        "lifetime of {lifetime_s} s, but a token lives 1 to {TOKEN_LIFETIME_S_MAX} s; refresh it instead"
    )]
    Lifetime {
        /// What was asked for.
        lifetime_s: u64,
    },
    /// A claim that names somebody or something is empty.
    #[error("claim `{claim}` is empty; give it a value")]
    Empty {
        /// The claim's name.
        claim: &'static str,
    },
    /// The token would be longer than a `Join` message may carry.
    #[error("token of {bytes} bytes, but the wire allows {max}; shorten its subject or issuer", max = isi_wire::limits::TOKEN_BYTES_MAX)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The system gave no random bytes for the token's id.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}
