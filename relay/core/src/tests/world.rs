//! A shell without a network: carries out every write and checks that streams are used as promised.

use crate::{
    Controls, EgressId, Grants, IngressId, JoinParams, KindSet, PushOutcome, Session, SessionLimits,
    SubjectId, Timestamp, Wake, Write, WriteRoom,
};
use bytes::Bytes;
use isi_wire::{
    Audience, ClientMessage, CloseCode, DeliveryClass, FrameBuffer, GroupHeader, Incarnation, Joined,
    LogEntry, LogUpload, ParticipantId, RelayMessage, RequestId, ResetCode, StreamType, TrackAlias, TrackId,
    TrackKind,
};
use std::collections::{BTreeMap, VecDeque};

pub(super) const INCARNATION: Incarnation = Incarnation([7; 16]);
pub(super) const NO_MEDIA: WriteRoom = WriteRoom::URGENT;

pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Timestamp,
    pub(super) inboxes: BTreeMap<ParticipantId, Inbox>,
    next_request: u32,
}

/// What one participant's connection has carried.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) control: Vec<RelayMessage>,
    pub(super) log: Vec<LogEntry>,
    log_head: Bytes,
    pub(super) datagrams: Vec<Bytes>,
    pub(super) streams: BTreeMap<EgressId, Stream>,
    pub(super) stopped: Vec<(IngressId, ResetCode)>,
    pub(super) closed: Option<CloseCode>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) header: GroupHeader,
    pub(super) bytes: Vec<u8>,
    pub(super) end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finish,
    Reset(ResetCode),
    /// By the receiver.
    Stopped,
}

pub(super) fn id(n: u64) -> ParticipantId {
    ParticipantId(n)
}

pub(super) fn grants() -> Grants {
    Grants {
        publish: KindSet::all(),
        subscribe: KindSet::all(),
        controls: Controls::ALL,
        tracks_max: 64,
        bits_per_second_max: None,
    }
}

pub(super) fn viewer() -> Grants {
    Grants { controls: Controls::NONE, ..grants() }
}

pub(super) fn params(n: u64) -> JoinParams {
    let subject = SubjectId([u8::try_from(n % 251).unwrap(); 32]);
    JoinParams { participant: id(n), subject, grants: grants(), expires_in_s: 600, resume: None }
}

pub(super) fn class_of(kind: TrackKind) -> DeliveryClass {
    match kind {
        TrackKind::Input => DeliveryClass::Input,
        TrackKind::Audio | TrackKind::Pointer => DeliveryClass::Live,
        TrackKind::Screen | TrackKind::Video => DeliveryClass::Media,
        TrackKind::Document => DeliveryClass::Bulk,
        TrackKind::Message => DeliveryClass::Log,
    }
}

pub(super) fn header_bytes(header: GroupHeader) -> Bytes {
    let mut out = Vec::new();
    header.encode(&mut out);
    out.into()
}

impl World {
    pub(super) fn new(limits: SessionLimits) -> Self {
        let session = Session::new(INCARNATION, limits);
        Self { session, now: Timestamp(1), inboxes: BTreeMap::new(), next_request: 0 }
    }

    /// A session with default limits and participants 1 to `count`, who have heard of each other.
    pub(super) fn with(count: u64) -> Self {
        let mut world = Self::new(SessionLimits::default());
        (1..=count).for_each(|n| drop(world.join(params(n))));
        (1..=count).for_each(|n| world.pull(n));
        world.inboxes.values_mut().for_each(|inbox| inbox.control.clear());
        world
    }

    pub(super) fn join(&mut self, params: JoinParams) -> Joined {
        let participant = params.participant;
        let joined = self.session.join(self.now, params).unwrap();
        self.inboxes.insert(participant, Inbox::default());
        joined
    }

