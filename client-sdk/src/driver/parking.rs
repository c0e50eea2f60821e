//! Tracks whose connection is lost, this member's or their publisher's, until it is back: handles live on.

use super::requests::Pending;
use super::state::State;
use super::tracks::{Own, Route, Tracks, class_of};
use crate::event::Event;
use crate::track::{OwnPath, RemoteTrack};
use isi_e2ee::MonotonicMs;
use isi_wire::{Audience, ClientMessage, TrackAlias, TrackId, TrackInfo};

/// How long a receiver waits for a track whose publisher has lost its connection. Beyond it the track has ended.
const PARKED_MS_MAX: u64 = 30_000;

/// A receiver that waits for its track. There are no more of them than receivers.
pub(super) struct Parked {
    pub(super) route: Route,
    /// `None` while this member's own connection is lost.
    until: Option<MonotonicMs>,
}

impl Tracks {
    /// Whether there is a receiver for this track.
    pub(super) fn is_received(&self, track: RemoteTrack) -> bool {
        self.alias_of(track).is_some() || self.parked.iter().any(|parked| parked.route.track.is_same(track))
    }

    /// What the relay calls a track that is received.
    pub(super) fn alias_of(&self, track: RemoteTrack) -> Option<TrackAlias> {
        self.routes.iter().find(|(_, route)| route.track.is_same(track)).map(|(alias, _)| *alias)
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.parked.iter().filter_map(|parked| parked.until).min()
    }
}

impl State {
    /// The publisher's connection is gone; it may come back.
    pub(super) fn park(&mut self, alias: TrackAlias) {
        let until = Some(MonotonicMs(self.clock.now().0.saturating_add(PARKED_MS_MAX)));
        let route = self.tracks.routes.remove(&alias);
        self.tracks.shown.remove(&alias);
        self.tracks.parked.extend(route.map(|route| Parked { route, until }));
    }

    /// A track is there that somebody has received before, by another connection: it is received again.
    pub(super) fn resume_route(&mut self, track: RemoteTrack, info: &TrackInfo) -> bool {
        if info.directed {
            return false;
        }
        let route = if let Some(before) = self.tracks.alias_of(track) {
            if before == track.alias {
                return true;
            }
            self.send_control(&ClientMessage::Unsubscribe { alias: before });
            self.tracks.shown.remove(&before);
            self.tracks.routes.remove(&before)
        } else {
            let parked = &mut self.tracks.parked;
            let place = parked.iter().position(|parked| parked.route.track.is_same(track));
            place.map(|place| parked.swap_remove(place).route)
        };
        let Some(route) = route else { return false };
        self.tracks.routes.insert(track.alias, route);
        self.request(Pending::Resubscribe(track.alias), |request| ClientMessage::Subscribe {
            request,
            alias: track.alias,
        });
        true
    }

    /// The relay does not give the track again.
    pub(super) fn not_resubscribed(&mut self, alias: TrackAlias) {
        if let Some(route) = self.tracks.routes.remove(&alias) {
            self.tracks.shown.remove(&alias);
            self.end_route(&route);
        }
    }

    pub(super) fn expire_parked(&mut self, now: MonotonicMs) {
        self.end_parked(|parked| parked.until.is_some_and(|until| now >= until));
    }

    pub(super) fn end_parked(&mut self, is_over: impl Fn(&Parked) -> bool) {
        for parked in self.tracks.parked.extract_if(.., |parked| is_over(parked)).collect::<Vec<_>>() {
            self.end_route(&parked.route);
        }
    }

    fn end_route(&self, route: &Route) {
        route.close();
        self.events.send(Event::TrackEnded(route.track));
    }

    /// This member's connection is lost: nothing comes or goes, and what nobody receives is not there.
    pub(super) fn tracks_disconnected(&mut self) {
        for own in self.tracks.own.values_mut() {
            own.alias = None;
            own.state.disconnect();
        }
        let routes = std::mem::take(&mut self.tracks.routes);
        for info in std::mem::take(&mut self.tracks.remote).into_values() {
            if self.tracks.shown.remove(&info.alias)
                && !routes.contains_key(&info.alias)
                && let Some(track) = self.remote_track(&info)
            {
                self.events.send(Event::TrackEnded(track));
            }
        }
        let parked = routes.into_values().map(|route| Parked { route, until: None });
        self.tracks.parked.extend(parked);
        self.tracks.parked.iter_mut().for_each(|parked| parked.until = None);
    }

    /// The connection is another: own tracks are published again. Receivers wait for theirs from now on.
    pub(super) fn tracks_reconnected(&mut self) {
        let until = Some(MonotonicMs(self.clock.now().0.saturating_add(PARKED_MS_MAX)));
        self.tracks.parked.iter_mut().for_each(|parked| parked.until = until);
        let own: Vec<_> = self.tracks.own.iter().map(|(track, own)| (*track, own.kind)).collect();
        for (track, kind) in own {
            self.request(Pending::Republish(track), |request| ClientMessage::Publish {
                request,
                track,
                kind,
                class: class_of(kind),
                audience: Audience::Everyone,
            });
        }
    }

    /// The relay has taken a track again; whoever receives it needs a new group.
    pub(super) fn republished(&mut self, track: TrackId, alias: TrackAlias) {
        let Some(own) = self.tracks.own.get_mut(&track) else {
            return self.send_control(&ClientMessage::Unpublish { alias });
        };
        own.alias = Some(alias);
        own.state.connect(OwnPath { window: self.window.clone(), alias });
        self.keyframe_wanted(alias);
    }

    pub(super) fn not_republished(&mut self, track: TrackId) {
        if let Some(Own { state, .. }) = self.tracks.own.remove(&track) {
            state.end();
        }
    }
}
