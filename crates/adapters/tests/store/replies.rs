//! Kept replies: found by hash and place until their time is over.

use crate::desk::check;
use crate::samples::*;
use cartwright_app::kept::{KeptReply, SignaturePlace};
use cartwright_app::ports::Keep;
use cartwright_domain::{ContactId, Time};

pub(crate) fn reply(number: u8) -> KeptReply {
    KeptReply {
        payload_hash: [number; 32],
        status: 200 + u16::from(number),
        headers: vec![("etag", format!("\"{number}\""))],
        body: vec![number; usize::from(number) * 50].into(),
        secret: number.is_multiple_of(2).then(|| (3, "car_x".into())),
        contact: Some((4, number.is_multiple_of(3).then_some(ContactId(7)))),
        order_total: Some(7),
        payments: Vec::new(),
        signature: number
            .is_multiple_of(5)
            .then_some(SignaturePlace { from: 1, end: 9 }),
    }
}

fn keep(number: u8, until: Time) -> Keep {
    let hash = [number; 16];
    Keep {
        hash,
        until,
        reply: reply(number).encode(&hash, until),
    }
}

#[test]
fn a_kept_reply_is_found_at_its_place() {
    check(|name, desk| {
        let mut expected = Vec::new();
        for batch in 0..4u8 {
            let place = desk.parts.write.next_kept_place().unwrap();
            let numbers = batch * 10..batch * 10 + 7;
            let kept: Vec<_> = numbers
                .clone()
                .map(|number| keep(number, Time(1000 + i64::from(number))))
                .collect();
            let events = if batch % 2 == 0 {
                vec![store("berlin")]
            } else {
                Vec::new()
            };
            desk.commit_with(&events, &kept).unwrap();
            expected.extend(
                numbers.map(|number| ([number; 16], place, Time(1000 + i64::from(number)))),
            );
        }
        assert_eq!(
            desk.parts.write.head().unwrap().0,
            2,
            "{name}: a batch of replies alone adds nothing to the log"
        );
        let mut index = desk.parts.write.kept_index(Time(0)).unwrap();
        index.sort_unstable();
        assert_eq!(index, expected, "{name}");
        for (hash, place, _) in &expected {
            assert_eq!(
                desk.parts.write.kept(*place, hash).unwrap(),
                Some(reply(hash[0])),
                "{name}"
            );
        }
        assert_eq!(
            desk.parts.write.kept(expected[0].1, &[99; 16]).unwrap(),
            None,
            "{name}"
        );
        assert_eq!(
            desk.parts.write.kept(9999, &[0; 16]).unwrap(),
            None,
            "{name}"
        );
        // Those of 1014 and before are over.
        let later = desk.parts.write.kept_index(Time(1014)).unwrap();
        assert_eq!(
            later.len(),
            expected
                .iter()
                .filter(|(_, _, until)| *until > Time(1014))
                .count(),
            "{name}"
        );
        desk.parts.write.drop_kept(Time(1014)).unwrap();
        let mut left = desk.parts.write.kept_index(Time(1014)).unwrap();
        left.sort_unstable();
        assert_eq!(
            left,
            expected
                .into_iter()
                .filter(|(_, _, until)| *until > Time(1014))
                .collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(
            desk.parts.write.kept(left[0].1, &left[0].0).unwrap(),
            Some(reply(left[0].0[0])),
            "{name}"
        );
        assert_eq!(
            desk.parts.write.kept(1, &[0; 16]).unwrap(),
            None,
            "{name}: dropped with its whole batch"
        );
    });
}

#[test]
fn many_old_replies_are_dropped_bit_by_bit() {
    check(|name, desk| {
        for _ in 0..40 {
            desk.commit_with(&[], &[keep(1, Time(10))]).unwrap();
        }
        desk.parts.write.drop_kept(Time(10)).unwrap();
        for _ in 0..10 {
            desk.commit_with(&[], &[keep(2, Time(20))]).unwrap();
        }
        let index = desk.parts.write.kept_index(Time(0)).unwrap();
        assert_eq!(
            index.iter().filter(|(hash, ..)| *hash == [1; 16]).count(),
            0,
            "{name}"
        );
        assert_eq!(
            index.iter().filter(|(hash, ..)| *hash == [2; 16]).count(),
            10,
            "{name}"
        );
    });
}
