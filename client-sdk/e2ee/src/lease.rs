mod state;
mod terms;
mod ticks;

use crate::encoding::{Malformed, Reader, put_bytes};
use crate::keyring::{Epoch, EpochMiss};
use crate::objects::SIGNATURE_BYTES;
use crate::{Keyring, LeafIndex, MonotonicMs};
use ed25519_dalek::{Signature, Signer};
use isi_wire::TrackKind;
pub use state::{
    ENDED_LEASES_MAX, Ended, HELD_MAX, InputCategory, InputRefused, LeaseState, Release, StartRefused,
};
pub use terms::{LEASE_DURATION_MS_MAX, LeaseEndReason, LeaseScope, LeaseTerms, Rectangle, TermsError};
pub use ticks::{INPUT_AGE_MS_MAX, INPUT_AGE_MS_MIN, TICK_MS};

const LEASE_LABEL: &[u8] = b"ISI 1.0 Lease";
const LEASE_END_LABEL: &[u8] = b"ISI 1.0 Lease End";

/// A lease is over, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseEnd {
    /// The lease's id.
    pub id: [u8; 16],
    /// What ended it.
    pub reason: LeaseEndReason,
}

/// Why a lease was not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseSignError {
    /// The caller's mistake.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Only the driven member signs a lease.
    #[error("leaf {} is driven by this lease, only it can sign", .0.0)]
    NotTheDriven(LeafIndex),
    /// The driver is not in the group.
    #[error("leaf {} is no member: it cannot drive", .0.0)]
    NotAMember(LeafIndex),
    /// One was removed or has left.
    #[error("the group's keys are wiped: this member left or was removed")]
    Closed,
}

/// Why a lease, or the end of one, does not count. Ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// The bytes are no lease. Its sender's fault.
    #[error("lease is malformed; the client that made it is at fault")]
    Malformed,
    /// The lease states terms that no lease can have. Its signer's fault.
    #[error("lease: {0}; the client that made it is at fault")]
    Terms(#[from] TermsError),
    /// Another member is driven by it than the one it is said to come from. A forgery.
    #[error("lease drives another member than the one it came from; forged")]
    WrongMember,
    /// Of an epoch that this member has not entered yet: try again after the next commit.
    #[error("lease of an epoch not entered yet: try again after the next commit")]
    UnknownEpoch,
    /// Of an epoch that is over; ask for another one.
    #[error("lease of an epoch that is over: ask for another one")]
    OldEpoch,
    /// Signer or driver is not in the group, or was removed.
    #[error("leaf {} is no member any more: the lease does not count", .0.0)]
    NotAMember(LeafIndex),
    /// The signer published a media key that is none.
    #[error("the media key of leaf {} is no Ed25519 key; its client is at fault", .0.0)]
    BadMediaKey(LeafIndex),
    /// The member did not sign it. A forgery.
    #[error("lease is not signed by its member; forged or changed")]
    BadSignature,
    /// One was removed or has left.
    #[error("the group's keys are wiped: this member left or was removed")]
    Closed,
}

impl Keyring {
    /// Signs a lease as the driven member with the media key of the newest epoch.
    ///
    /// # Errors
    /// [`LeaseSignError`]: the terms are none, or this member is not the driven one.
    pub fn sign_lease(&self, terms: &LeaseTerms) -> Result<Vec<u8>, LeaseSignError> {
        terms.check()?;
        let inner = self.lock();
        let epoch = inner.epochs.current().ok_or(LeaseSignError::Closed)?;
        if epoch.own_leaf != terms.driven {
            return Err(LeaseSignError::NotTheDriven(terms.driven));
        }
        if !epoch.has_member(terms.driver) {
            return Err(LeaseSignError::NotAMember(terms.driver));
        }
        Ok(sign(epoch, LEASE_LABEL, |body| terms.write(body)))
    }

