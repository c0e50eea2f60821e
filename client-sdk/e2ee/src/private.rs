use crate::LeafIndex;
use crate::encoding::put_bytes;
use crate::random::random_array;
use crate::suite::ObjectKey;
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use isi_wire::{SframeHeader, TrackId};
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const INFO_LABEL: &[u8] = b"ISI 1.0 Private";
const PSK_ID_LABEL: &[u8] = b"ISI 1.0 Private PSK";
const BASE_LABEL: &[u8] = b"ISI private base v1";
const AGREEMENT_LABEL: &[u8] = b"ISI private agreement v1";

type Sending = AeadCtxS<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>;
type Receiving = AeadCtxR<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>;
type PublicKeyOf = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKeyOf = <X25519HkdfSha256 as Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// What a private key agreement is for. Both sides must have the same, or their keys differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateContext {
    /// The MLS group id.
    pub group_id: Vec<u8>,
    /// The epoch whose exporter gave the PSK.
    pub epoch: u64,
    /// Who seals.
    pub from: LeafIndex,
    /// Who opens.
    pub to: LeafIndex,
    /// The lease or the conversation: random.
    pub context_id: [u8; 16],
}

/// The receiving side of private objects: a fresh X25519 key for one lease or one conversation, wiped when
/// dropped. Drop it when that ends; nobody can open its objects then, whatever else is stolen later.
pub struct PrivateReceiver {
    secret: StaticSecret,
    public_key: [u8; 32],
}

/// Keys that only two members have. The sender makes a [`Sealer`](crate::Sealer) of them, the receiver
/// [`Opener`](crate::Opener)s. They outlive epochs: each epoch's objects have keys of their own.
pub struct PrivateKeys {
    context: PrivateContext,
    id: PrivateId,
    base: Arc<Zeroizing<[u8; 32]>>,
}

/// Names an agreement: what objects are bound to, and what tells two agreements of a context apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrivateId {
    pub(crate) context_id: [u8; 16],
    pub(crate) agreement: [u8; 16],
}

/// Why there are no private keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateError {
    /// The peer's key or encapsulated key is a point of small order (RFC 9180 section 7.1.4). Its fault.
    #[error("the other member's public key is not usable; its client is at fault")]
    BadPublicKey,
}

impl PrivateReceiver {
    /// A fresh key.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_secret(&Zeroizing::new(random_array()))
    }

    /// What the sender needs, 32 bytes. Send it signed: in a lease, or in an object of the group.
    #[must_use]
    pub const fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// The keys that the sender got when it made `enc`. `psk` is the group's private PSK of `context.epoch` for
    /// `context.context_id`.
    ///
    /// Wrong inputs don't show here but when nothing opens.
    ///
    /// # Errors
    /// [`PrivateError::BadPublicKey`] when `enc` is a point of small order.
    pub fn accept(
        &self,
        psk: &Zeroizing<[u8; 32]>,
        context: PrivateContext,
        enc: &[u8; 32],
    ) -> Result<PrivateKeys, PrivateError> {
        let hpke = receive(psk.as_slice(), &context.psk_id(), &context.info(), &self.secret, enc)?;
        Ok(PrivateKeys::export(context, |label, out| hpke.export(label, out).is_ok()))
    }

    fn from_secret(secret: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(*secret);
        let public_key = PublicKey::from(&secret).to_bytes();
        Self { secret, public_key }
    }
}

impl PrivateKeys {
    /// The sender's side: keys for the holder of `public_key`, and the 32 bytes that it needs to have them too.
    ///
    /// `psk` is the group's private PSK of `context.epoch` for `context.context_id`: with it, nobody outside the
    /// group can be either side (RFC 9180 section 5.1.2).
    ///
    /// # Errors
    /// [`PrivateError::BadPublicKey`] when `public_key` is a point of small order.
    pub fn agree(
        psk: &Zeroizing<[u8; 32]>,
        context: PrivateContext,
        public_key: &[u8; 32],
    ) -> Result<([u8; 32], Self), PrivateError> {
        let seed = Seed(Zeroizing::new(random_array()));
        let (enc, hpke) = send(psk.as_slice(), &context.psk_id(), &context.info(), public_key, seed)?;
        Ok((enc, Self::export(context, |label, out| hpke.export(label, out).is_ok())))
    }

