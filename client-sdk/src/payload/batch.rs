use super::{InputMessage, PayloadError};
use std::collections::VecDeque;

/// Most events in one object of an input track; an object that has more is refused.
pub const INPUT_BATCH_EVENTS_MAX: usize = 32;

/// Appends one event to the plaintext of an input object: `length u8`, then the message.
pub fn put_input(plaintext: &mut Vec<u8>, message: &InputMessage) {
    let bytes = message.encode();
    // At most 64 bytes of text and some fixed fields: the length fits.
    plaintext.push(bytes.len() as u8);
    plaintext.extend_from_slice(&bytes);
}

/// The events of an input object, in order; none when it only keeps the rate.
///
/// # Errors
/// Any [`PayloadError`]: the driver is at fault, drop the object.
pub fn input_batch(plaintext: &[u8]) -> Result<VecDeque<InputMessage>, PayloadError> {
    let (mut rest, mut messages) = (plaintext, VecDeque::new());
    while let Some((length, tail)) = rest.split_first() {
        let (message, tail) = tail.split_at_checked(usize::from(*length)).ok_or(PayloadError::Truncated)?;
        if messages.len() == INPUT_BATCH_EVENTS_MAX {
            return Err(PayloadError::TooLong {
                field: "input batch",
                bytes: plaintext.len(),
                bytes_max: plaintext.len() - rest.len(),
            });
        }
        messages.push_back(InputMessage::decode(message)?);
        rest = tail;
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::InputEvent;

    fn plaintext(events: u64) -> Vec<u8> {
        let mut plaintext = Vec::new();
        for sequence in 0..events {
            let event = InputEvent::Key { keysym: 0x61, pressed: sequence % 2 == 0 };
            put_input(&mut plaintext, &InputMessage { sequence, at_us: 7, tick: 1, event });
        }
        plaintext
    }

    #[test]
    fn any_number_of_events_comes_back_in_order_up_to_the_bound() {
        for events in [0, 1, 2, 32] {
            let sequences: Vec<_> =
                input_batch(&plaintext(events)).unwrap().iter().map(|message| message.sequence).collect();
            assert!(sequences.into_iter().eq(0..events));
        }
        assert!(matches!(input_batch(&plaintext(33)), Err(PayloadError::TooLong { .. })));
    }

    #[test]
    fn cut_batches_are_refused() {
        let whole = plaintext(3);
        let each = whole.len() / 3;
        for cut in (0..whole.len()).filter(|cut| cut % each != 0) {
            assert_eq!(input_batch(&whole[..cut]), Err(PayloadError::Truncated), "{cut}");
        }
        assert_eq!(input_batch(&[0]), Err(PayloadError::Truncated));
    }
}
