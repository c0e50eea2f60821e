//! The processes of a load, as their parent sees them.

use std::{process::Stdio, time::Duration};

use isi_load::{
    membership::Admissions,
    process::pin_current_thread,
    workload::{Joins, Measure, Outcome, PartOutcome, Progress, Sessions, Share},
};
use tokio::{
    io::BufReader,
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::protocol::{Destination, Note, Order, Work};
use crate::{
    args::LOADER_COMMAND,
    demo::{child::own_program, pipe},
    failure::{Exit, Failure},
};

/// Longest silence of a loader: it tells its progress several times a second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a loader that was told to leave.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// All loaders; dropping it ends them.
pub struct Crew {
    loaders: Vec<Loader>,
}

struct Loader {
    child: Child,
    orders: ChildStdin,
    notes: BufReader<ChildStdout>,
    progress: Progress,
    parts: Vec<PartOutcome>,
}

impl Crew {
    /// Starts so many, in turn on these cores; anywhere when there are none.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(processes: u32, cores: &[usize]) -> Result<Self, Failure> {
        let start = |number: usize| {
            if let Some(core) = cores.get(number % cores.len().max(1)) {
                // Refused: then it runs anywhere, and the report says so by its figures.
                let _ = pin_current_thread(*core);
            }
            Loader::start()
        };
        let loaders = (0..usize::try_from(processes).unwrap_or(1)).map(start).collect::<Result<_, _>>()?;
        Ok(Self { loaders })
    }

    /// Has everybody brought in. `progress` is told how it goes.
    ///
    /// # Errors
    /// The first loader's that could not.
    pub async fn enter(
        &mut self,
        to: &Destination,
        work: &Work,
        sessions: Sessions,
        progress: impl FnMut(Progress),
    ) -> Result<(), Failure> {
        let processes = u32::try_from(self.loaders.len()).unwrap_or(u32::MAX);
        for (process, loader) in (0..).zip(&mut self.loaders) {
            let share = Share { process, processes };
            let (to, work) = (Box::new(to.clone()), work.clone());
            loader.order(&Order::Enter { to, work, sessions, share }).await?;
        }
        self.each(|note| matches!(note, Note::Ready).then_some(()), progress).await.map(drop)
    }

    /// Has the traffic carried.
    ///
    /// # Errors
    /// The first loader's that could not.
    pub async fn measure(
        &mut self,
        measure: Measure,
        progress: impl FnMut(Progress),
    ) -> Result<Outcome, Failure> {
        self.order(&Order::Begin(measure)).await?;
        let pick = |note: Note| match note {
            Note::Outcome(outcome) => Some(*outcome),
            _ => None,
        };
        let outcomes = self.each(pick, progress).await?;
        let mut sum = Outcome::default();
        for (mut outcome, loader) in outcomes.into_iter().zip(&mut self.loaders) {
            outcome.parts = std::mem::take(&mut loader.parts);
            sum.merge(&outcome);
        }
        Ok(sum)
    }

    /// Has the joins done, from `measure`'s beginning on. Those who stay, stay until [`end`](Self::end).
    ///
    /// # Errors
    /// The first loader's that could not.
    pub async fn join(&mut self, measure: Measure, progress: impl FnMut(Progress)) -> Result<Joins, Failure> {
        self.order(&Order::Begin(measure)).await?;
        let pick = |note: Note| match note {
            Note::Joined(joins) => Some(*joins),
            _ => None,
        };
        let mut sum = Joins::default();
        self.each(pick, progress).await?.into_iter().for_each(|joins| sum.merge(joins));
        Ok(sum)
    }

    /// Has people ask to be let in, from `measure`'s beginning on, and waits until all are in.
    ///
    /// # Errors
    /// The first loader's that could not.
    pub async fn admit(&mut self, measure: Measure) -> Result<Admissions, Failure> {
        self.order(&Order::Begin(measure)).await?;
        let pick = |note: Note| match note {
            Note::Admitted(admissions) => Some(*admissions),
            _ => None,
        };
        // One process has all of them: committer, member and newcomers are threads of it.
        Ok(self.each(pick, |_| {}).await?.into_iter().next().unwrap_or_default())
    }

    /// Has all leave, and waits until they have ended.
    pub async fn end(mut self) {
        // Whoever has ended already does not hear it.
        let _ = self.order(&Order::Leave).await;
        for mut loader in self.loaders {
            drop(loader.orders);
            if timeout(END_TIMEOUT, loader.child.wait()).await.is_err() {
                drop(loader.child.kill().await); // dropping kills as well
            }
        }
    }

    async fn order(&mut self, order: &Order) -> Result<(), Failure> {
        for loader in &mut self.loaders {
            loader.order(order).await?;
        }
        Ok(())
    }

    /// Waits for each loader's note that `pick` takes, in their order.
    async fn each<T>(
        &mut self,
        pick: impl Fn(Note) -> Option<T>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Vec<T>, Failure> {
        let mut found = Vec::with_capacity(self.loaders.len());
        for at in 0..self.loaders.len() {
            let value = loop {
                let Some(loader) = self.loaders.get_mut(at) else { return Err(ended()) };
                let note = loader.next().await?;
                let told = matches!(note, Note::Progress(_));
                loader.keep(&note);
                if told {
                    progress(self.progress());
                }
                if let Some(value) = pick(note) {
                    break value;
                }
            };
            found.push(value);
        }
        Ok(found)
    }

    fn progress(&self) -> Progress {
        self.loaders.iter().fold(Progress::default(), |sum, loader| Progress {
            joined: sum.joined + loader.progress.joined,
            arrived: sum.arrived + loader.progress.arrived,
        })
    }
}

impl Loader {
    fn start() -> Result<Self, Failure> {
        let mut command = Command::new(own_program()?);
        command.arg(LOADER_COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let cannot = |what: &str| {
            let hint = "check the limit of processes (ulimit -u)";
            Failure::new(Exit::Usage, format!("cannot start a process of the load: {what}"), hint)
        };
        let mut child = command.spawn().map_err(|error| cannot(&error.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(output)) => Ok(Self {
                child,
                orders,
                notes: BufReader::new(output),
                progress: Progress::default(),
                parts: Vec::new(),
            }),
            _ => Err(cannot("it has no pipes")),
        }
    }

    async fn order(&mut self, order: &Order) -> Result<(), Failure> {
        let Err(error) = pipe::send(&mut self.orders, order).await else { return Ok(()) };
        // Its own last words say more than the pipe.
        while let Ok(Some(note)) = pipe::receive::<Note>(&mut self.notes).await {
            note.or_failure()?;
        }
        Err(Failure::of(Exit::ChecksFailed, &error))
    }

    async fn next(&mut self) -> Result<Note, Failure> {
        match timeout(ANSWER_TIMEOUT, pipe::receive::<Note>(&mut self.notes)).await {
            Ok(Ok(Some(note))) => note.or_failure(),
            Ok(Ok(None)) => Err(ended()),
            Ok(Err(error)) => Err(Failure::of(Exit::ChecksFailed, &error)),
            Err(_) => Err(Failure::new(
                Exit::ChecksFailed,
                format!("a process of the load does not answer for {} s", ANSWER_TIMEOUT.as_secs()),
                "use a smaller load, or a machine that is less busy",
            )),
        }
    }

    fn keep(&mut self, note: &Note) {
        match note {
            Note::Progress(progress) => self.progress = *progress,
            Note::Part(part) => self.parts.push((**part).clone()),
            _ => {}
        }
    }
}

fn ended() -> Failure {
    let hint = "read its last lines above, and use a smaller load";
    Failure::new(Exit::ChecksFailed, "a process of the load ended unexpectedly", hint)
}
