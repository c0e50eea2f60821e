//! Heartbeats over a relay that lies, in virtual time.

use crate::world::*;
use isi_e2ee::{
    BEAT_MS_ACTIVE, BeatAudience, Draft, FRESH_MS, Group, HeartbeatError, LeafIndex, MISSING_MS_MAX,
    MonotonicMs, Pace, SILENCE_MS_MAX, Standing, Trouble, Watch, WatchEvent,
};

const MEDIA_MS_MAX: u64 = 60_000;
const ROOT: LeafIndex = LeafIndex(0);
const ANN: LeafIndex = LeafIndex(1);
const BOB: LeafIndex = LeafIndex(2);
const FINE: Standing = Standing { confirmed: true, input: true, media: true };
const STEP_MS: u64 = 50;

const fn at(ms: u64) -> MonotonicMs {
    MonotonicMs(ms)
}

/// A member with its watch, and what it was told.
struct Seat {
    group: Group,
    watch: Watch,
    expels: Vec<LeafIndex>,
    events: Vec<WatchEvent>,
    nonces: u8,
}

impl Seat {
    fn new(group: Group, now: u64) -> Self {
        let watch = Watch::new(group.view(), None, MEDIA_MS_MAX, at(now));
        Self { group, watch, expels: Vec::new(), events: Vec::new(), nonces: 0 }
    }

    /// The heartbeat that is due, if one is.
    fn beat(&mut self, now: u64) -> Option<Vec<u8>> {
        if !self.watch.is_due(at(now)) {
            return None;
        }
        self.nonces += 1;
        let (draft, _) = self.watch.beat([self.nonces; 8], self.expels.clone(), at(now));
        let bytes = self.group.sign_heartbeat(&draft, NOW);
        self.watch.sent(&bytes, at(now));
        Some(bytes)
    }

    fn hear(&mut self, bytes: &[u8], now: u64) {
        let beat = self.group.read_heartbeat(bytes, |_| true, NOW).unwrap();
        // What was repeated says nothing.
        let _ = self.watch.hear(&beat, at(now));
        self.poll(now);
    }

    fn poll(&mut self, now: u64) {
        self.events.extend(self.watch.poll(at(now)));
    }

    fn follow(&mut self, commit: &[u8], now: u64) {
        let change = self.group.handle_commit(commit, at(now)).unwrap();
        self.watch.enter_epoch(self.group.view(), &change.removed, at(now));
        self.poll(now);
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.watch.troubles().collect()
    }
}

/// Runs the time until `end`; `carry(from, to, sent, now)` says when a heartbeat arrives, if at all.
fn run(seats: &mut [Seat], start: u64, end: u64, mut carry: impl FnMut(usize, usize, u64) -> Option<u64>) {
    let mut under_way: Vec<(u64, usize, Vec<u8>)> = Vec::new();
    for now in (start..end).step_by(STEP_MS as usize) {
        for from in 0..seats.len() {
            let Some(bytes) = seats[from].beat(now) else { continue };
            for to in (0..seats.len()).filter(|to| *to != from) {
                under_way.extend(carry(from, to, now).map(|arrives| (arrives, to, bytes.clone())));
            }
        }
        let arrived: Vec<_> = under_way.extract_if(.., |(arrives, ..)| now >= *arrives).collect();
        for (_, to, bytes) in arrived {
            seats[to].hear(&bytes, now);
        }
        seats.iter_mut().for_each(|seat| seat.poll(now));
    }
}

fn seats() -> [Seat; 3] {
    three().map(|group| Seat::new(group, 0))
}

const fn honest(_: usize, _: usize, now: u64) -> Option<u64> {
    Some(now + 100)
}

#[test]
fn an_honest_relay_gives_nobody_anything_to_tell() {
    let mut seats = seats();
    run(&mut seats, 0, 120_000, honest);
    for seat in &seats {
        assert_eq!((&seat.events[..], seat.watch.standing()), (&[][..], FINE));
    }
}

#[test]
fn a_silent_organizer_is_named_input_stops_then_media_and_all_of_it_comes_back() {
    let mut seats = seats();
    run(&mut seats, 0, 20_000, honest);
    run(&mut seats, 20_000, 100_000, |from, _, now| Some(now + 100).filter(|_| from != 0));
    let [root, ann, bob] = &seats;
    for seat in [ann, bob] {
        let silent = WatchEvent::Began(Trouble::Silent(ROOT));
        let input_stops = WatchEvent::Standing(Standing { input: false, ..FINE });
        let media_stops = WatchEvent::Standing(Standing { input: false, media: false, ..FINE });
        assert_eq!(seat.events, [silent, input_stops, media_stops]);
    }
    assert_eq!(root.troubles(), [], "nobody but organizers is waited for");
    run(&mut seats, 100_000, 110_000, honest);
    for seat in &seats {
        assert_eq!((seat.troubles(), seat.watch.standing()), (vec![], FINE));
    }
}

