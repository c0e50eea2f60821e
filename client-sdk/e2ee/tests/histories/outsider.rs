//! A member without our rules: commits what it likes, stays when it is removed, and tries everything afterwards.

use crate::log::{Entry, What, Who};
use crate::rng::Rng;
use crate::rogue::{Leaf, Rogue, commit_data, join_request, media_extension};
use crate::world::NOW;
use ed25519_dalek::SigningKey;
use isi_e2ee::{Invitation, LeafIndex};
use openmls::prelude::*;
use openmls_rust_crypto::OpenMlsRustCrypto;

pub(crate) struct Outsider {
    pub(crate) who: Who,
    pub(crate) subject: String,
    pub(crate) state: State,
    pub(crate) read: usize,
    pub(crate) position: usize,
    /// A commit of its own that others will take, too.
    mine: Option<Vec<u8>>,
}

pub(crate) enum State {
    Waits(Box<(OpenMlsRustCrypto, Leaf)>),
    In(Box<Rogue>),
    /// Removed, with all it ever had.
    Out(Box<Rogue>),
    Lost,
}

impl Outsider {
    /// Its request to be let in, by the rules.
    pub(crate) fn asking(who: Who, invitation: &Invitation, read: usize) -> (Self, What) {
        let subject = format!("rogue-{who}");
        let provider = OpenMlsRustCrypto::default();
        let leaf = Leaf::good(u8::try_from(who % 100).unwrap() + 1, &subject, "organizer");
        let bytes = join_request(invitation, &leaf.key_package(&provider));
        let request = What::JoinRequest { subject: subject.clone(), bytes };
        let state = State::Waits(Box::new((provider, leaf)));
        (Self { who, subject, state, read, position: 0, mine: None }, request)
    }

    pub(crate) fn handle(&mut self, at: usize, entry: &Entry) {
        match (std::mem::replace(&mut self.state, State::Lost), &entry.what) {
            (State::Waits(waits), What::Welcome { to, bytes }) if *to == self.who => {
                let (provider, leaf) = *waits;
                self.state = State::In(Box::new(Rogue::join(provider, leaf, bytes)));
                self.position = entry.last_handshake;
            }
            (State::In(rogue), What::Commit { bytes, honest, .. }) => {
                self.position = at + 1;
                self.state = self.follow(rogue, entry.sender, bytes, *honest);
            }
            (State::Out(mut rogue), What::Commit { bytes, .. }) => {
                let followed = process(&mut rogue, bytes);
                assert!(followed.is_none(), "{} followed a commit after its removal", self.subject);
                self.state = State::Out(rogue);
            }
            (state, _) => self.state = state,
        }
    }

    fn follow(&mut self, mut rogue: Box<Rogue>, sender: Who, bytes: &[u8], honest: bool) -> State {
        if sender == self.who {
            if self.mine.take_if(|mine| mine == bytes).is_some() {
                rogue.mls.merge_pending_commit(&rogue.provider).unwrap();
            }
            return State::In(rogue);
        }
        // What others refuse would lead it nowhere.
        if !honest {
            return State::In(rogue);
        }
        self.mine = None;
        match process(&mut rogue, bytes) {
            Some(staged) if staged.self_removed() => State::Out(rogue),
            Some(staged) => {
                rogue.mls.merge_staged_commit(&rogue.provider, *staged).unwrap();
                State::In(rogue)
            }
            None => panic!("{} cannot follow a commit by the rules", self.subject),
        }
    }

    /// Something for the log that the rules forbid, now and then something that they allow.
    pub(crate) fn act(&mut self, rng: &mut Rng, earlier: &[Entry]) -> Option<What> {
        let State::In(rogue) = &mut self.state else { return None };
        self.mine = None;
        let number = rng.below(10);
        let bytes = match number {
            0 => (0..50 + rng.below(400)).map(|_| u8::try_from(rng.below(256)).unwrap()).collect(),
            1 => replayed(rng, earlier)?,
            2 => rogue.commit_with(Vec::new(), |builder| builder.leaf_node_parameters(fresh(rng))),
            9 => rogue.commit(|builder| builder.leaf_node_parameters(fresh(rng))),
            _ => forbidden(rogue, rng, number),
        };
        let honest = number == 9;
        if honest {
            self.mine = Some(bytes.clone());
        }
        Some(What::Commit { bytes, honest, removes: Vec::new() })
    }

    pub(crate) fn leaf(&self) -> Option<LeafIndex> {
        if let State::In(rogue) = &self.state { Some(rogue.leaf()) } else { None }
    }
}

fn forbidden(rogue: &mut Rogue, rng: &mut Rng, number: usize) -> Vec<u8> {
    let provider = OpenMlsRustCrypto::default();
    let friend = Leaf::good(200, "friend", "organizer").key_package(&provider);
    let own = rogue.mls.own_leaf_index();
    let other = rogue.mls.members().map(|member| member.index).find(|index| *index != own);
    let key = rogue.key.public();
    let organizers = rogue.context_with(crate::rogue::ORGANIZERS, key.to_vec());
    let parameters = fresh(rng);
    rogue.commit_with(commit_data(NOW.0), |builder| match number {
        3 => builder.propose_adds([friend]),
        4 => builder.propose_removals(other).leaf_node_parameters(parameters),
        5 => builder.propose_group_context_extensions(organizers).unwrap().leaf_node_parameters(parameters),
        // Its media key stays as it is.
        6 => builder.force_self_update(true),
        7 => builder
            .leaf_node_parameters(LeafNodeParameters::builder().with_extensions(Extensions::empty()).build()),
        _ => builder.propose_adds([friend]).leaf_node_parameters(parameters),
    })
}

/// A commit of somebody, of any epoch, once more in one's own name, now and then with a byte changed.
fn replayed(rng: &mut Rng, earlier: &[Entry]) -> Option<Vec<u8>> {
    let commits = earlier.iter().filter_map(|entry| match &entry.what {
        What::Commit { bytes, .. } if !bytes.is_empty() => Some(bytes),
        _ => None,
    });
    let commits: Vec<_> = commits.collect();
    let mut bytes = rng.pick(&commits)?.clone();
    if rng.once_in(2) {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1;
    }
    Some(bytes)
}

/// Leaf parameters with a media key that nobody had before.
fn fresh(rng: &mut Rng) -> LeafNodeParameters {
    let seed = std::array::from_fn(|_| u8::try_from(rng.below(256)).unwrap());
    let key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let extensions = Extensions::single(media_extension(&key)).unwrap();
    LeafNodeParameters::builder().with_extensions(extensions).build()
}

fn process(rogue: &mut Rogue, commit: &[u8]) -> Option<Box<StagedCommit>> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(commit).ok()?;
    let message = message.try_into_protocol_message().ok()?;
    match rogue.mls.process_message(&rogue.provider, message).ok()?.into_content() {
        ProcessedMessageContent::StagedCommitMessage(staged) => Some(staged),
        _ => None,
    }
}
