use super::requests::Pending;
use super::state::State;
use crate::error::{Disconnected, PublishError, Refusal, RequestError};
use crate::event::Event;
use isi_wire::{LeaveReason, LogPosition, ParticipantId, RelayMessage, RequestId, TrackAlias};

impl State {
    /// One message of the relay.
    pub(super) fn handle_relay(&mut self, message: RelayMessage) -> Result<(), Disconnected> {
        match message {
            RelayMessage::Challenge { .. } | RelayMessage::Joined(_) => {
                return Err(Disconnected::RelayBrokeProtocol);
            }
            RelayMessage::Done { request } => return self.done(request),
            RelayMessage::Appended { request, .. } => return self.done(request),
            RelayMessage::Published { request, alias } => return self.handle_published(request, alias),
            RelayMessage::Refused { request, reason, position } => {
                return self.refused(request, Refusal::from_reason(reason), position);
            }
            // It says itself, signed, who it is.
            RelayMessage::ParticipantJoined { .. } => {}
            RelayMessage::ParticipantLeft { participant, reason } => {
                self.participant_left(participant, reason);
            }
            RelayMessage::TrackAdded(info) => self.track_added(info),
            RelayMessage::TrackRemoved { alias, reason } => self.track_removed(alias, reason),
            RelayMessage::KeyframeWanted { alias } => self.keyframe_wanted(alias),
            RelayMessage::LogGap { first, last } => {
                self.events.send(Event::Gap { entries: last.saturating_sub(first).saturating_add(1) });
            }
            // What was dropped is seen in the objects' own numbers.
            RelayMessage::Dropped { .. } => {}
            RelayMessage::TrackReport(report) => self.track_reported(report),
        }
        Ok(())
    }

    fn take_request(&mut self, request: RequestId) -> Result<Pending, Disconnected> {
        self.requests.take(request).ok_or(Disconnected::RelayBrokeProtocol)
    }

    fn done(&mut self, request: RequestId) -> Result<(), Disconnected> {
        match self.take_request(request)? {
            Pending::Simple(on_done) => on_done(Ok(())),
            Pending::Append(append) => (append.on_done)(Ok(())),
            Pending::Subscribe(alias, subscribing) => self.subscribed(alias, subscribing, Ok(())),
            Pending::Commit(change) => self.commit_appended(change),
            Pending::Refresh(token, on_done) => {
                self.fresh_token = Some(token);
                on_done(Ok(()));
            }
            Pending::Resubscribe(_) | Pending::Mark | Pending::Record => {}
            Pending::Publish(_) | Pending::Republish(_) => return Err(Disconnected::RelayBrokeProtocol),
        }
        Ok(())
    }

    fn handle_published(&mut self, request: RequestId, alias: TrackAlias) -> Result<(), Disconnected> {
        match self.take_request(request)? {
            Pending::Publish(publishing) => {
                self.published(*publishing, alias);
                Ok(())
            }
            Pending::Republish(track) => {
                self.republished(track, alias);
                Ok(())
            }
            Pending::Simple(_)
            | Pending::Append(_)
            | Pending::Subscribe(..)
            | Pending::Resubscribe(_)
            | Pending::Mark
            | Pending::Refresh(..)
            | Pending::Record
            | Pending::Commit(_) => Err(Disconnected::RelayBrokeProtocol),
        }
    }

    fn refused(
        &mut self,
        request: RequestId,
        refusal: Refusal,
        position: Option<LogPosition>,
    ) -> Result<(), Disconnected> {
        let error = RequestError::Refused(refusal);
        match self.take_request(request)? {
            Pending::Simple(on_done) | Pending::Refresh(_, on_done) => on_done(Err(error)),
            Pending::Append(append) => (append.on_done)(Err(error)),
            Pending::Republish(track) => self.not_republished(track),
            Pending::Resubscribe(alias) => self.not_resubscribed(alias),
            Pending::Mark => return self.not_marked(),
            Pending::Publish(publishing) => {
                self.publish_failed(publishing.then, PublishError::Request(error))
            }
            Pending::Subscribe(alias, subscribing) => self.subscribed(alias, subscribing, Err(error)),
            Pending::Commit(change) => self.commit_refused(change, error, position),
            Pending::Record => self.record_not_taken(error),
        }
        Ok(())
    }

    pub(super) fn participant_left(&mut self, participant: ParticipantId, reason: LeaveReason) {
        self.forget_applicant(participant);
        if let Some(member) = self.people.disconnect(participant) {
            self.member_disconnected(member, reason);
        }
    }
}
