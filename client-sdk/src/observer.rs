use bytes::Bytes;
use isi_wire::{ObjectHeader, TrackKind};
use std::fmt;
use std::sync::Arc;

/// Sees every sealed object that this client opens: the very bytes that the relay could read, beside what they opened to.
///
/// For measurements, and for proofs that sealed objects give nothing away. It is called where objects are opened, so it
/// must be quick; what it does with plaintexts is the app's responsibility.
#[derive(Clone)]
pub struct ObjectObserver(Arc<dyn Fn(&ObservedObject<'_>) + Send + Sync>);

/// One object before and after it was opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct ObservedObject<'a> {
    /// What kind of track it belongs to.
    pub kind: TrackKind,
    /// Whether it was for this member alone.
    pub private: bool,
    /// As it arrived.
    pub sealed: &'a [u8],
    /// What its sender sealed.
    pub opened: &'a [u8],
}

impl ObjectObserver {
    /// An observer that calls `see` for each object.
    #[must_use]
    pub fn new(see: impl Fn(&ObservedObject<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    pub(crate) fn see(&self, sealed: &Bytes, opened: &[u8]) {
        if let Ok(header) = ObjectHeader::decode(&mut sealed.clone()) {
            (self.0)(&ObservedObject { kind: header.kind, private: header.private, sealed, opened });
        }
    }
}

impl fmt::Debug for ObjectObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectObserver").finish_non_exhaustive()
    }
}
