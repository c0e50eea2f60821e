//! Two commits for one epoch, and what the log or a peer may get wrong.

use crate::world::{AT, NOW, admit, assert_in_step, follow, organizer, pending, three};
use isi_e2ee::{HandshakeError, LeafIndex};

#[test]
fn the_first_commit_in_the_log_wins_and_the_other_is_made_again() {
    let mut root = organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "organizer");
    let mut bob = admit(&mut root, &mut [&mut ann], "bob", "viewer");
    let epoch = root.epoch();
    let from_root = root.rotate(NOW).unwrap();
    let from_ann = ann.rotate(NOW).unwrap();

    // The relay puts Ann's first. Root's staged one is discarded by merging hers.
    for group in [&mut ann, &mut root, &mut bob] {
        assert_eq!(group.handle_commit(&from_ann.commit, AT).unwrap().committer, LeafIndex(1));
    }
    assert_in_step(&[&root, &ann, &bob]);
    let late = HandshakeError::WrongEpoch { ours: epoch + 1, theirs: epoch };
    for group in [&mut ann, &mut root, &mut bob] {
        assert_eq!(group.handle_commit(&from_root.commit, AT), Err(late));
    }
    let again = root.rotate(NOW).unwrap();
    follow(&mut root, &mut [&mut ann, &mut bob], &again);
    assert_in_step(&[&root, &ann, &bob]);
}

#[test]
fn an_invalid_commit_costs_neither_the_epoch_nor_the_staged_commit() {
    let [mut root, mut ann, mut bob] = three();
    let staged = root.rotate(NOW).unwrap();
    let mut broken = ann.rotate(NOW).unwrap().commit;
    *broken.last_mut().unwrap() ^= 1;
    for group in [&mut root, &mut bob] {
        assert_eq!(group.handle_commit(&broken, AT), Err(HandshakeError::Invalid));
    }
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    assert_in_step(&[&root, &ann, &bob]);
}

#[test]
fn an_applicant_of_a_lost_commit_is_admitted_by_the_next() {
    let [mut root, mut ann, mut bob] = three();
    let mut cid = pending("cid", "viewer", &root.invite().unwrap());
    let applicant = root.check_join_request(&cid.join_request(), NOW).unwrap();
    let lost = root.admit(std::slice::from_ref(&applicant), NOW).unwrap();
    let won = ann.rotate(NOW).unwrap();
    follow(&mut ann, &mut [&mut root, &mut bob], &won);
    let staged = root.admit(&[applicant], NOW).unwrap();
    assert_ne!(lost.commit, staged.commit);
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    let cid = cid.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap();
    assert_in_step(&[&root, &ann, &bob, &cid]);
}

#[test]
fn a_replayed_commit_is_of_an_old_epoch() {
    let [mut root, mut ann, mut bob] = three();
    let staged = root.rotate(NOW).unwrap();
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    for group in [&mut root, &mut ann] {
        let refused = group.handle_commit(&staged.commit, AT).unwrap_err();
        assert!(matches!(refused, HandshakeError::WrongEpoch { .. }));
    }
}

#[test]
fn a_gap_in_the_log_is_seen() {
    let [mut root, mut ann, mut bob] = three();
    let first = root.rotate(NOW).unwrap();
    follow(&mut root, &mut [&mut ann], &first);
    let second = root.rotate(NOW).unwrap();
    let (ours, theirs) = (bob.epoch(), bob.epoch() + 1);
    assert_eq!(bob.handle_commit(&second.commit, AT), Err(HandshakeError::WrongEpoch { ours, theirs }));
}

#[test]
fn ones_own_discarded_commit_in_the_log_is_lost() {
    let [mut root, _, _] = three();
    let staged = root.rotate(NOW).unwrap();
    root.discard_staged();
    assert_eq!(root.handle_commit(&staged.commit, AT), Err(HandshakeError::Lost));
}

#[test]
fn commits_and_proposals_are_not_mistaken_for_each_other() {
    let [mut root, mut ann, _] = three();
    let proposal = ann.leave_proposal().unwrap();
    assert_eq!(root.handle_commit(&proposal, AT), Err(HandshakeError::WrongContent));
    let commit = ann.rotate(NOW).unwrap().commit;
    assert_eq!(root.handle_proposal(&commit), Err(HandshakeError::WrongContent));
}

#[test]
fn another_groups_commit_is_refused() {
    let [mut root, _, _] = three();
    let [mut other, _, _] = three();
    let commit = other.rotate(NOW).unwrap().commit;
    assert_eq!(root.handle_commit(&commit, AT), Err(HandshakeError::WrongGroup));
}

#[test]
fn mutated_handshakes_and_noise_are_refused_without_a_panic() {
    const SEED: u64 = 0x1517_2026_0001;
    println!("seed {SEED:#x}");
    let [mut root, mut ann, bob] = three();
    let genuine = [ann.rotate(NOW).unwrap().commit, root.rotate(NOW).unwrap().commit];
    let mut state = SEED;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut victims = [root, bob];
    for round in 0..2_000_usize {
        let mut bytes = genuine[0].clone();
        match round % 3 {
            0 => {
                let at = next() as usize % bytes.len();
                bytes[at] ^= 1 << (next() % 8);
            }
            1 => bytes.truncate(next() as usize % bytes.len()),
            _ => bytes = (0..next() % 200).map(|_| next() as u8).collect(),
        }
        for victim in &mut victims {
            assert!(victim.handle_commit(&bytes, AT).is_err());
            assert!(victim.handle_proposal(&bytes).is_err());
            assert!(victim.check_join_request(&bytes, NOW).is_err());
        }
    }
    let [mut root, mut bob] = victims;
    follow(
        &mut root,
        &mut [&mut ann, &mut bob],
        &isi_e2ee::Staged { commit: genuine[1].clone(), welcome: None },
    );
    assert_in_step(&[&root, &ann, &bob]);
}
