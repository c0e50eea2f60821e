use super::trouble::{Standing, Trouble, WatchEvent};
use super::{Draft, ECHOES_MAX, Echo, EpochTag, Heartbeat, Vouch};
use crate::{LeafIndex, MonotonicMs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

/// How often organizers and members who share or drive send a heartbeat to all, in milliseconds.
pub const BEAT_MS_ACTIVE: u64 = 2_000;
/// How often everybody else sends one to the organizers, in milliseconds, give or take a fifth.
pub const BEAT_MS_PASSIVE: u64 = 5_000;
/// Heartbeats that are sent at once keep this distance, in milliseconds.
const BEAT_MS_MIN: u64 = 250;
/// A heartbeat is fresh if it echoes one of one's own that is younger, in milliseconds.
pub const FRESH_MS: u64 = 10_000;
/// An organizer of whom nothing fresh is heard for so long is lost, in milliseconds.
pub const SILENCE_MS_MAX: u64 = 15_000;
/// How long a commit that somebody knows of may be on its way, in milliseconds. The log brings it before the heartbeat that
/// tells of it, so any relay that withholds none needs none of this.
pub const MISSING_MS_MAX: u64 = 5_000;
/// One's own heartbeats that are remembered: those of [`FRESH_MS`], at the distance kept. The oldest goes first.
const SENT_KEPT: usize = 64;
/// Epochs that are remembered, to judge heartbeats of members who are a little behind. The oldest goes first.
const EPOCHS_KEPT: usize = 8;

/// One member's judgement of the others' heartbeats. No I/O: the caller carries heartbeats, and does what it is told.
///
/// Call order: [`hear`](Self::hear) per heartbeat, [`enter_epoch`](Self::enter_epoch) per merged commit,
/// [`beat`](Self::beat) and [`sent`](Self::sent) when [`is_due`](Self::is_due), and after each of them, and at
/// [`next_deadline`](Self::next_deadline), [`poll`](Self::poll).
///
/// Everything in it is bounded by the number of members.
#[derive(Debug)]
pub struct Watch {
    media_ms_max: u64,
    own_leaf: LeafIndex,
    organizes: bool,
    pace: Pace,
    /// Whose heartbeat is needed before anything is sent.
    awaited: Option<LeafIndex>,
    sequence: u64,
    sent: VecDeque<(Echo, MonotonicMs)>,
    last_beat_at: Option<MonotonicMs>,
    next_beat_at: MonotonicMs,
    /// The newest first.
    epochs: VecDeque<Mark>,
    /// When each of the other organizers was alive for certain, last.
    alive: BTreeMap<LeafIndex, MonotonicMs>,
    /// The newest sequence heard of each member.
    heard: BTreeMap<LeafIndex, u64>,
    /// What is to be echoed, and where the next heartbeat goes on.
    echoes: BTreeMap<LeafIndex, Echo>,
    echoed_to: LeafIndex,
    /// What other organizers say of this one, by who says it, and until when newcomers may need it.
    held: BTreeMap<LeafIndex, Vouch>,
    shown_until: MonotonicMs,
    vouched_to: LeafIndex,
    forked: BTreeMap<LeafIndex, MonotonicMs>,
    ahead: BTreeMap<LeafIndex, Ahead>,
    /// By whom and of whom.
    removals: BTreeMap<(LeafIndex, LeafIndex), MonotonicMs>,
    told: BTreeSet<Trouble>,
    standing: Standing,
}

/// What a watch knows of the group in one epoch; see [`Group::view`](crate::Group::view).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// One's own leaf.
    pub own_leaf: LeafIndex,
    /// The epoch.
    pub epoch: u64,
    /// Its tag.
    pub tag: EpochTag,
    /// The listed organizers.
    pub organizers: Vec<LeafIndex>,
}

/// How often this member sends heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every [`BEAT_MS_ACTIVE`]: it organizes, shares or drives.
    Active,
    /// Every [`BEAT_MS_PASSIVE`].
    Passive,
}

/// For whom a heartbeat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeatAudience {
    /// All members.
    Everyone,
    /// Only those who echo it.
    Organizers,
}

/// A heartbeat that is not newer than the newest of its member. It says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

#[derive(Clone, Copy, Debug)]
struct Mark {
    epoch: u64,
    tag: EpochTag,
    left_at: Option<MonotonicMs>,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    epoch: u64,
    tag: EpochTag,
    since: MonotonicMs,
}

