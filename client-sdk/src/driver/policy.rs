use super::state::State;
use crate::command::Reply;
use crate::error::PolicyError;
use crate::options::{AdmitPolicy, SUBJECTS_LISTED_MAX};
use crate::payload::{PayloadError, Reader};
use std::collections::BTreeSet;

/// Longest subject: the bound of statements.
const SUBJECT_BYTES_MAX: usize = 128;

/// The policy of the session, which its organizers share: the newest counts, wherever it was set.
pub(super) struct SessionPolicy {
    /// Rises by one with each policy that is set; 0 is what this client began with.
    version: u64,
    policy: AdmitPolicy,
}

impl SessionPolicy {
    pub(super) const fn new(policy: AdmitPolicy) -> Self {
        Self { version: 0, policy }
    }

    pub(super) const fn current(&self) -> &AdmitPolicy {
        &self.policy
    }

    /// The creator's own is the session's from the beginning.
    pub(super) const fn found(&mut self) {
        self.version = 1;
    }

    fn set(&mut self, policy: AdmitPolicy) {
        self.version += 1;
        self.policy = policy;
    }

    /// Another organizer's: it counts if it is newer. Two that were set at the same time are told apart by their bytes, so
    /// that all organizers choose the same. Says whether it is another than before.
    fn adopt(&mut self, other: Self) -> bool {
        let (ours, theirs) = ((self.version, self.encode()), (other.version, other.encode()));
        if theirs <= ours {
            return false;
        }
        *self = other;
        true
    }

    /// Version u64, policy u8, then for a list of subjects: length u8, bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.version.to_be_bytes().to_vec();
        match &self.policy {
            AdmitPolicy::Ask => out.push(1),
            AdmitPolicy::InvitationHolders => out.push(2),
            AdmitPolicy::Locked => out.push(3),
            AdmitPolicy::Subjects(subjects) => {
                out.push(4);
                for subject in subjects {
                    // Checked where it was set.
                    out.push(u8::try_from(subject.len()).unwrap_or(u8::MAX));
                    out.extend_from_slice(subject.as_bytes());
                }
            }
        }
        out
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let version = reader.u64()?;
        let policy = match reader.u8()? {
            1 => AdmitPolicy::Ask,
            2 => AdmitPolicy::InvitationHolders,
            3 => AdmitPolicy::Locked,
            4 => {
                let mut subjects = BTreeSet::new();
                while !reader.is_empty() && subjects.len() < SUBJECTS_LISTED_MAX {
                    let len = usize::from(reader.u8()?);
                    let subject = std::str::from_utf8(reader.take(len)?);
                    subjects.insert(subject.map_err(|_| PayloadError::NotUtf8)?.to_owned());
                }
                AdmitPolicy::Subjects(subjects)
            }
            value => return Err(PayloadError::InvalidValue { field: "policy", value: u64::from(value) }),
        };
        Ok(Self { version, policy })
    }
}

impl State {
    pub(super) fn set_policy(&mut self, policy: AdmitPolicy, reply: Reply<(), PolicyError>) {
        if let AdmitPolicy::Subjects(subjects) = &policy
            && (subjects.len() > SUBJECTS_LISTED_MAX
                || subjects.iter().any(|subject| !(1..=SUBJECT_BYTES_MAX).contains(&subject.len())))
        {
            let _ = reply.send(Err(PolicyError::Subjects));
            return;
        }
        if !self.group.is_organizer() {
            let _ = reply.send(Err(PolicyError::NotAnOrganizer));
            return;
        }
        self.membership.policy.set(policy);
        self.judge_door();
        self.share_policy();
        let _ = reply.send(Ok(()));
    }

    pub(super) fn adopt_policy(&mut self, policy: SessionPolicy) {
        if self.membership.policy.adopt(policy) {
            self.judge_door();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<AdmitPolicy> {
        let subjects = ["ann", "bob"].map(str::to_owned).into();
        vec![
            AdmitPolicy::Ask,
            AdmitPolicy::InvitationHolders,
            AdmitPolicy::Locked,
            AdmitPolicy::Subjects(BTreeSet::new()),
            AdmitPolicy::Subjects(subjects),
        ]
    }

    #[test]
    fn every_policy_comes_back() {
        for policy in all() {
            let sent = SessionPolicy { version: 7, policy: policy.clone() };
            let received = Reader::whole(&sent.encode(), |reader| SessionPolicy::decode(reader)).unwrap();
            assert_eq!((received.version, received.policy), (7, policy));
        }
    }

    #[test]
    fn organizers_choose_the_same_whatever_comes_first() {
        let pairs =
            all().into_iter().flat_map(|one| all().into_iter().map(move |other| (one.clone(), other)));
        for (one, other) in pairs {
            let of = |version, policy: &AdmitPolicy| SessionPolicy { version, policy: policy.clone() };
            let (mut here, mut there) = (of(3, &one), of(3, &other));
            here.adopt(of(3, &other));
            there.adopt(of(3, &one));
            assert_eq!(here.policy, there.policy);
            assert!(!here.adopt(of(2, &other)), "an old one changes nothing");
            assert!(here.adopt(of(4, &one)));
            assert_eq!(here.policy, one);
        }
    }
}
