use std::{sync::Arc, time::Duration};

use isi_client::{ConstantRateSender, InputSendError, InputSender, payload::InputEvent};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

use super::teller::Teller;
use crate::{clock::monotonic_us, live::key_strokes};

/// Lines from standard input that may wait for a lease; then no more are read.
const LINES_QUEUED_MAX: usize = 16;

/// Types each line from standard input at the shared screen, followed by Return, while there is a lease.
pub(super) struct Typist {
    teller: Teller,
    /// At a constant rate, if any.
    every: Option<Duration>,
    lines: Arc<Mutex<mpsc::Receiver<String>>>,
    typing: Option<JoinHandle<()>>,
}

impl Typist {
    /// Begins to read standard input.
    pub(super) fn begin(teller: Teller, every: Option<Duration>) -> Self {
        let (line, lines) = mpsc::channel(LINES_QUEUED_MAX);
        tokio::spawn(async move {
            let mut input = BufReader::new(tokio::io::stdin()).lines();
            while let Ok(Some(text)) = input.next_line().await
                && line.send(text).await.is_ok()
            {}
        });
        Self { teller, every, lines: Arc::new(Mutex::new(lines)), typing: None }
    }

    /// Types by this lease from now on; one before is over.
    pub(super) fn take_up(&mut self, input: InputSender) {
        self.rest();
        self.teller.say("driving", "you drive: each line is typed, followed by Return");
        let hand = match self.every {
            Some(every) => Hand::Steady(input.at_constant_rate(every)),
            None => Hand::Plain(Box::new(input)),
        };
        self.typing = Some(tokio::spawn(type_lines(hand, Arc::clone(&self.lines), self.teller)));
    }

    /// The lease is over.
    pub(super) fn rest(&mut self) {
        if let Some(typing) = self.typing.take() {
            typing.abort();
        }
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        self.rest();
    }
}

enum Hand {
    Plain(Box<InputSender>),
    Steady(ConstantRateSender),
}

impl Hand {
    async fn send(&mut self, event: InputEvent) -> Result<(), InputSendError> {
        match self {
            Self::Plain(input) => input.send(event, monotonic_us()).await,
            Self::Steady(input) => input.send(event, monotonic_us()).await,
        }
    }
}

async fn type_lines(mut hand: Hand, lines: Arc<Mutex<mpsc::Receiver<String>>>, teller: Teller) {
    let mut lines = lines.lock().await;
    while let Some(line) = lines.recv().await {
        for event in key_strokes(&line).chain(key_strokes("\n")) {
            if let Err(error) = hand.send(event).await {
                return teller.say("not-typed", &format!("* not typed: {error}"));
            }
        }
    }
    // The lease is kept: giving it up would end it for the person who goes on looking.
    std::future::pending::<()>().await;
}
