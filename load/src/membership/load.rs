use super::organizer::{Committer, Done};
use super::{Accounts, Crowd, CrowdError, joiners};
use crate::client::{ClientError, Dialler, LogClient, SetUpError};
use crate::clock::{monotonic_ns, thread_cpu_ns};
use crate::latency::Latency;
use isi_account::{AccountKey, Role};
use isi_e2ee::{Group, MonotonicMs, UnixSeconds};
use isi_wire::{EntryKind, SessionId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// Joins to the relay that are under way at once while the crowd comes in.
const UNDER_WAY_MAX: usize = 32;

/// Many who ask to be let into one session of many members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionLoad {
    /// Members before, each with a connection of its own that takes the log.
    pub members: u32,
    /// How many ask.
    pub joins: u32,
    /// How many begin per second.
    pub per_second: u32,
}

/// What became of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Admissions {
    /// From dialling the relay to having the Welcome, whole: the commit is in the log by then.
    pub admitted: Latency,
    /// From dialling the relay to having taken the Welcome, with every member's statement verified. All newcomers of this load
    /// share one core for it.
    pub verified: Latency,
    /// How many did not come in.
    pub failed: u64,
    /// Why the first of them did not.
    pub first_failure: Option<String>,
    /// Commits that let them in.
    pub commits: u64,
    /// All of these together.
    pub commit_bytes: u64,
    /// Their Welcomes.
    pub welcome_bytes: u64,
    /// Payloads that all clients of this load got from the log.
    pub delivered_bytes: u64,
    /// CPU of the committer for all of it: requests, commits, its connection.
    pub committer_cpu_ns: u64,
    /// CPU of one member that follows the commits, its connection included.
    pub member_cpu_ns: u64,
    /// When the first began, by the monotonic clock.
    pub first_ns: u64,
    /// When the last had its Welcome.
    pub last_ns: u64,
}

/// Why there was nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// No client can be made.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// A client did not come in, or was lost.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The group did not come about, or could not follow.
    #[error(transparent)]
    Crowd(#[from] CrowdError),
    /// A thread was not started, or did not end.
    #[error("the system gives no thread for the load: {0}; check the limit of processes (ulimit -u)")]
    Thread(#[from] std::io::Error),
}

/// Everybody who is in before it begins.
pub struct Scene {
    load: AdmissionLoad,
    session: SessionId,
    crowd: Crowd,
    dial: Arc<Dial>,
    attendance: Attendance,
}

/// Makes what the clients of one thread dial with.
pub type Dial = dyn Fn() -> Result<Dialler, SetUpError> + Send + Sync;

impl Scene {
    /// Grows the group and brings the members' connections in, as tasks of the runtime that calls it.
    ///
    /// # Errors
    /// [`AdmissionError`]
    pub async fn enter(
        load: AdmissionLoad,
        session: SessionId,
        account: AccountKey,
        dial: Arc<Dial>,
    ) -> Result<Self, AdmissionError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let accounts = Accounts::with_key(account, session, UnixSeconds(now))?;
        let crowd = Crowd::grow(accounts, usize::try_from(load.members).unwrap_or(usize::MAX))?;
        // The organizer and the member come in by themselves.
        let attendance =
            Attendance::bring_in(&Arc::new(dial()?), session, load.members.saturating_sub(2)).await?;
        Ok(Self { load, session, crowd, dial, attendance })
    }

    /// Has them ask, from `begin_ns` on. Committer and member work on threads of their own, and so do the newcomers: their CPU
    /// is told apart.
    ///
    /// # Errors
    /// [`AdmissionError`]; that somebody did not come in is none.
    pub async fn run(self, begin_ns: u64) -> Result<Admissions, AdmissionError> {
        let Self { load, session, crowd, dial, attendance } = self;
        let Crowd { accounts, organizer, member, invitation } = crowd;
        let subjects = (0..load.joins).map(|number| format!("guest-{number}"));
        let pending = subjects.map(|subject| accounts.applicant(&subject, &invitation));
        let pending = pending.collect::<Result<Vec<_>, _>>()?;
        let done = Done::default();
        let now = accounts.now();
        let committer = on_thread("committer", Arc::clone(&dial), {
            let done = done.clone();
            async move |dialler| Committer::enter(&dialler, session, organizer, now).await?.admit(&done).await
        })?;
        let follower = on_thread("member", Arc::clone(&dial), {
            let done = done.clone();
            async move |dialler| follow(&dialler, session, member, &done).await
        })?;
        let newcomers = on_thread("newcomers", dial, {
            let done = done.clone();
            async move |dialler| {
                let joined = joiners::run(Arc::new(dialler), session, load, pending, now, begin_ns).await;
                done.set();
                Ok(joined)
            }
        })?;
        let mut sum = newcomers.end(&done).await?;
        let (commits, member_cpu_ns) = (committer.end(&done).await?, follower.end(&done).await?);
        sum.commits = commits.count;
        (sum.commit_bytes, sum.welcome_bytes) = (commits.commit_bytes, commits.welcome_bytes);
        (sum.committer_cpu_ns, sum.member_cpu_ns) = (commits.cpu_ns, member_cpu_ns);
        sum.delivered_bytes += attendance.bytes() + commits.commit_bytes * 2;
        Ok(sum)
    }
}

