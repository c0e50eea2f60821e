//! Random bytes from the operating system (getrandom(2)).

/// The system gave no random bytes; nothing can be kept secret without them.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes ({0}); check that getrandom or /dev/urandom works")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Fresh random bytes.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
