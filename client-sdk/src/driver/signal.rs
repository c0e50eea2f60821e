//! Plaintexts of the message track: texts, and what members tell each other so that leases and private messages work.

use super::sharing::SHARED_BYTES_MAX;
use crate::lease::LeaseRefusal;
use crate::payload::{PayloadError, Reader, TEXT_BYTES_MAX, TextMessage};
use isi_e2ee::RECORD_ENTRY_BYTES_MAX;
use isi_wire::{ParticipantId, TrackId};
use zeroize::Zeroizing;

/// Longest signed lease or lease end; ours have some 250 bytes.
const SIGNED_BYTES_MAX: usize = 1024;

/// Longest entry of the session record, with its salt.
const RECORD_BYTES_MAX: usize = 32 + RECORD_ENTRY_BYTES_MAX;

/// Names a private conversation in one direction.
pub(super) type ConversationId = [u8; 16];

/// One plaintext of a message track, sealed with the group's keys.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Signal {
    /// A text to all.
    Text(TextMessage),
    /// Which connection is mine.
    Announce(ParticipantId),
    /// Directed: may I drive you?
    LeaseRequest,
    /// A signed lease.
    LeaseGrant(Vec<u8>),
    /// A signed end of a lease.
    LeaseEnd(Vec<u8>),
    /// Directed: no, you may not drive me.
    LeaseRefused(LeaseRefusal),
    /// Directed: somebody else shall go on driving you by this lease of mine.
    LeaseHandOver { lease: [u8; 16], to: u16 },
    /// Directed: I want to write to you in private; give me a key.
    PrivateOffer(ConversationId),
    /// Directed: here it is.
    PrivateAnswer { conversation: ConversationId, public_key: [u8; 32] },
    /// Directed: these keys I use for what follows on this track.
    PrivateOpen { conversation: ConversationId, epoch: u64, enc: [u8; 32], track: TrackId },
    /// Directed: I have read this one.
    PrivateAck { conversation: ConversationId, number: u64 },
    /// An entry of the session record.
    Record(Vec<u8>),
}

/// What a private object of a conversation holds. Numbers tell a repeated one from a new one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PrivateMessage {
    pub(super) number: u64,
    pub(super) content: PrivateContent,
}

/// What one member says to another alone.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PrivateContent {
    /// People's.
    Text(TextMessage),
    /// What organizers share, with secrets in it.
    Shared(Zeroizing<Vec<u8>>),
}

impl Signal {
    const TEXT: u8 = 1;
    const ANNOUNCE: u8 = 2;
    const LEASE_REQUEST: u8 = 3;
    const LEASE_GRANT: u8 = 4;
    const LEASE_END: u8 = 5;
    const PRIVATE_OFFER: u8 = 6;
    const PRIVATE_ANSWER: u8 = 7;
    const PRIVATE_OPEN: u8 = 8;
    const PRIVATE_ACK: u8 = 9;
    const LEASE_REFUSED: u8 = 20;
    const LEASE_HAND_OVER: u8 = 21;
    const RECORD: u8 = 10;

    /// Tag, then fixed fields; the last field may have any length.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Text(message) => [&[Self::TEXT][..], &put_text(message)].concat(),
            Self::Announce(participant) => [&[Self::ANNOUNCE][..], &participant.0.to_be_bytes()].concat(),
            Self::LeaseRequest => vec![Self::LEASE_REQUEST],
            Self::LeaseGrant(signed) => [&[Self::LEASE_GRANT][..], signed].concat(),
            Self::LeaseEnd(signed) => [&[Self::LEASE_END][..], signed].concat(),
            Self::LeaseRefused(refusal) => vec![Self::LEASE_REFUSED, *refusal as u8],
            Self::LeaseHandOver { lease, to } => {
                [&[Self::LEASE_HAND_OVER][..], lease, &to.to_be_bytes()].concat()
            }
            Self::PrivateOffer(conversation) => [&[Self::PRIVATE_OFFER][..], conversation].concat(),
            Self::PrivateAnswer { conversation, public_key } => {
                [&[Self::PRIVATE_ANSWER][..], conversation, public_key].concat()
            }
            Self::PrivateOpen { conversation, epoch, enc, track } => {
                [&[Self::PRIVATE_OPEN][..], conversation, &epoch.to_be_bytes(), enc, &track.0.to_be_bytes()]
                    .concat()
            }
            Self::PrivateAck { conversation, number } => {
                [&[Self::PRIVATE_ACK][..], conversation, &number.to_be_bytes()].concat()
            }
            Self::Record(message) => [&[Self::RECORD][..], message].concat(),
        }
    }

    pub(super) fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            Ok(match reader.u8()? {
                Self::TEXT => Self::Text(get_text(reader)?),
                Self::ANNOUNCE => Self::Announce(ParticipantId(reader.u64()?)),
                Self::LEASE_REQUEST => Self::LeaseRequest,
                Self::LEASE_GRANT => Self::LeaseGrant(reader.rest("lease", SIGNED_BYTES_MAX)?.to_vec()),
                Self::LEASE_END => Self::LeaseEnd(reader.rest("lease end", SIGNED_BYTES_MAX)?.to_vec()),
                Self::LEASE_REFUSED => Self::LeaseRefused(get_refusal(reader)?),
                Self::LEASE_HAND_OVER => Self::LeaseHandOver { lease: reader.array()?, to: reader.u16()? },
                Self::PRIVATE_OFFER => Self::PrivateOffer(reader.array()?),
                Self::PRIVATE_ANSWER => {
                    Self::PrivateAnswer { conversation: reader.array()?, public_key: reader.array()? }
                }
                Self::PRIVATE_OPEN => Self::PrivateOpen {
                    conversation: reader.array()?,
                    epoch: reader.u64()?,
                    enc: reader.array()?,
                    track: TrackId(reader.u32()?),
                },
                Self::PRIVATE_ACK => {
                    Self::PrivateAck { conversation: reader.array()?, number: reader.u64()? }
                }
                Self::RECORD => Self::Record(reader.rest("record entry", RECORD_BYTES_MAX)?.to_vec()),
                value => return Err(PayloadError::InvalidValue { field: "signal", value: u64::from(value) }),
            })
        })
    }
}

