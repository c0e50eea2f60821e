/// Why bytes of a peer were refused. Always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("message ends too early")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("{0} bytes are left after the last field")]
    TrailingBytes(usize),
    /// A varint uses more bytes than its value needs (RFC 9000 section 16 allows it, `isi/1` does not).
    #[error("a varint is not in its shortest form")]
    NonMinimalVarint,
    /// A length is above its bound.
    #[error("{field} is {value}, above its bound of {max}")]
    TooLarge {
        /// The field's name in SPEC.md.
        field: &'static str,
        /// What the peer claimed.
        value: u64,
        /// The bound, in the unit SPEC.md gives.
        max: u64,
    },
    /// A message, stream or entry type this version does not know.
    #[error("unknown {what} type {value:#x}")]
    UnknownType {
        /// Which registry of SPEC.md.
        what: &'static str,
        /// The unknown value.
        value: u64,
    },
    /// A field holds a value its type does not have.
    #[error("{field} holds the unknown value {value:#x}")]
    InvalidValue {
        /// The field's name in SPEC.md.
        field: &'static str,
        /// The refused value.
        value: u64,
    },
}
