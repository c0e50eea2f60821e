//! Lossless in every frame, small where little changes, and no input makes the decoder panic.

use isi_client::payload::InputEvent;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::{
    DecodeError, FrameDecoder, FrameEncoder, HEADER_BYTES, MAX_TRAILER_BYTES, Trailer,
    encode::HEAL_PERIOD_FRAMES,
};
use crate::screen::{DesktopSource, Framebuffer, Rect, ScreenSource as _, keysym_of_char};

const SEED: u64 = 0x15_15;
const HOSTILE_INPUTS: usize = 10_000;
/// What a frame of a desktop that somebody uses may take.
const DELTA_BYTES: usize = 20 * 1024;

/// A picture with smooth, flat, striped and noisy parts, whose size is no multiple of a tile's.
fn colourful(rng: &mut ChaCha8Rng, (width, height): (u16, u16)) -> Framebuffer {
    let mut picture = Framebuffer::new(width, height);
    let columns = usize::from(width);
    for (at, pixel) in picture.pixels_mut().iter_mut().enumerate() {
        let (x, y) = ((at % columns) as u32, (at / columns) as u32);
        *pixel = match (x / 40 % 2, y / 40 % 2) {
            (0, 0) => rng.next_u32() & 0x00ff_ffff,
            (1, 0) => ((x * 3 % 256) << 16) | ((y * 2 % 256) << 8) | ((x + y) % 256),
            (0, _) => 0x0011_2233 * (rng.next_u32() % 5),
            _ => 0x00ab_cdef,
        };
    }
    picture
}

fn scroll_up(picture: &mut Framebuffer, rows: usize) {
    let shift = rows * usize::from(picture.width());
    picture.begin_capture();
    picture.pixels_mut().copy_within(shift.., 0);
    picture.damage_everything();
}

/// A keyframe and the delta after it, small enough to mutate often; it has every kind of operation.
fn two_frames() -> [super::EncodedFrame; 2] {
    let mut picture = colourful(&mut ChaCha8Rng::seed_from_u64(SEED), (40, 110));
    let mut encoder = FrameEncoder::new(picture.size());
    let key = encoder.encode_with(&picture, false, Trailer::new(b"trailer").expect("short"));
    scroll_up(&mut picture, 20);
    picture.pixels_mut()[..200].fill(0x0012_3456);
    [key, encoder.encode(&picture, false)]
}

#[test]
fn every_frame_of_the_desktop_comes_out_as_it_went_in() {
    let mut desktop = DesktopSource::new();
    let (mut encoder, mut decoder) = (FrameEncoder::new(desktop.size()), FrameDecoder::new());
    for (number, character) in (0_u16..).zip("hello\nscreen\n".chars().cycle().take(24)) {
        for pressed in [true, false] {
            desktop
                .inject(&InputEvent::Key { keysym: keysym_of_char(character), pressed })
                .expect("it takes keys");
        }
        desktop.inject(&InputEvent::PointerMove { x: 40 * number, y: 25 * number }).expect("it takes moves");
        let picture = desktop.capture().expect("it has no way to fail");
        let frame = encoder.encode(picture, number == 12);
        assert_eq!(frame.keyframe, number % 12 == 0);
        assert!(frame.keyframe || frame.data.len() < DELTA_BYTES, "delta of {} bytes", frame.data.len());
        let seen = decoder.decode(frame.keyframe, &frame.data).expect("our own frame decodes");
        assert!(seen.pixels() == picture.pixels(), "frame {number} differs");
    }
}

#[test]
fn all_kinds_of_tiles_and_sizes_are_lossless() {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut decoder = FrameDecoder::new();
    let mut encoder = FrameEncoder::new((1, 1));
    for size in [(1, 1), (31, 33), (32, 32), (257, 129), (1, 300), (300, 1), (128, 128)] {
        let mut picture = colourful(&mut rng, size);
        for _ in 0..3 {
            let frame = encoder.encode(&picture, false);
            let seen = decoder.decode(frame.keyframe, &frame.data).expect("our own frame decodes");
            assert!(seen.pixels() == picture.pixels(), "{size:?} differs");
            let at = usize::try_from(rng.next_u32()).expect("fits") % picture.pixels().len();
            picture.begin_capture();
            picture.damage_everything();
            picture.pixels_mut()[at] ^= 0x0000_0101;
        }
    }
}

#[test]
fn a_still_screen_costs_next_to_nothing() {
    let mut desktop = DesktopSource::new();
    let mut encoder = FrameEncoder::new(desktop.size());
    let picture = desktop.capture().expect("it has no way to fail");
    let _ = encoder.encode(picture, false);
    let frame = encoder.encode(picture, false);
    assert_eq!((frame.keyframe, frame.changed_tiles), (false, 0));
    assert!(frame.data.len() < 32, "{} bytes", frame.data.len());
}

