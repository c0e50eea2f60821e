use super::ticks::Ticks;
use super::{LeaseEndReason, LeaseTerms};
use crate::{LeafIndex, MonotonicMs};
use std::collections::VecDeque;

/// Most keys and buttons held down at once under one lease; further presses are refused.
pub const HELD_MAX: usize = 64;
/// Ended lease ids remembered, the oldest goes first. An older id still never counts again: its generation is
/// too low.
pub const ENDED_LEASES_MAX: usize = 1_024;

/// The driven side's view of who may drive it. It alone decides, by its own clock, right before an event is
/// injected. No I/O: the caller injects what is admitted, and every [`Release`] it is handed.
///
/// Call order: [`start`](Self::start) with signed terms, [`admit`](Self::admit) per event, [`tick`](Self::tick) and
/// [`poll`](Self::poll) at [`next_deadline`](Self::next_deadline), [`end`](Self::end) or
/// [`member_gone`](Self::member_gone) when something else ends it.
#[derive(Debug, Default)]
pub struct LeaseState {
    active: Option<Active>,
    newest_generation: Option<u64>,
    ended: VecDeque<[u8; 16]>,
}

/// What an event does, as far as a lease is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputCategory {
    /// Moves the pointer there.
    PointerMove {
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// Presses or releases a mouse button where the pointer is.
    Button {
        /// Its number.
        button: u8,
        /// Down or up.
        pressed: bool,
    },
    /// Scrolls where the pointer is.
    Scroll,
    /// Presses or releases a key.
    Key {
        /// Its X11 keysym.
        keysym: u32,
        /// Down or up.
        pressed: bool,
    },
    /// Sets the clipboard.
    Clipboard,
}

/// Something held down that must go up because its lease ended. Inject it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// A key, by its keysym.
    Key(u32),
    /// A mouse button, by its number.
    Button(u8),
}

/// A lease that ended, with what has to go up.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its terms.
    pub terms: LeaseTerms,
    /// Why.
    pub reason: LeaseEndReason,
    /// What was held, the last pressed first. At most [`HELD_MAX`].
    pub releases: Vec<Release>,
}

/// Why a lease does not start. The caller's mistake, or somebody repeated an old lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartRefused {
    /// The id had its time.
    #[error("this lease has ended; grant a new one")]
    AlreadyEnded,
    /// Not higher than the generation before.
    #[error("lease generation {asked} is not above {newest}: generations only rise")]
    OldGeneration {
        /// The highest so far.
        newest: u64,
        /// The one refused.
        asked: u64,
    },
}

/// Why an event is not injected. Always the driver's fault, or it is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputRefused {
    /// No lease runs, or another one than the event names.
    #[error("no such lease is running: ask for one")]
    NoLease,
    /// The lease is another member's.
    #[error("the lease is leaf {}'s, not this sender's", .0.0)]
    NotTheDriver(LeafIndex),
    /// Its time is over.
    #[error("the lease has expired: ask for another one")]
    Expired,
    /// The scope leaves it out.
    #[error("the lease does not cover this kind of input")]
    OutOfScope,
    /// The pointer is, or would be, outside the scope's rectangle. A press or a scroll needs a move inside first.
    #[error("the pointer is outside the lease's rectangle: move it inside first")]
    OutsideRectangle,
    /// It releases what this lease does not hold.
    #[error("it releases what the lease does not hold")]
    NotHeld,
    /// [`HELD_MAX`] are down.
    #[error("{HELD_MAX} keys and buttons are down: release some")]
    TooManyHeld,
    /// Somebody held it back, or the network did: what the driver saw when it did this is too long ago. Or it builds on
    /// such an event: it points where the pointer never went, or releases what was never pressed.
    #[error("the event was held back on its way: what its driver saw then is too long ago")]
    HeldBack,
    /// It names a tick that was not sent yet.
    #[error("the event names a tick that was never sent; the driver's client is at fault")]
    UnknownTick,
}

