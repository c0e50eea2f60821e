//! From arguments to a load.

use isi_load::{
    membership::AdmissionLoad,
    workload::{JoinLoad, Kind, Pace, Part, Preset, Slow, Workload},
};

use super::{args::LoadArgs, protocol::Work};
use crate::failure::{Exit, Failure};

/// A load as it is unless the arguments say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its name in arguments and rows.
    pub name: &'static str,
    kind: Kind,
    senders: u32,
    receivers: u32,
    bytes: u32,
    /// As fast as it goes when there is none.
    fps: Option<u32>,
}

/// Every load. The first five are the measured ones of the benches.
pub const SHAPES: [Shape; 8] = [
    shape("fanout", Kind::Frames, 8, 65_536, None),
    shape("paced", Kind::Frames, 8, 65_536, Some(30)),
    shape("messages", Kind::Messages, 8, 1024, None),
    shape("events", Kind::Input, 1, 64, Some(250)),
    shape("small", Kind::Frames, 200, 4096, Some(60)),
    shape("audio", Kind::Audio, 8, 160, Some(50)),
    shape("chat", Kind::Chat, 20, 400, Some(2)),
    shape("documents", Kind::Documents, 4, 65_536, None),
];

/// People of one run at most.
const PEOPLE_MAX: u64 = 100_000;
/// Participants of one session, as the wire has it.
const SESSION_PEOPLE_MAX: u32 = 2048;
/// What a relay takes from one client per second.
const CHAT_PER_SECOND_MAX: u32 = 100;
/// Longest payload of the log.
const CHAT_BYTES_MAX: u32 = 64 * 1024;
/// Longest object of a datagram.
const AUDIO_BYTES_MAX: u32 = 1120;
/// People in a session who only come in, unless it is said otherwise.
const IDLE_SESSION_PEOPLE: u32 = 10;

const fn shape(name: &'static str, kind: Kind, receivers: u32, bytes: u32, fps: Option<u32>) -> Shape {
    Shape { name, kind, senders: 1, receivers, bytes, fps }
}

/// What the arguments ask for.
///
/// # Errors
/// When no relay could carry it.
pub fn work(args: &LoadArgs) -> Result<Work, Failure> {
    let people = args.joins.or(args.idle);
    let Some(joins) = people else { return workload(args).map(Work::Traffic) };
    if let Some(members) = args.members {
        return admissions(args, members, joins);
    }
    let sessions = args.sessions.unwrap_or(joins.div_ceil(IDLE_SESSION_PEOPLE)).min(joins);
    if args.idle.is_some() && joins.div_ceil(sessions) > SESSION_PEOPLE_MAX {
        return Err(too_many_in_a_session(joins.div_ceil(sessions)));
    }
    Ok(Work::Joins(JoinLoad {
        joins,
        per_second: args.joins_per_second,
        sessions,
        stay: args.idle.is_some(),
    }))
}

fn admissions(args: &LoadArgs, members: u32, joins: u32) -> Result<Work, Failure> {
    let people = members.saturating_add(joins);
    if people > SESSION_PEOPLE_MAX {
        return Err(too_many_in_a_session(people));
    }
    // Everybody within a second, unless it is said otherwise.
    let per_second = args.joins_per_second.unwrap_or(joins);
    Ok(Work::Admissions(AdmissionLoad { members, joins, per_second }))
}

fn workload(args: &LoadArgs) -> Result<Workload, Failure> {
    let preset =
        args.preset.as_deref().and_then(|name| Preset::ALL.into_iter().find(|preset| preset.name() == name));
    let mut load = preset.map_or_else(|| of_shape(&args.load), Preset::workload);
    load.sessions = args.sessions.unwrap_or(load.sessions);
    load.receivers = args.receivers.unwrap_or(load.receivers);
    load.slow =
        args.slow.iter().filter_map(|name| Slow::ALL.into_iter().find(|slow| slow.name() == name)).collect();
    if let Some(part) = load.parts.first_mut() {
        adjust(part, args);
    }
    let receivers = load.receivers;
    for part in load.parts.iter_mut().filter(|part| !part.kind.is_presented()) {
        // Receivers send these. Of a preset's, as many as there are.
        if preset.is_some() {
            part.senders = part.senders.min(receivers);
        }
    }
    check(&load).map(|()| load)
}

fn of_shape(name: &str) -> Workload {
    let shape = SHAPES.into_iter().find(|shape| shape.name == name).unwrap_or(SHAPES[0]);
    let pace = shape.fps.map_or_else(|| Pace::saturating(shape.bytes), Pace::PerSecond);
    let senders = if shape.kind == Kind::Chat { shape.receivers } else { shape.senders };
    let part = Part { kind: shape.kind, senders, bytes: shape.bytes, pace };
    Workload {
        name: name.to_owned(),
        sessions: 1,
        receivers: shape.receivers,
        parts: vec![part],
        slow: Vec::new(),
    }
}

fn adjust(part: &mut Part, args: &LoadArgs) {
    part.bytes = args.frame_bytes.unwrap_or(part.bytes);
    if part.kind == Kind::Chat {
        part.senders = args.receivers.map_or(part.senders, |receivers| part.senders.min(receivers));
    }
    part.senders = args.senders.unwrap_or(part.senders);
    let saturates = args.saturate || part.pace.per_second().is_none();
    part.pace = match (args.fps, args.in_flight) {
        (Some(rate), _) => Pace::PerSecond(rate),
        (None, Some(objects)) => Pace::InFlight(objects),
        (None, None) if saturates => Pace::saturating(part.bytes),
        (None, None) => part.pace,
    };
}

