//! The session record among members: chained, signed, compared with what each has seen.

use crate::world::{AT, NOW, admit, follow, organizer, three};
use isi_e2ee::{
    Group, LeafIndex, LeaseEndReason, LeaseScope, RecordAccepted, RecordBook, RecordEntry, RecordFact,
    RecordRefused, RecordSignError, SubjectHash,
};

/// What all members have of one record, each by its own book.
struct Room {
    groups: Vec<Group>,
    books: Vec<RecordBook>,
}

impl Room {
    /// Organizer, participant and viewer, with the record on.
    fn recorded() -> Self {
        let groups = Vec::from(three());
        let books = groups.iter().map(|_| RecordBook::default()).collect();
        let mut room = Self { groups, books };
        let began = room.books[0].begin(&room.groups[0], NOW).unwrap();
        room.tell(0, &began);
        room
    }

    fn try_tell(&mut self, from: usize, message: &[u8]) -> Vec<Result<RecordAccepted, RecordRefused>> {
        let leaf = self.groups[from].own_leaf();
        let each = self.groups.iter().zip(&mut self.books);
        each.map(|(group, book)| book.accept(group, leaf, message)).collect()
    }

    /// Everybody takes it, the sender included.
    fn tell(&mut self, from: usize, message: &[u8]) -> RecordEntry {
        let mut added: Vec<_> = self.try_tell(from, message).into_iter().map(entry_of).collect();
        added.dedup();
        assert_eq!(added.len(), 1);
        added.remove(0)
    }

    fn write(&self, by: usize, fact: RecordFact) -> Vec<u8> {
        self.books[by].write(&self.groups[by], self.groups[by].epoch(), fact, NOW).unwrap()
    }

    fn hash(&self, subject: &str) -> SubjectHash {
        self.books[0].salt().unwrap().hash(subject)
    }

    fn admit(&mut self, subject: &str) -> usize {
        let [root, others @ ..] = &mut self.groups[..] else { panic!("no root") };
        let others = &mut others.iter_mut().collect::<Vec<_>>()[..];
        let newcomer = admit(root, others, subject, "participant");
        self.groups.push(newcomer);
        self.books.push(RecordBook::default());
        self.groups.len() - 1
    }
}

fn entry_of(accepted: Result<RecordAccepted, RecordRefused>) -> RecordEntry {
    match accepted {
        Ok(RecordAccepted::Added { signed, missing_from: None }) => signed.entry().clone(),
        other => panic!("{other:?}"),
    }
}

fn all(results: &[Result<RecordAccepted, RecordRefused>], refused: RecordRefused) {
    assert!(results.iter().all(|result| *result == Err(refused)), "{results:?}");
}

const GRANT: RecordFact = RecordFact::LeaseGranted {
    lease: [5; 16],
    driver: SubjectHash([0; 16]),
    scope: LeaseScope { pointer: true, keyboard: false, clipboard: true, rectangle: None },
    duration_ms: 60_000,
};
const LEASE_END: RecordFact = RecordFact::LeaseEnded { lease: [5; 16], reason: LeaseEndReason::Revoked };

#[test]
fn a_record_is_one_chain_that_everybody_has() {
    let mut room = Room::recorded();
    let mut present = [room.hash("root"), room.hash("ann"), room.hash("bob")];
    present.sort();
    let driver = room.hash("bob");
    let RecordFact::LeaseGranted { lease, scope, duration_ms, .. } = GRANT else { unreachable!() };
    let grant = RecordFact::LeaseGranted { lease, driver, scope, duration_ms };
    let message = room.write(1, grant.clone());
    let entry = room.tell(1, &message);
    assert_eq!((entry.number, entry.fact, entry.signer.subject), (2, grant, room.hash("ann")));

    let newcomer = room.admit("carol");
    let facts = room.books[0].facts_of_epoch(&room.groups[0], |_| false);
    assert_eq!(facts, [RecordFact::Joined(vec![room.hash("carol")])]);
    let joined = room.write(0, facts[0].clone());
    assert_eq!(room.tell(0, &joined).number, 3);
    assert!(room.books[newcomer].is_on());
    let sharing = RecordFact::Sharing { track: isi_wire::TrackId(7), kind: isi_wire::TrackKind::Screen };
    let message = room.write(newcomer, sharing);
    assert_eq!(room.tell(newcomer, &message).number, 4);

    let ended = room.write(0, RecordFact::Ended);
    room.tell(0, &ended);
    assert!(room.books.iter().all(|book| !book.is_on() && book.salt().is_none()));
    assert_eq!(
        room.books[1].write(&room.groups[1], room.groups[1].epoch(), LEASE_END, NOW),
        Err(RecordSignError::Off)
    );
}

