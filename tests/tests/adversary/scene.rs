//! What several attacks begin with.

use crate::rogue::{NOW, PERSON_0, ROOT, Rogue};
use bytes::Bytes;
use isi_account::Role;
use isi_client::payload::{InputEvent, InputMessage, ScreenFrame, TextMessage, put_input};
use isi_client::{InputReceiver, InputToApply, LeaseScope, ReceivedFrame, ScreenReceiver};
use isi_e2ee::{Keyring, LeaseTerms, PrivateKeys, SealMeta, Sealer};
use isi_testkit::{Client, Person, World, group_stream, within};
use isi_wire::{Audience, DeliveryClass, GroupHeader, TrackAlias, TrackId, TrackKind, write_object_length};
use quinn::SendStream;
use std::time::Duration;

/// The rogues' first track besides messages.
pub(crate) const TRACK: TrackId = TrackId(7);
pub(crate) const KEYS: LeaseScope =
    LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };

/// The plaintext of a message to all.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let message = TextMessage { text: text.to_owned(), at_us: 1 };
    [&[1][..], &message.encode().unwrap()].concat()
}

pub(crate) fn frame(number: u8) -> ScreenFrame {
    ScreenFrame { captured_at_us: u64::from(number), keyframe: true, data: Bytes::from(vec![number; 2000]) }
}

pub(crate) const fn key(keysym: u32, pressed: bool) -> InputEvent {
    InputEvent::Key { keysym, pressed }
}

/// Writes one object behind its length.
pub(crate) async fn put(stream: &mut SendStream, object: &[u8]) {
    let mut bytes = Vec::new();
    write_object_length(&mut bytes, object.len());
    bytes.extend_from_slice(object);
    stream.write_all(&bytes).await.unwrap();
}

/// Opens the stream of a group.
pub(crate) async fn open(client: &Client, alias: TrackAlias, class: DeliveryClass, group: u64) -> SendStream {
    let header = GroupHeader { alias, group, class, offset: 0 };
    group_stream(&client.connection, header).await.0
}

/// A rogue's screen, and root who views it. What goes on its streams is the test's choice, so the rogue's connection
/// stands for a relay that puts on a member's track what it likes.
pub(crate) struct Sharing {
    pub(crate) root: Person,
    pub(crate) sharer: Rogue,
    pub(crate) alias: TrackAlias,
    pub(crate) sealer: Sealer,
    pub(crate) receiver: ScreenReceiver,
}

impl Sharing {
    pub(crate) async fn start(world: &World) -> Self {
        let mut root = world.create().await;
        let invitation = root.session.invite().await.unwrap();
        let mut sharer = Rogue::join(world, Role::Participant, "person-0", &invitation).await;
        let everyone = Audience::Everyone;
        let alias = sharer.client.publish(TRACK.0, TrackKind::Screen, DeliveryClass::Media, everyone).await;
        let track = root.hear_track().await;
        let receiver = root.session.subscribe_screen(track).await.unwrap();
        let sealer = Sealer::new(&sharer.keyring, TRACK, TrackKind::Screen).unwrap();
        Self { root, sharer, alias, sealer, receiver }
    }

    pub(crate) async fn group(&self, number: u64) -> SendStream {
        open(&self.sharer.client, self.alias, DeliveryClass::Media, number).await
    }

    pub(crate) fn seal(&mut self, group: u64, number: u8) -> Bytes {
        seal_frame(&mut self.sealer, group, number)
    }

    pub(crate) async fn received(&mut self) -> ReceivedFrame {
        within(self.receiver.next()).await.unwrap()
    }
}

pub(crate) fn seal_frame(sealer: &mut Sealer, group: u64, number: u8) -> Bytes {
    sealer.seal(NOW, SealMeta { group, keyframe: true }, &frame(number).encode()).unwrap()
}

/// A rogue that drives root by a lease, over a stream that is the test's.
pub(crate) struct Driving {
    pub(crate) root: Person,
    pub(crate) driver: Rogue,
    pub(crate) lease: LeaseTerms,
    pub(crate) receiver: InputReceiver,
    pub(crate) alias: TrackAlias,
    pub(crate) stream: SendStream,
    /// Private events.
    pub(crate) sealer: Sealer,
    pub(crate) prologues: Sealer,
}

