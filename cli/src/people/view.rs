use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use isi_client::{Event, Events, Lease, MemberId, RemoteTrack, Session, TrackKind};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    Entered, Link,
    companion::Companion,
    enter, relay_failure, stop_asked,
    teller::{Out, Teller},
    typist::Typist,
};
use crate::{
    args::ViewArgs,
    demo::histogram::Histogram,
    failure::{Exit, Failure},
    live::{Terms, View, view_frames},
    record::Keeper,
    screen::{FrameDecoder, write_png},
};

/// Between two lines of figures.
const FIGURES_EVERY: Duration = Duration::from_secs(2);

/// Joins, shows what arrives, and drives when asked to.
///
/// # Errors
/// What a person has to correct.
pub async fn view(args: &ViewArgs) -> Result<(), Failure> {
    let link = Link::find(&args.link).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let stop = stop_asked(args.meeting.seconds)?;
    let record = Keeper::prepare(&args.meeting.record)?;
    let entered =
        enter(&args.identity, Some(&link), Terms::default(), args.meeting.traffic.padding()).await?;
    let Entered { session, events, fresh, .. } = entered;
    let teller = Teller::new(args.meeting.people.json, Out::Errors);
    teller.say("entered", "you are in; Ctrl-C leaves");
    let companion = Companion::begin(session.clone(), teller, &args.meeting.people, record).await?;
    let figures = Arc::new(Mutex::new(Figures::default()));
    let every = args.constant_rate.map(Duration::from_millis);
    let mut eye = Eye {
        session: session.clone(),
        companion,
        figures: Arc::clone(&figures),
        screen: None,
        typist: args.drive.then(|| Typist::begin(teller, every)),
    };
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = eye.follow(events) => Err(ended),
        never = tell_figures(&figures, teller) => match never {},
        never = fresh.keep(&session, teller) => match never {},
    };
    let decoder = match eye.screen.take() {
        Some(screen) => screen.close().await,
        None => None,
    };
    session.leave().await;
    eye.companion.end().await?;
    if let Some(path) = &args.png {
        save_picture(decoder.as_ref(), path)?;
    }
    ended
}

/// What a viewer does with events.
struct Eye {
    session: Session,
    companion: Companion,
    figures: Arc<Mutex<Figures>>,
    screen: Option<Screen>,
    /// With `--drive`.
    typist: Option<Typist>,
}

/// The screen that is looked at, or was.
struct Screen {
    /// `None` when the track has ended.
    track: Option<RemoteTrack>,
    stop: watch::Sender<bool>,
    task: JoinHandle<FrameDecoder>,
}

impl Screen {
    /// Looks no more. Gives what has the last picture.
    async fn close(self) -> Option<FrameDecoder> {
        self.stop.send_replace(true);
        self.task.await.ok()
    }
}

impl Eye {
    /// Follows events; comes back when the session is over.
    async fn follow(&mut self, mut events: Events) -> Failure {
        while let Some(event) = events.next().await {
            if let Err(failure) = self.companion.follow(&event).await {
                return failure;
            }
            match event {
                Event::TrackAvailable(track)
                    if track.kind() == TrackKind::Screen && self.watched().is_none() =>
                {
                    self.show_whose(track.member()).await;
                    self.watch(track).await;
                }
                Event::TrackEnded(track) if self.watched() == Some(track) => self.forget(),
                Event::Rejoined { .. } => self.forget(),
                // The lease did not survive; the receiver did.
                Event::Reconnected => {
                    if let Some(track) = self.watched() {
                        self.ask_to_drive(track.member()).await;
                    }
                }
                Event::LeaseGranted(lease) if lease.driver == self.session.me() => self.drive(&lease).await,
                Event::LeaseEnded { lease, .. } if lease.driver == self.session.me() => {
                    self.typist.as_mut().into_iter().for_each(Typist::rest);
                }
                Event::Ended(reason) => return relay_failure(&reason),
                _ => {}
            }
        }
        relay_failure(&isi_client::Disconnected::Over)
    }

    fn watched(&self) -> Option<RemoteTrack> {
        self.screen.as_ref().and_then(|screen| screen.track)
    }

