//! Random sequences of calls: whatever happens, the books balance and every stream ends once.

use super::books::check;
use super::world::{End, World, class_of, grants, header_bytes, id, params};
use crate::group::Egress;
use crate::{
    ClassBudget, EgressId, Grants, IngressId, JoinParams, PathReport, PushOutcome, SessionLimits, WriteRoom,
};
use bytes::Bytes;
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, EntryKind, GroupHeader, LeaveReason, LogPosition, LogUpload,
    RelayMessage, ResetCode, TrackAlias, TrackId, TrackKind, Welcome,
};
use std::collections::VecDeque;

/// xorshift64*: enough to reach corners, and the same on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let len = u64::try_from(from.len()).unwrap();
        (len > 0).then(|| from[usize::try_from(self.below(len)).unwrap()])
    }

    fn bytes(&mut self, max: u64) -> Bytes {
        vec![0xc5; usize::try_from(1 + self.below(max)).unwrap()].into()
    }
}

struct Run {
    world: World,
    rng: Rng,
    open: Vec<IngressId>,
    next_participant: u64,
    next_group: u64,
}

fn tight() -> SessionLimits {
    SessionLimits {
        participants_max: 8,
        tracks_max: 12,
        tracks_per_participant_max: 4,
        groups_per_track_max: 4,
        superseded_ms_min: 20,
        control_messages_max: 64,
        resident_bytes_max: 6_000,
        resident_bytes_per_publisher_max: 4_000,
        waiting_bytes_per_receiver_max: 3_000,
        input: ClassBudget { bytes_max: 300, ms_max: 50 },
        live: ClassBudget { bytes_max: 200, ms_max: 20 },
        media: ClassBudget { bytes_max: 2_000, ms_max: 60 },
        bulk: ClassBudget { bytes_max: 1_500, ms_max: 100 },
        log_recent: ClassBudget { bytes_max: 1_000, ms_max: 200 },
        log_receiver_bytes_max: 500,
        welcomes: ClassBudget { bytes_max: 600, ms_max: 150 },
        ..SessionLimits::default()
    }
}

impl Run {
    fn new(seed: u64) -> Self {
        let world = World::new(tight());
        Self { world, rng: Rng(seed), open: Vec::new(), next_participant: 1, next_group: 1 }
    }

    fn someone(&mut self) -> u64 {
        let present: Vec<_> = self.world.session.peers.everyone().map(|(_, peer)| peer.id.0).collect();
        self.rng.pick(&present).unwrap_or(0)
    }

    fn some_track(&mut self) -> Option<(u64, TrackAlias, DeliveryClass)> {
        let tracks = self.world.session.tracks.iter().filter(|track| !track.ending);
        let tracks: Vec<_> = tracks.map(|track| (track.publisher_id.0, track.alias, track.class)).collect();
        self.rng.pick(&tracks)
    }

