//! JSON lines over pipes, bounded.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest line accepted.
pub const LINE_BYTES_MAX: u64 = 1 << 20;

/// Why the other process was not understood.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// Reading or writing failed.
    #[error("the pipe between the demo's processes broke ({0}); run the demo again")]
    Io(#[from] std::io::Error),
    /// The other side's line is not what is spoken here, or longer than [`LINE_BYTES_MAX`].
    #[error("a process of the demo said something unexpected ({0}); use binaries of the same build")]
    NotUnderstood(#[from] serde_json::Error),
}

/// The next line, or `None` when the other side closed the pipe.
///
/// # Errors
/// See [`PipeError`].
pub async fn receive<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<T>, PipeError> {
    let mut line = Vec::new();
    from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Sends one line.
///
/// # Errors
/// [`PipeError::Io`].
pub async fn send<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> Result<(), PipeError> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::protocol::{Note, Order};

    #[tokio::test]
    async fn lines_come_back_one_by_one_until_the_end() {
        let mut bytes = Vec::new();
        send(&mut bytes, &Order::TellCiphertext).await.unwrap();
        send(&mut bytes, &Order::Leave).await.unwrap();
        let mut reader = bytes.as_slice();
        assert!(matches!(receive(&mut reader).await.unwrap(), Some(Order::TellCiphertext)));
        assert!(matches!(receive(&mut reader).await.unwrap(), Some(Order::Leave)));
        assert!(receive::<Order>(&mut reader).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn nonsense_and_endless_lines_are_refused() {
        assert!(matches!(receive::<Note>(&mut &b"{}\n"[..]).await, Err(PipeError::NotUnderstood(_))));
        let endless = vec![b' '; LINE_BYTES_MAX as usize + 10];
        assert!(matches!(receive::<Note>(&mut endless.as_slice()).await, Err(PipeError::NotUnderstood(_))));
    }
}