#[test]
fn leaves_and_removals_are_told_apart_and_organizers_named() {
    let mut room = Room::recorded();
    let [root, ann, _] = &mut room.groups[..] else { panic!() };
    let staged = root.set_organizers(&[root.own_leaf(), ann.own_leaf()], NOW);
    // Ann's statement does not let her organize: only the removal is made.
    assert!(staged.is_err());
    let staged = root.remove(&[LeafIndex(2)], NOW).unwrap();
    follow(root, &mut [ann], &staged);
    let gone = room.books[0].facts_of_epoch(&room.groups[0], |subject| subject == "bob");
    let RecordFact::Gone(who) = &gone[0] else { panic!("{gone:?}") };
    assert_eq!((who[0].who, who[0].asked), (room.hash("bob"), true));
    room.groups.pop();
    room.books.pop();
    let message = room.write(0, gone[0].clone());
    assert_eq!(room.tell(0, &message).number, 2);
}

#[test]
fn nobody_but_an_organizer_begins_ends_or_states_who_is_in() {
    let room = Room::recorded();
    for fact in [RecordFact::Ended, RecordFact::Joined(vec![]), RecordFact::Organizers(vec![])] {
        let refused = room.books[1].write(&room.groups[1], room.groups[1].epoch(), fact, NOW);
        assert_eq!(refused, Err(RecordSignError::NotAnOrganizer));
    }
    let [_, ann, _] = &room.groups[..] else { panic!() };
    assert_eq!(RecordBook::default().begin(ann, NOW), Err(RecordSignError::NotAnOrganizer));
    assert_eq!(room.books[0].begin(&room.groups[0], NOW), Err(RecordSignError::AlreadyOn));
}

#[test]
fn an_entry_counts_from_its_signer_alone() {
    let mut room = Room::recorded();
    let message = room.write(0, LEASE_END);
    let from_ann = room.try_tell(1, &message);
    all(&from_ann, RecordRefused::WrongSigner);
    for at in [40, message.len() - 1] {
        let mut changed = message.clone();
        changed[at] ^= 1;
        let results = room.try_tell(0, &changed);
        assert!(results.iter().all(Result::is_err), "{results:?}");
    }
    // A salt of somebody's own choice would call people by other names.
    let mut other_salt = message.clone();
    other_salt[0] ^= 1;
    all(&room.try_tell(0, &other_salt), RecordRefused::Malformed);
    all(&room.try_tell(0, &message[..message.len() - 1]), RecordRefused::Malformed);
    all(&room.try_tell(0, &[]), RecordRefused::Malformed);
    room.tell(0, &message);
}

#[test]
fn two_who_write_at_once_both_get_in() {
    let mut room = Room::recorded();
    let [first, second] = [room.write(0, LEASE_END), room.write(1, LEASE_END)];
    assert_eq!(room.tell(0, &first).number, 2);
    assert!(room.try_tell(1, &second).iter().all(|result| *result == Ok(RecordAccepted::Behind)));
    assert!(room.try_tell(0, &first).iter().all(|result| *result == Ok(RecordAccepted::Behind)));
    let again = room.write(1, LEASE_END);
    assert_eq!(room.tell(1, &again).number, 3);
}

#[test]
fn two_orders_of_the_log_are_noticed_by_all() {
    let mut room = Room::recorded();
    let [first, second] = [room.write(0, LEASE_END), room.write(1, LEASE_END)];
    // The relay shows Bob the other one first.
    let (root, ann) = (LeafIndex(0), LeafIndex(1));
    for (who, from, message) in [(0, root, &first), (1, root, &first), (2, ann, &second)] {
        entry_of(room.books[who].accept(&room.groups[who], from, message));
    }
    let next = room.write(0, LEASE_END);
    let results = room.try_tell(0, &next);
    assert_eq!(results[2], Err(RecordRefused::Fork));
    assert!(results[..2].iter().all(Result::is_ok));
}

