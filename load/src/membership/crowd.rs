use super::{Accounts, CrowdError};
use isi_e2ee::{Group, Invitation, MonotonicMs, PendingMember};

/// Members that come in by one commit while the crowd grows.
const GROWN_AT_ONCE: usize = 250;
/// The keyrings' clock stands still: no grace window is part of what is measured.
const AT: MonotonicMs = MonotonicMs(0);

/// A group of which two members are real, the organizer and one who follows. The others have a leaf with a key package and a
/// statement of their own, and nobody behind it: what a commit costs does not depend on them.
///
/// Everybody came in by commits without path, so the tree has no inner nodes and a commit with path is encrypted to every leaf:
/// the worst case.
pub struct Crowd {
    /// Who vouches for all.
    pub accounts: Accounts,
    /// The first of all.
    pub organizer: Group,
    /// The second.
    pub member: Group,
    /// By which everybody comes in.
    pub invitation: Invitation,
}

impl Crowd {
    /// Grows a group to so many members, at least two.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn grow(accounts: Accounts, members: usize) -> Result<Self, CrowdError> {
        let mut organizer = accounts.found("organizer")?;
        let invitation = organizer.invite()?;
        let mut pending = accounts.applicant("member", &invitation)?;
        let welcome = let_in(&mut organizer, std::slice::from_ref(&pending), &accounts, |_| Ok(()))?;
        let member = pending.join(&welcome, accounts.now(), AT)?;
        let mut crowd = Self { accounts, organizer, member, invitation };
        let mut numbers = 2..members;
        loop {
            let batch: Vec<_> = numbers.by_ref().take(GROWN_AT_ONCE).collect();
            if batch.is_empty() {
                return Ok(crowd);
            }
            let subjects: Vec<_> = batch.into_iter().map(|number| format!("crowd-{number}")).collect();
            crowd.add(&subjects)?;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.organizer.members().len()
    }

    /// Never: the organizer is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets in people with fresh keys, all by one commit, and the member follows; tells who waits for the Welcome, and it.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn add(&mut self, subjects: &[String]) -> Result<(Vec<PendingMember>, Vec<u8>), CrowdError> {
        let pending = subjects
            .iter()
            .map(|subject| self.accounts.applicant(subject, &self.invitation))
            .collect::<Result<Vec<_>, _>>()?;
        let member = &mut self.member;
        let follow = |commit: &[u8]| member.handle_commit(commit, AT).map(drop).map_err(CrowdError::from);
        let welcome = let_in(&mut self.organizer, &pending, &self.accounts, follow)?;
        Ok((pending, welcome))
    }

    /// Removes people by one commit, and the member follows.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn remove(&mut self, subjects: &[String]) -> Result<(), CrowdError> {
        let leaves: Vec<_> =
            subjects.iter().flat_map(|subject| self.organizer.leaves_of(subject)).copied().collect();
        let staged = self.organizer.remove(&leaves, self.accounts.now())?;
        self.organizer.handle_commit(&staged.commit, AT)?;
        self.member.handle_commit(&staged.commit, AT)?;
        Ok(())
    }
}

fn let_in(
    organizer: &mut Group,
    pending: &[PendingMember],
    accounts: &Accounts,
    follow: impl FnOnce(&[u8]) -> Result<(), CrowdError>,
) -> Result<Vec<u8>, CrowdError> {
    let applicants = pending
        .iter()
        .map(|pending| organizer.check_join_request(&pending.join_request(), accounts.now()))
        .collect::<Result<Vec<_>, _>>()?;
    let staged = organizer.admit(&applicants, accounts.now())?;
    organizer.handle_commit(&staged.commit, AT)?;
    follow(&staged.commit)?;
    Ok(staged.welcome.unwrap_or_default())
}

impl std::fmt::Debug for Crowd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crowd").field("organizer", &self.organizer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_e2ee::UnixSeconds;
    use isi_wire::SessionId;

    #[test]
    fn a_crowd_has_its_size_and_whoever_comes_can_follow() {
        let accounts = Accounts::new(SessionId([1; 16]), UnixSeconds(1_800_000_000)).unwrap();
        let mut crowd = Crowd::grow(accounts, 12).unwrap();
        assert_eq!(crowd.len(), 12);
        let (mut pending, welcome) = crowd.add(&["new".to_owned()]).unwrap();
        let new = pending[0].join(&welcome, crowd.accounts.now(), AT).unwrap();
        assert_eq!(new.session_code(), crowd.member.session_code());
        crowd.remove(&["new".to_owned()]).unwrap();
        assert_eq!(crowd.len(), 12);
        assert_eq!(crowd.member.session_code(), crowd.organizer.session_code());
    }
}
