use isi_wire::{get_varint, put_varint};

/// Appends a field of a bound or signed structure: its length as a varint, then its bytes. Every field has
/// its length, so two different structures never have the same bytes.
pub(crate) fn put_field(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes a field of exactly `N` bytes off the front; `None` if it is another length or does not end.
pub(crate) fn take_field<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    take_bytes(input, N)?.try_into().ok()
}

/// Takes a field of at most `max` bytes off the front.
pub(crate) fn take_bytes<'a>(input: &mut &'a [u8], max: usize) -> Option<&'a [u8]> {
    let len = usize::try_from(get_varint(input).ok()?).ok().filter(|len| *len <= max)?;
    let (field, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(field)
}
