//! The X screen source against the X server in `DISPLAY` and an xterm: run with `--features x11`.
#![cfg(feature = "x11")]
#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::{
    process::{Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use isi_cli::screen::{
    FrameDecoder, FrameEncoder, Framebuffer, ScreenSource, SourceError, X11Source, keysym_of_char, watch_key,
};
use isi_client::payload::InputEvent;

/// Patience with programs that start; no test asserts how long anything takes.
const PATIENCE: Duration = Duration::from_secs(30);
const IN_THE_XTERM: (u16, u16) = (200, 150);
/// Latin letters with and without Shift, one that most keyboards lack, and one that all do.
const TYPED: &str = "Hello, X: é 日!";

/// The tests share one screen, one pointer and one keyboard.
fn the_screen() -> MutexGuard<'static, ()> {
    static SCREEN: Mutex<()> = Mutex::new(());
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An xterm at the upper left corner that ends when its command does.
fn xterm(command: &str) -> Child {
    Command::new("xterm")
        .args(["-u8", "-geometry", "80x24+0+0", "-bg", "#203040", "-fg", "white", "-e", "sh", "-c", command])
        .env("LC_ALL", "C.UTF-8")
        .spawn()
        .expect("xterm starts")
}

/// Captures until the picture is as wanted.
fn capture_until(source: &mut X11Source, wanted: impl Fn(&Framebuffer) -> bool) -> Framebuffer {
    let begun = Instant::now();
    loop {
        let picture = source.capture().expect("the screen can be captured");
        if wanted(picture) {
            return picture.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "the screen never came to look as wanted");
    }
}

#[test]
fn types_into_an_xterm_and_sees_it() {
    let _alone = the_screen();
    let file = std::env::temp_dir().join(format!("isi-x11-source-{}", std::process::id()));
    let mut source = X11Source::connect(None).expect("an X server answers at DISPLAY");
    let mut child = xterm(&format!("IFS= read -r line; printf %s \"$line\" > {}", file.display()));
    let before = capture_until(&mut source, |picture| picture.pixel(300, 200) == Some(0x0020_3040));
    let (x, y) = IN_THE_XTERM;
    source.inject(&InputEvent::PointerMove { x, y }).expect("the pointer moves");
    for character in TYPED.chars() {
        for pressed in [true, false] {
            source
                .inject(&InputEvent::Key { keysym: keysym_of_char(character), pressed })
                .expect("a key types it");
        }
    }
    let first_line = |picture: &Framebuffer| picture.pixels()[..usize::from(picture.width()) * 18].to_vec();
    capture_until(&mut source, |picture| first_line(picture) != first_line(&before));
    for pressed in [true, false] {
        source.inject(&InputEvent::Key { keysym: 0xff0d, pressed }).expect("Return is there");
    }
    assert!(child.wait().expect("the xterm ends").success());
    assert_eq!(std::fs::read_to_string(&file).expect("the command wrote the file"), TYPED);
    std::fs::remove_file(file).expect("the file can be removed");
}

#[test]
fn follows_damage_without_losing_any() {
    let _alone = the_screen();
    let mut source = X11Source::connect(None).expect("an X server answers at DISPLAY");
    let (mut encoder, mut decoder) = (FrameEncoder::new(source.size()), FrameDecoder::new());
    let mut child = xterm("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
    while child.try_wait().expect("the xterm can be waited for").is_none() {
        let frame = encoder.encode(source.capture().expect("the screen can be captured"), false);
        decoder.decode(frame.keyframe, &frame.data).expect("our own frame decodes");
    }
    capture_until(&mut source, |picture| picture.damage().is_some_and(<[_]>::is_empty));
    let frame = encoder.encode(source.capture().expect("the screen can be captured"), false);
    let followed = decoder.decode(frame.keyframe, &frame.data).expect("our own frame decodes").clone();
    let mut anew = X11Source::connect(None).expect("an X server answers at DISPLAY");
    let whole = anew.capture().expect("the screen can be captured");
    assert!(whole.pixels() == followed.pixels(), "the picture put together from damage is not the screen's");
}

#[test]
fn no_display_is_said_so() {
    let refused = X11Source::connect(Some(":4093")).err().expect("nothing answers there");
    assert!(matches!(refused, SourceError::NoDisplay { .. }), "{refused}");
    assert!(refused.to_string().contains("--source desktop"), "{refused}");
}

#[test]
fn the_panic_key_is_told_whoever_has_the_keyboard() {
    const PAUSE: u32 = 0xff13;
    const CAPS_LOCK: u32 = 0xffe5;
    let _alone = the_screen();
    let mut source = X11Source::connect(None).expect("an X server answers at DISPLAY");
    let (sender, pressed) = std::sync::mpsc::channel();
    let told = move || {
        let _ = sender.send(());
    };
    watch_key(PAUSE, told).expect("nobody else has the key");
    let mut press = |keysym: u32| {
        for pressed in [true, false] {
            source.inject(&InputEvent::Key { keysym, pressed }).expect("a key is pressed");
        }
    };
    press(PAUSE);
    pressed.recv_timeout(PATIENCE).expect("the key is told");
    // Caps Lock stands in nobody's way.
    press(CAPS_LOCK);
    press(PAUSE);
    pressed.recv_timeout(PATIENCE).expect("the key is told with Caps Lock");
    press(CAPS_LOCK);
    assert!(watch_key(PAUSE, || ()).is_err(), "a key is one program's");
    assert!(pressed.try_recv().is_err(), "once for each press");
}
