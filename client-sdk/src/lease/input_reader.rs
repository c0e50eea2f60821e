use super::{Lease, Prologue};
use crate::command::Command;
use crate::event::Refused;
use crate::handle::{Notice, Shared};
use crate::inbox::Inbox;
use crate::payload::{InputMessage, input_batch};
use crate::track::ObjectOpener;
use crate::transport::{IncomingGroup, NextObject};
use bytes::Bytes;
use isi_e2ee::{Expected, InputRefused, Opener, PrivateKeys, Transport};
use isi_wire::{ObjectHeader, TrackId, TrackKind};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Streams of the driver's input track, with the track's id.
pub(crate) type InputStreams = Inbox<(TrackId, IncomingGroup)>;

/// Reads and opens what the driver of a lease sends. Judges nothing: that is the lease's.
#[derive(Debug)]
pub(super) struct InputReader {
    shared: Arc<Shared>,
    lease: Lease,
    streams: InputStreams,
    current: Option<InputStream>,
    /// Read, and not dealt with yet: a dropped call loses nothing.
    unopened: Option<Bytes>,
    /// Of the newest object, not handed out yet.
    events: VecDeque<InputMessage>,
    agreeing: Option<Prologue>,
}

#[derive(Debug)]
struct InputStream {
    track: TrackId,
    group: IncomingGroup,
    prologues: ObjectOpener,
    private: Option<ObjectOpener>,
}

impl InputReader {
    pub(super) const fn new(shared: Arc<Shared>, lease: Lease, streams: InputStreams) -> Self {
        Self {
            shared,
            lease,
            streams,
            current: None,
            unopened: None,
            events: VecDeque::new(),
            agreeing: None,
        }
    }

    /// The next event that is the driver's. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<InputMessage, Refused> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(prologue) = self.agreeing {
                let keys = self.accept(prologue).await;
                self.agreeing = None;
                self.use_keys(&keys.ok_or(Refused::UnknownConversation)?);
            }
            let object = self.next_object().await;
            let opened = self.open(object).await;
            self.unopened = None;
            match opened? {
                Plaintext::Events(events) => self.events = events,
                Plaintext::Prologue(prologue) => self.agreeing = Some(prologue),
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.streams.close();
        self.events.clear();
        self.current = None;
    }

    async fn open(&mut self, object: Bytes) -> Result<Plaintext, Refused> {
        let expected = Expected { group: Some(self.lease.terms.generation), transport: Transport::Stream };
        let stream = self.current.as_mut().ok_or(Refused::UnexpectedStream)?;
        if is_private(&object) {
            let opener = stream.private.as_mut().ok_or(Refused::UnknownConversation)?;
            let opened = opener.open(expected, object).await?;
            return Ok(Plaintext::Events(input_batch(&opened.plaintext)?));
        }
        let opened = stream.prologues.open(expected, object).await?;
        let prologue = Prologue::decode(&opened.plaintext)?;
        if prologue.lease == self.lease.id.0 {
            Ok(Plaintext::Prologue(prologue))
        } else {
            Err(Refused::Input(InputRefused::NoLease))
        }
    }

    async fn accept(&self, prologue: Prologue) -> Option<PrivateKeys> {
        let (reply, answer) = oneshot::channel();
        let commands = self.shared.commands.upgrade()?;
        commands.send(Command::AcceptInput { prologue, reply }).await.ok()?;
        answer.await.ok()?
    }

    fn use_keys(&mut self, keys: &PrivateKeys) {
        if let Some(stream) = &mut self.current {
            let opener = Opener::private(&self.shared.keyring(), stream.track, TrackKind::Input, keys);
            stream.private = Some(ObjectOpener::new(Arc::clone(&self.shared), opener));
        }
    }

    /// The next object of the driver's stream, kept in `unopened` until it is dealt with. Cancel safe.
    async fn next_object(&mut self) -> Bytes {
        loop {
            if let Some(object) = self.unopened.clone() {
                return object;
            }
            let Some(stream) = &mut self.current else {
                match self.streams.next().await {
                    Some((track, group)) => self.current = self.begin(track, group),
                    // The end says itself why.
                    None => std::future::pending().await,
                }
                continue;
            };
            match stream.group.next().await {
                NextObject::Object(object) => self.unopened = Some(object),
                NextObject::Finished => self.current = None,
                NextObject::Cut => {
                    self.current = None;
                    self.shared.notice(Notice::InputCut(self.lease.id.0));
                }
            }
        }
    }

    /// `None` for a stream of another lease.
    fn begin(&self, track: TrackId, group: IncomingGroup) -> Option<InputStream> {
        if group.header.group != self.lease.terms.generation {
            self.shared.refused(self.lease.driver, Refused::UnexpectedStream);
            return None;
        }
        let opener = Opener::new(&self.shared.keyring(), self.lease.driver.leaf, track, TrackKind::Input);
        let prologues = ObjectOpener::new(Arc::clone(&self.shared), opener);
        Some(InputStream { track, group, prologues, private: None })
    }
}

enum Plaintext {
    Prologue(Prologue),
    Events(VecDeque<InputMessage>),
}

/// A claim only: with the wrong opener the object does not open.
fn is_private(object: &Bytes) -> bool {
    ObjectHeader::decode(&mut object.clone()).is_ok_and(|header| header.private)
}
