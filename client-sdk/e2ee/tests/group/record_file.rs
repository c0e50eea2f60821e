//! Files of the session record: sound ones verify, and each way of tampering has its name.

use crate::world::{NOW, admit, follow, issuer, three};
use isi_e2ee::{
    FindingKind, Group, LeafIndex, LeaseEndReason, RecordAccepted, RecordBook, RecordFact, RecordFile,
    RecordReport, UnixSeconds, verify_record,
};

const LEASE_END: RecordFact = RecordFact::LeaseEnded { lease: [5; 16], reason: LeaseEndReason::Revoked };

/// A session of root, Ann and Bob of which Ann keeps a file.
struct Recorded {
    groups: Vec<Group>,
    books: Vec<RecordBook>,
    file: RecordFile,
    lines: Vec<String>,
}

impl Recorded {
    fn begin() -> Self {
        let groups = Vec::from(three());
        let books = groups.iter().map(|_| RecordBook::default()).collect();
        let (file, lines) = RecordFile::begin(&groups[1], None);
        let mut recorded = Self { groups, books, file, lines };
        let began = recorded.books[0].begin(&recorded.groups[0], NOW).unwrap();
        recorded.tell(0, &began);
        recorded
    }

    fn tell(&mut self, from: usize, message: &[u8]) {
        let leaf = self.groups[from].own_leaf();
        for (who, (group, book)) in self.groups.iter().zip(&mut self.books).enumerate() {
            let accepted = book.accept(group, leaf, message).unwrap();
            let RecordAccepted::Added { signed, .. } = accepted else { panic!("{accepted:?}") };
            if who == 1 {
                self.lines.extend(self.file.entry(group, &signed));
            }
        }
    }

    fn state(&mut self, by: usize, fact: RecordFact) {
        let message = self.books[by].write(&self.groups[by], self.groups[by].epoch(), fact, NOW).unwrap();
        self.tell(by, &message);
    }

    /// The root organizer lets somebody in; whether it says so is another matter.
    fn admit(&mut self, subject: &str) {
        let [root, others @ ..] = &mut self.groups[..] else { panic!("no root") };
        let newcomer = admit(root, &mut others.iter_mut().collect::<Vec<_>>()[..], subject, "viewer");
        self.groups.push(newcomer);
        self.books.push(RecordBook::default());
        let salt = self.books[1].salt().cloned();
        self.lines.extend(self.file.epoch(&self.groups[1], salt.as_ref()));
    }

    fn record_epoch(&mut self) {
        for fact in self.books[0].facts_of_epoch(&self.groups[0], |_| false) {
            self.state(0, fact);
        }
    }

    fn end(mut self) -> Vec<String> {
        self.lines.push(self.file.end(&self.groups[1]));
        self.lines
    }
}

/// Header, statement, epoch; statement and entry 1; epoch and entry 2; entries 3 to 5; end.
fn sound() -> Vec<String> {
    let mut recorded = Recorded::begin();
    recorded.admit("carol");
    recorded.record_epoch();
    recorded.state(0, LEASE_END);
    recorded.state(1, LEASE_END);
    recorded.state(0, RecordFact::Ended);
    recorded.end()
}

fn verify(lines: &[String]) -> RecordReport {
    verify_record(lines.iter().map(String::as_str), Some(&issuer().keys()))
}

/// What is wrong, but for the closing line, which fits no changed file.
fn findings(lines: &[String]) -> Vec<FindingKind> {
    let findings = verify(lines).findings.into_iter().map(|finding| finding.kind);
    findings.filter(|kind| *kind != FindingKind::ClosingDiffers).collect()
}

fn line_of(lines: &[String], number: u64) -> usize {
    let start = format!("{{\"line\":\"entry\",\"number\":{number},");
    lines.iter().position(|line| line.starts_with(&start)).unwrap()
}

