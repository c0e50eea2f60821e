use super::window::{ChunkBitmap, CounterRefused, CounterWindow, GroupWindow};
use super::{OpenError, Transport};
use crate::LeafIndex;
use crate::keyring::SealedTrack;
use std::collections::HashMap;

/// Most tracks of one member whose replay state is kept; more are refused until an epoch ends.
pub const REPLAY_TRACKS_PER_MEMBER_MAX: usize = 512;
/// Most objects of one bulk group, the size of its bitmap in bits.
pub const BULK_CHUNKS_MAX: u64 = 65_536;

/// What was opened already, by member and track. Lives in the keyring and not in an opener, so that a
/// reconnect or a second opener repeats nothing.
///
/// A track without an authentic object in any kept epoch is forgotten: what was opened of it before no longer
/// opens anyway.
#[derive(Default)]
pub(crate) struct ReplayStore {
    members: HashMap<LeafIndex, HashMap<SealedTrack, TrackReplay>>,
}

/// An authentic object's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) epoch: u64,
    pub(crate) counter: u64,
    pub(crate) group: u64,
    pub(crate) index: u64,
}

struct TrackReplay {
    newest_epoch: u64,
    rule: Rule,
}

/// The transport is fixed by the track's first object: with a state per transport, one object would open once
/// on each.
enum Rule {
    Stream(GroupWindow<Option<u64>>),
    Datagram(PerEpoch<CounterWindow>),
    Log(PerEpoch<Option<u64>>),
    Bulk(GroupWindow<ChunkBitmap>),
}

/// Counters belong to a key, so their state belongs to an epoch. As long as the list of kept epochs.
struct PerEpoch<T>(Vec<(u64, T)>);

impl ReplayStore {
    /// Accepts each place once. `oldest_epoch` is the oldest kept one.
    pub(crate) fn accept(
        &mut self,
        leaf: LeafIndex,
        track: SealedTrack,
        transport: Transport,
        place: Place,
        oldest_epoch: u64,
    ) -> Result<(), OpenError> {
        let tracks = self.members.entry(leaf).or_default();
        if !tracks.contains_key(&track) && tracks.len() >= REPLAY_TRACKS_PER_MEMBER_MAX {
            return Err(OpenError::TooManyTracks(leaf));
        }
        let state = tracks.entry(track).or_insert_with(|| TrackReplay::new(transport));
        state.newest_epoch = state.newest_epoch.max(place.epoch);
        state.rule.accept(transport, place, oldest_epoch)
    }

    pub(crate) fn forget_member(&mut self, leaf: LeafIndex) {
        self.members.remove(&leaf);
    }

    pub(crate) fn forget_before(&mut self, oldest_epoch: u64) {
        self.members.retain(|_, tracks| {
            tracks.retain(|_, state| state.newest_epoch >= oldest_epoch);
            !tracks.is_empty()
        });
    }
}

impl TrackReplay {
    fn new(transport: Transport) -> Self {
        let rule = match transport {
            Transport::Stream => Rule::Stream(GroupWindow::default()),
            Transport::Datagram => Rule::Datagram(PerEpoch(Vec::new())),
            Transport::Log => Rule::Log(PerEpoch(Vec::new())),
            Transport::Bulk => Rule::Bulk(GroupWindow::default()),
        };
        Self { newest_epoch: 0, rule }
    }
}

impl Rule {
    fn accept(&mut self, transport: Transport, place: Place, oldest_epoch: u64) -> Result<(), OpenError> {
        match (self, transport) {
            (Self::Stream(groups), Transport::Stream) => {
                rise(groups.slot(place.group).ok_or(OpenError::BehindWindow)?, place.index)
            }
            (Self::Datagram(epochs), Transport::Datagram) => {
                epochs.of(place.epoch, oldest_epoch).accept(place.counter).map_err(|refused| match refused {
                    CounterRefused::Seen => OpenError::Replayed,
                    CounterRefused::Behind => OpenError::BehindWindow,
                })
            }
            (Self::Log(epochs), Transport::Log) => rise(epochs.of(place.epoch, oldest_epoch), place.counter),
            (Self::Bulk(groups), Transport::Bulk) => mark(groups, place),
            (Self::Stream(_) | Self::Datagram(_) | Self::Log(_) | Self::Bulk(_), _) => {
                Err(OpenError::WrongTransport)
            }
        }
    }
}

impl<T: Default> PerEpoch<T> {
    fn of(&mut self, epoch: u64, oldest_epoch: u64) -> &mut T {
        self.0.retain(|(kept, _)| *kept >= oldest_epoch);
        let index = self.0.iter().position(|(kept, _)| *kept == epoch).unwrap_or_else(|| {
            self.0.push((epoch, T::default()));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }
}

fn rise(last: &mut Option<u64>, next: u64) -> Result<(), OpenError> {
    if last.is_some_and(|last| next <= last) {
        return Err(OpenError::Replayed);
    }
    *last = Some(next);
    Ok(())
}

fn mark(groups: &mut GroupWindow<ChunkBitmap>, place: Place) -> Result<(), OpenError> {
    let index = usize::try_from(place.index).ok().filter(|_| place.index < BULK_CHUNKS_MAX);
    let index = index.ok_or(OpenError::TooManyChunks(place.index))?;
    let fresh = groups.slot(place.group).ok_or(OpenError::BehindWindow)?.mark(index);
    if fresh { Ok(()) } else { Err(OpenError::Replayed) }
}
