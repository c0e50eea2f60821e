//! Whatever a peer sends: no panic, no allocation by a claimed length, and what decodes encodes to itself.

use crate::samples::{DECODERS, samples};
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const ROUNDS: usize = 10_000;
const SEED: u64 = 0x1515_0001;

fn random_bytes(rng: &mut ChaCha8Rng, max: u32) -> Vec<u8> {
    let mut bytes = vec![0; (rng.next_u32() % (max + 1)) as usize];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.next_u32() % 3 {
        let at = if bytes.is_empty() { 0 } else { rng.next_u32() as usize % bytes.len() };
        match rng.next_u32() % 5 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.next_u32() as u8),
            2 if !bytes.is_empty() => bytes[at] ^= 1 << (rng.next_u32() % 8),
            3 if !bytes.is_empty() => bytes[at] = 0xff,
            _ => {
                let tail = random_bytes(rng, 16);
                bytes.extend(tail);
            }
        }
    }
}

#[test]
fn random_and_mutated_bytes_never_panic_and_decode_canonically() {
    println!("seed {SEED:#x}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let samples = samples();
    for (codec, decoder) in DECODERS {
        let own: Vec<_> = samples.iter().filter(|sample| sample.codec == *codec).collect();
        let mut accepted = 0;
        for round in 0..ROUNDS {
            let mut bytes = own[round % own.len()].bytes.clone();
            if round % 4 == 0 {
                bytes = random_bytes(&mut rng, 64);
            } else {
                mutate(&mut rng, &mut bytes);
            }
            if let Ok(again) = decoder(Bytes::from(bytes.clone())) {
                assert_eq!(again, bytes, "{codec} accepts two encodings of one message (seed {SEED:#x})");
                accepted += 1;
            }
        }
        assert!(accepted > 0, "{codec}: mutations never stay valid, so they test nothing");
    }
}

#[test]
fn every_prefix_of_a_message_is_refused_or_waits() {
    for sample in samples() {
        let (_, decoder) = DECODERS.iter().find(|(name, _)| *name == sample.codec).unwrap();
        for cut in 0..sample.bytes.len() {
            let result = decoder(Bytes::copy_from_slice(&sample.bytes[..cut]));
            let whole_shorter = result.as_ref().is_ok_and(|again| again.len() == cut);
            assert!(result.is_err() || whole_shorter, "{} cut at {cut}", sample.name);
        }
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // A frame that claims 2^62 - 1 bytes is refused at its header, before any of them arrives.
    let mut buffer = isi_wire::FrameBuffer::new(1024);
    buffer.push(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(buffer.next_frame(), Err(isi_wire::DecodeError::TooLarge { .. })));
    let mut objects = isi_wire::ObjectBuffer::default();
    objects.push(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(objects.next_object(), Err(isi_wire::DecodeError::TooLarge { .. })));
}

#[test]
fn frames_and_objects_arrive_in_pieces_of_any_size() {
    for piece in 1..40 {
        for codec in ["client_message", "relay_message", "log_upload", "log_entry"] {
            let stream: Vec<u8> =
                samples().iter().filter(|s| s.codec == codec).flat_map(|s| s.bytes.clone()).collect();
            let mut buffer = isi_wire::FrameBuffer::new(4096);
            let mut again = Vec::new();
            for chunk in stream.chunks(piece) {
                buffer.push(chunk);
                while let Some(frame) = buffer.next_frame().unwrap() {
                    isi_wire::Frame::encode(frame.frame_type, &frame.body, &mut again);
                }
            }
            assert!(buffer.is_empty());
            assert_eq!(again, stream, "{codec} in pieces of {piece}");
        }
    }
}
