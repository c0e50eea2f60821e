//! People met before: whose key it was the first time is believed, and a change is told so that nobody misses it.
//!
//! A key lives in an identity file; `isi token issue --again` takes it along into other sessions. Nobody can tell a person
//! who got a new key from somebody in between who pretends: only the 45 digits, compared by voice, can.

mod file;
mod meeting;

pub use file::{KNOWN_PEOPLE_MAX, KnownPeople, KnownPeopleError, Person};
pub use meeting::{Met, default_path};

use std::path::PathBuf;

use crate::{
    args::{KnownArgs, KnownCommand},
    clock::unix_s,
    failure::{Exit, Failure},
};

/// `isi people`.
///
/// # Errors
/// What a person has to correct.
pub fn run(args: &KnownArgs) -> Result<(), Failure> {
    let path = path_of(args.known_people.as_ref())?;
    match &args.command {
        KnownCommand::List { json } => list(&load(&path)?, *json),
        KnownCommand::Trust { person } => {
            change(&path, |people| {
                let person = one(people, person)?;
                person.trust();
                Ok(format!("{} is known by key {}, compared", person.subject, person.key))
            })?;
        }
        KnownCommand::Forget { person } => {
            change(&path, |people| {
                let subject = one(people, person)?.subject.clone();
                people.forget(&subject);
                Ok(format!("{subject} is forgotten"))
            })?;
        }
    }
    Ok(())
}

/// The file that was named, or the usual one.
///
/// # Errors
/// When none was named and there is no usual place.
pub fn path_of(named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    named.cloned().or_else(default_path).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "there is no folder for known people",
            "name a file with --known-people, or set HOME",
        )
    })
}

fn load(path: &std::path::Path) -> Result<KnownPeople, Failure> {
    KnownPeople::load(path).map_err(|error| Failure::of(Exit::Usage, &error))
}

fn change(
    path: &std::path::Path,
    change: impl FnOnce(&mut KnownPeople) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let told = KnownPeople::update(path, change).map_err(|error| Failure::of(Exit::Usage, &error))??;
    println!("{told}");
    Ok(())
}

fn one<'a>(people: &'a mut KnownPeople, beginning: &str) -> Result<&'a mut Person, Failure> {
    people.find(beginning).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("nobody or several begin with {beginning:?}"),
            "`isi people list` shows who is known",
        )
    })
}

fn list(people: &KnownPeople, json: bool) {
    if json {
        return println!("{}", serde_json::to_string(people).unwrap_or_default());
    }
    for person in people.iter() {
        let days = unix_s().saturating_sub(person.first_seen) / 86_400;
        let compared = if person.compared { "digits compared" } else { "never compared" };
        println!("{}  key {}  known for {days} days, {compared}", person.subject, person.key);
        if let Some(other) = &person.other_key {
            println!(
                "    CHANGED: was seen with key {other}; compare digits, then `isi people trust {}`",
                person.subject
            );
        }
    }
}
