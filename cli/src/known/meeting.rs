use std::path::PathBuf;

use super::file::{KnownPeople, Person};

/// What meeting somebody showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// For the first time: the key is believed.
    New,
    /// With the key it had.
    Same {
        /// Whether digits were compared at some time.
        compared: bool,
    },
    /// With another key.
    Changed {
        /// Since when the one before was known, in seconds since 1970.
        since: u64,
        /// Whether digits had been compared for that one.
        compared: bool,
    },
}

impl KnownPeople {
    /// Compares the key of somebody, as an account service names it, with whom was met before, and keeps what is new. A changed key is not believed until a person
    /// says so.
    pub fn meet(&mut self, issuer: &str, subject: &str, key: &str, now: u64) -> Met {
        let Some(person) = self.get_mut(issuer, subject) else {
            self.add(Person {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                key: key.to_owned(),
                first_seen: now,
                last_seen: now,
                compared: false,
                other_key: None,
            });
            return Met::New;
        };
        person.last_seen = now;
        if person.key == key {
            return Met::Same { compared: person.compared };
        }
        person.other_key = Some(key.to_owned());
        Met::Changed { since: person.first_seen, compared: person.compared }
    }
}

/// `isi/known-people.json` in the folder for settings; `None` when there is no such folder.
#[must_use]
pub fn default_path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative one is to be ignored, says the XDG base directory specification.
    let config = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("isi").join("known-people.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_is_believed_and_another_one_is_told_until_somebody_says_so() {
        let mut people = KnownPeople::default();
        assert_eq!(people.meet("i", "ann", "one", 10), Met::New);
        assert_eq!(people.meet("i", "ann", "one", 20), Met::Same { compared: false });
        for _ in 0..2 {
            let changed = people.meet("i", "ann", "two", 30);
            assert_eq!(changed, Met::Changed { since: 10, compared: false });
        }
        assert_eq!(people.meet("another", "ann", "two", 30), Met::New);
        people.get_mut("i", "ann").unwrap().trust();
        assert_eq!(people.meet("i", "ann", "two", 40), Met::Same { compared: true });
        assert_eq!(people.meet("i", "ann", "one", 40), Met::Changed { since: 10, compared: true });
        people.forget("ann");
        assert_eq!(people.meet("i", "ann", "three", 50), Met::New);
    }
}
