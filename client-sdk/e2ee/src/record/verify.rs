use super::chain::{Chain, Step};
use super::entry::{EntryRefused, SignedEntry};
use super::epochs::WriterSaw;
use super::fact::{Authority, RecordFact};
use super::file::{closing, hash_line};
use super::report::{FindingKind, RecordFinding, RecordPart, RecordReport, SeenSigner};
use super::salt::RecordId;
use super::text::{EpochLine, FILE_VERSION, Line, render_entry, signed_in, unhex, unhex_array};
use crate::statement::{Statement, StatementError};
use crate::{IssuerKeys, Role, UnixSeconds, thumbprint};
use ed25519_dalek::{Signature, VerifyingKey};
use isi_wire::SessionId;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Findings that a report holds. Beyond it they are only counted.
const FINDINGS_MAX: usize = 1_000;
/// Longest line: the largest entry, which stands there twice, for people and signed.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// How much later than its signer's statement ends an entry may be, in seconds: clocks differ.
const CLOCK_SKEW_S_MAX: u64 = 60;

/// Checks a record file, line by line: chain, signatures, statements, and that epochs and their transcript hashes go on
/// without a gap from the writer's own join on.
///
/// Without `issuers` it is not checked who signed the statements: then only keys are proven, not people.
#[must_use]
pub fn verify_record<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    issuers: Option<&IssuerKeys>,
) -> RecordReport {
    let mut check = Check { issuers, ..Check::default() };
    check.report.statements_checked = issuers.is_some();
    for line in lines {
        check.line += 1;
        check.take(line);
    }
    check.finish()
}

#[derive(Default)]
struct Check<'a> {
    issuers: Option<&'a IssuerKeys>,
    report: RecordReport,
    line: u64,
    hash: Sha256,
    group_id: Vec<u8>,
    recorder: [u8; 32],
    epochs: BTreeMap<u64, WriterSaw>,
    statements: BTreeMap<[u8; 32], Statement>,
    signers: BTreeMap<[u8; 32], u64>,
    chain: Chain,
    record: Option<RecordId>,
    is_closed: bool,
}

