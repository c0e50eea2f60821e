//! The objects that a participant received: sealed, as the relay had them, and opened.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use isi_client::ObjectObserver;

use crate::{
    demo::protocol::ObjectSearch,
    hex,
    search::{Needles, TooManyNeedles},
};

/// Bytes of sealed objects kept for the search; the oldest go first.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// Pieces of ciphertext that are told, and their length: long enough to be found by nothing but themselves.
const PIECES: usize = 12;
const PIECE_BYTES: usize = 24;
/// Header in front of, tag and signature behind the ciphertext; pieces are taken from between.
const EDGE_BYTES: usize = 96;

/// Sealed and opened objects, the newest last.
#[derive(Default)]
pub(super) struct ObjectStore(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    objects: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl ObjectStore {
    /// What the SDK calls for every object.
    pub(super) fn observer(self: &Arc<Self>) -> ObjectObserver {
        let store = Arc::clone(self);
        ObjectObserver::new(move |object| store.keep(object.sealed, object.opened))
    }

    fn keep(&self, sealed: &[u8], opened: &[u8]) {
        let mut kept = self.lock();
        kept.bytes += sealed.len();
        kept.objects.push_back((sealed.to_vec(), opened.to_vec()));
        while kept.bytes > KEPT_BYTES_MAX {
            let Some((oldest, _)) = kept.objects.pop_front() else { return };
            kept.bytes -= oldest.len();
        }
    }

    /// Pieces from the middle of the newest objects that have one, in hex.
    pub(super) fn pieces(&self) -> Vec<String> {
        let kept = self.lock();
        let middles = kept.objects.iter().rev().filter_map(|(sealed, _)| {
            let middle = sealed.len() / 2;
            (sealed.len() >= 2 * EDGE_BYTES + PIECE_BYTES)
                .then(|| hex::encode(&sealed[middle..middle + PIECE_BYTES]))
        });
        middles.take(PIECES).collect()
    }

    /// Looks for each needle in the sealed and in the opened objects, with the searcher that searches memory.
    pub(super) fn search(&self, needles: &[Vec<u8>]) -> Result<ObjectSearch, TooManyNeedles> {
        let (mut in_sealed, mut in_opened) = (Needles::new(needles)?, Needles::new(needles)?);
        let kept = self.lock();
        for (sealed, opened) in &kept.objects {
            in_sealed.scan(sealed);
            in_opened.scan(opened);
        }
        Ok(ObjectSearch {
            objects: kept.objects.len() as u64,
            in_sealed: in_sealed.found().to_vec(),
            in_opened: in_opened.found().to_vec(),
        })
    }

    // A poisoned lock means a panic between two whole updates; what is kept is as good as before.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_and_opened_are_searched_apart() {
        let store = ObjectStore::default();
        store.keep(b"xxxxxxxx", b"a canary inside");
        store.keep(b"leaky canary", b"something");
        let found =
            store.search(&[b"canary".to_vec(), b"canary inside".to_vec(), b"nowhere".to_vec()]).unwrap();
        assert_eq!(found.objects, 2);
        assert_eq!(found.in_sealed, [true, false, false]);
        assert_eq!(found.in_opened, [true, true, false]);
    }

    #[test]
    fn pieces_come_from_the_middle_of_large_objects_newest_first() {
        let store = ObjectStore::default();
        for number in 0..20_u8 {
            store.keep(&vec![number; 400], b"");
            store.keep(&[0xee; 100], b"");
        }
        let pieces = store.pieces();
        assert_eq!(pieces.len(), PIECES);
        assert_eq!(pieces[0], "13".repeat(PIECE_BYTES));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let store = ObjectStore::default();
        (0..20).for_each(|_| store.keep(&vec![1; 8 << 20], b""));
        assert_eq!(store.lock().objects.len(), 8);
    }
}
