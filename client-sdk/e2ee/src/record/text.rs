//! The lines of a record file. People read them, programs too; what counts is in the signed bytes.

use super::entry::{RecordEntry, SignedEntry};
use super::fact::RecordFact;
use super::salt::SubjectHash;
use crate::{LeaseEndReason, LeaseScope, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_wire::TrackKind;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

pub(super) const FILE_VERSION: u8 = 1;

/// A line, but for what an entry's says beside its signed bytes.
#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line {
    /// The first: which group, and whose file it is.
    File { version: u8, group: String, recorder: String },
    /// The statement about a key that signs.
    Member { key: String, statement: String },
    /// What the file's writer saw of an epoch.
    Epoch(EpochLine),
    /// The last: a hash of all lines before it, signed by the file's writer.
    End { hash: String, signature: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct EpochLine {
    pub(super) epoch: u64,
    pub(super) transcript: String,
    /// Leaf signature keys.
    pub(super) organizers: Vec<String>,
    /// The committer's leaf signature key; none in the epoch in which the writer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) committer: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) joined: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<String>,
}

#[derive(Serialize)]
struct EntryLine<'a> {
    line: &'static str,
    number: u64,
    at: String,
    what: &'static str,
    by: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    who: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    epoch: u64,
    transcript: String,
    record: String,
    key: String,
    signed: &'a str,
}

/// The signed bytes of an entry's line.
#[derive(Deserialize)]
pub(super) struct SignedIn {
    line: String,
    signed: String,
}

impl Line {
    pub(super) fn render(&self) -> String {
        // Structures of strings and numbers always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An entry for people, and its signed bytes.
pub(super) fn render_entry(signed: &SignedEntry) -> String {
    let entry = signed.entry();
    let bytes = URL_SAFE_NO_PAD.encode(signed.bytes());
    let mut line = EntryLine {
        line: "entry",
        number: entry.number,
        at: date(entry.stated_at),
        what: what(&entry.fact),
        by: hex(&entry.signer.subject.0),
        who: Vec::new(),
        removed: Vec::new(),
        driver: None,
        lease: None,
        scope: None,
        duration_ms: None,
        reason: None,
        track: None,
        kind: None,
        epoch: entry.epoch,
        transcript: hex(&entry.transcript),
        record: hex(&entry.record.0),
        key: hex(&entry.signer.key),
        signed: &bytes,
    };
    line.fill(entry);
    serde_json::to_string(&line).unwrap_or_default()
}

impl EntryLine<'_> {
    fn fill(&mut self, entry: &RecordEntry) {
        match &entry.fact {
            RecordFact::Began { present: who } | RecordFact::Joined(who) | RecordFact::Organizers(who) => {
                self.who = names(who)
            }
            RecordFact::Ended => {}
            RecordFact::Gone(gone) => {
                let some =
                    |asked| gone.iter().filter(move |one| one.asked == asked).map(|one| hex(&one.who.0));
                self.who = some(true).collect();
                self.removed = some(false).collect();
            }
            RecordFact::LeaseGranted { lease, driver, scope, duration_ms } => {
                self.driver = Some(hex(&driver.0));
                self.lease = Some(hex(lease));
                self.scope = Some(scope_words(*scope));
                self.duration_ms = Some(*duration_ms);
            }
            RecordFact::LeaseEnded { lease, reason } => {
                self.lease = Some(hex(lease));
                self.reason = Some(reason_word(*reason));
            }
            RecordFact::Sharing { track, kind } => {
                self.track = Some(track.0);
                self.kind = Some(kind_word(*kind));
            }
            RecordFact::SharingEnded { track } => self.track = Some(track.0),
        }
    }
}

/// The signed bytes in an entry's line; `None` for any other line.
pub(super) fn signed_in(text: &str) -> Option<Vec<u8>> {
    let found: SignedIn = serde_json::from_str(text).ok()?;
    URL_SAFE_NO_PAD.decode(found.signed).ok().filter(|_| found.line == "entry")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // a String takes all
        hex
    })
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().filter(|_| rest.is_empty())
}

pub(super) fn unhex_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex(text)?.try_into().ok()
}

pub(super) fn names(who: &[SubjectHash]) -> Vec<String> {
    who.iter().map(|who| hex(&who.0)).collect()
}

const fn what(fact: &RecordFact) -> &'static str {
    match fact {
        RecordFact::Began { .. } => "record began",
        RecordFact::Ended => "record ended",
        RecordFact::Joined(_) => "joined",
        RecordFact::Gone(_) => "gone",
        RecordFact::Organizers(_) => "organizers",
        RecordFact::LeaseGranted { .. } => "lease granted",
        RecordFact::LeaseEnded { .. } => "lease ended",
        RecordFact::Sharing { .. } => "sharing",
        RecordFact::SharingEnded { .. } => "sharing ended",
    }
}

fn scope_words(scope: LeaseScope) -> String {
    let parts = [(scope.pointer, "pointer"), (scope.keyboard, "keyboard"), (scope.clipboard, "clipboard")];
    parts.into_iter().filter_map(|(has, word)| has.then_some(word)).collect::<Vec<_>>().join(" ")
}

const fn reason_word(reason: LeaseEndReason) -> &'static str {
    match reason {
        LeaseEndReason::Expired => "expired",
        LeaseEndReason::Revoked => "taken back",
        LeaseEndReason::Released => "given up",
        LeaseEndReason::Superseded => "replaced",
        LeaseEndReason::DriverGone => "driver gone",
        LeaseEndReason::SharingStopped => "sharing stopped",
        LeaseEndReason::OutOfTouch => "out of touch",
    }
}

const fn kind_word(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Screen => "screen",
        TrackKind::Input => "input",
        TrackKind::Message => "message",
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
        TrackKind::Document => "document",
        TrackKind::Pointer => "pointer",
    }
}

/// RFC 3339, UTC. Years above 9999 are written as they are.
pub(super) fn date(at: UnixSeconds) -> String {
    let (days, second) = (at.0 / 86_400, at.0 % 86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    // Days since 0000-03-01, so that a leap day is a year's last (Howard Hinnant, "chrono-compatible low-level date
    // algorithms").
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let (month, next) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    let year = era * 400 + year_of_era + next;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date(UnixSeconds(at)), text);
        }
        assert!(date(UnixSeconds(u64::MAX)).ends_with('Z'));
    }

    #[test]
    fn hex_comes_back_and_nonsense_does_not() {
        assert_eq!(unhex(&hex(&[0, 0xa5, 0xff])), Some(vec![0, 0xa5, 0xff]));
        for nonsense in ["0", "0g", "+1", "é"] {
            assert_eq!(unhex(nonsense), None, "{nonsense}");
        }
    }
}
