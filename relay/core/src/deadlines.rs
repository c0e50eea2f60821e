//! Budgets in milliseconds.

use crate::timers::Timer;
use crate::{Session, Timestamp};

impl Session {
    /// When to call [`handle_deadline`](Self::handle_deadline) next; changes with every other call.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Does what is due. Harmless when nothing is.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Group(group) => self.expire_group(now, group),
                Timer::Pace(group) => self.wake_ingress(group),
                Timer::Live(alias) => self.expire_datagrams(now, alias),
                Timer::Keyframe(alias) => self.ask_keyframe(now, alias),
                Timer::Report(alias) => self.report_track(now, alias),
                Timer::Arrivals => self.tell_arrivals(),
                Timer::LogRecent | Timer::Welcome => self.trim_log(now),
            }
        }
    }
}
