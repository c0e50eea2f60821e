//! One run: a relay, the processes of the load, and what they showed.

use isi_load::{
    clock::monotonic_ns,
    membership::{AdmissionLoad, Admissions},
    process::cores,
    workload::{JoinLoad, Joins, Measure, Outcome, Sessions, Workload},
};

use super::{
    args::LoadArgs,
    crew::Crew,
    progress::ProgressLine,
    protocol::Work,
    target::Relay,
    watch::{Look, Watch, look},
};
use crate::{
    clock::sleep_until_us,
    failure::{Exit, Failure},
    random,
};

/// Between everybody's being in and the beginning of what counts.
const WARM_UP_NS: u64 = 1_000_000_000;
/// Between an order to begin joins and their beginning.
const LEAD_NS: u64 = 50_000_000;
/// Until memory has settled after the last join.
const SETTLE_NS: u64 = 1_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Longest run of joins; the measure ends before when they do.
const JOINS_NS_MAX: u64 = 3600 * SECOND_NS;
/// Least time between two looks, and most looks of a run.
const SLOT_NS_MIN: u64 = 200_000_000;
const SLOTS_MAX: u64 = 240;

/// What a run showed.
pub struct Run {
    /// As rows name the relay.
    pub system: String,
    /// When.
    pub measure: Measure,
    /// The relay in this time; at its beginning and its end at least.
    pub looks: Vec<Look>,
    /// The load.
    pub result: Ran,
}

/// What was done, and what became of it.
pub enum Ran {
    /// Traffic.
    Traffic(Workload, Box<Outcome>),
    /// Joins.
    Joins(JoinLoad, Box<Joins>),
    /// Joins to a group.
    Admissions(AdmissionLoad, Box<Admissions>),
}

/// Which cores are whose: the load's, and the relay's when it is our own. To be asked for once: runs pin this thread.
pub struct Places {
    load: Vec<usize>,
    relay: Option<usize>,
}

impl Places {
    /// As this thread may use them now.
    #[must_use]
    pub fn of(args: &LoadArgs) -> Self {
        let all = cores().unwrap_or_default();
        match all.split_last() {
            Some((relay, load)) if !load.is_empty() && !args.no_pin && args.relay.is_none() => {
                Self { load: load.to_vec(), relay: Some(*relay) }
            }
            _ => Self { load: Vec::new(), relay: None },
        }
    }
}

/// Carries out one run.
///
/// # Errors
/// When it did not come about; that the load was not reached is no error here.
pub async fn run(args: &LoadArgs, work: &Work, places: &Places) -> Result<Run, Failure> {
    let relay = Relay::find(args, places.relay).await?;
    let processes = if matches!(work, Work::Admissions(_)) { 1 } else { args.processes };
    let crew = Crew::start(processes, &places.load)?;
    let ran = carry(args, work, &relay, crew).await;
    relay.end().await;
    ran
}

async fn carry(args: &LoadArgs, work: &Work, relay: &Relay, mut crew: Crew) -> Result<Run, Failure> {
    let sessions = Sessions(random::bytes().map_err(|error| Failure::of(Exit::Usage, &error))?);
    let mut line = ProgressLine::new();
    let entered =
        crew.enter(&relay.destination, work, sessions, |progress| line.show("coming in", progress, None));
    entered.await.inspect_err(|_| ProgressLine::new().clear())?;
    let ran = match work {
        Work::Traffic(load) => traffic(args, load, relay, &mut crew, &mut line).await,
        Work::Joins(load) => joins(args, load, relay, &mut crew, &mut line).await,
        Work::Admissions(load) => admissions(*load, relay, &mut crew).await,
    };
    line.clear();
    crew.end().await;
    ran
}

async fn traffic(
    args: &LoadArgs,
    load: &Workload,
    relay: &Relay,
    crew: &mut Crew,
    line: &mut ProgressLine,
) -> Result<Run, Failure> {
    let measure = measure_of(WARM_UP_NS, u64::from(args.seconds) * SECOND_NS);
    let watch = Watch::start(measure, relay.pid, relay.admin);
    let outcome = crew.measure(measure, |progress| line.show(&load.name, progress, watch.last())).await?;
    let (system, looks) = (relay.system.clone(), watch.end().await);
    Ok(Run { system, measure, looks, result: Ran::Traffic(load.clone(), Box::new(outcome)) })
}

/// Joins end when they end; those who stay are looked at for as long as it was asked.
async fn joins(
    args: &LoadArgs,
    load: &JoinLoad,
    relay: &Relay,
    crew: &mut Crew,
    line: &mut ProgressLine,
) -> Result<Run, Failure> {
    let before = look(relay.pid, relay.admin).await;
    let measure = measure_of(LEAD_NS, JOINS_NS_MAX);
    let joins = crew.join(measure, |progress| line.show("joining", progress, None)).await?;
    let after = look(relay.pid, relay.admin).await;
    let mut looks = vec![before, after];
    if load.stay {
        let idle = measure_of(SETTLE_NS, u64::from(args.seconds) * SECOND_NS);
        looks.extend(Watch::start(idle, relay.pid, relay.admin).end().await);
        sleep_until_us(idle.end_ns / 1000).await;
    }
    let measure = Measure { begin_ns: before.at_ns, end_ns: monotonic_ns(), ..measure };
    Ok(Run { system: relay.system.clone(), measure, looks, result: Ran::Joins(*load, Box::new(joins)) })
}

async fn admissions(load: AdmissionLoad, relay: &Relay, crew: &mut Crew) -> Result<Run, Failure> {
    let before = look(relay.pid, relay.admin).await;
    let measure = measure_of(LEAD_NS, JOINS_NS_MAX);
    let admitted = crew.admit(measure).await?;
    let after = look(relay.pid, relay.admin).await;
    let measure = Measure { begin_ns: before.at_ns, end_ns: after.at_ns, ..measure };
    let result = Ran::Admissions(load, Box::new(admitted));
    Ok(Run { system: relay.system.clone(), measure, looks: vec![before, after], result })
}

fn measure_of(lead_ns: u64, length_ns: u64) -> Measure {
    let begin_ns = monotonic_ns() + lead_ns;
    let slot_ns = (length_ns / SLOTS_MAX).max(SLOT_NS_MIN);
    Measure { begin_ns, end_ns: begin_ns + length_ns, slot_ns }
}
