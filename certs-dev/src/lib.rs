//! Throw-away local certificates for development, refused by the relay on any address but loopback.
//!
//! Each call draws a new CA and a server certificate for `localhost`, `127.0.0.1` and `::1`. The CA's private key is
//! never kept: once the server certificate is signed nobody can sign another. Both carry the extension
//! [`DEV_MARKER_OID`], by which a relay recognises them.
//!
//! ```
//! let certificates = isi_certs_dev::DevCertificates::generate()?;
//! let folder = std::env::temp_dir().join(format!("isi-certs-doc-{}", std::process::id()));
//! let files = certificates.save(&folder)?;
//! println!("relay: {} and {}", files.certificate.display(), files.private_key.display());
//! println!("clients: --ca {}", files.ca.display());
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod files;
mod generate;

pub use files::{SaveError, SavedFiles};
pub use generate::{DevCertificates, GenerateError};

/// Object identifier of the extension that marks throw-away certificates, in the CA and in the server certificate.
///
/// Self-assigned from the random UUID 63e17053-8063-423d-9bd6-e9d482aeff62, split as Microsoft's registry-free arc
/// `1.2.840.113556.1.8000.2554` takes UUIDs (the arc `2.25` needs numbers of 128 bits, which few libraries encode).
/// The extension is not critical and its value is NULL.
pub const DEV_MARKER_OID: &[u64] =
    &[1, 2, 840, 113_556, 1, 8000, 2554, 25569, 28755, 32867, 16957, 39894, 15_324_290, 11_468_642];

/// How long the certificates are valid: a week.
pub const VALIDITY_S: u64 = 7 * 24 * 3600;
