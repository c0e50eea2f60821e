//! Everything between one client and the relay, both ways. A pipe ends with either side.

use super::front::{Fate, Lies, tell};
use isi_testkit::{Answers, Client, LogReader};
use isi_wire::limits::LOG_ITEM_BYTES_MAX;
use isi_wire::{ClientMessage, EntryKind, Frame, FrameBuffer, LogEntry, LogUpload, RelayMessage, StreamType};
use quinn::{Chunk, Connection, RecvStream, SendStream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Frames of a stream, until it ends.
pub(crate) struct Frames {
    stream: RecvStream,
    buffer: FrameBuffer,
}

impl Frames {
    pub(crate) fn new(stream: RecvStream, bytes_max: usize) -> Self {
        Self { stream, buffer: FrameBuffer::new(bytes_max) }
    }

    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return Some(frame);
            }
            self.buffer.push(&self.stream.read_chunk(65_536, true).await.ok()??.bytes);
        }
    }
}

/// What one client is made to believe of the log.
pub(super) struct View {
    subject: String,
    lies: Lies,
    /// The last commit it was shown.
    shown: AtomicU64,
    /// The last commit there is.
    read: AtomicU64,
}

impl View {
    pub(super) fn new(subject: String, last_handshake: u64, lies: Lies) -> Self {
        let shown = AtomicU64::new(lies.shown_before(&subject).unwrap_or(last_handshake));
        let read = AtomicU64::new(last_handshake);
        Self { subject, lies, shown, read }
    }

    async fn show(&self, to_client: &mut SendStream, mut entry: LogEntry) {
        if self.lies.hides_gaps() {
            entry.last_handshake = self.shown.load(Ordering::Relaxed);
        }
        if entry.kind == EntryKind::Commit {
            self.shown.store(entry.sequence, Ordering::Relaxed);
            self.lies.note_shown(&self.subject, entry.sequence);
        }
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let _ = to_client.write_all(&bytes).await;
    }

    /// A commit on what it was shown becomes one on what there is.
    fn correct(&self, mut upload: LogUpload) -> LogUpload {
        if let LogUpload::Commit { expected, .. } = &mut upload
            && expected.last_handshake == self.shown.load(Ordering::Relaxed)
        {
            expected.last_handshake = self.read.load(Ordering::Relaxed);
        }
        upload
    }
}

pub(super) async fn run(
    client: Connection,
    relay: Client,
    control: Frames,
    to_client: SendStream,
    view: Arc<View>,
) {
    let Client { connection: relay, control: to_relay, answers, log, .. } = relay;
    let (ignored, own_answers) = mpsc::unbounded_channel();
    tokio::spawn(say(control, to_relay, ignored, view.lies.clone()));
    tokio::spawn(answer(answers, own_answers, to_client));
    tokio::spawn(show(log, client.clone(), Arc::clone(&view)));
    tokio::spawn(datagrams(client.clone(), relay.clone(), None));
    tokio::spawn(datagrams(relay.clone(), client.clone(), Some(Arc::clone(&view))));
    tokio::spawn(groups_to(client.clone(), relay.clone(), Arc::clone(&view)));
    while let Ok(mut stream) = client.accept_uni().await {
        let Some(first) = read(&mut stream).await else { continue };
        match StreamType::decode(&mut &first.bytes[..]) {
            Ok(StreamType::Log) => {
                drop(tokio::spawn(upload(stream, first, relay.clone(), Arc::clone(&view))))
            }
            _ => drop(tokio::spawn(copy(stream, first, relay.clone(), None))),
        }
    }
}

async fn read(stream: &mut RecvStream) -> Option<Chunk> {
    stream.read_chunk(65_536, true).await.ok()?
}

