use crate::DecodeError;
use crate::codec::{Field, get_u8};
use bytes::Bytes;

macro_rules! byte_enum {
    ($(#[$meta:meta])* $name:ident, $field:literal { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $value),+ }

        impl $name {
            /// Every value, in the order of its numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl TryFrom<u8> for $name {
            type Error = DecodeError;
            fn try_from(value: u8) -> Result<Self, DecodeError> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(DecodeError::InvalidValue { field: $field, value: u64::from(value) }),
                }
            }
        }

        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }
            fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
                Self::try_from(get_u8(input)?)
            }
        }
    };
}
pub(crate) use byte_enum;

byte_enum! {
    /// How the relay delivers a track. It sees the class, never the content.
    DeliveryClass, "delivery class" {
        /// Keyboard and clicks: reliable, ordered, one receiver, above everything.
        Input = 1,
        /// Pointer moves and audio: datagrams, newest wins.
        Live = 2,
        /// Messages and MLS handshakes: sequenced by the relay.
        Log = 3,
        /// Screen and video: groups in order; of those not begun in time only the newest.
        Media = 4,
        /// Documents: reliable, lowest priority.
        Bulk = 5,
    }
}

byte_enum! {
    /// What a track carries. The relay uses it to check grants; receivers check it against the object.
    TrackKind, "track kind" {
        /// Frames of a shared screen or desk.
        Screen = 1,
        /// Keyboard and mouse events.
        Input = 2,
        /// Text messages and session signalling between members.
        Message = 3,
        /// Audio frames.
        Audio = 4,
        /// Camera frames.
        Video = 5,
        /// Files, voicemail with transcript, fax pages, e-mail.
        Document = 6,
        /// Pointer positions of viewers.
        Pointer = 7,
    }
}

impl TrackKind {
    /// The kind's name in tokens and in `--json` output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Input => "input",
            Self::Message => "message",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Pointer => "pointer",
        }
    }

    /// The kind with this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}
