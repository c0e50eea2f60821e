//! A real screen: a viewer with the lease types a command into an xterm through the relay. Needs Xvfb and xterm; starts its
//! own X server: `cargo test -p isi-tests --features x11 --test x11`.
#![cfg(feature = "x11")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The xterm's background, which nothing else on the screen has.
const BACKGROUND: [u8; 3] = [0x20, 0x30, 0x40];

/// Ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder of its own, removed at the end of the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(command: &mut Command) -> Running {
    let child = command.spawn();
    Running(
        child
            .unwrap_or_else(|error| panic!("{}: {error}: is it installed?", command.get_program().display())),
    )
}

fn first_line(running: &mut Running) -> String {
    let output = running.0.stdout.take().expect("standard output is piped");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("it says something");
    line.trim().to_owned()
}

/// The server chooses a display that is free and says which.
fn x_server() -> (Running, String) {
    let mut server = start(
        Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let display = format!(":{}", first_line(&mut server));
    (server, display)
}

/// A shell in an xterm at the upper left corner, once it runs. It says so through a named pipe, so nothing has to be waited for.
fn xterm(display: &str, folder: &Path) -> Running {
    let ready = folder.join("ready");
    let made = Command::new("mkfifo").arg(&ready).status().expect("mkfifo starts");
    assert!(made.success());
    let shell = format!("echo ready > {}; exec sh", ready.display());
    let xterm = start(
        Command::new("xterm")
            .args(["-geometry", "80x24+0+0", "-bg", "#203040", "-fg", "white", "-e", "sh", "-c", &shell])
            .env("DISPLAY", display),
    );
    assert_eq!(std::fs::read_to_string(&ready).expect("the shell says that it runs").trim(), "ready");
    xterm
}

/// How much of the picture has the xterm's background.
fn background_share(png: &Path) -> f64 {
    let file = BufReader::new(std::fs::File::open(png).expect("the demo wrote the picture"));
    let mut reader = png::Decoder::new(file).read_info().expect("it is a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("its size is known")];
    let info = reader.next_frame(&mut pixels).expect("it is whole");
    let channels = info.color_type.samples();
    let of_background = pixels.chunks_exact(channels).filter(|pixel| pixel[..3] == BACKGROUND).count();
    of_background as f64 / f64::from(info.width * info.height)
}

#[test]
fn a_command_typed_by_the_viewer_with_the_lease_takes_effect_on_the_shared_screen() {
    let folder = Folder(std::env::temp_dir().join(format!("isi-x11-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let (_server, display) = x_server();
    let _xterm = xterm(&display, &folder.0);
    let (effect, png) = (folder.0.join("effect"), folder.0.join("last.png"));

    let typed = format!("echo \"typed through a blind relay: $((6 * 7))\" > {}", effect.display());
    let demo = Command::new(isi_tests::programs().join("isi"))
        .args([
            "demo",
            "--source",
            "x11",
            "--seconds",
            "4",
            "--json",
            "--at",
            "200,150",
            "--type",
            &typed,
            "--png",
        ])
        .arg(&png)
        .env("DISPLAY", &display)
        .output()
        .expect("isi starts");

    let (json, errors) = (String::from_utf8_lossy(&demo.stdout), String::from_utf8_lossy(&demo.stderr));
    assert!(demo.status.success(), "{errors}\n{json}");
    let report: Value = serde_json::from_str(json.trim()).expect("one JSON line");
    assert_eq!(report["source"], "x11");
    assert_eq!(report["input_events_applied"], report["input_events_sent"]);
    assert_eq!(
        std::fs::read_to_string(&effect).expect("the command ran").trim(),
        "typed through a blind relay: 42"
    );
    let share = background_share(&png);
    assert!(share > 0.1, "the picture shows no xterm: {share}");
}