#[test]
fn silence_is_noticed_within_its_bound() {
    let mut seats = seats();
    run(&mut seats, 0, 20_000, honest);
    let gone = |from: usize, _: usize, now: u64| Some(now + 100).filter(|_| from != 0);
    run(&mut seats, 20_000, 20_000 + SILENCE_MS_MAX - FRESH_MS, gone);
    assert_eq!(seats[1].troubles(), []);
    run(&mut seats, 20_000 + SILENCE_MS_MAX - FRESH_MS, 20_100 + SILENCE_MS_MAX, gone);
    assert_eq!(seats[1].troubles(), [Trouble::Silent(ROOT)]);
}

#[test]
fn queued_heartbeats_are_not_fresh() {
    let mut seats = seats();
    // Everything arrives, in order, for ever; but the organizer's come so late that the world they speak of is gone.
    run(&mut seats, 0, 90_000, |from, _, now| Some(if from == 0 { now + FRESH_MS } else { now + 100 }));
    assert_eq!(seats[1].troubles(), [Trouble::Silent(ROOT)]);
    assert!(!seats[1].watch.standing().input);
    // Whoever beats often has younger echoes, none of them fresh: no two are as far apart as silence would have to be.
    let mut often = self::seats();
    often[1].watch.set_pace(Pace::Active, at(0));
    run(&mut often, 0, 90_000, |from, _, now| Some(if from == 0 { now + FRESH_MS } else { now + 100 }));
    assert_eq!(often[1].troubles(), [Trouble::Silent(ROOT)]);
    // Slow, but alive.
    let mut slow = self::seats();
    run(&mut slow, 0, 90_000, |_, _, now| Some(now + 1_500));
    assert!(slow.iter().all(|seat| seat.events.is_empty()));
}

#[test]
fn a_heartbeat_counts_once_and_only_as_its_member_signed_it() {
    let [mut root, mut ann, _] = seats();
    let bytes = root.beat(0).unwrap();
    let beat = ann.group.read_heartbeat(&bytes, |_| true, NOW).unwrap();
    assert_eq!((beat.leaf, beat.epoch, beat.sequence), (ROOT, ann.group.epoch(), 1));
    assert!(ann.watch.hear(&beat, at(0)).is_ok());
    assert!(ann.watch.hear(&beat, at(0)).is_err());
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(ann.group.read_heartbeat(&changed, |_| true, NOW).is_err(), "byte {position}");
    }
    // Another group of the same people is not this one.
    let [_, other, _] = three();
    assert_eq!(other.read_heartbeat(&bytes, |_| true, NOW), Err(HeartbeatError::BadSignature));
}

#[test]
fn two_sides_of_a_fork_name_each_other_at_once() {
    let mut seats = seats();
    run(&mut seats, 0, 10_000, honest);
    // Both make the next epoch; the relay shows to each side its own.
    let roots = seats[0].group.rotate(NOW).unwrap().commit;
    let anns = seats[1].group.rotate(NOW).unwrap().commit;
    seats[0].follow(&roots, 10_000);
    seats[2].follow(&roots, 10_000);
    seats[1].follow(&anns, 10_000);
    run(&mut seats, 10_000, 14_000, honest);
    assert_eq!(seats[1].troubles(), [Trouble::Forked(ROOT), Trouble::Forked(BOB)]);
    assert!(!seats[1].watch.standing().input, "an organizer is on the other side");
    assert_eq!(seats[0].troubles(), [Trouble::Forked(ANN)]);
    assert_eq!(seats[0].watch.standing(), FINE, "a member alone stops nobody");
}

#[test]
fn a_fork_is_seen_by_who_comes_into_its_epoch_later() {
    let mut seats = seats();
    let roots = seats[0].group.rotate(NOW).unwrap().commit;
    let anns = seats[1].group.rotate(NOW).unwrap().commit;
    seats[0].follow(&roots, 0);
    let beat = seats[0].beat(0).unwrap();
    seats[1].hear(&beat, 10);
    assert_eq!(seats[1].troubles(), [], "the commit may be on its way");
    seats[1].follow(&anns, 20);
    assert_eq!(seats[1].troubles(), [Trouble::Forked(ROOT)]);
}

#[test]
fn a_withheld_commit_is_noticed_and_forgiven_when_it_comes() {
    let mut seats = seats();
    run(&mut seats, 0, 10_000, honest);
    let commit = seats[0].group.rotate(NOW).unwrap().commit;
    seats[0].follow(&commit, 10_000);
    seats[2].follow(&commit, 10_000);
    run(&mut seats, 10_000, 10_000 + BEAT_MS_ACTIVE + MISSING_MS_MAX + 200, honest);
    assert!(seats[1].troubles().contains(&Trouble::Withheld(ROOT)));
    assert!(!seats[1].watch.standing().input);
    seats[1].follow(&commit, 17_500);
    run(&mut seats, 17_500, 25_000, honest);
    assert_eq!((seats[1].troubles(), seats[1].watch.standing()), (vec![], FINE));
}

