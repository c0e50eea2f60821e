use isi_client::{Event, Events};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{
    Entered, Link,
    companion::Companion,
    enter, relay_failure, stop_asked,
    teller::{Out, Teller},
};
use crate::{
    args::ChatArgs,
    failure::{Exit, Failure},
    live::Terms,
    record::Keeper,
};

const HELP: &str =
    "/who lists people, /to CODE TEXT writes to one, /codes and /pair CODE show digits to compare";

/// Joins, prints what others write to standard output, sends lines from standard input.
///
/// # Errors
/// What a person has to correct.
pub async fn chat(args: &ChatArgs) -> Result<(), Failure> {
    let link = Link::find(&args.link).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let stop = stop_asked(args.meeting.seconds)?;
    let record = Keeper::prepare(&args.meeting.record)?;
    let entered =
        enter(&args.identity, Some(&link), Terms::default(), args.meeting.traffic.padding()).await?;
    let Entered { session, events, fresh, .. } = entered;
    eprintln!("you are in; {HELP}, Ctrl-C leaves");
    let teller = Teller::new(args.meeting.people.json, Out::Standard);
    let mut companion = Companion::begin(session.clone(), teller, &args.meeting.people, record).await?;
    let ended = tokio::select! {
        () = stop => Ok(()),
        ended = talk(events, &mut companion) => ended,
        never = fresh.keep(&session, teller) => match never {},
    };
    session.leave().await;
    ended.and(companion.end().await)
}

/// Comes back when standard input ends, or with a failure when the session does.
async fn talk(mut events: Events, companion: &mut Companion) -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Ended(reason)) => return Err(relay_failure(&reason)),
                Some(event) => companion.follow(&event).await?,
                None => return Err(relay_failure(&isi_client::Disconnected::Over)),
            },
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return Ok(()) };
                if let Err(problem) = obey(companion, Line::parse(&line)).await {
                    eprintln!("not sent: {problem}");
                }
            }
        }
    }
}

async fn obey(companion: &Companion, line: Line<'_>) -> Result<(), String> {
    let session = &companion.session;
    match line {
        Line::Nothing => Ok(()),
        Line::Who => companion.tell_members().await,
        Line::Codes => {
            companion.tell_codes().await;
            Ok(())
        }
        Line::Pair(code) => {
            companion.tell_pair_code(&companion.find(code).await?).await;
            Ok(())
        }
        Line::All(text) => session.send(text).await.map_err(|error| error.to_string()),
        Line::One { code, text } => {
            let member = companion.find(code).await?;
            session.send_private(member.id, text).await.map_err(|error| error.to_string())
        }
        Line::Unknown => Err(HELP.to_owned()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Who,
    Codes,
    Pair(&'a str),
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
            ("codes", _) => Self::Codes,
            (_, Some((code, text))) if !text.trim().is_empty() => Self::One { code, text: text.trim() },
            _ => match command.strip_prefix("pair ").map(str::trim) {
                Some(code) if !code.is_empty() => Self::Pair(code),
                _ => Self::Unknown,
            },
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
        assert_eq!(Line::parse("/codes"), Line::Codes);
        assert_eq!(Line::parse("/pair ab12"), Line::Pair("ab12"));
        assert_eq!(Line::parse("   "), Line::Nothing);
        for unknown in ["/to", "/to ab12", "/to ab12  ", "/pair ", "/dance"] {
            assert_eq!(Line::parse(unknown), Line::Unknown, "{unknown}");
        }
    }
}
