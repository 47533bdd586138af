//! A batch asks the store once for what all its commands need, as far as that can be found out; and nobody may ask for ever.

use super::disk::Disk;
use super::stage::*;
use crate::looped::submission;
use crate::samples::store_id;
use cartwright_app::shop::{Command, Decided, Moment, Submission};
use cartwright_app::work::{Stop, Work};
use cartwright_app::{Fault, Key};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Looks for locations that do not exist, one after the other, and changes nothing.
#[derive(Debug)]
struct Search {
    name: &'static str,
    places: usize,
    /// How often it was asked to decide.
    asked: Arc<AtomicUsize>,
}

impl Search {
    fn key(&self, place: usize) -> Key {
        Key::Store(store_id(&format!("{}-{place}", self.name)))
    }
}

impl Command for Search {
    fn plan(&self, _: &mut Vec<Key>) {}

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        for place in 0..self.places {
            work.store(&store_id(&format!("{}-{place}", self.name)))?;
        }
        Ok(Decided {
            events: Vec::new(),
            answer: self.key(0),
            created: false,
        })
    }
}

fn search(name: &'static str, places: usize) -> (Submission, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let search = Search {
        name,
        places,
        asked: asked.clone(),
    };
    (submission(search, None), asked)
}

#[test]
fn what_all_commands_of_a_batch_need_is_loaded_at_once() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let (searches, asked): (Vec<_>, Vec<_>) = ["a", "b", "c"]
        .map(|name| search(name, 2))
        .into_iter()
        .unzip();
    for answer in process.submit_all(searches) {
        decided(answer).expect("an outcome");
    }
    let round =
        |place: usize| ["a", "b", "c"].map(|name| Key::Store(store_id(&format!("{name}-{place}"))));
    assert_eq!(disk.state().loads, [round(0), round(1)]);
    for asked in asked {
        assert_eq!(asked.load(Ordering::SeqCst), 3, "once for each round");
    }
}

#[test]
fn a_batch_looks_ahead_six_times() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let ((first, _), (second, asked)) = (search("a", 8), search("b", 8));
    for answer in process.submit_all([first, second]) {
        decided(answer).expect("an outcome");
    }
    let sizes: Vec<_> = disk.state().loads.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1]);
    assert_eq!(asked.load(Ordering::SeqCst), 6 + 3);
}

#[test]
fn a_command_alone_in_its_batch_is_asked_once_for_each_round() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let (search, asked) = search("a", 8);
    for answer in process.submit_all([search]) {
        decided(answer).expect("an outcome");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 9);
    assert_eq!(disk.state().loads.len(), 8);
}

#[test]
fn what_memory_has_is_not_loaded_again() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    for loads in [3, 3] {
        decided(process.submit_all([search("a", 3).0]).remove(0)).expect("an outcome");
        assert_eq!(disk.state().loads.len(), loads);
    }
}

#[test]
fn a_command_that_keeps_asking_is_given_up_and_holds_up_nobody() {
    for (places, is_given_up) in [(63, false), (64, true)] {
        let disk = Disk::new();
        let mut process = Process::alone(&disk);
        let endless = search("a", places).0;
        let answers = process.submit_all([endless, submission(one_more("A"), None)]);
        let given_up = matches!(answers[0], Err(Fault::Overloaded));
        assert_eq!(given_up, is_given_up, "{places}: {:?}", answers[0]);
        assert!(answers[1].is_ok(), "{:?}", answers[1]);
        assert_eq!(disk.on_hand("A"), 21);
    }
}