async fn say(
    mut control: Frames,
    mut to_relay: SendStream,
    ignored: mpsc::UnboundedSender<RelayMessage>,
    lies: Lies,
) {
    while let Some(frame) = control.next().await {
        let message = ClientMessage::decode(frame).unwrap();
        if let Some(answer) = lies.ignores(&message) {
            let _ = ignored.send(answer);
            continue;
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        if to_relay.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// What the relay says, and what it would have said.
async fn answer(
    mut answers: Answers,
    mut own: mpsc::UnboundedReceiver<RelayMessage>,
    mut to_client: SendStream,
) {
    loop {
        tokio::select! {
            answer = answers.next_or_end() => match answer {
                Some(answer) => tell(&mut to_client, &answer).await,
                None => return,
            },
            Some(answer) = own.recv() => tell(&mut to_client, &answer).await,
        }
    }
}

/// The log, as far as the relay likes.
async fn show(mut log: LogReader, client: Connection, view: Arc<View>) {
    let Ok(mut to_client) = client.open_uni().await else { return };
    let mut head = Vec::new();
    StreamType::Log.encode(&mut head);
    let _ = to_client.write_all(&head).await;
    let (mut held, mut released) = (Vec::new(), view.lies.released());
    let mut late = VecDeque::<(Instant, LogEntry)>::new();
    loop {
        tokio::select! {
            entry = log.next_or_end() => {
                let Some(mut entry) = entry else { return };
                if entry.kind == EntryKind::Commit {
                    view.read.store(entry.sequence, Ordering::Relaxed);
                }
                match view.lies.judge(&view.subject, &mut entry) {
                    Fate::Deliver => view.show(&mut to_client, entry).await,
                    Fate::Hold => held.push(entry),
                    Fate::Late(by) => late.push_back((Instant::now() + by, entry)),
                    Fate::Drop => {}
                }
            }
            () = due(late.front()) => {
                if let Some((_, entry)) = late.pop_front() {
                    view.show(&mut to_client, entry).await;
                }
            }
            Ok(()) = released.changed() => {
                for entry in held.drain(..) {
                    view.show(&mut to_client, entry).await;
                }
            }
        }
    }
}

async fn due(next: Option<&(Instant, LogEntry)>) {
    match next {
        Some((at, _)) => sleep_until(*at).await,
        None => std::future::pending().await,
    }
}

async fn upload(stream: RecvStream, first: Chunk, relay: Connection, view: Arc<View>) {
    let mut frames = Frames::new(stream, LOG_ITEM_BYTES_MAX);
    frames.buffer.push(&first.bytes[1..]);
    let Ok(mut to_relay) = relay.open_uni().await else { return };
    let mut bytes = Vec::new();
    StreamType::Log.encode(&mut bytes);
    while let Some(frame) = frames.next().await {
        view.correct(LogUpload::decode(frame).unwrap()).encode(&mut bytes);
        if to_relay.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.clear();
    }
}

/// Datagrams to a client wait where its streams do.
async fn datagrams(from: Connection, to: Connection, view: Option<Arc<View>>) {
    while let Ok(datagram) = from.read_datagram().await {
        if let Some(view) = &view {
            view.lies.flows(&view.subject).await;
        }
        let _ = to.send_datagram(datagram);
    }
}

async fn groups_to(client: Connection, relay: Connection, view: Arc<View>) {
    while let Ok(mut stream) = relay.accept_uni().await {
        let Some(first) = read(&mut stream).await else { continue };
        tokio::spawn(copy(stream, first, client.clone(), Some(Arc::clone(&view))));
    }
}

/// One group, unchanged, until either side ends it.
async fn copy(mut from: RecvStream, first: Chunk, to: Connection, view: Option<Arc<View>>) {
    let Ok(mut to) = to.open_uni().await else { return };
    let mut next = Some(first);
    while let Some(chunk) = next {
        if let Some(view) = &view {
            view.lies.flows(&view.subject).await;
        }
        if to.write_all(&chunk.bytes).await.is_err() {
            let _ = from.stop(0_u32.into());
            return;
        }
        next = match from.read_chunk(65_536, true).await {
            Ok(chunk) => chunk,
            Err(_) => {
                let _ = to.reset(0_u32.into());
                return;
            }
        };
    }
    let _ = to.finish();
}
