use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use isi_client::{Event, Events, InputSender, Session, TrackKind};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::watch,
    task::JoinHandle,
};

use super::{Entered, Link, crowd, enter, relay_failure, stop_asked};
use crate::{
    args::ViewArgs,
    clock::monotonic_us,
    demo::histogram::Histogram,
    failure::{Exit, Failure},
    live::{View, key_strokes, view_frames},
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
    let stop = stop_asked(args.seconds)?;
    let Entered { session, events, fresh, .. } = enter(&args.identity, Some(&link)).await?;
    eprintln!("you are in; Ctrl-C leaves");
    eprintln!(
        "* compare this code: {}",
        session.session_code().await.map_err(|error| relay_failure(&error))?
    );
    let (stop_viewing, viewing) = watch::channel(false);
    let figures = Arc::new(Mutex::new(Figures::default()));
    let mut eye = Eye {
        session: session.clone(),
        viewing,
        figures: Arc::clone(&figures),
        screen: None,
        drive: args.drive,
    };
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = eye.follow(events) => Err(ended),
        never = tell_figures(&figures) => match never {},
        never = fresh.keep(&session) => match never {},
    };
    stop_viewing.send_replace(true);
    let decoder = match eye.screen.take() {
        Some(screen) => screen.await.ok(),
        None => None,
    };
    if let Some(path) = &args.png {
        save_picture(decoder.as_ref(), path)?;
    }
    session.leave().await;
    ended
}

/// What a viewer does with events.
struct Eye {
    session: Session,
    viewing: watch::Receiver<bool>,
    figures: Arc<Mutex<Figures>>,
    screen: Option<JoinHandle<FrameDecoder>>,
    drive: bool,
}

impl Eye {
    /// Follows events; comes back when the session is over.
    async fn follow(&mut self, mut events: Events) -> Failure {
        while let Some(event) = events.next().await {
            if let Some(line) = crowd::line_of(&self.session, &event).await {
                eprintln!("{line}");
            }
            let done = match event {
                Event::TrackAvailable(track)
                    if track.kind() == TrackKind::Screen && self.screen.is_none() =>
                {
                    self.watch(track).await
                }
                Event::LeaseGranted(lease) if self.drive && lease.driver == self.session.me() => {
                    let input = self.session.drive(&lease).await.map_err(|error| relay_failure(&error));
                    input.map(|input| drop(tokio::spawn(type_lines(input))))
                }
                Event::Ended(reason) => Err(relay_failure(&reason)),
                _ => Ok(()),
            };
            if let Err(failure) = done {
                return failure;
            }
        }
        relay_failure(&isi_client::Disconnected::Over)
    }

    async fn watch(&mut self, track: isi_client::RemoteTrack) -> Result<(), Failure> {
        let receiver = self.session.subscribe_screen(track).await.map_err(|error| relay_failure(&error))?;
        let (mut viewing, figures) = (self.viewing.clone(), Arc::clone(&self.figures));
        self.screen = Some(tokio::spawn(async move {
            let stop = async {
                drop(viewing.wait_for(|over| *over).await); // its sender is gone: over as well
            };
            view_frames(receiver, stop, |view| lock(&figures).take_in(view)).await
        }));
        if self.drive {
            let asked = self.session.request_lease(track.member()).await;
            asked.map_err(|error| relay_failure(&error))?;
            eprintln!("asked to drive");
        }
        Ok(())
    }
}

/// Types each line from standard input, followed by Return, until input or lease ends.
async fn type_lines(mut input: InputSender) {
    eprintln!("you drive: each line is typed, followed by Return");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        for event in key_strokes(&line).chain(key_strokes("\n")) {
            if let Err(error) = input.send(event, monotonic_us()).await {
                eprintln!("not typed: {error}");
                return;
            }
        }
    }
    // The lease is kept: giving it up would end it for the person who goes on looking.
    std::future::pending::<()>().await;
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

async fn tell_figures(figures: &Mutex<Figures>) -> std::convert::Infallible {
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
        eprintln!("{rate:.1} frames/s, {kbit:.0} kbit/s{p50}");
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