impl Watch {
    /// Begins with the epoch of creation or joining. A newcomer names the organizer whom it has to hear first; media may go
    /// on for `media_ms_max` while something is wrong.
    #[must_use]
    pub fn new(view: View, awaited: Option<LeafIndex>, media_ms_max: u64, now: MonotonicMs) -> Self {
        let View { own_leaf, epoch, tag, organizers } = view;
        let organizes = organizers.contains(&own_leaf);
        let others = organizers.into_iter().filter(|leaf| *leaf != own_leaf);
        Self {
            media_ms_max,
            own_leaf,
            organizes,
            pace: Pace::Passive,
            awaited,
            sequence: 0,
            sent: VecDeque::new(),
            last_beat_at: None,
            next_beat_at: now,
            epochs: VecDeque::from([Mark { epoch, tag, left_at: None }]),
            alive: others.map(|leaf| (leaf, now)).collect(),
            heard: BTreeMap::new(),
            echoes: BTreeMap::new(),
            echoed_to: LeafIndex(0),
            held: BTreeMap::new(),
            shown_until: now,
            vouched_to: LeafIndex(0),
            forked: BTreeMap::new(),
            ahead: BTreeMap::new(),
            removals: BTreeMap::new(),
            told: BTreeSet::new(),
            standing: Standing { confirmed: awaited.is_none(), input: true, media: true },
        }
    }

    /// What this member may do, as of the last [`poll`](Self::poll).
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// What is wrong, as of the last [`poll`](Self::poll).
    pub fn troubles(&self) -> impl Iterator<Item = Trouble> {
        self.told.iter().copied()
    }

    /// Follows a merged commit.
    pub fn enter_epoch(&mut self, view: View, removed: &[LeafIndex], now: MonotonicMs) {
        for leaf in removed {
            self.forget(*leaf);
        }
        if let Some(before) = self.epochs.front_mut() {
            before.left_at = Some(now);
        }
        self.epochs.truncate(EPOCHS_KEPT - 1);
        self.epochs.push_front(Mark { epoch: view.epoch, tag: view.tag, left_at: None });
        self.organizes = view.organizers.contains(&view.own_leaf);
        let others: BTreeSet<_> = view.organizers.into_iter().filter(|leaf| *leaf != self.own_leaf).collect();
        self.alive.retain(|leaf, _| others.contains(leaf));
        for leaf in others {
            self.alive.entry(leaf).or_insert(now);
        }
        // Whoever was ahead said which epoch this would be.
        for (leaf, ahead) in self.ahead.extract_if(.., |_, ahead| ahead.epoch <= view.epoch) {
            if ahead.epoch == view.epoch && ahead.tag != view.tag {
                self.forked.entry(leaf).or_insert(now);
            }
        }
    }

    fn forget(&mut self, leaf: LeafIndex) {
        self.alive.remove(&leaf);
        self.heard.remove(&leaf);
        self.echoes.remove(&leaf);
        self.held.remove(&leaf);
        self.forked.remove(&leaf);
        self.ahead.remove(&leaf);
        self.removals.retain(|(by, of), _| *by != leaf && *of != leaf);
    }

    /// Takes a verified heartbeat of another member.
    ///
    /// # Errors
    /// [`Repeated`]: it changed nothing.
    pub fn hear(&mut self, beat: &Heartbeat, now: MonotonicMs) -> Result<(), Repeated> {
        if self.heard.get(&beat.leaf).is_some_and(|newest| beat.sequence <= *newest) {
            return Err(Repeated);
        }
        self.heard.insert(beat.leaf, beat.sequence);
        if self.organizes || self.alive.contains_key(&beat.leaf) {
            self.echoes.insert(beat.leaf, beat.echo);
        }
        if !self.agrees(beat, now) {
            return Ok(());
        }
        let speaks_for = |leaf| {
            beat.leaf == leaf || beat.vouches.iter().any(|vouch| (vouch.by, vouch.of) == (leaf, beat.leaf))
        };
        self.awaited.take_if(|awaited| speaks_for(*awaited));
        if self.organizes && self.alive.contains_key(&beat.leaf) {
            let own_leaf = self.own_leaf;
            let mine = beat.vouches.iter().filter(|vouch| vouch.by == beat.leaf && vouch.of == own_leaf);
            self.held.extend(mine.map(|vouch| (vouch.by, vouch.clone())));
        }
        let echoed = beat.echoes.iter().filter_map(|echo| self.sent_at(*echo)).max();
        let fresh = echoed.filter(|at| now.0.saturating_sub(at.0) <= FRESH_MS);
        if let (Some(alive), Some(at)) = (self.alive.get_mut(&beat.leaf), fresh) {
            *alive = at.max(*alive);
        }
        if self.alive.contains_key(&beat.leaf)
            && self.epochs.front().is_some_and(|mark| mark.epoch == beat.epoch)
        {
            self.note_removals(beat.leaf, &beat.expels, now);
        }
        Ok(())
    }

