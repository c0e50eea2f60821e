//! Messages to all and to one.

use isi_account::Role;
use isi_client::{Event, MemberId, SendError, SendPrivateError, TextReceived};
use isi_testkit::{Person, World, within};

async fn next_text(person: &mut Person) -> TextReceived {
    person
        .hear(|event| match event {
            Event::Message(text) => Some(text.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn everybody_reads_a_message_in_the_same_order() {
    let world = World::start();
    let (root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    for number in 0..10 {
        root.session.send(format!("message {number}")).await.unwrap();
    }
    for person in [&mut one, &mut two] {
        let from = person.member("root").await;
        for number in 0..10 {
            let text = next_text(person).await;
            assert_eq!(
                (text.from, text.text.as_str(), text.private),
                (from, &*format!("message {number}"), false)
            );
        }
    }
}

#[tokio::test]
async fn a_private_message_reaches_its_reader_alone_and_is_confirmed() {
    let world = World::start();
    let (mut root, [mut one, two]) = world.people([Role::Participant; 2]).await;
    let reader = two.member("person-0").await;
    for number in 0..5 {
        within(two.session.send_private(reader, format!("secret {number}"))).await.unwrap();
    }
    let from = one.member("person-1").await;
    for number in 0..5 {
        let text = next_text(&mut one).await;
        assert_eq!((text.from, text.text.as_str(), text.private), (from, &*format!("secret {number}"), true));
    }
    // And back: another conversation, with keys of its own.
    within(one.session.send_private(from, "answer")).await.unwrap();
    // Whatever the root heard stands before this.
    two.session.send("to all").await.unwrap();
    let text = next_text(&mut root).await;
    assert_eq!((text.text.as_str(), text.private), ("to all", false));
}

#[tokio::test]
async fn a_private_conversation_goes_on_when_the_membership_changes() {
    let world = World::start();
    let (root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (reader, writer) = (root.member("person-0").await, one.id());
    assert_eq!(reader.cmp(&reader), writer.cmp(&writer));
    within(root.session.send_private(reader, "before")).await.unwrap();
    root.session.rotate().await.unwrap();
    let invitation = root.session.invite().await.unwrap();
    let (_newcomer, sent) = tokio::join!(
        world.join(isi_account::Role::Viewer, "newcomer", &invitation),
        within(root.session.send_private(reader, "during")),
    );
    sent.unwrap();
    within(root.session.send_private(reader, "after")).await.unwrap();
    for expected in ["before", "during", "after"] {
        assert_eq!(next_text(&mut one).await.text, expected);
    }
}

#[tokio::test]
async fn texts_that_cannot_be_sent_are_refused_with_their_reason() {
    let world = World::start();
    let (root, [one, two]) = world.people([Role::Participant; 2]).await;
    let long = "x".repeat(isi_client::payload::TEXT_BYTES_MAX + 1);
    assert!(matches!(root.session.send(long.clone()).await, Err(SendError::TooLong(_))));
    let gone: MemberId = root.member("person-1").await;
    assert!(matches!(root.session.send_private(gone, long).await, Err(SendPrivateError::TooLong(_))));
    assert_eq!(root.session.send_private(root.id(), "x").await, Err(SendPrivateError::NotAMember));
    drop(two);
    let mut one = one;
    one.hear(|event| matches!(event, Event::MemberLeft(_)).then_some(())).await;
    assert_eq!(one.session.send_private(one.member("root").await, "still here").await, Ok(()));
    assert_eq!(root.session.send_private(gone, "x").await, Err(SendPrivateError::NotAMember));
}
