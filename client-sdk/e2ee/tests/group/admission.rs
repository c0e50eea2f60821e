//! Invitations, join requests, Welcomes.

use crate::rogue::{Leaf, Rogue, STATEMENT, capabilities, join_request, with_rogue};
use crate::world::{AT, Issuer, NOW, SESSION, admit, assert_in_step, issuer, organizer, pending};
use isi_e2ee::{
    BadInvitation, Group, INVITATIONS_MAX, Invitation, InviteError, IssuerKeys, JoinRequestRefused,
    MemberIdentity, MemberKey, PendingError, PendingMember, RuleViolation, StageError, StatementError,
    UnixSeconds, WelcomeRefused,
};
use isi_wire::SessionId;
use openmls::prelude::{BasicCredential, CredentialType, Extension, UnknownExtension};
use openmls_rust_crypto::OpenMlsRustCrypto;
use serde_json::json;
use sha2::{Digest as _, Sha256};

fn check(group: &Group, leaf: &Leaf, invitation: &Invitation) -> Result<(), JoinRequestRefused> {
    let key_package = leaf.key_package(&OpenMlsRustCrypto::default());
    group.check_join_request(&join_request(invitation, &key_package), NOW).map(drop)
}

#[test]
fn an_invitation_survives_a_link() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let fragment = invitation.to_fragment();
    assert_eq!(fragment.len(), 131);
    assert_eq!(Invitation::from_fragment(&fragment).unwrap(), invitation);
    assert_eq!(Invitation::from_fragment(&format!("#{}", *fragment)).unwrap(), invitation);
    assert_eq!(invitation.session(), SESSION);
    for broken in [
        "",
        "#",
        &fragment[1..],
        &fragment[..129],
        &format!("{}AA", *fragment),
        &format!("B{}", &fragment[1..]),
    ] {
        assert_eq!(Invitation::from_fragment(broken), Err(BadInvitation));
    }
    assert!(!format!("{invitation:?}").contains(&fragment[87..]), "a log does not show the secret");
}

#[test]
fn invitations_are_bounded_and_can_be_revoked() {
    let mut root = organizer();
    let first = root.invite().unwrap();
    for _ in 1..INVITATIONS_MAX {
        root.invite().unwrap();
    }
    assert_eq!(root.invite(), Err(InviteError::TooMany));
    assert!(root.revoke(first.id()));
    root.invite().unwrap();
    let request = pending("ann", "viewer", &first).join_request();
    let refused = root.check_join_request(&request, NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::Revoked);
}

#[test]
fn a_request_without_the_secret_is_refused() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    // The right id and another's secret, as somebody who saw a request but not the link.
    let request = pending("ann", "viewer", &invitation).join_request();
    let mut other = pending("ann", "viewer", &root.invite().unwrap()).join_request();
    other[1..17].copy_from_slice(&request[1..17]);
    assert_eq!(root.check_join_request(&other, NOW).unwrap_err(), JoinRequestRefused::WrongSecret);
    // The right HMAC with another key package.
    let mut swapped = pending("ann", "viewer", &invitation).join_request();
    swapped[17..49].copy_from_slice(&request[17..49]);
    assert_eq!(root.check_join_request(&swapped, NOW).unwrap_err(), JoinRequestRefused::WrongSecret);
    let mut flipped = request.clone();
    flipped[20] ^= 1;
    assert_eq!(root.check_join_request(&flipped, NOW).unwrap_err(), JoinRequestRefused::WrongSecret);
    root.check_join_request(&request, NOW).unwrap();
}

#[test]
fn a_broken_request_is_refused() {
    let mut root = organizer();
    let request = pending("ann", "viewer", &root.invite().unwrap()).join_request();
    let mut version = request.clone();
    version[0] = 2;
    let longer = [&request[..], &[0]].concat();
    for broken in [&[][..], &request[..60], &longer, &version] {
        assert_eq!(root.check_join_request(broken, NOW).unwrap_err(), JoinRequestRefused::Malformed);
    }
    let mut unsigned = request;
    *unsigned.last_mut().unwrap() ^= 1;
    assert_eq!(root.check_join_request(&unsigned, NOW).unwrap_err(), JoinRequestRefused::BadKeyPackage);
}

