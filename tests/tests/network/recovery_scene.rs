//! People whose connections are cut, and a relay that is started again.

use crate::world::{RELAY, World, host, ms, node_on};
use isi_account::Role;
use isi_client::payload::ScreenFrame;
use isi_client::{
    ConnectOptions, Credentials, Event, Invitation, ScreenPublisher, ScreenReceiver, Sent, Session,
};
use isi_netsim::Network;
use isi_testkit::{Person, within};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

pub(crate) const ROOT: u8 = 2;
pub(crate) const ONE: u8 = 9;
pub(crate) const TWO: u8 = 10;

/// An organizer at host [`ROOT`] and a participant at host [`ONE`], subject `one`.
pub(crate) struct Meeting {
    pub(crate) network: Network,
    pub(crate) people: isi_testkit::World,
    pub(crate) invitation: Invitation,
    pub(crate) root: Person,
    pub(crate) one: Person,
}

impl Meeting {
    pub(crate) async fn begin() -> Self {
        let World { network, relay, session } = World::start();
        let people = isi_testkit::World { relay, session };
        let credentials = people.credentials(Role::Organizer, "root");
        let root = create(options(&network, &people, ROOT), credentials, &people).await;
        let invitation = root.session.invite().await.unwrap();
        let one = join(&network, &people, &invitation, ONE, "one").await;
        let mut meeting = Self { network, people, invitation, root, one };
        meeting.root.until_online(2).await;
        meeting.one.until_online(2).await;
        meeting
    }

    pub(crate) async fn join(&self, number: u8, subject: &str) -> Person {
        join(&self.network, &self.people, &self.invitation, number, subject).await
    }

    /// Nothing comes through between this host and the relay for so long.
    pub(crate) async fn cut(&self, number: u8, length: Duration) {
        self.plug(number, false);
        sleep(length).await;
        self.plug(number, true);
    }

    pub(crate) fn plug(&self, number: u8, is_up: bool) {
        self.network.change(host(number), RELAY, |link| link.is_up = is_up);
    }

    /// The relay stops and starts again, with an empty memory.
    pub(crate) async fn restart_relay(self) -> Self {
        let Self { network, people, invitation, root, one } = self;
        let isi_testkit::World { relay, session } = people;
        let stopped = relay.stop().await;
        // The last packets have left by then, and the socket is closed.
        sleep(ms(1000)).await;
        let relay = stopped.start_on(node_on(&network));
        let people = isi_testkit::World { relay, session };
        Self { network, people, invitation, root, one }
    }

    /// Both are at the same epoch, hear each other, and each of a message once.
    pub(crate) async fn assert_whole(&mut self) {
        assert_whole(&mut self.root, &mut self.one).await;
    }
}

pub(crate) async fn assert_whole(root: &mut Person, other: &mut Person) {
    root.until_online(2).await;
    other.until_online(2).await;
    // Both have read the same log when each has read what the other wrote last.
    for (number, text) in ["to you", "to me"].into_iter().enumerate() {
        let (from, to) = if number == 0 { (&*root, &mut *other) } else { (&*other, &mut *root) };
        within(from.session.send(text)).await.unwrap();
        hear_text(to, text).await;
    }
    let codes = (root.session.session_code().await.unwrap(), other.session.session_code().await.unwrap());
    assert_eq!(codes.0, codes.1);
}

/// Waits for a message; any other that comes before is shown.
pub(crate) async fn hear_text(person: &mut Person, wanted: &str) {
    person
        .hear(|event| match event {
            Event::Message(text) if text.text == wanted => Some(()),
            _ => None,
        })
        .await;
}

pub(crate) async fn hear_reconnected(person: &mut Person) {
    person.hear(|event| matches!(event, Event::Reconnected).then_some(())).await;
}

pub(crate) fn options(network: &Network, people: &isi_testkit::World, number: u8) -> ConnectOptions {
    let mut options = people.options();
    options.endpoint = Some(network.endpoint(SocketAddr::new(host(number), 0), None).unwrap());
    options
}

async fn create(options: ConnectOptions, credentials: Credentials, people: &isi_testkit::World) -> Person {
    let created = Session::create(options, credentials, people.issuers());
    let (session, events) = within(created).await.unwrap();
    Person { session, events }
}

pub(crate) async fn join(
    network: &Network,
    people: &isi_testkit::World,
    invitation: &Invitation,
    number: u8,
    subject: &str,
) -> Person {
    let credentials = people.credentials(Role::Participant, subject);
    let joined = Session::join(options(network, people, number), credentials, people.issuers(), invitation);
    let (session, events) = joined.await.unwrap();
    Person { session, events }
}

/// A keyframe arrives at a receiver that was there before.
pub(crate) async fn assert_seen(screen: &mut ScreenPublisher, seen: &mut ScreenReceiver, number: u64) {
    let frame = ScreenFrame { captured_at_us: number, keyframe: true, data: vec![number as u8; 3000].into() };
    let arrives = async {
        loop {
            let received = seen.next().await.unwrap();
            if received.frame == frame {
                return;
            }
        }
    };
    let send = async {
        loop {
            let sent = screen.send(&frame).await.unwrap();
            if sent == Sent::Sent {
                sleep(ms(500)).await;
            }
            sleep(ms(100)).await;
        }
    };
    within(async {
        tokio::select! {
            () = arrives => {}
            () = send => {}
        }
    })
    .await;
}
