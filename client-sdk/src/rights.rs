//! What a role may send, whatever the relay lets through.

use isi_e2ee::Role;
use isi_wire::TrackKind;

/// The one table. A role is an upper bound from the account service's statement; the relay's token is checked by the relay
/// alone, which may lie or be careless.
///
/// | role | screen | video | audio | document | pointer | message | input |
/// |---|---|---|---|---|---|---|---|
/// | viewer | no | no | no | no | yes | yes | under a lease |
/// | participant | yes | yes | yes | yes | yes | yes | under a lease |
/// | organizer | yes | yes | yes | yes | yes | yes | under a lease |
pub(crate) const fn may_publish(role: Role, kind: TrackKind) -> bool {
    match role {
        Role::Organizer | Role::Participant => true,
        Role::Viewer => match kind {
            TrackKind::Input | TrackKind::Message | TrackKind::Pointer => true,
            TrackKind::Screen | TrackKind::Audio | TrackKind::Video | TrackKind::Document => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_shows_nothing_and_everybody_else_may() {
        let of = |role| TrackKind::ALL.iter().copied().filter(move |kind| may_publish(role, *kind)).count();
        assert_eq!([Role::Viewer, Role::Participant, Role::Organizer].map(of), [3, 7, 7]);
        assert!(!may_publish(Role::Viewer, TrackKind::Screen));
    }
}
