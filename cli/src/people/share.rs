use std::{collections::BTreeMap, time::Duration};

use isi_client::{AdmitPolicy, GroupProfile, InviteOptions, UnixSeconds};
use serde_json::json;
use tokio::time::timeout;

use super::{
    Entered, Link,
    companion::Companion,
    enter,
    host::Host,
    keyboard, relay_failure, stop_asked,
    teller::{Out, Teller},
};
use crate::{
    args::{InviteArgs, ShareArgs},
    clock::unix_s,
    failure::{Exit, Failure},
    live::{ScreenSettings, ScreenThread, SharingError, Terms, share_frames},
    record::Keeper,
};

/// How long the record's end may take.
const RECORD_END_WAIT: Duration = Duration::from_secs(2);

/// Creates the session, prints the link, shares the screen until asked to stop.
///
/// # Errors
/// What a person has to correct.
pub async fn share(args: &ShareArgs) -> Result<(), Failure> {
    let stop = stop_asked(args.meeting.seconds)?;
    let teller = Teller::new(args.meeting.people.json, Out::Errors);
    // First the screen: without one there is nothing to invite to.
    let settings =
        ScreenSettings { source: args.source, fps: args.fps, trailer: Vec::new(), send_still: false };
    let screen =
        ScreenThread::start(settings, |_| ()).await.map_err(|error| Failure::of(Exit::Display, &error))?;
    let record = Keeper::prepare(&args.meeting.record)?;
    let entered = enter(&args.identity, None, terms(args), args.meeting.traffic.padding()).await?;
    let Entered { session, events, relay, fresh } = entered;
    let (typed, listening) =
        keyboard::listen(&session.panic_switch(), args.panic_key, screen.name == "x11", teller)?;
    let companion = Companion::begin(session.clone(), teller, &args.meeting.people, record).await?;
    if args.meeting.record.file.is_some() {
        session.set_recording(true).await.map_err(|error| relay_failure(&error))?;
    }
    let invitation =
        session.invite_with(limits(&args.invite)).await.map_err(|error| relay_failure(&error))?;
    let publisher = session.publish_screen().await.map_err(|error| relay_failure(&error))?;
    println!("{}", Link { relay, fragment: invitation.to_fragment().to_string() });
    let (width, height) = screen.size;
    teller.tell(
        "sharing",
        json!({"source": screen.name, "width": width, "height": height}),
        &format!(
            "sharing {} {width}x{height}; Ctrl-C ends the session for you, `help` and Enter shows more",
            screen.name
        ),
    );
    let mut host = Host {
        companion,
        orders: screen.orders.clone(),
        lend: args.lend,
        organizers: args.organizers.clone(),
        applicants: BTreeMap::new(),
        driven: None,
    };
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = share_frames(publisher, screen.frames, screen.orders, |_, _| ()) => {
            ended.map_err(|error| sharing_failure(&error))
        }
        ended = host.attend(events, typed) => Err(ended),
        never = listening => match never {},
        never = fresh.keep(&session, teller) => match never {},
    };
    if args.meeting.record.file.is_some() {
        // What is still to be stated comes first. If the session is over, so is the record.
        drop(timeout(RECORD_END_WAIT, session.set_recording(false)).await);
    }
    session.leave().await;
    ended.and(host.companion.end().await)
}

fn terms(args: &ShareArgs) -> Terms {
    Terms {
        admit: if args.ask { AdmitPolicy::Ask } else { AdmitPolicy::InvitationHolders },
        profile: if args.post_quantum { GroupProfile::PostQuantum } else { GroupProfile::Classic },
    }
}

fn limits(args: &InviteArgs) -> InviteOptions {
    InviteOptions {
        uses_max: args.uses,
        subject: args.person.clone(),
        expires_at: args.expires.map(|minutes| UnixSeconds(unix_s() + 60 * minutes)),
    }
}

fn sharing_failure(error: &SharingError) -> Failure {
    match error {
        SharingError::Source(error) => Failure::of(Exit::Display, error),
        SharingError::Track(error) => relay_failure(error),
    }
}
