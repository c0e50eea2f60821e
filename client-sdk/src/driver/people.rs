use crate::{MemberId, SessionMember};
use isi_e2ee::{Group, LeafIndex};
use isi_wire::ParticipantId;
use std::collections::{BTreeMap, HashMap};

/// Which connection is which member's. A member says so itself, signed, and the relay must agree; neither can lie alone.
#[derive(Debug, Default)]
pub(super) struct People {
    by_leaf: BTreeMap<LeafIndex, Person>,
    by_participant: HashMap<ParticipantId, MemberId>,
}

#[derive(Debug)]
struct Person {
    id: MemberId,
    participant: Option<ParticipantId>,
    /// Where its join request came from, as the relay says: enough to know whom to bar at the relay.
    asked_from: Option<ParticipantId>,
}

impl People {
    /// Everybody of the group as it is now.
    pub(super) fn of(group: &Group) -> Self {
        let mut people = Self::default();
        for member in group.members() {
            people.add(member.leaf, group.epoch());
        }
        people
    }

    pub(super) fn add(&mut self, leaf: LeafIndex, since_epoch: u64) -> MemberId {
        let id = MemberId { leaf, since_epoch };
        self.by_leaf.insert(leaf, Person { id, participant: None, asked_from: None });
        id
    }

    pub(super) fn remove(&mut self, leaf: LeafIndex) -> Option<(MemberId, Option<ParticipantId>)> {
        let person = self.by_leaf.remove(&leaf)?;
        if let Some(participant) = person.participant {
            self.by_participant.remove(&participant);
        }
        Some((person.id, person.participant))
    }

    /// The member whose leaf it is now.
    pub(super) fn at(&self, leaf: LeafIndex) -> Option<MemberId> {
        self.by_leaf.get(&leaf).map(|person| person.id)
    }

    pub(super) fn is_member(&self, member: MemberId) -> bool {
        self.at(member.leaf) == Some(member)
    }

    pub(super) fn member_of(&self, participant: ParticipantId) -> Option<MemberId> {
        self.by_participant.get(&participant).copied()
    }

    pub(super) fn participant_of(&self, member: MemberId) -> Option<ParticipantId> {
        self.by_leaf.get(&member.leaf).filter(|person| person.id == member)?.participant
    }

    pub(super) fn came_from(&mut self, member: MemberId, participant: ParticipantId) {
        if let Some(person) = self.by_leaf.get_mut(&member.leaf).filter(|person| person.id == member) {
            person.asked_from = Some(participant);
        }
    }

    /// Whom the relay is to bar when this member is removed.
    pub(super) fn to_kick(&self, member: MemberId) -> Option<ParticipantId> {
        let person = self.by_leaf.get(&member.leaf).filter(|person| person.id == member)?;
        person.participant.or(person.asked_from)
    }

    /// Takes an announcement; whether it is news. The first to announce a connection keeps it.
    pub(super) fn announce(&mut self, member: MemberId, participant: ParticipantId) -> bool {
        if self.by_participant.contains_key(&participant) {
            return false;
        }
        let Some(person) = self.by_leaf.get_mut(&member.leaf).filter(|person| person.id == member) else {
            return false;
        };
        if let Some(before) = person.participant.replace(participant) {
            self.by_participant.remove(&before);
        }
        self.by_participant.insert(participant, member);
        true
    }

    /// All connections that are known.
    pub(super) fn participants(&self) -> Vec<ParticipantId> {
        self.by_participant.keys().copied().collect()
    }

    /// The connection is gone.
    pub(super) fn disconnect(&mut self, participant: ParticipantId) -> Option<MemberId> {
        let member = self.by_participant.remove(&participant)?;
        if let Some(person) = self.by_leaf.get_mut(&member.leaf) {
            person.participant = None;
        }
        Some(member)
    }

    pub(super) fn list(&self, group: &Group, me: MemberId) -> Vec<SessionMember> {
        let describe = |person: &Person| {
            let member = group.member(person.id.leaf)?;
            Some(SessionMember {
                id: person.id,
                issuer: member.issuer,
                subject: member.subject,
                role: member.role,
                is_organizer: member.is_organizer,
                key_thumbprint: member.key_thumbprint,
                is_online: person.id == me || person.participant.is_some(),
            })
        };
        self.by_leaf.values().filter_map(describe).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_that_is_used_again_is_another_member() {
        let mut people = People::default();
        let first = people.add(LeafIndex(3), 1);
        assert!(people.announce(first, ParticipantId(9)));
        assert_eq!(people.remove(LeafIndex(3)), Some((first, Some(ParticipantId(9)))));
        let second = people.add(LeafIndex(3), 2);
        assert_eq!((people.is_member(first), people.is_member(second)), (false, true));
        assert_eq!(people.participant_of(first), None);
        assert_eq!(people.member_of(ParticipantId(9)), None);
    }

    #[test]
    fn nobody_takes_over_a_connection_that_another_has_announced() {
        let mut people = People::default();
        let (one, other) = (people.add(LeafIndex(0), 1), people.add(LeafIndex(1), 1));
        assert!(people.announce(one, ParticipantId(9)));
        assert!(!people.announce(other, ParticipantId(9)));
        assert_eq!(people.member_of(ParticipantId(9)), Some(one));
        assert_eq!(people.disconnect(ParticipantId(9)), Some(one));
        assert_eq!(people.participant_of(one), None);
    }
}