#[test]
fn a_withheld_removal_is_shown_by_name_to_all_who_are_there() {
    let mut seats = seats();
    run(&mut seats, 0, 10_000, honest);
    // The organizer wants Ann out; the relay does not sequence its commit.
    seats[0].expels = vec![ANN];
    run(&mut seats, 10_000, 10_000 + BEAT_MS_ACTIVE + MISSING_MS_MAX + 200, honest);
    let withheld = Trouble::RemovalWithheld { by: ROOT, of: ANN };
    for seat in &seats {
        assert_eq!(seat.troubles(), [withheld]);
        assert!(!seat.watch.standing().input);
    }
    let commit = seats[0].group.remove(&[ANN], NOW).unwrap().commit;
    seats[0].expels.clear();
    for place in [0, 2] {
        seats[place].follow(&commit, 18_000);
        assert_eq!((seats[place].troubles(), seats[place].watch.standing()), (vec![], FINE));
    }
}

#[test]
fn what_an_organizer_does_not_want_any_more_is_withheld_from_nobody() {
    let mut seats = seats();
    seats[0].expels = vec![ANN];
    run(&mut seats, 0, 3_000, honest);
    seats[0].expels.clear();
    run(&mut seats, 3_000, 30_000, honest);
    assert!(seats.iter().all(|seat| seat.events.is_empty()));
}

#[test]
fn a_newcomer_believes_in_the_group_once_the_organizer_who_invited_has_signed_it() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let mut pending = pending("ann", "participant", &invitation);
    let applicant = root.check_join_request(&pending.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    let _ = root.handle_commit(&staged.commit, at(0)).unwrap();
    let ann = pending.join(&staged.welcome.unwrap(), NOW, at(0)).unwrap();
    assert_eq!(ann.inviter(&invitation), Some(ROOT));
    let mut watch = Watch::new(ann.view(), ann.inviter(&invitation), MEDIA_MS_MAX, at(0));
    assert!(!watch.standing().confirmed && !watch.is_due(at(9_000)), "it sends nothing");
    // An organizer of another group with the same people does not speak for this one: it does not even verify.
    let draft = |watch: &mut Watch| -> Draft { watch.beat([1; 8], Vec::new(), at(0)).0 };
    let mut roots = Watch::new(root.view(), None, MEDIA_MS_MAX, at(0));
    let signed = root.sign_heartbeat(&draft(&mut roots), NOW);
    let beat = ann.read_heartbeat(&signed, |_| true, NOW).unwrap();
    watch.hear(&beat, at(100)).unwrap();
    let _ = watch.poll(at(100));
    assert!(watch.standing().confirmed && watch.is_due(at(100)));
}

#[test]
fn who_only_looks_on_speaks_to_organizers_and_less_often() {
    let [mut root, mut ann, _] = seats();
    assert_eq!(root.watch.beat([0; 8], vec![], at(0)).1, BeatAudience::Everyone);
    assert_eq!(ann.watch.beat([255; 8], vec![], at(0)).1, BeatAudience::Organizers);
    assert!(!ann.watch.is_due(at(5_999)) && ann.watch.is_due(at(6_000)));
    ann.watch.set_pace(Pace::Active, at(1_000));
    assert!(ann.watch.is_due(at(1_000)));
    assert_eq!(ann.watch.beat([255; 8], vec![], at(1_000)).1, BeatAudience::Everyone);
    assert_eq!(ann.watch.next_deadline(), Some(at(1_000 + BEAT_MS_ACTIVE)));
    ann.watch.beat_soon(at(1_001));
    assert!(!ann.watch.is_due(at(1_249)) && ann.watch.is_due(at(1_250)));
}

#[test]
fn an_organizer_speaks_for_one_that_has_vanished_only_with_its_signed_word() {
    let mut root = organizer();
    let mut ben = admit(&mut root, &mut [], "ben", "organizer");
    let listed = root.set_organizers(&[ROOT, ANN], NOW).unwrap();
    follow(&mut root, &mut [&mut ben], &listed);
    let invitation = root.invite().unwrap();
    let (mut roots, mut bens) = (Seat::new(root, 0), Seat::new(ben, 0));
    let word = roots.beat(0).unwrap();
    let cat = admit(&mut bens.group, &mut [&mut roots.group], "cat", "viewer");
    let view = bens.group.view();
    bens.watch.enter_epoch(view, &[], at(10));
    let mut cats = Watch::new(cat.view(), cat.inviter(&invitation), MEDIA_MS_MAX, at(10));
    // Without the word of the organizer who invited, any organizer's is worth nothing.
    bens.watch.beat_soon(at(10));
    let alone = cat.read_heartbeat(&bens.beat(10).unwrap(), |_| true, NOW).unwrap();
    cats.hear(&alone, at(20)).unwrap();
    let _ = cats.poll(at(20));
    assert!(!cats.standing().confirmed);
    bens.hear(&word, 30);
    bens.watch.beat_soon(at(1_000));
    let vouched = bens.beat(1_000).unwrap();
    // The word has its time.
    let later = isi_e2ee::UnixSeconds(NOW.0 + 601);
    assert_eq!(cat.read_heartbeat(&vouched, |_| true, later).unwrap().vouches, []);
    let vouched = cat.read_heartbeat(&vouched, |vouch| cats.wants(vouch), NOW).unwrap();
    cats.hear(&vouched, at(1_010)).unwrap();
    let _ = cats.poll(at(1_010));
    assert!(cats.standing().confirmed);
}
