//! Every row of the closed table, violated by a member that uses OpenMLS without our rules.

use crate::rogue::{
    Key, Leaf, MEDIA_KEY, ORGANIZERS, PARAMETERS, Rogue, STATEMENT, capabilities, commit_data,
    media_extension, with_rogue,
};
use crate::world::{AT, Issuer, NOW, issuer};
use ed25519_dalek::SigningKey;
use isi_e2ee::{Group, HandshakeError, LeafIndex, ProposalKind, RuleViolation, StatementError, thumbprint};
use openmls::prelude::*;
use openmls::schedule::psk::PreSharedKeyId;
use serde_json::json;

/// The commit is refused for the reason given, by everyone alike, and nothing has changed.
fn assert_refused(groups: [&mut Group; 2], commit: &[u8], why: RuleViolation) {
    for group in groups {
        let before = (group.epoch(), group.session_code(), group.members());
        assert_eq!(group.handle_commit(commit, AT), Err(HandshakeError::Refused(why)));
        assert_eq!((group.epoch(), group.session_code(), group.members()), before);
    }
}

fn added_by_rogue(leaf: &Leaf) -> (Group, Group, Vec<u8>) {
    let (root, ann, mut rogue) = with_rogue(true);
    let key_package = leaf.key_package(&OpenMlsRustCryptoProvider::default());
    let data = [commit_data(NOW.0), vec![0; 16]].concat();
    let commit = rogue.commit_with(data, |builder| builder.propose_adds([key_package]));
    (root, ann, commit)
}

type OpenMlsRustCryptoProvider = openmls_rust_crypto::OpenMlsRustCrypto;

fn assert_add_refused(leaf: &Leaf, why: RuleViolation) {
    let (mut root, mut ann, commit) = added_by_rogue(leaf);
    assert_refused([&mut root, &mut ann], &commit, why);
}

/// The control: what the other tests break is accepted unbroken.
#[test]
fn a_rogue_that_keeps_the_rules_is_accepted() {
    let (mut root, mut ann, commit) = added_by_rogue(&Leaf::good(10, "cid", "viewer"));
    for group in [&mut root, &mut ann] {
        let change = group.handle_commit(&commit, AT).unwrap();
        assert_eq!((change.added.len(), change.committer), (1, LeafIndex(2)));
    }
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(Rogue::fresh(20)));
    for group in [&mut root, &mut ann] {
        assert!(group.handle_commit(&commit, AT).unwrap().updated);
    }
}

#[test]
fn a_commit_names_an_invitation_for_each_newcomer() {
    for (adds, named) in [(1, 0), (1, 2), (0, 1)] {
        let (mut root, mut ann, mut rogue) = with_rogue(true);
        let key_package = Leaf::good(10, "cid", "viewer").key_package(&rogue.provider);
        let key_packages = [key_package].into_iter().take(adds);
        let data = [commit_data(NOW.0), vec![0; 16 * named]].concat();
        let commit = rogue.commit_with(data, |builder| {
            builder.propose_adds(key_packages).leaf_node_parameters(Rogue::fresh(20))
        });
        assert_refused([&mut root, &mut ann], &commit, RuleViolation::InvitationsUnnamed);
    }
}

#[test]
fn only_organizers_add() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let key_package = Leaf::good(10, "cid", "viewer").key_package(&rogue.provider);
    let commit = rogue.commit(|builder| builder.propose_adds([key_package]));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::NeedsOrganizer(ProposalKind::Add));
}

#[test]
fn only_organizers_remove_others() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let commit = rogue.commit(|builder| {
        builder.propose_removals([LeafNodeIndex::new(0)]).leaf_node_parameters(Rogue::fresh(20))
    });
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::NeedsOrganizer(ProposalKind::RemoveOther));
}

#[test]
fn only_organizers_change_the_context() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let context = rogue.context_with(ORGANIZERS, rogue.key.public().to_vec());
    let commit = rogue.commit(|builder| {
        builder.propose_group_context_extensions(context).unwrap().leaf_node_parameters(Rogue::fresh(20))
    });
    let why = RuleViolation::NeedsOrganizer(ProposalKind::ContextExtensions);
    assert_refused([&mut root, &mut ann], &commit, why);
}

#[test]
fn nobody_mixes_in_a_pre_shared_key() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let id = PreSharedKeyId::external(b"psk".to_vec(), vec![1; 32]);
    id.store(&rogue.provider, &[2; 32]).unwrap();
    let propose = Propose::PreSharedKey(id.clone());
    let proposal = rogue.mls.propose(&rogue.provider, &rogue.key, propose, ProposalOrRefType::Reference);
    let proposal = proposal.unwrap().0.to_bytes().unwrap();
    let why = RuleViolation::Forbidden(ProposalKind::PreSharedKey);
    assert_eq!(root.handle_proposal(&proposal), Err(HandshakeError::Refused(why)));
    rogue.mls.clear_pending_proposals(rogue.provider.storage()).unwrap();
    // Nobody else has the key, so MLS refuses the commit itself before the table would.
    let commit = rogue.commit(|builder| {
        builder.add_proposal(Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id))))
    });
    assert_eq!(ann.handle_commit(&commit, AT), Err(HandshakeError::Invalid));
}