#[test]
fn an_applicant_needs_a_statement_of_this_session() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let refused = |leaf: &Leaf| check(&root, leaf, &invitation).unwrap_err();
    let draft =
        issuer().draft("cid", "viewer", &isi_e2ee::thumbprint(&Leaf::good(10, "", "viewer").key.public()));
    let statement = |edit: &dyn Fn(&mut crate::world::Draft)| {
        let mut draft = draft.clone();
        edit(&mut draft);
        Leaf::with_statement(Leaf::good(10, "cid", "viewer").key, issuer().sign(&draft))
    };
    let cases: [(Leaf, StatementError); 13] = [
        (statement(&|draft| draft.claims["exp"] = json!(NOW.0)), StatementError::Expired),
        (
            statement(&|draft| draft.claims["isi"]["s"] = json!("CAgICAgICAgICAgICAgICA")),
            StatementError::WrongSession,
        ),
        (statement(&|draft| draft.claims["isi"]["s"] = json!("CAgI")), StatementError::Malformed),
        (statement(&|draft| draft.claims["isi"]["role"] = json!("king")), StatementError::Malformed),
        (statement(&|draft| draft.claims["cnf"]["jkt"] = json!("x")), StatementError::WrongKey),
        (statement(&|draft| draft.claims["sub"] = json!("")), StatementError::Malformed),
        (statement(&|draft| draft.claims["sub"] = json!("x".repeat(129))), StatementError::Malformed),
        (statement(&|draft| draft.claims["exp"] = json!(null)), StatementError::Malformed),
        (statement(&|draft| draft.header["alg"] = json!("none")), StatementError::WrongAlgorithm),
        (statement(&|draft| draft.header["alg"] = json!("HS256")), StatementError::WrongAlgorithm),
        (statement(&|draft| draft.header["typ"] = json!("JWT")), StatementError::WrongType),
        (statement(&|draft| draft.header["kid"] = json!("unknown")), StatementError::UnknownIssuer),
        (statement(&|draft| draft.header["crit"] = json!(["b64"])), StatementError::Malformed),
    ];
    for (leaf, why) in &cases {
        assert_eq!(refused(leaf), JoinRequestRefused::Refused(RuleViolation::Statement(*why)));
    }
    check(&root, &statement(&|_| ()), &invitation).unwrap();
}

#[test]
fn a_statement_has_one_encoding() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let good =
        String::from_utf8(Leaf::good(10, "cid", "viewer").credential.serialized_content().to_vec()).unwrap();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let padded = format!("{good}==");
    let unsigned = format!("{signed}.");
    let more = format!("{good}.{signature}");
    for statement in [padded, unsigned, more] {
        let leaf = Leaf::with_statement(Leaf::good(10, "cid", "viewer").key, statement);
        let refused = check(&root, &leaf, &invitation).unwrap_err();
        let why = RuleViolation::Statement(StatementError::Malformed);
        assert_eq!(refused, JoinRequestRefused::Refused(why));
    }
}

#[test]
fn a_foreign_credential_is_refused() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let leaf = Leaf {
        credential: BasicCredential::new(b"ann".to_vec()).into(),
        capabilities: capabilities(&[STATEMENT, CredentialType::Basic], &[]),
        ..Leaf::good(10, "cid", "viewer")
    };
    let refused = check(&root, &leaf, &invitation).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::Refused(RuleViolation::ForeignCredential));
}

