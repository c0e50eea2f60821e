use std::{collections::BTreeMap, sync::mpsc as blocking};

use isi_client::{
    AdmitPolicy, ApplicantId, ChangeError, DenyReason, Event, Events, LeaseRefusal, LeaseScope, MemberId,
    Role,
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{companion::Companion, crowd, keyboard::HELP, keyboard::Typed, relay_failure};
use crate::{
    failure::Failure,
    live::{ScreenOrder, apply_input},
};

/// How long a driver may drive before it has to ask again.
const LEASE: std::time::Duration = std::time::Duration::from_secs(600);

/// The person who shares, and organizes: who comes in, who drives, who organizes too.
pub(super) struct Host {
    pub(super) companion: Companion,
    pub(super) orders: blocking::Sender<ScreenOrder>,
    /// Whether whoever asks first may drive.
    pub(super) lend: bool,
    /// Beginnings of names of people to be made organizers.
    pub(super) organizers: Vec<String>,
    /// Who asks to be let in, by the account's name. Bounded by the organizers' client.
    pub(super) applicants: BTreeMap<String, ApplicantId>,
    pub(super) driven: Option<JoinHandle<()>>,
}

impl Host {
    /// Follows what happens and what is typed; comes back when the session is over.
    pub(super) async fn attend(&mut self, mut events: Events, mut typed: mpsc::Receiver<Typed>) -> Failure {
        loop {
            let done = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Event::Ended(reason)) => Err(relay_failure(&reason)),
                    Some(event) => self.follow(event).await,
                    None => Err(relay_failure(&isi_client::Disconnected::Over)),
                },
                Some(line) = typed.recv() => {
                    if let Err(problem) = self.obey(line).await {
                        self.companion.teller.say("not-done", &format!("* not done: {problem}"));
                    }
                    Ok(())
                }
            };
            if let Err(failure) = done {
                return failure;
            }
        }
    }

    async fn follow(&mut self, event: Event) -> Result<(), Failure> {
        self.companion.follow(&event).await?;
        match event {
            Event::LeaseRequested(who) => self.asked_to_drive(who).await,
            Event::JoinRequested { applicant, subject, role, .. } => {
                self.asked_to_come_in(applicant, subject, role)
            }
            Event::ApplicantGone(gone) => self.applicants.retain(|_, applicant| *applicant != gone),
            Event::MemberJoined(who) => self.promote_if_named(who).await,
            _ => {}
        }
        Ok(())
    }

    async fn asked_to_drive(&mut self, who: MemberId) {
        let is_free = self.driven.as_ref().is_none_or(JoinHandle::is_finished);
        if self.lend && is_free {
            return self.lend_to(who).await;
        }
        let name = self.companion.names.of(who);
        if is_free {
            let text = format!("* {name} asks to drive; type `lend {name}`, or share with --lend");
            return self.companion.teller.tell("lease-requested", json!({"who": name}), &text);
        }
        // Nobody is harmed if the answer does not arrive: whoever asked goes on waiting.
        let _ = self.companion.session.refuse_lease(who, LeaseRefusal::Busy).await;
    }

    async fn lend_to(&mut self, driver: MemberId) {
        let scope = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
        match self.companion.session.grant_lease(driver, scope, LEASE).await {
            Ok(input) => self.driven = Some(tokio::spawn(apply_input(input, self.orders.clone(), false))),
            Err(error) => self.companion.teller.say("not-lent", &format!("* not lent: {error}")),
        }
    }

    fn asked_to_come_in(&mut self, applicant: ApplicantId, subject: String, role: Role) {
        let name = crowd::short(&subject).to_owned();
        let role = format!("{role:?}").to_lowercase();
        let text = format!("* {name} asks to come in as {role}; type `admit {name}` or `deny {name}`");
        self.companion.teller.tell("join-requested", json!({"who": subject, "role": role}), &text);
        self.applicants.insert(subject, applicant);
    }

    async fn promote_if_named(&mut self, who: MemberId) {
        let members = self.companion.session.members().await.unwrap_or_default(); // over: told elsewhere
        let Some(member) = members.iter().find(|member| member.id == who) else { return };
        let is_named = self.organizers.iter().any(|name| member.subject.starts_with(name.as_str()));
        if is_named
            && !member.is_organizer
            && let Err(problem) = self.promote(who).await
        {
            let name = crowd::code_of(member);
            self.companion.teller.say("not-done", &format!("* {name} is no organizer: {problem}"));
        }
    }

    async fn promote(&self, who: MemberId) -> Result<(), ChangeError> {
        let members = self.companion.session.members().await.unwrap_or_default();
        // The list begins with the root organizer, and that is the one who shares.
        let me = self.companion.session.me();
        let others = members.iter().filter(|member| member.is_organizer && member.id != me);
        let list = [me].into_iter().chain(others.map(|member| member.id)).chain([who]);
        self.companion.session.set_organizers(list.collect()).await
    }

    async fn obey(&mut self, typed: Typed) -> Result<(), String> {
        let session = self.companion.session.clone();
        match typed {
            Typed::Who => self.companion.tell_members().await?,
            Typed::Codes => self.companion.tell_codes().await,
            Typed::Pair(code) => {
                let member = self.companion.find(&code).await?;
                self.companion.tell_pair_code(&member).await;
            }
            Typed::Admit(code) => session.admit(self.applicants(&code)?).await.map_err(text)?,
            Typed::Deny(code) => {
                session.deny(self.applicants(&code)?, DenyReason::Declined).await.map_err(text)?;
            }
            Typed::Remove(code) => {
                let member = self.companion.find(&code).await?;
                session.remove(member.id).await.map_err(text)?;
            }
            Typed::Organizer(code) => {
                let member = self.companion.find(&code).await?;
                self.promote(member.id).await.map_err(text)?;
            }
            Typed::Lend(code) => {
                let member = self.companion.find(&code).await?;
                self.lend_to(member.id).await;
            }
            Typed::Record(on) => session.set_recording(on).await.map_err(text)?,
            Typed::Ask => session.set_admit_policy(AdmitPolicy::Ask).await.map_err(text)?,
            Typed::Open => session.set_admit_policy(AdmitPolicy::InvitationHolders).await.map_err(text)?,
            Typed::Lock => session.set_admit_policy(AdmitPolicy::Locked).await.map_err(text)?,
            Typed::Help => self.companion.teller.say("help", HELP),
        }
        Ok(())
    }

    /// Who asks and is meant: all, or the one whose name begins so.
    fn applicants(&self, code: &str) -> Result<Vec<ApplicantId>, String> {
        let meant = self.applicants.iter().filter(|(subject, _)| code == "all" || subject.starts_with(code));
        let meant: Vec<_> = meant.map(|(_, applicant)| *applicant).collect();
        match meant.len() {
            0 => Err(format!("nobody asks whose name begins with {code:?}")),
            2.. if code != "all" => Err(format!("several ask whose names begin with {code:?}")),
            _ => Ok(meant),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
