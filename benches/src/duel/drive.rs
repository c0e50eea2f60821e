//! Sends a load, and looks at the relay while it is measured.

use super::plan::Plan;
use super::tally::{Measured, Tally, Totals};
use isi_load::clock::monotonic_ns;
use isi_load::process::{Sample, sample};
use isi_load::stamp::{STAMP_BYTES, Stamp};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Takes a load's objects to a relay.
pub trait Publisher {
    /// Why it can't go on.
    type Error: std::fmt::Display;

    /// Hands one object to the transport, which may hold it up.
    fn send(&mut self, object: &[u8]) -> impl Future<Output = Result<(), Self::Error>>;
}

/// What one run showed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What arrived while it was measured.
    pub measured: Measured,
    /// What arrived altogether.
    pub totals: Totals,
    /// The relay before what was measured.
    pub before: Sample,
    /// And after it.
    pub after: Sample,
}

/// Why a run came to no end.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The relay's process cannot be looked at; it has ended.
    #[error("the relay's process cannot be looked at: {0}")]
    Gone(#[from] io::Error),
    /// The publisher was stopped.
    #[error("the publisher could not go on: {0}")]
    Publisher(String),
}

/// Runs the load through a publisher; its receivers tell `tally` of what arrives. `relay` is the process that is measured.
///
/// # Errors
/// [`DriveError`]
pub async fn drive<P: Publisher>(
    plan: &Plan,
    publisher: &mut P,
    tally: &Tally,
    relay: u32,
) -> Result<Outcome, DriveError> {
    let over = AtomicBool::new(false);
    let measuring = measure(plan, tally, relay, &over);
    let ((before, measured, after), ()) =
        tokio::try_join!(measuring, publish(plan, publisher, tally, &over))?;
    Ok(Outcome { measured, totals: tally.drained().await, before, after })
}

async fn measure(
    plan: &Plan,
    tally: &Tally,
    relay: u32,
    over: &AtomicBool,
) -> Result<(Sample, Measured, Sample), DriveError> {
    sleep(plan.warm_up).await;
    let before = sample(relay)?;
    tally.begin();
    sleep(plan.measured).await;
    let measured = tally.end();
    let after = sample(relay)?;
    over.store(true, Ordering::Relaxed);
    Ok((before, measured, after))
}

async fn publish<P: Publisher>(
    plan: &Plan,
    publisher: &mut P,
    tally: &Tally,
    over: &AtomicBool,
) -> Result<(), DriveError> {
    let mut object = noise(plan.frame_bytes.max(STAMP_BYTES));
    let mut pace = plan.fps.map(|fps| {
        let mut pace = interval(Duration::from_secs(1) / fps.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    });
    while !over.load(Ordering::Relaxed) {
        match &mut pace {
            Some(pace) => drop(pace.tick().await),
            None => tally.room(plan.objects_in_flight_max).await,
        }
        let sequence = tally.send(plan.objects_in_flight_max);
        Stamp { sent_ns: monotonic_ns(), sender: 0, sequence }.write(&mut object);
        publisher.send(&object).await.map_err(|error| DriveError::Publisher(error.to_string()))?;
    }
    Ok(())
}

/// Bytes that nothing compresses, the same in every run (a xorshift generator).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(bytes)
    .collect()
}
