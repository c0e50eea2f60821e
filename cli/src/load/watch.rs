//! Looks at the relay while it is loaded.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use isi_load::{clock::monotonic_ns, process::sample, workload::Measure};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinHandle, time::sleep};

use crate::demo::figures;

/// What was seen at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When, by the monotonic clock.
    pub at_ns: u64,
    /// CPU time so far, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Memory resident, in bytes.
    pub rss_bytes: Option<u64>,
    /// Ciphertext held, in bytes.
    pub resident_bytes: Option<u64>,
}

/// Looks at a relay from time to time until it is asked.
pub struct Watch {
    looks: Arc<Mutex<Vec<Look>>>,
    task: JoinHandle<()>,
}

/// Looks once.
pub async fn look(pid: Option<u32>, admin: Option<SocketAddr>) -> Look {
    let resident_bytes = match admin {
        Some(admin) => figures::resident_bytes(admin).await,
        None => None,
    };
    let used = pid.and_then(|pid| sample(pid).ok());
    Look {
        at_ns: used.map_or_else(monotonic_ns, |used| used.at_ns),
        cpu_ns: used.map(|used| used.cpu_ns),
        rss_bytes: used.map(|used| used.rss_bytes),
        resident_bytes,
    }
}

impl Watch {
    /// Looks at the beginning, at each slot and at the end of a measure.
    #[must_use]
    pub fn start(measure: Measure, pid: Option<u32>, admin: Option<SocketAddr>) -> Self {
        let looks = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&looks);
        let task = tokio::spawn(async move {
            let mut next_ns = measure.begin_ns;
            loop {
                sleep(Duration::from_nanos(next_ns.saturating_sub(monotonic_ns()))).await;
                let seen = look(pid, admin).await;
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
                if next_ns >= measure.end_ns {
                    return;
                }
                // A look that comes late leaves out those that it has passed.
                let slot_ns = measure.slot_ns.max(1);
                let passed = monotonic_ns().saturating_sub(measure.begin_ns) / slot_ns + 1;
                next_ns = (measure.begin_ns + passed * slot_ns).min(measure.end_ns);
            }
        });
        Self { looks, task }
    }

    /// What was seen last.
    #[must_use]
    pub fn last(&self) -> Option<Look> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }

    /// All that was seen. Waits for the end of the measure.
    pub async fn end(self) -> Vec<Look> {
        drop(self.task.await); // it does not panic
        std::mem::take(&mut *self.looks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