/// Members of whom only the connection counts: they take the log and throw it away.
struct Attendance {
    /// Dropped, they leave.
    _tasks: JoinSet<()>,
    bytes: Arc<AtomicU64>,
}

impl Attendance {
    async fn bring_in(dialler: &Arc<Dialler>, session: SessionId, count: u32) -> Result<Self, ClientError> {
        let bytes = Arc::new(AtomicU64::new(0));
        let (mut tasks, mut coming) = (JoinSet::new(), JoinSet::new());
        for _ in 0..count {
            if coming.len() >= UNDER_WAY_MAX {
                keep(&mut tasks, &mut coming, &bytes).await?;
            }
            let dialler = Arc::clone(dialler);
            coming.spawn(async move { dialler.join(session).await?.follow_log().await });
        }
        while !coming.is_empty() {
            keep(&mut tasks, &mut coming, &bytes).await?;
        }
        Ok(Self { _tasks: tasks, bytes })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

async fn keep(
    tasks: &mut JoinSet<()>,
    coming: &mut JoinSet<Result<LogClient, ClientError>>,
    bytes: &Arc<AtomicU64>,
) -> Result<(), ClientError> {
    // A task of these does not panic.
    let Some(Ok(client)) = coming.join_next().await else { return Ok(()) };
    let (mut client, bytes) = (client?, Arc::clone(bytes));
    tasks.spawn(async move {
        while let Ok(entry) = client.next_entry().await {
            bytes.fetch_add(entry.payload.len() as u64, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// One member takes every commit; tells its CPU.
async fn follow(
    dialler: &Dialler,
    session: SessionId,
    mut member: Group,
    done: &Done,
) -> Result<u64, AdmissionError> {
    let mut client = dialler.join(session).await?.follow_log().await?;
    let before_ns = thread_cpu_ns();
    loop {
        let entry = tokio::select! {
            entry = client.next_entry() => entry?,
            () = done.wait() => return Ok(thread_cpu_ns() - before_ns),
        };
        if entry.kind == EntryKind::Commit {
            member.handle_commit(&entry.payload, MonotonicMs(0)).map_err(CrowdError::from)?;
        }
    }
}

/// Work on a thread with a runtime of its own.
struct Working<T>(tokio::sync::oneshot::Receiver<Result<T, AdmissionError>>);

fn on_thread<T: Send + 'static, F: Future<Output = Result<T, AdmissionError>>>(
    name: &str,
    dial: Arc<Dial>,
    work: impl FnOnce(Dialler) -> F + Send + 'static,
) -> Result<Working<T>, AdmissionError> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let worked = runtime.map_err(AdmissionError::from).and_then(|runtime| {
            let _inside = runtime.enter();
            let dialler = dial()?;
            runtime.block_on(work(dialler))
        });
        // Nobody waits any more: then nobody is told.
        let _ = tell.send(worked);
    })?;
    Ok(Working(told))
}

impl<T> Working<T> {
    /// Waits for it; should it fail, the others are to end as well.
    async fn end(self, done: &Done) -> Result<T, AdmissionError> {
        let ended = self.0.await.unwrap_or_else(|_| {
            Err(std::io::Error::other("a thread of the load ended before its work").into())
        });
        if ended.is_err() {
            done.set();
        }
        ended
    }
}

impl Admissions {
    /// How many came in.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.admitted.count()
    }

    pub(super) fn fail(&mut self, why: &str) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| why.to_owned());
    }

    pub(super) fn note_admitted(&mut self, began_ns: u64, ended_ns: u64) {
        self.admitted.record_ns(ended_ns.saturating_sub(began_ns));
        self.first_ns = if self.first_ns == 0 { began_ns } else { self.first_ns.min(began_ns) };
        self.last_ns = self.last_ns.max(ended_ns);
    }

    pub(super) fn note_verified(&mut self, began_ns: u64) {
        self.verified.record_ns(monotonic_ns().saturating_sub(began_ns));
    }
}

/// The role that commits.
pub(super) const COMMITS_AS: Role = Role::Organizer;

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene").field("load", &self.load).finish_non_exhaustive()
    }
}
