//! Why a frame cannot be decoded.

/// Why a frame is refused. The picture stays as it was before.
///
/// After [`DecodeError::MissedFrame`] and [`DecodeError::NoKeyframeYet`] ask the sender for a keyframe; every other variant is the
/// sender's fault: asking for a keyframe helps once, then leave its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A delta came before any keyframe.
    #[error("a change came before any keyframe; ask for a keyframe")]
    NoKeyframeYet,
    /// A frame between the last one decoded and this one is missing.
    #[error("frame {got} follows frame {had}: one between is missing; ask for a keyframe")]
    MissedFrame {
        /// The last one decoded.
        had: u32,
        /// The one that came.
        got: u32,
    },
    /// A version this decoder does not know.
    #[error("frame format {0} is unknown; update the program")]
    Version(u8),
    /// Flags that this version does not define.
    #[error("frame flags {0:#x} are not defined; the sender is broken")]
    Flags(u8),
    /// The object says keyframe and the frame does not, or the other way round.
    #[error("the frame's keyframe flag differs from its object's; the sender is broken")]
    KeyframeMismatch,
    /// A size outside the format's bounds, or one that changes in a delta.
    #[error("a frame of {width}x{height} pixels is not allowed here; the sender is broken")]
    Size {
        /// Width in pixels.
        width: u16,
        /// Height in pixels.
        height: u16,
    },
    /// More trailer than the format allows.
    #[error("a trailer of {0} bytes is not allowed; the sender is broken")]
    Trailer(u8),
    /// The frame ends too early.
    #[error("the frame is cut off; the sender is broken")]
    Truncated,
    /// A section length that its content cannot have.
    #[error("a section length of the frame is impossible; the sender is broken")]
    SectionLength,
    /// A compressed section is not well-formed, or not of the length it should have.
    #[error("a compressed section of the frame is malformed; the sender is broken")]
    Compression,
    /// An operation that does not exist, or not in a keyframe.
    #[error("tile operation {0} is not allowed here; the sender is broken")]
    Operation(u8),
    /// The operations cover more or fewer tiles than the picture has.
    #[error("the frame's operations do not cover its tiles exactly; the sender is broken")]
    Coverage,
    /// A palette index that the palette has not.
    #[error("a pixel has a colour that its palette lacks; the sender is broken")]
    PaletteIndex,
    /// A copy from outside the picture.
    #[error("a copy reaches outside the picture; the sender is broken")]
    CopySource,
    /// Bytes after the end.
    #[error("there are bytes after the frame's end; the sender is broken")]
    Trailing,
}

impl DecodeError {
    /// Whether a keyframe mends it without anybody being at fault.
    #[must_use]
    pub const fn needs_keyframe(self) -> bool {
        matches!(self, Self::NoKeyframeYet | Self::MissedFrame { .. })
    }
}
