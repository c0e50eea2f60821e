//! An account service, a session, and shorthand for what its members do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use isi_e2ee::{
    EpochChange, Group, Invitation, IssuerKeys, MemberIdentity, MemberKey, MonotonicMs, PendingMember,
    Staged, UnixSeconds,
};
use isi_wire::SessionId;
use serde_json::{Value, json};

pub(crate) const SESSION: SessionId = SessionId([7; 16]);
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
pub(crate) const AT: MonotonicMs = MonotonicMs(1_000);

/// An account service with one key.
pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
    pub(crate) kid: &'static str,
}

/// A statement before it is signed. Tests break one field at a time.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Issuer {
    pub(crate) fn new(seed: u8, kid: &'static str) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), kid }
    }

    pub(crate) fn jwks(&self) -> Vec<u8> {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x});
        serde_json::to_vec(&json!({"keys": [jwk]})).unwrap()
    }

    pub(crate) fn keys(&self) -> IssuerKeys {
        IssuerKeys::from_jwks(&self.jwks()).unwrap()
    }

    pub(crate) fn draft(&self, subject: &str, role: &str, thumbprint: &str) -> Draft {
        Draft {
            header: json!({"alg": "EdDSA", "typ": "isi-statement+jwt", "kid": self.kid}),
            claims: json!({
                "iss": "https://accounts.example", "sub": subject, "iat": NOW.0 - 60, "exp": NOW.0 + 3600,
                "cnf": {"jkt": thumbprint},
                "isi": {"s": URL_SAFE_NO_PAD.encode(SESSION.0), "role": role},
            }),
        }
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        let [header, claims] = [&draft.header, &draft.claims]
            .map(|part| URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap()));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    pub(crate) fn identity(&self, subject: &str, role: &str) -> MemberIdentity {
        let key = MemberKey::generate();
        let statement = self.sign(&self.draft(subject, role, &key.thumbprint()));
        MemberIdentity::new(key, statement).unwrap()
    }
}

pub(crate) fn issuer() -> Issuer {
    Issuer::new(1, "2026-a")
}

pub(crate) fn organizer() -> Group {
    Group::create(issuer().identity("root", "organizer"), issuer().keys(), SESSION, NOW).unwrap()
}

pub(crate) fn pending(subject: &str, role: &str, invitation: &Invitation) -> PendingMember {
    PendingMember::new(issuer().identity(subject, role), SESSION, issuer().keys(), invitation).unwrap()
}

/// `by` admits one more, everyone in `others` follows.
pub(crate) fn admit(by: &mut Group, others: &mut [&mut Group], subject: &str, role: &str) -> Group {
    let mut pending = pending(subject, role, &by.invite().unwrap());
    let applicant = by.check_join_request(&pending.join_request(), NOW).unwrap();
    let staged = by.admit(&[applicant], NOW).unwrap();
    follow(by, others, &staged);
    pending.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()
}

/// The commit comes back from the log to its maker and goes to the others.
pub(crate) fn follow(by: &mut Group, others: &mut [&mut Group], staged: &Staged) -> Vec<EpochChange> {
    let mut changes = vec![by.handle_commit(&staged.commit, AT).unwrap()];
    for other in others {
        changes.push(other.handle_commit(&staged.commit, AT).unwrap());
    }
    changes
}

/// Organizer, participant, viewer: leaves 0, 1, 2.
pub(crate) fn three() -> [Group; 3] {
    let mut root = organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "participant");
    let bob = admit(&mut root, &mut [&mut ann], "bob", "viewer");
    [root, ann, bob]
}

pub(crate) fn assert_in_step(groups: &[&Group]) {
    let first = groups[0];
    for group in groups {
        assert_eq!(group.session_code(), first.session_code());
        assert_eq!(group.members(), first.members());
        assert_eq!(group.keyring().epoch(), Some(first.epoch()));
    }
}
