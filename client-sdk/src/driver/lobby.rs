//! Between the relay's door and the group: ask to be let in, wait for the Welcome.

use crate::clock::Clock;
use crate::error::{Disconnected, JoinError, Refusal};
use crate::limits::LOBBY_MESSAGES_MAX;
use crate::transport::{FrameReader, Link, Opened};
use isi_e2ee::{DenyReason, Group, PendingMember, WelcomeRefused};
use isi_wire::{Audience, ClientMessage, EntryKind, LogEntry, LogUpload, RelayMessage, RequestId, ResetCode};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often the request is repeated: an organizer may come after the applicant.
const JOIN_REQUEST_INTERVAL: Duration = Duration::from_secs(2);

/// How often a request is made anew with another key package, if its Welcome was lost. Beyond it the join fails.
const RENEWALS_MAX: u32 = 3;

/// What the lobby ends with.
pub(super) struct Admitted {
    pub(super) group: Group,
    /// Sequence number of the commit that let this member in.
    pub(super) last_handshake: u64,
    pub(super) log: FrameReader,
    /// What the relay said meanwhile, for the driver.
    pub(super) backlog: Vec<RelayMessage>,
}

/// Waits until an organizer's Welcome is accepted. The caller bounds the time.
pub(super) async fn wait_for_welcome(
    link: &mut Link,
    pending: &mut PendingMember,
    clock: Clock,
) -> Result<Admitted, JoinError> {
    let mut log: Option<FrameReader> = None;
    let mut backlog = Vec::new();
    let mut next_request = 0;
    let mut renewals = 0;
    let mut again = interval(JOIN_REQUEST_INTERVAL);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            frame = link.control.next() => {
                let frame = frame.map_err(JoinError::Refused)?;
                note(&mut backlog, RelayMessage::decode(frame).map_err(|_| broken())?)?;
            }
            entry = next_entry(&mut log) => {
                let entry = entry?;
                if entry.kind == EntryKind::JoinAnswer && answered(pending, &entry, &mut renewals)? {
                    again.reset_immediately();
                }
                if entry.kind == EntryKind::Welcome && let Some(group) = accept(pending, &entry, clock)? {
                    let acknowledge = ClientMessage::AcknowledgeWelcome { sequence: entry.sequence };
                    link.control_out.push(|out| acknowledge.encode(out));
                    let log = log.take().ok_or_else(broken)?;
                    return Ok(Admitted { group, last_handshake: entry.last_handshake, log, backlog });
                }
            }
            flushed = link.log_out.flush(), if !link.log_out.is_empty() => flushed.map_err(JoinError::Refused)?,
            opened = link.incoming.next() => match opened.map_err(JoinError::Refused)? {
                Opened::Log(reader) if log.is_none() => log = Some(reader),
                Opened::Log(_) => return Err(broken()),
                Opened::Group(group) => group.stop(ResetCode::Unsubscribed),
                Opened::Nothing => {}
            },
            _ = again.tick() => {
                let payload = pending.join_request().into();
                let request = RequestId(next_request);
                next_request += 1;
                let upload = LogUpload::Append { request, kind: EntryKind::JoinRequest, audience: Audience::Organizers, payload };
                link.log_out.push(|out| upload.encode(out));
            }
        }
    }
}

async fn next_entry(log: &mut Option<FrameReader>) -> Result<LogEntry, JoinError> {
    let Some(reader) = log else { return std::future::pending().await };
    let frame = reader.next().await.map_err(JoinError::Refused)?;
    LogEntry::decode(frame).map_err(|_| broken())
}

/// Answers to join requests are used up here; everything else is the driver's.
fn note(backlog: &mut Vec<RelayMessage>, message: RelayMessage) -> Result<(), JoinError> {
    match message {
        RelayMessage::Refused { reason, .. } => return Err(JoinError::Request(Refusal::from_reason(reason))),
        RelayMessage::Appended { .. } => {}
        _ if backlog.len() >= LOBBY_MESSAGES_MAX => return Err(broken()),
        other => backlog.push(other),
    }
    Ok(())
}

/// An organizer does not let this client in, or not with this key package. What nobody with the invitation has made counts
/// nothing. Says whether there is another request to send.
fn answered(pending: &mut PendingMember, entry: &LogEntry, renewals: &mut u32) -> Result<bool, JoinError> {
    match pending.read_answer(&entry.payload) {
        Some(DenyReason::AskAgain) if *renewals < RENEWALS_MAX => {
            *renewals += 1;
            pending.renew()?;
            Ok(true)
        }
        Some(reason) => Err(JoinError::Denied { reason }),
        None => Ok(false),
    }
}

/// `None` for a Welcome that is another's.
fn accept(pending: &mut PendingMember, entry: &LogEntry, clock: Clock) -> Result<Option<Group>, JoinError> {
    match pending.join(&entry.payload, Clock::unix(), clock.now()) {
        Ok(group) => Ok(Some(group)),
        Err(WelcomeRefused::NotForUs) => Ok(None),
        Err(error) => Err(JoinError::Welcome(error)),
    }
}

const fn broken() -> JoinError {
    JoinError::Refused(Disconnected::RelayBrokeProtocol)
}
