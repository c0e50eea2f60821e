//! A committer whose connection, or whose relay, goes at each step between the upload of a commit and its merge: before it
//! reaches the relay (10 ms), while the relay's answer is under way (10 ms more), when it is there, when it is merged.

use crate::recovery_scene::{Meeting, ROOT, hear_reconnected};
use crate::world::{RELAY, host, ms};
use isi_client::{ChangeError, Event};
use isi_netsim::run;
use isi_testkit::Person;
use std::time::Duration;
use tokio::time::sleep;

/// Every second millisecond of a round trip, and some before and after.
fn steps() -> impl Iterator<Item = u64> {
    (0..=30).step_by(2)
}

async fn epoch(person: &Person) -> u64 {
    person.session.session_code().await.unwrap().epoch
}

/// What the commit came to, and how many epochs the session went on meanwhile.
type Outcome = (Result<(), ChangeError>, u64);

fn committer_is_cut_off(after: Duration) -> Outcome {
    run(async move {
        let mut meeting = Meeting::begin().await;
        let before = epoch(&meeting.one).await;
        let cut = async {
            sleep(after).await;
            meeting.network.change(host(ROOT), RELAY, |link| link.is_up = false);
            sleep(Duration::from_secs(12)).await;
            meeting.network.change(host(ROOT), RELAY, |link| link.is_up = true);
        };
        let (rotated, ()) = tokio::join!(meeting.root.session.rotate(), cut);
        hear_reconnected(&mut meeting.root).await;
        meeting.assert_whole().await;
        (rotated, epoch(&meeting.one).await - before)
    })
}

fn relay_starts_again(after: Duration) -> Outcome {
    run(async move {
        let meeting = Meeting::begin().await;
        let before = epoch(&meeting.one).await;
        let rotating = meeting.root.session.clone();
        let restart = async {
            sleep(after).await;
            meeting.restart_relay().await
        };
        let (rotated, mut meeting) = tokio::join!(rotating.rotate(), restart);
        hear_reconnected(&mut meeting.root).await;
        meeting.assert_whole().await;
        (rotated, epoch(&meeting.one).await - before)
    })
}

#[test]
fn a_commit_counts_once_wherever_its_makers_connection_is_lost() {
    for after in steps() {
        let (rotated, epochs) = committer_is_cut_off(ms(after));
        println!("cut off after {after} ms: {rotated:?}, {epochs} epochs");
        assert_eq!((rotated, epochs), (Ok(()), 1), "cut off after {after} ms");
    }
}

#[test]
fn a_commit_counts_once_wherever_the_relay_forgets_it() {
    for after in steps() {
        let (rotated, epochs) = relay_starts_again(ms(after));
        println!("relay started again after {after} ms: {rotated:?}, {epochs} epochs");
        assert_eq!((rotated, epochs), (Ok(()), 1), "relay started again after {after} ms");
    }
}

/// The relay has appended the commit and its entry gets to everybody but its maker; then it forgets everything.
#[tokio::test(start_paused = true)]
async fn whoever_has_read_a_commit_and_whoever_has_not_meet_again_in_another_log() {
    let mut meeting = Meeting::begin().await;
    let before = epoch(&meeting.one).await;
    let link = meeting.network.link(RELAY, host(ROOT));
    meeting.network.set_link(RELAY, host(ROOT), isi_netsim::Link { is_up: false, ..link });
    let rotating = meeting.root.session.clone();
    let restart = async {
        meeting.one.hear(|event| matches!(event, Event::EpochChanged(_)).then_some(())).await;
        let meeting = meeting.restart_relay().await;
        meeting.network.set_link(RELAY, host(ROOT), link);
        meeting
    };
    let (rotated, mut meeting) = tokio::join!(rotating.rotate(), restart);
    assert_eq!(rotated, Ok(()));
    meeting.assert_whole().await;
    assert_eq!(epoch(&meeting.one).await, before + 1);
    assert_eq!(meeting.root.session.members().await.unwrap().len(), 2);
}
