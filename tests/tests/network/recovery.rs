//! Connections that are lost, and members that come back.

use crate::recovery_scene::{
    Meeting, ONE, ROOT, TWO, assert_seen, assert_whole, hear_reconnected, hear_text, join,
};
use crate::world::ms;
use isi_client::{Disconnected, Event};
use isi_testkit::{Person, within};
use std::time::Duration;
use tokio::time::sleep;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What happened so far.
async fn events(person: &mut Person) -> Vec<Event> {
    let mut events = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(ms(1), person.events.next()).await {
        events.push(event);
    }
    events
}

#[tokio::test(start_paused = true)]
async fn five_seconds_without_a_network_are_not_noticed() {
    let mut meeting = Meeting::begin().await;
    meeting.cut(ONE, seconds(5)).await;
    meeting.assert_whole().await;
    let lost = |event: &Event| matches!(event, Event::ConnectionLost { .. } | Event::MemberOffline(_));
    assert!(!events(&mut meeting.one).await.iter().any(lost));
    assert!(!events(&mut meeting.root).await.iter().any(lost));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_away_for_20_seconds_comes_back_as_the_same_member_and_reads_what_it_missed() {
    let mut meeting = Meeting::begin().await;
    let me = meeting.one.id();
    let mut shared = meeting.one.session.publish_screen().await.unwrap();
    let track = meeting.root.hear_track().await;
    let mut seen = meeting.root.session.subscribe_screen(track).await.unwrap();
    let mut shown = meeting.root.session.publish_screen().await.unwrap();
    let track = meeting.one.hear_track().await;
    let mut viewed = meeting.one.session.subscribe_screen(track).await.unwrap();
    assert_seen(&mut shared, &mut seen, 1).await;
    assert_seen(&mut shown, &mut viewed, 1).await;
    meeting.plug(ONE, false);
    let talk = async {
        meeting.root.session.send("missed").await.unwrap();
        // It changes the keys.
        meeting.root.session.rotate().await.unwrap();
        meeting.root.session.send("missed, too").await.unwrap();
        sleep(seconds(20)).await;
        meeting.plug(ONE, true);
    };
    // Never answered: the connection is lost meanwhile, and the epoch is another when it is back.
    let (sent, ()) = tokio::join!(meeting.one.session.send("into the void"), talk);
    assert!(sent.is_err(), "{sent:?}");
    hear_text(&mut meeting.one, "missed").await;
    hear_text(&mut meeting.one, "missed, too").await;
    hear_reconnected(&mut meeting.one).await;
    assert_eq!(meeting.one.id(), me);
    meeting.assert_whole().await;
    assert_seen(&mut shared, &mut seen, 2).await;
    assert_seen(&mut shown, &mut viewed, 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_when_the_connection_was_lost_arrives_once() {
    let mut meeting = Meeting::begin().await;
    // It gets to the relay, and no answer comes back.
    let back = meeting.network.link(crate::world::RELAY, crate::world::host(ONE));
    let down = isi_netsim::Link { is_up: false, ..back };
    meeting.network.set_link(crate::world::RELAY, crate::world::host(ONE), down);
    let plug = async {
        sleep(ms(500)).await;
        meeting.plug(ONE, false);
        sleep(seconds(20)).await;
        meeting.plug(ONE, true);
    };
    let (first, ()) = tokio::join!(meeting.one.session.send("arrived"), plug);
    assert_eq!(first, Ok(()));
    hear_reconnected(&mut meeting.one).await;
    // Now it does not get there.
    meeting.plug(ONE, false);
    let plug = async {
        sleep(seconds(20)).await;
        meeting.plug(ONE, true);
    };
    let (second, ()) = tokio::join!(meeting.one.session.send("lost at first"), plug);
    assert_eq!(second, Ok(()));
    hear_reconnected(&mut meeting.one).await;
    hear_text(&mut meeting.root, "lost at first").await;
    meeting.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn who_hears_what_was_sent_twice_hears_it_once() {
    let mut meeting = Meeting::begin().await;
    let back = meeting.network.link(crate::world::RELAY, crate::world::host(ONE));
    let down = isi_netsim::Link { is_up: false, ..back };
    meeting.network.set_link(crate::world::RELAY, crate::world::host(ONE), down);
    let plug = async {
        sleep(seconds(20)).await;
        meeting.plug(ONE, true);
    };
    let (sent, ()) = tokio::join!(meeting.one.session.send("once"), plug);
    assert_eq!(sent, Ok(()));
    hear_reconnected(&mut meeting.one).await;
    sleep(seconds(1)).await;
    let heard = events(&mut meeting.root).await;
    let texts = heard.iter().filter(|event| matches!(event, Event::Message(text) if text.text == "once"));
    assert_eq!(texts.count(), 1, "{heard:?}");
    assert!(!heard.iter().any(|event| matches!(event, Event::Refused { .. })), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_stays_away_is_taken_out_and_gives_up() {
    let mut meeting = Meeting::begin().await;
    let one = meeting.one.id();
    meeting.plug(ONE, false);
    sleep(seconds(50)).await;
    meeting.root.hear(|event| matches!(event, Event::MemberLeft(who) if *who == one).then_some(())).await;
    let heard = events(&mut meeting.one).await;
    let lost = |event: &Event| matches!(event, Event::ConnectionLost { why: Disconnected::Lost });
    assert_eq!(heard.iter().filter(|event| lost(event)).count(), 1, "{heard:?}");
    sleep(seconds(30)).await;
    let heard = events(&mut meeting.one).await;
    assert!(matches!(heard[..], [.., Event::Ended(Disconnected::Lost)]), "{heard:?}");
    assert!(meeting.one.session.send("anybody?").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn whoever_was_taken_out_while_away_is_let_in_again() {
    let mut meeting = Meeting::begin().await;
    let before = meeting.one.id();
    let mut shared = meeting.one.session.publish_screen().await.unwrap();
    meeting.cut(ONE, seconds(58)).await;
    let me = meeting
        .one
        .hear(|event| match event {
            Event::Rejoined { me } => Some(*me),
            _ => None,
        })
        .await;
    assert_ne!(me, before);
    assert_eq!(meeting.one.id(), me);
    meeting.assert_whole().await;
    assert_eq!(meeting.root.session.members().await.unwrap().len(), 2);
    let frame =
        isi_client::payload::ScreenFrame { captured_at_us: 0, keyframe: true, data: vec![0; 10].into() };
    assert!(shared.send(&frame).await.is_err(), "a track of the member that it was goes on");
    let mut shared = meeting.one.session.publish_screen().await.unwrap();
    let track = meeting.root.hear_track().await;
    let mut seen = meeting.root.session.subscribe_screen(track).await.unwrap();
    assert_seen(&mut shared, &mut seen, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lost_everything_takes_the_place_that_it_had() {
    let mut meeting = Meeting::begin().await;
    let before = meeting.one.id();
    // The process is gone, and nobody was told.
    meeting.plug(ONE, false);
    let mut again = meeting.join(TWO, "one").await;
    meeting.root.hear(|event| matches!(event, Event::MemberLeft(who) if *who == before).then_some(())).await;
    assert_whole(&mut meeting.root, &mut again).await;
    assert_eq!(meeting.root.session.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_when_the_relay_was_started_again() {
    let mut meeting = Meeting::begin().await;
    let (root, one) = (meeting.root.id(), meeting.one.id());
    let mut shared = meeting.one.session.publish_screen().await.unwrap();
    let track = meeting.root.hear_track().await;
    let mut seen = meeting.root.session.subscribe_screen(track).await.unwrap();
    assert_seen(&mut shared, &mut seen, 1).await;
    let mut meeting = meeting.restart_relay().await;
    hear_reconnected(&mut meeting.one).await;
    hear_reconnected(&mut meeting.root).await;
    assert_eq!((meeting.root.id(), meeting.one.id()), (root, one));
    meeting.assert_whole().await;
    assert_seen(&mut shared, &mut seen, 2).await;
    let mut two = within(meeting.join(TWO, "two")).await;
    two.until_online(3).await;
    meeting.root.session.remove(two.id()).await.unwrap();
    meeting.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn an_organizer_that_was_away_lets_in_who_has_waited() {
    let mut meeting = Meeting::begin().await;
    meeting.plug(ROOT, false);
    sleep(seconds(12)).await;
    let Meeting { network, people, invitation, root, .. } = &mut meeting;
    let begun = network.now();
    let comes = async {
        let mut two = join(network, people, invitation, TWO, "two").await;
        assert!(network.now() - begun >= seconds(10), "nobody was there to let it in");
        two.until_online(3).await;
    };
    let returns = async {
        sleep(seconds(10)).await;
        network.change(crate::world::host(ROOT), crate::world::RELAY, |link| link.is_up = true);
        hear_reconnected(root).await;
        root.until_online(3).await;
    };
    within(async { tokio::join!(comes, returns) }).await;
}
