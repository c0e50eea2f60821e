use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use isi_client::{RecordLines, Session};
use tokio::task::JoinHandle;

use crate::{
    args::RecordArgs,
    failure::{Exit, Failure},
    hex,
};

/// A file that was opened before the session is entered: nobody goes in when it cannot be kept.
pub struct Prepared {
    path: PathBuf,
    file: File,
}

/// A file of the session record that is being written, and one beside it for the salts.
pub struct Keeper {
    path: PathBuf,
    writing: JoinHandle<io::Result<()>>,
}

impl Keeper {
    /// Opens the file, if one was asked for.
    ///
    /// # Errors
    /// When it is there already or cannot be written.
    pub fn prepare(args: &RecordArgs) -> Result<Option<Prepared>, Failure> {
        let Some(path) = args.file.clone() else { return Ok(None) };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failure(&path, &error))?;
        Ok(Some(Prepared { path, file }))
    }

    /// Begins the file.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn begin(prepared: Prepared, session: &Session) -> Result<Self, Failure> {
        let Prepared { path, file } = prepared;
        let lines = session.record_lines().await.map_err(|error| Failure::of(Exit::Relay, &error))?;
        Ok(Self { path, writing: tokio::spawn(write(lines, file)) })
    }

    /// Writes the salt of the record that is on to its own file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn note_salt(&self, session: &Session) -> Result<(), Failure> {
        let Ok(Some(recording)) = session.recording().await else { return Ok(()) };
        let salt = recording.salt;
        let line = format!("{} {}\n", hex::encode(&salt.record().0), hex::encode(salt.as_bytes()));
        let path = salt_path(&self.path);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| failure(&path, &error))
    }

    /// Waits for the last line; to be called when the session was left.
    ///
    /// # Errors
    /// When not everything could be written.
    pub async fn finish(self) -> Result<(), Failure> {
        let written = self.writing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| failure(&self.path, &error))
    }
}

async fn write(mut lines: RecordLines, mut file: File) -> io::Result<()> {
    while let Some(mut line) = lines.next().await {
        line.push('\n');
        file.write_all(line.as_bytes())?;
    }
    file.sync_all()
}

fn salt_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".salt");
    name.into()
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("cannot write the record to {}: {error}", path.display()),
        "name a file that is not there yet, in a folder that may be written to",
    )
}
