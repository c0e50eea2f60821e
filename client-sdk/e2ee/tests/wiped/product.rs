//! The process that is searched: an organizer and Ann, with the product's own types, told what to do by the other one.

use crate::world::{NOW, SESSION, issuer, organizer};
use isi_e2ee::{Expected, Group, MonotonicMs, Opener, PendingMember, SealMeta, Sealer, Transport};
use isi_wire::{TrackId, TrackKind};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Set for the process that is searched.
pub(crate) const COMMAND: &str = "ISI_WIPED_PRODUCT";
pub(crate) const TRACK: TrackId = TrackId(3);
/// Ann's leaf: the organizer has 0, the member of the other process 1.
pub(crate) const ANN: u16 = 2;
/// What the product says stands behind this; the test harness writes to the same output.
const MARK: &str = "@";

pub(crate) struct Product {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Product {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "product_process", "--nocapture", "--test-threads=1"])
            .env(COMMAND, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        writeln!(self.input, "{}", hex(bytes)).unwrap();
    }

    /// The next word, which must be this one, and what follows it.
    pub(crate) fn hear(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the product has ended");
            if let Some((_, said)) = line.trim_end().split_once(MARK) {
                let (found, rest) = said.split_once(' ').unwrap_or((said, ""));
                assert_eq!(found, word);
                return rest.to_owned();
            }
        }
    }

    pub(crate) fn hear_bytes(&mut self, word: &str) -> Vec<u8> {
        unhex(&self.hear(word))
    }

    pub(crate) fn end(mut self) {
        self.say(b"end");
        assert!(self.child.wait().unwrap().success());
    }
}

/// Says what happened, and waits for the next command.
fn tell(word: &str, rest: &str) {
    println!("{MARK}{word} {rest}");
}

fn command() -> Vec<u8> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    unhex(line.trim_end())
}

pub(crate) fn run() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    tell("invitation", &invitation.to_fragment());
    let applicant = root.check_join_request(&command(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    root.handle_commit(&staged.commit, at(0)).unwrap();
    tell("welcome", &hex(staged.welcome.as_deref().unwrap()));

    let identity = issuer().identity("ann", "participant");
    let mut pending = PendingMember::new(identity, SESSION, issuer().keys(), &invitation).unwrap();
    tell("request", &hex(&pending.join_request()));
    command();
    let applicant = root.check_join_request(&pending.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    root.handle_commit(&staged.commit, at(1)).unwrap();
    let mut ann = pending.join(staged.welcome.as_deref().unwrap(), NOW, at(1)).unwrap();
    drop(pending);
    let mut sealer = Sealer::new(&ann.keyring(), TRACK, TrackKind::Screen).unwrap();
    talk(&mut sealer, &root, 0, at(2));
    tell("commit", &hex(&staged.commit));
    tell("joined", "");
    command();

    let staged = root.rotate(NOW).unwrap();
    root.handle_commit(&staged.commit, at(10)).unwrap();
    ann.handle_commit(&staged.commit, at(10)).unwrap();
    talk(&mut sealer, &root, 1, at(11));
    // The grace is over; nothing but the clock says so.
    root.keyring().expire(at(20));
    ann.keyring().expire(at(20));
    talk(&mut sealer, &root, 2, at(21));
    tell("commit", &hex(&staged.commit));
    tell("rotated", "");
    command();

    let staged = root.remove(&[ann.own_leaf()], NOW).unwrap();
    root.handle_commit(&staged.commit, at(30)).unwrap();
    assert!(ann.handle_commit(&staged.commit, at(30)).unwrap().self_removed);
    drop((ann, sealer));
    let staged = root.rotate(NOW).unwrap();
    root.handle_commit(&staged.commit, at(31)).unwrap();
    tell("removed", "");
    command();
}

/// Ann sends, the organizer receives: both have derived the key.
fn talk(sealer: &mut Sealer, root: &Group, group: u64, now: MonotonicMs) {
    let object = sealer.seal(now, SealMeta { group, keyframe: true }, &[5; 3000]).unwrap();
    let mut opener = Opener::new(&root.keyring(), isi_e2ee::LeafIndex(ANN), TRACK, TrackKind::Screen);
    let expected = Expected { group: Some(group), transport: Transport::Stream };
    opener.open(now, expected, object).unwrap();
}

const fn at(seconds: u64) -> MonotonicMs {
    MonotonicMs(seconds * 1000)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
