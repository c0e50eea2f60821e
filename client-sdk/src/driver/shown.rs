//! Which tracks the app is told of: those whose member is known, and may have them.

use super::state::State;
use crate::MemberId;
use crate::event::{Event, Refused};
use crate::rights::may_publish;
use isi_wire::{TrackInfo, TrackKind};

impl State {
    pub(super) fn show_track(&mut self, info: &TrackInfo) {
        let Some(track) = self.remote_track(info) else { return };
        if !self.role_allows(track.member, track.kind) {
            self.events.refused(Some(track.member), Refused::RoleForbids(track.kind));
        } else if self.resume_route(track, info) {
            self.tracks.shown.insert(info.alias);
        } else if !info.directed {
            self.tracks.shown.insert(info.alias);
            self.events.send(Event::TrackAvailable(track));
        }
    }

    pub(super) fn hide_track(&mut self, info: &TrackInfo) {
        let route = self.tracks.close_route(info.alias);
        let is_shown = self.tracks.shown.remove(&info.alias);
        // As its receiver knows it.
        let track = route.map(|route| route.track).or_else(|| self.remote_track(info));
        if let Some(track) = track.filter(|_| is_shown) {
            self.events.send(Event::TrackEnded(track));
        }
    }

    /// The relay lets through what it likes: the role in the member's statement is what counts.
    pub(super) fn role_allows(&self, member: MemberId, kind: TrackKind) -> bool {
        let member = self.group.member(member.leaf);
        member.is_some_and(|member| may_publish(member.role, kind))
    }

    /// A merged commit may bring a member another statement: tracks that its role does not allow any more are gone.
    pub(super) fn judge_tracks(&mut self) {
        let shown = self.tracks.shown.iter().filter_map(|alias| self.tracks.remote.get(alias));
        for info in shown.copied().collect::<Vec<_>>() {
            let Some(track) = self.remote_track(&info) else { continue };
            if !self.role_allows(track.member, track.kind) {
                self.hide_track(&info);
                self.events.refused(Some(track.member), Refused::RoleForbids(track.kind));
            }
        }
    }
}
