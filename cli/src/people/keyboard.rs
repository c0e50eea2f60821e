//! What a person types while it shares, and how it takes back control.

use std::convert::Infallible;

use isi_client::PanicSwitch;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::teller::Teller;
use crate::{
    args::PanicKey,
    failure::{Exit, Failure},
    screen::watch_key,
};

/// Lines that wait until the ones before are done. Beyond it reading waits; taking back control never does.
const LINES_QUEUED_MAX: usize = 16;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Who,
    Codes,
    Pair(String),
    Admit(String),
    Deny(String),
    Remove(String),
    Organizer(String),
    Lend(String),
    Record(bool),
    /// Ask about everybody, let holders of the link in, or let nobody in.
    Ask,
    Open,
    Lock,
    Help,
}

pub(super) const HELP: &str = "* Enter takes back control at once; else type
    who                 who is here
    codes               the session codes of the newest epochs
    pair CODE           the digits to compare with one person
    admit CODE|all      let somebody in who asks        deny CODE     say no
    lock, ask, open     let nobody in, ask about everybody, let holders of the link in
    lend CODE           let somebody drive              remove CODE   take somebody out
    organizer CODE      make somebody an organizer      record on|off";

impl Typed {
    pub(super) fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let (command, argument) = (words.next().unwrap_or_default(), words.next());
        match (command, argument, words.next()) {
            ("who", None, _) => Self::Who,
            ("codes", None, _) => Self::Codes,
            ("pair", Some(code), None) => Self::Pair(code.to_owned()),
            ("admit", Some(code), None) => Self::Admit(code.to_owned()),
            ("deny", Some(code), None) => Self::Deny(code.to_owned()),
            ("remove", Some(code), None) => Self::Remove(code.to_owned()),
            ("organizer", Some(code), None) => Self::Organizer(code.to_owned()),
            ("lend", Some(code), None) => Self::Lend(code.to_owned()),
            ("record", Some("on"), None) => Self::Record(true),
            ("record", Some("off"), None) => Self::Record(false),
            ("ask", None, _) => Self::Ask,
            ("open", None, _) => Self::Open,
            ("lock", None, _) => Self::Lock,
            _ => Self::Help,
        }
    }
}

/// Reads lines and waits for SIGUSR1; both, and the panic key, take back control without waiting for anything else.
pub(super) fn listen(
    switch: &PanicSwitch,
    key: PanicKey,
    on_x11: bool,
    teller: Teller,
) -> Result<(mpsc::Receiver<Typed>, impl Future<Output = Infallible> + use<>), Failure> {
    if let Some(keysym) = key.0.filter(|_| on_x11) {
        let pressed = switch.clone();
        let watched = watch_key(keysym, move || take_back(&pressed, teller));
        if let Err(error) = watched {
            let text =
                format!("* the panic key is not at hand ({error}); Enter here and SIGUSR1 take back control");
            teller.say("no-panic-key", &text);
        }
    }
    let mut usr1 = signal(SignalKind::user_defined1()).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let (sender, typed) = mpsc::channel(LINES_QUEUED_MAX);
    let (by_signal, by_line) = (switch.clone(), switch.clone());
    let signals = async move {
        while usr1.recv().await.is_some() {
            take_back(&by_signal, teller);
        }
        std::future::pending().await
    };
    let lines = async move {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match line.trim() {
                "" => take_back(&by_line, teller),
                line => drop(sender.try_send(Typed::parse(line))), // beyond the bound it is not done
            }
        }
        std::future::pending().await
    };
    let listening = async move {
        tokio::select! {
            never = signals => never,
            never = lines => never,
        }
    };
    Ok((typed, listening))
}

fn take_back(switch: &PanicSwitch, teller: Teller) {
    let Some(taken) = switch.press() else { return teller.say("nothing-taken-back", "* nobody drives") };
    let report = taken.report;
    let late_us = report.accepted_after_take_back.as_micros();
    let fields = serde_json::json!({
        "accepted": report.accepted, "refused": report.refused, "held_back": report.held_back,
        "accepted_after_take_back_us": u64::try_from(late_us).unwrap_or(u64::MAX),
    });
    let text = format!(
        "* CONTROL TAKEN BACK after {} events; the last one was applied {late_us} us after that",
        report.accepted
    );
    teller.tell("taken-back", fields, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_and_anything_else_asks_for_help() {
        assert_eq!(Typed::parse("admit all"), Typed::Admit("all".to_owned()));
        assert_eq!(Typed::parse("  record   off "), Typed::Record(false));
        assert_eq!(Typed::parse("lock"), Typed::Lock);
        for unknown in ["help", "admit", "admit a b", "record", "dance", "who is there"] {
            assert_eq!(Typed::parse(unknown), Typed::Help, "{unknown}");
        }
    }
}
