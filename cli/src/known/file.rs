use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::token::make_folder;

/// Most people that are kept. Beyond it who was not seen for longest goes, of those never compared first.
pub const KNOWN_PEOPLE_MAX: usize = 4096;
/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const VERSION: u8 = 1;

/// Everybody who was met, as the file has them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownPeople {
    version: u8,
    people: Vec<Person>,
}

/// Somebody, and the key that is believed to be its.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The account service's name for itself.
    pub issuer: String,
    /// Its name for the person.
    pub subject: String,
    /// Thumbprint of the member key.
    pub key: String,
    /// Seconds since 1970.
    pub first_seen: u64,
    /// Seconds since 1970.
    pub last_seen: u64,
    /// Whether digits were compared since the key is this one.
    pub compared: bool,
    /// Another key that was seen instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_key: Option<String>,
}

/// Why known people are not at hand.
#[derive(Debug, thiserror::Error)]
pub enum KnownPeopleError {
    /// The file cannot be read or written.
    #[error("cannot keep known people in {path}: {source}; name another file with --known-people", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is something else, or was edited.
    #[error("{path} is no list of known people ({problem}); name another with --known-people, or move it away", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Default for KnownPeople {
    fn default() -> Self {
        Self { version: VERSION, people: Vec::new() }
    }
}

impl KnownPeople {
    /// Reads the file; nobody is known where there is none.
    ///
    /// # Errors
    /// See [`KnownPeopleError`].
    pub fn load(path: &Path) -> Result<Self, KnownPeopleError> {
        let text = match fs::metadata(path).and_then(|metadata| match metadata.len() {
            ..=FILE_BYTES_MAX => fs::read_to_string(path),
            _ => Err(io::Error::other(format!("longer than {FILE_BYTES_MAX} bytes"))),
        }) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(KnownPeopleError::File { path: path.to_owned(), source }),
        };
        let format = |problem| KnownPeopleError::Format { path: path.to_owned(), problem };
        let people: Self = serde_json::from_str(&text).map_err(|error| format(error.to_string()))?;
        match people.version {
            VERSION => Ok(people),
            version => Err(format(format!("version {version}"))),
        }
    }

    /// Changes the file, alone among all programs that do, and whole or not at all.
    ///
    /// # Errors
    /// See [`KnownPeopleError`].
    pub fn update<T>(path: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, KnownPeopleError> {
        let file_error = |source| KnownPeopleError::File { path: path.to_owned(), source };
        if let Some(folder) =
            path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        {
            make_folder(folder).map_err(|error| file_error(io::Error::other(error.to_string())))?;
        }
        let lock = open(&beside(path, "lock")).map_err(file_error)?;
        lock.lock().map_err(file_error)?; // until it is dropped
        let mut people = Self::load(path)?;
        let told = change(&mut people);
        people.shrink();
        people.save(path).map_err(file_error)?;
        Ok(told)
    }

    /// The one whose name begins so; none when two do.
    pub fn find(&mut self, beginning: &str) -> Option<&mut Person> {
        let begins = |person: &&mut Person| person.subject.starts_with(beginning) && !beginning.is_empty();
        let mut found = self.people.iter_mut().filter(begins);
        found.next().filter(|_| found.next().is_none())
    }

    /// Somebody with exactly this name.
    pub fn get_mut(&mut self, issuer: &str, subject: &str) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.subject == subject && person.issuer == issuer)
    }

    /// Adds somebody who was not there.
    pub fn add(&mut self, person: Person) {
        self.people.push(person);
    }

    /// Takes somebody out.
    pub fn forget(&mut self, subject: &str) {
        self.people.retain(|person| person.subject != subject);
    }

    /// In the order in which they were met.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.people.iter()
    }

    fn shrink(&mut self) {
        while self.people.len() > KNOWN_PEOPLE_MAX {
            let oldest =
                (0..).zip(&self.people).min_by_key(|(_, person)| (person.compared, person.last_seen));
            let Some((place, _)) = oldest else { return };
            self.people.remove(place);
        }
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let draft = beside(path, "new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open(&draft)?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    }
}

impl Person {
    /// Digits were compared: the key that was seen last is the person's.
    pub fn trust(&mut self) {
        if let Some(other) = self.other_key.take() {
            self.key = other;
        }
        self.compared = true;
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp::TempFolder;
    use std::os::unix::fs::PermissionsExt;

    fn person(subject: &str, last_seen: u64, compared: bool) -> Person {
        Person {
            issuer: "i".into(),
            subject: subject.into(),
            key: "k".into(),
            first_seen: 1,
            last_seen,
            compared,
            other_key: None,
        }
    }

    #[test]
    fn the_file_is_its_owners_and_comes_back() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("deep").join("known.json");
        assert_eq!(KnownPeople::load(&path).unwrap().iter().count(), 0);
        KnownPeople::update(&path, |people| people.add(person("ann", 5, true))).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let people = KnownPeople::load(&path).unwrap();
        assert_eq!(people.iter().collect::<Vec<_>>(), [&person("ann", 5, true)]);
        fs::write(&path, "{}").unwrap();
        assert!(matches!(KnownPeople::load(&path), Err(KnownPeopleError::Format { .. })));
        assert!(KnownPeople::update(&path, |_| ()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }

    #[test]
    fn many_programs_at_once_lose_nobody() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("known.json");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..20 {
                        let subject = format!("{thread}-{number}");
                        KnownPeople::update(path, |people| people.add(person(&subject, 1, false))).unwrap();
                    }
                });
            }
        });
        assert_eq!(KnownPeople::load(&path).unwrap().iter().count(), 80);
    }

    #[test]
    fn who_was_never_compared_and_not_seen_for_longest_goes_first() {
        let mut people = KnownPeople::default();
        people.add(person("compared", 0, true));
        for number in 0..KNOWN_PEOPLE_MAX {
            people.add(person(&format!("p{number}"), 10 + number as u64, false));
        }
        people.shrink();
        assert_eq!(people.iter().count(), KNOWN_PEOPLE_MAX);
        assert!(people.find("compared").is_some() && people.get_mut("i", "p0").is_none());
    }

    #[test]
    fn names_are_found_by_their_beginning_when_it_is_one_persons() {
        let mut people = KnownPeople::default();
        people.add(person("ann", 1, false));
        people.add(person("anton", 1, false));
        assert!(people.find("an").is_none() && people.find("").is_none());
        assert_eq!(people.find("ant").unwrap().subject, "anton");
    }
}
