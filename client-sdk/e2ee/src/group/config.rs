use crate::GroupProfile;
use crate::extensions::capabilities;
use openmls::group::{MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY};
use openmls::key_packages::Lifetime;
use openmls::prelude::{Extensions, GroupContext, LeafNode, SenderRatchetConfiguration};

/// Handshakes are padded to a multiple of this, so that their length tells less about what they do.
const PADDING_BYTES: usize = 128;
/// Handshakes of one sender that may arrive after a later one of it. The log keeps a sender's order.
const OUT_OF_ORDER_MESSAGES_MAX: u32 = 4;
/// Handshakes of one sender in one epoch that may be missing: commits that lost a race and were never logged.
const SKIPPED_MESSAGES_MAX: u32 = 256;

/// Nothing but ciphertext: handshakes as PrivateMessage, no secrets of past epochs (objects
/// have their own grace windows in the [`Keyring`](crate::Keyring)), the tree inside each Welcome.
pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING_BYTES)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet_config())
        .build()
}

pub(super) fn create_config(
    context: Extensions<GroupContext>,
    leaf: Extensions<LeafNode>,
    profile: GroupProfile,
) -> Option<MlsGroupCreateConfig> {
    let builder = MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING_BYTES)
        .max_past_epochs(0)
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet_config())
        .ciphersuite(profile.ciphersuite())
        .capabilities(capabilities(profile))
        .lifetime(lifetime())
        .with_group_context_extensions(context)
        .with_leaf_node_extensions(leaf)
        .ok()?;
    Some(builder.build())
}

/// Key packages live for ever as far as MLS is concerned, since MLS would have every member judge that by its
/// own clock. The statement's expiry, judged at a commit's stated time, is what limits them.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

fn ratchet_config() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_MESSAGES_MAX, SKIPPED_MESSAGES_MAX)
}
