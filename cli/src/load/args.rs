//! What `isi load` is told.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{Args, builder::PossibleValuesParser};
use isi_client::RelayUrl;
use isi_load::workload::{Preset, Slow};

use super::shapes::SHAPES;
use crate::args::EXIT_CODES;

const EXAMPLES: &str = "Examples:
  isi load                                   64 KiB frames to 8 receivers as fast as it goes, through a relay of its own
  isi load --preset town-hall --html out.html
  isi load --load messages --receivers 8 --json
  isi load --preset screen-share --slow stopped,tenth,reconnecting --repeat 5
  isi load --joins 2000 --joins-per-second 500
  isi load --joins 100 --members 1000        100 people ask within a second to be let into a group of 1,000
  isi load --idle 2000 --sessions 200
  isi load --sweep receivers=1,2,4,8,16,32,64 --html scaling.html
  isi load isi://127.0.0.1:4433 --account here --relay-pid 4711 --processes 2

Without a URL it starts a relay on loopback, on a core of its own where there are two. With one, it sends to that address and
nowhere else: load only what is yours.";

/// `isi load`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct LoadArgs {
    /// The relay, isi://HOST:PORT; one of its own on loopback when not given
    pub relay: Option<RelayUrl>,
    /// Folder with account.key, as `isi token keys` makes it; its ca.pem is believed where there is one
    #[arg(long, value_name = "FOLDER")]
    pub account: Option<PathBuf>,
    /// CA of the relay's certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// What is sent
    #[arg(long, default_value = "fanout", value_parser = PossibleValuesParser::new(SHAPES.map(|shape| shape.name)))]
    pub load: String,
    /// A mix of traffic as people make it
    #[arg(long, conflicts_with = "load", value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)))]
    pub preset: Option<String>,
    /// Sessions [default: 1; of joins and idle people one for each ten]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub sessions: Option<u32>,
    /// Senders in each session
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub senders: Option<u32>,
    /// Receivers in each session
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub receivers: Option<u32>,
    /// Bytes of an object
    #[arg(long, value_parser = clap::value_parser!(u32).range(24..=4_194_000))]
    pub frame_bytes: Option<u32>,
    /// Objects per second and sender
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub fps: Option<u32>,
    /// As fast as it goes, whatever the load's own rate
    #[arg(long, conflicts_with = "fps")]
    pub saturate: bool,
    /// Objects on their way at once when it goes as fast as it goes [default: 256 KiB, at least 4]
    #[arg(long, value_name = "OBJECTS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub in_flight: Option<u32>,
    /// Slow receivers, one of each named in each session: stopped, tenth, reconnecting. Measured without them and with them
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(Slow::ALL.map(Slow::name)))]
    pub slow: Vec<String>,
    /// Only joins: so many come in and leave
    #[arg(long, conflicts_with_all = ["load", "preset", "slow", "idle"], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub joins: Option<u32>,
    /// The joins are into one end-to-end encrypted group that has so many members: an organizer lets them in
    #[arg(long, requires = "joins", conflicts_with = "sessions", value_parser = clap::value_parser!(u32).range(2..=2047))]
    pub members: Option<u32>,
    /// Joins that begin per second [default: as fast as it goes; into a group all within a second]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub joins_per_second: Option<u32>,
    /// Only people who come in and do nothing
    #[arg(long, conflicts_with_all = ["load", "preset", "slow"], value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub idle: Option<u32>,
    /// How long to measure
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Processes that make the load
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub processes: u32,
    /// Runs, of which the median is told
    #[arg(long, alias = "runs", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,
    /// One row for each value: sessions, receivers, senders, frame-bytes, fps or in-flight
    #[arg(long, value_name = "WHAT=N,N,...", conflicts_with_all = ["joins", "idle", "slow"])]
    pub sweep: Option<Sweep>,
    /// Process of a relay on this machine, to see its CPU and memory
    #[arg(long, value_name = "PID", requires = "relay")]
    pub relay_pid: Option<u32>,
    /// Address of the relay's metrics, to see what it holds
    #[arg(long, value_name = "ADDRESS", requires = "relay")]
    pub admin: Option<SocketAddr>,
    /// Take this program as the own relay
    #[arg(long, value_name = "PATH", conflicts_with = "relay")]
    pub relay_bin: Option<PathBuf>,
    /// The own relay and the load share all cores
    #[arg(long)]
    pub no_pin: bool,
    /// One JSON line on standard output instead of the table
    #[arg(long)]
    pub json: bool,
    /// Write a report with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// A series of points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What changes.
    pub what: Knob,
    /// Its values.
    pub values: Vec<u32>,
}

/// What a sweep changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// `--sessions`
    Sessions,
    /// `--receivers`
    Receivers,
    /// `--senders`
    Senders,
    /// `--frame-bytes`
    FrameBytes,
    /// `--fps`
    Fps,
    /// `--in-flight`
    InFlight,
}

/// Most points of a sweep.
const POINTS_MAX: usize = 64;

impl Knob {
    const ALL: [Self; 6] =
        [Self::Sessions, Self::Receivers, Self::Senders, Self::FrameBytes, Self::Fps, Self::InFlight];

    /// Its name, and the largest value it takes.
    const fn bounds(self) -> (&'static str, u32) {
        match self {
            Self::Sessions => ("sessions", 10_000),
            Self::Receivers => ("receivers", 2000),
            Self::Senders => ("senders", 64),
            Self::FrameBytes => ("frame-bytes", 4_194_000),
            Self::Fps => ("fps", 1000),
            Self::InFlight => ("in-flight", 4096),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.bounds().0
    }
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "write what changes and its values, as in receivers=1,2,4,8";
        let (name, values) = text.split_once('=').ok_or(expected)?;
        let what = Knob::ALL.into_iter().find(|knob| knob.name() == name);
        let what = what
            .ok_or_else(|| format!("{name:?} does not change; {}", Knob::ALL.map(Knob::name).join(", ")))?;
        let max = what.bounds().1;
        let value = |text: &str| text.trim().parse().ok().filter(|value| (1..=max).contains(value));
        let values: Option<Vec<u32>> = values.split(',').map(value).collect();
        match values {
            Some(values) if values.len() <= POINTS_MAX => Ok(Self { what, values }),
            Some(_) => Err(format!("a sweep has at most {POINTS_MAX} points")),
            None => Err(format!("values of {name} are 1 to {max}; {expected}")),
        }
    }
}

impl LoadArgs {
    /// The same with one thing changed.
    #[must_use]
    pub fn with(&self, what: Knob, value: u32) -> Self {
        let mut args = self.clone();
        let place = match what {
            Knob::Sessions => &mut args.sessions,
            Knob::Receivers => &mut args.receivers,
            Knob::Senders => &mut args.senders,
            Knob::FrameBytes => &mut args.frame_bytes,
            Knob::Fps => &mut args.fps,
            Knob::InFlight => &mut args.in_flight,
        };
        *place = Some(value);
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_a_name_and_values_within_bounds() {
        let sweep: Sweep = "receivers=1,2,512".parse().unwrap();
        assert_eq!(sweep, Sweep { what: Knob::Receivers, values: vec![1, 2, 512] });
        for wrong in ["", "receivers", "receivers=", "receivers=0", "receivers=1,x", "colour=1", "fps=2000"] {
            assert!(wrong.parse::<Sweep>().is_err(), "{wrong}");
        }
        assert!(format!("fps={}1", "1,".repeat(POINTS_MAX)).parse::<Sweep>().is_err());
    }
}
