//! Who has to wait at the door: a sender over its rate, and bulk, which goes at the pace of its receivers and
//! leaves half of all memory to the rest.

use crate::arena::Key;
use crate::group::{Group, GroupState};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::{IngressId, Session, Timestamp};
use bytes::Bytes;
use isi_wire::{DeliveryClass, ResetCode};
use std::collections::VecDeque;

/// What the chunks at the front of a batch wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The sender's rate.
    Rate,
    /// The group's receivers.
    Group,
    /// The session's memory.
    Session,
    /// What is held of one sender, or waits for one receiver.
    Peer(Key<Participant>),
}

/// A level that bulk may not raise above its bound.
struct Bound {
    door: Door,
    level: usize,
    max: usize,
}

impl Bound {
    /// One chunk always fits when there is nothing before it: no chunk is too large to pass at all.
    const fn fits(&self, before: usize, chunk: usize) -> bool {
        let level = self.level + before;
        level == 0 || level + chunk <= self.max
    }
}

impl Session {
    /// How many of `chunks` may come in now. If not all, the ingress waits to be woken.
    pub(crate) fn admit_chunks(
        &mut self,
        now: Timestamp,
        key: Key<Group>,
        chunks: &VecDeque<Bytes>,
    ) -> Result<usize, ResetCode> {
        let Some(group) = self.groups.get(key) else { return Err(ResetCode::TrackEnded) };
        if let GroupState::Stopped(code) = group.state {
            self.groups.remove(key);
            return Err(code);
        }
        debug_assert_eq!(group.state, GroupState::Open, "the shell pushed after it finished");
        let (class, publisher, is_wanted) = (group.class, group.publisher, !group.egresses.is_empty());
        // Input is never held back by a rate, only counted.
        let tokens = if class == DeliveryClass::Input { None } else { self.tokens(now, publisher) };
        let bounds = (class == DeliveryClass::Bulk).then(|| self.bulk_bounds(key));
        let (mut count, mut bytes, mut door) = (0, 0, None);
        for chunk in chunks {
            let is_full = |bound: &&Bound| !bound.fits(bytes, chunk.len());
            door = match tokens {
                Some(tokens) if bytes >= tokens => Some(Door::Rate),
                Some(_) | None => bounds.iter().flatten().find(is_full).map(|bound| bound.door),
            };
            if door.is_some() {
                break;
            }
            (count, bytes) = (count + 1, bytes + chunk.len());
        }
        self.wait_at(key, door);
        if is_wanted && !self.make_room(publisher, bytes) {
            self.refuse_rest(key);
            return Err(ResetCode::OverBudget);
        }
        self.charge(publisher, bytes);
        Ok(count)
    }

    fn bulk_bounds(&self, key: Key<Group>) -> [Bound; 4] {
        let group = &self.groups[key];
        let receivers = group.egresses.iter().map(|egress| {
            let receiver = self.peers.lanes[self.egresses[*egress].lane].receiver;
            (self.peers.all[receiver].waiting_bytes, receiver)
        });
        let (waiting, receiver) =
            receivers.max_by_key(|(waiting, _)| *waiting).unwrap_or((0, group.publisher));
        let held = self.peers.all[group.publisher].held_bytes;
        let limits = &self.limits;
        [
            Bound { door: Door::Group, level: group.buffer.bytes(), max: limits.bulk.bytes_max },
            Bound {
                door: Door::Session,
                level: self.gauge.streams(),
                max: bulk_share(limits.resident_bytes_max),
            },
            Bound {
                door: Door::Peer(group.publisher),
                level: held,
                max: bulk_share(limits.resident_bytes_per_publisher_max),
            },
            Bound {
                door: Door::Peer(receiver),
                level: waiting,
                max: bulk_share(limits.waiting_bytes_per_receiver_max),
            },
        ]
    }

    /// Bytes that the sender's rate allows now, if it has one.
    fn tokens(&mut self, now: Timestamp, publisher: Key<Participant>) -> Option<usize> {
        self.peers.all[publisher].pace.as_mut().map(|bucket| bucket.tokens(now))
    }

    pub(crate) fn charge(&mut self, publisher: Key<Participant>, bytes: usize) {
        if let Some(bucket) = &mut self.peers.all[publisher].pace {
            bucket.charge(bytes);
        }
    }

    /// Has a group's ingress woken when its door opens.
    fn wait_at(&mut self, key: Key<Group>, door: Option<Door>) {
        self.groups[key].waiting = door;
        match door {
            None => return,
            Some(Door::Rate) => {
                let publisher = self.groups[key].publisher;
                if let Some(bucket) = &self.peers.all[publisher].pace {
                    self.timers.arm(Timer::Pace(key), bucket.opens_at());
                }
            }
            Some(Door::Group) => {}
            Some(Door::Session) => remember(&mut self.starved, key),
            Some(Door::Peer(peer)) => remember(&mut self.peers.all[peer].starved, key),
        }
        self.stats.backpressure += 1;
    }

    /// Lets a sender go on whose receivers have caught up by half.
    pub(crate) fn wake_waiting(&mut self, key: Key<Group>) {
        if let Some(group) = self.groups.get(key)
            && group.waiting == Some(Door::Group)
            && group.buffer.bytes() <= self.limits.bulk.bytes_max / 2
        {
            self.wake_ingress(key);
        }
    }

    /// Lets bulk go on that waited for the session to hold less.
    pub(crate) fn wake_starved(&mut self) {
        if !self.starved.is_empty() && self.gauge.streams() <= bulk_share(self.limits.resident_bytes_max) {
            std::mem::take(&mut self.starved).into_iter().for_each(|key| self.wake_ingress(key));
        }
    }

    /// The same for one sender or receiver.
    pub(crate) fn wake_starved_of(&mut self, key: Key<Participant>) {
        let peer = &mut self.peers.all[key];
        if !peer.starved.is_empty()
            && peer.held_bytes <= bulk_share(self.limits.resident_bytes_per_publisher_max)
            && peer.waiting_bytes <= bulk_share(self.limits.waiting_bytes_per_receiver_max)
        {
            std::mem::take(&mut peer.starved).into_iter().for_each(|key| self.wake_ingress(key));
        }
    }

    /// Has the sender push what was left again, if it waits for that.
    pub(crate) fn wake_ingress(&mut self, key: Key<Group>) {
        if let Some(group) = self.groups.get_mut(key)
            && group.waiting.take().is_some()
        {
            self.peers.wake_ingress(IngressId(key));
        }
    }
}

fn remember(starved: &mut Vec<Key<Group>>, key: Key<Group>) {
    if !starved.contains(&key) {
        starved.push(key);
    }
}

/// Bulk may take this much of a bound; the other half is for what cannot wait.
const fn bulk_share(bytes_max: usize) -> usize {
    bytes_max / 2
}
