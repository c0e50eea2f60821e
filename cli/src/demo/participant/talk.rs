//! What a participant writes to all and to one.

use std::{sync::Arc, time::Duration};

use isi_client::{MemberId, Session};

use super::{POLL, POLLS_MAX, board::Board};
use crate::clock::{monotonic_us, sleep_until_us};

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(300);
/// Nothing is begun so shortly before the end, so that it is over by then.
const REST_US: u64 = 150_000;

/// What is said, and when.
pub(super) struct Speech {
    /// Beginning, on the monotonic clock.
    pub(super) begin_us: u64,
    /// End, on the monotonic clock.
    pub(super) end_us: u64,
    /// To all.
    pub(super) public: String,
    /// Subject and text.
    pub(super) private: Option<(String, String)>,
}

/// A text that says for whom it is, so that whoever else gets it knows.
pub(super) fn address(to: &str, text: &str) -> String {
    format!("for {to}: {text}")
}

/// Whether a text is for one, and that one is not this subject: then it has leaked, however it came.
pub(super) fn is_for_another(subject: &str, text: &str) -> bool {
    text.strip_prefix("for ").and_then(|text| text.split_once(": ")).is_some_and(|(to, _)| to != subject)
}

/// Says it again and again until the end.
pub(super) async fn talk(session: Session, speech: Speech, board: Arc<Board>) {
    sleep_until_us(speech.begin_us).await;
    while monotonic_us() + REST_US < speech.end_us {
        match session.send(speech.public.clone()).await {
            Ok(()) => board.change(|counts| counts.messages_sent += 1),
            Err(error) => board.trouble(&format!("a message was not sent: {error}")),
        }
        if let Some((to, text)) = &speech.private {
            whisper(&session, to, text, &board).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn whisper(session: &Session, to: &str, text: &str, board: &Board) {
    let Some(member) = find_online(session, to).await else {
        board.trouble("the receiver of private messages is not there");
        return;
    };
    match session.send_private(member, text).await {
        Ok(()) => board.change(|counts| counts.private_sent += 1),
        Err(error) => board.trouble(&format!("a private message was not sent: {error}")),
    }
}

/// The member of this subject, once its connection is known.
pub(super) async fn find_online(session: &Session, subject: &str) -> Option<MemberId> {
    for _ in 0..POLLS_MAX {
        let members = session.members().await.ok()?;
        if let Some(member) = members.iter().find(|member| member.subject == subject && member.is_online) {
            return Some(member.id);
        }
        tokio::time::sleep(POLL).await;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_text_tells_for_whom_it_is() {
        assert!(!is_for_another("ab", &address("ab", "psst")));
        assert!(is_for_another("a", &address("ab", "psst")));
        assert!(is_for_another("cd", &address("ab", "psst")));
        assert!(!is_for_another("cd", "from ab: hello all"));
    }
}