#[test]
fn scrolling_is_sent_as_copies() {
    let mut picture = colourful(&mut ChaCha8Rng::seed_from_u64(SEED), (256, 512));
    let (mut encoder, mut decoder) = (FrameEncoder::new(picture.size()), FrameDecoder::new());
    let key = encoder.encode(&picture, false);
    decoder.decode(true, &key.data).expect("our own frame decodes");
    scroll_up(&mut picture, 18);
    picture.row_mut(70, 200, 3).fill(0x00ff_00ff); // scrolled, and changed too
    let delta = encoder.encode(&picture, false);
    assert!(delta.data.len() * 4 < key.data.len(), "{} of {} bytes", delta.data.len(), key.data.len());
    assert!(decoder.decode(false, &delta.data).expect("our own frame decodes").pixels() == picture.pixels());
}

#[test]
fn a_missed_frame_is_noticed_and_a_keyframe_mends_it() {
    let mut desktop = DesktopSource::new();
    let (mut encoder, mut decoder) = (FrameEncoder::new(desktop.size()), FrameDecoder::new());
    let mut next = |force| encoder.encode(desktop.capture().expect("it has no way to fail"), force);
    let (first, _missed, third, keyframe) = (next(false), next(false), next(false), next(true));
    assert_eq!(decoder.decode(false, &third.data).err(), Some(DecodeError::NoKeyframeYet));
    decoder.decode(true, &first.data).expect("a keyframe decodes");
    let refused = decoder.decode(false, &third.data).expect_err("one is missing");
    assert_eq!(refused, DecodeError::MissedFrame { had: 1, got: 3 });
    assert!(refused.needs_keyframe());
    decoder.decode(true, &keyframe.data).expect("a keyframe decodes at any time");
    assert_eq!(decoder.decode(false, &third.data).err(), Some(DecodeError::MissedFrame { had: 4, got: 3 }));
}

#[test]
fn the_trailer_stands_in_the_frame_as_it_is() {
    let picture = Framebuffer::new(64, 64);
    let canary: Vec<u8> = (0..16).map(|byte| byte * 13 + 7).collect();
    let trailer = Trailer::new(&canary).expect("short enough");
    let frame = FrameEncoder::new((64, 64)).encode_with(&picture, false, trailer);
    assert!(frame.data.windows(16).any(|window| window == canary));
    let mut decoder = FrameDecoder::new();
    decoder.decode(true, &frame.data).expect("our own frame decodes");
    assert_eq!(decoder.trailer(), canary);
    assert!(Trailer::new(&[0; MAX_TRAILER_BYTES]).is_ok());
    assert!(Trailer::new(&[0; MAX_TRAILER_BYTES + 1]).is_err());
}

#[test]
fn changes_that_the_damage_left_out_show_within_sixteen_frames() {
    let mut picture = Framebuffer::new(64, 640);
    let (mut encoder, mut decoder) = (FrameEncoder::new(picture.size()), FrameDecoder::new());
    decoder.decode(true, &encoder.encode(&picture, false).data).expect("our own frame decodes");
    for y in [0, 100, 639] {
        picture.row_mut(5, y, 3).fill(0x00ff_00ff);
    }
    for _ in 0..HEAL_PERIOD_FRAMES {
        picture.begin_capture();
        decoder.decode(false, &encoder.encode(&picture, false).data).expect("our own frame decodes");
    }
    assert!(decoder.picture().expect("decoded").pixels() == picture.pixels());
}

#[test]
fn a_capture_that_was_not_encoded_loses_nothing() {
    let mut picture = Framebuffer::new(320, 320);
    let (mut encoder, mut decoder) = (FrameEncoder::new(picture.size()), FrameDecoder::new());
    decoder.decode(true, &encoder.encode(&picture, false).data).expect("our own frame decodes");
    for x in [10, 200] {
        picture.begin_capture();
        picture.row_mut(x, 170, 3).fill(0x00ff_00ff);
        picture.add_damage(Rect::new(x, 170, 3, 1));
    }
    decoder.decode(false, &encoder.encode(&picture, false).data).expect("our own frame decodes");
    assert!(decoder.picture().expect("decoded").pixels() == picture.pixels());
}

#[test]
fn hostile_frames_are_refused_and_leave_the_picture() {
    println!("seed {SEED}");
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let [key, delta] = two_frames();
    let mut decoder = FrameDecoder::new();
    decoder.decode(true, &key.data).expect("our own frame decodes");
    let before = decoder.picture().expect("decoded").pixels().to_vec();
    for round in 0..HOSTILE_INPUTS {
        let (keyframe, data) = hostile(&mut rng, round, &key.data, &delta.data);
        if decoder.decode(keyframe, &data).is_ok() {
            decoder.decode(true, &key.data).expect("our own frame decodes");
        }
        assert!(decoder.picture().expect("decoded").pixels() == before, "round {round} changed the picture");
    }
}