    fn audience(&mut self) -> Audience {
        match self.rng.below(4) {
            0 => Audience::One(id(self.someone())),
            1 => Audience::Organizers,
            _ => Audience::Everyone,
        }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..4 => self.join(),
            4..6 => self.leave(),
            6..12 => self.publish(),
            12..14 => self.unpublish(),
            14..26 => self.subscribe(),
            26..29 => self.unsubscribe(),
            29..38 => self.open_group(),
            38..62 => self.push(),
            62..67 => self.end_group(),
            67..72 => self.datagram(),
            72..78 => self.append(),
            78..79 => self.stop_stream(),
            79..80 => self.hold_or_release(),
            80..86 => self.wait(),
            86..88 => self.measured(),
            _ => self.pull(),
        }
    }

    fn join(&mut self) {
        let n = self.next_participant;
        self.next_participant += 1;
        let rate = (self.rng.below(3) == 0).then_some(8 * 50_000);
        let resume = (self.rng.below(2) == 0).then(|| (super::world::INCARNATION, self.rng.below(20)));
        let grants = Grants { bits_per_second_max: rate, ..grants() };
        let subject = params(n % 6).subject;
        let joined =
            self.world.session.join(self.world.now, JoinParams { grants, resume, subject, ..params(n) });
        if joined.is_ok() {
            self.world.inboxes.insert(id(n), super::world::Inbox::default());
        }
    }

    fn leave(&mut self) {
        let who = self.someone();
        match self.rng.below(4) {
            0 => self.world.control(who, ClientMessage::Leave),
            1 if self.rng.below(4) == 0 => {
                let (request, by) = (self.world.request(), self.someone());
                self.world.control(by, ClientMessage::Kick { request, participant: id(who) });
                self.world.session.barred.clear();
            }
            _ => self.gone(who),
        }
    }

    fn gone(&mut self, who: u64) {
        self.world.session.leave(self.world.now, id(who), LeaveReason::Lost);
        self.world.inboxes.remove(&id(who));
    }

    fn publish(&mut self) {
        let (from, request) = (self.someone(), self.world.request());
        let Some(kind) = self.rng.pick(TrackKind::ALL) else { return };
        let audience =
            if kind == TrackKind::Input { Audience::One(id(self.someone())) } else { self.audience() };
        let (track, class) = (TrackId(request.0), class_of(kind));
        self.world.control(from, ClientMessage::Publish { request, track, kind, class, audience });
    }

    fn unpublish(&mut self) {
        if let Some((from, alias, _)) = self.some_track() {
            self.world.control(from, ClientMessage::Unpublish { alias });
        }
    }

    fn subscribe(&mut self) {
        if let Some((_, alias, _)) = self.some_track() {
            let (request, who) = (self.world.request(), self.someone());
            self.world.control(who, ClientMessage::Subscribe { request, alias });
        }
    }

    fn unsubscribe(&mut self) {
        if let Some((_, alias, _)) = self.some_track() {
            let who = self.someone();
            self.world.control(who, ClientMessage::Unsubscribe { alias });
        }
    }

    fn open_group(&mut self) {
        let Some((from, alias, class)) = self.some_track() else { return };
        self.next_group += 1;
        let header = GroupHeader { alias, group: self.next_group, class, offset: 0 };
        let opened = self.world.session.open_group(self.world.now, id(from), header, header_bytes(header));
        self.open.extend(opened.ok());
    }

    fn push(&mut self) {
        let Some(ingress) = self.rng.pick(&self.open) else { return };
        let mut chunks: VecDeque<_> = (0..self.rng.below(4)).map(|_| self.rng.bytes(200)).collect();
        let outcome = self.world.session.push_chunks(self.world.now, ingress, &mut chunks);
        if let PushOutcome::Stop(_) = outcome {
            self.open.retain(|other| *other != ingress);
        }
    }

    fn end_group(&mut self) {
        let Some(ingress) = self.rng.pick(&self.open) else { return };
        self.open.retain(|other| *other != ingress);
        if self.rng.below(3) == 0 {
            self.world.session.reset_group(self.world.now, ingress, ResetCode::Cancelled);
        } else {
            self.world.session.finish_group(self.world.now, ingress);
        }
    }

    fn datagram(&mut self) {
        let Some((from, alias, class)) = self.some_track() else { return };
        if class == DeliveryClass::Live {
            for _ in 0..self.rng.below(5) {
                let datagram = self.rng.bytes(60);
                self.world.session.push_datagram(self.world.now, id(from), alias, datagram).unwrap();
            }
        }
    }

    fn append(&mut self) {
        let (from, request) = (self.someone(), self.world.request());
        let upload = if self.rng.below(3) == 0 {
            let position = self.world.session.log.position();
            let last_handshake = position.last_handshake - self.rng.below(2).min(position.last_handshake);
            let participants = (0..self.rng.below(3)).map(|_| id(self.someone())).collect();
            let welcome = Some(Welcome { participants, payload: self.rng.bytes(100) });
            let expected = LogPosition { last_handshake, ..position };
            LogUpload::Commit { request, expected, commit: self.rng.bytes(100), welcome }
        } else {
            let (audience, payload) = (self.audience(), self.rng.bytes(100));
            LogUpload::Append { request, kind: EntryKind::Message, audience, payload }
        };
        self.world.upload(from, upload);
    }

    fn stop_stream(&mut self) {
        let who = id(self.someone());
        let Some(inbox) = self.world.inboxes.get_mut(&who) else { return };
        let live: Vec<_> = inbox.streams.iter().filter(|(_, s)| s.end.is_none()).map(|(e, _)| *e).collect();
        let Some(egress) = self.rng.pick(&live) else { return };
        // A reset that waits in the queue comes all the same; the shell ignores it, having reset the stream.
        if self.world.session.egresses.get(egress.0).is_some() {
            self.world.session.stream_stopped(self.world.now, who, egress);
            inbox.live_stream(egress).end = Some(End::Stopped);
        }
    }

    fn hold_or_release(&mut self) {
        let session = &self.world.session;
        let receiver = |egress: &Egress| session.peers.all[session.peers.lanes[egress.lane].receiver].id;
        let egresses: Vec<_> =
            session.egresses.iter().map(|(key, egress)| (EgressId(key), receiver(egress))).collect();
        let Some((egress, mut who)) = self.rng.pick(&egresses) else { return };
        if self.rng.below(4) == 0 {
            who = id(self.someone());
        }
        if self.rng.below(2) == 0 {
            self.world.session.hold_egress(who, egress);
        } else {
            self.world.session.release_egress(who, egress);
        }
    }

    fn measured(&mut self) {
        let (who, now) = (id(self.someone()), self.world.now);
        let [rate, lost, sent] = [(); 3].map(|()| self.rng.below(1 << 20));
        let rtt_us = u32::try_from(lost).unwrap();
        let report = PathReport { rate_bps: rate, rtt_us, lost_packets: lost, sent_packets: sent };
        self.world.session.report_path(now, who, report);
    }

    fn wait(&mut self) {
        let ms = self.rng.below(30);
        self.world.later_ms(ms);
    }

    fn pull(&mut self) {
        let who = self.someone();
        let [media_bytes, bulk_bytes] = [(); 2].map(|()| usize::try_from(self.rng.below(3) * 150).unwrap());
        let room = WriteRoom { media_bytes, bulk_bytes, datagram: self.rng.below(2) == 0 };
        for _ in 0..self.rng.below(12) {
            if self.world.pull_one(who, room).is_none() {
                break;
            }
        }
    }

    /// Everybody who is being closed leaves; the rest read all there is.
    fn settle(&mut self) {
        for ingress in std::mem::take(&mut self.open) {
            self.world.session.finish_group(self.world.now, ingress);
        }
        let all: Vec<_> = self.world.inboxes.keys().map(|who| who.0).collect();
        let held: Vec<_> = self.world.session.egresses.iter().map(|(key, _)| EgressId(key)).collect();
        for (who, egress) in all.iter().flat_map(|who| held.iter().map(move |egress| (*who, *egress))) {
            self.world.session.release_egress(id(who), egress);
        }
        for _ in 0..2 {
            for who in &all {
                self.world.pull(*who);
                if self.world.inboxes.get(&id(*who)).is_some_and(|inbox| inbox.closed.is_some()) {
                    self.gone(*who);
                }
            }
        }
    }
}

