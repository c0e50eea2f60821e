//! One attack, one test, each over the real relay: every attack is refused with its own error, and the session goes on.
//!
//! Each defence was taken out once, and the tests beside it were seen to fail.
//!
//! | attack | test | defence | where |
//! |---|---|---|---|
//! | input without a lease | `input::a_viewer_without_a_lease` | input is taken from the lease's driver alone; the SDK drives by its own lease only | `client-sdk/src/driver/leases.rs` |
//! | a lease that its driver made | `input::a_lease_that_its_driver_has_made` | the driven member signs it | `client-sdk/e2ee/src/lease.rs` |
//! | a lease after its end | `input::a_lease_after_its_end` | the end closes the streams; a later lease has another generation and another id | `client-sdk/src/driver/commands.rs`, `client-sdk/src/lease/input_reader.rs` |
//! | a lease beyond its scope | `input::a_lease_beyond_its_scope` | each event is judged before it is handed out | `client-sdk/e2ee/src/lease/state.rs` |
//! | message, frame, input in another's name | `forgery` | the member's signature; the track's sender | `client-sdk/e2ee/src/objects/opener.rs` |
//! | a removed member at the relay | `removed::a_removed_member_comes_back_with_a_fresh_token_and_a_fresh_key` | its subject is barred | `relay/core/src/membership.rs` |
//! | a removed member in the group | `removed::a_removed_member_reads_and_writes_on_through_an_accomplice` | each epoch has keys of its own; a leaf goes with its member | `client-sdk/e2ee/src/keyring/epochs.rs`, `client-sdk/src/driver/log.rs` |
//! | a replayed object | `replay` | each place counts once; group and track are the stream's | `client-sdk/e2ee/src/objects/opener.rs`, `client-sdk/e2ee/src/objects/replay.rs` |
//! | a cut, changed or relabelled object | `damage` | length, claims, epoch, signature, tag | `client-sdk/e2ee/src/objects/opener.rs`, `client-sdk/e2ee/src/keyring/epochs.rs` |
//! | a token expired, for another relay, of nobody | `tokens::tokens_that_open_no_door` | its times, audience and signature | `relay/src/admission/claims.rs`, `relay/src/admission/mod.rs` |
//! | a stolen token, also while its owner is in | `tokens::a_stolen_token_before_and_while_its_owner_uses_it` | the token names a key | `relay/src/admission/mod.rs` |
//! | a proof of another connection | `tokens::a_proof_of_another_connection` | nonces and TLS exporter are signed | `wire/src/proof.rs`, `relay/src/admission/mod.rs` |
//! | a viewer that shares | `rights::a_viewer_shares_a_screen` | the token's `pub` | `relay/core/src/directory.rs` |
//! | a viewer that shares by a token that allows it | `rights::a_viewer_with_a_participants_token_shares_a_screen` | the role in its statement, in every member | `client-sdk/src/rights.rs`, `client-sdk/src/driver/shown.rs` |
//! | a participant's commit | `rights::a_participant_uploads_a_commit` | the token's `ctl` | `relay/core/src/sequencing.rs` |
//! | a commit of a member that is no organizer | `rights::a_member_that_is_no_organizer_removes_another` | every member's rules | `client-sdk/e2ee/src/rules.rs` |
//! | a stranger with a token and a statement | `rights::a_stranger_asks_to_be_let_in_without_the_invitations_secret` | the invitation's secret | `client-sdk/e2ee/src/group/admission.rs` |
//!
//! Where a relay has to collude, the rogue's own connection stands for it: the test puts on that member's streams what
//! the relay would.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test these are the failure")]

mod damage;
mod forgery;
mod input;
mod removed;
mod replay;
mod rights;
mod rogue;
mod scene;
mod tokens;
