use std::sync::mpsc as blocking;

use isi_client::{Event, Events, LeaseScope, MemberId, Session};

use super::{Entered, Link, crowd, enter, relay_failure, stop_asked};
use crate::{
    args::ShareArgs,
    failure::{Exit, Failure},
    live::{ScreenOrder, ScreenSettings, ScreenThread, SharingError, apply_input, share_frames},
};

/// How long a driver may drive before it has to ask again.
const LEASE: std::time::Duration = std::time::Duration::from_secs(600);

/// Creates the session, prints the link, shares the screen until asked to stop.
///
/// # Errors
/// What a person has to correct.
pub async fn share(args: &ShareArgs) -> Result<(), Failure> {
    let stop = stop_asked(args.seconds)?;
    // First the screen: without one there is nothing to invite to.
    let settings =
        ScreenSettings { source: args.source, fps: args.fps, trailer: Vec::new(), send_still: false };
    let screen =
        ScreenThread::start(settings, |_| ()).await.map_err(|error| Failure::of(Exit::Display, &error))?;
    let Entered { session, events, relay, fresh } = enter(&args.identity, None).await?;
    let invitation = session.invite().await.map_err(|error| relay_failure(&error))?;
    let publisher = session.publish_screen().await.map_err(|error| relay_failure(&error))?;
    println!("{}", Link { relay, fragment: invitation.to_fragment().to_string() });
    let (width, height) = screen.size;
    eprintln!("sharing {} {width}x{height}; Ctrl-C ends the session for you", screen.name);
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = share_frames(publisher, screen.frames, screen.orders.clone(), |_, _| ()) => {
            ended.map_err(|error| sharing_failure(&error))
        }
        ended = attend(events, session.clone(), screen.orders, args.lend) => Err(ended),
        never = fresh.keep(&session) => match never {},
    };
    session.leave().await;
    ended
}

/// Tells what happens and lends the screen; comes back when the session is over.
async fn attend(
    mut events: Events,
    session: Session,
    orders: blocking::Sender<ScreenOrder>,
    lend: bool,
) -> Failure {
    let mut driven = None;
    while let Some(event) = events.next().await {
        match event {
            Event::LeaseRequested(who)
                if lend && driven.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) =>
            {
                driven = lend_to(&session, who, orders.clone()).await;
            }
            Event::LeaseRequested(who) => {
                let name = crowd::name_of(&session, who).await;
                eprintln!("* {name} asks to drive; share with --lend to let people drive");
            }
            Event::Ended(reason) => return relay_failure(&reason),
            event => {
                if let Some(line) = crowd::line_of(&session, &event).await {
                    eprintln!("{line}");
                }
            }
        }
    }
    relay_failure(&isi_client::Disconnected::Over)
}

async fn lend_to(
    session: &Session,
    driver: MemberId,
    orders: blocking::Sender<ScreenOrder>,
) -> Option<tokio::task::JoinHandle<()>> {
    let scope = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
    match session.grant_lease(driver, scope, LEASE).await {
        Ok(input) => Some(tokio::spawn(apply_input(input, orders, false))),
        Err(error) => {
            eprintln!("* not lent: {error}");
            None
        }
    }
}

fn sharing_failure(error: &SharingError) -> Failure {
    match error {
        SharingError::Source(error) => Failure::of(Exit::Display, error),
        SharingError::Track(error) => relay_failure(error),
    }
}