#[test]
fn a_sound_file_says_who_and_from_when_to_when() {
    let lines = sound();
    let report = verify(&lines);
    assert!(report.is_sound() && report.statements_checked, "{report:?}");
    assert_eq!(report.epochs, Some((2, 3)));
    let [part] = &report.parts[..] else { panic!("{:?}", report.parts) };
    assert_eq!((part.first, part.last, part.ended, part.from), (1, 5, true, NOW));
    let signers: Vec<_> =
        report.signers.iter().map(|signer| (signer.subject.as_deref(), signer.entries)).collect();
    assert!(signers.contains(&(Some("root"), 4)) && signers.contains(&(Some("ann"), 1)), "{signers:?}");
    assert!(lines.iter().all(|line| !line.contains("carol") && !line.contains("bob")));
    assert!(lines[line_of(&lines, 2)].contains("\"what\":\"joined\""));
    assert!(lines[line_of(&lines, 1)].contains("\"at\":\"2027-01-15T08:00:00Z\""));
}

#[test]
fn an_entry_that_was_taken_out_is_missing() {
    let mut lines = sound();
    let place = line_of(&lines, 3);
    lines.remove(place);
    assert_eq!(findings(&lines), [FindingKind::Missing { first: 3, last: 3 }]);
    assert_eq!(verify(&lines).findings.last().unwrap().kind, FindingKind::ClosingDiffers);
    let mut lines = sound();
    let place = line_of(&lines, 2);
    lines.drain(place..place + 2);
    assert_eq!(findings(&lines)[0], FindingKind::Missing { first: 2, last: 3 });
}

#[test]
fn entries_in_another_order_are_named() {
    let mut lines = sound();
    let (one, other) = (line_of(&lines, 3), line_of(&lines, 4));
    lines.swap(one, other);
    let found = findings(&lines);
    assert_eq!(found, [FindingKind::Missing { first: 3, last: 3 }, FindingKind::OutOfPlace(3)]);
}

#[test]
fn a_changed_entry_does_not_verify() {
    let mut lines = sound();
    let place = line_of(&lines, 3);
    let readable = lines[place].replace("taken back", "given up");
    assert_ne!(readable, lines[place]);
    lines[place] = readable;
    assert_eq!(findings(&lines), [FindingKind::TextDiffers]);
    let mut lines = sound();
    let (head, signed) = lines[place].split_once("\"signed\":\"").unwrap();
    let swapped =
        if signed.contains('A') { signed.replacen('A', "B", 1) } else { signed.replacen('B', "A", 1) };
    lines[place] = format!("{head}\"signed\":\"{swapped}");
    let found = findings(&lines);
    assert!(matches!(found[0], FindingKind::BadSignature | FindingKind::Malformed), "{found:?}");
    assert!(found.contains(&FindingKind::Missing { first: 3, last: 3 }), "{found:?}");
}

#[test]
fn an_entry_that_was_replaced_breaks_the_chain() {
    let mut recorded = Recorded::begin();
    recorded.state(0, LEASE_END);
    // The root organizer signs two entries 3: one that everybody gets, and one for the file.
    let other = recorded.books[0]
        .write(&recorded.groups[0], recorded.groups[0].epoch(), LEASE_END, UnixSeconds(NOW.0 + 9))
        .unwrap();
    let mut book = recorded.books[1].clone();
    let accepted = book.accept(&recorded.groups[1], LeafIndex(0), &other).unwrap();
    let RecordAccepted::Added { signed, .. } = accepted else { panic!() };
    let (mut file, _) = RecordFile::begin(&recorded.groups[1], None);
    let other = file.entry(&recorded.groups[1], &signed).pop().unwrap();
    recorded.state(0, LEASE_END);
    recorded.state(0, RecordFact::Ended);
    let mut lines = recorded.end();
    let place = line_of(&lines, 3);
    lines[place] = other;
    assert_eq!(findings(&lines), [FindingKind::DoesNotFollow(4)]);
    // A copy of another entry in its place.
    lines[place] = lines[line_of(&lines, 2)].clone();
    assert_eq!(findings(&lines), [FindingKind::OutOfPlace(2), FindingKind::Missing { first: 3, last: 3 }]);
}

