//! HPKE (RFC 9180 appendix A.2) with the crate and the algorithms that private objects use. They use the PSK mode alone;
//! the others share its key schedule.

use crate::files::{Fields, load};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use serde_json::Value;
use std::convert::Infallible;

type Dhkem = X25519HkdfSha256;
type PublicKey = <Dhkem as Kem>::PublicKey;
type PrivateKey = <Dhkem as Kem>::PrivateKey;
type EncappedKey = <Dhkem as Kem>::EncappedKey;

const MODE_BASE: u64 = 0;
const MODE_PSK: u64 = 1;
const MODE_AUTH: u64 = 2;
const MODE_AUTH_PSK: u64 = 3;

/// The vector's `ikmE` in place of randomness: the ephemeral key is derived from it.
struct Ikm(Vec<u8>);

impl TryRng for Ikm {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("an ephemeral key is one draw of 32 bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("an ephemeral key is one draw of 32 bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

impl TryCryptoRng for Ikm {}

fn public(vector: &Value, name: &str) -> PublicKey {
    PublicKey::from_bytes(&vector.hex(name)).unwrap()
}

fn private(vector: &Value, name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&vector.hex(name)).unwrap()
}

fn check(vector: &Value, sender: &OpModeS<'_, Dhkem>, receiver: &OpModeR<'_, Dhkem>) {
    let (info, enc) = (vector.hex("info"), vector.hex("enc"));
    let mut ikm = Ikm(vector.hex("ikmE"));
    let (sent, mut sender) = hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Dhkem>(
        sender,
        &public(vector, "pkRm"),
        &info,
        &mut ikm,
    )
    .unwrap();
    assert_eq!(sent.to_bytes()[..], enc);
    let mut receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, Dhkem>(
        receiver,
        &private(vector, "skRm"),
        &EncappedKey::from_bytes(&enc).unwrap(),
        &info,
    )
    .unwrap();
    let mut sequence = 0;
    for encryption in vector.list("encryptions") {
        // The file leaves steps out; the contexts count them all.
        while sequence < encryption.number("sequence_number") {
            let skipped = sender.seal(b"", b"").unwrap();
            assert_eq!(receiver.open(&skipped, b"").unwrap(), b"");
            sequence += 1;
        }
        let (pt, aad, ct) = (encryption.hex("pt"), encryption.hex("aad"), encryption.hex("ct"));
        assert_eq!(sender.seal(&pt, &aad).unwrap(), ct);
        assert_eq!(receiver.open(&ct, &aad).unwrap(), pt);
        sequence += 1;
    }
    for export in vector.list("exports") {
        let mut values = [(); 2].map(|()| vec![0; export.number("L") as usize]);
        sender.export(&export.hex("exporter_context"), &mut values[0]).unwrap();
        receiver.export(&export.hex("exporter_context"), &mut values[1]).unwrap();
        assert_eq!(values, [(); 2].map(|()| export.hex("exported_value")));
    }
}

#[test]
fn rfc9180_all_four_modes_seal_open_and_export() {
    let file = load("rfc9180-x25519-sha256-chacha20poly1305.json");
    let mut modes = Vec::new();
    for vector in file.as_array().unwrap() {
        let mode = vector.number("mode");
        let bytes = |name: &str| vector.get(name).map(|_| vector.hex(name)).unwrap_or_default();
        let (psk, psk_id) = (bytes("psk"), bytes("psk_id"));
        let psk = || PskBundle::new(&psk, &psk_id).unwrap();
        let pair = || (private(vector, "skSm"), public(vector, "pkSm"));
        match mode {
            MODE_BASE => check(vector, &OpModeS::Base, &OpModeR::Base),
            MODE_PSK => check(vector, &OpModeS::Psk(psk()), &OpModeR::Psk(psk())),
            MODE_AUTH => check(vector, &OpModeS::Auth(pair()), &OpModeR::Auth(pair().1)),
            MODE_AUTH_PSK => {
                check(vector, &OpModeS::AuthPsk(pair(), psk()), &OpModeR::AuthPsk(pair().1, psk()));
            }
            _ => panic!("no mode {mode}"),
        }
        modes.push(mode);
    }
    assert_eq!(modes, [MODE_BASE, MODE_PSK, MODE_AUTH, MODE_AUTH_PSK]);
}
