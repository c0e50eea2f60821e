//! Bytes that were altered on the way: refused, each of them, and nobody panics (in a build with debug assertions, too).

use crate::world::{AT, NOW, admit, assert_in_step, organizer, pending};
use isi_e2ee::HandshakeError;

/// Cut after every byte, and with every byte changed. Long ones are sampled, so that this ends.
fn mangled(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = bytes.len().div_ceil(700);
    let cut = (0..bytes.len()).step_by(step).map(|end| bytes[..end].to_vec());
    let changed = (0..bytes.len()).step_by(step).flat_map(|at| {
        [0x01, 0x80].map(|bit| {
            let mut altered = bytes.to_vec();
            altered[at] ^= bit;
            altered
        })
    });
    cut.chain(changed)
}

#[test]
fn mangled_join_requests_are_refused() {
    let mut root = organizer();
    let request = pending("ann", "viewer", &root.invite().unwrap()).join_request();
    let (head, key_package) = request.split_at(51);
    for key_package in mangled(key_package) {
        // The length before it is right, so that what is inside is looked at.
        let mut altered = head[..49].to_vec();
        isi_wire::put_varint(&mut altered, key_package.len() as u64);
        altered.extend_from_slice(&key_package);
        assert!(root.check_join_request(&altered, NOW).is_err());
    }
    for altered in mangled(head) {
        assert!(root.check_join_request(&[&altered, key_package].concat(), NOW).is_err());
    }
    root.check_join_request(&request, NOW).unwrap();
}

#[test]
fn mangled_commits_and_proposals_change_nothing() {
    let mut root = organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "participant");
    let proposal = ann.leave_proposal().unwrap();
    for altered in mangled(&proposal) {
        assert!(root.handle_proposal(&altered).is_err());
    }
    root.handle_proposal(&proposal).unwrap();
    let staged = root.rotate(NOW).unwrap();
    for altered in mangled(&staged.commit) {
        let refused = ann.handle_commit(&altered, AT).unwrap_err();
        assert!(!matches!(refused, HandshakeError::Library | HandshakeError::Evicted), "{refused:?}");
    }
    ann.handle_commit(&staged.commit, AT).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    assert_in_step(&[&root, &ann]);
}

#[test]
fn mangled_welcomes_let_nobody_in() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    // Each time anew: a Welcome that was looked at uses the key package up.
    for (part, cut) in (0..60).flat_map(|part| [(part, true), (part, false)]) {
        let mut ann = pending("ann", "viewer", &invitation);
        let applicant = root.check_join_request(&ann.join_request(), NOW).unwrap();
        let mut welcome = root.admit(&[applicant], NOW).unwrap().welcome.unwrap();
        root.discard_staged();
        let at = welcome.len() * part / 60;
        if cut {
            welcome.truncate(at);
        } else {
            welcome[at] ^= 0x40;
        }
        assert!(ann.join(&welcome, NOW, AT).is_err());
    }
}
