use super::PayloadError;

/// Takes fixed-width fields off the front of a plaintext.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Runs `read` over the whole of `bytes` and refuses what is left after it.
    pub(crate) fn whole<T>(
        bytes: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, PayloadError>,
    ) -> Result<T, PayloadError> {
        let mut reader = Self::new(bytes);
        let value = read(&mut reader)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(PayloadError::TrailingBytes(reader.rest.len())) }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(PayloadError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, PayloadError> {
        self.array::<1>().map(|[value]| value)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, PayloadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, PayloadError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, PayloadError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, PayloadError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool, PayloadError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(PayloadError::InvalidValue { field, value: u64::from(value) }),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `bytes` bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&'a [u8], PayloadError> {
        let (head, rest) = self.rest.split_at_checked(bytes).ok_or(PayloadError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// Everything that is left, at most `bytes_max` bytes.
    pub(crate) fn rest(&mut self, field: &'static str, bytes_max: usize) -> Result<&'a [u8], PayloadError> {
        let rest = std::mem::take(&mut self.rest);
        if rest.len() > bytes_max {
            return Err(PayloadError::TooLong { field, bytes: rest.len(), bytes_max });
        }
        Ok(rest)
    }
}
