//! Who is let in, who is not, and what applicants are told.

use isi_account::Role;
use isi_client::{
    AdmitPolicy, ApplicantId, ChangeError, DenyReason, Disconnected, Event, Invitation, InvitationStatus,
    InviteOptions, JoinError, MemberId, PolicyError, RevokeError, SUBJECTS_LISTED_MAX, Session, UnixSeconds,
};
use isi_testkit::{Person, World, unix_seconds, within};

async fn create(world: &World, admit: AdmitPolicy) -> Person {
    let mut options = world.options();
    options.admit = admit;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    let (session, events) = created.unwrap();
    Person { session, events }
}

async fn denied(world: &World, subject: &str, invitation: &Invitation) -> DenyReason {
    let joined = world.try_join(world.credentials(Role::Viewer, subject), invitation);
    match within(joined).await {
        Err(JoinError::Denied { reason }) => reason,
        other => panic!("not denied: {:?}", other.err()),
    }
}

async fn hear_applicant(person: &mut Person) -> (ApplicantId, String, Option<MemberId>) {
    person
        .hear(|event| match event {
            Event::JoinRequested { applicant, subject, already_in, .. } => {
                Some((*applicant, subject.clone(), *already_in))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn an_applicant_who_is_denied_hears_it_at_once() {
    let world = World::start();
    let mut root = create(&world, AdmitPolicy::Ask).await;
    let invitation = root.session.invite().await.unwrap();
    let deny = async {
        let (applicant, subject, already_in) = hear_applicant(&mut root).await;
        assert_eq!((subject.as_str(), already_in), ("asks", None));
        root.session.deny(vec![applicant], DenyReason::NotNow).await.unwrap();
        let gone =
            |event: &Event| matches!(event, Event::ApplicantGone(who) if *who == applicant).then_some(());
        root.hear(gone).await;
        let again = root.session.deny(vec![applicant], DenyReason::NotNow).await;
        assert_eq!(again, Err(ChangeError::NotThere));
    };
    let (reason, ()) = tokio::join!(denied(&world, "asks", &invitation), deny);
    assert_eq!(reason, DenyReason::NotNow);
}

#[tokio::test]
async fn an_applicant_that_goes_away_is_told_of() {
    let world = World::start();
    let mut root = create(&world, AdmitPolicy::Ask).await;
    let invitation = root.session.invite().await.unwrap();
    let applicant = tokio::select! {
        joined = world.try_join(world.credentials(Role::Viewer, "asks"), &invitation) => {
            panic!("{:?}", joined.err())
        }
        (applicant, ..) = hear_applicant(&mut root) => applicant,
    };
    let gone = |event: &Event| match event {
        Event::ApplicantGone(who) => Some(*who),
        _ => None,
    };
    assert_eq!(root.hear(gone).await, applicant);
    assert_eq!(root.session.admit(vec![applicant]).await, Err(ChangeError::NotThere));
}

#[tokio::test]
async fn every_limit_is_told_to_the_applicant() {
    let world = World::start();
    let root = world.create().await;
    let now = unix_seconds();
    let once = InviteOptions { uses_max: Some(1), ..InviteOptions::default() };
    let once = root.session.invite_with(once).await.unwrap();
    let over = InviteOptions { expires_at: Some(UnixSeconds(now)), ..InviteOptions::default() };
    let over = root.session.invite_with(over).await.unwrap();
    let only = InviteOptions::for_person("ann".into(), UnixSeconds(now + 60));
    let only = root.session.invite_with(only).await.unwrap();
    let back = root.session.invite().await.unwrap();
    root.session.revoke_invitation(back.id()).await.unwrap();
    let _ann = world.join(Role::Viewer, "ann", &once).await;
    for (invitation, reason) in [
        (&once, DenyReason::UsedUp),
        (&over, DenyReason::Expired),
        (&only, DenyReason::OtherPerson),
        (&back, DenyReason::Revoked),
    ] {
        assert_eq!(denied(&world, "bob", invitation).await, reason);
    }
    let states = root.session.invitations().await.unwrap();
    assert_eq!(
        states.iter().map(|state| state.status).collect::<Vec<_>>(),
        [
            InvitationStatus::UsedUp,
            InvitationStatus::Expired,
            InvitationStatus::Open,
            InvitationStatus::Revoked
        ]
    );
    assert_eq!(root.session.members().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_policy_changes_while_people_wait() {
    let world = World::start();
    let mut root = create(&world, AdmitPolicy::Locked).await;
    let invitation = root.session.invite().await.unwrap();
    assert_eq!(denied(&world, "early", &invitation).await, DenyReason::Locked);
    root.session.set_admit_policy(AdmitPolicy::Ask).await.unwrap();
    let open = async {
        hear_applicant(&mut root).await;
        root.session.set_admit_policy(AdmitPolicy::InvitationHolders).await.unwrap();
    };
    let (waits, ()) = tokio::join!(world.join(Role::Viewer, "waits", &invitation), open);
    assert_eq!(waits.session.members().await.unwrap().len(), 2);
}

#[tokio::test]
async fn listed_subjects_come_in_and_others_are_asked_about() {
    let world = World::start();
    let mut root = create(&world, AdmitPolicy::Subjects(["ann".to_owned()].into())).await;
    let invitation = root.session.invite().await.unwrap();
    let ann = world.join(Role::Viewer, "ann", &invitation).await;
    assert_eq!(ann.session.set_admit_policy(AdmitPolicy::Locked).await, Err(PolicyError::NotAnOrganizer));
    assert_eq!(ann.session.revoke_invitation(invitation.id()).await, Err(RevokeError::NotAnOrganizer));
    assert!(ann.session.invitations().await.unwrap().is_empty());
    let ask = async {
        let (applicant, subject, _) = hear_applicant(&mut root).await;
        assert_eq!(subject, "bob");
        root.session.deny(vec![applicant], DenyReason::Declined).await.unwrap();
    };
    let (reason, ()) = tokio::join!(denied(&world, "bob", &invitation), ask);
    assert_eq!(reason, DenyReason::Declined);
    let many = (0..=SUBJECTS_LISTED_MAX).map(|number| number.to_string()).collect();
    let refused = root.session.set_admit_policy(AdmitPolicy::Subjects(many)).await;
    assert_eq!(refused, Err(PolicyError::Subjects));
}

#[tokio::test]
async fn who_comes_again_takes_its_own_place() {
    let world = World::start();
    let mut root = world.create().await;
    let once = InviteOptions { uses_max: Some(1), ..InviteOptions::default() };
    let invitation = root.session.invite_with(once).await.unwrap();
    let mut first = world.join(Role::Viewer, "ann", &invitation).await;
    let before = root.member("ann").await;
    root.session.set_admit_policy(AdmitPolicy::Ask).await.unwrap();
    let admit = async {
        let (applicant, _, already_in) = hear_applicant(&mut root).await;
        assert_eq!(already_in, Some(before));
        root.session.admit(vec![applicant]).await.unwrap();
    };
    let (again, ()) = tokio::join!(world.join(Role::Viewer, "ann", &invitation), admit);
    let ended = |event: &Event| match event {
        Event::Ended(why) => Some(*why),
        _ => None,
    };
    assert_eq!(first.hear(ended).await, Disconnected::RemovedFromGroup);
    let members = root.session.members().await.unwrap();
    assert_eq!(members.len(), 2);
    assert_ne!(root.member("ann").await, before);
    assert_eq!(again.session.session_code().await.unwrap(), root.session.session_code().await.unwrap());
}