#[derive(Debug)]
struct Active {
    terms: LeaseTerms,
    expires_at: MonotonicMs,
    held: Vec<Release>,
    /// Whether a press or a scroll happens where the driver means it.
    pointer: Pointer,
    ticks: Ticks,
    /// Presses that came too late: their releases are nobody's mistake. At most [`HELD_MAX`], the oldest goes first.
    skipped: VecDeque<Release>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pointer {
    Inside,
    /// The scope has a rectangle, and the pointer was not moved into it yet.
    Unknown,
    /// A move came too late: the pointer is not where the driver thinks.
    Astray,
}

impl LeaseState {
    /// No lease yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a lease; one that runs ends as [`Superseded`](LeaseEndReason::Superseded) and is returned.
    ///
    /// # Errors
    /// [`StartRefused`]: nothing changed, a running lease goes on.
    pub fn start(&mut self, terms: LeaseTerms, now: MonotonicMs) -> Result<Option<Ended>, StartRefused> {
        if self.ended.contains(&terms.id) {
            return Err(StartRefused::AlreadyEnded);
        }
        if let Some(newest) = self.newest_generation.filter(|newest| terms.generation <= *newest) {
            return Err(StartRefused::OldGeneration { newest, asked: terms.generation });
        }
        let before = self.end(LeaseEndReason::Superseded);
        self.newest_generation = Some(terms.generation);
        self.active = Some(Active {
            terms,
            expires_at: MonotonicMs(now.0.saturating_add(terms.duration_ms)),
            held: Vec::new(),
            pointer: if terms.scope.rectangle.is_none() { Pointer::Inside } else { Pointer::Unknown },
            ticks: Ticks::start(now),
            skipped: VecDeque::new(),
        });
        Ok(before)
    }

    /// The lease that runs at `now`.
    #[must_use]
    pub fn active(&self, now: MonotonicMs) -> Option<&LeaseTerms> {
        self.active.as_ref().filter(|active| now < active.expires_at).map(|active| &active.terms)
    }

    /// Decides about one event of `from` under lease `id`, whose driver had seen `tick` as the newest. `Ok` means: inject
    /// it now.
    ///
    /// Releases of what the lease holds are admitted whatever its scope and however late they are.
    ///
    /// # Errors
    /// [`InputRefused`]: don't inject it, tell the driver.
    pub fn admit(
        &mut self,
        now: MonotonicMs,
        from: LeafIndex,
        id: &[u8; 16],
        tick: u64,
        event: InputCategory,
    ) -> Result<(), InputRefused> {
        let active = self.active.as_mut().filter(|active| active.terms.id == *id);
        let active = active.ok_or(InputRefused::NoLease)?;
        if active.terms.driver != from {
            return Err(InputRefused::NotTheDriver(active.terms.driver));
        }
        if now >= active.expires_at {
            return Err(InputRefused::Expired);
        }
        match active.ticks.judge(now, tick) {
            Err(refused) if !event.is_release() => {
                active.skip(event);
                Err(refused)
            }
            Ok(()) | Err(_) => active.admit(event),
        }
    }

    /// The number of the tick to send to the driver now, if a lease runs and one is due: every
    /// [`TICK_MS`](crate::TICK_MS) from 1 on. Events name the newest that their driver has seen, 0 before it has seen any.
    pub fn tick(&mut self, now: MonotonicMs) -> Option<u64> {
        self.active.as_mut().filter(|active| now < active.expires_at)?.ticks.poll(now)
    }

    /// What an event of the running lease may be old at most, in milliseconds, as its path is now.
    #[must_use]
    pub fn input_age_ms_max(&self) -> Option<u64> {
        self.active.as_ref().map(|active| active.ticks.age_ms_max())
    }

    /// Ends a lease whose time is over.
    pub fn poll(&mut self, now: MonotonicMs) -> Option<Ended> {
        if self.active.as_ref().is_some_and(|active| now >= active.expires_at) {
            return self.end(LeaseEndReason::Expired);
        }
        None
    }

    /// When the running lease expires, or the next tick is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<MonotonicMs> {
        let active = self.active.as_ref()?;
        active.ticks.next_deadline().into_iter().chain([active.expires_at]).min()
    }