#[test]
fn a_file_that_was_cut_says_so() {
    let mut lines = sound();
    lines.pop();
    assert_eq!(findings(&lines), [FindingKind::NoClosing]);
    let end = sound().pop().unwrap();
    lines.pop();
    let ended = verify(&lines).parts[0].ended;
    assert_eq!((findings(&lines), ended), (vec![FindingKind::NoClosing], false));
    lines.push(end);
    assert!(!verify(&lines).is_sound());
    let mut lines = sound();
    lines.push(lines[0].clone());
    assert_eq!(findings(&lines), [FindingKind::AfterClosing]);
    assert_eq!(findings(&[]), [FindingKind::NoClosing]);
}

#[test]
fn epochs_and_their_history_are_compared() {
    let lines = sound();
    let is_epoch = |line: &String| line.starts_with("{\"line\":\"epoch\",\"epoch\":3");
    let place = lines.iter().position(is_epoch).unwrap();
    let mut without = lines.clone();
    without.remove(place);
    assert_eq!(findings(&without), vec![FindingKind::UnknownEpoch(3); 4]);
    let mut other = lines.clone();
    let (head, rest) = lines[place].split_once("\"transcript\":\"").unwrap();
    let digit = if rest.starts_with('0') { "1" } else { "0" };
    other[place] = format!("{head}\"transcript\":\"{digit}{}", &rest[1..]);
    assert_eq!(findings(&other), vec![FindingKind::OtherTranscript(3); 4]);
    let mut twice = lines.clone();
    twice.insert(place, lines[place].clone());
    assert_eq!(findings(&twice), [FindingKind::EpochOutOfPlace(3)]);
    let mut later = lines.clone();
    later[place] = lines[place].replace("\"epoch\":3", "\"epoch\":5");
    let found = findings(&later);
    assert_eq!(found[0], FindingKind::EpochsMissing { first: 3, last: 4 });
    assert_eq!(found[1], FindingKind::UnknownEpoch(3));
}

#[test]
fn who_was_no_organizer_signs_in_vain() {
    let mut lines = sound();
    // The list of organizers of the file's epochs, emptied: all that an organizer signed is in question.
    for line in &mut lines {
        if let Some((head, rest)) = line.split_once("\"organizers\":[") {
            let (_, tail) = rest.split_once(']').unwrap();
            *line = format!("{head}\"organizers\":[]{tail}");
        }
    }
    let found = findings(&lines);
    assert_eq!(
        found,
        [FindingKind::NotAnOrganizer(2), FindingKind::NotAnOrganizer(3), FindingKind::NotAnOrganizer(3)]
    );
}

#[test]
fn statements_name_the_signers() {
    let lines = sound();
    let is_member = |line: &&String| line.starts_with("{\"line\":\"member\"");
    let without: Vec<_> = lines.iter().filter(|line| !is_member(line)).cloned().collect();
    assert_eq!(findings(&without), vec![FindingKind::NoStatement; 5]);
    let other_issuer = crate::world::Issuer::new(2, "2026-a").keys();
    let report = verify_record(lines.iter().map(String::as_str), Some(&other_issuer));
    let bad = FindingKind::Statement(isi_e2ee::StatementError::BadSignature);
    assert_eq!(report.findings.iter().filter(|finding| finding.kind == bad).count(), 2);
    // The account service says that the root organizer may only participate, or that its time was over.
    let place = lines.iter().rposition(|line| is_member(&line)).unwrap();
    let key = lines[place].split('"').nth(7).unwrap();
    let key: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect();
    let thumbprint = isi_e2ee::thumbprint(&key.try_into().unwrap());
    let with = |draft: &crate::world::Draft| {
        let (head, _) = lines[place].split_once("\"statement\":\"").unwrap();
        let mut lines = lines.clone();
        lines[place] = format!("{head}\"statement\":\"{}\"}}", issuer().sign(draft));
        findings(&lines)
    };
    let participant = issuer().draft("root", "participant", &thumbprint);
    assert_eq!(with(&participant), vec![FindingKind::RoleTooLow; 3]);
    let mut expired = issuer().draft("root", "organizer", &thumbprint);
    expired.claims["exp"] = (NOW.0 - 60).into();
    assert_eq!(with(&expired), vec![FindingKind::Statement(isi_e2ee::StatementError::Expired); 4]);
    expired.claims["exp"] = (NOW.0 - 59).into();
    assert_eq!(with(&expired), []);
    // Without issuer keys the chain is still checked, and the report says what was not.
    let report = verify_record(lines.iter().map(String::as_str), None);
    assert!(report.is_sound() && !report.statements_checked);
}

