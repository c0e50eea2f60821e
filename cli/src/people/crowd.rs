//! Who is who, for people who read a terminal.

use isi_client::{Event, MemberId, Session, SessionMember};

/// Length of the short code of a member: enough to tell people in a session apart.
const CODE_LETTERS: usize = 4;

/// A member's short code: the beginning of the account's name for it.
pub(super) fn code_of(member: &SessionMember) -> &str {
    member.subject.get(..CODE_LETTERS).unwrap_or(&member.subject)
}

/// The short code of a member, if it is still there.
pub(super) async fn name_of(session: &Session, id: MemberId) -> String {
    let members = session.members().await.unwrap_or_default(); // over: the end is told elsewhere
    members
        .iter()
        .find(|member| member.id == id)
        .map_or("somebody".to_owned(), |member| code_of(member).to_owned())
}

/// The one member with this short code; none when two share it.
pub(super) fn find<'a>(members: &'a [SessionMember], code: &str) -> Option<&'a SessionMember> {
    let mut matching = members.iter().filter(|member| member.subject.starts_with(code) && !code.is_empty());
    matching.next().filter(|_| matching.next().is_none())
}

/// What an event says to a person; `None` for what concerns programs only.
pub(super) async fn line_of(session: &Session, event: &Event) -> Option<String> {
    Some(match event {
        Event::MemberJoined(id) => format!("* {} is here", name_of(session, *id).await),
        Event::MemberLeft(_) => "* somebody left".to_owned(),
        Event::Message(message) if message.from == session.me() => return None,
        Event::Message(message) => {
            let private = if message.private { " (to you alone)" } else { "" };
            // Control characters of others would move the cursor of this terminal.
            let text: String = message.text.chars().filter(|letter| !letter.is_control()).collect();
            format!("{}{private}: {text}", name_of(session, message.from).await)
        }
        Event::LeaseGranted(lease) => format!("* {} may drive", name_of(session, lease.driver).await),
        Event::LeaseEnded { .. } => "* nobody drives any more".to_owned(),
        Event::EpochChanged(code) => format!("* compare this code: {code}"),
        Event::Gap { entries } => format!("* {entries} messages are lost"),
        Event::Refused { why, .. } => format!("* refused: {why}"),
        _ => return None,
    })
}
