//! What organizers tell each other in private, so that each can go on alone: invitations with their limits, and the policy.

use super::policy::SessionPolicy;
use super::signal::PrivateContent;
use super::state::State;
use crate::MemberId;
use crate::clock::Clock;
use crate::event::Refused;
use crate::payload::{PayloadError, Reader};
use isi_e2ee::InvitationId;
use zeroize::Zeroizing;

/// Longest body: a list of invitations has at most 32 KiB, a policy 256 subjects of 128 bytes.
pub(super) const SHARED_BYTES_MAX: usize = 40 * 1024;

const INVITATIONS: u8 = 1;
const POLICY: u8 = 2;

impl State {
    /// An organizer that is new, or whose connection is: everything.
    pub(super) fn share_all_with(&mut self, to: MemberId) {
        if !self.shares_with(to) {
            return;
        }
        let lists = self.group.export_invitations(None);
        let policy = self.encode_policy();
        lists.iter().map(|list| tagged(INVITATIONS, list)).chain([policy]).for_each(|shared| {
            self.write_to_organizer(to, shared);
        });
    }

    /// An invitation that is new, or was revoked.
    pub(super) fn share_invitation(&mut self, id: InvitationId) {
        for list in self.group.export_invitations(Some(id)) {
            self.share_with_all(&tagged(INVITATIONS, &list));
        }
    }

    pub(super) fn share_policy(&mut self) {
        let policy = self.encode_policy();
        self.share_with_all(&policy);
    }

    fn encode_policy(&self) -> Zeroizing<Vec<u8>> {
        tagged(POLICY, &self.membership.policy.encode())
    }

    /// Who is not there now learns everything when it announces itself.
    fn share_with_all(&mut self, shared: &Zeroizing<Vec<u8>>) {
        for to in self.membership.organizers.clone() {
            if self.shares_with(to) {
                self.write_to_organizer(to, shared.clone());
            }
        }
    }

    fn shares_with(&self, other: MemberId) -> bool {
        let organizes = |member: MemberId| self.membership.organizers.contains(&member);
        other != self.me && organizes(self.me) && organizes(other)
    }

    /// From an organizer to an organizer; anybody else's word on this counts nothing.
    pub(super) fn handle_shared(&mut self, from: MemberId, shared: &[u8]) -> Result<(), Refused> {
        if !self.shares_with(from) {
            return Err(Refused::NotAnOrganizer);
        }
        Reader::whole(shared, |reader| match reader.u8()? {
            INVITATIONS => {
                let list = reader.rest("invitations", SHARED_BYTES_MAX)?;
                let imported = self.group.import_invitations(list, Clock::unix());
                imported.then_some(()).ok_or(PayloadError::InvalidValue { field: "invitations", value: 0 })
            }
            POLICY => {
                let policy = SessionPolicy::decode(reader)?;
                self.adopt_policy(policy);
                Ok(())
            }
            value => Err(PayloadError::InvalidValue { field: "shared", value: u64::from(value) }),
        })?;
        Ok(())
    }

    fn write_to_organizer(&mut self, to: MemberId, shared: Zeroizing<Vec<u8>>) {
        if self.people.participant_of(to).is_some() && self.check_room().is_ok() {
            self.write_in_private(to, PrivateContent::Shared(shared), None);
        }
    }
}

fn tagged(tag: u8, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut shared = Zeroizing::new(Vec::with_capacity(body.len() + 1));
    shared.push(tag);
    shared.extend_from_slice(body);
    shared
}