fn check(load: &Workload) -> Result<(), Failure> {
    if load.people() > SESSION_PEOPLE_MAX {
        return Err(too_many_in_a_session(load.people()));
    }
    if u64::from(load.people()) * u64::from(load.sessions) > PEOPLE_MAX {
        let message = format!("a load has at most {PEOPLE_MAX} people, and this one has more");
        return Err(Failure::new(Exit::Usage, message, "use fewer --sessions or --receivers"));
    }
    load.parts.iter().try_for_each(|part| check_part(load, part))
}

fn check_part(load: &Workload, part: &Part) -> Result<(), Failure> {
    let refuse = |what: String, hint: &str| Err(Failure::new(Exit::Usage, what, hint));
    let name = part.kind.name();
    if !part.kind.is_presented() && part.senders > load.receivers {
        let what = format!("{} senders of {name}, but {} receivers to be them", part.senders, load.receivers);
        return refuse(what, "use more --receivers or fewer --senders");
    }
    let bytes_max = match part.kind {
        Kind::Audio => AUDIO_BYTES_MAX,
        Kind::Chat => CHAT_BYTES_MAX,
        Kind::Frames | Kind::Messages | Kind::Input | Kind::Documents => u32::MAX,
    };
    if part.bytes > bytes_max {
        return refuse(
            format!("an object of {name} has at most {bytes_max} bytes"),
            "use a smaller --frame-bytes",
        );
    }
    match (part.kind, part.pace.per_second()) {
        (Kind::Audio | Kind::Chat, None) => {
            refuse(format!("{name} has a rate: a relay does not hold its sender back"), "give one with --fps")
        }
        (Kind::Chat, Some(rate)) if rate > CHAT_PER_SECOND_MAX => refuse(
            format!("a relay takes {CHAT_PER_SECOND_MAX} messages a second of one client"),
            "use a smaller --fps",
        ),
        _ => Ok(()),
    }
}

fn too_many_in_a_session(people: u32) -> Failure {
    let message = format!("{people} people in a session, but it has at most {SESSION_PEOPLE_MAX}");
    Failure::new(Exit::Usage, message, "use more --sessions, or fewer --receivers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn parsed(arguments: &[&str]) -> Result<Work, Failure> {
        let cli = Cli::try_parse_from(["isi", "load"].iter().chain(arguments)).unwrap();
        let Command::Load(args) = cli.command else { panic!() };
        work(&args)
    }

    fn traffic(arguments: &[&str]) -> Workload {
        match parsed(arguments).unwrap() {
            Work::Traffic(load) => load,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_shape_and_preset_is_one_that_a_relay_can_carry() {
        for shape in SHAPES {
            assert_eq!(traffic(&["--load", shape.name]).name, shape.name);
        }
        for preset in Preset::ALL {
            assert_eq!(traffic(&["--preset", preset.name()]), preset.workload());
        }
        assert_eq!(traffic(&["--preset", "town-hall", "--receivers", "3"]).parts[2].senders, 3);
    }

    #[test]
    fn flags_change_what_they_name() {
        let load = traffic(&["--receivers", "32", "--frame-bytes", "1024", "--sessions", "7"]);
        assert_eq!((load.receivers, load.sessions, load.parts[0].pace), (32, 7, Pace::InFlight(256)));
        assert_eq!(traffic(&["--fps", "5"]).parts[0].pace, Pace::PerSecond(5));
        assert_eq!(traffic(&["--load", "paced", "--saturate"]).parts[0].pace, Pace::InFlight(4));
        assert_eq!(traffic(&["--in-flight", "9"]).parts[0].pace, Pace::InFlight(9));
        assert_eq!(traffic(&["--slow", "stopped,tenth"]).slow, [Slow::Stopped, Slow::Tenth]);
    }

    #[test]
    fn what_no_relay_carries_is_refused() {
        for wrong in [
            &["--receivers", "2000", "--senders", "64"][..],
            &["--sessions", "10000", "--receivers", "100"],
            &["--load", "audio", "--frame-bytes", "1200"],
            &["--load", "chat", "--fps", "101"],
            &["--load", "chat", "--saturate"],
            &["--load", "events", "--senders", "2"],
            &["--idle", "5000", "--sessions", "2"],
            &["--joins", "1000", "--members", "1100"],
        ] {
            assert_eq!(parsed(wrong).unwrap_err().exit(), Exit::Usage, "{wrong:?}");
        }
    }

    #[test]
    fn people_ask_a_group_to_be_let_in_within_a_second() {
        let admissions = parsed(&["--joins", "100", "--members", "1000"]).unwrap();
        let expected = AdmissionLoad { members: 1000, joins: 100, per_second: 100 };
        assert_eq!(admissions, Work::Admissions(expected));
    }

    #[test]
    fn joins_leave_and_idle_people_stay() {
        let Work::Joins(joins) = parsed(&["--joins", "100"]).unwrap() else { panic!() };
        assert_eq!((joins.sessions, joins.stay), (10, false));
        let Work::Joins(idle) = parsed(&["--idle", "2000", "--sessions", "1"]).unwrap() else { panic!() };
        assert_eq!((idle.joins, idle.sessions, idle.stay), (2000, 1, true));
    }
}
