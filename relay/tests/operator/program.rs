//! `isi-relay` as a person or a parent process meets it.

use crate::{Folder, valid_config};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn relay() -> Command {
    Command::new(env!("CARGO_BIN_EXE_isi-relay"))
}

fn run(arguments: &[&str]) -> Output {
    relay().args(arguments).output().unwrap()
}

/// Exit code and the two lines on standard error.
fn failure(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{text}");
    (output.status.code().unwrap(), text)
}

/// A running relay; killed when the test ends before it.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    ready: serde_json::Value,
}

impl Running {
    fn start(config: &Path) -> Self {
        let mut command = relay();
        command.args(["--json", "--until-stdin-closes", "--config"]).arg(config);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, out, ready: serde_json::from_str(&line).unwrap() }
    }

    fn admin(&self) -> SocketAddr {
        self.ready["admin"].as_str().unwrap().parse().unwrap()
    }

    /// Its last words, and whether it ended well.
    fn last_words(mut self) -> (String, bool) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let ended_well = self.child.wait().unwrap().success();
        (rest, ended_well)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_announces_itself_serves_its_figures_and_stops_with_its_parent() {
    let folder = Folder::new();
    let text = valid_config(&folder, "127.0.0.1:0") + "[admin]\naddress = \"127.0.0.1:0\"\n";
    let mut running = Running::start(&folder.write("relay.toml", &text));
    assert_eq!(running.ready["event"], "ready");
    assert_eq!(running.ready["build_id"], isi_relay::BUILD_ID);
    let address: SocketAddr = running.ready["address"].as_str().unwrap().parse().unwrap();
    assert!(address.ip().is_loopback() && address.port() != 0);
    let metrics = get(running.admin(), "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("\nisi_relay_sessions 0\n"), "{metrics}");
    assert!(get(running.admin(), "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").ends_with("\r\n\r\nok\n"));
    assert!(get(running.admin(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(get(running.admin(), "POST /metrics HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 405"));
    drop(running.child.stdin.take());
    let (words, ended_well) = running.last_words();
    let words: serde_json::Value = serde_json::from_str(&words).unwrap();
    assert!(ended_well);
    assert_eq!(words["event"], "ended");
    assert!(words["cpu_ms"].is_u64() && words["residence_ms"]["p99"].is_number());
}

#[test]
fn sigterm_and_ctrl_c_drain_it() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let folder = Folder::new();
        let running = Running::start(&folder.write("relay.toml", &valid_config(&folder, "127.0.0.1:0")));
        rustix::process::kill_process(rustix::process::Pid::from_child(&running.child), signal).unwrap();
        assert!(running.last_words().1);
    }
}

#[test]
fn an_address_in_use_is_exit_code_5() {
    let folder = Folder::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = valid_config(&folder, &taken.local_addr().unwrap().to_string());
    let config = folder.write("relay.toml", &text);
    let (code, said) = failure(&run(&["--config", config.to_str().unwrap()]));
    assert_eq!(code, 5, "{said}");
    assert!(said.contains(&taken.local_addr().unwrap().to_string()));
}

#[test]
fn a_throw_away_certificate_in_the_open_is_exit_code_2() {
    let folder = Folder::new();
    let config = folder.write("relay.toml", &valid_config(&folder, "0.0.0.0:0"));
    for arguments in
        [&["--config", config.to_str().unwrap()][..], &["--check", "--config", config.to_str().unwrap()]]
    {
        let (code, said) = failure(&run(arguments));
        assert_eq!(code, 2);
        assert!(said.contains("throw-away"), "{said}");
    }
}

#[test]
fn check_says_whether_it_would_start() {
    let folder = Folder::new();
    let config = folder.write("relay.toml", &valid_config(&folder, "127.0.0.1:0"));
    let good = run(&["--check", "--config", config.to_str().unwrap()]);
    assert!(good.status.success(), "{good:?}");
    std::fs::write(folder.0.join("jwks.json"), "{}").unwrap();
    let (code, said) = failure(&run(&["--check", "--config", config.to_str().unwrap()]));
    assert!(code == 2 && said.contains("jwks.json"), "{said}");
}

#[test]
fn wrong_arguments_are_two_lines_and_exit_code_2() {
    for (arguments, word) in [
        (&[][..], "--config"),
        (&["--confg", "x"], "--confg"),
        (&["--config", "x", "--log-level", "loud"], "loud"),
        (&["--config", "/nowhere/relay.toml"], "/nowhere/relay.toml"),
    ] {
        let (code, said) = failure(&run(arguments));
        assert!(code == 2 && said.contains(word), "{said}");
    }
}

#[test]
fn help_version_and_build_id_are_answered() {
    let text = |arguments: &[&str]| {
        let output = run(arguments);
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text(&["--help"]).contains("isi-relay --config relay.toml"));
    assert!(text(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(text(&["--build-id"]).trim(), isi_relay::BUILD_ID);
}
