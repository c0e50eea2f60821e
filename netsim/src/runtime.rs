use quinn::{AsyncTimer, AsyncUdpSocket, Runtime};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::sleep_until;

/// quinn's view of tokio with nothing real in it: tasks and timers of the current tokio runtime, its clock, no sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimRuntime;

impl Runtime for SimRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(sleep_until(at.into()))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    /// Refuses: a real socket does not wait for virtual time.
    fn wrap_udp_socket(&self, _socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a simulated network has no real sockets; take one from Network::socket",
        ))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// Runs a future to its end in virtual time: a single-threaded tokio runtime whose clock is paused. What
/// `#[tokio::test(start_paused = true)]` does, for what is not a test.
///
/// # Panics
/// When called within a tokio runtime, or when the system has no memory for one.
#[expect(clippy::expect_used, reason = "nothing of a runtime without I/O can fail")]
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(future)
}

/// The seed of this run: that of the environment variable `ISI_SEED`, or else `default`. It is printed, so that a failed test
/// shows how to see it again.
///
/// # Panics
/// When the variable is not a number.
#[must_use]
#[expect(clippy::expect_used, reason = "a mistyped seed must not pass for the default one")]
pub fn seed_or(default: u64) -> u64 {
    let given = std::env::var("ISI_SEED").ok();
    let seed = given.map_or(default, |seed| seed.parse().expect("ISI_SEED is a number"));
    println!("seed {seed}; ISI_SEED={seed} runs this again");
    seed
}
