use crate::{EgressId, IngressId};
use bytes::Bytes;
use isi_wire::{CloseCode, DeliveryClass, RelayMessage, ResetCode};
use std::fmt;

/// How much the connection takes now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteRoom {
    /// Bytes of media and bulk it may still buffer; 0 holds those classes back, everything else flows.
    pub media_bytes: usize,
    /// Whether a datagram fits.
    pub datagram: bool,
}

impl WriteRoom {
    /// No bound.
    pub const ALL: Self = Self { media_bytes: usize::MAX, datagram: true };
}

/// What to do next for one participant. Carry it out before asking for the next.
#[must_use]
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Write it to the control stream.
    Control(RelayMessage),
    /// Write this frame, already encoded, to the log stream.
    Log(Bytes),
    /// Open a unidirectional stream and write the header.
    Open {
        /// The new stream's name.
        egress: EgressId,
        /// For its priority.
        class: DeliveryClass,
        /// Stream type and group header, as the publisher sent them.
        header: Bytes,
    },
    /// Write to an open stream. Media and bulk: at most [`WriteRoom::media_bytes`] long.
    Chunk {
        /// Which stream.
        egress: EgressId,
        /// For accounting.
        class: DeliveryClass,
        /// The next bytes, shared with all receivers.
        bytes: Bytes,
    },
    /// Finish a stream. Last word about it.
    Finish {
        /// Which stream.
        egress: EgressId,
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
            Self::Open { egress, class, .. } => write!(f, "Open({egress:?}, {class:?})"),
            Self::Chunk { egress, class, bytes } => {
                write!(f, "Chunk({egress:?}, {class:?}, {} bytes)", bytes.len())
            }
            Self::Finish { egress } => write!(f, "Finish({egress:?})"),
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
