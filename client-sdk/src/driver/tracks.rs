use super::messages::MESSAGE_TRACK;
use super::parking::Parked;
use super::requests::{Pending, PublishThen, Publishing, Subscribing};
use super::state::State;
use crate::MemberId;
use crate::error::{DriveError, PublishError, RequestError, SubscribeError};
use crate::event::{Event, Refused};
use crate::inbox::Inbox;
use crate::lease::LeaseId;
use crate::limits::{DATAGRAMS_QUEUED_MAX, GROUPS_QUEUED_MAX};
use crate::track::{Delivery, OwnPath, OwnTrack, RemoteTrack, TrackState};
use crate::transport::IncomingGroup;
use bytes::Bytes;
use isi_e2ee::Sealer;
use isi_wire::{
    Audience, ClientMessage, DatagramHeader, DeliveryClass, ParticipantId, ResetCode, TrackAlias,
    TrackEndReason, TrackId, TrackInfo, TrackKind, TrackReport,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Streams that came before the message that announces their track. Beyond it the oldest is stopped.
const EARLY_GROUPS_MAX: usize = 8;

/// One's own tracks, those of others, and where what they carry goes.
pub(super) struct Tracks {
    next_id: u32,
    pub(super) own: HashMap<TrackId, Own>,
    pub(super) remote: HashMap<TrackAlias, TrackInfo>,
    /// Those that the app was told of.
    pub(super) shown: HashSet<TrackAlias>,
    pub(super) routes: HashMap<TrackAlias, Route>,
    pub(super) parked: Vec<Parked>,
    early: VecDeque<IncomingGroup>,
}

pub(super) struct Own {
    /// `None` while the connection is lost.
    pub(super) alias: Option<TrackAlias>,
    pub(super) kind: TrackKind,
    pub(super) state: Arc<TrackState>,
    pub(super) lease: Option<LeaseId>,
}

/// Where a track goes that somebody receives.
pub(super) struct Route {
    /// As the receiver knows it: the alias may be another by now.
    pub(super) track: RemoteTrack,
    inbox: RouteInbox,
}

/// The receiver's end is the same queue.
enum RouteInbox {
    Groups(Inbox<IncomingGroup>),
    Datagrams(Inbox<Bytes>),
}

impl Default for Tracks {
    fn default() -> Self {
        Self {
            next_id: MESSAGE_TRACK.0 + 1,
            own: HashMap::new(),
            remote: HashMap::new(),
            shown: HashSet::new(),
            routes: HashMap::new(),
            parked: Vec::new(),
            early: VecDeque::new(),
        }
    }
}

impl Tracks {
    /// Whether this member sends something.
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// A track id that this membership has not used.
    pub(super) fn draw_id(&mut self) -> TrackId {
        let id = TrackId(self.next_id);
        // The keyring refuses more sealers long before this wraps.
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn own_by(&self, alias: TrackAlias) -> Option<&Own> {
        self.own.values().find(|own| own.alias == Some(alias))
    }

    fn inbox(&self, alias: TrackAlias) -> Option<&RouteInbox> {
        self.routes.get(&alias).map(|route| &route.inbox)
    }
}

impl Tracks {
    /// Nothing of this track reaches a receiver any more.
    pub(super) fn close_route(&mut self, alias: TrackAlias) -> Option<Route> {
        self.routes.remove(&alias).inspect(Route::close)
    }
}

impl Route {
    pub(super) fn close(&self) {
        match &self.inbox {
            RouteInbox::Groups(groups) => groups.close(),
            RouteInbox::Datagrams(datagrams) => datagrams.close(),
        }
    }
}

impl State {
    pub(super) fn publish(&mut self, kind: TrackKind, audience: Audience, then: PublishThen) {
        if let Err(busy) = self.check_room() {
            return self.publish_failed(then, PublishError::Request(busy));
        }
        if !self.role_allows(self.me, kind) {
            return self.publish_failed(then, PublishError::RoleForbids);
        }
        let track = self.tracks.draw_id();
        let Ok(sealer) = Sealer::new(&self.group.keyring(), track, kind) else {
            return self.publish_failed(then, PublishError::TooManyTracks);
        };
        let publishing = Publishing { track, kind, sealer, state: Arc::default(), then };
        let class = class_of(kind);
        self.request(Pending::Publish(Box::new(publishing)), |request| ClientMessage::Publish {
            request,
            track,
            kind,
            class,
            audience,
        });
    }

    pub(super) fn published(&mut self, publishing: Publishing, alias: TrackAlias) {
        let Publishing { track, kind, sealer, state, then } = publishing;
        state.connect(OwnPath { window: self.window.clone(), alias });
        let own = OwnTrack { track, sealer, state: Arc::clone(&state) };
        let (is_wanted, lease) = match then {
            PublishThen::Track(reply) => (reply.send(Ok(own)).is_ok(), None),
            PublishThen::Ticks(lease) => (self.ticks_published(lease, track, alias, own.sealer), None),
            PublishThen::Drive(lease, reply) if self.driving(lease, &state) => {
                (reply.send(Ok(own)).is_ok(), Some(lease))
            }
            PublishThen::Drive(_, reply) => {
                let _ = reply.send(Err(DriveError::NoLease));
                (false, None)
            }
        };
        self.tracks.own.insert(track, Own { alias: Some(alias), kind, state, lease });
        self.record_sharing(track, kind);
        if !is_wanted {
            self.unpublish(track);
        }
        self.follow_pace();
    }

    pub(super) fn has_own_tracks(&self) -> bool {
        !self.tracks.own.is_empty()
    }

    /// Whoever asked for the track is told that there is none.
    pub(super) fn publish_failed(&mut self, then: PublishThen, error: PublishError) {
        match then {
            PublishThen::Track(reply) => drop(reply.send(Err(error))),
            PublishThen::Drive(_, reply) => drop(reply.send(Err(DriveError::Publish(error)))),
            PublishThen::Ticks(lease) => self.ticks_lost(lease),
        }
    }

    /// The tracks that this member publishes.
    pub(super) fn own_tracks(&self) -> Vec<(TrackId, TrackKind)> {
        self.tracks.own.iter().map(|(track, own)| (*track, own.kind)).collect()
    }

    pub(super) fn unpublish(&mut self, track: TrackId) {
        if let Some(own) = self.tracks.own.remove(&track) {
            own.state.end();
            own.alias.into_iter().for_each(|alias| self.send_control(&ClientMessage::Unpublish { alias }));
            self.record_sharing_end(track, own.kind);
        }
    }

    /// Registers the queue before the relay is asked, so that the first group finds it.
    pub(super) fn subscribe(&mut self, track: RemoteTrack, subscribing: Subscribing) {
        let alias = track.alias;
        if let Err(error) = self.check_subscription(track) {
            return subscribing.answer(Err(error));
        }
        let inbox = match &subscribing {
            Subscribing::Groups(groups, _) => RouteInbox::Groups(groups.clone()),
            Subscribing::Datagrams(datagrams, _) => RouteInbox::Datagrams(datagrams.clone()),
        };
        self.tracks.routes.insert(alias, Route { track, inbox });
        self.request(Pending::Subscribe(alias, subscribing), |request| ClientMessage::Subscribe {
            request,
            alias,
        });
    }

    fn check_subscription(&self, track: RemoteTrack) -> Result<(), SubscribeError> {
        let info = self.tracks.remote.get(&track.alias).filter(|info| !info.directed);
        if !info.is_some_and(|info| self.remote_track(info) == Some(track))
            || !self.role_allows(track.member, track.kind)
        {
            return Err(SubscribeError::NoSuchTrack);
        }
        if self.tracks.is_received(track) {
            return Err(SubscribeError::AlreadySubscribed);
        }
        Ok(self.check_room()?)
    }

    pub(super) fn subscribed(
        &mut self,
        alias: TrackAlias,
        subscribing: Subscribing,
        result: Result<(), RequestError>,
    ) {
        if result.is_err() {
            self.tracks.routes.remove(&alias);
        }
        subscribing.answer(result.map_err(SubscribeError::Request));
    }

    pub(super) fn unsubscribe(&mut self, track: RemoteTrack) {
        self.tracks.parked.retain(|parked| !parked.route.track.is_same(track));
        if let Some(alias) = self.tracks.alias_of(track) {
            self.tracks.routes.remove(&alias);
            self.send_control(&ClientMessage::Unsubscribe { alias });
        }
    }

    pub(super) fn request_keyframe(&mut self, track: RemoteTrack) {
        if let Some(alias) = self.tracks.alias_of(track) {
            self.send_control(&ClientMessage::RequestKeyframe { alias });
        }
    }

    pub(super) fn keyframe_wanted(&mut self, alias: TrackAlias) {
        if let Some(own) = self.tracks.own_by(alias).filter(|own| own.state.want_keyframe()) {
            self.events.send(Event::KeyframeRequested(own.kind));
        }
    }

    /// A report about a track that is gone meanwhile says nothing.
    pub(super) fn track_reported(&mut self, report: TrackReport) {
        if let Some(own) = self.tracks.own_by(report.alias) {
            own.state.set_delivery(Delivery::new(report, |participant| self.people.member_of(participant)));
        }
    }

    pub(super) fn track_added(&mut self, info: TrackInfo) {
        self.tracks.remote.insert(info.alias, info);
        self.show_track(&info);
        let early = std::mem::take(&mut self.tracks.early);
        early.into_iter().for_each(|group| self.handle_group(group));
    }

    pub(super) fn track_removed(&mut self, alias: TrackAlias, reason: TrackEndReason) {
        let own = self.tracks.own.extract_if(|_, own| own.alias == Some(alias)).next();
        if let Some((track, own)) = own {
            own.state.end();
            self.record_sharing_end(track, own.kind);
            if let Some(lease) = own.lease {
                // The driven side's track to the driver: that one is gone. The driver's: it can send no more.
                self.input_cut(lease);
                self.drop_lease(lease);
            }
        }
        if let Some(info) = self.tracks.remote.remove(&alias) {
            if reason == TrackEndReason::PublisherLeft && self.tracks.routes.contains_key(&alias) {
                self.park(alias);
            } else {
                self.hide_track(&info);
            }
            if info.directed && reason == TrackEndReason::OverBudget {
                self.input_track_cut(info.participant);
            }
        }
    }

    /// Tracks of a connection appear when it is known whose it is.
    pub(super) fn show_tracks_of(&mut self, participant: ParticipantId) {
        let theirs: Vec<_> =
            self.tracks.remote.values().filter(|info| info.participant == participant).copied().collect();
        theirs.iter().for_each(|info| self.show_track(info));
    }

    /// The member is gone; what it sends must not be taken for another's.
    pub(super) fn hide_tracks_of(&mut self, member: MemberId) {
        let theirs: Vec<_> = self
            .tracks
            .remote
            .values()
            .filter(|info| self.people.member_of(info.participant) == Some(member))
            .copied()
            .collect();
        for info in theirs {
            self.hide_track(&info);
            self.tracks.remote.remove(&info.alias);
        }
        self.end_parked(|parked| parked.route.track.member == member);
    }

    pub(super) fn remote_track(&self, info: &TrackInfo) -> Option<RemoteTrack> {
        let member = self.people.member_of(info.participant)?;
        Some(RemoteTrack { alias: info.alias, member, track: info.track, kind: info.kind, class: info.class })
    }

    /// A group's stream: to its receiver, to the lease, or kept until its track is announced.
    pub(super) fn handle_group(&mut self, group: IncomingGroup) {
        let alias = group.header.alias;
        if let Some(RouteInbox::Groups(groups)) = self.tracks.inbox(alias) {
            groups.push(group).into_iter().for_each(|oldest| oldest.stop(ResetCode::Stale));
            return;
        }
        match self.tracks.remote.get(&alias).copied() {
            Some(info) if info.directed && info.kind == TrackKind::Input => {
                self.handle_input_stream(self.people.member_of(info.participant), info.track, group);
            }
            Some(_) => group.stop(ResetCode::Unsubscribed),
            None => {
                if self.tracks.early.len() >= EARLY_GROUPS_MAX {
                    self.tracks
                        .early
                        .pop_front()
                        .into_iter()
                        .for_each(|oldest| oldest.stop(ResetCode::Unsubscribed));
                }
                self.tracks.early.push_back(group);
            }
        }
    }

    pub(super) fn handle_datagram(&mut self, datagram: Bytes) {
        // A datagram of a track that was just left is nobody's mistake, a malformed one the relay's: both are dropped.
        let Ok((header, object)) = DatagramHeader::decode(datagram) else {
            return self.events.refused(None, Refused::UnexpectedStream);
        };
        if let Some(RouteInbox::Datagrams(datagrams)) = self.tracks.inbox(header.alias) {
            let _ = datagrams.push(object);
        } else if let Some(info) = self.tracks.remote.get(&header.alias).filter(|info| info.directed).copied()
        {
            self.handle_directed_datagram(&info, object);
        }
    }

    /// The session is over: every handle learns it.
    pub(super) fn end_tracks(&mut self) {
        self.tracks.own.drain().for_each(|(_, own)| own.state.end());
        self.tracks.routes.drain().for_each(|(_, route)| route.close());
        self.tracks.parked.drain(..).for_each(|parked| parked.route.close());
    }
}

impl Subscribing {
    pub(super) fn groups(reply: crate::command::Reply<Inbox<IncomingGroup>, SubscribeError>) -> Self {
        Self::Groups(Inbox::new(GROUPS_QUEUED_MAX), reply)
    }

    pub(super) fn datagrams(reply: crate::command::Reply<Inbox<Bytes>, SubscribeError>) -> Self {
        Self::Datagrams(Inbox::new(DATAGRAMS_QUEUED_MAX), reply)
    }

    fn answer(self, result: Result<(), SubscribeError>) {
        match self {
            Self::Groups(groups, reply) => drop(reply.send(result.map(|()| groups))),
            Self::Datagrams(datagrams, reply) => drop(reply.send(result.map(|()| datagrams))),
        }
    }
}

/// SPEC.md section 2: kind and class go together.
pub(super) const fn class_of(kind: TrackKind) -> DeliveryClass {
    match kind {
        TrackKind::Screen | TrackKind::Video => DeliveryClass::Media,
        TrackKind::Audio | TrackKind::Pointer => DeliveryClass::Live,
        TrackKind::Input => DeliveryClass::Input,
        TrackKind::Message => DeliveryClass::Log,
        TrackKind::Document => DeliveryClass::Bulk,
    }
}
