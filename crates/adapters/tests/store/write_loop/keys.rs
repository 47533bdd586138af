//! Idempotency keys in the loop: one effect, the same bytes, found again wherever they are kept.

use super::disk::Disk;
use super::stage::*;
use crate::looped::{keyed, reserve, submission};
use crate::samples::{NOW, sku};
use cartwright_app::kept::KeptReply;
use cartwright_app::shop::{Keyed, Reply};
use cartwright_app::{Fault, Key};
use cartwright_domain::{Refusal, Time};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn what_is_kept_is_found_in_its_place_and_by_whoever_comes_after() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let mut first = Vec::new();
    for number in 0..3 {
        let two = [2 * number, 2 * number + 1].map(|key| submission(one_more("A"), keyed(key, 1)));
        first.extend(process.submit_all(two).into_iter().map(kept));
        // Batches without a key take no place.
        decided(process.submit(one_more("B"))).expect("a unit");
    }
    assert!(first.iter().all(|(_, again)| !again));
    let finds_all = |process: &mut Process| {
        for (key, (bytes, _)) in (0..).zip(&first) {
            let again = kept(process.submit_keyed(one_more("A"), keyed(key, 1)));
            assert_eq!(again, (bytes.clone(), true), "key {key}");
        }
    };
    finds_all(&mut process);
    drop(process);
    let mut process = Process::alone(&disk);
    finds_all(&mut process);
    // And so is what is kept after that.
    let (bytes, _) = kept(process.submit_keyed(one_more("A"), keyed(9, 1)));
    let again = kept(process.submit_keyed(one_more("A"), keyed(9, 1)));
    assert_eq!(again, (bytes, true));
    finds_all(&mut process);
    assert_eq!(disk.on_hand("A"), 27);
}

#[test]
fn a_key_that_comes_twice_in_one_batch_is_one_effect() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let payloads = [1, 1, 2];
    let asked = payloads.map(|payload| submission(one_more("A"), keyed(1, payload)));
    let mut answers = process.submit_all(asked);
    let other = answers.pop().expect("an answer").expect("an answer");
    assert!(matches!(other.reply, Reply::KeyReused), "{other:?}");
    let [(first, no), (second, yes)] = [answers.remove(0), answers.remove(0)].map(kept);
    assert_eq!((first, no, yes), (second, false, true));
    assert_eq!(disk.on_hand("A"), 21);
}

#[test]
fn a_refusal_is_kept_but_a_conflict_of_versions_is_another_try() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let conflict = decided(process.submit_keyed(one_more_at("A", 99), keyed(1, 1)));
    assert!(matches!(conflict, Err(Refusal::VersionConflict { .. })));
    let (_, again) = kept(process.submit_keyed(one_more_at("A", 1), keyed(1, 2)));
    assert!(!again, "the key was still free");
    assert_eq!(disk.on_hand("A"), 21);

    let (first, again) = kept(process.submit_keyed(reserve("r", 99), keyed(2, 1)));
    assert!(!again);
    let retried = kept(process.submit_keyed(reserve("r", 99), keyed(2, 1)));
    assert_eq!(retried, (first, true));
}

#[test]
fn a_reply_can_show_the_product_of_a_sku() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let shows = |key: u8, wanted: &'static str| Keyed {
        hash: [key; 16],
        payload_hash: [1; 32],
        keep_ms: HOUR_MS,
        render: Box::new(move |_, shelf| KeptReply {
            status: 200,
            body: match shelf(&sku(wanted)) {
                Some(product) => product.data.name.to_string().into(),
                None => "nothing".into(),
            },
            ..KeptReply::default()
        }),
    };
    for (key, wanted, name) in [(1, "A", "“lamp”"), (2, "Z", "nothing"), (3, "A", "“lamp”")]
    {
        let (body, _) = kept(process.submit_keyed(one_more("A"), Some(shows(key, wanted))));
        assert_eq!(String::from_utf8(body).as_deref(), Ok(name), "{wanted}");
    }
}

#[test]
fn replies_that_no_longer_count_are_dropped_by_the_hour() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    assert!(process.submit_keyed(one_more("A"), keyed(1, 1)).is_ok());
    process.watch.pass_wall(HOUR_MS);
    process.turn();
    assert_eq!(disk.state().dropped, [], "its hour is not over");
    process.watch.pass_wall(HOUR_MS);
    process.turn();
    process.turn();
    assert_eq!(disk.state().dropped, [Time(NOW.0 + 2 * HOUR_MS)]);
}

#[test]
fn no_key_is_forgotten_to_make_room() {
    let disk = Disk::new();
    let mut options = options();
    options.max_kept = 3;
    let mut process = Process::with(&disk, options, None);
    let asked = (1..=4).map(|key| submission(one_more("A"), keyed(key, 1)));
    let answers = process.submit_all(asked);
    let shed: Vec<_> = answers
        .iter()
        .map(|answer| matches!(answer, Err(Fault::Overloaded)))
        .collect();
    assert_eq!(shed, [false, false, false, true]);
    assert_eq!(disk.on_hand("A"), 23);
    let again = kept(process.submit_keyed(one_more("A"), keyed(1, 1)));
    assert!(again.1);
    // What has no key needs no room.
    assert!(process.submit(one_more("A")).is_ok());
    assert!(process.remembers(&level("A")) && !process.remembers(&Key::Sku(sku("A"))));
}