    /// Whether this vouch says something to this member: it is for it to show, or for it to go by.
    #[must_use]
    pub fn wants(&self, vouch: &Vouch) -> bool {
        self.awaited == Some(vouch.by) || (self.organizes && vouch.of == self.own_leaf)
    }

    /// Whether the member is, or was a moment ago, in the same epoch.
    fn agrees(&mut self, beat: &Heartbeat, now: MonotonicMs) -> bool {
        let mark = self.epochs.iter().find(|mark| mark.epoch == beat.epoch).copied();
        let newest = self.epochs.front().map_or(0, |mark| mark.epoch);
        match mark {
            Some(mark) if mark.tag == beat.tag => {
                self.forked.remove(&beat.leaf);
                self.ahead.remove(&beat.leaf);
                mark.left_at.is_none_or(|left| now.0.saturating_sub(left.0) <= FRESH_MS)
            }
            Some(_) => {
                self.forked.entry(beat.leaf).or_insert(now);
                false
            }
            None if beat.epoch > newest => {
                let since = self.ahead.get(&beat.leaf).map_or(now, |ahead| ahead.since);
                self.ahead.insert(beat.leaf, Ahead { epoch: beat.epoch, tag: beat.tag, since });
                false
            }
            // Before this member's time, or too long ago.
            None => false,
        }
    }

    fn sent_at(&self, echo: Echo) -> Option<MonotonicMs> {
        self.sent.iter().find(|(sent, _)| *sent == echo).map(|(_, at)| *at)
    }

    fn note_removals(&mut self, by: LeafIndex, of: &[LeafIndex], now: MonotonicMs) {
        self.removals.retain(|(other, leaf), _| *other != by || of.contains(leaf));
        for leaf in of {
            self.removals.entry((by, *leaf)).or_insert(now);
        }
    }

    /// From now on this member shares or drives, or does not.
    pub fn set_pace(&mut self, pace: Pace, now: MonotonicMs) {
        if pace == Pace::Active && self.pace == Pace::Passive {
            self.beat_soon(now);
        }
        self.pace = pace;
    }

    /// Others wait for a heartbeat of this member: newcomers do.
    pub fn beat_soon(&mut self, now: MonotonicMs) {
        let earliest = self.last_beat_at.map_or(now, |last| MonotonicMs(last.0.saturating_add(BEAT_MS_MIN)));
        self.next_beat_at = self.next_beat_at.min(earliest.max(now));
        self.shown_until = MonotonicMs(now.0.saturating_add(FRESH_MS));
    }

    /// The next heartbeat is due at once: another organizer needs this one's word, which may be the last.
    pub fn beat_now(&mut self, now: MonotonicMs) {
        self.beat_soon(now);
        self.next_beat_at = now;
    }

    /// Whether a heartbeat is to be sent now. Never before the organizer was heard who invited.
    #[must_use]
    pub fn is_due(&self, now: MonotonicMs) -> bool {
        self.awaited.is_none() && now >= self.next_beat_at
    }

    /// The next heartbeat and for whom it is: [`sign`](crate::Group::sign_heartbeat) and send it. `nonce` is random; `expels` are
    /// the members that this organizer wants out.
    pub fn beat(
        &mut self,
        nonce: [u8; 8],
        expels: Vec<LeafIndex>,
        now: MonotonicMs,
    ) -> (Draft, BeatAudience) {
        self.sequence += 1;
        self.last_beat_at = Some(now);
        self.next_beat_at = MonotonicMs(now.0.saturating_add(self.interval_ms(nonce)));
        self.note_removals(self.own_leaf, &expels, now);
        let audience = if self.is_active() { BeatAudience::Everyone } else { BeatAudience::Organizers };
        let held = if now < self.shown_until { self.held.values().cloned().collect() } else { Vec::new() };
        let (echoes, vouch_for) = (self.take_echoes(), self.next_vouched());
        (Draft { sequence: self.sequence, nonce, echoes, expels, vouch_for, held }, audience)
    }

    /// The other organizers take turns.
    fn next_vouched(&mut self) -> Option<LeafIndex> {
        if !self.organizes {
            return None;
        }
        let after = self.alive.range((Bound::Excluded(self.vouched_to), Bound::Unbounded)).next();
        let next = after.or_else(|| self.alive.first_key_value()).map(|(leaf, _)| *leaf)?;
        self.vouched_to = next;
        Some(next)
    }

