//! Input through our relay to somebody to whom everything else goes as well. All but the input's own sender and receiver is on a
//! thread of its own and of low priority, so that the load's work on pictures does not hold up the load's work on input: the relay
//! is what is measured.

use super::drive::Publisher;
use super::ours_client::{Client, Door, OursError, new_session};
use super::plan::{Load, Plan};
use super::quic::Dialler;
use super::tally::{Measured, Tally, Totals};
use super::through_ours::{FRAMES_PER_GROUP, ONE_GROUP, OursPublisher, Track, receive};
use isi_account::Role;
use isi_load::clock::monotonic_ns;
use isi_load::stamp::Stamp;
use isi_wire::{SessionId, TrackAlias};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::interval;

/// A frame of the shared screen, and an object of the document.
const OBJECT_BYTES: usize = 64 * 1024;
/// Frames per second.
const SCREEN_FPS: u32 = 30;
/// Frames on their way at once; with another one the oldest is lost. Two seconds.
const FRAMES_IN_FLIGHT_MAX: usize = 60;
/// Whoever takes the input has the processor first: else its latency would be that of the load's core, which is full.
const OTHERS_NICE: i32 = 19;
/// Numbers of the senders in stamps; input is sent by 0.
const SCREEN_SENDER: u32 = 1;
const DOCUMENT_SENDER: u32 = 2;

/// What went on beside the input.
#[derive(Debug)]
pub struct Beside {
    /// Frames at the receivers.
    pub screen: Measured,
    /// Of the whole time.
    pub screen_totals: Totals,
    /// Of the document, at its receiver.
    pub document_bytes: u64,
    /// How long all that was going on.
    pub elapsed_ns: u64,
}

/// Everybody but those two whom input is about; dropping it lets them leave.
#[derive(Debug)]
pub struct Others {
    begin: Option<oneshot::Sender<()>>,
    end: oneshot::Sender<()>,
    beside: oneshot::Receiver<Beside>,
}

#[derive(Debug)]
struct Seen {
    screen: Tally,
    document_bytes: AtomicU64,
}

struct Aliases {
    screen: TrackAlias,
    document: TrackAlias,
}

/// What the others' thread needs, and by which it tells what it did.
struct Task {
    dialler: Dialler,
    door: Door,
    session: SessionId,
    receivers: usize,
    seen: Arc<Seen>,
    ready: oneshot::Sender<Result<Aliases, OursError>>,
    begun: oneshot::Receiver<()>,
    ended: oneshot::Receiver<()>,
    beside: oneshot::Sender<Beside>,
}

