use std::path::{Path, PathBuf};

use isi_client::{ConnectionKey, Credentials, MemberIdentity, MemberKey};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::secret_file::{SecretFileError, read_secret, write_file};
use crate::{hex, random};

/// Identity files end in this.
pub const IDENTITY_SUFFIX: &str = "isi";

/// What one person needs to come into one session: keys, token, statement, and whom to believe.
///
/// Wiped from memory when dropped. As a file it is JSON with mode 0600.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `isi://host:port`.
    pub relay: String,
    /// 32 hex digits.
    pub session: String,
    /// The account's opaque name for the person.
    pub subject: String,
    /// organizer, participant or viewer.
    pub role: String,
    /// The relay's JWT.
    pub token: String,
    /// The account service's JWS about the member's key.
    pub statement: String,
    /// The account's public keys (JWKS).
    pub issuer_keys: String,
    /// The relay's CA, PEM; the system's own authorities when empty.
    pub ca_pem: String,
    connection_key: String,
    member_key: String,
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// It is no identity file, or was edited.
    #[error("{path} is no identity file ({problem}); make one with `isi token issue`", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The system gave no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] random::NoRandomness),
    /// A key in it is not one.
    #[error("the identity's keys are damaged; make a new one with `isi token issue`")]
    Keys,
    /// Key and statement do not belong together.
    #[error(transparent)]
    Statement(#[from] isi_client::IdentityError),
}

/// Public halves of an identity's keys.
pub struct PublicKeys {
    /// Ed25519, to be named in the token.
    pub connection: [u8; 32],
    /// Thumbprint of the MLS leaf key, to be named in the statement.
    pub member_thumbprint: String,
}

impl Identity {
    /// Draws keys; token, statement and the rest are to be filled in.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn draw() -> Result<Self, IdentityError> {
        let key = || -> Result<String, IdentityError> {
            let secret = Zeroizing::new(random::bytes::<32>()?);
            Ok(hex::encode(&*secret))
        };
        Ok(Self {
            relay: String::new(),
            session: String::new(),
            subject: hex::encode(&random::bytes::<8>()?),
            role: String::new(),
            token: String::new(),
            statement: String::new(),
            issuer_keys: String::new(),
            ca_pem: String::new(),
            connection_key: key()?,
            member_key: key()?,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`IdentityError`], naming the file.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let text = read_secret(path)?;
        serde_json::from_str(&text)
            .map_err(|error| IdentityError::Format { path: path.to_owned(), problem: error.to_string() })
    }

    /// Writes a file with mode 0600.
    ///
    /// # Errors
    /// [`IdentityError::File`].
    pub fn save(&self, path: &Path, replace: bool) -> Result<(), IdentityError> {
        let mut text = Zeroizing::new(serde_json::to_string_pretty(self).unwrap_or_default());
        text.push('\n');
        Ok(write_file(path, text.as_bytes(), true, replace)?)
    }

    /// The public halves.
    ///
    /// # Errors
    /// [`IdentityError::Keys`].
    pub fn public_keys(&self) -> Result<PublicKeys, IdentityError> {
        let connection = ConnectionKey::from_secret(&*secret(&self.connection_key)?).public_key();
        let member_thumbprint = MemberKey::from_secret(&*secret(&self.member_key)?).thumbprint();
        Ok(PublicKeys { connection, member_thumbprint })
    }

    /// What the SDK takes.
    ///
    /// # Errors
    /// [`IdentityError::Keys`] and [`IdentityError::Statement`].
    pub fn credentials(&self) -> Result<Credentials, IdentityError> {
        let member = MemberKey::from_secret(&*secret(&self.member_key)?);
        Ok(Credentials {
            token: self.token.clone(),
            connection_key: ConnectionKey::from_secret(&*secret(&self.connection_key)?),
            identity: MemberIdentity::new(member, self.statement.clone())?,
        })
    }
}

fn secret(text: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let bytes = Zeroizing::new(hex::decode(text).ok_or(IdentityError::Keys)?);
    let array: [u8; 32] = bytes.as_slice().try_into().map_err(|_| IdentityError::Keys)?;
    Ok(Zeroizing::new(array))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp::TempFolder;

    #[test]
    fn a_file_gives_the_same_keys_back() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("a.isi");
        let identity = Identity::draw().unwrap();
        identity.save(&path, false).unwrap();
        let (before, after) =
            (identity.public_keys().unwrap(), Identity::load(&path).unwrap().public_keys().unwrap());
        assert_eq!(before.connection, after.connection);
        assert_eq!(before.member_thumbprint, after.member_thumbprint);
        assert_ne!(before.connection, Identity::draw().unwrap().public_keys().unwrap().connection);
    }

    #[test]
    fn other_files_are_refused_with_their_name() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("b.isi");
        write_file(&path, b"{\"relay\":1}", true, false).unwrap();
        let error = Identity::load(&path).err().unwrap().to_string();
        assert!(
            error.contains("b.isi is no identity file") && error.ends_with("`isi token issue`"),
            "{error}"
        );
    }
}
