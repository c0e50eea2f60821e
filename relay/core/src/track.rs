use crate::Timestamp;
use crate::arena::Key;
use crate::buffer::{Cursor, SharedBuffer};
use crate::group::{Egress, Group};
use crate::participant::Participant;
use isi_wire::{Audience, DeliveryClass, ParticipantId, TrackAlias, TrackId, TrackInfo, TrackKind};
use std::collections::{BTreeMap, VecDeque};

/// One sender's stream of one kind.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) alias: TrackAlias,
    pub(crate) publisher: Key<Participant>,
    pub(crate) publisher_id: ParticipantId,
    pub(crate) id: TrackId,
    pub(crate) kind: TrackKind,
    pub(crate) class: DeliveryClass,
    pub(crate) audience: Audience,
    /// Unpublished; goes when its finished groups are with everybody.
    pub(crate) ending: bool,
    /// Its ways to receivers, each at its [`slot`](Lane::slot).
    pub(crate) lanes: Vec<Key<Lane>>,
    /// Groups that are open or not yet with every receiver, oldest first.
    pub(crate) groups: VecDeque<Key<Group>>,
    /// Highest group number so far.
    pub(crate) newest: Option<u64>,
    /// Datagrams of a live track.
    pub(crate) datagrams: SharedBuffer,
    /// Whether the timer of the oldest datagram runs.
    pub(crate) timed: bool,
    /// When the publisher was last asked for a keyframe.
    pub(crate) keyframe_asked: Option<Timestamp>,
    /// When the publisher was last told, or could have been, how the track reaches its receivers.
    pub(crate) reported: Option<Timestamp>,
}

/// One track on its way to one receiver.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) alias: TrackAlias,
    pub(crate) class: DeliveryClass,
    pub(crate) receiver: Key<Participant>,
    /// Where it stands in the track's list, so that it is taken out without a search.
    pub(crate) slot: usize,
    /// Whether it stands in the receiver's queue, so has or may have something to write.
    pub(crate) queued: bool,
    /// Groups on their way, oldest first. At most as many as the track has.
    pub(crate) egresses: VecDeque<Key<Egress>>,
    /// Bytes left of its turn while other tracks wait for theirs; 0: the next turn begins.
    pub(crate) turn_bytes: usize,
    /// Live: the datagram that comes next.
    pub(crate) cursor: Cursor,
    /// What was dropped and not told yet.
    pub(crate) dropped: u32,
    /// The same since the publisher was last told of it.
    pub(crate) unreported: u32,
    /// Whether its receiver needs a new group. Asked for when it has room: one that takes nothing costs the
    /// others no keyframes.
    pub(crate) needs_group: bool,
}

impl Track {
    pub(crate) fn info(&self) -> TrackInfo {
        TrackInfo {
            alias: self.alias,
            participant: self.publisher_id,
            track: self.id,
            kind: self.kind,
            class: self.class,
            directed: matches!(self.audience, Audience::One(_)),
        }
    }

    /// Whether `participant` may know of the track and receive it.
    pub(crate) fn is_for(&self, participant: &Participant) -> bool {
        let addressed = match self.audience {
            Audience::Everyone => true,
            Audience::One(id) => id == participant.id,
            Audience::Organizers => participant.grants.controls.admit,
        };
        addressed && participant.id != self.publisher_id && participant.grants.subscribe.contains(self.kind)
    }
}

impl Lane {
    pub(crate) const fn new(track: &Track, receiver: Key<Participant>, cursor: Cursor) -> Self {
        Self {
            alias: track.alias,
            class: track.class,
            receiver,
            slot: track.lanes.len(),
            queued: false,
            egresses: VecDeque::new(),
            turn_bytes: 0,
            cursor,
            dropped: 0,
            unreported: 0,
            needs_group: false,
        }
    }
}

/// All tracks of a session. An alias is never given twice.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    by_alias: BTreeMap<TrackAlias, Track>,
    next: u32,
}

/// What an alias that a client names stands for.
pub(crate) enum Named<'a> {
    /// A track.
    Track(&'a Track),
    /// A track that is gone; the client may not know yet.
    Gone,
    /// Nothing, ever: the client made it up.
    Never,
}

impl Tracks {
    /// The alias the next track gets, `None` when all are used up.
    pub(crate) fn next_alias(&self) -> Option<TrackAlias> {
        (self.next < u32::MAX).then_some(TrackAlias(self.next))
    }

    pub(crate) fn insert(&mut self, track: Track) {
        debug_assert_eq!(Some(track.alias), self.next_alias());
        self.next += 1;
        self.by_alias.insert(track.alias, track);
    }

    pub(crate) fn remove(&mut self, alias: TrackAlias) -> Option<Track> {
        self.by_alias.remove(&alias)
    }

    pub(crate) fn named(&self, alias: TrackAlias) -> Named<'_> {
        match self.by_alias.get(&alias) {
            Some(track) if !track.ending => Named::Track(track),
            Some(_) => Named::Gone,
            None if alias.0 < self.next => Named::Gone,
            None => Named::Never,
        }
    }

    pub(crate) fn get(&self, alias: TrackAlias) -> Option<&Track> {
        self.by_alias.get(&alias)
    }

    pub(crate) fn get_mut(&mut self, alias: TrackAlias) -> Option<&mut Track> {
        self.by_alias.get_mut(&alias)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Track> {
        self.by_alias.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_alias.len()
    }
}