    fn is_active(&self) -> bool {
        self.organizes || self.pace == Pace::Active
    }

    fn interval_ms(&self, [chance, ..]: [u8; 8]) -> u64 {
        if self.is_active() {
            return BEAT_MS_ACTIVE;
        }
        let spread = BEAT_MS_PASSIVE / 5;
        BEAT_MS_PASSIVE - spread + 2 * spread * u64::from(chance) / u64::from(u8::MAX)
    }

    /// What was heard since it was last echoed; if that is too much, everybody's turn comes.
    fn take_echoes(&mut self) -> Vec<Echo> {
        let after = (Bound::Excluded(self.echoed_to), Bound::Unbounded);
        let from = (Bound::Unbounded, Bound::Included(self.echoed_to));
        let turns = self.echoes.range(after).chain(self.echoes.range(from));
        let leaves: Vec<_> = turns.map(|(leaf, _)| *leaf).take(ECHOES_MAX).collect();
        self.echoed_to = leaves.last().copied().unwrap_or(self.echoed_to);
        leaves.iter().filter_map(|leaf| self.echoes.remove(leaf)).collect()
    }

    /// The signed heartbeat is on its way.
    pub fn sent(&mut self, bytes: &[u8], now: MonotonicMs) {
        if self.sent.len() >= SENT_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back((Echo::of(bytes), now));
    }

    /// What has changed.
    pub fn poll(&mut self, now: MonotonicMs) -> Vec<WatchEvent> {
        let troubles: BTreeSet<_> =
            self.suspicions().filter(|(_, from, _)| now >= *from).map(|(t, ..)| t).collect();
        let began = troubles.difference(&self.told).map(|trouble| WatchEvent::Began(*trouble));
        let ended = self.told.difference(&troubles).map(|trouble| WatchEvent::Ended(*trouble));
        let mut events: Vec<_> = began.chain(ended).collect();
        self.told = troubles;
        let media_until = self.media_until();
        let standing = Standing {
            confirmed: self.awaited.is_none(),
            input: media_until.is_none(),
            media: media_until.is_none_or(|until| now < until),
        };
        if standing != self.standing {
            self.standing = standing;
            events.push(WatchEvent::Standing(standing));
        }
        events
    }

    /// What may be wrong, from when on it is, and since when it may be.
    fn suspicions(&self) -> impl Iterator<Item = (Trouble, MonotonicMs, MonotonicMs)> {
        let after = |since: &MonotonicMs, ms: u64| (MonotonicMs(since.0.saturating_add(ms)), *since);
        let silent =
            self.alive.iter().map(move |(leaf, at)| (Trouble::Silent(*leaf), after(at, SILENCE_MS_MAX)));
        let forked = self.forked.iter().map(move |(leaf, since)| (Trouble::Forked(*leaf), after(since, 0)));
        let ahead = self.ahead.iter();
        let withheld =
            ahead.map(move |(leaf, ahead)| (Trouble::Withheld(*leaf), after(&ahead.since, MISSING_MS_MAX)));
        let removals = self.removals.iter().map(move |((by, of), since)| {
            (Trouble::RemovalWithheld { by: *by, of: *of }, after(since, MISSING_MS_MAX))
        });
        let all = silent.chain(forked).chain(withheld).chain(removals);
        all.map(|(trouble, (from, since))| (trouble, from, since))
    }

    /// Until when media goes on: `None` while nothing is wrong that an organizer has a part in. What other members say about
    /// themselves is shown and stops nobody.
    fn media_until(&self) -> Option<MonotonicMs> {
        let is_grave = |trouble: &Trouble| match trouble {
            Trouble::Silent(_) | Trouble::RemovalWithheld { .. } => true,
            Trouble::Forked(leaf) | Trouble::Withheld(leaf) => self.alive.contains_key(leaf),
        };
        let grave =
            self.suspicions().filter(|(trouble, ..)| self.told.contains(trouble) && is_grave(trouble));
        let since = grave.map(|(.., since)| since).min()?;
        Some(MonotonicMs(since.0.saturating_add(self.media_ms_max)))
    }

    /// When [`poll`](Self::poll) is due, or a heartbeat.
    #[must_use]
    pub fn next_deadline(&self) -> Option<MonotonicMs> {
        let beat = Some(self.next_beat_at).filter(|_| self.awaited.is_none());
        let news =
            self.suspicions().filter(|(trouble, ..)| !self.told.contains(trouble)).map(|(_, from, _)| from);
        let stop = self.media_until().filter(|_| self.standing.media);
        news.chain(beat).chain(stop).min()
    }
}
