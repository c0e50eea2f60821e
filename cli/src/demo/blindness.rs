//! The searches of the demo's parent: which canaries were found where.

use std::collections::BTreeSet;

use super::{
    crew::{Crew, Planted, receiver_of},
    protocol::ObjectSearch,
    summary::CanaryFigures,
};
use crate::search::{CanaryKind, MemorySearchError, Needles, ProcessMemory};

/// Collects what was found, over all searches and both phases.
#[derive(Default)]
pub struct Blindness {
    figures: CanaryFigures,
    found_in_relay: BTreeSet<[u8; 16]>,
    ciphertext_found: BTreeSet<Vec<u8>>,
    refused: Option<String>,
}

impl Blindness {
    /// Counts canaries as planted.
    pub fn planted(&mut self, planted: &[Planted]) {
        self.figures.planted += planted.len() as u64;
    }

    /// Searches the relay's memory for canaries, and for pieces of ciphertext as a control.
    pub async fn search_relay(&mut self, pid: u32, planted: &[Planted], ciphertext: &[Vec<u8>]) {
        let canaries = planted.iter().map(|planted| planted.canary.bytes().to_vec());
        let wanted: Vec<Vec<u8>> = canaries.chain(ciphertext.iter().cloned()).collect();
        let (found, report) = match search_memory(pid, wanted.clone()).await {
            Ok(done) => done,
            Err(error) => return self.refuse(&error),
        };
        self.figures.relay_searches += 1;
        self.figures.relay_bytes_searched += report;
        for (planted, _) in planted.iter().zip(&found).filter(|(_, found)| **found) {
            self.found_in_relay.insert(*planted.canary.bytes());
        }
        let pieces = ciphertext.iter().zip(&found[planted.len()..]).filter(|(_, found)| **found);
        self.ciphertext_found.extend(pieces.map(|(piece, _)| piece.clone()));
        self.figures.found_in_relay = Some(self.found_in_relay.len() as u64);
        if !ciphertext.is_empty() {
            self.figures.control_ciphertext_found_in_relay = Some(self.ciphertext_found.len() as u64);
        }
    }

    /// Searches the participants' memory: viewers must hold every canary, third parties no private one. To be called
    /// before the needles are given to the participants themselves.
    pub async fn search_participants(&mut self, crew: &Crew) {
        let wanted: Vec<Vec<u8>> =
            crew.planted.iter().map(|planted| planted.canary.bytes().to_vec()).collect();
        let (mut in_viewers, mut at_third) = (vec![false; wanted.len()], 0);
        for (index, hand) in crew.hands.iter().enumerate() {
            let found = match search_memory(hand.process.pid(), wanted.clone()).await {
                Ok((found, _)) => found,
                Err(error) => return self.refuse(&error),
            };
            for (number, planted) in crew.planted.iter().enumerate().filter(|(number, _)| found[*number]) {
                in_viewers[number] |= index > 0;
                at_third += u64::from(is_third_party(index, planted, crew.hands.len()));
            }
        }
        let in_viewers = in_viewers.iter().filter(|found| **found).count() as u64;
        add(&mut self.figures.found_in_viewer, in_viewers);
        add(&mut self.figures.private_found_in_third_party, at_third);
    }

    /// Takes in what participants found in the objects they received.
    pub fn objects(&mut self, searches: &[ObjectSearch]) {
        let count = |pick: fn(&ObjectSearch) -> &Vec<bool>| {
            let needles = searches.iter().map(|search| pick(search).len()).max().unwrap_or(0);
            let found =
                |needle: &usize| searches.iter().any(|search| pick(search).get(*needle) == Some(&true));
            (0..needles).filter(found).count() as u64
        };
        add(&mut self.figures.found_in_objects, count(|search| &search.in_sealed));
        add(&mut self.figures.control_found_in_opened_objects, count(|search| &search.in_opened));
        self.figures.objects_searched += searches.iter().map(|search| search.objects).sum::<u64>();
    }

    /// Takes in what the proxy found, and whether it found what was sent through it as a control.
    pub fn wire(&mut self, found: u64, control: u64, payloads: u64) {
        add(&mut self.figures.found_on_wire, found);
        add(&mut self.figures.control_found_on_wire, control);
        self.figures.wire_payloads_searched += payloads;
    }

    /// Takes in what stands in the relay's log; `None`: it could not be read.
    pub fn log(&mut self, found: Option<u64>) {
        self.figures.found_in_log = found;
    }

    /// The figures so far.
    #[must_use]
    pub const fn figures(&self) -> &CanaryFigures {
        &self.figures
    }

    /// Why memory was not searched, where it was not.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    fn refuse(&mut self, error: &MemorySearchError) {
        self.refused = Some(error.to_string());
    }
}

fn is_third_party(index: usize, planted: &Planted, participants: usize) -> bool {
    planted.canary.kind() == CanaryKind::PrivateMessage
        && index != planted.owner
        && index != receiver_of(planted.owner, participants)
}

fn add(sum: &mut Option<u64>, count: u64) {
    *sum = Some(sum.unwrap_or(0) + count);
}

/// On a thread of its own: reading another process takes tens of milliseconds.
async fn search_memory(pid: u32, wanted: Vec<Vec<u8>>) -> Result<(Vec<bool>, u64), MemorySearchError> {
    let search = move || {
        let mut needles = Needles::new(&wanted).map_err(|_| MemorySearchError::TooMany)?;
        let report = ProcessMemory::open(pid)?.search(&mut needles)?;
        Ok((needles.found().to_vec(), report.searched_bytes))
    };
    tokio::task::spawn_blocking(search).await.unwrap_or(Err(MemorySearchError::NothingReadable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Canary;

    #[test]
    fn third_parties_are_neither_sender_nor_receiver() {
        let planted = |kind, owner| Planted { owner, canary: Canary::draw(kind).unwrap() };
        let private = planted(CanaryKind::PrivateMessage, 1);
        let third: Vec<usize> = (0..4).filter(|index| is_third_party(*index, &private, 4)).collect();
        assert_eq!(third, [0, 3]);
        assert!(!is_third_party(0, &planted(CanaryKind::Message, 1), 4));
    }

    #[test]
    fn objects_of_all_receivers_count_once_per_needle() {
        let mut blindness = Blindness::default();
        let search = |in_sealed: [bool; 2], in_opened: [bool; 2]| ObjectSearch {
            objects: 3,
            in_sealed: in_sealed.to_vec(),
            in_opened: in_opened.to_vec(),
        };
        blindness.objects(&[search([false, false], [true, false]), search([false, false], [true, true])]);
        assert_eq!(blindness.figures().found_in_objects, Some(0));
        assert_eq!(blindness.figures().control_found_in_opened_objects, Some(2));
        assert_eq!(blindness.figures().objects_searched, 6);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_search_that_is_refused_leaves_null() {
        let mut blindness = Blindness::default();
        blindness.search_relay(u32::MAX >> 1, &[], &[vec![1; 16]]).await;
        assert_eq!(blindness.figures().found_in_relay, None);
        assert!(blindness.refused().is_some());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn finds_in_this_process_what_is_in_it() {
        let planted = Planted { owner: 0, canary: Canary::draw(CanaryKind::Frame).unwrap() };
        let mut blindness = Blindness::default();
        blindness.search_relay(std::process::id(), &[planted], &[b"a piece of ciphertext..".to_vec()]).await;
        assert_eq!(blindness.figures().found_in_relay, Some(1));
        assert_eq!(blindness.figures().control_ciphertext_found_in_relay, Some(1));
    }
}