#[test]
fn a_commit_carries_its_proposals_itself() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let (proposal, _) =
        rogue.mls.propose_remove_member(&rogue.provider, &rogue.key, LeafNodeIndex::new(1)).unwrap();
    let refused = root.handle_proposal(&proposal.to_bytes().unwrap()).unwrap_err();
    assert_eq!(refused, HandshakeError::Refused(RuleViolation::Forbidden(ProposalKind::RemoveOther)));
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(Rogue::fresh(20)));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::ByReference);
}

#[test]
fn nobody_but_a_leaver_proposes() {
    let (mut root, _, mut rogue) = with_rogue(true);
    let context = rogue.context_with(ORGANIZERS, rogue.key.public().to_vec());
    let key_package = Leaf::good(10, "cid", "viewer").key_package(&rogue.provider);
    let proposals = [
        (Propose::Add(key_package), ProposalKind::Add),
        (Propose::Update(Rogue::fresh(20)), ProposalKind::Update),
        (Propose::GroupContextExtensions(context), ProposalKind::ContextExtensions),
        (Propose::Custom(CustomProposal::new(0xF1F1, vec![1])), ProposalKind::Other),
    ];
    for (propose, kind) in proposals {
        let (message, _) =
            rogue.mls.propose(&rogue.provider, &rogue.key, propose, ProposalOrRefType::Reference).unwrap();
        let refused = root.handle_proposal(&message.to_bytes().unwrap()).unwrap_err();
        assert_eq!(refused, HandshakeError::Refused(RuleViolation::Forbidden(kind)));
    }
}

#[test]
fn a_commit_states_its_time() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let mut long = commit_data(NOW.0);
    long.push(0);
    let mut old = commit_data(NOW.0);
    old[0] = 0;
    let mut reason = commit_data(NOW.0);
    reason[9] = 99;
    for data in [vec![], long, old, reason] {
        let commit = rogue.commit_with(data, |builder| builder.leaf_node_parameters(Rogue::fresh(20)));
        assert_refused([&mut root, &mut ann], &commit, RuleViolation::NoStatedTime);
    }
}

#[test]
fn an_added_member_has_a_valid_statement() {
    let key = || Key(SigningKey::from_bytes(&[10; 32]));
    let draft = issuer().draft("cid", "viewer", &thumbprint(&key().public()));
    let mut expired = draft.clone();
    expired.claims["exp"] = json!(NOW.0);
    let mut elsewhere = draft.clone();
    elsewhere.claims["isi"]["s"] = json!("CAgICAgICAgICAgICAgICA");
    let mut of_another = draft.clone();
    of_another.claims["cnf"]["jkt"] = json!(thumbprint(&[1; 32]));
    let forger = Issuer::new(2, "2026-a");
    let stranger = Issuer::new(2, "2026-b");
    let stranger_draft = stranger.draft("cid", "viewer", &thumbprint(&key().public()));
    let cases = [
        (issuer().sign(&expired), StatementError::Expired),
        (issuer().sign(&elsewhere), StatementError::WrongSession),
        (issuer().sign(&of_another), StatementError::WrongKey),
        (forger.sign(&draft), StatementError::BadSignature),
        (stranger.sign(&stranger_draft), StatementError::UnknownIssuer),
        ("no statement".to_owned(), StatementError::Malformed),
    ];
    for (statement, why) in cases {
        assert_add_refused(&Leaf::with_statement(key(), statement), RuleViolation::Statement(why));
    }
}

#[test]
fn expiry_is_judged_by_the_stated_time() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let key_package = Leaf::good(10, "cid", "viewer").key_package(&rogue.provider);
    let commit = rogue.commit_with(commit_data(NOW.0 + 3600), |builder| builder.propose_adds([key_package]));
    let why = RuleViolation::Statement(StatementError::Expired);
    assert_refused([&mut root, &mut ann], &commit, why);
}