fn run(seed: u64, steps: u32) {
    eprintln!("seed {seed:#x}");
    let mut run = Run::new(seed);
    for _ in 0..steps {
        run.step();
        check(&run.world.session);
    }
    run.settle();
    check(&run.world.session);
    for (who, inbox) in run.world.inboxes.iter().filter(|(_, inbox)| inbox.closed.is_none()) {
        let open = inbox.streams.values().filter(|stream| stream.end.is_none()).count();
        assert_eq!(open, 0, "{who:?} has streams without an end");
    }
    assert_eq!(run.world.resident(), 0, "all cursors have passed");
    assert_eq!(run.world.session.egresses.len(), 0);
    run.empty();
}

impl Run {
    /// When all have left, nothing is held and nothing is due.
    fn empty(&mut self) {
        let all: Vec<_> = self.world.inboxes.keys().map(|who| who.0).collect();
        all.into_iter().for_each(|who| self.gone(who));
        let session = &self.world.session;
        assert!(session.is_empty());
        assert_eq!((session.tracks.len(), session.groups.len(), session.peers.lanes.len()), (0, 0, 0));
        self.world.later_ms(10_000);
        assert_eq!(self.world.session.stats().log_bytes, 0);
        assert!(self.world.session.timers.is_empty());
    }
}

#[test]
fn the_books_balance_whatever_happens() {
    for seed in 1..=150_u64 {
        run(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), 800);
    }
}

#[test]
fn the_random_runs_reach_every_corner() {
    let mut stats = crate::SessionStats::default();
    let (mut gaps, mut reports, mut held, mut starved) = (0, 0, 0, 0);
    for seed in 1..=40_u64 {
        let mut run = Run::new(seed);
        for _ in 0..800 {
            run.step();
            let session = &run.world.session;
            held += session.stats().streams_held;
            starved += session.peers.all.iter().filter(|(_, peer)| !peer.starved.is_empty()).count();
        }
        stats.add_counted(&run.world.session.stats());
        let told = run.world.inboxes.values().flat_map(|inbox| &inbox.control);
        for told in told {
            gaps += usize::from(matches!(told, RelayMessage::LogGap { .. }));
            reports += usize::from(matches!(told, RelayMessage::TrackReport(_)));
        }
    }
    let counted = [
        stats.input_tracks_closed,
        stats.datagrams_dropped,
        stats.classes.media.groups_reset,
        stats.classes.bulk.groups_reset,
        stats.log_entries_skipped,
        stats.keyframe_requests,
        stats.backpressure,
    ];
    let seen = [gaps, reports, held, starved];
    assert!(
        counted.iter().all(|count| *count > 10) && seen.iter().all(|count| *count > 10),
        "{counted:?} {seen:?}"
    );
}
