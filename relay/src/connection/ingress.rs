//! What a peer's unidirectional streams carry: its log, and one group each. A chunk of a group goes to the core the moment it
//! arrives.

use super::end::End;
use super::frames::{FrameReader, read_failed};
use super::{Peer, rates};
use crate::room::OpenGroup;
use crate::workers::Urgent;
use bytes::Bytes;
use isi_relay_core::{GroupRefused, PushOutcome};
use isi_wire::{CloseCode, DecodeError, GroupHeader, LogUpload, ResetCode, StreamType};
use quinn::{ReadError, RecvStream, VarInt};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bytes of a stream's head taken at once.
const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Chunks of a group taken from its stream at once. A chunk is what one packet carried.
const CHUNKS_AT_ONCE_MAX: usize = 48;

/// Takes the peer's streams as they come; the transport bounds how many there are at once. Returns the first violation.
pub(super) async fn accept_streams(peer: Arc<Peer>) -> End {
    let mut tasks = JoinSet::new();
    let mut rate = rates::streams(Instant::now());
    loop {
        tokio::select! {
            Some(done) = tasks.join_next() => match done {
                Ok(Ok(())) => {}
                Ok(Err(end)) => return end,
                // A panic of ours: this peer goes, the others stay.
                Err(_) => return End::violation(CloseCode::Internal),
            },
            accepted = peer.connection.accept_uni() => {
                let Ok(stream) = accepted else { return End::lost() };
                if !rate.allows(Instant::now()) {
                    return End::violation(CloseCode::Flood);
                }
                tasks.spawn(take_stream(stream, Arc::clone(&peer)));
            }
        }
    }
}

async fn take_stream(mut stream: RecvStream, peer: Arc<Peer>) -> Result<(), End> {
    let mut read = Bytes::new();
    match read_head(&mut stream, &mut read, StreamType::decode).await? {
        Some(StreamType::Log) => read_log(stream, &read, &peer).await,
        Some(StreamType::Group) => match read_head(&mut stream, &mut read, GroupHeader::decode).await? {
            Some(header) => take_group(stream, header, read, &peer).await,
            None => Ok(()),
        },
        None => Ok(()),
    }
}

async fn take_group(
    mut stream: RecvStream,
    header: GroupHeader,
    first: Bytes,
    peer: &Peer,
) -> Result<(), End> {
    let mut header_bytes = Vec::with_capacity(GroupHeader::BYTES_MAX);
    header.encode(&mut header_bytes);
    let group = match peer.seat.open_group(header, header_bytes.into()) {
        Ok(group) => group,
        Err(GroupRefused::Reset(code)) => {
            stop(&mut stream, code);
            return Ok(());
        }
        Err(GroupRefused::Violation(violation)) => return Err(violation.into()),
    };
    let end = if group.is_input() {
        peer.home.is_input_source();
        Urgent::new(peer.seat.worker().line(), forward(&mut stream, first, &group, peer)).await
    } else {
        forward(&mut stream, first, &group, peer).await
    };
    match end {
        GroupEnd::Whole => group.finish(),
        GroupEnd::GivenUp(code) => group.reset(code),
        GroupEnd::Unwanted(code) => stop(&mut stream, code),
    }
    Ok(())
}

enum GroupEnd {
    Whole,
    /// The sender reset it, or its connection is lost.
    GivenUp(ResetCode),
    /// The core wants no more of it.
    Unwanted(ResetCode),
}

/// The forwarding path's first step: cut-through, and no reading ahead of what the core has room for. quinn gives the sender
/// new credit for what is read, so the sender is held back by not reading.
async fn forward(stream: &mut RecvStream, first: Bytes, group: &OpenGroup, peer: &Peer) -> GroupEnd {
    let mut read = vec![Bytes::new(); CHUNKS_AT_ONCE_MAX];
    let mut chunks = VecDeque::with_capacity(CHUNKS_AT_ONCE_MAX);
    peer.residence.hold_all(&mut [first], &mut chunks);
    loop {
        if let Err(code) = push(&mut chunks, group).await {
            return GroupEnd::Unwanted(code);
        }
        let count = tokio::select! {
            biased;
            count = stream.read_chunks(&mut read) => match count {
                Ok(Some(count)) => count,
                Ok(None) => return GroupEnd::Whole,
                Err(ReadError::Reset(code)) => return GroupEnd::GivenUp(reset_code(code)),
                Err(_) => return GroupEnd::GivenUp(ResetCode::Cancelled),
            },
            code = group.unwanted() => return GroupEnd::Unwanted(code),
        };
        if !group.is_input() {
            peer.seat.worker().line().turn().await;
        }
        peer.residence.hold_all(&mut read[..count], &mut chunks);
    }
}

async fn push(chunks: &mut VecDeque<Bytes>, group: &OpenGroup) -> Result<(), ResetCode> {
    loop {
        match group.push(chunks) {
            PushOutcome::Accepted => return Ok(()),
            PushOutcome::Full => group.resumed().await?,
            PushOutcome::Stop(code) => return Err(code),
        }
    }
}

async fn read_log(stream: RecvStream, first: &[u8], peer: &Peer) -> Result<(), End> {
    if peer.log_taken.swap(true, Ordering::Relaxed) {
        return Err(End::violation(CloseCode::ProtocolViolation));
    }
    let bytes_max = peer.seat.with(|session, _, from| session.log_upload_bytes_max(from));
    let mut frames = FrameReader::new(stream, bytes_max, rates::log_uploads(Instant::now()));
    frames.push(first);
    while let Some(frame) = frames.next().await? {
        let upload = LogUpload::decode(frame)?;
        peer.seat.with(|session, now, from| session.handle_log(now, from, upload))?;
    }
    Ok(())
}

/// What stands at a stream's beginning, taken off `read`, which keeps what came after it. `None` when the sender has given the
/// stream up before.
async fn read_head<T>(
    stream: &mut RecvStream,
    read: &mut Bytes,
    decode: impl Fn(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<Option<T>, End> {
    loop {
        match decode(read) {
            Ok(head) => return Ok(Some(head)),
            // Heads are at most some thirty bytes long, and so is what is read until one is whole.
            Err(DecodeError::Truncated) => {}
            Err(error) => return Err(error.into()),
        }
        match stream.read_chunk(CHUNK_BYTES_MAX, true).await {
            Ok(Some(chunk)) if read.is_empty() => *read = chunk.bytes,
            Ok(Some(chunk)) => *read = [read.as_ref(), &chunk.bytes].concat().into(),
            Ok(None) => return Err(End::violation(CloseCode::Malformed)),
            Err(ReadError::Reset(_)) => return Ok(None),
            Err(error) => return Err(read_failed(&error)),
        }
    }
}

/// A code that this version does not know is passed on as the one that means nothing else.
fn reset_code(code: VarInt) -> ResetCode {
    ResetCode::from_code(code.into_inner()).unwrap_or(ResetCode::Cancelled)
}

fn stop(stream: &mut RecvStream, code: ResetCode) {
    // Fails when the sender finished or reset it meanwhile.
    let _ = stream.stop(VarInt::from_u32(code as u32));
}
