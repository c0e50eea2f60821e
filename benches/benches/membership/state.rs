use allocation_counter::measure;
use isi_e2ee::MonotonicMs;
use isi_load::membership::{Crowd, CrowdError};
use serde_json::{Value, json};

/// What a member's state takes, by counting what it allocates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// Held once it is in: group, roster, keys.
    pub(crate) held_bytes: i64,
    /// Held at most while it takes its Welcome.
    pub(crate) peak_bytes: u64,
}

impl State {
    /// Lets somebody in and counts; the crowd has its size again afterwards.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub(crate) fn of_newcomer(crowd: &mut Crowd) -> Result<Self, CrowdError> {
        let subjects = ["weighed".to_owned()];
        let (mut pending, welcome) = crowd.add(&subjects)?;
        let mut pending = pending.swap_remove(0);
        let mut group = None;
        let cost = measure(|| group = Some(pending.join(&welcome, crowd.accounts.now(), MonotonicMs(0))));
        group.transpose()?;
        crowd.remove(&subjects)?;
        Ok(Self { held_bytes: cost.bytes_current, peak_bytes: cost.bytes_max })
    }

    /// One object of the line for programs.
    #[must_use]
    pub(crate) fn to_json(self, members: usize) -> Value {
        json!({ "members": members, "state_bytes": self.held_bytes, "joining_peak_bytes": self.peak_bytes })
    }
}
