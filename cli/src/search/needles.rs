use memchr::memmem::Finder;

/// Needles in one search; more are refused.
pub const MAX_NEEDLES: usize = 64;

/// Too many needles for one search.
#[derive(Debug, thiserror::Error)]
#[error("more than {MAX_NEEDLES} byte strings in one search; search in several runs")]
pub struct TooManyNeedles;

/// Byte strings that are looked for together. Remembers which were found.
#[derive(Default)]
pub struct Needles {
    finders: Vec<Finder<'static>>,
    found: Vec<bool>,
}

impl Needles {
    /// Needles from byte strings; empty ones are never found.
    ///
    /// # Errors
    /// [`TooManyNeedles`].
    pub fn new<N: AsRef<[u8]>>(needles: &[N]) -> Result<Self, TooManyNeedles> {
        let mut all = Self::default();
        needles.iter().try_for_each(|needle| all.add(needle.as_ref()))?;
        Ok(all)
    }

    /// Adds one to those that later scans look for.
    ///
    /// # Errors
    /// [`TooManyNeedles`].
    pub fn add(&mut self, needle: &[u8]) -> Result<(), TooManyNeedles> {
        if self.finders.len() >= MAX_NEEDLES {
            return Err(TooManyNeedles);
        }
        self.finders.push(Finder::new(needle).into_owned());
        self.found.push(false);
        Ok(())
    }

    /// Looks for every needle not found before in one contiguous piece.
    pub fn scan(&mut self, haystack: &[u8]) {
        for (finder, found) in self.finders.iter().zip(&mut self.found) {
            if !*found && !finder.needle().is_empty() {
                *found = finder.find(haystack).is_some();
            }
        }
    }

    /// How many bytes two neighbouring pieces must share so that nothing on their border is missed.
    #[must_use]
    pub fn overlap(&self) -> usize {
        self.finders.iter().map(|finder| finder.needle().len()).max().unwrap_or(1).max(1) - 1
    }

    /// Which were found so far, in the order in which they were added.
    #[must_use]
    pub fn found(&self) -> &[bool] {
        &self.found
    }

    /// How many were found so far.
    #[must_use]
    pub fn found_count(&self) -> usize {
        self.found.iter().filter(|found| **found).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_needle_and_only_what_is_there() {
        let mut needles = Needles::new(&["alpha", "beta", "gamma", ""]).unwrap();
        needles.scan(b"xx beta yy");
        needles.scan(b"alphabet");
        assert_eq!(needles.found(), [true, true, false, false]);
        assert_eq!(needles.found_count(), 2);
    }

    #[test]
    fn the_overlap_is_one_less_than_the_longest_needle() {
        assert_eq!(Needles::new(&["ab", "abcdef"]).unwrap().overlap(), 5);
        assert_eq!(Needles::default().overlap(), 0);
    }

    #[test]
    fn the_number_of_needles_is_bounded() {
        assert!(Needles::new(&vec!["n"; MAX_NEEDLES]).is_ok());
        assert!(Needles::new(&vec!["n"; MAX_NEEDLES + 1]).is_err());
    }
}
