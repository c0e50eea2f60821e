//! What OpenMLS needs from us: pure-Rust cryptography, randomness and a store that wipes.

mod buffer;
mod storage;

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use storage::WipingStore;

/// One member's provider. Never shared by two members: it holds private keys.
#[derive(Default)]
pub(crate) struct Provider {
    crypto: RustCrypto,
    store: WipingStore,
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = WipingStore;

    fn storage(&self) -> &Self::StorageProvider {
        &self.store
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &self.crypto
    }

    fn rand(&self) -> &Self::RandProvider {
        &self.crypto
    }
}
