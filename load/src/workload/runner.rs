use super::people::{Role, Share};
use super::person::{Person, Room, Run, enter};
use super::{Measure, Outcome, Sessions, Workload};
use crate::client::{ClientError, Dialler};
use crate::clock::monotonic_ns;
use crate::process::sample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// People who come in at the same time, in one process.
const JOINING_MAX: usize = 32;
/// How often it is looked whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks without any change after which nothing more is expected.
const QUIET_LOOKS: u32 = 25;
/// Looks in which everybody has to have subscribed: other processes may still be joining.
const SUBSCRIBE_LOOKS: u32 = 3000;

/// Why a load did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Somebody did not come in.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Not everybody could subscribe to what is sent.
    #[error(
        "only {subscribed} of {expected} subscriptions came about in time; use fewer receivers, or a machine that is less busy"
    )]
    Subscriptions {
        /// Those that did.
        subscribed: u64,
        /// Those that should.
        expected: u64,
    },
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// People who are in.
    pub joined: u64,
    /// Objects that arrived, each counted at each receiver.
    pub arrived: u64,
}

/// One process's share of a load, with everybody in their sessions. Dropped, all leave.
#[derive(Debug)]
pub struct Runner {
    run: Arc<Run>,
    people: Vec<Person>,
}

/// Tells the progress of a run from beside it.
#[derive(Clone, Debug)]
pub struct Watcher(Arc<Run>);

impl Watcher {
    /// What has happened so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            joined: self.0.joins.lock().unwrap_or_else(PoisonError::into_inner).count(),
            arrived: self.0.tallies.iter().map(super::tally::Tally::seen).sum(),
        }
    }
}

impl Runner {
    /// For this share of a load. Nobody is in yet.
    #[must_use]
    pub fn new(dialler: Arc<Dialler>, load: Workload, sessions: Sessions) -> Self {
        Self { run: Arc::new(Run::new(dialler, load, sessions)), people: Vec::new() }
    }

    /// To see the progress while it runs.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        Watcher(Arc::clone(&self.run))
    }

    /// Brings everybody of the share in, and waits until all have subscribed.
    ///
    /// # Errors
    /// [`LoadError`]: the first thing that went wrong.
    pub async fn enter(&mut self, share: Share) -> Result<(), LoadError> {
        let load = &self.run.load;
        let together = load.keeps_together();
        let mut rooms: BTreeMap<u32, Arc<Room>> = BTreeMap::new();
        let (mut presenters, mut others) = (Vec::new(), Vec::new());
        for session in 0..load.sessions {
            for person in (0..load.people()).filter(|person| share.has(load, together, session, *person)) {
                let room = rooms.entry(session).or_insert_with(|| Arc::new(Room::new(load, session)));
                let list =
                    if Role::of(load, person) == Role::Presenter { &mut presenters } else { &mut others };
                list.push((Arc::clone(room), person));
            }
        }
        // Who drives has to know whom.
        self.bring_in(presenters).await?;
        self.bring_in(others).await?;
        self.subscribed().await
    }

    async fn bring_in(&mut self, list: Vec<(Arc<Room>, u32)>) -> Result<(), LoadError> {
        let mut entering = JoinSet::new();
        for (room, person) in list {
            while entering.len() >= JOINING_MAX {
                self.people.extend(entered(entering.join_next().await)?);
            }
            let run = Arc::clone(&self.run);
            entering.spawn(async move { enter(&run, &room, person).await });
        }
        while !entering.is_empty() {
            self.people.extend(entered(entering.join_next().await)?);
        }
        Ok(())
    }

    async fn subscribed(&self) -> Result<(), LoadError> {
        let expected: u64 = self.people.iter().map(|person| person.subscriptions).sum();
        let mut subscribed = 0;
        for _ in 0..SUBSCRIBE_LOOKS {
            subscribed = self.run.counts.subscribed.load(Ordering::Relaxed);
            if subscribed >= expected {
                return Ok(());
            }
            if let Some(error) = self.run.ended.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(error.into());
            }
            sleep(LOOK_EVERY).await;
        }
        Err(LoadError::Subscriptions { subscribed, expected })
    }

    /// Sends and receives for the time of the measure, and until nothing more arrives. Then everybody leaves.
    pub async fn measure(mut self, measure: Measure) -> Outcome {
        self.run.tallies.iter().for_each(|tally| tally.begin(measure));
        let mut sending = JoinSet::new();
        for sender in self.people.iter_mut().flat_map(|person| person.senders.drain(..)) {
            sending.spawn(sender.send(Arc::clone(&self.run), measure));
        }
        let client_cpu_ns = own_cpu_ns(measure).await;
        // One who could not go on is out of its session, and counted there.
        while sending.join_next().await.is_some() {}
        self.drained().await;
        self.outcome(client_cpu_ns)
    }

    async fn drained(&self) {
        let (mut before, mut quiet) = (0, 0);
        while quiet < QUIET_LOOKS && !self.all_arrived() {
            sleep(LOOK_EVERY).await;
            let seen = self.run.tallies.iter().map(super::tally::Tally::seen).sum();
            quiet = if seen == before { quiet + 1 } else { 0 };
            before = seen;
        }
    }

    /// As far as it is known here: what other processes have sent is not.
    fn all_arrived(&self) -> bool {
        let load = &self.run.load;
        let arrived = |(tally, part): (&super::tally::Tally, &super::Part)| {
            let outcome = tally.outcome();
            outcome.sent > 0 && outcome.arrived >= outcome.sent * u64::from(load.due(part))
        };
        load.keeps_together() && self.run.tallies.iter().zip(&load.parts).all(arrived)
    }

    fn outcome(&self, client_cpu_ns: u64) -> Outcome {
        let run = &self.run;
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        Outcome {
            parts: run.tallies.iter().map(super::tally::Tally::outcome).collect(),
            joins: run.joins.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            resets: run.resets.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            dropped: count(&run.counts.dropped),
            log_gaps: count(&run.counts.log_gaps),
            refused: count(&run.counts.refused),
            lost_people: count(&run.counts.lost_people),
            first_end: run
                .ended
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .map(ToString::to_string),
            reconnects: count(&run.counts.reconnects),
            slow_objects: count(&run.counts.slow_objects),
            client_cpu_ns,
        }
    }
}

fn entered(
    ended: Option<Result<Result<Person, ClientError>, tokio::task::JoinError>>,
) -> Result<Option<Person>, LoadError> {
    match ended {
        Some(Ok(person)) => Ok(Some(person?)),
        Some(Err(panicked)) => Err(ClientError::Lost(panicked.to_string()).into()),
        None => Ok(None),
    }
}

/// What this process uses from the beginning to the end; 0 where the system does not tell.
async fn own_cpu_ns(measure: Measure) -> u64 {
    let until = |at_ns: u64| sleep(Duration::from_nanos(at_ns.saturating_sub(monotonic_ns())));
    let used = || sample(std::process::id()).map_or(0, |sample| sample.cpu_ns);
    until(measure.begin_ns).await;
    let before = used();
    until(measure.end_ns).await;
    used().saturating_sub(before)
}
