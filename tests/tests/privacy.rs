//! Nothing that the relay or a client logs, and nothing that the relay counts, says who is there or what they share.
//! A binary of its own: it takes the process's log.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_account::Role;
use isi_client::payload::{InputEvent, ScreenFrame, TypedText};
use isi_client::{ConnectionKey, Credentials, InputToApply, LeaseScope, Sent};
use isi_testkit::{Connected, Person, World, close_code, group_stream, unix_seconds, within};
use isi_wire::{CloseCode, DeliveryClass, GroupHeader, TrackAlias};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Captured {
    /// Every line of ours, at the level that says most. Without the time: its digits are as good as a port's.
    fn start() -> Self {
        let captured = Self::default();
        let writer = captured.clone();
        let ours = ["isi_relay", "isi_client", "isi_e2ee", "isi_wire"];
        let ours = Targets::new().with_targets(ours.map(|target| (target, LevelFilter::TRACE)));
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time();
        let lines = lines.with_writer(move || writer.clone()).with_filter(ours);
        tracing_subscriber::registry().with(lines).init();
        captured
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What must stand nowhere, with a name for the report.
#[derive(Default)]
struct Needles(Vec<(&'static str, String)>);

impl Needles {
    fn text(&mut self, name: &'static str, text: &str) {
        assert!(text.len() >= 4, "{name} is found by chance");
        self.0.push((name, text.to_owned()));
    }

    /// As people and programs write bytes down.
    fn bytes(&mut self, name: &'static str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.text(name, &hex);
        self.text(name, &hex.to_uppercase());
        self.text(name, &URL_SAFE_NO_PAD.encode(bytes));
        self.text(name, format!("{bytes:?}").trim_matches(['[', ']']));
        self.text(name, format!("{bytes:02x?}").trim_matches(['[', ']']));
    }

    fn token(&mut self, token: &str) {
        // Any part of it is too much, and each stands for the whole.
        for part in token.split('.') {
            self.text("token", part);
        }
    }

    fn canary(&mut self) -> String {
        let mut random = [0; 12];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let canary = URL_SAFE_NO_PAD.encode(random);
        self.text("canary", &canary);
        self.bytes("canary", canary.as_bytes());
        canary
    }

    fn credentials(&mut self, world: &World, role: Role, subject: &'static str) -> Credentials {
        let connection_key = ConnectionKey::generate().unwrap();
        let token = world.relay.sign(&world.claims(role, subject, &connection_key));
        let identity = world.identity(role, subject);
        self.text("subject", subject);
        self.token(&token);
        self.bytes("connection key", &connection_key.public_key());
        self.text("thumbprint", &isi_e2ee::thumbprint(&connection_key.public_key()));
        self.bytes("leaf key", &identity.public_key());
        Credentials { token, connection_key, identity }
    }

    fn assert_absent(&self, place: &str, text: &str) {
        for (name, needle) in &self.0 {
            assert!(!text.contains(needle.as_str()), "{name} {needle:?} in the {place}:\n{text}");
        }
    }
}

/// Everything that people share, each with a canary of its own.
async fn share_everything(needles: &mut Needles, root: &mut Person, guest: &mut Person) {
    let mut screen = root.session.publish_screen().await.unwrap();
    let track = guest.hear_track().await;
    let mut receiver = guest.session.subscribe_screen(track).await.unwrap();
    let frame = ScreenFrame { captured_at_us: 1, keyframe: true, data: needles.canary().into() };
    // Who has just come cannot open the first one: it was sealed before.
    let asked = async {
        loop {
            screen.keyframe_request().await;
            assert_eq!(screen.send(&frame).await, Ok(Sent::Sent));
        }
    };
    tokio::select! {
        received = within(receiver.next()) => assert!(received.unwrap().frame == frame),
        () = asked => {}
    }

    let (message, private) = (needles.canary(), needles.canary());
    root.session.send(message.clone()).await.unwrap();
    guest.hear_text(&message).await;
    root.session.send_private(root.member("guest-of-honour").await, private.clone()).await.unwrap();
    guest.hear_text(&private).await;

    let scope = LeaseScope { pointer: false, keyboard: true, clipboard: false, rectangle: None };
    let driver = root.member("guest-of-honour").await;
    let mut input = root.session.grant_lease(driver, scope, Duration::from_secs(600)).await.unwrap();
    let lease = guest.hear_granted().await;
    let mut driving = guest.session.drive(&lease).await.unwrap();
    let typed = InputEvent::Text(TypedText::new(&needles.canary()).unwrap());
    driving.send(typed, 0).await.unwrap();
    assert_eq!(within(input.next()).await, Some(InputToApply::Event { event: typed, at_us: 0 }));
}

/// Whatever makes a relay complain.
async fn misbehave(needles: &mut Needles, world: &World, root: &Person) {
    let invitation = root.session.invite().await.unwrap();
    needles.text("invitation", &invitation.to_fragment());
    let mut expired = needles.credentials(world, Role::Viewer, "somebody-late");
    let claims = world.claims(Role::Viewer, "somebody-late", &expired.connection_key);
    expired.token = world.relay.account.sign_token(&claims, unix_seconds() - 3600).unwrap();
    let mut stolen = needles.credentials(world, Role::Viewer, "somebody-robbed");
    stolen.connection_key = ConnectionKey::generate().unwrap();
    for credentials in [expired, stolen] {
        needles.token(&credentials.token);
        assert!(world.try_join(credentials, &invitation).await.is_err());
    }
    let mut garbled = Connected::dial(&world.relay).await;
    garbled.control.write_all(&[0x40, 0x01, 0x00]).await.unwrap();
    assert_eq!(close_code(&garbled.connection).await, CloseCode::Malformed);
    let hostile = world.relay.join(Role::Viewer, world.session).await;
    let (alias, class) = (TrackAlias(77), DeliveryClass::Media);
    group_stream(&hostile.connection, GroupHeader { alias, group: 1, class, offset: 0 }).await;
    assert_eq!(close_code(&hostile.connection).await, CloseCode::ProtocolViolation);
    root.session.remove(root.member("guest-of-honour").await).await.unwrap();
}

#[tokio::test]
async fn log_and_figures_tell_nothing_of_anybody() {
    let log = Captured::start();
    let world = World::start();
    let mut needles = Needles::default();
    needles.bytes("session", &world.session.0);
    needles.text("address", "127.0.0.1");
    needles.text("address", "[::1]");
    needles.text("name", "localhost");
    let credentials = needles.credentials(&world, Role::Organizer, "the-root-of-it-all");
    let created = isi_client::Session::create(world.options(), credentials, world.issuers());
    let (session, events) = within(created).await.unwrap();
    let mut root = Person { session, events };
    let invitation = root.session.invite().await.unwrap();
    let credentials = needles.credentials(&world, Role::Participant, "guest-of-honour");
    let mut guest = world.try_join(credentials, &invitation).await.unwrap();
    root.until_online(2).await;
    guest.until_online(2).await;
    share_everything(&mut needles, &mut root, &mut guest).await;
    misbehave(&mut needles, &world, &root).await;

    let stats = world.relay.stats();
    needles.assert_absent("figures", &format!("{stats:?}"));
    needles.assert_absent("metrics", &isi_relay::metrics::render(&stats));
    let port = world.relay.address.port().to_string();
    drop((root, guest));
    world.relay.stop().await;
    let text = log.text();
    needles.text("port", &port);
    needles.assert_absent("log", &text);
    for said in ["join refused", "broke the protocol"] {
        assert!(text.contains(said), "the log was captured, and lacks {said:?}:\n{text}");
    }
}