    /// What they were agreed for.
    #[must_use]
    pub const fn context(&self) -> &PrivateContext {
        &self.context
    }

    pub(crate) const fn id(&self) -> &PrivateId {
        &self.id
    }

    /// The same keys once more, for an opener. Never for a second sealer.
    pub(crate) fn share(&self) -> Self {
        Self { context: self.context.clone(), id: self.id, base: Arc::clone(&self.base) }
    }

    /// The key of a track in an epoch. `None` when the epoch is so far from that of the agreement that its low
    /// 16 bits, all that the key id has of it, could come twice. One epoch before the agreement is fine: after
    /// an add-only commit senders still use it.
    pub(crate) fn object_key(&self, track: TrackId, leaf: LeafIndex, epoch: u64) -> Option<ObjectKey> {
        let since = epoch.checked_add(1)?.checked_sub(self.context.epoch)?;
        let key_id = SframeHeader::compose_key_id(track, leaf.0, epoch);
        (since <= u64::from(u16::MAX)).then(|| ObjectKey::derive(&self.base, key_id))
    }

    fn export(context: PrivateContext, export: impl Fn(&[u8], &mut [u8]) -> bool) -> Self {
        let mut base = Zeroizing::new([0; 32]);
        let mut id = PrivateId { context_id: context.context_id, agreement: [0; 16] };
        let exported = export(BASE_LABEL, &mut *base) && export(AGREEMENT_LABEL, &mut id.agreement);
        assert!(exported, "an HPKE exporter gives up to 8,160 bytes");
        Self { context, id, base: Arc::new(base) }
    }
}

impl PrivateContext {
    fn info(&self) -> Vec<u8> {
        let mut info = INFO_LABEL.to_vec();
        put_bytes(&mut info, &self.group_id);
        put_bytes(&mut info, &self.epoch.to_be_bytes());
        put_bytes(&mut info, &self.from.0.to_be_bytes());
        put_bytes(&mut info, &self.to.0.to_be_bytes());
        put_bytes(&mut info, &self.context_id);
        info
    }

    fn psk_id(&self) -> Vec<u8> {
        [PSK_ID_LABEL, &self.context_id].concat()
    }
}

// Keys never reach a log.
impl fmt::Debug for PrivateReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateReceiver").finish_non_exhaustive()
    }
}

impl fmt::Debug for PrivateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKeys").field("context", &self.context).finish_non_exhaustive()
    }
}

/// 32 random bytes as a generator: the ephemeral key is derived from them (RFC 9180 section 4.1), and nothing
/// else of the encapsulation is random. So the RFC's test vectors can be followed byte by byte.
struct Seed(Zeroizing<[u8; 32]>);

impl TryRng for Seed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        assert!(out.len() == self.0.len(), "X25519 takes its 32 bytes at once");
        out.copy_from_slice(self.0.as_slice());
        Ok(())
    }
}

impl TryCryptoRng for Seed {}

/// `SetupPSKS` of RFC 9180 section 5.1.2.
fn send(
    psk: &[u8],
    psk_id: &[u8],
    info: &[u8],
    public_key: &[u8; 32],
    mut seed: Seed,
) -> Result<([u8; 32], Sending), PrivateError> {
    let bundle = PskBundle::new(psk, psk_id).map_err(|_| PrivateError::BadPublicKey)?;
    let receiver = PublicKeyOf::from_bytes(public_key).map_err(|_| PrivateError::BadPublicKey)?;
    let (enc, hpke): (EncappedKey, Sending) =
        hpke::setup_sender_with_rng(&OpModeS::Psk(bundle), &receiver, info, &mut seed)
            .map_err(|_| PrivateError::BadPublicKey)?;
    Ok((enc.to_bytes().into(), hpke))
}

