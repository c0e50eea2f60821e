//! Who comes, who goes, who is made to go.

use crate::arena::Key;
use crate::budgets::{
    ANNOUNCEMENTS_BURST_MAX, ANNOUNCEMENTS_PER_SECOND_MAX, ARRIVALS_TOLD_MS, CROWD_MIN,
    MEMBER_COMMITS_BURST_MAX, MEMBER_COMMITS_PER_SECOND_MAX, SEND_BURST_BYTES_MIN,
};
use crate::log_queue::LogQueue;
use crate::pace::Bucket;
use crate::participant::{Outbox, Participant, StreamEnd};
use crate::timers::Timer;
use crate::{Grants, JoinParams, JoinRefused, Session, Timestamp, Write};
use isi_wire::{
    Audience, CloseCode, Joined, LeaveReason, ParticipantId, RefuseReason, RelayMessage, ResetCode,
    TrackAlias, TrackEndReason,
};
use std::collections::BTreeMap;

impl Session {
    /// Lets somebody in whose token and proof the shell has verified, and tells the others. The answer is the
    /// first thing to write to the new control stream.
    ///
    /// Entries of the log since `resume` follow; all there are, if it names another life of the log.
    ///
    /// # Errors
    /// [`JoinRefused`]: close the connection with its code.
    pub fn join(&mut self, now: Timestamp, params: JoinParams) -> Result<Joined, JoinRefused> {
        self.check_join(&params)?;
        let participants = self.peers.not_departed().map(|peer| peer.id).collect();
        self.announce_arrival(now, params.participant);
        let key = self.peers.insert(Participant {
            id: params.participant,
            subject: params.subject,
            grants: params.grants,
            closing: None,
            departed: false,
            awake: false,
            tracks: BTreeMap::new(),
            lanes: BTreeMap::new(),
            outbox: Outbox::default(),
            log: LogQueue::default(),
            held_bytes: 0,
            waiting_bytes: 0,
            starved: Vec::new(),
            path: None,
            pace: sending_bucket(&params.grants, now),
            commits: Bucket::new(MEMBER_COMMITS_PER_SECOND_MAX, MEMBER_COMMITS_BURST_MAX, now),
            announcements: Bucket::new(ANNOUNCEMENTS_PER_SECOND_MAX, ANNOUNCEMENTS_BURST_MAX, now),
        });
        self.resume_log(key, params.resume);
        let peer = &self.peers.all[key];
        Ok(Joined {
            participant: params.participant,
            position: self.log.position(),
            next_sequence: self.log.next_sequence(),
            expires_in_s: params.expires_in_s,
            participants,
            tracks: self
                .tracks
                .iter()
                .filter(|track| !track.ending && track.is_for(peer))
                .map(|track| track.info())
                .collect(),
        })
    }

    /// In a crowd, writers are woken for many arrivals at once.
    fn announce_arrival(&mut self, now: Timestamp, participant: ParticipantId) {
        let message = RelayMessage::ParticipantJoined { participant };
        let others = self.peers.select(|_| true);
        if others.len() < CROWD_MIN {
            return self.peers.tell_each(&others, &message);
        }
        others.into_iter().for_each(|key| self.peers.tell_later(key, message.clone()));
        self.timers.arm(Timer::Arrivals, now.plus_us(ARRIVALS_TOLD_MS * 1_000));
    }

    /// The time of [`ARRIVALS_TOLD_MS`] is over.
    pub(crate) fn tell_arrivals(&mut self) {
        let waiting = self.peers.select(|peer| !peer.outbox.control.is_empty());
        waiting.into_iter().for_each(|key| self.peers.wake(key));
    }

    fn check_join(&self, params: &JoinParams) -> Result<(), JoinRefused> {
        if self.closed.is_some() {
            return Err(JoinRefused::Closed);
        }
        if self.barred.contains(&params.subject) {
            return Err(JoinRefused::Barred);
        }
        if self.peers.key(params.participant).is_some() {
            return Err(JoinRefused::DuplicateParticipant);
        }
        if self.peers.len() >= self.limits.participants_max {
            return Err(JoinRefused::Full);
        }
        Ok(())
    }

    /// Forgets somebody whose connection has ended, or whom the shell closes. The others get `reason`, unless
    /// they know already. Call it once for everybody who joined; afterwards the id means nothing.
    pub fn leave(&mut self, _now: Timestamp, participant: ParticipantId, reason: LeaveReason) {
        let Some(key) = self.peers.key(participant) else { return };
        self.depart(key, reason, CloseCode::Done);
        let Some(peer) = self.peers.remove(key) else { return };
        for end in peer.outbox.ends {
            if let StreamEnd::StopIngress(ingress, _) = end {
                self.groups.remove(ingress.0);
            }
        }
    }