/// Random bytes, or one of two frames with some bits changed (also below the compression), cut off or prolonged.
fn hostile(rng: &mut ChaCha8Rng, round: usize, key: &[u8], delta: &[u8]) -> (bool, Vec<u8>) {
    let mut below = |limit: usize| usize::try_from(rng.next_u64() % limit as u64).expect("fits");
    let keyframe = below(2) == 0;
    let mut data = if keyframe { key.to_vec() } else { delta.to_vec() };
    match round % 5 {
        0 => data = (0..below(300)).map(|_| below(256) as u8).collect(),
        1 => data.truncate(below(data.len())),
        2 => data.extend((0..=below(4)).map(|_| below(256) as u8)),
        3 => (0..=below(3)).for_each(|_| flip(&mut data, &mut below)),
        _ => {
            let (head, mut section, colours) = taken_apart(&data);
            (0..=below(3)).for_each(|_| flip(&mut section, &mut below));
            data = put_together(head, &section, colours);
        }
    }
    (keyframe, data)
}

/// Changes one bit, one of the first often: they matter most.
fn flip(data: &mut [u8], below: &mut impl FnMut(usize) -> usize) {
    let reach = if below(2) == 0 { data.len() } else { data.len().min(HEADER_BYTES + 30) };
    data[below(reach)] ^= 1 << below(8);
}

/// Header with trailer, tile section before compression, colour section.
fn taken_apart(data: &[u8]) -> (&[u8], Vec<u8>, &[u8]) {
    let (head, rest) = data.split_at(HEADER_BYTES + usize::from(data[HEADER_BYTES - 1]));
    let length = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four bytes")) as usize;
    let (packed, colours) = rest[8..].split_at(length(4));
    (head, lz4_flex::block::decompress(packed, length(0)).expect("our own section"), colours)
}

fn put_together(head: &[u8], section: &[u8], colours: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(section);
    let lengths = [(section.len() as u32).to_be_bytes(), (packed.len() as u32).to_be_bytes()].concat();
    [head, &lengths, &packed, colours].concat()
}

/// A keyframe around a tile section and a colour section.
fn forged(keyframe: bool, size: (u16, u16), section: &[u8], colours: &[u8]) -> Vec<u8> {
    let mut head = vec![1, u8::from(keyframe), 0, 0, 0, 2];
    head.extend([size.0.to_be_bytes(), size.1.to_be_bytes()].concat());
    head.push(0);
    put_together(&head, section, colours)
}

#[test]
fn each_lie_has_its_error() {
    let decode = |keyframe, size, section: &[u8], colours: &[u8]| {
        let mut decoder = FrameDecoder::new();
        decoder
            .decode(true, &FrameEncoder::new((64, 32)).encode(&Framebuffer::new(64, 32), false).data)
            .expect("black");
        decoder.decode(keyframe, &forged(keyframe, size, section, colours)).err()
    };
    let solid = [1, 9, 9, 9];
    let two = [solid, solid].concat();
    assert_eq!(decode(true, (64, 32), &two, &[]), None);
    assert_eq!(decode(true, (64, 32), &solid, &[]), Some(DecodeError::Coverage));
    assert_eq!(decode(true, (32, 32), &two, &[]), Some(DecodeError::Coverage));
    assert_eq!(decode(true, (64, 32), &[0, 0, 1], &[]), Some(DecodeError::Operation(0)));
    assert_eq!(decode(false, (64, 32), &[0, 0, 1], &[]), None);
    assert_eq!(decode(false, (64, 32), &[0, 0, 2], &[]), Some(DecodeError::Coverage));
    assert_eq!(decode(false, (32, 32), &[0, 0, 0], &[]), Some(DecodeError::Size { width: 32, height: 32 }));
    assert_eq!(decode(false, (64, 32), &[4, 0, 33, 0, 0, 0, 0, 0], &[]), Some(DecodeError::CopySource));
    assert_eq!(decode(false, (64, 32), &[4, 0xff, 0xff, 0, 0, 0, 0, 0], &[]), Some(DecodeError::CopySource));
    assert_eq!(decode(true, (64, 32), &two[..7], &[]), Some(DecodeError::Truncated));
    assert_eq!(decode(true, (64, 32), &[9], &[]), Some(DecodeError::Operation(9)));
    assert_eq!(decode(true, (64, 32), &[&solid[..], &[3]].concat(), &[]), Some(DecodeError::SectionLength));
    assert_eq!(decode(true, (64, 32), &two, &[1]), Some(DecodeError::Trailing));
    let three_colours = [&solid[..], &[2, 2], &[7; 9], &[0xff; 32 * 8]].concat();
    assert_eq!(decode(true, (64, 32), &three_colours, &[]), Some(DecodeError::PaletteIndex));
    for size in [(0, 32), (8193, 1), (8192, 8192)] {
        assert_eq!(decode(true, size, &two, &[]), Some(DecodeError::Size { width: size.0, height: size.1 }));
    }
}

#[test]
fn a_length_that_cannot_be_is_refused_before_memory_is_taken() {
    let mut data = forged(true, (4096, 4096), &[1, 2, 3, 4], &[]);
    data[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&60_000_000_u32.to_be_bytes());
    assert_eq!(FrameDecoder::new().decode(true, &data).err(), Some(DecodeError::SectionLength));
    data[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(FrameDecoder::new().decode(true, &data).err(), Some(DecodeError::SectionLength));
}
