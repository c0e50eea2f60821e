use std::{fs, path::Path};

use isi_client::{IssuerKeys, RecordPart, RecordReport, RecordSalt, verify_record};
use serde::Serialize;

use crate::{
    args::VerifyArgs,
    failure::{Exit, Failure},
    hex,
};

/// Longest file that is read.
const RECORD_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Checks a record file and prints what it shows.
///
/// # Errors
/// [`Exit::ChecksFailed`] when something is wrong with it, [`Exit::Usage`] when it cannot be read.
pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let text = read(&args.file)?;
    let issuers = args.issuers.as_deref().map(read_issuers).transpose()?;
    let report = verify_record(text.split_terminator('\n'), issuers.as_ref());
    let people = match &args.salt {
        Some(salt) => find_people(&read(salt)?, &args.people, &text)?,
        None => Vec::new(),
    };
    if args.json {
        println!("{}", json(&report, &people));
    } else {
        print(&report, &people);
    }
    if report.is_sound() {
        return Ok(());
    }
    let found = report.findings.len() as u64 + report.findings_dropped;
    Err(Failure::new(
        Exit::ChecksFailed,
        format!("{} is not sound: {found} findings", args.file.display()),
        "believe nothing of it from the first finding on; ask another member for its file of the same session",
    ))
}

/// A person, and where the record names it.
#[derive(Serialize)]
struct Named {
    person: String,
    record: String,
    name: String,
    lines: Vec<usize>,
}

fn read(path: &Path) -> Result<String, Failure> {
    let size = fs::metadata(path).map(|metadata| metadata.len());
    let text = match size {
        Ok(size) if size > RECORD_FILE_BYTES_MAX => Err(format!("longer than {RECORD_FILE_BYTES_MAX} bytes")),
        // Bytes that are no text make a line that does not verify.
        Ok(_) => fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    text.map_err(|problem| {
        let message = format!("cannot read {}: {problem}", path.display());
        Failure::new(Exit::Usage, message, "name a file that --record wrote")
    })
}

fn read_issuers(path: &Path) -> Result<IssuerKeys, Failure> {
    let text = read(path)?;
    IssuerKeys::from_jwks(text.as_bytes())
        .map_err(|error| Failure::of(Exit::Usage, &error).while_doing(&path.display().to_string()))
}

fn find_people(salts: &str, people: &[String], text: &str) -> Result<Vec<Named>, Failure> {
    let mut found = Vec::new();
    for line in salts.lines() {
        let salt = line.split_once(' ').and_then(|(_, salt)| hex::decode(salt)?.try_into().ok());
        let salt = RecordSalt::new(salt.ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "this is no file of salts",
                "name the file that --record wrote beside the record",
            )
        })?);
        for person in people {
            let name = hex::encode(&salt.hash(person).0);
            let quoted = format!("\"{name}\"");
            let lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(&quoted));
            let lines = lines.map(|(number, _)| number).collect();
            let record = hex::encode(&salt.record().0);
            found.push(Named { person: person.clone(), record, name, lines });
        }
    }
    Ok(found)
}

fn print(report: &RecordReport, people: &[Named]) {
    if let (Some(recorder), Some((first, last))) = (&report.recorder, report.epochs) {
        println!("written by the member with key {recorder}, who saw epochs {first} to {last}");
    }
    if report.parts.is_empty() {
        println!("nothing was recorded: no organizer had turned the record on");
    }
    for part in &report.parts {
        println!("{}", part_line(part));
    }
    for signer in &report.signers {
        let who = signer.subject.as_deref().unwrap_or("somebody without a statement");
        println!("signed by {who}, key {}: {} entries", signer.key_thumbprint, signer.entries);
    }
    println!(
        "{}",
        match report.statements_checked {
            true => "who the signers are was checked with the account's keys",
            false => "who the signers are was not checked: give the account's keys with --issuers",
        }
    );
    for Named { person, record, name, lines } in people {
        println!("{person} is {name} in record {record}: lines {lines:?}");
    }
    for finding in &report.findings {
        println!("line {}: {}", finding.line, finding.kind);
    }
    if report.findings_dropped > 0 {
        println!("and {} more", report.findings_dropped);
    }
    if report.is_sound() {
        println!("sound: nothing is missing, changed or forged");
    }
}

fn part_line(part: &RecordPart) -> String {
    let beginning = match part.first {
        1 => "from its beginning".to_owned(),
        first => format!("from entry {first} on, where the writer came"),
    };
    let end = if part.ended { "to its end" } else { "; it went on when the file ends" };
    format!(
        "record {}: {} entries {beginning} {end}",
        hex::encode(&part.record.0),
        part.last - part.first + 1
    )
}

fn json(report: &RecordReport, people: &[Named]) -> String {
    let parts = report.parts.iter().map(|part| {
        serde_json::json!({
            "record": hex::encode(&part.record.0), "first": part.first, "last": part.last,
            "from": part.from.0, "to": part.to.0, "ended": part.ended,
        })
    });
    let signers = report.signers.iter().map(|signer| {
        serde_json::json!({
            "key": signer.key_thumbprint, "subject": signer.subject, "entries": signer.entries,
        })
    });
    let findings = report
        .findings
        .iter()
        .map(|finding| serde_json::json!({"line": finding.line, "what": finding.kind.to_string()}));
    serde_json::json!({
        "sound": report.is_sound(),
        "recorder": report.recorder,
        "epochs": report.epochs.map(|(first, last)| [first, last]),
        "records": parts.collect::<Vec<_>>(),
        "signers": signers.collect::<Vec<_>>(),
        "statements_checked": report.statements_checked,
        "findings": findings.collect::<Vec<_>>(),
        "findings_dropped": report.findings_dropped,
        "people": people,
    })
    .to_string()
}