impl PrivateMessage {
    const TEXT: u8 = 1;
    const SHARED: u8 = 2;

    /// Number, tag, then the content.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let (tag, body) = match &self.content {
            PrivateContent::Text(message) => (Self::TEXT, Zeroizing::new(put_text(message))),
            PrivateContent::Shared(shared) => (Self::SHARED, shared.clone()),
        };
        let mut out = Zeroizing::new(Vec::with_capacity(9 + body.len()));
        out.extend_from_slice(&self.number.to_be_bytes());
        out.push(tag);
        out.extend_from_slice(&body);
        out
    }

    pub(super) fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            let number = reader.u64()?;
            let content = match reader.u8()? {
                Self::TEXT => PrivateContent::Text(get_text(reader)?),
                Self::SHARED => {
                    let shared = reader.rest("shared", SHARED_BYTES_MAX)?;
                    PrivateContent::Shared(Zeroizing::new(shared.to_vec()))
                }
                value => {
                    return Err(PayloadError::InvalidValue {
                        field: "private message",
                        value: u64::from(value),
                    });
                }
            };
            Ok(Self { number, content })
        })
    }
}

fn put_text(message: &TextMessage) -> Vec<u8> {
    [&message.at_us.to_be_bytes()[..], message.text.as_bytes()].concat()
}

fn get_refusal(reader: &mut Reader<'_>) -> Result<LeaseRefusal, PayloadError> {
    let value = reader.u8()?;
    let refused = PayloadError::InvalidValue { field: "lease refusal", value: u64::from(value) };
    LeaseRefusal::from_byte(value).ok_or(refused)
}

fn get_text(reader: &mut Reader<'_>) -> Result<TextMessage, PayloadError> {
    TextMessage::decode(reader.rest("text", 8 + TEXT_BYTES_MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals() -> Vec<Signal> {
        let conversation = [7; 16];
        vec![
            Signal::Text(TextMessage { text: "hello".to_owned(), at_us: 9 }),
            Signal::Announce(ParticipantId(u64::MAX)),
            Signal::LeaseRequest,
            Signal::LeaseGrant(vec![1; 200]),
            Signal::LeaseEnd(vec![2; 100]),
            Signal::LeaseRefused(LeaseRefusal::Declined),
            Signal::LeaseRefused(LeaseRefusal::NotSharing),
            Signal::LeaseHandOver { lease: conversation, to: 513 },
            Signal::PrivateOffer(conversation),
            Signal::PrivateAnswer { conversation, public_key: [3; 32] },
            Signal::PrivateOpen { conversation, epoch: 5, enc: [4; 32], track: TrackId(6) },
            Signal::PrivateAck { conversation, number: 8 },
            Signal::Record(vec![3; 300]),
        ]
    }

    #[test]
    fn every_signal_comes_back() {
        for signal in signals() {
            assert!(Signal::decode(&signal.encode()) == Ok(signal));
        }
    }

    #[test]
    fn every_private_message_comes_back() {
        let text = PrivateContent::Text(TextMessage { text: "psst".to_owned(), at_us: 9 });
        let shared = PrivateContent::Shared(Zeroizing::new(vec![1, 2, 3]));
        for content in [text, shared] {
            let message = PrivateMessage { number: 4, content };
            assert!(PrivateMessage::decode(&message.encode()) == Ok(message));
        }
    }

    #[test]
    fn cut_signals_are_never_taken_for_whole_ones() {
        for signal in signals() {
            let bytes = signal.encode();
            for cut in 0..bytes.len() {
                assert!(Signal::decode(&bytes[..cut]) != Ok(signal.clone()));
            }
        }
        assert!(Signal::decode(&[99]) == Err(PayloadError::InvalidValue { field: "signal", value: 99 }));
    }
}
