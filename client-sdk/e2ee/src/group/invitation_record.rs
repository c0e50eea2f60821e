use super::InviteOptions;
use super::invitations::{Known, Person};
use crate::UnixSeconds;
use crate::encoding::{Malformed, Reader, put_bytes};
use crate::invitation::{INVITATION_BYTES_MAX, Invitation};
use crate::statement::SUBJECT_BYTES_MAX;
use isi_wire::{SessionId, put_varint};
use zeroize::Zeroizing;

/// Users in one record; more go into another record of the same invitation.
const USERS_PER_RECORD_MAX: usize = 512;

/// One invitation on its way to another organizer: invitation bytes, flags (1 revoked), most uses u32 (0 no limit), end in
/// seconds since 1970 u64 (0 none), subject bytes (empty: anybody), count of users varint, users 16 bytes each.
pub(super) struct Record {
    pub(super) invitation: Invitation,
    pub(super) options: InviteOptions,
    pub(super) revoked: bool,
    pub(super) users: Vec<Person>,
}

impl Known {
    /// What another organizer needs. Secret.
    pub(super) fn records(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let users: Vec<_> = self.users.iter().copied().collect();
        let first = users.get(..users.len().min(USERS_PER_RECORD_MAX)).unwrap_or_default();
        let mut records = vec![self.record(first)];
        records.extend(users.chunks(USERS_PER_RECORD_MAX).skip(1).map(|users| self.record(users)));
        records
    }

    fn record(&self, users: &[Person]) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(512 + 16 * users.len()));
        put_bytes(&mut out, &self.invitation.encode());
        out.push(u8::from(self.revoked));
        out.extend_from_slice(&self.options.uses_max.unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.options.expires_at.map_or(0, |end| end.0).to_be_bytes());
        put_bytes(&mut out, self.options.subject.as_deref().unwrap_or_default().as_bytes());
        put_varint(&mut *out, users.len() as u64);
        users.iter().for_each(|person| out.extend_from_slice(person));
        out
    }
}

impl Record {
    pub(super) fn decode(reader: &mut Reader<'_>, session: SessionId) -> Result<Self, Malformed> {
        let invitation = Invitation::decode(reader.bytes(INVITATION_BYTES_MAX)?).ok_or(Malformed)?;
        let revoked = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Malformed),
        };
        let uses_max = Some(reader.u32()?).filter(|uses| *uses > 0);
        let expires_at = Some(reader.u64()?).filter(|end| *end > 0).map(UnixSeconds);
        let subject = std::str::from_utf8(reader.bytes(SUBJECT_BYTES_MAX)?).map_err(|_| Malformed)?;
        let subject = Some(subject).filter(|subject| !subject.is_empty()).map(str::to_owned);
        let options = InviteOptions { uses_max, subject, expires_at };
        let count = reader.count(USERS_PER_RECORD_MAX)?;
        let users = (0..count).map(|_| reader.array()).collect::<Result<_, _>>()?;
        if invitation.session() != session || !options.is_sound() {
            return Err(Malformed);
        }
        Ok(Self { invitation, options, revoked, users })
    }
}
