use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use isi_client::{Event, Events, InputSender, MemberId, Session, TrackKind};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::watch,
    task::JoinHandle,
};

use super::{
    Entered, Link,
    companion::Companion,
    enter, relay_failure, stop_asked,
    teller::{Out, Teller},
};
use crate::{
    args::ViewArgs,
    clock::monotonic_us,
    demo::histogram::Histogram,
    failure::{Exit, Failure},
    live::{Terms, View, key_strokes, view_frames},
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
    let stop = stop_asked(args.seconds)?;
    let record = Keeper::prepare(&args.record)?;
    let Entered { session, events, fresh, .. } = enter(&args.identity, Some(&link), Terms::default()).await?;
    let teller = Teller::new(args.people.json, Out::Errors);
    teller.say("entered", "you are in; Ctrl-C leaves");
    let companion = Companion::begin(session.clone(), teller, &args.people, record).await?;
    let (stop_viewing, viewing) = watch::channel(false);
    let figures = Arc::new(Mutex::new(Figures::default()));
    let mut eye = Eye {
        session: session.clone(),
        companion,
        viewing,
        figures: Arc::clone(&figures),
        screen: None,
        drive: args.drive,
    };
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = eye.follow(events) => Err(ended),
        never = tell_figures(&figures, teller) => match never {},
        never = fresh.keep(&session) => match never {},
    };
    stop_viewing.send_replace(true);
    let decoder = match eye.screen.take() {
        Some(screen) => screen.await.ok(),
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
    viewing: watch::Receiver<bool>,
    figures: Arc<Mutex<Figures>>,
    screen: Option<JoinHandle<FrameDecoder>>,
    drive: bool,
}

impl Eye {
    /// Follows events; comes back when the session is over.
    async fn follow(&mut self, mut events: Events) -> Failure {
        while let Some(event) = events.next().await {
            if let Err(failure) = self.companion.follow(&event).await {
                return failure;
            }
            let done = match event {
                Event::TrackAvailable(track)
                    if track.kind() == TrackKind::Screen && self.screen.is_none() =>
                {
                    self.show_whose(track.member()).await;
                    self.watch(track).await
                }
                Event::LeaseGranted(lease) if self.drive && lease.driver == self.session.me() => {
                    match self.session.drive(&lease).await {
                        Ok(input) => drop(tokio::spawn(type_lines(input))),
                        // Taken back meanwhile, say: there is still something to look at.
                        Err(error) => {
                            self.companion.teller.say("not-driving", &format!("* you do not drive: {error}"))
                        }
                    }
                    Ok(())
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

    /// The digits to compare with who shares, before anything on the screen is believed.
    async fn show_whose(&self, sharer: MemberId) {
        let members = self.session.members().await.unwrap_or_default(); // over: the end is told elsewhere
        if let Some(member) = members.iter().find(|member| member.id == sharer) {
            self.companion.tell_pair_code(member).await;
        }
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
            self.companion.teller.say("asked-to-drive", "asked to drive");
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
