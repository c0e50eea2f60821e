//! One attack, one test, each over the real relay: every attack is refused with its own error, and the session goes on.
//!
//! Each defence was taken out once, and the test beside it was seen to fail.
//!
//! | attack | test | defence | where |
//! |---|---|---|---|
//! | message, frame, input in a member's name by another member | `forgery` | the member's signature; the track's sender | `client-sdk/e2ee/src/objects/opener.rs` |
//! | another content under a signature over the AEAD's tag | `construction` | what is signed: a hash of all, with all that it is bound to | `client-sdk/e2ee/src/objects/bound.rs` |
//! | epoch, counter, track, media group swapped; a false keyframe | `swaps` | the signature is over where an object belongs | `client-sdk/e2ee/src/objects/bound.rs` |
//! | a cut, changed or relabelled object | `damage` | length, claims, epoch, signature, tag | `client-sdk/e2ee/src/objects/opener.rs`, `client-sdk/e2ee/src/keyring/epochs.rs` |
//! | a replayed object, on a stream, as a datagram, in the log | `replay` | each place counts once; group and track are the stream's | `client-sdk/e2ee/src/objects/opener.rs`, `client-sdk/e2ee/src/objects/replay.rs` |
//! | a garbage commit | `commits::garbage_commit` | skipped, and its uploader named; the next valid one counts | `client-sdk/src/driver/log.rs` |
//! | a second commit for an epoch | `commits::second_commit_for_an_epoch` | the same; the first valid one counts | `client-sdk/src/driver/log.rs` |
//! | reordered commits | `commits::reordered_commits` | the same; a commit is for one epoch (MLS) | `client-sdk/src/driver/log.rs` |
//! | reordered commits, of which one is lost; withheld commits | `commits::reordered_commits`, `commits::withheld_commits` | heartbeats name the epoch; entries name the commit before, so that a relay that stops lying shows a gap | `client-sdk/e2ee/src/heartbeat/watch.rs`, `client-sdk/src/driver/presence.rs` |
//! | a withheld remove, heartbeats withheld as well | `silence::withheld_remove` | who is not heard for 15 s is lost, and input stops | `client-sdk/e2ee/src/heartbeat/watch.rs`, `client-sdk/src/driver/watching.rs` |
//! | a withheld remove, heartbeats let through | `silence::withheld_remove_with_heartbeats` | heartbeats name the epoch | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | a remove that the relay puts into no log | `silence::swallowed_remove` | heartbeats name pending removals | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | queued heartbeats | `silence::queued_heartbeats` | a heartbeat counts if it echoes a young one of one's own | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | organizers on two sides of a fork | `silence::organizers_on_two_sides_of_a_fork` | heartbeats name the epoch's authenticator | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | the same, each side hidden from the other | `silence::organizers_on_two_sides_of_a_fork_that_hides_them_from_each_other` | who is not heard for 15 s is lost | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | a held-back click | `held_back::held_back_click` | input names the newest tick seen | `client-sdk/e2ee/src/lease/state.rs`, `client-sdk/e2ee/src/lease/ticks.rs` |
//! | input without a lease | `input::a_viewer_without_a_lease` | input is taken from the lease's driver alone; the SDK drives by its own lease only | `client-sdk/src/driver/leases.rs` |
//! | a lease that its driver made | `input::a_lease_that_its_driver_has_made` | the driven member signs it | `client-sdk/e2ee/src/lease.rs` |
//! | a lease replayed after its end | `input::a_lease_after_its_end` | the end closes the streams; a later lease has another generation and another id | `client-sdk/src/driver/commands.rs`, `client-sdk/src/lease/input_reader.rs` |
//! | a lease beyond its scope | `input::a_lease_beyond_its_scope` | each event is judged before it is handed out | `client-sdk/e2ee/src/lease/state.rs` |
//! | a removed member at the relay | `removed::a_removed_member_comes_back_with_a_fresh_token_and_a_fresh_key` | its subject is barred | `relay/core/src/membership.rs` |
//! | a removed member that kept every key | `removed::a_removed_member_reads_and_writes_on_through_an_accomplice` | each epoch has keys of its own; a leaf goes with its member | `client-sdk/e2ee/src/keyring/epochs.rs`, `client-sdk/src/driver/log.rs` |
//! | a removed member within the grace | `removed::a_removed_member_within_the_grace` | the grace is for those who stay | `client-sdk/e2ee/src/keyring/epochs.rs`, `client-sdk/src/driver/log.rs` |
//! | a ghost by the relay alone | `ghosts::ghost_by_the_relay_alone` | handshakes are encrypted to the epoch (MLS; nothing of ours to take out) | `client-sdk/e2ee/src/group/handshake.rs` |
//! | a ghost by the account service alone | `ghosts::ghost_by_the_account_service_alone` | the invitation's secret | `client-sdk/e2ee/src/group/admission.rs` |
//! | a ghost by the account service with a member | `ghosts::ghost_by_the_account_service_with_a_member` | invitations for one use, for one person | `client-sdk/e2ee/src/group/admission.rs` |
//! | a ghost by a member that is no organizer | `ghosts::ghost_by_a_non_organizer` | every member's rules | `client-sdk/e2ee/src/rules.rs` |
//! | a key package swapped in the lobby | `ghosts::swapped_key_package_in_the_lobby` | the invitation's secret signs it | `client-sdk/e2ee/src/group/admission.rs` |
//! | a fake group: of another organizer, by nobody's Welcome | `fake_group::fake_group_of_another_organizer`, `fake_group::fake_group_with_a_welcome_of_no_organizer` | the inviting organizer is listed, and a listed one sent the Welcome | `client-sdk/e2ee/src/group/join.rs` |
//! | a fake group around a real organizer's key package | `fake_group::fake_group_around_a_real_organizers_key_package` | nothing is said, and the join fails, before that organizer's heartbeat | `client-sdk/e2ee/src/heartbeat/watch.rs` |
//! | a token expired, for another relay, of nobody | `tokens::tokens_that_open_no_door` | its times, audience and signature | `relay/src/admission/claims.rs`, `relay/src/admission/mod.rs` |
//! | a stolen token, also while its owner is in | `tokens::a_stolen_token_before_and_while_its_owner_uses_it` | the token names a key | `relay/src/admission/mod.rs` |
//! | a proof of another connection | `tokens::a_proof_of_another_connection` | nonces and TLS exporter are signed | `wire/src/proof.rs`, `relay/src/admission/mod.rs` |
//! | a proof that a rogue relay passes on | `tokens::a_proof_that_a_rogue_relay_passes_on` | origin and TLS exporter are signed | `wire/src/proof.rs`, `relay/src/admission/mod.rs` |
//! | a viewer that shares, at the relay | `rights::a_viewer_shares_a_screen` | the token's `pub` | `relay/core/src/directory.rs` |
//! | a viewer that shares, with a relay that lets it | `rights::a_viewer_with_a_participants_token_shares_a_screen` | every member shows what the statement's role allows | `client-sdk/src/driver/shown.rs` |
//! | a participant's commits: with a Welcome, or without end | `rights::a_participant_uploads_commits` | the token's `ctl`; a bound on each one's commits | `relay/core/src/sequencing.rs` |
//! | a commit of a member that is no organizer | `rights::a_member_that_is_no_organizer_removes_another` | every member's rules | `client-sdk/e2ee/src/rules.rs` |
//!
//! Where a relay has to collude, the rogue's own connection stands for it: the test puts on that member's streams what
//! the relay would. Where it lies about the log or holds something back, `liar` stands between it and its people.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod commits;
mod construction;
mod damage;
mod fake_group;
mod forgery;
mod ghosts;
mod held_back;
mod input;
mod liar;
mod removed;
mod replay;
mod rights;
mod rogue;
mod scene;
mod silence;
mod swaps;
mod tokens;