impl Check<'_> {
    fn take(&mut self, text: &str) {
        if self.is_closed {
            return self.find(FindingKind::AfterClosing);
        }
        let mut with_this = self.hash.clone();
        hash_line(&mut with_this, text);
        if text.len() > LINE_BYTES_MAX {
            self.find(FindingKind::NotALine);
        } else if let Some(bytes) = signed_in(text) {
            self.take_entry(text, &bytes);
        } else {
            match serde_json::from_str(text) {
                Ok(line) => self.take_line(line),
                Err(_) => self.find(FindingKind::NotALine),
            }
        }
        self.hash = with_this;
    }

    fn take_line(&mut self, line: Line) {
        let is_header = matches!(line, Line::File { .. });
        if is_header != (self.line == 1) {
            return self.find(FindingKind::Header);
        }
        match line {
            Line::File { version, group, recorder } => {
                let (group, recorder) = (unhex(&group), unhex_array(&recorder));
                let (Some(group), Some(recorder)) = (group, recorder) else {
                    return self.find(FindingKind::Header);
                };
                if version != FILE_VERSION {
                    return self.find(FindingKind::Header);
                }
                (self.group_id, self.recorder) = (group, recorder);
                self.report.recorder = Some(thumbprint(&recorder));
            }
            Line::Member { key, statement } => self.take_statement(&key, &statement),
            Line::Epoch(line) => self.take_epoch(line),
            Line::End { hash, signature } => self.take_end(&hash, &signature),
        }
    }

    fn take_statement(&mut self, key: &str, jws: &str) {
        let Some(key) = unhex_array::<32>(key) else { return self.find(FindingKind::NotALine) };
        let session = SessionId(self.group_id.first_chunk().copied().unwrap_or_default());
        let checked = match self.issuers {
            Some(issuers) => Statement::verify(jws.as_bytes(), issuers, session, &key),
            None => Statement::peek(jws.as_bytes()).and_then(|statement| {
                if statement.key_thumbprint != thumbprint(&key) {
                    Err(StatementError::WrongKey)
                } else if statement.session != session {
                    Err(StatementError::WrongSession)
                } else {
                    Ok(statement)
                }
            }),
        };
        match checked {
            Ok(statement) => drop(self.statements.insert(key, statement)),
            Err(error) => self.find(FindingKind::Statement(error)),
        }
    }

    fn take_epoch(&mut self, line: EpochLine) {
        let epoch = line.epoch;
        let Some(seen) = WriterSaw::read(line) else { return self.find(FindingKind::NotALine) };
        if let Some(last) = self.epochs.last_key_value().map(|(epoch, _)| *epoch) {
            if epoch <= last {
                return self.find(FindingKind::EpochOutOfPlace(epoch));
            }
            if epoch - last > 1 {
                self.find(FindingKind::EpochsMissing { first: last + 1, last: epoch - 1 });
            }
        }
        self.epochs.insert(epoch, seen);
    }

    fn take_entry(&mut self, text: &str, bytes: &[u8]) {
        if self.line == 1 {
            return self.find(FindingKind::Header);
        }
        let signed = match SignedEntry::verify(bytes, &self.group_id) {
            Ok(signed) => signed,
            Err(EntryRefused::Malformed) => return self.find(FindingKind::Malformed),
            Err(EntryRefused::BadSignature) => return self.find(FindingKind::BadSignature),
        };
        if render_entry(&signed) != text {
            self.find(FindingKind::TextDiffers);
        }
        self.check_chain(&signed);
        self.check_epoch(&signed);
        self.check_statement(&signed);
        self.check_omissions(&signed);
        *self.signers.entry(signed.entry().signer.key).or_default() += 1;
    }

    fn check_chain(&mut self, signed: &SignedEntry) {
        let entry = signed.entry();
        let number = entry.number;
        match self.record {
            Some(on) if on == entry.record => {}
            Some(_) => return self.find(FindingKind::OtherRecord),
            None if self.report.parts.iter().any(|part| part.record == entry.record) => {
                return self.find(FindingKind::OtherRecord);
            }
            None => {
                self.chain = Chain::default();
                self.record = Some(entry.record);
            }
        }
        let was_sure = self.chain.is_sure();
        match self.chain.step(signed) {
            Step::Next => self.extend(signed),
            Step::Begins => {
                // What stood there before was an entry that another had come before.
                self.report.parts.pop_if(|part| part.record == entry.record && !was_sure);
                self.extend(signed);
            }
            Step::Gap { first } => {
                self.find(FindingKind::Missing { first, last: number - 1 });
                self.extend(signed);
            }
            Step::Behind => self.find(FindingKind::OutOfPlace(number)),
            Step::Fork => self.find(FindingKind::DoesNotFollow(number)),
        }
        if entry.fact == RecordFact::Ended {
            self.record = None;
        }
    }

    fn extend(&mut self, signed: &SignedEntry) {
        let entry = signed.entry();
        let parts = &mut self.report.parts;
        if parts.last().is_none_or(|part| part.record != entry.record) {
            parts.push(RecordPart {
                record: entry.record,
                first: entry.number,
                last: entry.number,
                from: entry.stated_at,
                to: entry.stated_at,
                ended: false,
            });
        }
        if let Some(part) = parts.last_mut() {
            (part.last, part.to) = (entry.number, entry.stated_at);
            part.ended = entry.fact == RecordFact::Ended;
        }
    }

    fn check_epoch(&mut self, signed: &SignedEntry) {
        let entry = signed.entry();
        let needs_organizer = entry.fact.authority() == Authority::Organizer;
        let Some(seen) = self.epochs.get(&entry.epoch) else {
            return self.find(FindingKind::UnknownEpoch(entry.epoch));
        };
        let other_transcript = seen.transcript != entry.transcript;
        let no_organizer = needs_organizer && !seen.organizers.contains(&entry.signer.key);
        if other_transcript {
            self.find(FindingKind::OtherTranscript(entry.epoch));
        }
        if no_organizer {
            self.find(FindingKind::NotAnOrganizer(entry.epoch));
        }
    }

    fn check_statement(&mut self, signed: &SignedEntry) {
        let entry = signed.entry();
        let Some(statement) = self.statements.get(&entry.signer.key) else {
            return self.find(FindingKind::NoStatement);
        };
        let earlier = UnixSeconds(entry.stated_at.0.saturating_sub(CLOCK_SKEW_S_MAX));
        let expired = statement.check_expiry(earlier).is_err();
        let needs_organizer = entry.fact.authority() == Authority::Organizer;
        let too_low = needs_organizer && statement.role != Role::Organizer;
        if expired {
            self.find(FindingKind::Statement(StatementError::Expired));
        }
        if too_low {
            self.find(FindingKind::RoleTooLow);
        }
    }

    /// A committer records what its commits do in their order: one that signs something of a later epoch has left out
    /// what is not there by then.
    fn check_omissions(&mut self, signed: &SignedEntry) {
        let entry = signed.entry();
        if let Some(seen) = self.epochs.get_mut(&entry.epoch) {
            seen.settle(&entry.fact);
        }
        let key = entry.signer.key;
        let mut omitted = Vec::new();
        for (epoch, seen) in self.epochs.range_mut(..entry.epoch) {
            if seen.is_owed_by(&key) {
                seen.forget();
                omitted.push(*epoch);
            }
        }
        omitted.into_iter().for_each(|epoch| self.find(FindingKind::NotRecorded(epoch)));
    }

    fn take_end(&mut self, hash: &str, signature: &str) {
        self.is_closed = true;
        let lines: [u8; 32] = self.hash.clone().finalize().into();
        let key = VerifyingKey::from_bytes(&self.recorder).ok();
        let fits = || {
            let signature = Signature::from_bytes(&unhex_array(signature)?);
            key?.verify_strict(&closing(&self.group_id, &lines), &signature).ok()
        };
        if unhex_array(hash) != Some(lines) || fits().is_none() {
            self.find(FindingKind::ClosingDiffers);
        }
    }

    fn finish(mut self) -> RecordReport {
        self.line += 1;
        if !self.is_closed {
            self.find(FindingKind::NoClosing);
        }
        let epochs = self.epochs.first_key_value().zip(self.epochs.last_key_value());
        self.report.epochs = epochs.map(|((first, _), (last, _))| (*first, *last));
        let signer = |(key, entries): (&[u8; 32], &u64)| SeenSigner {
            key_thumbprint: thumbprint(key),
            subject: self.statements.get(key).map(|statement| statement.subject.clone()),
            entries: *entries,
        };
        self.report.signers = self.signers.iter().map(signer).collect();
        self.report
    }

    fn find(&mut self, kind: FindingKind) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(RecordFinding { line: self.line, kind });
        } else {
            self.report.findings_dropped += 1;
        }
    }
}