    pub(super) fn later_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_deadline(self.now);
            assert!(self.session.next_deadline().is_none_or(|next| next > due), "a deadline that stays due");
        }
        self.now = end;
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    pub(super) fn control(&mut self, from: u64, message: ClientMessage) {
        self.session.handle_control(self.now, id(from), message).unwrap();
    }

    pub(super) fn upload(&mut self, from: u64, upload: LogUpload) {
        self.session.handle_log(self.now, id(from), upload).unwrap();
    }

    /// Publishes and returns the answer.
    pub(super) fn try_publish(
        &mut self,
        from: u64,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> RelayMessage {
        let request = self.request();
        let track = TrackId(request.0);
        self.control(from, ClientMessage::Publish { request, track, kind, class, audience });
        self.answer(from, request)
    }

    pub(super) fn publish(&mut self, from: u64, kind: TrackKind, audience: Audience) -> TrackAlias {
        match self.try_publish(from, kind, class_of(kind), audience) {
            RelayMessage::Published { alias, .. } => alias,
            other => panic!("not published: {other:?}"),
        }
    }

    pub(super) fn subscribe(&mut self, who: u64, alias: TrackAlias) {
        let request = self.request();
        self.control(who, ClientMessage::Subscribe { request, alias });
        assert_eq!(self.answer(who, request), RelayMessage::Done { request });
    }

    /// A screen track of participant 1 that all others receive.
    pub(super) fn screen(&mut self) -> TrackAlias {
        let alias = self.publish(1, TrackKind::Screen, Audience::Everyone);
        let others: Vec<_> = self.inboxes.keys().filter(|who| **who != id(1)).map(|who| who.0).collect();
        others.into_iter().for_each(|who| self.subscribe(who, alias));
        self.pull(1);
        self.inboxes.get_mut(&id(1)).unwrap().control.clear();
        alias
    }

    /// The answer to a request; everything before it is kept in the inbox.
    pub(super) fn answer(&mut self, who: u64, request: RequestId) -> RelayMessage {
        self.pull_with(who, NO_MEDIA);
        let control = &self.inboxes[&id(who)].control;
        let is_answer = |message: &&RelayMessage| match message {
            RelayMessage::Done { request: r }
            | RelayMessage::Refused { request: r, .. }
            | RelayMessage::Published { request: r, .. }
            | RelayMessage::Appended { request: r, .. } => *r == request,
            _ => false,
        };
        control.iter().rfind(is_answer).expect("every request is answered").clone()
    }

    pub(super) fn open(
        &mut self,
        from: u64,
        alias: TrackAlias,
        class: DeliveryClass,
        group: u64,
    ) -> IngressId {
        let header = GroupHeader { alias, group, class, offset: 0 };
        self.session.open_group(self.now, id(from), header, header_bytes(header)).unwrap()
    }

    pub(super) fn open_media(&mut self, alias: TrackAlias, group: u64) -> IngressId {
        self.open(1, alias, DeliveryClass::Media, group)
    }

    pub(super) fn push(&mut self, ingress: IngressId, len: usize) {
        assert_eq!(self.try_push(ingress, len), PushOutcome::Accepted);
    }

    pub(super) fn push_all(&mut self, ingress: IngressId, lens: &[usize]) {
        assert_eq!(self.push_batch(ingress, lens), (PushOutcome::Accepted, 0));
    }

    pub(super) fn try_push(&mut self, ingress: IngressId, len: usize) -> PushOutcome {
        self.push_batch(ingress, &[len]).0
    }

    /// Pushes chunks of these lengths at once. Returns how many did not fit as well.
    pub(super) fn push_batch(&mut self, ingress: IngressId, lens: &[usize]) -> (PushOutcome, usize) {
        let mut chunks: VecDeque<_> = lens.iter().map(|len| Bytes::from(vec![0xc5; *len])).collect();
        let outcome = self.session.push_chunks(self.now, ingress, &mut chunks);
        assert_eq!(
            outcome == PushOutcome::Full,
            !chunks.is_empty() && !matches!(outcome, PushOutcome::Stop(_))
        );
        (outcome, chunks.len())
    }

    pub(super) fn finish(&mut self, ingress: IngressId) {
        self.session.finish_group(self.now, ingress);
    }

    /// Carries out everything that waits for `who`.
    pub(super) fn pull(&mut self, who: u64) {
        self.pull_with(who, WriteRoom::ALL);
    }

    pub(super) fn pull_with(&mut self, who: u64, room: WriteRoom) {
        while self.pull_one(who, room).is_some() {}
    }

    pub(super) fn pull_one(&mut self, who: u64, room: WriteRoom) -> Option<Write> {
        // What is left over from another turn is no part of this one.
        let mut chunks = vec![Bytes::from_static(b"left over")];
        let write = self.session.next_write(self.now, id(who), room, &mut chunks)?;
        self.inboxes.entry(id(who)).or_default().carry_out(write.clone(), chunks);
        if let Write::Stream { egress, opens: true, .. } = write {
            self.assert_nothing_was_passed(who, egress);
        }
        Some(write)
    }

    /// A group begins only when those in transfer before it have nothing to write.
    fn assert_nothing_was_passed(&self, who: u64, begins: EgressId) {
        let header = self.inboxes[&id(who)].streams[&begins].header;
        let receiver = self.session.peers.key(id(who)).unwrap();
        let Some(lane) = self.session.peers.all[receiver].lanes.get(&header.alias) else { return };
        let in_transfer = self.session.peers.lanes[*lane].egresses.iter().filter(|key| **key != begins.0);
        for egress in in_transfer.map(|key| &self.session.egresses[*key]).filter(|egress| egress.opened) {
            assert!(!egress.has_next(&self.session.groups[egress.group]), "{header:?} began too early");
        }
    }

    pub(super) fn wakes(&mut self) -> Vec<Wake> {
        let mut wakes = Vec::new();
        self.session.drain_wakeups(&mut wakes);
        wakes.sort();
        wakes
    }

    pub(super) fn told(&mut self, who: u64) -> Vec<RelayMessage> {
        self.pull_with(who, NO_MEDIA);
        std::mem::take(&mut self.inboxes.get_mut(&id(who)).unwrap().control)
    }

    pub(super) fn stream(&self, who: u64, group: u64) -> &Stream {
        let streams = self.inboxes[&id(who)].streams.values();
        streams.into_iter().find(|stream| stream.header.group == group).expect("the group was opened")
    }

    pub(super) fn resident(&self) -> usize {
        self.session.stats().resident_bytes
    }
}