    /// Ends the session for everyone: each gets [`Write::Close`] with `code`, nobody comes in any more.
    pub fn close(&mut self, _now: Timestamp, code: CloseCode) {
        self.closed.get_or_insert(code);
        let everyone = self.peers.select(|_| true);
        everyone.iter().for_each(|key| self.peers.close(*key, code));
        let aliases: Vec<_> = self.tracks.iter().map(|track| track.alias).collect();
        for alias in aliases {
            self.end_track(alias, TrackEndReason::PublisherLeft, ResetCode::TrackEnded);
        }
        self.log.clear(&mut self.gauge);
        self.timers.disarm(Timer::LogRecent);
        self.timers.disarm(Timer::Welcome);
    }

    /// Takes over the grants of a refreshed token. Tracks that they no longer cover end.
    pub fn update_grants(&mut self, now: Timestamp, participant: ParticipantId, grants: Grants) {
        let Some(key) = self.peers.present(participant) else { return };
        let peer = &mut self.peers.all[key];
        if peer.grants.bits_per_second_max != grants.bits_per_second_max {
            peer.pace = sending_bucket(&grants, now);
        }
        peer.grants = grants;
        self.end_uncovered_tracks(key);
    }

    fn end_uncovered_tracks(&mut self, key: Key<Participant>) {
        let peer = &self.peers.all[key];
        let kind = |alias: &TrackAlias| self.tracks.get(*alias).map(|track| track.kind);
        let published: Vec<_> = peer
            .tracks
            .values()
            .copied()
            .filter(|alias| kind(alias).is_some_and(|kind| !peer.grants.publish.contains(kind)))
            .collect();
        let received: Vec<_> = peer
            .lanes
            .iter()
            .filter(|(alias, _)| !self.tracks.get(**alias).is_some_and(|track| track.is_for(peer)))
            .map(|(_, lane)| *lane)
            .collect();
        for alias in published {
            self.end_track(alias, TrackEndReason::Unpublished, ResetCode::TrackEnded);
        }
        for lane in received {
            self.drop_lane(lane, Some(ResetCode::Unsubscribed));
        }
    }

    /// Removes a participant's subject from the session and bars it.
    pub(crate) fn kick(&mut self, by: Key<Participant>, whom: ParticipantId) -> Result<(), RefuseReason> {
        if !self.peers.all[by].grants.controls.kick {
            return Err(RefuseReason::Forbidden);
        }
        let target = self.peers.present(whom).ok_or(RefuseReason::NotFound)?;
        let subject = self.peers.all[target].subject;
        if self.barred.len() >= self.limits.barred_subjects_max {
            return Err(RefuseReason::Limit);
        }
        self.barred.insert(subject);
        for key in self.peers.select(|peer| peer.subject == subject) {
            self.depart(key, LeaveReason::Kicked, CloseCode::Kicked);
        }
        Ok(())
    }

    /// Takes somebody out of the session: its tracks end, the others are told, its connection is closed.
    /// Its record stays until [`leave`](Self::leave).
    pub(crate) fn depart(&mut self, key: Key<Participant>, reason: LeaveReason, code: CloseCode) {
        let peer = &mut self.peers.all[key];
        if std::mem::replace(&mut peer.departed, true) {
            return;
        }
        let id = peer.id;
        self.peers.close(key, code);
        self.end_tracks_of(key);
        self.peers.all[key].log = LogQueue::default();
        let others = self.peers.select(|_| true);
        self.peers.tell_each(&others, &RelayMessage::ParticipantLeft { participant: id, reason });
    }

    fn end_tracks_of(&mut self, key: Key<Participant>) {
        let peer = &self.peers.all[key];
        let (id, published) = (peer.id, peer.tracks.values().copied().collect::<Vec<_>>());
        for alias in published {
            self.end_track(alias, TrackEndReason::PublisherLeft, ResetCode::TrackEnded);
        }
        let directed: Vec<_> = self
            .tracks
            .iter()
            .filter(|track| track.audience == Audience::One(id))
            .map(|track| track.alias)
            .collect();
        for alias in directed {
            self.end_track(alias, TrackEndReason::ReceiverLeft, ResetCode::TrackEnded);
        }
        let lanes: Vec<_> = self.peers.all[key].lanes.values().copied().collect();
        for lane in lanes {
            self.drop_lane(lane, None);
        }
    }

    /// The last word to somebody who is being closed, once.
    pub(crate) fn next_close(&mut self, key: Key<Participant>) -> Option<Write> {
        let closing = self.peers.all[key].closing.as_mut()?;
        (!std::mem::replace(&mut closing.told, true)).then_some(Write::Close(closing.code))
    }
}

fn sending_bucket(grants: &Grants, now: Timestamp) -> Option<Bucket> {
    let bytes_per_second = grants.bits_per_second_max? / 8;
    Some(Bucket::new(bytes_per_second, bytes_per_second.max(SEND_BURST_BYTES_MIN), now))
}
