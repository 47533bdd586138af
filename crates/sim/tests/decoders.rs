//! The log's decoders, with entries of real worlds made bad: a corrupt one is refused or read as something that can be written again, and
//! nothing panics. `FUZZ_ROUNDS` says how often each entry is changed.

use cartwright_app::events::{decode, encode, key_of, stream, type_of};
use cartwright_app::kept::KeptReply;
use cartwright_proto::events as proto;
use prost::Message;
use std::collections::BTreeSet;

#[allow(dead_code, reason = "JSON is for requests")]
#[path = "../../server/tests/fuzz/mangle.rs"]
mod mangle;

use mangle::Mangler;

/// How often each entry is changed.
fn rounds() -> u64 {
    let told = std::env::var("FUZZ_ROUNDS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[test]
fn entries_of_the_log() {
    let (mut kinds, mut refused, mut read) = (BTreeSet::new(), 0, 0);
    let mut mangler = Mangler::new(1);
    for seed in 1..=6 {
        for entry in cartwright_sim::log(seed, 60) {
            let event = decode(&entry).expect("what was written can be read");
            // Notices are for outside: they change nothing here.
            let Some(event) = event else { continue };
            assert_eq!(type_of(&event), entry.r#type);
            assert_eq!(encode(&event), entry.payload, "{event:?}");
            let key = key_of(&entry.stream).expect("a stream is of a noun");
            assert_eq!(stream(&key), entry.stream);
            kinds.insert(entry.r#type.clone());
            for _ in 0..rounds() {
                let mut bad = entry.clone();
                bad.payload = mangler.bytes(&entry.payload);
                if mangler.below(8) == 0 {
                    bad.stream = mangler.text(&entry.stream);
                }
                match decode(&bad) {
                    Ok(Some(event)) => {
                        read += 1;
                        let again = proto::Entry {
                            payload: encode(&event),
                            ..bad.clone()
                        };
                        let event_again = decode(&again).expect("what was encoded can be read");
                        assert_eq!(event_again.as_ref(), Some(&event));
                    }
                    Ok(None) => {}
                    Err(_) => refused += 1,
                }
                drop(proto::Batch::decode(&*bad.payload).map(|_| ()));
                let kept = proto::KeptReply::decode(&*bad.payload);
                drop(kept.ok().and_then(KeptReply::decode));
            }
        }
    }
    assert!(kinds.len() > 40 && refused > 0 && read > 0, "{kinds:?}");
}
