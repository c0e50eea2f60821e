//! One process of a load: takes orders on standard input and answers on standard output.

use std::{io::Write, sync::Arc, time::Duration};

use isi_account::AccountKey;
use isi_load::{
    client::{ClientError, Dialler, SetUpError, Target, Trust},
    membership::{AdmissionError, AdmissionLoad, Dial, Scene},
    workload::{JoinLoad, Joins, LoadError, Measure, Outcome, Progress, Runner, Sessions, Share, Workload},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{io::BufReader, sync::mpsc};

use super::protocol::{Destination, Note, Order, Work};
use crate::{
    demo::pipe,
    failure::{Exit, Failure},
};

/// Between two notes of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(400);
/// UDP sockets of one process at most.
const SOCKETS_MAX: u64 = 2048;
/// Open files that are not clients' sockets.
const OTHER_FILES: u64 = 64;
/// Files open for each socket: the socket, and the runtime's copy of it.
const FILES_PER_SOCKET: u64 = 2;

/// Carries out orders until told to leave, or until standard input ends.
///
/// # Errors
/// What was told to the parent as well.
pub async fn run() -> Result<(), Failure> {
    let (sender, mut orders) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut input = BufReader::new(tokio::io::stdin());
        while let Ok(Some(order)) = pipe::receive::<Order>(&mut input).await {
            if sender.send(order).await.is_err() {
                return;
            }
        }
    });
    let done = serve(&mut orders).await;
    if let Err(failure) = &done {
        tell(&Note::failed(failure));
    }
    done
}

/// Ends early when the parent is gone.
async fn serve(orders: &mut mpsc::Receiver<Order>) -> Result<(), Failure> {
    let Some(Order::Enter { to, work, sessions, share }) = orders.recv().await else { return Ok(()) };
    if let Work::Admissions(load) = work {
        return admissions(*to, load, sessions, orders).await;
    }
    let dialler = Arc::new(dialler(*to)?);
    match work {
        Work::Admissions(_) => Ok(()),
        Work::Traffic(load) => traffic(dialler, load, sessions, share, orders).await,
        Work::Joins(load) => joins(&dialler, &load, sessions, share, orders).await,
    }
}

async fn traffic(
    dialler: Arc<Dialler>,
    load: Workload,
    sessions: Sessions,
    share: Share,
    orders: &mut mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    let mut runner = Runner::new(dialler, load, sessions);
    let watcher = runner.watcher();
    let progress = || tell(&Note::Progress(watcher.progress()));
    watched(runner.enter(share), progress).await.map_err(|error| load_failure(&error))?;
    tell(&Note::Ready);
    let Some(Order::Begin(measure)) = orders.recv().await else { return Ok(()) };
    let outcome = tokio::select! {
        outcome = watched(runner.measure(measure), progress) => outcome,
        _leave = orders.recv() => return Ok(()),
    };
    tell_outcome(outcome);
    Ok(())
}

/// Part by part: a line has its bound.
fn tell_outcome(mut outcome: Outcome) {
    for part in outcome.parts.drain(..) {
        tell(&Note::Part(Box::new(part)));
    }
    tell(&Note::Outcome(Box::new(outcome)));
}

async fn joins(
    dialler: &Arc<Dialler>,
    load: &JoinLoad,
    sessions: Sessions,
    share: Share,
    orders: &mut mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    tell(&Note::Ready);
    let Some(Order::Begin(Measure { begin_ns, .. })) = orders.recv().await else { return Ok(()) };
    let mut joins = tokio::select! {
        joins = Joins::run(dialler, load, sessions, share, begin_ns) => joins,
        _leave = orders.recv() => return Ok(()),
    };
    let staying = joins.take_staying();
    tell(&Note::Joined(Box::new(joins)));
    let _leave = orders.recv().await;
    drop(staying);
    Ok(())
}

async fn admissions(
    to: Destination,
    load: AdmissionLoad,
    sessions: Sessions,
    orders: &mut mpsc::Receiver<Order>,
) -> Result<(), Failure> {
    let account = account_of(&to)?;
    let dial: Arc<Dial> = Arc::new(dial_of(to)?);
    let entering = Scene::enter(load, sessions.id(0), account, dial);
    let nothing_new = || tell(&Note::Progress(Progress::default()));
    let scene = watched(entering, nothing_new).await.map_err(|error| admission_failure(&error))?;
    tell(&Note::Ready);
    let Some(Order::Begin(Measure { begin_ns, .. })) = orders.recv().await else { return Ok(()) };
    let admitted = tokio::select! {
        admitted = watched(scene.run(begin_ns), nothing_new) => admitted,
        _leave = orders.recv() => return Ok(()),
    };
    tell(&Note::Admitted(Box::new(admitted.map_err(|error| admission_failure(&error))?)));
    let _leave = orders.recv().await;
    Ok(())
}

/// Tells how it goes while it goes.
async fn watched<T>(work: impl Future<Output = T>, mut tell: impl FnMut()) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(PROGRESS_EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => tell(),
        }
    }
}

/// Writes a note at once. Where the parent does not read any more, standard input tells.
fn tell(note: &Note) {
    let mut line = serde_json::to_vec(note).unwrap_or_default();
    line.push(b'\n');
    let mut output = std::io::stdout().lock();
    drop(output.write_all(&line).and_then(|()| output.flush()));
}

fn dialler(to: Destination) -> Result<Dialler, Failure> {
    dial_of(to)?().map_err(|error| set_up_failure(&error))
}

/// What makes a dialler as often as it is called.
fn dial_of(to: Destination) -> Result<impl Fn() -> Result<Dialler, SetUpError>, Failure> {
    account_of(&to)?;
    let Destination { address, server_name, origin, ca_pem, account } = to;
    let trust = if ca_pem.is_empty() { Trust::System } else { Trust::Pem(ca_pem) };
    let (target, sockets_max) = (Target { address, server_name, origin }, sockets_max());
    Ok(move || {
        // Read above already.
        let account = AccountKey::from_jwk(&account).map_err(|_| SetUpError::NoKey)?;
        Dialler::new(target.clone(), &trust, account, sockets_max)
    })
}

fn account_of(to: &Destination) -> Result<AccountKey, Failure> {
    AccountKey::from_jwk(&to.account).map_err(|error| Failure::of(Exit::Usage, &error))
}

/// As many sockets as the system lets this process have, within reason.
fn sockets_max() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused: then the limit stays what it is.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(SOCKETS_MAX * FILES_PER_SOCKET + OTHER_FILES);
    let sockets = files.saturating_sub(OTHER_FILES) / FILES_PER_SOCKET;
    usize::try_from(sockets.clamp(1, SOCKETS_MAX)).unwrap_or(1)
}

fn set_up_failure(error: &SetUpError) -> Failure {
    Failure::of(Exit::Usage, error)
}

fn admission_failure(error: &AdmissionError) -> Failure {
    let exit = match error {
        AdmissionError::Client(ClientError::Socket(_))
        | AdmissionError::SetUp(_)
        | AdmissionError::Thread(_) => Exit::Usage,
        AdmissionError::Client(_) => Exit::Relay,
        AdmissionError::Crowd(_) => Exit::ChecksFailed,
    };
    Failure::of(exit, error)
}

fn load_failure(error: &LoadError) -> Failure {
    let exit = match error {
        LoadError::Client(ClientError::Socket(_) | ClientError::NoRandomness | ClientError::Token(_)) => {
            Exit::Usage
        }
        LoadError::Client(_) => Exit::Relay,
        LoadError::Subscriptions { .. } => Exit::ChecksFailed,
    };
    Failure::of(exit, error)
}