    /// Checks a lease that is said to come from `driven`. Of an older epoch it counts for
    /// [`INPUT_GRACE_MS`](crate::INPUT_GRACE_MS) after the next one began.
    ///
    /// # Errors
    /// [`LeaseError`]: ignore the lease.
    pub fn verify_lease(
        &self,
        lease: &[u8],
        driven: LeafIndex,
        now: MonotonicMs,
    ) -> Result<LeaseTerms, LeaseError> {
        let (number, mut body) = split(lease)?;
        let terms = LeaseTerms::read(&mut body)?;
        body.end()?;
        if terms.driven != driven {
            return Err(LeaseError::WrongMember);
        }
        let driver_is_member =
            self.verify(LEASE_LABEL, lease, number, driven, now, |epoch| epoch.has_member(terms.driver))?;
        if !driver_is_member {
            return Err(LeaseError::NotAMember(terms.driver));
        }
        terms.check()?;
        Ok(terms)
    }

    /// Signs the end of a lease, as the driven member or as the driver that gives it up.
    ///
    /// # Errors
    /// [`LeaseSignError::Closed`].
    pub fn sign_lease_end(&self, end: &LeaseEnd) -> Result<Vec<u8>, LeaseSignError> {
        let inner = self.lock();
        let epoch = inner.epochs.current().ok_or(LeaseSignError::Closed)?;
        Ok(sign(epoch, LEASE_END_LABEL, |body| {
            put_bytes(body, &end.id);
            put_bytes(body, &[end.reason as u8]);
        }))
    }

    /// Checks the end of a lease that is said to come from `signer`; whether that is the lease's driver or
    /// driven member, the caller knows.
    ///
    /// # Errors
    /// [`LeaseError`]: ignore it.
    pub fn verify_lease_end(
        &self,
        end: &[u8],
        signer: LeafIndex,
        now: MonotonicMs,
    ) -> Result<LeaseEnd, LeaseError> {
        let (number, mut body) = split(end)?;
        let id = terms::field(&mut body)?;
        let [reason] = terms::field(&mut body)?;
        body.end()?;
        let reason = LeaseEndReason::from_byte(reason).ok_or(LeaseError::Malformed)?;
        self.verify(LEASE_END_LABEL, end, number, signer, now, |_| ())?;
        Ok(LeaseEnd { id, reason })
    }

    /// Checks `signed` against the signer's media key of its epoch; `then` sees that epoch.
    fn verify<T>(
        &self,
        label: &[u8],
        signed: &[u8],
        number: u64,
        signer: LeafIndex,
        now: MonotonicMs,
        then: impl FnOnce(&Epoch) -> T,
    ) -> Result<T, LeaseError> {
        let missed = |miss| match miss {
            EpochMiss::Unknown => LeaseError::UnknownEpoch,
            EpochMiss::Old => LeaseError::OldEpoch,
            EpochMiss::NotAMember => LeaseError::NotAMember(signer),
            EpochMiss::BadMediaKey => LeaseError::BadMediaKey(signer),
        };
        let (body, signature) = signed.split_last_chunk().ok_or(LeaseError::Malformed)?;
        let mut inner = self.lock();
        if inner.is_closed() {
            return Err(LeaseError::Closed);
        }
        let epoch = inner.epochs.find(number, TrackKind::Input, now).map_err(missed)?;
        let key = epoch.media_key(signer).map_err(missed)?;
        key.verify_strict(&message(label, &epoch.group_id, body), &Signature::from_bytes(signature))
            .map_err(|_| LeaseError::BadSignature)?;
        Ok(then(epoch))
    }
}

/// `fields || signature`; the first field is the epoch. Signed are label, group id and fields.
fn sign(epoch: &Epoch, label: &[u8], write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut signed = Vec::new();
    put_bytes(&mut signed, &epoch.number.to_be_bytes());
    write(&mut signed);
    let signature = epoch.own_media_key.sign(&message(label, &epoch.group_id, &signed));
    signed.extend_from_slice(&signature.to_bytes());
    signed
}

fn message(label: &[u8], group_id: &[u8], body: &[u8]) -> Vec<u8> {
    let mut message = label.to_vec();
    put_bytes(&mut message, group_id);
    message.extend_from_slice(body);
    message
}

/// Epoch and the fields after it, without the signature.
fn split(signed: &[u8]) -> Result<(u64, Reader<'_>), LeaseError> {
    let (body, _) = signed.split_last_chunk::<SIGNATURE_BYTES>().ok_or(LeaseError::Malformed)?;
    let mut body = Reader::new(body);
    let epoch = terms::field(&mut body)?;
    Ok((u64::from_be_bytes(epoch), body))
}

impl From<Malformed> for LeaseError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}