    /// Ends the running lease, if there is one.
    pub fn end(&mut self, reason: LeaseEndReason) -> Option<Ended> {
        let Active { terms, held, .. } = self.active.take()?;
        if self.ended.len() == ENDED_LEASES_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(terms.id);
        Some(Ended { terms, reason, releases: held.into_iter().rev().collect() })
    }

    /// Ends the running lease if `leaf` drives by it: that member left or was removed.
    pub fn member_gone(&mut self, leaf: LeafIndex) -> Option<Ended> {
        self.active.as_ref().filter(|active| active.terms.driver == leaf)?;
        self.end(LeaseEndReason::DriverGone)
    }
}

impl Active {
    fn admit(&mut self, event: InputCategory) -> Result<(), InputRefused> {
        let scope = self.terms.scope;
        match event {
            InputCategory::Button { button, pressed: false } => self.release(Release::Button(button)),
            InputCategory::Key { keysym, pressed: false } => self.release(Release::Key(keysym)),
            InputCategory::PointerMove { x, y } => {
                covered(scope.pointer)?;
                if scope.rectangle.is_some_and(|rectangle| !rectangle.contains(x, y)) {
                    return Err(InputRefused::OutsideRectangle);
                }
                self.pointer = Pointer::Inside;
                Ok(())
            }
            InputCategory::Button { button, pressed: true } => match self.point(scope.pointer) {
                Ok(()) => self.press(Release::Button(button)),
                Err(refused) => {
                    if refused == InputRefused::HeldBack {
                        self.skip(event);
                    }
                    Err(refused)
                }
            },
            InputCategory::Scroll => self.point(scope.pointer),
            InputCategory::Key { keysym, pressed: true } => {
                covered(scope.keyboard)?;
                self.press(Release::Key(keysym))
            }
            InputCategory::Clipboard => covered(scope.clipboard),
        }
    }

    /// Whether something may happen where the pointer is: it was moved inside under this lease.
    fn point(&self, in_scope: bool) -> Result<(), InputRefused> {
        covered(in_scope)?;
        match self.pointer {
            Pointer::Inside => Ok(()),
            Pointer::Unknown => Err(InputRefused::OutsideRectangle),
            Pointer::Astray => Err(InputRefused::HeldBack),
        }
    }

    /// An event that came too late does not happen: what builds on it must not either.
    fn skip(&mut self, event: InputCategory) {
        let pressed = match event {
            InputCategory::PointerMove { .. } => {
                self.pointer = Pointer::Astray;
                return;
            }
            InputCategory::Button { button, .. } => Release::Button(button),
            InputCategory::Key { keysym, .. } => Release::Key(keysym),
            InputCategory::Scroll | InputCategory::Clipboard => return,
        };
        // One that repeats is held as before.
        if !self.held.contains(&pressed) && !self.skipped.contains(&pressed) {
            if self.skipped.len() >= HELD_MAX {
                self.skipped.pop_front();
            }
            self.skipped.push_back(pressed);
        }
    }

    /// A key that repeats is pressed again while it is down.
    fn press(&mut self, what: Release) -> Result<(), InputRefused> {
        if self.held.contains(&what) {
            return Ok(());
        }
        if self.held.len() >= HELD_MAX {
            return Err(InputRefused::TooManyHeld);
        }
        self.skipped.retain(|skipped| *skipped != what);
        self.held.push(what);
        Ok(())
    }

    fn release(&mut self, what: Release) -> Result<(), InputRefused> {
        let place = self.held.iter().position(|held| *held == what);
        let Some(place) = place else {
            let skipped = self.skipped.iter().position(|skipped| *skipped == what);
            skipped.and_then(|skipped| self.skipped.remove(skipped)).ok_or(InputRefused::NotHeld)?;
            return Err(InputRefused::HeldBack);
        };
        self.held.remove(place);
        Ok(())
    }
}

impl InputCategory {
    const fn is_release(self) -> bool {
        matches!(self, Self::Button { pressed: false, .. } | Self::Key { pressed: false, .. })
    }
}

const fn covered(in_scope: bool) -> Result<(), InputRefused> {
    if in_scope { Ok(()) } else { Err(InputRefused::OutOfScope) }
}
