use std::path::PathBuf;

use isi_client::{Event, Session, SessionMember};
use serde_json::json;

use super::{
    crowd::{self, Names},
    relay_failure,
    teller::Teller,
};
use crate::{
    args::PeopleArgs,
    clock::unix_s,
    failure::{Exit, Failure},
    known::{self, KnownPeople, Met},
    record::{Keeper, Prepared},
};

/// What a command does beside a session: says what happens, knows people again, keeps the record.
pub(super) struct Companion {
    pub(super) session: Session,
    pub(super) teller: Teller,
    pub(super) names: Names,
    /// `None` where there is no place for it.
    known: Option<PathBuf>,
    strict: bool,
    keeper: Option<Keeper>,
}

impl Companion {
    /// Begins: shows the session's code, and looks at everybody who is here.
    pub(super) async fn begin(
        session: Session,
        teller: Teller,
        people: &PeopleArgs,
        record: Option<Prepared>,
    ) -> Result<Self, Failure> {
        let known = match known::path_of(people.known_people.as_ref()) {
            Ok(path) => Some(path),
            Err(_) if !people.strict => None,
            Err(failure) => return Err(failure),
        };
        let keeper = match record {
            Some(prepared) => Some(Keeper::begin(prepared, &session).await?),
            None => None,
        };
        let names = Names::default();
        let mut this = Self { session, teller, names, known, strict: people.strict, keeper };
        let code = this.session.session_code().await.map_err(|error| relay_failure(&error))?;
        this.tell(&Event::EpochChanged(code));
        this.look_around().await?;
        Ok(this)
    }

    /// Tells an event, and looks at people who are new.
    pub(super) async fn follow(&mut self, event: &Event) -> Result<(), Failure> {
        let is_news = match event {
            Event::MemberJoined(id) => !self.names.knows(*id),
            // Everybody has another id now.
            Event::Rejoined { .. } => true,
            _ => false,
        };
        if is_news {
            self.look_around().await?;
        }
        self.tell(event);
        if let (Event::RecordingChanged { on: true, .. }, Some(keeper)) = (event, &self.keeper) {
            keeper.note_salt(&self.session).await?;
        }
        Ok(())
    }

    /// The session was left: the record's file gets its last line.
    pub(super) async fn end(self) -> Result<(), Failure> {
        match self.keeper {
            Some(keeper) => keeper.finish().await,
            None => Ok(()),
        }
    }

    /// The codes of the newest epochs, for who compares one that has changed meanwhile.
    pub(super) async fn tell_codes(&self) {
        for code in self.session.session_codes().await.unwrap_or_default() {
            let fields = json!({"epoch": code.epoch, "digits": code.digits});
            self.teller.tell("session-code", fields, &format!("  epoch {:5}: {code}", code.epoch));
        }
    }

    /// The digits to compare with somebody.
    pub(super) async fn tell_pair_code(&self, member: &SessionMember) {
        let Ok(Some(code)) = self.session.pair_code(member.id).await else { return };
        let name = crowd::code_of(member);
        let fields = json!({"who": member.subject, "digits": code.digits});
        self.teller.tell("pair-code", fields, &format!("* with {name} compare: {code}"));
    }

    /// The member with this short code.
    pub(super) async fn find(&self, code: &str) -> Result<SessionMember, String> {
        let members = self.session.members().await.map_err(|error| error.to_string())?;
        let found = crowd::find(&members, code).cloned();
        found.ok_or_else(|| format!("nobody or several begin with {code:?}"))
    }

    /// Who is here.
    pub(super) async fn tell_members(&self) -> Result<(), String> {
        for member in self.session.members().await.map_err(|error| error.to_string())? {
            let me = if member.id == self.session.me() { " (you)" } else { "" };
            let organizer = if member.is_organizer { ", organizer" } else { "" };
            let code = crowd::code_of(&member);
            let fields = json!({
                "who": member.subject, "role": format!("{:?}", member.role).to_lowercase(),
                "organizer": member.is_organizer, "online": member.is_online, "key": member.key_thumbprint,
            });
            self.teller.tell("member", fields, &format!("{code}{me}{organizer}"));
        }
        Ok(())
    }

    fn tell(&self, event: &Event) {
        let Some(told) = self.names.tell(self.session.me(), event) else { return };
        let fields = match event {
            Event::EpochChanged(code) => json!({"epoch": code.epoch, "digits": code.digits}),
            Event::ConnectionLost { why } => json!({"why": why.to_string()}),
            _ => json!({"who": told.who}),
        };
        self.teller.tell(told.kind, fields, &told.line);
    }

    /// Learns names, and compares the keys of people whom this command has not seen yet.
    async fn look_around(&mut self) -> Result<(), Failure> {
        let members = self.session.members().await.map_err(|error| relay_failure(&error))?;
        let me = self.session.me();
        let is_new = |member: &&SessionMember| member.id != me && !self.names.knows(member.id);
        let new: Vec<_> = members.iter().filter(is_new).cloned().collect();
        self.names.learn(&members);
        for (member, met) in self.meet(new)? {
            if let Met::Changed { since, compared } = met {
                self.warn(&member, since, compared).await;
                if self.strict {
                    return Err(changed(&member));
                }
            }
        }
        Ok(())
    }

    fn meet(&self, members: Vec<SessionMember>) -> Result<Vec<(SessionMember, Met)>, Failure> {
        let Some(path) = self.known.as_ref().filter(|_| !members.is_empty()) else { return Ok(Vec::new()) };
        let now = unix_s();
        let met = KnownPeople::update(path, |people| {
            let meet = |member: SessionMember| {
                let met = people.meet(&member.issuer, &member.subject, &member.key_thumbprint, now);
                (member, met)
            };
            members.into_iter().map(meet).collect()
        });
        met.map_err(|error| Failure::of(Exit::Usage, &error))
    }

    async fn warn(&self, member: &SessionMember, since: u64, compared: bool) {
        let code = match self.session.pair_code(member.id).await {
            Ok(Some(code)) => code.to_string(),
            _ => "(not at hand: the person is gone)".to_owned(),
        };
        let fields = json!({
            "who": member.subject, "key": member.key_thumbprint, "known_since": since, "was_compared": compared,
            "digits": code,
        });
        let text =
            warning(crowd::code_of(member), &member.subject, unix_s().saturating_sub(since), compared, &code);
        self.teller.tell("key-changed", fields, &text);
    }
}

fn warning(name: &str, subject: &str, known_s: u64, compared: bool, code: &str) -> String {
    let days = known_s / 86_400;
    let before = if compared { ", with digits compared" } else { "" };
    let rule = "!!! ".to_owned() + &"-".repeat(90);
    format!(
        "{rule}
!!! THE KEY OF {name} IS NOT THE ONE IT HAD BEFORE (known for {days} days{before}).
!!! A new identity file does that. So does somebody in between who pretends to be {name}.
!!! Compare these 45 digits by voice, from one's screen to the other's:
!!!     {code}
!!! They are the same: `isi people trust {subject}`. They are not: leave, and tell the organizer.
{rule}"
    )
}

fn changed(member: &SessionMember) -> Failure {
    Failure::new(
        Exit::ChecksFailed,
        format!("the key of {} is not the one it had before", crowd::code_of(member)),
        format!("compare digits without --strict, then `isi people trust {}`", member.subject),
    )
}
