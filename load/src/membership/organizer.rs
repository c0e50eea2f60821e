use super::CrowdError;
use super::load::{AdmissionError, COMMITS_AS};
use crate::client::{Dialler, LogClient};
use crate::clock::thread_cpu_ns;
use isi_e2ee::{Applicant, Group, MonotonicMs, UnixSeconds};
use isi_wire::{EntryKind, LogEntry, ParticipantId, SessionId};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// As the SDK's organizers do it: from the first request to the commit for all who have asked by then,
const BATCH: Duration = Duration::from_millis(100);
/// between two commits that admit somebody,
const INTERVAL: Duration = Duration::from_millis(250);
/// and newcomers of one commit.
const BATCH_MEMBERS_MAX: usize = 128;

/// An organizer that lets in whoever holds the invitation.
pub(super) struct Committer {
    client: LogClient,
    group: Group,
    now: UnixSeconds,
    asking: Vec<(Applicant, ParticipantId)>,
    /// When those who ask are let in, if none is under way.
    due: Option<Instant>,
    not_before: Instant,
    under_way: bool,
    commits: Commits,
}

/// What it did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commits {
    pub(super) count: u64,
    pub(super) commit_bytes: u64,
    pub(super) welcome_bytes: u64,
    pub(super) cpu_ns: u64,
}

/// Set once, when all is over.
#[derive(Clone)]
pub(super) struct Done(watch::Sender<bool>);

impl Default for Done {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Done {
    pub(super) fn set(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn wait(&self) {
        // The sender is here.
        let _ = self.0.subscribe().wait_for(|done| *done).await;
    }
}

impl Committer {
    pub(super) async fn enter(
        dialler: &Dialler,
        session: SessionId,
        group: Group,
        now: UnixSeconds,
    ) -> Result<Self, AdmissionError> {
        let client = dialler.join_as(session, COMMITS_AS).await?.follow_log().await?;
        Ok(Self {
            client,
            group,
            now,
            asking: Vec::new(),
            due: None,
            not_before: Instant::now(),
            under_way: false,
            commits: Commits::default(),
        })
    }

    /// Lets in until it is done.
    pub(super) async fn admit(mut self, done: &Done) -> Result<Commits, AdmissionError> {
        let before_ns = thread_cpu_ns();
        loop {
            let due = self.due.filter(|_| !self.under_way);
            tokio::select! {
                entry = self.client.next_entry() => self.hear(&entry?)?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.commit().await?,
                () = done.wait() => break,
            }
        }
        self.commits.cpu_ns = thread_cpu_ns() - before_ns;
        Ok(self.commits)
    }

    fn hear(&mut self, entry: &LogEntry) -> Result<(), AdmissionError> {
        match entry.kind {
            EntryKind::JoinRequest => {
                let applicant = self.group.check_join_request(&entry.payload, self.now);
                self.asking.push((applicant.map_err(CrowdError::from)?, entry.sender));
                self.plan();
            }
            EntryKind::Commit => {
                self.group.handle_commit(&entry.payload, MonotonicMs(0)).map_err(CrowdError::from)?;
                self.under_way = false;
                self.not_before = Instant::now() + INTERVAL;
                self.plan();
            }
            EntryKind::Message | EntryKind::Proposal | EntryKind::Welcome | EntryKind::JoinAnswer => {}
        }
        Ok(())
    }

    fn plan(&mut self) {
        if !self.asking.is_empty() {
            self.due.get_or_insert((Instant::now() + BATCH).max(self.not_before));
        }
    }

    async fn commit(&mut self) -> Result<(), AdmissionError> {
        self.due = None;
        let batch = self.asking.drain(..self.asking.len().min(BATCH_MEMBERS_MAX));
        let (applicants, participants): (Vec<_>, Vec<_>) = batch.unzip();
        let staged = self.group.admit(&applicants, self.now).map_err(CrowdError::from)?;
        let welcome = staged.welcome.unwrap_or_default();
        self.commits.count += 1;
        self.commits.commit_bytes += staged.commit.len() as u64;
        self.commits.welcome_bytes += welcome.len() as u64;
        self.under_way = true;
        Ok(self.client.commit(staged.commit, Some((participants, welcome))).await?)
    }
}
