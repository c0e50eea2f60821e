//! Commits that are none, come twice, or come too late. The relay cannot tell; the members can.

use crate::liar::{Fate, Liar};
use crate::rogue::{Rogue, mls, upload};
use bytes::Bytes;
use isi_account::Role;
use isi_client::{Alarm, Event, Refused};
use isi_e2ee::{HandshakeError, OpenError, SessionCode};
use isi_testkit::{Person, World};
use isi_wire::{EntryKind, LogPosition};
use std::time::Duration;

async fn assert_one_epoch(people: [&mut Person; 2], epoch: u64) {
    let [one, other] = people;
    for person in [&mut *one, &mut *other] {
        while person.session.session_code().await.unwrap().epoch < epoch {
            person.hear(|event| matches!(event, Event::EpochChanged(_)).then_some(())).await;
        }
    }
    let code = one.session.session_code().await.unwrap();
    assert_eq!((other.session.session_code().await.unwrap(), code.epoch), (code, epoch));
}

/// An organizer, a participant, and a rogue whom the relay takes for an organizer; all know each other's connections.
async fn scene() -> (World, Person, Person, Rogue) {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let (token, role) = (Role::Organizer, Role::Participant);
    let rogue = Rogue::join_with_token(&world, token, role, "rogue", &invitation).await;
    for person in [&mut root, &mut other] {
        person.until_online(3).await;
    }
    (world, root, other, rogue)
}

/// Whoever may upload commits uploads garbage, and is quicker than the organizer.
#[tokio::test]
async fn garbage_commit() {
    let (_world, mut root, mut other, mut rogue) = scene().await;
    let epoch = rogue.epoch();
    let (genuine, _) = rogue.commit(mls::commit_data(3, &[]), |builder| builder);
    let mut damaged = genuine.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let garbage: [(Bytes, _); 2] =
        [("garbage".into(), HandshakeError::Malformed), (damaged.into(), HandshakeError::Invalid)];
    for (commit, _) in &garbage {
        let expected = LogPosition { last_handshake: rogue.last_handshake, ..rogue.client.joined.position };
        rogue.last_handshake = upload(&mut rogue.client, expected, commit.clone(), None).await.unwrap();
    }
    // The organizer's has not seen them yet: it meets a conflict, reads on and tries again.
    root.session.rotate().await.unwrap();
    for person in [&mut root, &mut other] {
        let from = person.member("rogue").await;
        for (_, why) in garbage.clone() {
            assert_eq!(person.hear_refused().await, (Some(from), Refused::Handshake(why)));
        }
    }
    assert_one_epoch([&mut root, &mut other], epoch + 1).await;
}

/// Two commits for one epoch, both valid: the first counts for everybody.
#[tokio::test]
async fn second_commit_for_an_epoch() {
    let (_world, mut root, mut other, mut rogue) = scene().await;
    let epoch = rogue.epoch();
    let (late, _) = rogue.commit(mls::commit_data(3, &[]), |builder| builder);
    root.session.rotate().await.unwrap();
    rogue.follow_commit().await;
    rogue.upload(late, None).await;
    let why = HandshakeError::WrongEpoch { ours: epoch + 1, theirs: epoch };
    for person in [&mut root, &mut other] {
        let from = person.member("rogue").await;
        assert_eq!(person.hear_refused().await, (Some(from), Refused::Handshake(why)));
    }
    assert_one_epoch([&mut root, &mut other], epoch + 1).await;
}

async fn entered(person: &mut Person, epoch: u64) -> SessionCode {
    person
        .hear(|event| match event {
            Event::EpochChanged(code) if code.epoch == epoch => Some(code.clone()),
            _ => None,
        })
        .await
}

/// The organizer's heartbeats say that there is another commit.
async fn assert_withheld(victim: &mut Person) {
    let withheld = Alarm::ChangeWithheld(victim.member("root").await);
    let alarm = |event: &Event| match event {
        Event::AlarmRaised(alarm) => Some(*alarm),
        _ => None,
    };
    assert_eq!(victim.hear(alarm).await, withheld);
}

