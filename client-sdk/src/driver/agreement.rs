use crate::lease::Agreement;
use isi_e2ee::{Group, LeafIndex, PrivateContext, PrivateKeys, PrivateReceiver};
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// Epochs whose PSK a receiver keeps: the sender may have agreed a second ago, and while many join there are four
/// commits a second.
const PSK_EPOCHS_MAX: usize = 8;

/// The receiving side of a lease or a private conversation: its key, and the PSKs of the newest epochs. All of it goes
/// when the lease or conversation ends.
#[derive(Debug)]
pub(super) struct PrivateInbox {
    context_id: [u8; 16],
    receiver: PrivateReceiver,
    psks: VecDeque<(u64, Zeroizing<[u8; 32]>)>,
}

impl PrivateInbox {
    pub(super) fn new(group: &Group, context_id: [u8; 16]) -> Self {
        let mut inbox = Self { context_id, receiver: PrivateReceiver::generate(), psks: VecDeque::new() };
        inbox.enter_epoch(group);
        inbox
    }

    pub(super) const fn public_key(&self) -> [u8; 32] {
        self.receiver.public_key()
    }

    /// To be called after each merge.
    pub(super) fn enter_epoch(&mut self, group: &Group) {
        if let Ok(psk) = group.export_private_psk(&self.context_id) {
            self.psks.truncate(PSK_EPOCHS_MAX - 1);
            self.psks.push_front((group.epoch(), psk));
        }
    }

    /// The keys that `from` agreed on in `epoch`; `None` when that epoch is not at hand or the key is unusable.
    pub(super) fn accept(
        &self,
        group: &Group,
        from: LeafIndex,
        epoch: u64,
        enc: &[u8; 32],
    ) -> Option<PrivateKeys> {
        let (_, psk) = self.psks.iter().find(|(known, _)| *known == epoch)?;
        let context = context(group, epoch, from, group.own_leaf(), self.context_id);
        self.receiver.accept(psk, context, enc).ok()
    }
}

/// The sending side: agrees with the holder of `public_key` in the newest epoch.
pub(super) fn agree(
    group: &Group,
    to: LeafIndex,
    context_id: [u8; 16],
    public_key: &[u8; 32],
) -> Option<Agreement> {
    let epoch = group.epoch();
    let psk = group.export_private_psk(&context_id).ok()?;
    let context = context(group, epoch, group.own_leaf(), to, context_id);
    let (enc, keys) = PrivateKeys::agree(&psk, context, public_key).ok()?;
    Some(Agreement { epoch, enc, keys })
}

fn context(
    group: &Group,
    epoch: u64,
    from: LeafIndex,
    to: LeafIndex,
    context_id: [u8; 16],
) -> PrivateContext {
    PrivateContext { group_id: group.group_id().to_vec(), epoch, from, to, context_id }
}
