//! A session whose group agrees on its keys by X-Wing.

use isi_account::Role;
use isi_client::{GroupProfile, Session};
use isi_testkit::{Person, World, within};

#[tokio::test]
async fn people_meet_and_write_and_who_joins_needs_no_setting() {
    let world = World::start();
    let mut options = world.options();
    options.profile = GroupProfile::PostQuantum;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers());
    let (session, events) = within(created).await.unwrap();
    let mut root = Person { session, events };
    let invitation = root.session.invite().await.unwrap();
    assert_eq!(invitation.profile(), GroupProfile::PostQuantum);
    let mut guest = world.join(Role::Participant, "guest", &invitation).await;
    root.until_online(2).await;
    guest.until_online(2).await;
    guest.session.send("hello").await.unwrap();
    assert_eq!(root.hear_text("hello").await, root.member("guest").await);
    let to = guest.member("root").await;
    guest.session.send_private(to, "for you alone").await.unwrap();
    root.hear_text("for you alone").await;
}
