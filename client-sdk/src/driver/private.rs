use super::agreement::{PrivateInbox, agree};
use super::messages::{MESSAGE_EXPECTED, MESSAGE_META};
use super::requests::nobody;
use super::signal::{ConversationId, PrivateContent, PrivateMessage, Signal};
use super::state::State;
use crate::MemberId;
use crate::clock::Clock;
use crate::command::{Command, Reply};
use crate::error::SendPrivateError;
use crate::event::{Event, Refused, TextReceived};
use crate::limits::{CONVERSATIONS_MAX, PRIVATE_ACK_MS_MAX, PRIVATE_TEXTS_QUEUED_MAX};
use crate::payload::{TEXT_BYTES_MAX, TextMessage, TextTooLong};
use bytes::Bytes;
use isi_e2ee::{MonotonicMs, Opener, Sealer};
use isi_wire::{Audience, EntryKind, TrackId, TrackKind};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// Private conversations, each in one direction: whoever writes first asks for a key that lives as long as the
/// conversation. A text is sent again after a change of the membership, until its reader confirms it; numbers tell a
/// repeated one. A conversation ends with either membership, or when others push it out.
#[derive(Default)]
pub(super) struct Conversations {
    writing: Vec<Writing>,
    reading: VecDeque<Reading>,
}

/// To a member.
struct Writing {
    to: MemberId,
    id: ConversationId,
    /// Known once the reader has answered.
    public_key: Option<[u8; 32]>,
    sealer: Option<Sealer>,
    next_number: u64,
    unconfirmed: VecDeque<Unconfirmed>,
}

struct Unconfirmed {
    number: u64,
    plaintext: Zeroizing<Vec<u8>>,
    deadline: MonotonicMs,
    /// `None` for what the client itself wrote.
    reply: Option<Reply<(), SendPrivateError>>,
}

impl Unconfirmed {
    fn finish(self, result: Result<(), SendPrivateError>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(result);
        }
    }
}

/// From a member.
struct Reading {
    from: MemberId,
    id: ConversationId,
    inbox: PrivateInbox,
    opener: Option<Opener>,
    next_number: u64,
}

impl Conversations {
    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.writing.iter().flat_map(|writing| &writing.unconfirmed).map(|text| text.deadline).min()
    }

    /// Both directions end; their keys are wiped.
    pub(super) fn forget(&mut self, member: MemberId) {
        for ended in self.writing.extract_if(.., |writing| writing.to == member) {
            for text in ended.unconfirmed {
                text.finish(Err(SendPrivateError::NotAMember));
            }
        }
        self.reading.retain(|reading| reading.from != member);
    }

    /// Whether somebody has not confirmed something yet.
    pub(super) fn owe_something(&self) -> bool {
        self.writing.iter().any(|writing| !writing.unconfirmed.is_empty())
    }

    fn to(&mut self, member: MemberId, id: ConversationId) -> Option<&mut Writing> {
        self.writing.iter_mut().find(|writing| writing.to == member && writing.id == id)
    }

    fn from(&mut self, member: MemberId) -> Option<&mut Reading> {
        self.reading.iter_mut().find(|reading| reading.from == member)
    }
}

impl State {
    pub(super) fn send_private(&mut self, to: MemberId, text: String, reply: Reply<(), SendPrivateError>) {
        if text.len() > TEXT_BYTES_MAX {
            let _ = reply.send(Err(TextTooLong { bytes: text.len() }.into()));
        } else if to == self.me || !self.people.is_member(to) {
            let _ = reply.send(Err(SendPrivateError::NotAMember));
        } else if self.people.participant_of(to).is_none() {
            self.wait_for(to, Command::SendPrivate { to, text, reply });
        } else if let Err(busy) = self.check_room() {
            let _ = reply.send(Err(busy.into()));
        } else {
            let text = TextMessage { text, at_us: Clock::unix_us() };
            self.write_in_private(to, PrivateContent::Text(text), Some(reply));
        }
    }

