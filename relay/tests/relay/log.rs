//! The log: one order for all, compare-and-set of commits, directed entries.

use isi_account::Role;
use isi_testkit::{Client, Relay, new_session};
use isi_wire::{
    Audience, EntryKind, LogPosition, LogUpload, RefuseReason, RelayMessage, RequestId, SessionId, Welcome,
};

async fn people(relay: &Relay, session: SessionId) -> [Client; 3] {
    [
        relay.join(Role::Organizer, session).await,
        relay.join(Role::Participant, session).await,
        relay.join(Role::Viewer, session).await,
    ]
}

fn message(request: RequestId, audience: Audience, payload: &[u8]) -> LogUpload {
    LogUpload::Append { request, kind: EntryKind::Message, audience, payload: payload.to_vec().into() }
}

fn answer_to(
    request: RequestId,
) -> impl Fn(RelayMessage) -> Option<Result<u64, (RefuseReason, Option<LogPosition>)>> {
    move |message| match message {
        RelayMessage::Appended { request: answered, sequence } if answered == request => Some(Ok(sequence)),
        RelayMessage::Refused { request: answered, reason, position } if answered == request => {
            Some(Err((reason, position)))
        }
        _ => None,
    }
}

#[tokio::test]
async fn everyone_sees_the_messages_of_all_in_one_order() {
    const EACH: u8 = 30;
    let relay = Relay::start();
    let mut people = people(&relay, new_session()).await;
    for round in 0..EACH {
        for (sender, person) in people.iter_mut().enumerate() {
            let request = person.request();
            person.upload(&message(request, Audience::Everyone, &[sender as u8, round])).await;
        }
    }
    let mut orders = Vec::new();
    for person in &mut people {
        let mut order = Vec::new();
        for _ in 0..3 * EACH {
            let entry = person.log.next().await;
            order.push((entry.sequence, entry.sender, entry.payload));
        }
        assert!(order.is_sorted_by_key(|(sequence, ..)| *sequence));
        orders.push(order);
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[1], orders[2]);
    for sender in 0..3 {
        let own =
            orders[0].iter().filter(|(.., payload)| payload[0] == sender).map(|(.., payload)| payload[1]);
        assert!(own.eq(0..EACH), "a sender's own order is kept");
    }
}

#[tokio::test]
async fn a_directed_message_is_in_one_log_only() {
    let relay = Relay::start();
    let [mut organizer, mut one, mut other] = people(&relay, new_session()).await;
    let (private, public) = (organizer.request(), organizer.request());
    organizer.upload(&message(private, Audience::One(one.id()), b"for one")).await;
    organizer.upload(&message(public, Audience::Everyone, b"for all")).await;
    let first = one.log.next().await;
    assert_eq!((first.directed, &first.payload[..]), (true, &b"for one"[..]));
    assert_eq!(&one.log.next().await.payload[..], b"for all");
    let only = other.log.next().await;
    assert_eq!((only.directed, &only.payload[..]), (false, &b"for all"[..]));
    assert!(only.sequence > first.sequence);
}

#[tokio::test]
async fn of_two_commits_for_one_position_the_first_wins_and_the_other_learns_where_the_log_stands() {
    let relay = Relay::start();
    let session = new_session();
    let mut first = relay.join(Role::Organizer, session).await;
    let mut second = relay.join(Role::Organizer, session).await;
    let expected = first.joined.position;
    let commit = |request, welcome| LogUpload::Commit { request, expected, commit: "commit".into(), welcome };

    let request = first.request();
    let welcome = Welcome { participants: vec![second.id()], payload: "welcome".into() };
    first.upload(&commit(request, Some(welcome))).await;
    let sequence = first.hear(answer_to(request)).await.unwrap();
    let request = second.request();
    second.upload(&commit(request, None)).await;
    let (reason, position) = second.hear(answer_to(request)).await.unwrap_err();
    assert_eq!(reason, RefuseReason::Conflict);
    assert_eq!(position, Some(LogPosition { last_handshake: sequence, ..expected }));

    let entries = [second.log.next().await, second.log.next().await];
    assert_eq!(entries.each_ref().map(|entry| entry.kind), [EntryKind::Commit, EntryKind::Welcome]);
    assert_eq!(entries.each_ref().map(|entry| entry.sequence), [sequence, sequence + 1]);
    assert_eq!(first.log.next().await.kind, EntryKind::Commit);
}

#[tokio::test]
async fn a_session_outlives_its_last_participant_for_as_long_as_the_node_is_told() {
    let relay = Relay::start();
    let session = new_session();
    let first = relay.join(Role::Organizer, session).await;
    let incarnation = first.joined.position.incarnation;
    let left = first.leave().await;
    let back = relay.join(Role::Organizer, session).await;
    assert_eq!(back.joined.position.incarnation, incarnation, "the default lingers");
    drop(left);

    let relay = Relay::start_with(|config| config.limits.session_linger = std::time::Duration::ZERO);
    let first = relay.join(Role::Organizer, session).await;
    let incarnation = first.joined.position.incarnation;
    let mut back = first;
    loop {
        // The relay closes the connection before it takes the seat away: somebody else may still be seen.
        back.leave().await;
        back = relay.join(Role::Organizer, session).await;
        if back.joined.participants.is_empty() {
            break;
        }
    }
    assert_ne!(back.joined.position.incarnation, incarnation);
}
