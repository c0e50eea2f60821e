//! The session record: off until an organizer turns it on, known to everybody, and a file of it that verifies.

use isi_account::Role;
use isi_client::{Event, LeaseScope, RecordError, RecordLines, RecordReport, RecordSignError, verify_record};
use isi_testkit::{Person, World};
use std::time::Duration;

async fn hear_recording(person: &mut Person) -> bool {
    person
        .hear(|event| match event {
            Event::RecordingChanged { on, .. } => Some(*on),
            _ => None,
        })
        .await
}

/// All lines; the session must be over or ending.
async fn rest(mut lines: RecordLines) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(line) = lines.next().await {
        all.push(line);
    }
    all
}

fn verify(world: &World, lines: &[String]) -> RecordReport {
    verify_record(lines.iter().map(String::as_str), Some(&world.issuers()))
}

/// What the entries state, in their order.
fn stated(lines: &[String]) -> Vec<&str> {
    let entries = lines.iter().filter(|line| line.starts_with("{\"line\":\"entry\""));
    entries.filter_map(|line| line.split("\"what\":\"").nth(1)?.split('"').next()).collect()
}

#[tokio::test]
async fn a_recorded_session_makes_a_file_that_verifies() {
    let world = World::start();
    let (mut root, [one, mut two]) = world.people([Role::Participant; 2]).await;
    let lines = two.session.record_lines().await.unwrap();
    let screen = one.session.publish_screen().await.unwrap();
    two.hear_track().await;
    root.session.set_recording(true).await.unwrap();
    assert!(hear_recording(&mut two).await && hear_recording(&mut root).await);

    let scope = LeaseScope { pointer: true, ..LeaseScope::default() };
    let input = root.session.grant_lease(root.member("person-0").await, scope, Duration::from_secs(9)).await;
    drop(input.unwrap());
    let ended = |event: &Event| matches!(event, Event::LeaseEnded { .. }).then_some(());
    two.hear(ended).await;
    let invitation = root.session.invite().await.unwrap();
    let mut late = world.join(Role::Viewer, "late", &invitation).await;
    assert!(hear_recording(&mut late).await);
    assert!(late.session.recording().await.unwrap().is_some());
    drop(screen);
    one.session.leave().await;
    two.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    root.session.set_recording(false).await.unwrap();
    assert!(!hear_recording(&mut two).await && !hear_recording(&mut late).await);
    assert!(two.session.recording().await.unwrap().is_none());
    two.session.leave().await;

    let lines = rest(lines).await;
    let report = verify(&world, &lines);
    assert!(report.is_sound(), "{report:#?}\n{lines:#?}");
    let [part] = &report.parts[..] else { panic!("{:?}", report.parts) };
    assert_eq!((part.first, part.ended), (1, true));
    let mut stated = stated(&lines);
    assert_eq!((stated.first(), stated.last()), (Some(&"record began"), Some(&"record ended")));
    stated.sort_unstable();
    let expected = [
        "gone",
        "joined",
        "lease ended",
        "lease granted",
        "record began",
        "record ended",
        "sharing",
        "sharing ended",
    ];
    assert_eq!(stated, expected);
    // Who signs nothing is in it by a hash only.
    assert!(lines.iter().all(|line| !line.contains("late")), "{lines:#?}");
    let gone = lines.iter().find(|line| line.contains("\"what\":\"gone\"")).unwrap();
    assert!(gone.contains("\"who\":") && !gone.contains("\"removed\":"), "{gone}");
}

#[tokio::test]
async fn who_comes_later_keeps_a_file_from_its_own_join_on() {
    let world = World::start();
    let mut root = world.create().await;
    root.session.set_recording(true).await.unwrap();
    assert!(hear_recording(&mut root).await);
    let invitation = root.session.invite().await.unwrap();
    let mut late = world.join(Role::Participant, "late", &invitation).await;
    let lines = late.session.record_lines().await.unwrap();
    assert!(hear_recording(&mut late).await);
    let salt = late.session.recording().await.unwrap().unwrap().salt;
    let known = root.session.recording().await.unwrap().unwrap();
    assert!(salt.hash("late") == known.salt.hash("late") && known.by == root.id());
    let screen = late.session.publish_screen().await.unwrap();
    root.session.set_recording(false).await.unwrap();
    assert!(!hear_recording(&mut late).await);
    drop(screen);
    late.session.leave().await;
    let lines = rest(lines).await;
    let report = verify(&world, &lines);
    assert!(report.is_sound(), "{report:#?}\n{lines:#?}");
    assert!(report.parts[0].first > 1 && report.parts[0].ended);
    assert_eq!(report.epochs.map(|(first, _)| first), Some(1));
}

#[tokio::test]
async fn nothing_is_recorded_unless_an_organizer_says_so() {
    let world = World::start();
    let (root, [one, two]) = world.people([Role::Participant; 2]).await;
    let refused = one.session.set_recording(true).await;
    assert_eq!(refused, Err(RecordError::Sign(RecordSignError::NotAnOrganizer)));
    one.session.set_recording(false).await.unwrap();
    let lines = two.session.record_lines().await.unwrap();
    drop(one.session.publish_screen().await.unwrap());
    root.session.remove(root.member("person-0").await).await.unwrap();
    two.session.leave().await;
    let lines = rest(lines).await;
    let report = verify(&world, &lines);
    assert!(report.is_sound() && report.parts.is_empty(), "{report:#?}");
    assert!(stated(&lines).is_empty(), "{lines:#?}");
}

#[tokio::test]
async fn many_who_state_something_at_once_all_get_their_entry() {
    let world = World::start();
    let (mut root, [one, two, three]) = world.people([Role::Participant; 3]).await;
    let lines = root.session.record_lines().await.unwrap();
    root.session.set_recording(true).await.unwrap();
    let people = [&one, &two, &three];
    let mut screens = Vec::new();
    for _ in 0..3 {
        let [a, b, c] = people.map(|person| person.session.publish_screen());
        let (a, b, c) = tokio::join!(a, b, c);
        screens.extend([a.unwrap(), b.unwrap(), c.unwrap()]);
    }
    drop(screens);
    // Entries are written one at a time by each: whoever is asked after the others' last one has them all.
    let mut seen = 0;
    let mut lines = lines;
    let mut all = Vec::new();
    while seen < 18 {
        let line = lines.next().await.unwrap();
        seen += usize::from(line.contains("\"what\":\"sharing"));
        all.push(line);
    }
    root.session.set_recording(false).await.unwrap();
    assert!(hear_recording(&mut root).await && !hear_recording(&mut root).await);
    root.session.leave().await;
    all.extend(rest(lines).await);
    let report = verify(&world, &all);
    assert!(report.is_sound(), "{report:#?}\n{all:#?}");
    assert_eq!(report.parts[0].last, 20);
}

#[tokio::test]
async fn codes_of_earlier_epochs_can_be_compared() {
    let world = World::start();
    let root = world.create().await;
    let mut codes = vec![root.session.session_code().await.unwrap()];
    for _ in 0..2 {
        root.session.rotate().await.unwrap();
        codes.insert(0, root.session.session_code().await.unwrap());
    }
    assert_eq!(root.session.session_codes().await.unwrap(), codes);
}
