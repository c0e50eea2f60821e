//! A relay that keeps people from each other. Nothing that it delivers is wrong; what it does not deliver is noticed, and who it
//! is that one does not hear is said by name.

use crate::liar::{Fate, Liar};
use crate::rogue::is_heartbeat;
use crate::scene::{KEYS, key};
use isi_account::Role;
use isi_client::{
    Alarm, Event, InputReceiver, InputSender, InputToApply, LeaseEndReason, MemberId, SessionCode,
};
use isi_testkit::{Person, within};
use isi_wire::EntryKind;
use std::time::Duration;
use tokio::time::Instant;

/// Silence of 15 s, and what is on its way meanwhile.
const SILENCE_MAX: Duration = Duration::from_millis(15_500);
/// 5 s, and a heartbeat's distance.
const MISSING_MAX: Duration = Duration::from_millis(7_500);
const LONG: Duration = Duration::from_secs(600);

async fn raised(person: &mut Person) -> Alarm {
    person
        .hear(|event| match event {
            Event::AlarmRaised(alarm) => Some(*alarm),
            _ => None,
        })
        .await
}

async fn code(person: &Person) -> SessionCode {
    person.session.session_code().await.unwrap()
}

async fn lend(driven: &Person, driver: &mut Person, to: MemberId) -> (InputReceiver, InputSender) {
    let receiver = driven.session.grant_lease(to, KEYS, LONG).await.unwrap();
    let lease = driver
        .hear(|event| match event {
            Event::LeaseGranted(lease) => Some(*lease),
            _ => None,
        })
        .await;
    (receiver, driver.session.drive(&lease).await.unwrap())
}

