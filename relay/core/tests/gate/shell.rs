//! A shell that keeps its buffers, as the real one does: what is counted is the core's.

use bytes::Bytes;
use isi_relay_core::{
    Controls, Grants, IngressId, JoinParams, KindSet, PushOutcome, Session, SessionLimits, SubjectId,
    Timestamp, Wake, Write, WriteRoom,
};
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, GroupHeader, Incarnation, ParticipantId, RelayMessage, RequestId,
    TrackAlias, TrackId, TrackKind,
};
use std::collections::VecDeque;

pub(crate) const FRAME_BYTES: usize = 64 * 1024;
/// A packet's worth of stream data.
const CHUNK_BYTES: usize = 1457;
/// Chunks of a frame.
pub(crate) const CHUNKS: usize = FRAME_BYTES.div_ceil(CHUNK_BYTES);
/// Chunks that QUIC delivers at once.
const BATCH_CHUNKS: usize = 10;
const PUBLISHER: ParticipantId = ParticipantId(0);

pub(crate) struct Shell {
    session: Session,
    alias: TrackAlias,
    class: DeliveryClass,
    now: Timestamp,
    next_group: u64,
    header: Bytes,
    frame: Vec<Bytes>,
    incoming: VecDeque<Bytes>,
    outgoing: Vec<Bytes>,
    wakes: Vec<Wake>,
}

impl Shell {
    pub(crate) fn new(kind: TrackKind, class: DeliveryClass, receivers: u64) -> Self {
        let frame = Bytes::from(vec![0x5a; FRAME_BYTES]);
        let chunk = |at: usize| frame.slice(at..FRAME_BYTES.min(at + CHUNK_BYTES));
        let mut shell = Self {
            session: Session::new(Incarnation([1; 16]), SessionLimits::default()),
            alias: TrackAlias(0),
            class,
            now: Timestamp(0),
            next_group: 1,
            header: Bytes::from_static(b"stream type and header"),
            frame: (0..FRAME_BYTES).step_by(CHUNK_BYTES).map(chunk).collect(),
            incoming: VecDeque::new(),
            outgoing: Vec::new(),
            wakes: Vec::new(),
        };
        (0..=receivers).for_each(|n| shell.join(ParticipantId(n)));
        let (request, track, audience) = (RequestId(1), TrackId(1), Audience::Everyone);
        shell.say(PUBLISHER, ClientMessage::Publish { request, track, kind, class, audience });
        shell.alias = shell.published();
        for n in 1..=receivers {
            shell.say(ParticipantId(n), ClientMessage::Subscribe { request, alias: shell.alias });
        }
        shell.serve(|_, _| {});
        shell
    }

    /// The frame, cut as QUIC cuts it.
    pub(crate) fn frame(&self) -> &[Bytes] {
        &self.frame
    }

    pub(crate) fn open(&mut self) -> IngressId {
        let header = GroupHeader { alias: self.alias, group: self.next_group, class: self.class, offset: 0 };
        self.next_group += 1;
        self.session.open_group(self.now, PUBLISHER, header, self.header.clone()).unwrap()
    }

    pub(crate) fn finish(&mut self, ingress: IngressId) {
        self.session.finish_group(self.now, ingress);
        self.serve(|_, _| {});
    }

    /// One frame from its first chunk in to its last chunk out. `seen` gets what each receiver is given.
    pub(crate) fn forward(&mut self, ingress: IngressId, mut seen: impl FnMut(ParticipantId, &[Bytes])) {
        for batch in 0..CHUNKS.div_ceil(BATCH_CHUNKS) {
            let chunks = self.frame.iter().skip(batch * BATCH_CHUNKS).take(BATCH_CHUNKS);
            self.incoming.extend(chunks.cloned());
            let outcome = self.session.push_chunks(self.now, ingress, &mut self.incoming);
            assert_eq!(outcome, PushOutcome::Accepted);
            self.serve(&mut seen);
        }
    }

    /// One datagram from the sender to everybody. Returns how many got it.
    pub(crate) fn forward_datagram(&mut self) -> u64 {
        let datagram = self.header.clone();
        self.session.push_datagram(self.now, PUBLISHER, self.alias, datagram).unwrap();
        let before = self.session.stats().bytes_out;
        self.serve(|_, _| {});
        (self.session.stats().bytes_out - before) / self.header.len() as u64
    }

    /// Everybody who was woken takes all there is.
    fn serve(&mut self, mut seen: impl FnMut(ParticipantId, &[Bytes])) {
        self.session.drain_wakeups(&mut self.wakes);
        for wake in self.wakes.drain(..) {
            let Wake::Writer(to) = wake else { continue };
            while let Some(write) = self.session.next_write(self.now, to, WriteRoom::ALL, &mut self.outgoing)
            {
                if let Write::Stream { opens, .. } = write {
                    seen(to, &self.outgoing[usize::from(opens)..]);
                }
            }
        }
    }

    fn join(&mut self, participant: ParticipantId) {
        let grants = Grants {
            publish: KindSet::all(),
            subscribe: KindSet::all(),
            controls: Controls::NONE,
            tracks_max: 1,
            bits_per_second_max: None,
        };
        let subject = SubjectId([1; 32]);
        let params = JoinParams { participant, subject, grants, expires_in_s: 600, resume: None };
        self.session.join(self.now, params).unwrap();
    }

    fn say(&mut self, from: ParticipantId, message: ClientMessage) {
        self.session.handle_control(self.now, from, message).unwrap();
    }

    fn published(&mut self) -> TrackAlias {
        let next = || self.session.next_write(self.now, PUBLISHER, WriteRoom::ALL, &mut self.outgoing);
        let published = std::iter::from_fn(next).find_map(|write| match write {
            Write::Control(RelayMessage::Published { alias, .. }) => Some(alias),
            _ => None,
        });
        published.unwrap()
    }
}
