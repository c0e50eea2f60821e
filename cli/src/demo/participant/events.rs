//! What the SDK tells a participant.

use std::sync::Arc;

use isi_client::TrackKind;
use isi_client::{Event, Events, Lease, RemoteTrack, Session};
use tokio::sync::watch;

use super::{board::Board, talk};
use crate::live::view_frames;

/// Follows events until the session is over. Screens of others are subscribed and decoded.
pub(super) async fn follow(
    mut events: Events,
    session: Session,
    subject: String,
    board: Arc<Board>,
    lease: Arc<watch::Sender<Option<Lease>>>,
) {
    while let Some(event) = events.next().await {
        match event {
            Event::TrackAvailable(track) if track.kind() == TrackKind::Screen => {
                tokio::spawn(watch_screen(session.clone(), track, Arc::clone(&board)));
            }
            Event::Message(message) if message.from != session.me() => board.change(|counts| {
                counts.messages_received += 1;
                counts.log_sequence = counts.log_sequence.max(message.sequence);
                if talk::is_for_another(&subject, &message.text) {
                    counts.private_leaked += 1;
                }
            }),
            Event::LeaseGranted(granted) if granted.driver == session.me() => {
                lease.send_replace(Some(granted));
            }
            Event::LeaseEnded { lease: ended, reason }
                if [ended.driver, ended.driven].contains(&session.me()) =>
            {
                board.lease_ended(&format!("the lease ended: {reason:?}"));
            }
            Event::AlarmRaised(alarm) => {
                board.change(|counts| counts.alarms += 1);
                board.trouble(&format!("an alarm: {alarm:?}"));
            }
            Event::Refused { why, .. } => board.trouble(&format!("refused: {why}")),
            Event::Gap { entries } => board.trouble(&format!("{entries} entries of the log are missing")),
            Event::Missed { events } => board.trouble(&format!("{events} events were missed")),
            Event::Ended(reason) => board.trouble(&format!("the session ended: {reason}")),
            _ => {}
        }
    }
}

async fn watch_screen(session: Session, track: RemoteTrack, board: Arc<Board>) {
    match session.subscribe_screen(track).await {
        Ok(receiver) => {
            drop(view_frames(receiver, std::future::pending(), |view| board.frame_decoded(view)).await)
        }
        Err(error) => board.trouble(&format!("the screen cannot be viewed: {error}")),
    }
}