#[test]
fn an_added_leaf_is_exactly_a_sessions() {
    let good = || Leaf::good(10, "cid", "viewer");
    let cases = [
        Leaf { extensions: vec![], ..good() },
        Leaf { extensions: vec![media_extension(&[1; 31])], ..good() },
        Leaf { extensions: vec![media_extension(&[0; 32])], ..good() },
        // Of a type that every leaf says it knows, so MLS lets it through.
        Leaf {
            extensions: vec![
                good().extensions[0].clone(),
                Extension::Unknown(ORGANIZERS, UnknownExtension(vec![1])),
            ],
            ..good()
        },
        Leaf { capabilities: capabilities(&[STATEMENT, CredentialType::Basic], &[]), ..good() },
    ];
    for leaf in cases {
        assert_add_refused(&leaf, RuleViolation::BadLeaf);
    }
}

#[test]
fn an_added_key_package_is_exactly_a_sessions() {
    let good = || Leaf::good(10, "cid", "viewer");
    let for_an_hour = Leaf { lifetime: Lifetime::new(3600), ..good() };
    assert_add_refused(&for_an_hour, RuleViolation::BadKeyPackage);
}

#[test]
fn a_media_key_is_nobody_elses() {
    let mut leaf = Leaf::good(10, "cid", "viewer");
    leaf.extensions = Leaf::good(9, "rogue", "organizer").extensions;
    assert_add_refused(&leaf, RuleViolation::MediaKeyNotFresh);

    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let mut twin = Leaf::good(11, "dan", "viewer");
    twin.extensions = Leaf::good(10, "cid", "viewer").extensions;
    let key_packages = [Leaf::good(10, "cid", "viewer"), twin]
        .map(|leaf| leaf.key_package(&OpenMlsRustCryptoProvider::default()));
    let commit = rogue.commit(|builder| builder.propose_adds(key_packages));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::MediaKeyNotFresh);
}

#[test]
fn an_update_has_a_fresh_media_key() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let commit = rogue.commit(|builder| builder.force_self_update(true));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::MediaKeyNotFresh);
}

#[test]
fn an_update_keeps_the_leaf_a_sessions() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let leaf = LeafNodeParameters::builder().with_extensions(Extensions::empty()).build();
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(leaf));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::BadLeaf);
}

#[test]
fn an_update_keeps_the_subject() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let statement = |subject: &str, exp: u64| {
        let mut draft = issuer().draft(subject, "organizer", &thumbprint(&[9; 32]));
        draft.claims["cnf"]["jkt"] = json!(thumbprint(&Leaf::good(9, "rogue", "organizer").key.public()));
        draft.claims["exp"] = json!(exp);
        Credential::new(STATEMENT, issuer().sign(&draft).into_bytes())
    };
    let key = rogue.key.public().to_vec();
    let leaf = |credential| {
        let extensions = Rogue::fresh(20).extensions().unwrap().clone();
        let with_key = CredentialWithKey { credential, signature_key: key.clone().into() };
        LeafNodeParameters::builder().with_extensions(extensions).with_credential_with_key(with_key).build()
    };
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(leaf(statement("ann", NOW.0 + 3600))));
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::PathSubject);
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(leaf(statement("rogue", NOW.0))));
    let expired = RuleViolation::Statement(StatementError::Expired);
    assert_refused([&mut root, &mut ann], &commit, expired);
    // The control: a fresh statement for the same person is welcome.
    let commit = rogue.commit(|builder| builder.leaf_node_parameters(leaf(statement("rogue", NOW.0 + 9000))));
    for group in [&mut root, &mut ann] {
        group.handle_commit(&commit, AT).unwrap();
    }
}

#[test]
fn an_update_keeps_the_signature_key() {
    let (mut root, mut ann, mut rogue) = with_rogue(false);
    let new = Leaf::good(10, "rogue", "organizer");
    let credential_with_key =
        CredentialWithKey { credential: new.credential, signature_key: new.key.public().to_vec().into() };
    let bundle = NewSignerBundle { signer: &new.key, credential_with_key };
    rogue.mls.set_aad(commit_data(NOW.0));
    let commit = rogue
        .mls
        .self_update_with_new_signer(&rogue.provider, &rogue.key, bundle, Rogue::fresh(20))
        .unwrap()
        .into_commit()
        .to_bytes()
        .unwrap();
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::PathKey);
}

#[test]
fn the_context_keeps_our_extensions_and_nothing_else() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let key = rogue.key.public();
    let mut missing = rogue.mls.extensions().clone();
    missing.remove(ExtensionType::Unknown(ORGANIZERS));
    let types = [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown);
    let lax = RequiredCapabilitiesExtension::new(&types, &[], &[]);
    let mut undemanding = rogue.mls.extensions().clone();
    undemanding.add_or_replace(Extension::RequiredCapabilities(lax)).unwrap();
    let cases = [
        missing,
        undemanding,
        rogue.context_with(ORGANIZERS, vec![]),
        rogue.context_with(ORGANIZERS, key[..31].to_vec()),
        rogue.context_with(ORGANIZERS, [key, key].concat()),
        rogue.context_with(PARAMETERS, vec![1]),
        rogue.context_with(MEDIA_KEY, vec![1]),
    ];
    for context in cases {
        let commit = rogue.commit(|builder| {
            builder.propose_group_context_extensions(context).unwrap().leaf_node_parameters(Rogue::fresh(20))
        });
        assert_refused([&mut root, &mut ann], &commit, RuleViolation::BadContext);
    }
}