impl Inbox {
    fn carry_out(&mut self, write: Write, chunks: Vec<Bytes>) {
        assert_eq!(self.closed, None, "nothing after Close");
        match write {
            Write::Control(message) => self.control.push(message),
            // A Welcome comes in two pieces.
            Write::Log(bytes) => {
                let mut frames = FrameBuffer::new(isi_wire::limits::WELCOME_BYTES_MAX + 64);
                frames.push(&[&self.log_head[..], &bytes].concat());
                match frames.next_frame().unwrap() {
                    Some(frame) => self.log.push(LogEntry::decode(frame).unwrap()),
                    None => return self.log_head = bytes,
                }
                assert!(frames.is_empty());
                self.log_head = Bytes::new();
            }
            Write::Datagram(bytes) => self.datagrams.push(bytes),
            Write::StopIngress { ingress, code } => self.stopped.push((ingress, code)),
            Write::Close(code) => self.closed = Some(code),
            Write::Stream { egress, class, opens, bytes, finishes } => {
                let mut chunks = chunks.into_iter();
                if opens {
                    let mut header = chunks.next().expect("the header comes first");
                    assert_eq!(StreamType::decode(&mut header), Ok(StreamType::Group));
                    let header = GroupHeader::decode(&mut header).unwrap();
                    let is_older = |other: &Stream| {
                        other.header.alias != header.alias || other.header.group < header.group
                    };
                    assert!(
                        class != DeliveryClass::Media || self.streams.values().all(is_older),
                        "newer each time"
                    );
                    let stream = Stream { header, bytes: Vec::new(), end: None };
                    assert!(self.streams.insert(egress, stream).is_none(), "opened once");
                }
                let stream = self.live_stream(egress);
                assert_eq!(stream.header.class, class);
                let before = stream.bytes.len();
                chunks.for_each(|chunk| stream.bytes.extend_from_slice(&chunk));
                assert_eq!(stream.bytes.len() - before, bytes);
                assert!(opens || bytes > 0 || finishes, "nothing to do");
                stream.end = finishes.then_some(End::Finish);
            }
            Write::Reset { egress, code } => self.live_stream(egress).end = Some(End::Reset(code)),
        }
    }

    pub(super) fn live_stream(&mut self, egress: EgressId) -> &mut Stream {
        let stream = self.streams.get_mut(&egress).expect("opened before");
        assert_eq!(stream.end, None, "nothing after Finish or Reset");
        stream
    }
}
