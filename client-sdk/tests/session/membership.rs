//! Who is in, and who is not any more.

use isi_account::Role;
use isi_client::{ChangeError, Disconnected, Event, JoinError};
use isi_testkit::World;

#[tokio::test]
async fn a_removed_member_is_out_of_the_group_and_of_the_relay() {
    let world = World::start();
    let (root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let gone = root.member("person-1").await;
    root.session.remove(gone).await.unwrap();
    let why = two
        .hear(|event| match event {
            Event::Ended(why) => Some(*why),
            _ => None,
        })
        .await;
    assert!(matches!(why, Disconnected::Kicked | Disconnected::RemovedFromGroup), "{why:?}");
    one.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    assert_eq!(one.session.members().await.unwrap().len(), 2);
    assert_eq!(root.session.remove(gone).await, Err(ChangeError::NotThere));
    // The account is barred, whatever keys it brings.
    let invitation = root.session.invite().await.unwrap();
    let again = world.try_join(world.credentials(Role::Participant, "person-1"), &invitation).await.err();
    assert!(matches!(again, Some(JoinError::Refused(Disconnected::Kicked))), "{again:?}");
    // Others still come in.
    let other = world.join(Role::Participant, "person-2", &invitation).await;
    assert_eq!(other.session.members().await.unwrap().len(), 3);
}

#[tokio::test]
async fn only_organizers_change_the_membership() {
    let world = World::start();
    let (root, [one, two]) = world.people([Role::Participant; 2]).await;
    let victim = one.member("person-1").await;
    assert_eq!(one.session.remove(victim).await, Err(ChangeError::NotAnOrganizer));
    assert!(one.session.invite().await.is_err());
    assert_eq!(one.session.rotate().await, Ok(()), "its own keys are its own matter");
    for person in [&root, &one, &two] {
        assert_eq!(person.session.members().await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn many_come_at_once() {
    let world = World::start();
    let mut root = world.create().await;
    let invitation = root.session.invite().await.unwrap();
    let join = |number: u32| {
        let (world, invitation) = (&world, &invitation);
        async move { world.join(Role::Viewer, &format!("viewer-{number}"), invitation).await }
    };
    let (a, b, c, d) = tokio::join!(join(0), join(1), join(2), join(3));
    let mut tasks = [a, b, c, d];
    for _ in 0..4 {
        root.hear(|event| matches!(event, Event::MemberJoined(_)).then_some(())).await;
    }
    let code = root.session.session_code().await.unwrap();
    for person in &mut tasks {
        if person.session.session_code().await.unwrap() != code {
            let epoch = code.epoch;
            person
                .hear(|event| match event {
                    Event::EpochChanged(code) if code.epoch == epoch => Some(()),
                    _ => None,
                })
                .await;
        }
        assert_eq!(person.session.session_code().await.unwrap(), code);
    }
}
