//! Several organizers: what they share, how they take turns, and who comes after them.

use isi_account::Role;
use isi_client::{
    AdmitPolicy, ChangeError, DenyReason, Disconnected, Event, InvitationStatus, InviteOptions, JoinError,
    LastOrganizer, MemberId, Session,
};
use isi_testkit::{Person, World, within};

async fn hear_organizers(person: &mut Person) -> Vec<MemberId> {
    person
        .hear(|event| match event {
            Event::OrganizersChanged(organizers) => Some(organizers.clone()),
            _ => None,
        })
        .await
}

/// The root, and `person-0`, who organizes too.
async fn two_organizers(world: &World) -> (Person, Person) {
    let (mut root, [mut second]) = world.people([Role::Organizer]).await;
    let list = vec![root.id(), root.member("person-0").await];
    root.session.set_organizers(list.clone()).await.unwrap();
    assert_eq!(hear_organizers(&mut root).await, list);
    assert_eq!(hear_organizers(&mut second).await.len(), 2);
    (root, second)
}

/// What an organizer tells the others arrives some time: asks until it has.
async fn until_known(person: &Person, status: InvitationStatus, count: usize) {
    let known = async {
        loop {
            let states = person.session.invitations().await.unwrap();
            if states.iter().filter(|state| state.status == status).count() == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(known).await;
}

#[tokio::test]
async fn organizers_share_invitations_and_the_policy() {
    let world = World::start();
    let (root, second) = two_organizers(&world).await;
    // What the root made before there was another, and what each makes now.
    until_known(&second, InvitationStatus::Open, 1).await;
    let of_root = root.session.invite().await.unwrap();
    let of_second = second.session.invite().await.unwrap();
    for person in [&root, &second] {
        until_known(person, InvitationStatus::Open, 3).await;
    }
    second.session.revoke_invitation(of_root.id()).await.unwrap();
    until_known(&root, InvitationStatus::Revoked, 1).await;
    second.session.set_admit_policy(AdmitPolicy::Locked).await.unwrap();
    // The policy travels behind the invitation that is made after it.
    let last = second.session.invite().await.unwrap();
    until_known(&root, InvitationStatus::Open, 3).await;
    for invitation in [&of_second, &last] {
        let joined = within(world.try_join(world.credentials(Role::Viewer, "ann"), invitation)).await;
        let error = joined.err();
        assert!(matches!(error, Some(JoinError::Denied { reason: DenyReason::Locked })), "{error:?}");
    }
}

#[tokio::test]
async fn either_organizer_lets_people_in_and_takes_people_out_at_once() {
    let world = World::start();
    let (mut root, mut second) = two_organizers(&world).await;
    let invitation = root.session.invite().await.unwrap();
    until_known(&second, InvitationStatus::Open, 2).await;
    let mut people = Vec::new();
    for number in 0..3 {
        people.push(world.join(Role::Viewer, &format!("viewer-{number}"), &invitation).await);
    }
    for person in [&mut root, &mut second] {
        person.until_online(5).await;
    }
    let [first, last] = [root.member("viewer-0").await, second.member("viewer-2").await];
    let joins = async {
        let join = |number: u32| {
            let (world, invitation) = (&world, &invitation);
            async move { world.join(Role::Viewer, &format!("late-{number}"), invitation).await }
        };
        tokio::join!(join(0), join(1), join(2))
    };
    let ((a, b, c), removed, also_removed, rotated, also_rotated) = tokio::join!(
        joins,
        root.session.remove(first),
        second.session.remove(last),
        root.session.rotate(),
        second.session.rotate()
    );
    assert_eq!([removed, also_removed, rotated, also_rotated], [Ok(()); 4]);
    people.extend([a, b, c]);
    let code = root.session.session_code().await.unwrap();
    for person in [&second, &people[1], &people[3], &people[4], &people[5]] {
        let same = async {
            while person.session.session_code().await.unwrap() != root.session.session_code().await.unwrap() {
                tokio::task::yield_now().await;
            }
        };
        within(same).await;
        assert_eq!(person.session.members().await.unwrap().len(), 6);
    }
    assert!(code.epoch > 0);
}

#[tokio::test]
async fn two_organizers_do_not_let_two_people_in_by_one_use() {
    let world = World::start();
    let (root, second) = two_organizers(&world).await;
    for round in 0..4 {
        let once = InviteOptions { uses_max: Some(1), ..InviteOptions::default() };
        let invitation = root.session.invite_with(once).await.unwrap();
        let join = |name: &str| {
            let credentials = world.credentials(Role::Viewer, &format!("{name}-{round}"));
            within(world.try_join(credentials, &invitation))
        };
        let (one, other) = tokio::join!(join("one"), join("other"));
        let (admitted, refused): (Vec<_>, Vec<_>) = [one, other].into_iter().partition(Result::is_ok);
        assert_eq!(admitted.len(), 1);
        let error = refused.into_iter().find_map(Result::err);
        assert!(matches!(error, Some(JoinError::Denied { reason: DenyReason::UsedUp })), "{error:?}");
    }
    until_known(&second, InvitationStatus::UsedUp, 4).await;
}

#[tokio::test]
async fn the_only_organizer_hands_over_when_it_leaves() {
    let world = World::start();
    let (root, [mut viewer, mut heir]) = world.people([Role::Viewer, Role::Organizer]).await;
    assert_eq!(heir.session.rotate().await, Ok(()), "a token of an organizer, and no organizer yet");
    root.session.leave().await;
    let heir_at_viewer = viewer.member("person-1").await;
    assert_eq!(hear_organizers(&mut viewer).await.last(), Some(&world_root(&viewer).await));
    assert_eq!(hear_organizers(&mut viewer).await, [heir_at_viewer]);
    while hear_organizers(&mut heir).await != [heir.id()] {}
    let invitation = heir.session.invite().await.unwrap();
    let late = world.join(Role::Viewer, "late", &invitation).await;
    assert_eq!(late.session.members().await.unwrap().len(), 3);
}

async fn world_root(person: &Person) -> MemberId {
    person.member("root").await
}

#[tokio::test]
async fn the_only_organizer_closes_the_session_if_it_wants() {
    let world = World::start();
    let mut options = world.options();
    options.last_organizer = LastOrganizer::Closes;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    let (root, _events) = created.unwrap();
    let invitation = root.invite().await.unwrap();
    let mut heir = world.join(Role::Organizer, "heir", &invitation).await;
    heir.until_online(2).await;
    root.leave().await;
    let ended = |event: &Event| match event {
        Event::Ended(why) => Some(*why),
        _ => None,
    };
    assert_eq!(heir.hear(ended).await, Disconnected::SessionClosed);
}

#[tokio::test]
async fn the_list_rules_and_a_role_alone_does_not() {
    let world = World::start();
    let (mut root, [mut second, mut third]) = world.people([Role::Organizer, Role::Participant]).await;
    let [second_id, third_id] = [root.member("person-0").await, root.member("person-1").await];
    let organizers = third.session.set_organizers(vec![third.id()]).await;
    assert_eq!(organizers, Err(ChangeError::NotAnOrganizer));
    let refused = root.session.set_organizers(vec![root.id(), third_id]).await;
    assert!(matches!(refused, Err(ChangeError::Group(_))), "a participant's statement: {refused:?}");
    assert!(second.session.invite().await.is_err());
    root.session.hand_over(second_id).await.unwrap();
    assert_eq!(hear_organizers(&mut root).await, [second_id, root.id()]);
    hear_organizers(&mut second).await;
    // The new root takes the old one off the list.
    let [root_at_second] = [second.member("root").await];
    second.session.set_organizers(vec![second.id()]).await.unwrap();
    hear_organizers(&mut root).await;
    assert!(root.session.invite().await.is_err());
    second.session.remove(root_at_second).await.unwrap();
    third.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    assert_eq!(third.session.members().await.unwrap().len(), 2);
}
