//! A member that was removed, and keeps every key it had.

use crate::liar::Liar;
use crate::rogue::{MESSAGES, NOW, PERSON_0, Rogue, is_heartbeat, post};
use crate::scene::text;
use isi_account::Role;
use isi_client::{Event, Refused};
use isi_e2ee::{Expected, OpenError, Opener, Transport};
use isi_testkit::{Connected, World, close_code, send};
use isi_wire::{CloseCode, EntryKind, TrackKind};

#[tokio::test]
async fn a_removed_member_comes_back_with_a_fresh_token_and_a_fresh_key() {
    let world = World::start();
    let (root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let rogue = Rogue::join(&world, Role::Participant, "rogue", &invitation).await;
    let subject = isi_testkit::subject_of(&rogue.client.public_key());
    root.session.remove(root.member("rogue").await).await.unwrap();
    assert_eq!(close_code(&rogue.client.connection).await, CloseCode::Kicked);

    let mut again = Connected::dial(&world.relay).await;
    let claims = world.relay.claims(Role::Organizer, world.session, &subject, &again.public_key()).jti("2");
    let nonces = again.hello().await;
    let join = again.join_message(&world.relay.sign(&claims), "2", &world.relay.origin(), nonces);
    send(&mut again.control, &join).await;
    assert_eq!(close_code(&again.connection).await, CloseCode::Kicked);

    root.session.send("among us").await.unwrap();
    other.hear_text("among us").await;
}

#[tokio::test]
async fn a_removed_member_reads_and_writes_on_through_an_accomplice() {
    let world = World::start();
    let (mut root, [person]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut removed = Rogue::join(&world, Role::Participant, "rogue", &invitation).await;
    let mut accomplice = world.relay.join(Role::Viewer, world.session).await;
    let gone = root.member("rogue").await;
    root.session.remove(gone).await.unwrap();
    root.hear(|event| matches!(event, Event::MemberLeft(left) if *left == gone).then_some(())).await;

    person.session.send("without you").await.unwrap();
    let after = loop {
        let entry = accomplice.log.next().await;
        if entry.kind == EntryKind::Message && !is_heartbeat(&entry) {
            break entry.payload;
        }
    };
    // Its keys are those of the epoch before...
    let expected = Expected { group: Some(0), transport: Transport::Log };
    let mut opener = Opener::new(&removed.keyring, PERSON_0, MESSAGES, TrackKind::Message);
    assert_eq!(opener.open(NOW, expected, after.clone()).unwrap_err(), OpenError::UnknownEpoch);
    // ...and to call them those of the next makes them no others.
    let renamed = removed.keyring_with(|input| input.epoch += 1);
    let mut opener = Opener::new(&renamed, PERSON_0, MESSAGES, TrackKind::Message);
    assert_eq!(opener.open(NOW, expected, after).unwrap_err(), OpenError::BadTag);

    let late = removed.seal_message(&text("I never left"));
    post(&mut accomplice, late).await;
    let nobody = OpenError::NotAMember(removed.leaf());
    assert_eq!(root.hear_refused().await, (None, Refused::Object(nobody)));
    person.session.send("anyway").await.unwrap();
    root.hear_text("anyway").await;
}

/// Objects of the epoch before still count for some seconds, since they may be on their way; those of whoever is removed do not.
#[tokio::test(start_paused = true)]
async fn a_removed_member_within_the_grace() {
    let liar = Liar::start();
    let (mut root, [mut other]) = liar.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let role = Role::Participant;
    let relays = liar.accomplice(role).await;
    let mut stays = Rogue::join_over(relays, &liar.world, role, "stays", &invitation).await;
    let relays = liar.accomplice(role).await;
    let mut removed = Rogue::join_over(relays, &liar.world, role, "rogue", &invitation).await;
    stays.follow_commit().await;
    let mut accomplice = liar.accomplice(Role::Viewer).await;
    for person in [&mut root, &mut other] {
        person.until_online(4).await;
    }
    // Both are sealed before the removal, and arrive behind it.
    let (late, honest) =
        (removed.seal_message(&text("one last word")), stays.seal_message(&text("as I said")));
    root.session.remove(root.member("rogue").await).await.unwrap();
    for person in [&mut root, &mut other] {
        person.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    }
    post(&mut accomplice, late).await;
    for person in [&mut root, &mut other] {
        let nobody = OpenError::NotAMember(removed.leaf());
        assert_eq!(person.hear_refused().await, (None, Refused::Object(nobody)));
    }
    post(&mut stays.client, honest).await;
    for person in [&mut root, &mut other] {
        assert_eq!(person.hear_text("as I said").await, person.member("stays").await);
    }
}
