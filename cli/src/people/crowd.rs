//! Who is who, and what happens, in words.

use std::collections::BTreeMap;

use isi_client::{Alarm, Event, LeaseEndReason, LeaseRefusal, MemberId, SessionMember, Standing};

/// Length of the short code of a member: enough to tell people in a session apart.
const CODE_LETTERS: usize = 4;
/// Short codes of people who have left, so that they can still be named. Beyond it the oldest is forgotten.
const NAMES_KEPT_MAX: usize = 4096;

/// A member's short code: the beginning of the account's name for it.
pub(super) fn code_of(member: &SessionMember) -> &str {
    short(&member.subject)
}

/// The beginning of an account's name for somebody.
pub(super) fn short(subject: &str) -> &str {
    subject.get(..CODE_LETTERS).unwrap_or(subject)
}

/// The one member with this short code; none when two share it.
pub(super) fn find<'a>(members: &'a [SessionMember], code: &str) -> Option<&'a SessionMember> {
    let mut matching = members.iter().filter(|member| member.subject.starts_with(code) && !code.is_empty());
    matching.next().filter(|_| matching.next().is_none())
}

/// Short codes, of those too who are gone.
#[derive(Default)]
pub(super) struct Names(BTreeMap<MemberId, String>);

/// An event in words: its kind for programs, whom it is about, and a line for people.
pub(super) struct Told {
    pub(super) kind: &'static str,
    pub(super) who: Option<String>,
    pub(super) line: String,
}

impl Names {
    pub(super) fn learn(&mut self, members: &[SessionMember]) {
        for member in members {
            self.0.insert(member.id, code_of(member).to_owned());
        }
        while self.0.len() > NAMES_KEPT_MAX {
            self.0.pop_first();
        }
    }

    pub(super) fn knows(&self, id: MemberId) -> bool {
        self.0.contains_key(&id)
    }

    pub(super) fn of(&self, id: MemberId) -> String {
        self.0.get(&id).map_or_else(|| "somebody".to_owned(), String::clone)
    }

    /// What an event says to a person; `None` for what concerns programs only.
    pub(super) fn tell(&self, me: MemberId, event: &Event) -> Option<Told> {
        let about = |kind, id: MemberId, text: &str| {
            let name = self.of(id);
            Some(Told { kind, line: format!("* {name} {text}"), who: Some(name) })
        };
        let plain = |kind, line: String| Some(Told { kind, who: None, line });
        match event {
            Event::MemberJoined(id) => about("member-joined", *id, "is here"),
            Event::MemberLeft(id) => about("member-left", *id, "left"),
            Event::MemberOffline(id) => about("member-offline", *id, "lost the connection, says the relay"),
            Event::OrganizersChanged(organizers) => {
                let names: Vec<_> = organizers.iter().map(|id| self.of(*id)).collect();
                plain("organizers", format!("* organizers now: {}", names.join(", ")))
            }
            Event::Message(message) if message.from == me => None,
            Event::Message(message) => {
                let private = if message.private { " (to you alone)" } else { "" };
                // Control characters of others would move the cursor of this terminal.
                let text: String = message.text.chars().filter(|letter| !letter.is_control()).collect();
                let name = self.of(message.from);
                let line = format!("{name}{private}: {text}");
                Some(Told { kind: "message", who: Some(name), line })
            }
            Event::LeaseGranted(lease) => about("lease-granted", lease.driver, "may drive"),
            Event::LeaseEnded { lease, reason } => {
                let line = format!("* nobody drives any more: {}", why_ended(*reason));
                Some(Told { kind: "lease-ended", who: Some(self.of(lease.driver)), line })
            }
            Event::LeaseRefused { from, reason } => about("lease-refused", *from, why_refused(*reason)),
            Event::LeaseHandOverRequested { to, .. } => {
                about("hand-over-requested", *to, "shall drive next, says the driver; `lend` does so")
            }
            Event::Missed { events } => {
                plain("missed", format!("* {events} events were missed: this program was too slow"))
            }
            Event::InputHeldBack { lease, events } => {
                let text = format!(
                    "had {events} input events dropped: too late, the network is slow or holds them back"
                );
                about("input-held-back", lease.driver, &text)
            }
            Event::EpochChanged(code) => {
                plain("session-code", format!("* compare this code (epoch {}): {code}", code.epoch))
            }
            Event::RecordingChanged { on: true, by } => {
                about("record-on", *by, "RECORDS this session: who comes and goes, drives and shares")
            }
            Event::RecordingChanged { on: false, by } => about("record-off", *by, "ended the record"),
            Event::StatementExpires { in_seconds } => {
                let line = format!(
                    "* your statement ends in {in_seconds} s; run `isi token refresh`, or you are taken out of the session"
                );
                plain("statement-expires", line)
            }
            Event::ClockSkew { member, seconds } => {
                about("clock-skew", *member, &format!("has a clock that is {seconds} s off this one"))
            }
            Event::RecordGap { first, last } => {
                plain("record-gap", format!("* entries {first} to {last} of the record did not come"))
            }
            Event::Gap { entries } => plain("gap", format!("* {entries} messages are lost")),
            Event::Refused { from: Some(from), why } => {
                about("refused", *from, &format!("is refused: {why}"))
            }
            Event::Refused { from: None, why } => plain("refused", format!("* refused: {why}")),
            Event::AlarmRaised(_) | Event::AlarmOver(_) | Event::StandingChanged(_) => self.tell_alarm(event),
            Event::ConnectionLost { .. } | Event::Reconnected | Event::Rejoined { .. } => {
                self.tell_connection(event)
            }
            _ => None,
        }
    }