    /// To a member whose connection is known.
    pub(super) fn write_in_private(
        &mut self,
        to: MemberId,
        content: PrivateContent,
        reply: Option<Reply<(), SendPrivateError>>,
    ) {
        match (self.conversation_with(to), reply) {
            (Some(place), reply) => self.queue_private(place, content, reply),
            (None, Some(reply)) => drop(reply.send(Err(SendPrivateError::QueueFull))),
            (None, None) => {}
        }
    }

    /// Where the conversation with a member stands; begins one, at the cost of the oldest that waits for nothing.
    fn conversation_with(&mut self, to: MemberId) -> Option<usize> {
        if let Some(place) = self.conversations.writing.iter().position(|writing| writing.to == to) {
            return Some(place);
        }
        if self.conversations.writing.len() >= CONVERSATIONS_MAX {
            let idle =
                self.conversations.writing.iter().position(|writing| writing.unconfirmed.is_empty())?;
            self.conversations.writing.remove(idle);
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id).ok()?;
        let audience = Audience::One(self.people.participant_of(to)?);
        self.append_or_fail(&Signal::PrivateOffer(id), audience, nobody());
        let writing =
            Writing { to, id, public_key: None, sealer: None, next_number: 0, unconfirmed: VecDeque::new() };
        self.conversations.writing.push(writing);
        Some(self.conversations.writing.len() - 1)
    }

    fn queue_private(
        &mut self,
        place: usize,
        content: PrivateContent,
        reply: Option<Reply<(), SendPrivateError>>,
    ) {
        let deadline = MonotonicMs(self.clock.now().0.saturating_add(PRIVATE_ACK_MS_MAX));
        let Some(writing) = self.conversations.writing.get_mut(place) else { return };
        if writing.unconfirmed.len() >= PRIVATE_TEXTS_QUEUED_MAX {
            if let Some(reply) = reply {
                let _ = reply.send(Err(SendPrivateError::QueueFull));
            }
            return;
        }
        let number = writing.next_number;
        writing.next_number += 1;
        let plaintext = PrivateMessage { number, content }.encode();
        writing.unconfirmed.push_back(Unconfirmed { number, plaintext, deadline, reply });
        self.write_private(place, number);
    }

    /// Seals and appends the unconfirmed texts from `number` on, if the reader's key is known.
    fn write_private(&mut self, place: usize, number: u64) {
        let Some(writing) = self.conversations.writing.get_mut(place) else { return };
        let (Some(sealer), Some(participant)) = (&mut writing.sealer, self.people.participant_of(writing.to))
        else {
            return;
        };
        let now = self.clock.now();
        let due = writing.unconfirmed.iter().filter(|text| text.number >= number);
        let objects: Vec<_> =
            due.filter_map(|text| sealer.seal(now, MESSAGE_META, &text.plaintext).ok()).collect();
        for object in objects {
            self.append_payload(EntryKind::Message, Audience::One(participant), object, nobody());
        }
    }

    /// Agrees on keys in the newest epoch and sends everything unconfirmed with them.
    fn open_conversation(&mut self, place: usize) {
        let Some(writing) = self.conversations.writing.get_mut(place) else { return };
        let (Some(public_key), Some(participant)) =
            (writing.public_key, self.people.participant_of(writing.to))
        else {
            return;
        };
        let Some(agreed) = agree(&self.group, writing.to.leaf, writing.id, &public_key) else { return };
        let track = self.tracks.draw_id();
        let keyring = self.group.keyring();
        let Ok(sealer) = Sealer::private(&keyring, track, TrackKind::Message, agreed.keys) else { return };
        writing.sealer = Some(sealer);
        let signal =
            Signal::PrivateOpen { conversation: writing.id, epoch: agreed.epoch, enc: agreed.enc, track };
        self.append_or_fail(&signal, Audience::One(participant), nobody());
        self.write_private(place, 0);
    }

    pub(super) fn handle_private_offer(&mut self, from: MemberId, id: ConversationId) {
        let Some(participant) = self.people.participant_of(from) else { return };
        let inbox = PrivateInbox::new(&self.group, id);
        let public_key = inbox.public_key();
        self.conversations.reading.retain(|reading| reading.from != from);
        if self.conversations.reading.len() >= CONVERSATIONS_MAX {
            self.conversations.reading.pop_front();
        }
        self.conversations.reading.push_back(Reading { from, id, inbox, opener: None, next_number: 0 });
        let answer = Signal::PrivateAnswer { conversation: id, public_key };
        self.append_or_fail(&answer, Audience::One(participant), nobody());
    }

