use super::requests::{answer, nobody};
use super::signal::Signal;
use super::state::State;
use crate::MemberId;
use crate::command::Reply;
use crate::error::{Disconnected, SendError};
use crate::event::{Event, Refused, TextReceived};
use crate::payload::{TEXT_BYTES_MAX, TextMessage, TextTooLong};
use bytes::Bytes;
use isi_e2ee::{
    Expected, Keyring, LeafIndex, MonotonicMs, OpenError, Opened, Opener, SealError, SealMeta, Sealer,
    SealerError, Transport,
};
use isi_wire::{Audience, LogEntry, ObjectHeader, ParticipantId, TrackId, TrackKind};
use std::collections::HashMap;

/// Every member's message track: what it says in the log, and the one track that needs no announcement.
pub(super) const MESSAGE_TRACK: TrackId = TrackId(1);
/// All of it is one media group; the log has its own order.
pub(super) const MESSAGE_META: SealMeta = SealMeta { group: 0, keyframe: false };
pub(super) const MESSAGE_EXPECTED: Expected = Expected { group: Some(0), transport: Transport::Log };

/// The message tracks: one's own, and everybody else's.
#[derive(Debug)]
pub(super) struct Messages {
    keyring: Keyring,
    sealer: Sealer,
    openers: HashMap<LeafIndex, Opener>,
}

impl Messages {
    pub(super) fn new(keyring: &Keyring) -> Result<Self, SealerError> {
        let sealer = Sealer::new(keyring, MESSAGE_TRACK, TrackKind::Message)?;
        Ok(Self { keyring: keyring.clone(), sealer, openers: HashMap::new() })
    }

    pub(super) fn seal(&mut self, now: MonotonicMs, plaintext: &[u8]) -> Result<Bytes, SealError> {
        self.sealer.seal(now, MESSAGE_META, plaintext)
    }

    fn open(&mut self, now: MonotonicMs, leaf: LeafIndex, object: Bytes) -> Result<Opened, OpenError> {
        let opener = self
            .openers
            .entry(leaf)
            .or_insert_with(|| Opener::new(&self.keyring, leaf, MESSAGE_TRACK, TrackKind::Message));
        opener.open(now, MESSAGE_EXPECTED, object)
    }

    /// The leaf may become somebody else's.
    pub(super) fn forget(&mut self, leaf: LeafIndex) {
        self.openers.remove(&leaf);
    }
}

impl State {
    pub(super) fn send_text(&mut self, text: String, reply: Reply<(), SendError>) {
        if text.len() > TEXT_BYTES_MAX {
            let _ = reply.send(Err(TextTooLong { bytes: text.len() }.into()));
            return;
        }
        let message = TextMessage { text, at_us: crate::clock::Clock::unix_us() };
        self.append_or_fail(&Signal::Text(message), Audience::Everyone, answer(reply));
    }

    /// Tells everybody which connection is this member's.
    pub(super) fn announce(&mut self, audience: Audience) {
        self.append_or_fail(&Signal::Announce(self.participant), audience, nobody());
    }

    /// A sealed object from the log.
    ///
    /// # Errors
    /// [`Disconnected::OutOfStep`] when it shows that this member is behind.
    pub(super) fn handle_message(&mut self, entry: LogEntry) -> Result<(), Disconnected> {
        if self.record_returned(&entry.payload) {
            return Ok(());
        }
        // What one wrote oneself comes back as well, for the one order of all. That it is one's own is the relay's claim,
        // but a relay that hides a message needs no claim to do so.
        if self.is_own(entry.sender) {
            self.own_entry_read(&entry.payload);
            return Ok(());
        }
        if Self::is_heartbeat(&entry) {
            self.handle_heartbeat(&entry);
            return Ok(());
        }
        let header = match ObjectHeader::decode(&mut entry.payload.clone()) {
            Ok(header) => header,
            Err(error) => {
                self.events.refused(None, OpenError::Malformed(error));
                return Ok(());
            }
        };
        let (_, leaf, _) = header.sframe.split_key_id();
        let leaf = LeafIndex(leaf);
        let Some(from) = self.people.at(leaf) else {
            self.events.refused(None, OpenError::NotAMember(leaf));
            return Ok(());
        };
        let result = if header.private {
            self.handle_private(from, entry.payload.clone(), entry.sequence)
        } else {
            self.open_signal(leaf, entry.payload.clone())
                .map(|signal| self.handle_signal(from, signal, &entry))
        };
        match result {
            Err(Refused::Object(why)) if self.is_behind(from, why) => return Err(Disconnected::OutOfStep),
            Err(why) => self.events.refused(Some(from), why),
            Ok(()) => {}
        }
        Ok(())
    }

    fn open_signal(&mut self, leaf: LeafIndex, object: Bytes) -> Result<Signal, Refused> {
        let opened = self.messages.open(self.clock.now(), leaf, object.clone())?;
        self.events.opened(&object, &opened.plaintext);
        Ok(Signal::decode(&opened.plaintext)?)
    }

    fn handle_signal(&mut self, from: MemberId, signal: Signal, entry: &LogEntry) {
        match signal {
            Signal::Text(TextMessage { text, at_us }) => {
                self.events.send(Event::Message(TextReceived {
                    from,
                    text,
                    private: false,
                    at_us,
                    sequence: entry.sequence,
                }));
            }
            Signal::Announce(participant) => self.handle_announce(from, participant, entry),
            Signal::LeaseRequest => self.events.send(Event::LeaseRequested(from)),
            Signal::LeaseGrant(signed) => self.handle_lease_grant(from, &signed),
            Signal::LeaseEnd(signed) => self.handle_lease_end(from, &signed),
            Signal::LeaseRefused(reason) => self.events.send(Event::LeaseRefused { from, reason }),
            Signal::LeaseHandOver { lease, to } => self.handle_hand_over(from, lease, to),
            Signal::PrivateOffer(conversation) => self.handle_private_offer(from, conversation),
            Signal::PrivateAnswer { conversation, public_key } => {
                self.handle_private_answer(from, conversation, public_key);
            }
            Signal::PrivateOpen { conversation, epoch, enc, track } => {
                self.handle_private_open(from, conversation, epoch, enc, track);
            }
            Signal::PrivateAck { conversation, number } => {
                self.handle_private_ack(from, conversation, number)
            }
            Signal::Record(message) => self.handle_record(from, &message),
        }
    }

    /// The member and the relay say the same about a connection: then it is so. Who tells all is new, and told one's own.
    fn handle_announce(&mut self, from: MemberId, participant: ParticipantId, entry: &LogEntry) {
        if participant != entry.sender || !self.people.announce(from, participant) {
            return;
        }
        if !entry.directed {
            self.announce(Audience::One(participant));
        }
        self.membership.expels.found(from);
        self.events.send(Event::MemberOnline(from));
        self.share_all_with(from);
        self.show_tracks_of(participant);
        self.resume_waiting(from);
    }
}
