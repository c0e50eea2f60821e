//! Who takes part.

use super::plan::Load;
use std::fmt;
use std::str::FromStr;

/// Who carries the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum System {
    /// This project's relay, with everything on.
    Ours,
    /// The same once more: what differs between the two is noise.
    OursAgain,
    /// Another build of this project's relay, given by `--other-relay`.
    Other,
    /// The minimal forwarder with quinn's default transport settings.
    Stock,
    /// The minimal forwarder with this project's transport settings.
    StockTuned,
    /// Raw UDP with AES-128-GCM, in batches of up to 44 packets: what the machine can do at most.
    Floor,
    /// The same in batches of 10, quinn's bound.
    Floor10,
    /// moq-relay: Media over QUIC.
    MoqRelay,
    /// iroh-relay: WebSocket over TLS and TCP; the sender makes the copies.
    IrohRelay,
    /// nats-server: its own protocol over TLS and TCP.
    Nats,
    /// coturn: TURN over UDP without encryption; the sender makes the copies.
    Coturn,
}

impl System {
    /// All, in the order of tables.
    pub const ALL: [Self; 11] = [
        Self::Ours,
        Self::OursAgain,
        Self::Other,
        Self::Stock,
        Self::StockTuned,
        Self::Floor,
        Self::Floor10,
        Self::MoqRelay,
        Self::IrohRelay,
        Self::Nats,
        Self::Coturn,
    ];

    /// Its name in arguments and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursAgain => "ours-again",
            Self::Other => "other",
            Self::Stock => "stock",
            Self::StockTuned => "stock-tuned",
            Self::Floor => "floor",
            Self::Floor10 => "floor-10",
            Self::MoqRelay => "moq-relay",
            Self::IrohRelay => "iroh-relay",
            Self::Nats => "nats-server",
            Self::Coturn => "coturn",
        }
    }

    /// What to know beside its figures.
    #[must_use]
    pub const fn note(self) -> &'static str {
        match self {
            Self::Ours | Self::OursAgain | Self::Other => {
                "tokens, budgets, counters, directed input; QUIC, AES-128-GCM"
            }
            Self::Stock => {
                "no auth, no budgets; QUIC, AES-128-GCM; a stream per frame; quinn's default settings"
            }
            Self::StockTuned => "no auth, no budgets; QUIC, AES-128-GCM; a stream per frame; our settings",
            Self::Floor => {
                "no streams, no retransmission, no congestion control; UDP, AES-128-GCM, 44 packets a batch"
            }
            Self::Floor10 => "as floor, 10 packets a batch",
            Self::MoqRelay => "no auth here; QUIC, AES-GCM",
            Self::IrohRelay => "no fan-out: the sender makes the copies; TLS over TCP",
            Self::Nats => "no auth here; TLS over TCP",
            Self::Coturn => "no encryption, no fan-out: the sender makes the copies; UDP",
        }
    }

    /// Whether a load can go through it: some need what only this project's relay has.
    #[must_use]
    pub fn carries(self, load: Load) -> bool {
        match self {
            Self::Ours | Self::OursAgain | Self::Other => true,
            // What is lost there stays lost, so a load must wait for what is on its way.
            Self::Floor | Self::Floor10 => load == Load::Fanout,
            _ => !load.is_amid_others(),
        }
    }

    /// Whether it is a program that others made.
    #[must_use]
    pub const fn is_peer(self) -> bool {
        matches!(self, Self::MoqRelay | Self::IrohRelay | Self::Nats | Self::Coturn)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No system has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no system of this name; known are {}", System::ALL.map(System::name).join(", "))]
pub struct UnknownSystem;

impl FromStr for System {
    type Err = UnknownSystem;

    fn from_str(name: &str) -> Result<Self, UnknownSystem> {
        Self::ALL.into_iter().find(|system| system.name() == name).ok_or(UnknownSystem)
    }
}