/// Joins everybody. With [`Load::InputMixed`], screen and document are on their way from now on.
///
/// # Errors
/// [`OursError`]
pub async fn connect(
    dialler: &Dialler,
    door: &Door,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<(OursPublisher, Others), OursError> {
    let session = new_session()?;
    let mut driven = Client::join(dialler, door, session, Role::Viewer, "driven").await?;
    let input = Client::join(dialler, door, session, Role::Organizer, "input").await?;
    let mut input = OursPublisher::publish(input, Track::input(&driven), ONE_GROUP).await?;
    let seen = Arc::new(Seen { screen: Tally::new(plan.receivers), document_bytes: AtomicU64::new(0) });
    let (mut others, ready) = start(dialler, door, session, plan, &seen);
    let Aliases { screen, document } = ready.await.map_err(|_| OursError::OthersGone)??;
    driven.subscribe(screen).await?;
    driven.subscribe(document).await?;
    let tally = Arc::clone(tally);
    tokio::spawn(receive(driven.connection.clone(), move |stamp, bytes| match stamp.sender {
        SCREEN_SENDER | DOCUMENT_SENDER => seen.arrived(stamp, bytes),
        _ => tally.arrived(stamp, bytes),
    }));
    input.keep(driven);
    if plan.load == Load::InputMixed {
        others.begin()?;
    }
    Ok((input, others))
}

impl Others {
    fn begin(&mut self) -> Result<(), OursError> {
        let begin = self.begin.take().ok_or(OursError::OthersGone)?;
        begin.send(()).map_err(|()| OursError::OthersGone)
    }

    /// What went on; `None` when nothing was to.
    ///
    /// # Errors
    /// [`OursError::OthersGone`]: it did not go on to the end.
    pub async fn end(self) -> Result<Option<Beside>, OursError> {
        if self.begin.is_some() {
            return Ok(None);
        }
        self.end.send(()).map_err(|()| OursError::OthersGone)?;
        Ok(Some(self.beside.await.map_err(|_| OursError::OthersGone)?))
    }
}

impl Seen {
    fn arrived(&self, stamp: &Stamp, object_bytes: usize) {
        if stamp.sender == SCREEN_SENDER {
            self.screen.arrived(stamp, object_bytes);
        } else {
            self.document_bytes.fetch_add(object_bytes as u64, Ordering::Relaxed);
        }
    }
}

fn start(
    dialler: &Dialler,
    door: &Door,
    session: SessionId,
    plan: &Plan,
    seen: &Arc<Seen>,
) -> (Others, oneshot::Receiver<Result<Aliases, OursError>>) {
    let (ready, until_ready) = oneshot::channel();
    let (begin, begun) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let (tell, beside) = oneshot::channel();
    let task = Task {
        dialler: dialler.clone(),
        door: door.clone(),
        session,
        receivers: plan.receivers.saturating_sub(1),
        seen: Arc::clone(seen),
        ready,
        begun,
        ended,
        beside: tell,
    };
    // On the load's core like the thread that starts it. Without a runtime it is gone at once, and that is noticed.
    thread::spawn(move || {
        // Of this thread alone, on Linux. Refused, the figures are only worse.
        let _ = rustix::process::setpriority_process(None, OTHERS_NICE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(task.run())
    });
    (Others { begin: Some(begin), end, beside }, until_ready)
}

impl Task {
    /// `None` when nobody waits for it any more.
    async fn run(self) -> Option<()> {
        let joined = join(&self.dialler, &self.door, self.session, self.receivers, &self.seen).await;
        let (mut screen, mut document) = match joined {
            Ok(joined) => joined,
            Err(error) => return self.ready.send(Err(error)).ok(),
        };
        let aliases = Aliases { screen: screen.alias(), document: document.alias() };
        self.ready.send(Ok(aliases)).ok()?;
        self.begun.await.ok()?;
        let begun_ns = monotonic_ns();
        self.seen.screen.begin();
        tokio::select! {
            () = send_screen(&mut screen, &self.seen.screen) => return None,
            () = send_document(&mut document) => return None,
            ended = self.ended => ended.ok()?,
        }
        let elapsed_ns = monotonic_ns() - begun_ns;
        let (measured, document_bytes) =
            (self.seen.screen.end(), self.seen.document_bytes.load(Ordering::Relaxed));
        let screen_totals = self.seen.screen.drained().await;
        self.beside.send(Beside { screen: measured, screen_totals, document_bytes, elapsed_ns }).ok()
    }
}

/// The screen's and the document's sender, and all receivers but the one who takes input.
async fn join(
    dialler: &Dialler,
    door: &Door,
    session: SessionId,
    receivers: usize,
    seen: &Arc<Seen>,
) -> Result<(OursPublisher, OursPublisher), OursError> {
    let screen = Client::join(dialler, door, session, Role::Organizer, "screen").await?;
    let document = Client::join(dialler, door, session, Role::Organizer, "document").await?;
    let mut screen = OursPublisher::publish(screen, Track::SCREEN, FRAMES_PER_GROUP).await?;
    let document = OursPublisher::publish(document, Track::DOCUMENT, ONE_GROUP).await?;
    for number in 0..receivers {
        let mut receiver =
            Client::join(dialler, door, session, Role::Viewer, &format!("viewer-{number}")).await?;
        receiver.subscribe(screen.alias()).await?;
        let seen = Arc::clone(seen);
        tokio::spawn(receive(receiver.connection.clone(), move |stamp, bytes| seen.arrived(stamp, bytes)));
        screen.keep(receiver);
    }
    Ok((screen, document))
}

/// Until the publisher fails.
async fn send_screen(publisher: &mut OursPublisher, tally: &Tally) {
    let mut frame = vec![0x5c; OBJECT_BYTES];
    let mut pace = interval(Duration::from_secs(1) / SCREEN_FPS);
    loop {
        pace.tick().await;
        let sequence = tally.send(FRAMES_IN_FLIGHT_MAX);
        Stamp { sent_ns: monotonic_ns(), sender: SCREEN_SENDER, sequence }.write(&mut frame);
        if publisher.send(&frame).await.is_err() {
            return;
        }
    }
}

/// Until the publisher fails.
async fn send_document(publisher: &mut OursPublisher) {
    let mut object = vec![0xd0; OBJECT_BYTES];
    for sequence in 0.. {
        Stamp { sent_ns: monotonic_ns(), sender: DOCUMENT_SENDER, sequence }.write(&mut object);
        if publisher.send(&object).await.is_err() {
            return;
        }
    }
}
