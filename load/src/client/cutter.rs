use crate::stamp::STAMP_BYTES;
use bytes::Bytes;
use isi_wire::{DecodeError, GroupHeader, StreamType, get_varint};

/// Longest of what stands between objects, stream type and header first.
const HEAD_BYTES_MAX: usize = 8 + GroupHeader::BYTES_MAX;

/// Cuts objects out of a group's stream without copying them: of each only its stamp is kept.
#[derive(Debug)]
pub struct Cutter {
    at: At,
    /// What of a head has come so far, when it did not come in one piece.
    head: [u8; HEAD_BYTES_MAX],
    head_bytes: usize,
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
#[error("the relay delivered something that is no group of objects; use programs of the same version")]
pub struct NotAGroup;

impl Default for Cutter {
    fn default() -> Self {
        Self { at: At::Header, head: [0; HEAD_BYTES_MAX], head_bytes: 0, stamp: [0; STAMP_BYTES] }
    }
}

impl Cutter {
    /// Takes what the stream delivered, and tells of each object that is whole: its first bytes and its length. An object
    /// shorter than a stamp has the rest of the one before it.
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
        *self.head.get_mut(self.head_bytes).ok_or(NotAGroup)? = *first;
        self.head_bytes += 1;
        let head = self.head.get(..self.head_bytes).ok_or(NotAGroup)?;
        let next = match self.at {
            At::Header => read_header(head),
            At::Length | At::Object { .. } => read_length(head),
        };
        match next {
            Ok(next) => (self.at, self.head_bytes) = (next, 0),
            Err(DecodeError::Truncated) => {}
            Err(_) => return Err(NotAGroup),
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
            missing.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
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

fn read_header(head: &[u8]) -> Result<At, DecodeError> {
    let mut head = Bytes::copy_from_slice(head);
    match StreamType::decode(&mut head)? {
        StreamType::Group => GroupHeader::decode(&mut head).map(|_| At::Length),
        StreamType::Log => Err(DecodeError::UnknownType { what: "stream", value: 0 }),
    }
}

fn read_length(mut head: &[u8]) -> Result<At, DecodeError> {
    let bytes = get_varint(&mut head)?;
    Ok(At::Object { bytes: usize::try_from(bytes).unwrap_or(usize::MAX), taken: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_wire::{DeliveryClass, TrackAlias, write_object_length};

    fn group(objects: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header =
            GroupHeader { alias: TrackAlias(900), group: 70_000, class: DeliveryClass::Media, offset: 0 };
        header.encode(&mut bytes);
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
    fn an_object_that_is_cut_off_is_none() {
        let stream = group(&[&[1; 100]]);
        let mut seen = 0;
        Cutter::default().push(&stream[..stream.len() - 1], |_, _| seen += 1).unwrap();
        assert_eq!(seen, 0);
    }

    #[test]
    fn other_bytes_are_refused() {
        for nonsense in
            [&[1_u8, 2, 3][..], &[0xff; 100], &[2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(Cutter::default().push(nonsense, |_, _| {}), Err(NotAGroup), "{nonsense:?}");
        }
    }
}