    /// The track is over; its last picture stays until there is another.
    fn forget(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.track = None;
        }
    }

    /// The digits to compare with who shares, before anything on the screen is believed.
    async fn show_whose(&self, sharer: MemberId) {
        let members = self.session.members().await.unwrap_or_default(); // over: the end is told elsewhere
        if let Some(member) = members.iter().find(|member| member.id == sharer) {
            self.companion.tell_pair_code(member).await;
        }
    }

    async fn watch(&mut self, track: RemoteTrack) {
        let receiver = match self.session.subscribe_screen(track).await {
            Ok(receiver) => receiver,
            // It is gone already, or the connection is: if it comes again, that is told.
            Err(error) => {
                return self
                    .companion
                    .teller
                    .say("not-viewing", &format!("* this screen is not seen: {error}"));
            }
        };
        let before = match self.screen.take() {
            Some(screen) => screen.close().await,
            None => None,
        };
        let (stop, mut stopped) = watch::channel(false);
        let figures = Arc::clone(&self.figures);
        let task = tokio::spawn(async move {
            let stop = async {
                drop(stopped.wait_for(|over| *over).await); // its sender is gone: over as well
            };
            let seen = view_frames(receiver, stop, |view| lock(&figures).take_in(view)).await;
            before.filter(|_| seen.picture().is_none()).unwrap_or(seen)
        });
        self.screen = Some(Screen { track: Some(track), stop, task });
        self.ask_to_drive(track.member()).await;
    }

    async fn ask_to_drive(&self, sharer: MemberId) {
        if self.typist.is_none() {
            return;
        }
        let teller = self.companion.teller;
        match self.session.request_lease(sharer).await {
            Ok(()) => teller.say("asked-to-drive", "asked to drive"),
            Err(error) => teller.say("not-asked-to-drive", &format!("* you cannot ask to drive: {error}")),
        }
    }

    async fn drive(&mut self, lease: &Lease) {
        let Some(typist) = &mut self.typist else { return };
        match self.session.drive(lease).await {
            Ok(input) => typist.take_up(input),
            // Taken back meanwhile, say: there is still something to look at.
            Err(error) => {
                self.companion.teller.say("not-driving", &format!("* you do not drive: {error}"));
            }
        }
    }
}

#[derive(Default)]
struct Figures {
    frames: u64,
    bytes: u64,
    latency: Histogram,
}

impl Figures {
    fn take_in(&mut self, view: &View<'_>) {
        self.frames += 1;
        self.bytes += view.received.sealed_bytes as u64;
        self.latency.record(view.decoded_at_us.saturating_sub(view.received.frame.captured_at_us));
    }
}

// A poisoned lock means a panic between two whole updates; the figures are as good as before.
fn lock(figures: &Mutex<Figures>) -> std::sync::MutexGuard<'_, Figures> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn tell_figures(figures: &Mutex<Figures>, teller: Teller) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(FIGURES_EVERY).await;
        let Figures { frames, bytes, latency } = std::mem::take(&mut *lock(figures));
        let seconds = FIGURES_EVERY.as_secs_f64();
        let (rate, kbit) = (frames as f64 / seconds, bytes as f64 * 8.0 / 1000.0 / seconds);
        // The sender's clock is comparable on one machine only; elsewhere the figure means nothing.
        let p50 = latency
            .percentiles()
            .p50
            .map_or(String::new(), |ms| format!(", latency on this machine {ms:.1} ms"));
        let fields = serde_json::json!({"frames_per_s": rate, "kbit_per_s": kbit});
        teller.tell("figures", fields, &format!("{rate:.1} frames/s, {kbit:.0} kbit/s{p50}"));
    }
}

fn save_picture(decoder: Option<&FrameDecoder>, path: &Path) -> Result<(), Failure> {
    let picture = decoder.and_then(FrameDecoder::picture).ok_or_else(|| {
        Failure::new(
            Exit::ChecksFailed,
            "no picture arrived",
            "view for longer, and check that the other side shares",
        )
    })?;
    write_png(picture, path).map_err(|error| Failure::of(Exit::Usage, &error))
}
