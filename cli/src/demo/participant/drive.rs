//! What the viewer with the lease does to the shared screen.

use std::{sync::Arc, time::Duration};

use isi_client::{
    InputSendError, InputSender,
    payload::{InputEvent, TypedText},
};

use super::board::Board;
use crate::{
    clock::{monotonic_us, sleep_until_us},
    demo::protocol::{Drive, Plan},
    live::key_strokes,
    search::Canary,
};

/// Between two steps of the pointer.
const STEP: Duration = Duration::from_millis(40);
/// Steps of a round of the pointer; once a round it clicks and types.
const ROUND_STEPS: u32 = 24;
/// A pause that lets windows react before something is typed into them.
const SETTLE: Duration = Duration::from_millis(250);
/// Between two keys of a typed text.
const KEY_PAUSE: Duration = Duration::from_millis(12);
/// Nothing is begun so shortly before the end, so that it is over by then.
const REST_US: u64 = 250_000;
/// Longest wait for the first picture, whose size says where the middle is.
const PICTURE_POLLS: u32 = 100;
const SHIFT: u32 = 0xffe1;
const LEFT_BUTTON: u8 = 1;
const SENTENCE: &str = "hello from a viewer ";

/// Drives until the plan ends, and gives the sender back for the next plan; `None` when the lease has ended.
pub(super) async fn drive(
    input: InputSender,
    plan: Plan,
    drive: Drive,
    canary: Option<Canary>,
    board: Arc<Board>,
) -> Option<InputSender> {
    sleep_until_us(plan.begin_us).await;
    let typed = canary.and_then(|canary| TypedText::new(canary.text()).ok());
    let mut hand = Hand { input, board, middle: (0, 0), letters: key_strokes(SENTENCE).collect(), letter: 0 };
    match hand.work(&plan, &drive, typed).await {
        Ok(()) => Some(hand.input),
        Err(error) => {
            hand.board.lease_ended(&format!("driving ended: {error}"));
            None
        }
    }
}

struct Hand {
    input: InputSender,
    board: Arc<Board>,
    middle: (u16, u16),
    letters: Vec<InputEvent>,
    letter: usize,
}

impl Hand {
    async fn work(
        &mut self,
        plan: &Plan,
        drive: &Drive,
        typed: Option<TypedText>,
    ) -> Result<(), InputSendError> {
        self.middle = match drive.at {
            Some(at) => at,
            None => self.find_middle().await,
        };
        if let Some(text) = &drive.type_text {
            self.type_asked(text).await?;
        }
        let mut step = 0;
        while monotonic_us() + REST_US < plan.end_us {
            self.point(step, drive.careful).await?;
            if step % ROUND_STEPS == 0 {
                if let Some(typed) = typed {
                    self.send(InputEvent::Text(typed)).await?;
                }
                self.press(drive.careful).await?;
            }
            if !drive.careful {
                self.type_letter().await?;
            }
            step += 1;
            tokio::time::sleep(STEP).await;
        }
        Ok(())
    }

    async fn find_middle(&self) -> (u16, u16) {
        for _ in 0..PICTURE_POLLS {
            if let Some((width, height)) = self.board.screen() {
                return (width / 2, height / 2);
            }
            tokio::time::sleep(STEP).await;
        }
        (0, 0)
    }

    /// What `--type` asked for: a click where the pointer stands, the text, Return.
    async fn type_asked(&mut self, text: &str) -> Result<(), InputSendError> {
        let (x, y) = self.middle;
        self.send(InputEvent::PointerMove { x, y }).await?;
        tokio::time::sleep(SETTLE).await;
        self.click().await?;
        tokio::time::sleep(SETTLE).await;
        for event in key_strokes(text).chain(key_strokes("\n")) {
            self.send(event).await?;
            tokio::time::sleep(KEY_PAUSE).await;
        }
        Ok(())
    }

    /// A round around the middle; on a person's own screen a tremble that leaves the pointer where it is.
    async fn point(&mut self, step: u32, careful: bool) -> Result<(), InputSendError> {
        let radius = if careful { 2.0 } else { f64::from(self.middle.1) * 0.6 };
        let angle = f64::from(step % ROUND_STEPS) / f64::from(ROUND_STEPS) * std::f64::consts::TAU;
        let along =
            |middle: u16, offset: f64| (f64::from(middle) + offset * radius).clamp(0.0, 65_535.0) as u16;
        let (x, y) = (along(self.middle.0, angle.cos()), along(self.middle.1, angle.sin()));
        self.send(InputEvent::PointerMove { x, y }).await
    }

    /// A click; on a person's own screen only Shift, which does nothing by itself.
    async fn press(&mut self, careful: bool) -> Result<(), InputSendError> {
        if !careful {
            return self.click().await;
        }
        for pressed in [true, false] {
            self.send(InputEvent::Key { keysym: SHIFT, pressed }).await?;
        }
        Ok(())
    }

    async fn click(&mut self) -> Result<(), InputSendError> {
        for pressed in [true, false] {
            self.send(InputEvent::Button { button: LEFT_BUTTON, pressed }).await?;
        }
        Ok(())
    }

    /// Press and release of the sentence's next letter.
    async fn type_letter(&mut self) -> Result<(), InputSendError> {
        for _ in 0..2 {
            let event = self.letters[self.letter % self.letters.len()];
            self.letter += 1;
            self.send(event).await?;
        }
        Ok(())
    }

    async fn send(&mut self, event: InputEvent) -> Result<(), InputSendError> {
        self.input.send(event, monotonic_us()).await?;
        self.board.change(|counts| counts.input_sent += 1);
        Ok(())
    }
}
