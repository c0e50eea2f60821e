//! The lease: given and taken back by the organizer, held by the driver.

use std::time::Duration;

use isi_client::{DriveError, InputSender, Lease, LeaseScope, PanicSwitch};

use super::{POLL, POLLS_MAX, Participant, missing, out_of_turn, talk, tell};
use crate::{
    demo::protocol::{Note, TakenBack},
    failure::{Exit, Failure},
    live,
};

/// Longest lease of the demo: it is taken back before.
const LEASE: Duration = Duration::from_secs(3600);

impl Participant {
    pub(super) async fn grant_lease(&mut self, to: &str) -> Result<(), Failure> {
        let orders = self.screen.clone().ok_or_else(out_of_turn)?;
        let driver = talk::find_online(self.session()?, to).await.ok_or_else(|| missing(to))?;
        let scope = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
        let input = self.session()?.grant_lease(driver, scope, LEASE).await;
        let input = input.map_err(|error| Failure::of(Exit::ChecksFailed, &error))?;
        self.panic_switch = Some(input.panic_switch());
        tokio::spawn(live::apply_input(input, orders, self.spare_typing));
        tell(&Note::Lease);
        Ok(())
    }

    pub(super) async fn take_lease(&mut self) -> Result<(), Failure> {
        let mut lease = self.lease.clone();
        let granted = tokio::time::timeout(POLL * POLLS_MAX, lease.wait_for(Option::is_some)).await;
        let granted = granted.ok().and_then(Result::ok).and_then(|lease| *lease);
        let granted = granted
            .ok_or_else(|| Failure::new(Exit::ChecksFailed, "no lease arrived", "run the demo again"))?;
        self.input = Some(self.take_up(&granted).await?);
        self.board.set_lease(true);
        tell(&Note::Lease);
        Ok(())
    }

    /// As the panic key does, at once and whatever the relay does.
    pub(super) fn take_back(&self) -> Result<(), Failure> {
        let taken_back = self.panic_switch.as_ref().and_then(PanicSwitch::press).ok_or_else(out_of_turn)?;
        let report = taken_back.report;
        let accepted_after_ms = report.accepted_after_take_back.as_secs_f64() * 1000.0;
        tell(&Note::TakenBack(TakenBack { accepted: report.accepted, accepted_after_ms }));
        Ok(())
    }

    /// The lease may be heard of before the driven member's connection is.
    async fn take_up(&self, lease: &Lease) -> Result<InputSender, Failure> {
        let deadline = tokio::time::Instant::now() + POLL * POLLS_MAX;
        loop {
            match self.session()?.drive(lease).await {
                Err(DriveError::NotReachable) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(POLL).await
                }
                done => return done.map_err(|error| Failure::of(Exit::ChecksFailed, &error)),
            }
        }
    }
}
