//! An organizer that vanishes holds nobody up: the next in the list goes on.

use crate::world::{GOOD, RELAY, World, host, ms};
use isi_account::Role;
use isi_client::{ConnectOptions, Event, Invitation, Session};
use isi_netsim::{Link, Network};
use isi_testkit::{Person, within};
use std::net::SocketAddr;
use std::time::Duration;

/// A batch, one turn of an organizer that is not there, two ways each for request and Welcome, and the handshake.
const SECOND_TURN_MAX: Duration = ms(100 + 500 + 200);

fn options(network: &Network, people: &isi_testkit::World, number: u8) -> ConnectOptions {
    let mut options = people.options();
    options.endpoint = Some(network.endpoint(SocketAddr::new(host(number), 0), None).unwrap());
    options
}

async fn join(
    network: &Network,
    people: &isi_testkit::World,
    (number, role, subject): (u8, Role, &str),
    invitation: &Invitation,
) -> Person {
    let credentials = people.credentials(role, subject);
    let joined = Session::join(options(network, people, number), credentials, people.issuers(), invitation);
    let (session, events) = within(joined).await.unwrap();
    Person { session, events }
}

/// The root at host 2 and another organizer at host 3, who knows the invitation.
async fn two_organizers(network: &Network, people: &isi_testkit::World) -> (Person, Person, Invitation) {
    let credentials = people.credentials(Role::Organizer, "root");
    let created = Session::create(options(network, people, 2), credentials, people.issuers());
    let (session, events) = within(created).await.unwrap();
    let mut root = Person { session, events };
    let invitation = root.session.invite().await.unwrap();
    let mut second = join(network, people, (3, Role::Organizer, "second"), &invitation).await;
    root.until_online(2).await;
    second.until_online(2).await;
    let list = vec![root.id(), root.member("second").await];
    root.session.set_organizers(list).await.unwrap();
    let is_told = async {
        while second.session.invitations().await.unwrap().is_empty() {
            tokio::time::sleep(ms(10)).await;
        }
    };
    within(is_told).await;
    (root, second, invitation)
}

#[tokio::test(start_paused = true)]
async fn applicants_wait_one_turn_for_an_organizer_that_has_vanished() {
    let World { network, relay, session } = World::start();
    let people = isi_testkit::World { relay, session };
    let (root, mut second, invitation) = two_organizers(&network, &people).await;
    network.connect(host(2), RELAY, Link { is_up: false, ..GOOD });
    let begun = network.now();
    let first = join(&network, &people, (4, Role::Viewer, "first"), &invitation).await;
    let took = network.now() - begun;
    println!("admitted by the second organizer after {took:?}");
    assert!((ms(600)..=SECOND_TURN_MAX).contains(&took), "{took:?}");
    // The relay gives the root up in the end; then the second takes it out, and the turn is its own.
    let gone = second.member("root").await;
    let left = |event: &Event| matches!(event, Event::MemberLeft(who) if *who == gone).then_some(());
    let lost = async {
        loop {
            if tokio::time::timeout(Duration::from_secs(5), second.hear(left)).await.is_ok() {
                return;
            }
        }
    };
    // The grace that an organizer has to come back, behind the relay's own patience.
    tokio::time::timeout(Duration::from_secs(120), lost).await.unwrap();
    let new = second.session.invite().await.unwrap();
    let begun = network.now();
    let late = join(&network, &people, (5, Role::Viewer, "late"), &new).await;
    let took = network.now() - begun;
    println!("admitted by the only organizer after {took:?}");
    assert!(took < ms(500), "{took:?}");
    for person in [&first, &late, &second] {
        assert_eq!(person.session.members().await.unwrap().len(), 3);
    }
    drop(root);
}
