use crate::MemberId;

/// Somebody lies or is cut off: the relay, the network, or a member. Show it, with the name, until it is over.
///
/// While an alarm stands in which an organizer has a part, nobody gives input or takes it, and after
/// [`ConnectOptions::media_ms_max`](crate::ConnectOptions::media_ms_max) nothing is shared either; see
/// [`Event::StandingChanged`](crate::Event::StandingChanged). What another member says about itself alone stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alarm {
    /// Nothing fresh has come from this organizer for 15 s: it has lost its network, or is kept away from here. What it
    /// decides does not arrive.
    OrganizerSilent(MemberId),
    /// This member follows another log: the relay shows two histories. Compare session codes by voice.
    Forked(MemberId),
    /// This member knows of a change of the membership that has not arrived here for 5 s.
    ChangeWithheld(MemberId),
    /// An organizer took a member out, and for 5 s the relay has not put that into the log: the member is still in.
    RemovalWithheld {
        /// The organizer.
        by: MemberId,
        /// Who is to go.
        of: MemberId,
    },
}
