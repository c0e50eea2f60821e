//! The node's certificate and its one explicit provider of cryptography.

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Extension that marks throw-away certificates, self-assigned from a random UUID. Whoever carries it is refused
/// except on loopback: the private key lay in a temporary folder.
const DEV_MARKER_OID: Oid<'static> =
    oid!(1.2.840.113556.1.8000.2554.25569.28755.32867.16957.39894.15324290.11468642);

/// Longest PEM file that is read.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Where certificate and private key come from.
#[derive(Clone, Debug)]
pub struct TlsConfig(Source);

#[derive(Clone, Debug)]
enum Source {
    Files { certificate: PathBuf, private_key: PathBuf },
    Memory { chain: Vec<CertificateDer<'static>>, private_key: Arc<PrivateKeyDer<'static>> },
}

impl TlsConfig {
    /// PEM files: the certificate with its chain, leaf first, and the private key (PKCS#8, SEC1 or PKCS#1).
    #[must_use]
    pub fn from_files(certificate: PathBuf, private_key: PathBuf) -> Self {
        Self(Source::Files { certificate, private_key })
    }

    /// A chain, leaf first, and its key, for tests and embedded nodes.
    #[must_use]
    pub fn from_memory(chain: Vec<CertificateDer<'static>>, private_key: PrivateKeyDer<'static>) -> Self {
        Self(Source::Memory { chain, private_key: Arc::new(private_key) })
    }
}

/// Why the node has no TLS. Each is the operator's to correct.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}`: cannot read {path}: {source}; the relay's user must be able to", path = path.display())]
    Read {
        /// The configuration's key.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file holds nothing of the kind.
    #[error("`{key}`: {path} holds no PEM block of {expected}; check that the two files are not mixed up", path = path.display())]
    NoPem {
        /// The configuration's key.
        key: &'static str,
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// Everybody on the host can read the private key.
    #[error("`tls.private_key_file`: {path} has mode {mode:04o}, so every user can read it; chmod 600 it", path = path.display())]
    ExposedKey {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A certificate is no X.509.
    #[error("certificate {position} of the chain is not X.509; export the chain again, leaf first")]
    BadCertificate {
        /// Counted from 1, the leaf.
        position: usize,
    },
    /// A throw-away certificate on an address that others reach.
    #[error(
        "the certificate is a throw-away one for development, refused on {address}; bind loopback, or get a certificate from a CA"
    )]
    DevCertificate {
        /// The address that is not loopback.
        address: SocketAddr,
    },
    /// Certificate and key do not go together, or the key is of an unknown kind.
    #[error("certificate and private key cannot be used: {0}; check that both are of one pair")]
    Unusable(#[from] rustls::Error),
}

/// The TLS side of a node that binds these addresses.
///
/// TLS 1.3 only. AES-128-GCM first, whatever clients prefer: ChaCha20 packets cost the relay 40 % more CPU.
/// X25519MLKEM768 first; clients decide whether they accept less.
///
/// # Errors
/// [`TlsError`]: correct the files or the addresses.
pub fn server_crypto(config: &TlsConfig, bind: &[SocketAddr]) -> Result<ServerConfig, TlsError> {
    let (chain, private_key) = config.load()?;
    refuse_dev_certificates(&chain, bind)?;
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, private_key)?;
    server.ignore_client_order = true;
    Ok(server)
}

fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    }
}

fn refuse_dev_certificates(chain: &[CertificateDer<'_>], bind: &[SocketAddr]) -> Result<(), TlsError> {
    let exposed = bind.iter().find(|address| !address.ip().to_canonical().is_loopback());
    for (index, certificate) in chain.iter().enumerate() {
        let position = index + 1;
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| TlsError::BadCertificate { position })?;
        let marked = parsed.extensions().iter().any(|extension| extension.oid == DEV_MARKER_OID);
        if let (true, Some(address)) = (marked, exposed) {
            return Err(TlsError::DevCertificate { address: *address });
        }
    }
    Ok(())
}

impl TlsConfig {
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        match &self.0 {
            Source::Memory { chain, private_key } => Ok((chain.clone(), private_key.clone_key())),
            Source::Files { certificate, private_key } => {
                Ok((read_chain(certificate)?, read_key(private_key)?))
            }
        }
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let key = "tls.certificate_file";
    let pem = read(key, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    chain.ok_or_else(|| TlsError::NoPem { key, path: path.to_owned(), expected: "a certificate" })
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let key = "tls.private_key_file";
    let pem = read(key, path)?;
    refuse_exposed(key, path)?;
    let found = PrivateKeyDer::from_pem_slice(&pem);
    found.map_err(|_| TlsError::NoPem { key, path: path.to_owned(), expected: "an unencrypted private key" })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let read_error = |source| TlsError::Read { key, path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(read_error)?;
    if metadata.len() > PEM_BYTES_MAX {
        return Err(read_error(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    fs::read(path).map_err(read_error)
}

#[cfg(unix)]
fn refuse_exposed(key: &'static str, path: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        fs::metadata(path).map_err(|source| TlsError::Read { key, path: path.to_owned(), source })?;
    // A group may read it: services often get their key that way.
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 == 0 { Ok(()) } else { Err(TlsError::ExposedKey { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_key: &'static str, _path: &Path) -> Result<(), TlsError> {
    Ok(())
}