#[test]
fn entries_that_the_relay_held_back_are_noticed() {
    let mut room = Room::recorded();
    let (root, held_back) = (LeafIndex(0), room.write(0, LEASE_END));
    for who in [0, 1] {
        entry_of(room.books[who].accept(&room.groups[who], root, &held_back));
    }
    let next = room.write(0, LEASE_END);
    let results = room.try_tell(0, &next);
    assert!(matches!(results[2], Ok(RecordAccepted::Added { missing_from: Some(2), .. })), "{results:?}");
    let then = room.write(1, LEASE_END);
    room.tell(1, &then);
}

#[test]
fn a_lie_about_the_membership_is_refused_by_all_who_saw_it() {
    let mut room = Room::recorded();
    room.admit("carol");
    let carol = room.books.len() - 1;
    let ghost = room.write(0, RecordFact::Joined(vec![room.hash("dave")]));
    let results = room.try_tell(0, &ghost);
    all(&results[..carol], RecordRefused::Untrue);
    let stranger = RecordFact::LeaseGranted {
        lease: [1; 16],
        driver: SubjectHash([9; 16]),
        scope: LeaseScope::default(),
        duration_ms: 1,
    };
    let message = room.write(1, stranger);
    all(&room.try_tell(1, &message)[..carol], RecordRefused::Untrue);
}

#[test]
fn another_history_of_the_group_is_refused() {
    let mut room = Room::recorded();
    // The same members, but Ann followed another commit of the root organizer to the same epoch.
    let [root, ann, bob] = &mut room.groups[..] else { panic!() };
    let staged = bob.rotate(NOW).unwrap();
    follow(bob, &mut [ann], &staged);
    let other = root.rotate(NOW).unwrap();
    root.handle_commit(&other.commit, AT).unwrap();
    let message = room.write(0, LEASE_END);
    let results = room.try_tell(0, &message);
    assert_eq!(results[1], Err(RecordRefused::OtherTranscript));
    assert_eq!(results[2], Err(RecordRefused::OtherTranscript));
    // Who has not even come so far knows nothing of the epoch.
    let mut room = Room::recorded();
    let staged = room.groups[0].rotate(NOW).unwrap();
    room.groups[0].handle_commit(&staged.commit, AT).unwrap();
    let message = room.write(0, LEASE_END);
    let epoch = room.groups[0].epoch();
    assert_eq!(room.try_tell(0, &message)[1], Err(RecordRefused::UnknownEpoch(epoch)));
}

#[test]
fn a_newcomer_that_saw_a_lost_entry_first_finds_its_way() {
    let mut room = Room::recorded();
    let lost = room.write(0, LEASE_END);
    let won = room.write(1, LEASE_END);
    room.tell(1, &won);
    // It reads what had lost the race before it came, from an organizer, and then the real ones.
    let mut late = RecordBook::default();
    entry_of(late.accept(&room.groups[2], LeafIndex(0), &lost));
    for _ in 0..2 {
        let message = room.write(0, LEASE_END);
        room.tell(0, &message);
        entry_of(late.accept(&room.groups[2], LeafIndex(0), &message));
    }
    // A plain member's word does not make a session a recorded one.
    let message = room.write(1, LEASE_END);
    let mut unaware = RecordBook::default();
    let accepted = unaware.accept(&room.groups[2], LeafIndex(1), &message);
    assert_eq!((accepted, unaware.is_on()), (Ok(RecordAccepted::Behind), false));
}

#[test]
fn the_codes_of_the_newest_epochs_can_still_be_shown() {
    let mut root = organizer();
    let mut codes = vec![root.session_code()];
    for _ in 0..10 {
        let staged = root.rotate(NOW).unwrap();
        root.handle_commit(&staged.commit, AT).unwrap();
        codes.insert(0, root.session_code());
    }
    codes.truncate(isi_e2ee::SESSION_CODES_MAX);
    assert_eq!(root.session_codes(), codes);
}
