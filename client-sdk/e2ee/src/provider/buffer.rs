use std::io;
use zeroize::Zeroize;

/// Bytes that are overwritten with zeros before their memory is given back, also each time they outgrow it.
#[derive(Default)]
pub(super) struct SecretBuffer(Vec<u8>);

impl SecretBuffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// A growing `Vec` moves and leaves its old memory as it was; here the old memory is wiped first.
    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len().saturating_add(additional);
        if needed <= self.0.capacity() {
            return;
        }
        let mut grown = Vec::with_capacity(needed.max(self.0.capacity() * 2).max(256));
        grown.extend_from_slice(&self.0);
        drop(Self(std::mem::replace(&mut self.0, grown)));
    }
}

impl io::Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SecretBuffer {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
        #[cfg(test)]
        hook::record(&self.0);
    }
}

/// What a test may see of memory that is about to be given back.
#[cfg(test)]
pub(super) mod hook {
    use std::cell::RefCell;

    thread_local! {
        static DROPPED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn record(bytes: &[u8]) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(bytes.to_vec()));
    }

    /// The contents, at the moment they were freed, of this thread's buffers since the last call.
    pub(crate) fn take() -> Vec<Vec<u8>> {
        DROPPED.with_borrow_mut(std::mem::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn growing_wipes_the_memory_that_is_left_behind() {
        hook::take();
        let mut buffer = SecretBuffer::default();
        for _ in 0..10 {
            buffer.write_all(&[0xaa; 100]).unwrap();
        }
        assert_eq!(buffer.as_slice(), [0xaa; 1000]);
        let left_behind = hook::take();
        assert!(left_behind.iter().any(|bytes| !bytes.is_empty()), "it moved at least once");
        assert!(left_behind.iter().flatten().all(|byte| *byte == 0));
    }
}
