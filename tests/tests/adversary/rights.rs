//! More than one's token allows, and more than one's place in the group allows.

use crate::rogue::{PERSON_0, Rogue, upload};
use isi_account::Role;
use isi_client::{Event, PublishError, Refused};
use isi_e2ee::{HandshakeError, ProposalKind, RuleViolation};
use isi_testkit::{Client, World};
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, RefuseReason, RelayMessage, RequestId, TrackId, TrackKind,
    Welcome,
};

async fn refusal(client: &mut Client, request: RequestId) -> RefuseReason {
    client
        .hear(|message| match message {
            RelayMessage::Refused { request: answered, reason, .. } if answered == request => Some(reason),
            RelayMessage::Published { .. } | RelayMessage::Appended { .. } => panic!("accepted: {message:?}"),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_viewer_shares_a_screen() {
    let world = World::start();
    let (mut root, [viewer]) = world.people([Role::Viewer]).await;
    assert_eq!(viewer.session.publish_screen().await.unwrap_err(), PublishError::RoleForbids);
    let mut raw = world.relay.join(Role::Viewer, world.session).await;
    let request = raw.request();
    let (kind, class, audience) = (TrackKind::Screen, DeliveryClass::Media, Audience::Everyone);
    raw.say(&ClientMessage::Publish { request, track: TrackId(1), kind, class, audience }).await;
    assert_eq!(refusal(&mut raw, request).await, RefuseReason::Forbidden);
    viewer.session.send("sorry").await.unwrap();
    root.hear_text("sorry").await;
}

/// The relay lets it through, or is in league with it: what counts is the role in the member's statement.
#[tokio::test]
async fn a_viewer_with_a_participants_token_shares_a_screen() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue =
        Rogue::join_with_token(&world, Role::Participant, Role::Viewer, "rogue", &invitation).await;
    root.until_online(3).await;
    other.until_online(3).await;
    let request = rogue.client.request();
    let (kind, class, audience) = (TrackKind::Screen, DeliveryClass::Media, Audience::Everyone);
    rogue.client.say(&ClientMessage::Publish { request, track: TrackId(2), kind, class, audience }).await;
    rogue
        .client
        .hear(|message| {
            matches!(message, RelayMessage::Published { request: r, .. } if r == request).then_some(())
        })
        .await;
    for person in [&mut root, &mut other] {
        let rogue = person.member("rogue").await;
        let refused = person
            .hear(|event| match event {
                Event::Refused { from, why } => Some((*from, *why)),
                Event::TrackAvailable(track) => panic!("shown: {track:?}"),
                _ => None,
            })
            .await;
        assert_eq!(refused, (Some(rogue), Refused::RoleForbids(TrackKind::Screen)));
    }
    other.session.send("who was that?").await.unwrap();
    root.hear_text("who was that?").await;
}

/// Whoever writes may upload a commit, since it may have fresh keys for itself. It lets nobody in by one, keeps nobody from
/// committing for long, and what is in it the members judge.
#[tokio::test]
async fn a_participant_uploads_commits() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let mut raw = world.relay.join(Role::Participant, world.session).await;
    let mut expected = raw.joined.position;
    let welcome = Some(Welcome { participants: vec![raw.id()], payload: "welcome".into() });
    let refused = upload(&mut raw, expected, "commit".into(), welcome).await;
    assert_eq!(refused, Err(RefuseReason::Forbidden));
    let mut taken = 0;
    let refused = loop {
        match upload(&mut raw, expected, "commit".into(), None).await {
            Ok(sequence) => expected.last_handshake = sequence,
            Err(refused) => break refused,
        }
        taken += 1;
    };
    assert_eq!((refused, (1..20).contains(&taken)), (RefuseReason::Limit, true), "{taken}");
    root.session.rotate().await.unwrap();
    for person in [&mut root, &mut other] {
        for _ in 0..taken {
            let none = Refused::Handshake(HandshakeError::Malformed);
            assert_eq!(person.hear_refused().await, (None, none));
        }
        person.hear(|event| matches!(event, Event::EpochChanged(_)).then_some(())).await;
    }
}

/// The relay lets it through: an account service may give any token to anybody. The members do not.
#[tokio::test]
async fn a_member_that_is_no_organizer_removes_another() {
    let world = World::start();
    let (mut root, [victim, mut other]) = world.people([Role::Participant; 2]).await;
    let invitation = root.session.invite().await.unwrap();
    let (token, role) = (Role::Organizer, Role::Participant);
    let mut rogue = Rogue::join_with_token(&world, token, role, "rogue", &invitation).await;
    for person in [&mut root, &mut other] {
        person.until_online(4).await;
    }
    let epoch = root.session.session_code().await.unwrap().epoch;
    let commit = rogue.commit_removal(PERSON_0);
    rogue.upload(commit, None).await;
    let why = HandshakeError::Refused(RuleViolation::NeedsOrganizer(ProposalKind::RemoveOther));
    for person in [&mut root, &mut other] {
        let from = person.member("rogue").await;
        assert_eq!(person.hear_refused().await, (Some(from), Refused::Handshake(why)));
        assert_eq!(person.session.session_code().await.unwrap().epoch, epoch);
    }
    // Who it was about is still there, and the organizer can do what the rogue could not.
    victim.session.send("still here").await.unwrap();
    root.hear_text("still here").await;
    root.session.remove(root.member("rogue").await).await.unwrap();
    other.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    assert_eq!(victim.session.members().await.unwrap().len(), 3);
}