/// The relay gives somebody two commits the wrong way round, and numbers that say the opposite.
#[tokio::test(start_paused = true)]
async fn reordered_commits() {
    let liar = Liar::start();
    let (mut root, [mut victim]) = liar.people([Role::Participant]).await;
    let epoch = root.session.session_code().await.unwrap().epoch;
    let mut commits = 0;
    liar.lies.about_entries(move |delivery| {
        let is_roots = (delivery.from, delivery.entry.kind) == ("root", EntryKind::Commit);
        if delivery.to != "person-0" || !is_roots {
            return Fate::Deliver;
        }
        commits += 1;
        if commits > 1 {
            return Fate::Deliver;
        }
        delivery.entry.sequence += 1_000;
        Fate::Hold
    });
    let mut codes = Vec::new();
    for next in [epoch + 1, epoch + 2] {
        root.session.rotate().await.unwrap();
        codes.push(entered(&mut root, next).await);
    }
    let from = victim.member("root").await;
    let why = HandshakeError::WrongEpoch { ours: epoch, theirs: epoch + 1 };
    assert_eq!(victim.hear_refused().await, (Some(from), Refused::Handshake(why)));
    assert_eq!(victim.session.session_code().await.unwrap().epoch, epoch);
    liar.lies.release();
    assert_eq!(entered(&mut victim, epoch + 1).await, codes[0]);
    assert_withheld(&mut victim).await;
}

/// The relay keeps somebody in an epoch, and says nothing that would show it.
#[tokio::test(start_paused = true)]
async fn withheld_commits() {
    let liar = Liar::start();
    let (mut root, [mut victim]) = liar.people([Role::Participant]).await;
    let code = victim.session.session_code().await.unwrap();
    liar.lies.about_entries(|delivery| match delivery.entry.kind {
        EntryKind::Commit if delivery.to == "person-0" => Fate::Drop,
        _ => Fate::Deliver,
    });
    root.session.rotate().await.unwrap();
    entered(&mut root, code.epoch + 1).await;
    root.session.send("in the new epoch").await.unwrap();
    let from = victim.member("root").await;
    let unknown = Refused::Object(OpenError::UnknownEpoch);
    assert_eq!(victim.hear_refused().await, (Some(from), unknown));
    assert_withheld(&mut victim).await;
    assert_eq!(victim.session.session_code().await.unwrap(), code);

    // What was withheld is gone: once the relay tells the truth there is a gap, and the way in again is by the lobby.
    liar.lies.confess();
    root.session.send("the truth").await.unwrap();
    victim.hear(|event| matches!(event, Event::Rejoined { .. }).then_some(())).await;
    root.until_online(2).await;
    root.session.send("welcome back").await.unwrap();
    victim.hear_text("welcome back").await;
}

/// The relay gives a member that comes back nothing of what it missed, and says in the log that there was nothing.
#[tokio::test(start_paused = true)]
async fn commits_withheld_from_who_comes_back() {
    let liar = Liar::start();
    let (mut root, [mut victim]) = liar.people([Role::Participant]).await;
    let epoch = root.session.session_code().await.unwrap().epoch;
    // Something that the victim was shown, for what it has read to be known.
    root.session.rotate().await.unwrap();
    entered(&mut victim, epoch + 1).await;
    liar.lies.about_entries(|_| Fate::Deliver);
    liar.plug(1, false);
    root.session.rotate().await.unwrap();
    entered(&mut root, epoch + 2).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    liar.plug(1, true);
    let is_back = victim.hear(|event| match event {
        Event::Rejoined { .. } => Some(true),
        Event::Reconnected => Some(false),
        _ => None,
    });
    assert!(is_back.await, "it counts as up to date, one epoch behind");
}
