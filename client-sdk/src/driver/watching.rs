//! Heartbeats: this member's own, what those of others say, and what follows from it.

use super::state::State;
use crate::MemberId;
use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::event::{Event, Refused};
use isi_e2ee::{
    BeatAudience, EpochChange, HEARTBEAT_FIRST_BYTE, Heartbeat, HeartbeatError, LeaseEndReason, MonotonicMs,
    Pace, Standing, Trouble, Watch, WatchEvent,
};
use isi_wire::{Audience, EntryKind, LogEntry};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// What heartbeats say about the organizers, and so about the relay.
pub(super) struct Watching {
    watch: Watch,
    /// Who is meant, as it was when the alarm was raised: members that are gone since have no name any more.
    alarms: BTreeMap<Trouble, Alarm>,
    /// For the handles.
    standing: watch::Sender<Standing>,
}

impl Watching {
    pub(super) const fn new(watch: Watch, standing: watch::Sender<Standing>) -> Self {
        Self { watch, alarms: BTreeMap::new(), standing }
    }

    /// For the same client as another member.
    pub(super) fn again(&self, watch: Watch) -> Self {
        self.standing.send_replace(watch.standing());
        Self::new(watch, self.standing.clone())
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.watch.next_deadline()
    }

    pub(super) const fn standing(&self) -> Standing {
        self.watch.standing()
    }
}

impl State {
    pub(super) fn is_heartbeat(entry: &LogEntry) -> bool {
        Self::is_beat(&entry.payload)
    }

    pub(super) fn is_beat(payload: &[u8]) -> bool {
        payload.first() == Some(&HEARTBEAT_FIRST_BYTE)
    }

    /// Somebody's heartbeat. Who sent it, says its signature; the relay's word counts for nothing.
    pub(super) fn handle_heartbeat(&mut self, entry: &LogEntry) {
        let now = self.clock.now();
        let heard = self.read_heartbeat(entry).and_then(|beat| {
            let repeated = |_| HeartbeatError::Repeated(beat.leaf);
            self.watching.watch.hear(&beat, now).map_err(repeated)
        });
        if let Err(error) = heard {
            let from = self.people.member_of(entry.sender);
            self.events.refused(from, Refused::Heartbeat(error));
        }
        self.judge_watch(now);
    }

    fn read_heartbeat(&self, entry: &LogEntry) -> Result<Heartbeat, HeartbeatError> {
        self.group.read_heartbeat(&entry.payload, |vouch| self.watching.watch.wants(vouch), Clock::unix())
    }

    /// Sends a heartbeat if one is due, and says what has changed.
    pub(super) fn watch_due(&mut self, now: MonotonicMs) {
        self.follow_pace();
        self.judge_watch(now);
        // With full queues nothing would reach anybody in time; the next one is due soon.
        if self.watching.watch.is_due(now) {
            self.beat(now);
        }
    }

    fn beat(&mut self, now: MonotonicMs) {
        let mut nonce = [0; 8];
        if getrandom::fill(&mut nonce).is_err() {
            return;
        }
        let expels = self.removals_under_way().into_iter().map(|member| member.leaf).collect();
        let (draft, audience) = self.watching.watch.beat(nonce, expels, now);
        if self.check_room().is_err() {
            return;
        }
        let bytes = self.group.sign_heartbeat(&draft, Clock::unix());
        self.watching.watch.sent(&bytes, now);
        let audience = match audience {
            BeatAudience::Everyone => Audience::Everyone,
            BeatAudience::Organizers => Audience::Organizers,
        };
        self.append_payload(EntryKind::Message, audience, bytes.into(), super::requests::nobody());
    }

    /// Who shares, drives or is driven is heard by all.
    pub(super) fn follow_pace(&mut self) {
        let pace = if self.has_own_tracks() { Pace::Active } else { Pace::Passive };
        self.watching.watch.set_pace(pace, self.clock.now());
    }

    /// A merged commit. Newcomers wait for an organizer's word that this is the group they were invited to.
    pub(super) fn watch_enters_epoch(&mut self, change: &EpochChange) {
        let now = self.clock.now();
        self.watching.watch.enter_epoch(self.group.view(), &change.removed, now);
        if self.group.is_organizer() && change.organizers_changed {
            self.watching.watch.beat_now(now);
        } else if self.group.is_organizer() && !change.added.is_empty() {
            self.watching.watch.beat_soon(now);
        }
        if self.watching.watch.is_due(now) {
            self.beat(now);
        }
        self.judge_watch(now);
    }

    fn judge_watch(&mut self, now: MonotonicMs) {
        let before = self.watching.watch.standing();
        for event in self.watching.watch.poll(now) {
            match event {
                WatchEvent::Began(trouble) => {
                    let Some(alarm) = self.alarm(trouble) else { continue };
                    self.watching.alarms.insert(trouble, alarm);
                    self.events.send(Event::AlarmRaised(alarm));
                }
                WatchEvent::Ended(trouble) => {
                    let alarm = self.watching.alarms.remove(&trouble);
                    alarm.into_iter().for_each(|alarm| self.events.send(Event::AlarmOver(alarm)));
                }
                WatchEvent::Standing(standing) => self.standing_changed(before, standing),
            }
        }
    }

    fn standing_changed(&mut self, before: Standing, now: Standing) {
        self.watching.standing.send_replace(now);
        if now.confirmed && !before.confirmed {
            self.announce(Audience::Everyone);
        }
        if (now.input, now.media) != (before.input, before.media) {
            self.events.send(Event::StandingChanged(now));
        }
        if !now.input {
            self.end_given(LeaseEndReason::OutOfTouch);
            self.stop_driving(LeaseEndReason::OutOfTouch);
        }
    }

    /// `None` when it is about somebody whom this member does not know.
    fn alarm(&self, trouble: Trouble) -> Option<Alarm> {
        let member = |leaf| -> Option<MemberId> { self.people.at(leaf) };
        Some(match trouble {
            Trouble::Silent(leaf) => Alarm::OrganizerSilent(member(leaf)?),
            Trouble::Forked(leaf) => Alarm::Forked(member(leaf)?),
            Trouble::Withheld(leaf) => Alarm::ChangeWithheld(member(leaf)?),
            Trouble::RemovalWithheld { by, of } => {
                Alarm::RemovalWithheld { by: member(by)?, of: member(of)? }
            }
            _ => return None,
        })
    }
}
