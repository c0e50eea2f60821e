//! `isi doctor`: what this system allows.

mod checks;

use serde::Serialize;

use crate::{
    args::DoctorArgs,
    failure::{Exit, Failure},
};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Good,
    /// It works, with less.
    Limited,
    /// It does not work.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A short name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty when nothing is to be done.
    pub hint: &'static str,
    /// Whether `isi demo` needs it.
    pub needed: bool,
}

/// Looks at everything and prints it.
///
/// # Errors
/// When something that `isi demo` needs is missing.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let checks = [checks::udp(), checks::buffers(), checks::gso(), checks::display(), checks::memory()];
    if args.json {
        println!("{}", serde_json::json!({ "checks": checks }));
    } else {
        checks.iter().for_each(print);
    }
    match checks.iter().find(|check| check.needed && check.outcome == Outcome::Missing) {
        None => Ok(()),
        Some(check) => {
            Err(Failure::new(Exit::NotSearched, format!("{}: {}", check.name, check.detail), check.hint))
        }
    }
}

fn print(check: &Check) {
    let word = match check.outcome {
        Outcome::Good => "good",
        Outcome::Limited => "limited",
        Outcome::Missing => "missing",
    };
    println!("{:<16} {word:<8} {}", check.name, check.detail);
    if !check.hint.is_empty() {
        println!("{:<16} {:<8} {}", "", "", check.hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_ends_and_says_something() {
        for check in [checks::udp(), checks::buffers(), checks::gso(), checks::display(), checks::memory()] {
            assert!(!check.detail.is_empty(), "{check:?}");
            assert_eq!(check.hint.is_empty(), check.outcome == Outcome::Good, "{check:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn loopback_works_where_tests_run() {
        assert_eq!(checks::udp().outcome, Outcome::Good);
    }
}
