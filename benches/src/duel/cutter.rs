//! Objects on the stream of a group, found without keeping them.

use bytes::Bytes;
use isi_load::stamp::STAMP_BYTES;
use isi_wire::{GroupHeader, StreamType, get_varint};

/// Counts objects on a stream as they become whole, and keeps of each only its first bytes, where its stamp is.
#[derive(Debug)]
pub struct Cutter {
    at: At,
    /// A head that did not come in one piece.
    held: Vec<u8>,
    stamp: [u8; STAMP_BYTES],
}

#[derive(Clone, Copy, Debug)]
enum At {
    Header,
    Length,
    Object { bytes: usize, taken: usize },
}

/// The bytes are no group of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relay delivered something that is no group of objects; are relay and kit of one version?")]
pub struct NotAGroup;

impl Default for Cutter {
    fn default() -> Self {
        Self { at: At::Header, held: Vec::new(), stamp: [0; STAMP_BYTES] }
    }
}

impl Cutter {
    /// Takes what the stream delivered, and tells of each object that is whole: its first bytes and its length.
    ///
    /// # Errors
    /// [`NotAGroup`]: the stream cannot be read on.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut whole: impl FnMut(&[u8; STAMP_BYTES], usize),
    ) -> Result<(), NotAGroup> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.at {
                At::Header | At::Length => self.take_head(rest)?,
                At::Object { bytes, taken } => self.take_object(rest, bytes, taken, &mut whole),
            };
        }
        Ok(())
    }

    /// Heads are a few bytes: they are taken one at a time until they can be read.
    fn take_head<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], NotAGroup> {
        let (first, rest) = rest.split_first().ok_or(NotAGroup)?;
        self.held.push(*first);
        if self.held.len() > 1 + GroupHeader::BYTES_MAX {
            return Err(NotAGroup);
        }
        let mut held = Bytes::copy_from_slice(&self.held);
        match self.at {
            At::Header => {
                let is_group = StreamType::decode(&mut held).is_ok_and(|kind| kind == StreamType::Group);
                if is_group && GroupHeader::decode(&mut held).is_ok() {
                    self.at = At::Length;
                    self.held.clear();
                }
            }
            At::Length | At::Object { .. } => {
                if let Ok(length) = get_varint(&mut held) {
                    let bytes = usize::try_from(length).map_err(|_| NotAGroup)?;
                    self.at = At::Object { bytes, taken: 0 };
                    self.held.clear();
                }
            }
        }
        Ok(rest)
    }

    fn take_object<'a>(
        &mut self,
        rest: &'a [u8],
        bytes: usize,
        taken: usize,
        whole: &mut impl FnMut(&[u8; STAMP_BYTES], usize),
    ) -> &'a [u8] {
        let (now, rest) = rest.split_at(rest.len().min(bytes - taken));
        if let Some(missing) = self.stamp.get_mut(taken..) {
            for (to, from) in missing.iter_mut().zip(now) {
                *to = *from;
            }
        }
        let taken = taken + now.len();
        self.at = At::Object { bytes, taken };
        if taken == bytes {
            whole(&self.stamp, bytes);
            self.at = At::Length;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_wire::{DeliveryClass, TrackAlias, write_object_length};

    fn group(objects: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        GroupHeader { alias: TrackAlias(900), group: 70_000, class: DeliveryClass::Media, offset: 0 }
            .encode(&mut bytes);
        for object in objects {
            write_object_length(&mut bytes, object.len());
            bytes.extend_from_slice(object);
        }
        bytes
    }

    #[test]
    fn objects_are_found_however_the_stream_is_cut() {
        let objects = [vec![1; 100], vec![2; STAMP_BYTES], vec![3; 20_000]];
        let stream = group(&objects.each_ref().map(Vec::as_slice));
        for piece in [1, 7, 64, stream.len()] {
            let (mut cutter, mut seen) = (Cutter::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                cutter.push(bytes, |stamp, bytes| seen.push((*stamp, bytes))).unwrap();
            }
            let expected =
                [([1; STAMP_BYTES], 100), ([2; STAMP_BYTES], STAMP_BYTES), ([3; STAMP_BYTES], 20_000)];
            assert_eq!(seen, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_group_is_an_error() {
        assert_eq!(Cutter::default().push(&[0xff; 64], |_, _| {}), Err(NotAGroup));
    }
}
