use crate::encoding::{Malformed, Reader, put_bytes};
use crate::invitation::{Invitation, InvitationId};
use isi_wire::limits::LOG_PAYLOAD_BYTES_MAX;

const VERSION: u8 = 1;

/// Longest key package in a join request; ours have about 900 bytes with a statement of 500.
pub(crate) const KEY_PACKAGE_BYTES_MAX: usize = 8 * 1024;

/// What a joiner sends to the organizers: which invitation, proof of its secret, key package.
pub(crate) struct JoinRequest<'a> {
    pub(crate) invitation_id: InvitationId,
    pub(crate) mac: [u8; 32],
    pub(crate) key_package: &'a [u8],
}

impl<'a> JoinRequest<'a> {
    /// Version, invitation id (16 bytes), HMAC (32 bytes), key package behind its varint length.
    pub(crate) fn encode(
        invitation: &Invitation,
        key_package_ref: &[u8],
        statement: &[u8],
        key_package: &[u8],
    ) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&invitation.id().0);
        out.extend_from_slice(&invitation.authenticate(key_package_ref, statement));
        put_bytes(&mut out, key_package);
        out
    }

    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() > LOG_PAYLOAD_BYTES_MAX {
            return Err(Malformed);
        }
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        let request = Self {
            invitation_id: InvitationId(reader.array()?),
            mac: reader.array()?,
            key_package: reader.bytes(KEY_PACKAGE_BYTES_MAX)?,
        };
        reader.end()?;
        Ok(request)
    }
}
