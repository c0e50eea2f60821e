use isi_client::{Event, Events, Session};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Entered, Link, crowd, enter, relay_failure, stop_asked};
use crate::{
    args::ChatArgs,
    failure::{Exit, Failure},
};

/// Joins, prints what others write to standard output, sends lines from standard input.
///
/// # Errors
/// What a person has to correct.
pub async fn chat(args: &ChatArgs) -> Result<(), Failure> {
    let link = Link::find(&args.link).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let stop = stop_asked(args.seconds)?;
    let Entered { session, events, fresh, .. } = enter(&args.identity, Some(&link)).await?;
    eprintln!("you are in; /who lists people, /to CODE TEXT writes to one, Ctrl-C leaves");
    println!("* compare this code: {}", session.session_code().await.map_err(|error| relay_failure(&error))?);
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = print_events(events, session.clone()) => Err(ended),
        () = send_lines(&session) => Ok(()),
        never = fresh.keep(&session) => match never {},
    };
    session.leave().await;
    ended
}

async fn print_events(mut events: Events, session: Session) -> Failure {
    while let Some(event) = events.next().await {
        if let Event::Ended(reason) = event {
            return relay_failure(&reason);
        }
        if let Some(line) = crowd::line_of(&session, &event).await {
            println!("{line}");
        }
    }
    relay_failure(&isi_client::Disconnected::Over)
}

/// Comes back when standard input ends.
async fn send_lines(session: &Session) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let said = match Line::parse(&line) {
            Line::Nothing => continue,
            Line::Who => who(session).await,
            Line::All(text) => session.send(text).await.map_err(|error| error.to_string()),
            Line::One { code, text } => whisper(session, code, text).await,
            Line::Unknown => Err("/who lists people, /to CODE TEXT writes to one".to_owned()),
        };
        if let Err(problem) = said {
            eprintln!("not sent: {problem}");
        }
    }
}

async fn who(session: &Session) -> Result<(), String> {
    for member in session.members().await.map_err(|error| error.to_string())? {
        let me = if member.id == session.me() { " (you)" } else { "" };
        let organizer = if member.is_organizer { ", organizer" } else { "" };
        println!("{}{me}{organizer}", crowd::code_of(&member));
    }
    Ok(())
}

async fn whisper(session: &Session, code: &str, text: &str) -> Result<(), String> {
    let members = session.members().await.map_err(|error| error.to_string())?;
    let member = crowd::find(&members, code)
        .ok_or_else(|| format!("nobody or several begin with {code}; /who lists people"))?;
    session.send_private(member.id, text).await.map_err(|error| error.to_string())
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Who,
    All(&'a str),
    One { code: &'a str, text: &'a str },
    Unknown,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let line = line.trim();
        let Some(command) = line.strip_prefix('/') else {
            return if line.is_empty() { Self::Nothing } else { Self::All(line) };
        };
        match (command, command.strip_prefix("to ").and_then(|rest| rest.trim_start().split_once(' '))) {
            ("who", _) => Self::Who,
            (_, Some((code, text))) if !text.trim().is_empty() => Self::One { code, text: text.trim() },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_messages_or_commands() {
        assert_eq!(Line::parse("  hello all "), Line::All("hello all"));
        assert_eq!(Line::parse("/to ab12 psst, you"), Line::One { code: "ab12", text: "psst, you" });
        assert_eq!(Line::parse("/who"), Line::Who);
        assert_eq!(Line::parse("   "), Line::Nothing);
        for unknown in ["/to", "/to ab12", "/to ab12  ", "/dance"] {
            assert_eq!(Line::parse(unknown), Line::Unknown, "{unknown}");
        }
    }
}