#[test]
fn a_key_package_that_lives_on_is_refused() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let leaf = Leaf { last_resort: true, ..Leaf::good(10, "cid", "viewer") };
    let leaf = Leaf { capabilities: last_resort_capabilities(), ..leaf };
    let refused = check(&root, &leaf, &invitation).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::Refused(RuleViolation::BadKeyPackage));
}

fn last_resort_capabilities() -> openmls::prelude::Capabilities {
    use openmls::prelude::{Capabilities, ExtensionType, ProtocolVersion};
    let types = [0xF151, 0xF152, 0xF153].map(ExtensionType::Unknown);
    let types = [&types[..], &[ExtensionType::LastResort]].concat();
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[crate::rogue::SUITE]),
        Some(&types),
        Some(&[]),
        Some(&[STATEMENT]),
    )
}

#[test]
fn a_key_package_serves_once() {
    let mut root = organizer();
    let mut cid = pending("cid", "viewer", &root.invite().unwrap());
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    let staged = root.admit(std::slice::from_ref(&applicant), NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    let group = cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap();
    // The joiner has no keys for a second time, the organizer does not answer it twice.
    assert_eq!(cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap_err(), WelcomeRefused::NotForUs);
    let refused = root.check_join_request(&cid.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::KeyPackageReused);
    assert_eq!(
        root.admit(std::slice::from_ref(&applicant), NOW),
        Err(StageError::Applicant(JoinRequestRefused::KeyPackageReused))
    );
    let staged = root.remove(&[group.own_leaf()], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    let refused = root.check_join_request(&cid.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::KeyPackageReused);
    assert_eq!(
        root.admit(&[applicant], NOW),
        Err(StageError::Applicant(JoinRequestRefused::KeyPackageReused))
    );

    cid.renew().unwrap();
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    assert_in_step(&[&root, &cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()]);
}

#[test]
fn one_applicant_twice_in_one_commit_is_refused() {
    let mut root = organizer();
    let cid = pending("cid", "viewer", &root.invite().unwrap());
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    assert_eq!(
        root.admit(&[applicant.clone(), applicant], NOW),
        Err(StageError::Applicant(JoinRequestRefused::KeyPackageReused))
    );
}

#[test]
fn who_is_asked_with_what_does_not_fit_is_told() {
    let invitation = organizer().invite().unwrap();
    let new =
        |identity, session, issuers| PendingMember::new(identity, session, issuers, &invitation).unwrap_err();
    let identity = || issuer().identity("ann", "viewer");
    assert_eq!(new(identity(), SessionId([8; 16]), issuer().keys()), PendingError::OtherSession);
    let stranger = Issuer::new(2, "2026-b").keys();
    assert_eq!(new(identity(), SESSION, stranger), PendingError::Statement(StatementError::UnknownIssuer));
}

/// What a joiner that expects something else says to an otherwise good Welcome.
fn refused_with(
    edit: impl FnOnce(&mut Group, &Invitation) -> (Invitation, IssuerKeys),
    now: UnixSeconds,
) -> WelcomeRefused {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let (expected, issuers) = edit(&mut root, &invitation);
    let mut cid =
        PendingMember::new(issuer().identity("cid", "viewer"), SESSION, issuers, &expected).unwrap();
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    cid.join(staged.welcome.as_deref().unwrap(), now, AT).unwrap_err()
}

#[test]
fn a_joiner_insists_on_the_organizer_of_its_invitation() {
    let refused = refused_with(
        |_, invitation| {
            // Same secret, another fingerprint: what a relay that puts its own group in place would need.
            let mut bytes = decode(&invitation.to_fragment());
            bytes[17] ^= 1;
            (Invitation::from_fragment(&encode(&bytes)).unwrap(), issuer().keys())
        },
        NOW,
    );
    assert_eq!(refused, WelcomeRefused::WrongOrganizer);
}

#[test]
fn a_joiner_insists_on_its_issuer_keys() {
    // The joiner trusts the right account service, but the group trusts one more.
    let both = {
        let mut jwks: serde_json::Value = serde_json::from_slice(&issuer().jwks()).unwrap();
        let other: serde_json::Value = serde_json::from_slice(&Issuer::new(2, "2026-b").jwks()).unwrap();
        jwks["keys"].as_array_mut().unwrap().push(other["keys"][0].clone());
        IssuerKeys::from_jwks(&serde_json::to_vec(&jwks).unwrap()).unwrap()
    };
    let mut root = Group::create(issuer().identity("root", "organizer"), both.clone(), SESSION, NOW).unwrap();
    let invitation = root.invite().unwrap();
    for (issuers, expected) in [(issuer().keys(), Err(WelcomeRefused::ForeignIssuer)), (both, Ok(()))] {
        let mut cid =
            PendingMember::new(issuer().identity("cid", "viewer"), SESSION, issuers, &invitation).unwrap();
        let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
        let staged = root.admit(&[applicant], NOW).unwrap();
        root.discard_staged();
        assert_eq!(cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).map(drop), expected);
    }
}

#[test]
fn a_joiners_own_statement_must_last() {
    let refused =
        refused_with(|_, invitation| (invitation.clone(), issuer().keys()), UnixSeconds(NOW.0 + 3600));
    assert_eq!(refused, WelcomeRefused::Member(RuleViolation::Statement(StatementError::Expired)));
}

#[test]
fn a_request_is_for_one_session() {
    let mut root = organizer();
    let mut bytes = decode(&root.invite().unwrap().to_fragment());
    bytes[1..17].copy_from_slice(&[8; 16]);
    let elsewhere = Invitation::from_fragment(&encode(&bytes)).unwrap();
    let key = MemberKey::generate();
    let mut draft = issuer().draft("cid", "viewer", &key.thumbprint());
    draft.claims["isi"]["s"] = json!("CAgICAgICAgICAgICAgICA");
    let identity = MemberIdentity::new(key, issuer().sign(&draft)).unwrap();
    let cid = PendingMember::new(identity, SessionId([8; 16]), issuer().keys(), &elsewhere).unwrap();
    let refused = root.check_join_request(&cid.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::WrongSecret, "the session is under the HMAC");
}

#[test]
fn a_joiner_insists_on_a_group_of_its_session() {
    let here = [SESSION.0, [1; 16]].concat();
    let cases = [
        (here.clone(), None, Ok(())),
        ([[8; 16], [1; 16]].concat(), None, Err(WelcomeRefused::WrongSession)),
        (vec![], None, Err(WelcomeRefused::WrongSession)),
        (here, Some(0xF153), Err(WelcomeRefused::ForeignContents)),
    ];
    for (group_id, extension, expected) in cases {
        let more = extension.map(|id| Extension::Unknown(id, UnknownExtension(vec![1])));
        let mut founder = Rogue::founder(Leaf::good(9, "founder", "organizer"), &group_id, more);
        let fingerprint: [u8; 32] = Sha256::digest(founder.key.public()).into();
        let link = encode(&[&[1][..], &SESSION.0, &fingerprint, &[2; 16], &[3; 32], &[1]].concat());
        let mut cid = pending("cid", "viewer", &Invitation::from_fragment(&link).unwrap());
        let welcome = founder.welcome(&[key_package_of(&cid, &founder)]);
        assert_eq!(cid.join(&welcome, NOW, AT).map(drop), expected);
    }
}

#[test]
fn a_joiner_insists_on_an_organizer_whose_statement_allows_it() {
    let group_id = [SESSION.0, [1; 16]].concat();
    let mut founder = Rogue::founder(Leaf::good(9, "founder", "participant"), &group_id, None);
    let fingerprint: [u8; 32] = Sha256::digest(founder.key.public()).into();
    let link = encode(&[&[1][..], &SESSION.0, &fingerprint, &[2; 16], &[3; 32], &[1]].concat());
    let mut cid = pending("cid", "viewer", &Invitation::from_fragment(&link).unwrap());
    let welcome = founder.welcome(&[key_package_of(&cid, &founder)]);
    let refused = cid.join(&welcome, NOW, AT).unwrap_err();
    assert_eq!(refused, WelcomeRefused::Member(RuleViolation::OrganizerRole));
}

#[test]
fn a_welcome_that_no_organizer_sent_is_refused() {
    let (mut root, _, mut rogue) = with_rogue(false);
    let invitation = root.invite().unwrap();
    let mut cid = pending("cid", "viewer", &invitation);
    let key_package = key_package_of(&cid, &rogue);
    let welcome = rogue.welcome(&[key_package]);
    assert_eq!(cid.join(&welcome, NOW, AT).unwrap_err(), WelcomeRefused::NotFromOrganizer);
    assert_eq!(cid.join(&welcome, NOW, AT).unwrap_err(), WelcomeRefused::NotForUs, "the keys are gone");
}

#[test]
fn a_group_with_a_member_that_breaks_the_rules_is_refused() {
    let (mut root, _, mut rogue) = with_rogue(true);
    let mut cid = pending("cid", "viewer", &root.invite().unwrap());
    let key_package = key_package_of(&cid, &rogue);
    let forged = Issuer::new(2, "2026-a");
    let key = Leaf::good(10, "", "viewer").key;
    let statement = forged.sign(&forged.draft("dan", "viewer", &isi_e2ee::thumbprint(&key.public())));
    let stowaway = Leaf::with_statement(key, statement).key_package(&rogue.provider);
    let welcome = rogue.welcome(&[stowaway, key_package]);
    let refused = cid.join(&welcome, NOW, AT).unwrap_err();
    assert_eq!(refused, WelcomeRefused::Member(RuleViolation::Statement(StatementError::BadSignature)));
}

#[test]
fn noise_and_others_welcomes_are_no_welcome() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let mut cid = pending("cid", "viewer", &invitation);
    let dan = pending("dan", "viewer", &invitation);
    assert_eq!(cid.join(&[], NOW, AT).unwrap_err(), WelcomeRefused::Malformed);
    assert_eq!(cid.join(&[0xff; 300], NOW, AT).unwrap_err(), WelcomeRefused::Malformed);
    let oversize = vec![0; isi_wire::limits::WELCOME_BYTES_MAX + 1];
    assert_eq!(cid.join(&oversize, NOW, AT).unwrap_err(), WelcomeRefused::TooLarge);
    let applicant = root.check_join_request(&dan.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    assert_eq!(cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap_err(), WelcomeRefused::NotForUs);
    assert_eq!(cid.join(&staged.commit, NOW, AT).unwrap_err(), WelcomeRefused::Malformed);
    root.handle_commit(&staged.commit, AT).unwrap();
    // It was never used up, so the right one still works.
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    assert_in_step(&[&root, &cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()]);
}

#[test]
fn only_the_inviter_knows_the_invitation() {
    let mut root = organizer();
    let ann = admit(&mut root, &mut [], "ann", "organizer");
    let request = pending("cid", "viewer", &root.invite().unwrap()).join_request();
    assert_eq!(ann.check_join_request(&request, NOW).unwrap_err(), JoinRequestRefused::UnknownInvitation);
}

fn decode(fragment: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(fragment).unwrap()
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What an organizer reads from a join request.
fn key_package_of(pending: &PendingMember, reader: &Rogue) -> openmls::prelude::KeyPackage {
    use openmls::prelude::{DeserializeBytes as _, KeyPackageIn, OpenMlsProvider as _, ProtocolVersion};
    let request = pending.join_request();
    let mut rest = &request[49..];
    isi_wire::get_varint(&mut rest).unwrap();
    let package = KeyPackageIn::tls_deserialize_exact_bytes(rest).unwrap();
    package.validate(reader.provider.crypto(), ProtocolVersion::Mls10).unwrap()
}