/// `SetupPSKR` of RFC 9180 section 5.1.2.
fn receive(
    psk: &[u8],
    psk_id: &[u8],
    info: &[u8],
    secret: &StaticSecret,
    enc: &[u8; 32],
) -> Result<Receiving, PrivateError> {
    let bundle = PskBundle::new(psk, psk_id).map_err(|_| PrivateError::BadPublicKey)?;
    let secret = Zeroizing::new(secret.to_bytes());
    let secret = PrivateKeyOf::from_bytes(&*secret).map_err(|_| PrivateError::BadPublicKey)?;
    let enc = EncappedKey::from_bytes(enc).map_err(|_| PrivateError::BadPublicKey)?;
    hpke::setup_receiver(&OpModeR::Psk(bundle), &secret, &enc, info).map_err(|_| PrivateError::BadPublicKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
        bytes.collect::<Vec<_>>().try_into().unwrap()
    }

    /// RFC 9180 appendix A.2.2: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, PSK.
    #[test]
    fn rfc9180_appendix_a22() {
        let info = b"Ode on a Grecian Urn";
        let psk: [u8; 32] = hex("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82");
        let psk_id = b"Ennyn Durin aran Moria";
        let ikm_e = hex("35706a0b09fb26fb45c39c2f5079c709c7cf98e43afa973f14d88ece7e29c2e3");
        let public_key = hex("13640af826b722fc04feaa4de2f28fbd5ecc03623b317834e7ff4120dbe73062");
        let secret =
            StaticSecret::from(hex::<32>("77d114e0212be51cb1d76fa99dd41cfd4d0166b08caa09074430a6c59ef17879"));
        let enc = hex("2261299c3f40a9afc133b969a97f05e95be2c514e54f3de26cbe5644ac735b04");
        let exports: [(&[u8], &str); 3] = [
            (b"", "813c1bfc516c99076ae0f466671f0ba5ff244a41699f7b2417e4c59d46d39f40"),
            (&[0], "2745cf3d5bb65c333658732954ee7af49eb895ce77f8022873a62a13c94cb4e1"),
            (b"TestContext", "ad40e3ae14f21c99bfdebc20ae14ab86f4ca2dc9a4799d200f43a25f99fa78ae"),
        ];

        let (sent, sender) = send(&psk, psk_id, info, &public_key, Seed(Zeroizing::new(ikm_e))).unwrap();
        assert_eq!(sent, enc);
        let receiver = receive(&psk, psk_id, info, &secret, &enc).unwrap();
        for (context, value) in exports {
            let (mut theirs, mut ours) = ([0; 32], [0; 32]);
            sender.export(context, &mut ours).unwrap();
            receiver.export(context, &mut theirs).unwrap();
            assert_eq!((ours, theirs), (hex(value), hex(value)));
        }
    }

    fn context(epoch: u64) -> PrivateContext {
        let group_id = b"group".to_vec();
        PrivateContext { group_id, epoch, from: LeafIndex(1), to: LeafIndex(2), context_id: [3; 16] }
    }

    /// The key id has 16 bits of the epoch, and the base is the same for all of them.
    #[test]
    fn no_key_id_comes_twice_under_one_agreement() {
        let receiver = PrivateReceiver::generate();
        let (_, keys) =
            PrivateKeys::agree(&Zeroizing::new([1; 32]), context(10), &receiver.public_key()).unwrap();
        let has_key = |epoch| keys.object_key(TrackId(1), LeafIndex(1), epoch).is_some();
        assert!(!has_key(8) && !has_key(u64::MAX));
        assert!(has_key(9) && has_key(9 + 0xffff));
        assert!(!has_key(9 + 0x1_0000));
    }

    /// RFC 9180 section 7.1.4: an all-zero shared secret must be refused, on both sides.
    #[test]
    fn points_of_small_order_are_refused() {
        let psk = Zeroizing::new([1; 32]);
        for point in [[0; 32], std::array::from_fn(|index| u8::from(index == 0))] {
            let refused = PrivateKeys::agree(&psk, context(1), &point).map(|_| ());
            assert_eq!(refused, Err(PrivateError::BadPublicKey));
            let refused = PrivateReceiver::generate().accept(&psk, context(1), &point).map(|_| ());
            assert_eq!(refused, Err(PrivateError::BadPublicKey));
        }
    }
}