/// Whoever was removed drives on, since the one who is driven is not told; until it notices that it is told nothing.
#[tokio::test(start_paused = true)]
async fn withheld_remove() {
    let liar = Liar::start();
    let (root, [mut driven, mut removed]) = liar.people([Role::Participant; 2]).await;
    let to = driven.member("person-1").await;
    let (mut receiver, mut sender) = lend(&driven, &mut removed, to).await;
    // Both sides have made new keys for the lease, and all have followed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    liar.lies.ignore_kicks();
    liar.lies.about_entries(|delivery| {
        if delivery.from == "root" && delivery.to != "root" { Fate::Drop } else { Fate::Deliver }
    });
    let since = Instant::now();
    root.session.remove(root.member("person-1").await).await.unwrap();
    sender.send(key(0x61, true), 0).await.unwrap();
    let applied = within(receiver.next()).await;
    assert_eq!(applied, Some(InputToApply::Event { event: key(0x61, true), at_us: 0 }));

    let silent = Alarm::OrganizerSilent(driven.member("root").await);
    assert_eq!(raised(&mut driven).await, silent);
    println!("a withheld remove: noticed after {:?}", since.elapsed());
    assert!(since.elapsed() <= SILENCE_MAX, "{:?}", since.elapsed());
    assert_eq!(within(receiver.next()).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(within(receiver.next()).await, None);
    assert_eq!(receiver.ended(), Some(LeaseEndReason::OutOfTouch));
}

/// The same, but the organizer's heartbeats are let through: they say that there is a commit.
#[tokio::test(start_paused = true)]
async fn withheld_remove_with_heartbeats() {
    let liar = Liar::start();
    let (root, [mut victim, _removed]) = liar.people([Role::Participant; 2]).await;
    let before = code(&victim).await;
    liar.lies.ignore_kicks();
    liar.lies.about_entries(|delivery| match delivery.entry.kind {
        EntryKind::Commit if delivery.to != "root" => Fate::Drop,
        _ => Fate::Deliver,
    });
    let since = Instant::now();
    root.session.remove(root.member("person-1").await).await.unwrap();
    let withheld = Alarm::ChangeWithheld(victim.member("root").await);
    assert_eq!(raised(&mut victim).await, withheld);
    assert!(since.elapsed() <= MISSING_MAX, "{:?}", since.elapsed());
    assert_eq!(code(&victim).await, before);
}

/// The relay takes the organizer's commit and puts it into no log, so not even the organizer's keys change.
#[tokio::test(start_paused = true)]
async fn swallowed_remove() {
    let liar = Liar::start();
    let (root, [mut victim, _removed]) = liar.people([Role::Participant; 2]).await;
    liar.lies.ignore_kicks();
    liar.lies.about_entries(|delivery| match delivery.entry.kind {
        EntryKind::Commit => Fate::Drop,
        _ => Fate::Deliver,
    });
    let removed = root.member("person-1").await;
    tokio::select! {
        removed = root.session.remove(removed) => panic!("{removed:?}"),
        alarm = raised(&mut victim) => {
            let (by, of) = (victim.member("root").await, victim.member("person-1").await);
            assert_eq!(alarm, Alarm::RemovalWithheld { by, of });
        }
    }
}

/// The relay delivers every heartbeat of the organizer, late: so that there is always one, while a commit is kept.
#[tokio::test(start_paused = true)]
async fn queued_heartbeats() {
    let liar = Liar::start();
    let (root, [mut victim]) = liar.people([Role::Participant]).await;
    liar.lies.about_entries(|delivery| match (delivery.from, delivery.to) {
        ("root", "person-0") => Fate::Late(Duration::from_secs(11)),
        _ => Fate::Deliver,
    });
    let since = Instant::now();
    root.session.rotate().await.unwrap();
    let silent = Alarm::OrganizerSilent(victim.member("root").await);
    let alarm = raised(&mut victim).await;
    println!("queued heartbeats: noticed after {:?}", since.elapsed());
    assert_eq!(alarm, silent);
    assert!(since.elapsed() <= SILENCE_MAX + Duration::from_secs(2), "{:?}", since.elapsed());
}

/// Two organizers and one member each, who are shown two histories. With the other side's heartbeats each knows that there are
/// two, without them that there is another side.
async fn fork(shows_heartbeats: bool) -> (Liar, [Person; 4]) {
    let liar = Liar::start();
    let mut root = liar.create().await;
    let invitation = root.session.invite().await.unwrap();
    let mut other = liar.join(Role::Organizer, "other", &invitation).await;
    let mut with_root = liar.join(Role::Participant, "with-root", &invitation).await;
    let mut with_other = liar.join(Role::Participant, "with-other", &invitation).await;
    for person in [&mut root, &mut other, &mut with_root, &mut with_other] {
        person.until_online(4).await;
    }
    let both = vec![root.id(), root.member("other").await];
    root.session.set_organizers(both).await.unwrap();
    let epoch = code(&root).await.epoch;
    for person in [&mut other, &mut with_root, &mut with_other] {
        while code(person).await.epoch < epoch {
            person.hear(|event| matches!(event, Event::EpochChanged(_)).then_some(())).await;
        }
    }
    let side = |subject: &str| subject.ends_with("root");
    liar.lies.about_entries(move |delivery| {
        let may_pass = shows_heartbeats && is_heartbeat(delivery.entry);
        let crosses = side(delivery.from) != side(delivery.to);
        if crosses && !may_pass { Fate::Drop } else { Fate::Deliver }
    });
    root.session.rotate().await.unwrap();
    other.session.rotate().await.unwrap();
    let people = [root, other, with_root, with_other];
    let mut codes = Vec::new();
    for person in &people {
        codes.push(code(person).await);
    }
    assert!(codes.iter().all(|code| code.epoch == epoch + 1) && codes[0] != codes[1], "{codes:?}");
    assert_eq!((&codes[0], &codes[1]), (&codes[2], &codes[3]));
    (liar, people)
}

#[tokio::test(start_paused = true)]
async fn organizers_on_two_sides_of_a_fork() {
    let (_liar, [mut root, mut other, mut with_root, mut with_other]) = fork(true).await;
    for (person, across) in
        [(&mut root, "other"), (&mut other, "root"), (&mut with_root, "other"), (&mut with_other, "root")]
    {
        let forked = Alarm::Forked(person.member(across).await);
        assert_eq!(raised(person).await, forked);
        assert!(person.session.grant_lease(person.member(across).await, KEYS, LONG).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn organizers_on_two_sides_of_a_fork_that_hides_them_from_each_other() {
    let (_liar, [mut root, mut other, mut with_root, mut with_other]) = fork(false).await;
    let since = Instant::now();
    for (person, across) in
        [(&mut root, "other"), (&mut other, "root"), (&mut with_root, "other"), (&mut with_other, "root")]
    {
        let silent = Alarm::OrganizerSilent(person.member(across).await);
        assert_eq!(raised(person).await, silent);
    }
    println!("a fork without heartbeats: noticed after {:?}", since.elapsed());
    assert!(since.elapsed() <= SILENCE_MAX, "{:?}", since.elapsed());
}
