use super::{Sessions, Share};
use crate::client::{Attendance, Attending, ClientError, Dialler};
use crate::clock::monotonic_ns;
use crate::latency::Latency;
use isi_wire::TrackInfo;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Joins under way in one process. More wait: a relay that is slower than asked shows in the rate.
const UNDER_WAY_MAX: usize = 128;
/// The same when they go as fast as they go: enough to keep a relay busy, few enough that none waits long.
const SATURATING_MAX: usize = 16;
const SECOND_NS: u64 = 1_000_000_000;

/// Many who come in, and do nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinLoad {
    /// How many.
    pub joins: u32,
    /// How many begin per second, all processes together; as fast as it goes when it is `None`.
    pub per_second: Option<u32>,
    /// Sessions that they come into, evenly.
    pub sessions: u32,
    /// Whether they stay, idle, until told to go; otherwise each leaves at once.
    pub stay: bool,
}

/// What became of the joins of one process.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Joins {
    /// From dialling to being in.
    pub latency: Latency,
    /// How many did not come in.
    pub failed: u64,
    /// Why the first of them did not.
    pub first_failure: Option<String>,
    /// When the first began, by the monotonic clock; 0 if none did.
    pub first_ns: u64,
    /// When the last was in.
    pub last_ns: u64,
    /// Those who stay.
    #[serde(skip)]
    staying: Vec<Attendance>,
}

/// Dropped, all of them leave.
struct Staying(Vec<Attendance>);

impl Drop for Staying {
    fn drop(&mut self) {
        self.0.clear();
    }
}

struct Idle;

impl Attending for Idle {
    fn wants(&self, _track: &TrackInfo) -> bool {
        false
    }
}

impl Joins {
    /// Joins this process's share, beginning at `begin_ns`.
    pub async fn run(
        dialler: &Arc<Dialler>,
        load: &JoinLoad,
        sessions: Sessions,
        share: Share,
        begin_ns: u64,
    ) -> Self {
        let mut joins = Self::default();
        let mut under_way = JoinSet::new();
        let under_way_max = if load.per_second.is_some() { UNDER_WAY_MAX } else { SATURATING_MAX };
        let step = usize::try_from(share.processes.max(1)).unwrap_or(1);
        for number in (share.process..load.joins).step_by(step) {
            if let Some(rate) = load.per_second {
                let at_ns = begin_ns + u64::from(number) * SECOND_NS / u64::from(rate.max(1));
                sleep(Duration::from_nanos(at_ns.saturating_sub(monotonic_ns()))).await;
            }
            while under_way.len() >= under_way_max {
                joins.note(load, under_way.join_next().await);
            }
            let (dialler, session) = (Arc::clone(dialler), sessions.id(number % load.sessions.max(1)));
            under_way.spawn(async move {
                let began_ns = monotonic_ns();
                let joined = dialler.join(session).await;
                (began_ns, monotonic_ns(), joined.map(|client| client.attend(Arc::new(Idle))))
            });
        }
        while !under_way.is_empty() {
            joins.note(load, under_way.join_next().await);
        }
        joins
    }

    /// Those who stay in their sessions for as long as the answer lives.
    #[must_use]
    pub fn take_staying(&mut self) -> impl Drop + use<> {
        Staying(std::mem::take(&mut self.staying))
    }

    /// How many came in.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.latency.count()
    }

    /// Joins per second reached; `None` without joins.
    #[must_use]
    pub fn per_second(&self) -> Option<f64> {
        let span_ns = self.last_ns.checked_sub(self.first_ns).filter(|span| *span > 0)?;
        Some(self.joined() as f64 * SECOND_NS as f64 / span_ns as f64)
    }

    /// Adds what another process counted.
    pub fn merge(&mut self, other: Self) {
        self.latency.merge(&other.latency);
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
        self.span(other.first_ns, other.last_ns);
        self.staying.extend(other.staying);
    }

    fn note(&mut self, load: &JoinLoad, ended: Option<Result<Ended, tokio::task::JoinError>>) {
        match ended {
            Some(Ok((began_ns, ended_ns, Ok(attendance)))) => {
                self.latency.record_ns(ended_ns.saturating_sub(began_ns));
                self.span(began_ns, ended_ns);
                if load.stay {
                    self.staying.push(attendance);
                }
            }
            Some(Ok((_, _, Err(error)))) => self.fail(&error.to_string()),
            Some(Err(error)) => self.fail(&error.to_string()),
            None => {}
        }
    }

    fn fail(&mut self, why: &str) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| why.to_owned());
    }

    fn span(&mut self, first_ns: u64, last_ns: u64) {
        if first_ns != 0 {
            self.first_ns = if self.first_ns == 0 { first_ns } else { self.first_ns.min(first_ns) };
        }
        self.last_ns = self.last_ns.max(last_ns);
    }
}

type Ended = (u64, u64, Result<Attendance, ClientError>);
