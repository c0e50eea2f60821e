//! The session record, when the connection of who states something is lost meanwhile.

use crate::recovery_scene::{Meeting, ONE, hear_reconnected};
use crate::world::{RELAY, host, ms};
use isi_client::{Event, RecordLines, ScreenPublisher, verify_record};
use isi_netsim::Link;
use isi_testkit::Person;
use std::time::Duration;
use tokio::time::sleep;

/// Longer than a connection lives without a sign of the other side.
const AWAY: Duration = Duration::from_secs(20);

async fn hear_recording(person: &mut Person, wanted: bool) {
    person
        .hear(|event| matches!(event, Event::RecordingChanged { on, .. } if *on == wanted).then_some(()))
        .await;
}

/// A recorded session in which `one` shares its screen, and both keep files.
async fn recorded() -> (Meeting, ScreenPublisher, [RecordLines; 2]) {
    let mut meeting = Meeting::begin().await;
    let files = [
        meeting.root.session.record_lines().await.unwrap(),
        meeting.one.session.record_lines().await.unwrap(),
    ];
    meeting.root.session.set_recording(true).await.unwrap();
    hear_recording(&mut meeting.one, true).await;
    let screen = meeting.one.session.publish_screen().await.unwrap();
    sleep(ms(500)).await;
    (meeting, screen, files)
}

/// The record ends, and each file has the end of the sharing once.
async fn assert_stated_once(mut meeting: Meeting, files: [RecordLines; 2]) {
    meeting.assert_whole().await;
    meeting.root.session.set_recording(false).await.unwrap();
    hear_recording(&mut meeting.one, false).await;
    let issuers = meeting.people.issuers();
    meeting.one.session.leave().await;
    meeting.root.session.leave().await;
    for mut file in files {
        let mut lines = Vec::new();
        while let Some(line) = file.next().await {
            lines.push(line);
        }
        let report = verify_record(lines.iter().map(String::as_str), Some(&issuers));
        assert!(report.is_sound(), "{report:#?}\n{lines:#?}");
        let ends = lines.iter().filter(|line| line.contains("\"what\":\"sharing ended\"")).count();
        assert_eq!(ends, 1, "{lines:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_arrived_unanswered_is_in_the_record_once() {
    let (mut meeting, screen, files) = recorded().await;
    let back = meeting.network.link(RELAY, host(ONE));
    meeting.network.set_link(RELAY, host(ONE), Link { is_up: false, ..back });
    drop(screen);
    sleep(ms(500)).await;
    meeting.cut(ONE, AWAY).await;
    hear_reconnected(&mut meeting.one).await;
    assert_stated_once(meeting, files).await;
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_was_lost_is_in_the_record_once() {
    let (mut meeting, screen, files) = recorded().await;
    meeting.plug(ONE, false);
    drop(screen);
    sleep(AWAY).await;
    meeting.plug(ONE, true);
    hear_reconnected(&mut meeting.one).await;
    assert_stated_once(meeting, files).await;
}

/// Nobody else may open the object any more that was under way.
#[tokio::test(start_paused = true)]
async fn an_entry_that_was_lost_in_an_epoch_before_is_in_the_record_once() {
    let (mut meeting, screen, files) = recorded().await;
    meeting.plug(ONE, false);
    drop(screen);
    sleep(ms(500)).await;
    meeting.root.session.rotate().await.unwrap();
    sleep(AWAY).await;
    meeting.plug(ONE, true);
    hear_reconnected(&mut meeting.one).await;
    assert_stated_once(meeting, files).await;
}