impl Driving {
    pub(crate) async fn start(world: &World, scope: LeaseScope) -> Self {
        let mut root = world.create().await;
        let invitation = root.session.invite().await.unwrap();
        let driver = Rogue::join(world, Role::Viewer, "person-0", &invitation).await;
        root.until_online(2).await;
        Self::begin(root, driver, scope).await
    }

    /// The same with one more member, who does not drive.
    pub(crate) async fn start_watched(world: &World, scope: LeaseScope) -> (Self, Rogue) {
        let mut root = world.create().await;
        let invitation = root.session.invite().await.unwrap();
        let mut driver = Rogue::join(world, Role::Viewer, "person-0", &invitation).await;
        let other = Rogue::join(world, Role::Viewer, "person-1", &invitation).await;
        driver.follow_commit().await;
        root.until_online(3).await;
        (Self::begin(root, driver, scope).await, other)
    }

    async fn begin(root: Person, mut driver: Rogue, scope: LeaseScope) -> Self {
        let (receiver, lease) = lend(&root, &mut driver, scope).await;
        let audience = Audience::One(driver.organizer);
        let alias = driver.client.publish(TRACK.0, TrackKind::Input, DeliveryClass::Input, audience).await;
        let stream = open(&driver.client, alias, DeliveryClass::Input, lease.generation).await;
        let (prologue, keys) = driver.agree(&lease, driver.leaf());
        let prologues = Sealer::new(&driver.keyring, TRACK, TrackKind::Input).unwrap();
        let sealer = private(&driver.keyring, keys);
        let mut driving = Self { root, driver, lease, receiver, alias, stream, sealer, prologues };
        let prologue = driving.seal_prologue(&prologue);
        put(&mut driving.stream, &prologue).await;
        driving
    }

    pub(crate) fn seal_prologue(&mut self, prologue: &[u8]) -> Bytes {
        self.prologues.seal(NOW, input_meta(self.lease.generation), prologue).unwrap()
    }

    pub(crate) fn seal(&mut self, sequence: u64, event: InputEvent) -> Bytes {
        seal_input(&mut self.sealer, self.lease.generation, sequence, event)
    }

    pub(crate) async fn send(&mut self, sequence: u64, event: InputEvent) {
        let object = self.seal(sequence, event);
        put(&mut self.stream, &object).await;
    }

    /// The next thing that root's screen is to do must be this.
    pub(crate) async fn assert_applied(&mut self, event: InputEvent) {
        let applied = applied(&mut self.receiver).await;
        assert_eq!(applied, Some(event), "{:?}", self.receiver.ended());
    }
}

/// Root lends its screen to a rogue that is `person-0`, which reads the lease in the log.
pub(crate) async fn lend(root: &Person, to: &mut Rogue, scope: LeaseScope) -> (InputReceiver, LeaseTerms) {
    let member = root.member("person-0").await;
    let receiver = root.session.grant_lease(member, scope, Duration::from_secs(600)).await.unwrap();
    let signed = to.next_signal(ROOT, 4).await;
    let lease = to.keyring.verify_lease(&signed, ROOT, NOW).unwrap();
    assert_eq!((lease.driver, lease.driver), (to.leaf(), PERSON_0));
    (receiver, lease)
}

pub(crate) fn private(keyring: &Keyring, keys: PrivateKeys) -> Sealer {
    Sealer::private(keyring, TRACK, TrackKind::Input, keys).unwrap()
}

pub(crate) const fn input_meta(generation: u64) -> SealMeta {
    SealMeta { group: generation, keyframe: false }
}

pub(crate) fn seal_input(sealer: &mut Sealer, generation: u64, sequence: u64, event: InputEvent) -> Bytes {
    let mut plaintext = Vec::new();
    put_input(&mut plaintext, &InputMessage { sequence, at_us: 0, tick: 0, event });
    sealer.seal(NOW, input_meta(generation), &plaintext).unwrap()
}

/// The next event that is handed out to be applied; `None` for a release or the end.
pub(crate) async fn applied(receiver: &mut InputReceiver) -> Option<InputEvent> {
    match within(receiver.next()).await {
        Some(InputToApply::Event { event, .. }) => Some(event),
        Some(InputToApply::Release(_)) | None => None,
    }
}