    fn tell_connection(&self, event: &Event) -> Option<Told> {
        let (kind, who, line) = match event {
            Event::ConnectionLost { why } => {
                let line = format!("* the connection is lost ({why}); it is being made anew");
                ("connection-lost", None, line)
            }
            Event::Reconnected => {
                ("reconnected", None, "* the connection is back, and what was missed is read".to_owned())
            }
            Event::Rejoined { me } => {
                let text = "the connection is back, and you are in again as a newcomer: what you shared or drove is over";
                ("rejoined", Some(self.of(*me)), format!("* {text}"))
            }
            _ => return None,
        };
        Some(Told { kind, who, line })
    }

    fn tell_alarm(&self, event: &Event) -> Option<Told> {
        match event {
            Event::AlarmRaised(alarm) => {
                let (who, text) = self.alarm(alarm);
                Some(Told { kind: "alarm", who: Some(who), line: format!("!!! {text}") })
            }
            Event::AlarmOver(alarm) => {
                let (who, text) = self.alarm(alarm);
                Some(Told { kind: "alarm-over", who: Some(who), line: format!("* over: {text}") })
            }
            Event::StandingChanged(standing) => {
                let line = format!("* {}", standing_words(*standing));
                Some(Told { kind: "standing", who: None, line })
            }
            _ => None,
        }
    }

    /// Whom an alarm is about, and in words what is wrong.
    fn alarm(&self, alarm: &Alarm) -> (String, String) {
        let (who, text) = match alarm {
            Alarm::OrganizerSilent(who) => {
                (who, "nothing is heard from this organizer: lost, or kept away from you".to_owned())
            }
            Alarm::Forked(who) => (
                who,
                "follows another history: the relay lies to one of you, compare codes by voice".to_owned(),
            ),
            Alarm::ChangeWithheld(who) => {
                (who, "knows of a change that the relay has not shown you".to_owned())
            }
            Alarm::RemovalWithheld { by, of } => (
                by,
                format!("took {} out, and the relay holds that back: it still sees and hears", self.of(*of)),
            ),
            _ => return ("somebody".to_owned(), format!("something is wrong: {alarm:?}")),
        };
        let name = self.of(*who);
        let text = format!("{name}: {text}");
        (name, text)
    }
}

const fn standing_words(standing: Standing) -> &'static str {
    match (standing.confirmed, standing.input, standing.media) {
        (false, ..) => "waiting for a sign of life from the organizer who invited; nothing is sent before",
        (true, true, true) => "in touch with the organizers: input and screens go on",
        (true, false, true) => "out of touch with the organizers: nobody may drive until that is over",
        (true, _, false) => {
            "out of touch with the organizers for too long: nobody may drive or share until that is over"
        }
    }
}

const fn why_ended(reason: LeaseEndReason) -> &'static str {
    match reason {
        LeaseEndReason::Expired => "its time is over",
        LeaseEndReason::Revoked => "it was taken back",
        LeaseEndReason::Released => "it was given up",
        LeaseEndReason::Superseded => "somebody else may now",
        LeaseEndReason::DriverGone => "the driver is gone",
        _ => "the screen is not shared any more",
    }
}

const fn why_refused(reason: LeaseRefusal) -> &'static str {
    match reason {
        LeaseRefusal::Declined => "does not let you drive",
        LeaseRefusal::Busy => "lets somebody else drive",
        _ => "has no screen to drive",
    }
}