    pub(super) fn handle_private_answer(&mut self, from: MemberId, id: ConversationId, public_key: [u8; 32]) {
        let Some(writing) = self.conversations.to(from, id).filter(|writing| writing.public_key.is_none())
        else {
            return self.events.refused(Some(from), Refused::UnknownConversation);
        };
        writing.public_key = Some(public_key);
        let place = self.conversations.writing.iter().position(|writing| writing.id == id);
        place.into_iter().for_each(|place| self.open_conversation(place));
    }

    pub(super) fn handle_private_open(
        &mut self,
        from: MemberId,
        id: ConversationId,
        epoch: u64,
        enc: [u8; 32],
        track: TrackId,
    ) {
        let keyring = self.group.keyring();
        let reading = self.conversations.from(from).filter(|reading| reading.id == id);
        // Keys of an epoch too far back come again: the writer opens anew after each change of the membership.
        let keys = reading.and_then(|reading| {
            let keys = reading.inbox.accept(&self.group, from.leaf, epoch, &enc)?;
            reading.opener = Some(Opener::private(&keyring, track, TrackKind::Message, &keys));
            Some(())
        });
        if keys.is_none() {
            self.events.refused(Some(from), Refused::UnknownConversation);
        }
    }

    /// A private object from the log.
    pub(super) fn handle_private(
        &mut self,
        from: MemberId,
        object: Bytes,
        sequence: u64,
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        let reading = self.conversations.from(from).ok_or(Refused::UnknownConversation)?;
        let opener = reading.opener.as_mut().ok_or(Refused::UnknownConversation)?;
        let opened = opener.open(now, MESSAGE_EXPECTED, object.clone())?;
        let plaintext = Zeroizing::new(opened.plaintext);
        self.events.opened(&object, &plaintext);
        let PrivateMessage { number, content } = PrivateMessage::decode(&plaintext)?;
        let is_new = number >= reading.next_number;
        let ack = Signal::PrivateAck { conversation: reading.id, number };
        if is_new {
            reading.next_number = number.saturating_add(1);
            match content {
                PrivateContent::Text(TextMessage { text, at_us }) => {
                    let text = TextReceived { from, text, private: true, at_us, sequence };
                    self.events.send(Event::Message(text));
                }
                PrivateContent::Shared(shared) => self.handle_shared(from, &shared)?,
            }
        }
        if let Some(participant) = self.people.participant_of(from) {
            self.append_or_fail(&ack, Audience::One(participant), nobody());
        }
        Ok(())
    }

    pub(super) fn handle_private_ack(&mut self, from: MemberId, id: ConversationId, number: u64) {
        let Some(writing) = self.conversations.to(from, id) else { return };
        let place = writing.unconfirmed.iter().position(|text| text.number == number);
        if let Some(text) = place.and_then(|place| writing.unconfirmed.remove(place)) {
            text.finish(Ok(()));
        }
        self.depart_if_told();
    }

    pub(super) fn expire_private_texts(&mut self, now: MonotonicMs) {
        for writing in &mut self.conversations.writing {
            // All wait equally long, so the first one is due first.
            while writing.unconfirmed.front().is_some_and(|text| now >= text.deadline)
                && let Some(late) = writing.unconfirmed.pop_front()
            {
                late.finish(Err(SendPrivateError::NotConfirmed));
            }
        }
    }

    /// The membership changed: readers learn the new PSK, and what is unconfirmed goes out again under new keys.
    pub(super) fn conversations_enter_epoch(&mut self) {
        for reading in &mut self.conversations.reading {
            reading.inbox.enter_epoch(&self.group);
        }
        for place in 0..self.conversations.writing.len() {
            if self.conversations.writing.get(place).is_some_and(|writing| !writing.unconfirmed.is_empty()) {
                self.open_conversation(place);
            }
        }
    }
}