#[test]
fn issuer_keys_do_not_change() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let stranger = Issuer::new(2, "2026-b");
    let mut parameters = vec![1, 0, 3, 1, 6];
    parameters.extend_from_slice(stranger.kid.as_bytes());
    parameters.extend_from_slice(stranger.key.verifying_key().as_bytes());
    let context = rogue.context_with(PARAMETERS, parameters);
    let commit = rogue.commit(|builder| {
        builder.propose_group_context_extensions(context).unwrap().leaf_node_parameters(Rogue::fresh(20))
    });
    assert_refused([&mut root, &mut ann], &commit, RuleViolation::ParametersChanged);
}

#[test]
fn organizers_are_members_whose_statement_allows_it() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let own = rogue.key.public();
    let viewer: [u8; 32] = {
        let member = rogue.mls.member_at(LeafNodeIndex::new(1)).unwrap();
        member.signature_key.try_into().unwrap()
    };
    let stranger = Leaf::good(10, "cid", "organizer").key.public();
    for (key, why) in [(stranger, RuleViolation::OrganizerNotAMember), (viewer, RuleViolation::OrganizerRole)]
    {
        let context = rogue.context_with(ORGANIZERS, [own, key].concat());
        let commit = rogue.commit(|builder| {
            builder.propose_group_context_extensions(context).unwrap().leaf_node_parameters(Rogue::fresh(20))
        });
        assert_refused([&mut root, &mut ann], &commit, why);
    }
    // Whoever removes an organizer also takes it off the list.
    let commit = rogue.commit(|builder| {
        builder.propose_removals([LeafNodeIndex::new(0)]).leaf_node_parameters(Rogue::fresh(20))
    });
    assert_eq!(
        ann.handle_commit(&commit, AT),
        Err(HandshakeError::Refused(RuleViolation::OrganizerNotAMember))
    );
}

#[test]
fn handshakes_in_the_clear_and_external_joins_are_refused() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let info = rogue.mls.export_group_info(rogue.provider.crypto(), &rogue.key, true).unwrap();
    let info_bytes = info.to_bytes().unwrap();
    let MlsMessageBodyIn::GroupInfo(info) =
        MlsMessageIn::tls_deserialize_exact_bytes(&info_bytes).unwrap().extract()
    else {
        panic!("no group info")
    };
    let provider = OpenMlsRustCryptoProvider::default();
    let leaf = Leaf::good(10, "cid", "viewer");
    let credential = CredentialWithKey {
        credential: leaf.credential.clone(),
        signature_key: leaf.key.public().to_vec().into(),
    };
    let parameters = LeafNodeParameters::builder()
        .with_capabilities(leaf.capabilities.clone())
        .with_extensions(Extensions::from_vec(leaf.extensions.clone()).unwrap())
        .build();
    let (_, bundle) = MlsGroup::external_commit_builder()
        .build_group(&provider, info, credential)
        .unwrap()
        .leaf_node_parameters(parameters)
        .load_psks(provider.storage())
        .unwrap()
        .build(provider.rand(), provider.crypto(), &leaf.key, |_| true)
        .unwrap()
        .finalize(&provider)
        .unwrap();
    let external = bundle.into_commit().to_bytes().unwrap();
    for group in [&mut root, &mut ann] {
        assert_eq!(group.handle_commit(&external, AT), Err(HandshakeError::NotEncrypted));
        assert_eq!(group.handle_commit(&info_bytes, AT), Err(HandshakeError::NotEncrypted));
    }
    let config = MlsGroupJoinConfig::builder().wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY).build();
    rogue.mls.set_configuration(rogue.provider.storage(), &config).unwrap();
    let plain = rogue.commit(|builder| builder.leaf_node_parameters(Rogue::fresh(20)));
    for group in [&mut root, &mut ann] {
        assert_eq!(group.handle_commit(&plain, AT), Err(HandshakeError::NotEncrypted));
    }
}

#[test]
fn application_messages_are_refused() {
    let (mut root, _, mut rogue) = with_rogue(false);
    let message =
        rogue.mls.create_message(&rogue.provider, &rogue.key, b"hello").unwrap().to_bytes().unwrap();
    assert_eq!(root.handle_commit(&message, AT), Err(HandshakeError::WrongContent));
    assert_eq!(root.handle_proposal(&message), Err(HandshakeError::WrongContent));
}
