use crate::{EgressId, IngressId};
use bytes::Bytes;
use isi_wire::{CloseCode, DeliveryClass, RelayMessage, ResetCode};
use std::fmt;

/// How much the connection takes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteRoom {
    /// Bytes of media it may still buffer; 0 holds the class back, everything else flows.
    pub media_bytes: usize,
    /// The same of bulk, so that a stalled document holds no picture back. Bulk goes on while media has no room: if
    /// that is because the connection is full, give bulk none either.
    pub bulk_bytes: usize,
    /// Whether a datagram fits.
    pub datagram: bool,
}

impl WriteRoom {
    /// No bound.
    pub const ALL: Self = Self { media_bytes: usize::MAX, bulk_bytes: usize::MAX, datagram: true };
    /// Only what goes before media.
    pub const URGENT: Self = Self { media_bytes: 0, bulk_bytes: 0, datagram: false };
}

/// What to do next for one participant. Carry it out before asking for the next.
#[must_use]
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Write it to the control stream.
    Control(RelayMessage),
    /// Write these bytes to the log stream: a frame, already encoded, or a Welcome's head and then its payload.
    Log(Bytes),
    /// The next step of one unidirectional stream. Its bytes are in the `chunks` given to
    /// [`next_write`](crate::Session::next_write), shared with all receivers.
    Stream {
        /// Which stream.
        egress: EgressId,
        /// For its priority.
        class: DeliveryClass,
        /// The stream is new: the first chunk is stream type and group header, as the publisher sent them.
        opens: bool,
        /// Payload in `chunks`, without the header. Media and bulk: at most what [`WriteRoom`] allows. May be 0.
        bytes: usize,
        /// Finish the stream behind them. Last word about it.
        finishes: bool,
    },
    /// Reset a stream, whatever of it is still buffered. Last word about it.
    Reset {
        /// Which stream.
        egress: EgressId,
        /// With what.
        code: ResetCode,
    },
    /// Send it.
    Datagram(Bytes),
    /// Stop reading one of this participant's own groups (STOP_SENDING). Last word about it.
    StopIngress {
        /// Which.
        ingress: IngressId,
        /// With what.
        code: ResetCode,
    },
    /// Close the connection and call [`leave`](crate::Session::leave). Last word to this participant.
    Close(CloseCode),
}

// Lengths, never bytes: a payload has no place in a log.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(message) => write!(f, "Control({message:?})"),
            Self::Log(frame) => write!(f, "Log({} bytes)", frame.len()),
            Self::Stream { egress, class, opens, bytes, finishes } => {
                let (opens, finishes) =
                    (if *opens { "open, " } else { "" }, if *finishes { ", finish" } else { "" });
                write!(f, "Stream({egress:?}, {class:?}, {opens}{bytes} bytes{finishes})")
            }
            Self::Reset { egress, code } => write!(f, "Reset({egress:?}, {code:?})"),
            Self::Datagram(datagram) => write!(f, "Datagram({} bytes)", datagram.len()),
            Self::StopIngress { ingress, code } => write!(f, "StopIngress({ingress:?}, {code:?})"),
            Self::Close(code) => write!(f, "Close({code:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_payload() {
        let shown = format!("{:?} {:?}", Write::Datagram("sec".into()), Write::Log("ret".into()));
        assert_eq!(shown, "Datagram(3 bytes) Log(3 bytes)");
    }
}