#[test]
fn what_an_organizer_did_not_record_is_named() {
    let mut recorded = Recorded::begin();
    recorded.admit("carol");
    recorded.admit("dave");
    recorded.record_epoch();
    recorded.state(1, LEASE_END);
    recorded.state(0, RecordFact::Ended);
    let found = findings(&recorded.end());
    assert_eq!(found, [FindingKind::NotRecorded(3)]);
}

#[test]
fn who_joins_later_verifies_from_there_on() {
    let mut recorded = Recorded::begin();
    recorded.admit("carol");
    recorded.record_epoch();
    let (mut file, mut lines) = RecordFile::begin(&recorded.groups[3], recorded.books[3].salt());
    for number in 3..5 {
        let message =
            recorded.books[0].write(&recorded.groups[0], recorded.groups[0].epoch(), LEASE_END, NOW).unwrap();
        let accepted = recorded.books[3].accept(&recorded.groups[3], LeafIndex(0), &message).unwrap();
        let RecordAccepted::Added { signed, .. } = accepted else { panic!() };
        assert_eq!(signed.entry().number, number);
        lines.extend(file.entry(&recorded.groups[3], &signed));
        for (who, (group, book)) in recorded.groups.iter().zip(&mut recorded.books).take(3).enumerate() {
            assert!(
                matches!(book.accept(group, LeafIndex(0), &message), Ok(RecordAccepted::Added { .. })),
                "{who}"
            );
        }
    }
    lines.push(file.end(&recorded.groups[3]));
    let report = verify(&lines);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.parts[0].first, report.parts[0].ended, report.epochs), (3, false, Some((3, 3))));
}

#[test]
fn two_records_of_one_session_stand_in_one_file() {
    let mut recorded = Recorded::begin();
    recorded.state(0, RecordFact::Ended);
    let staged = recorded.groups[0].rotate(NOW).unwrap();
    let [root, others @ ..] = &mut recorded.groups[..] else { panic!() };
    follow(root, &mut others.iter_mut().collect::<Vec<_>>()[..], &staged);
    let line = recorded.file.epoch(&recorded.groups[1], None);
    recorded.lines.extend(line);
    let began = recorded.books[0].begin(&recorded.groups[0], NOW).unwrap();
    recorded.tell(0, &began);
    let lines = recorded.end();
    let report = verify(&lines);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.parts.len(), 2);
    assert_ne!(report.parts[0].record, report.parts[1].record);
}

#[test]
fn nonsense_is_named_and_never_more_than_that() {
    let mut lines = sound();
    lines[2] = "{}".to_owned();
    assert_eq!(findings(&lines)[0], FindingKind::NotALine);
    let mut lines = sound();
    lines[0] = lines[0].replace("\"version\":1", "\"version\":2");
    assert_eq!(findings(&lines)[0], FindingKind::Header);
    let found = findings(&["\u{1F600}".to_owned(), "[".repeat(100_000)]);
    assert_eq!(found, [FindingKind::NotALine, FindingKind::NotALine, FindingKind::NoClosing]);
}
