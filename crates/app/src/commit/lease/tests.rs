//! When a process may take the lease: by what it has seen on its own clock, and nothing else.

use super::*;

/// When the lease is seen first.
const SEEN: u64 = 77 * NS_PER_MS;
const TTL_MS: u64 = 2_000;

fn tenure() -> Tenure {
    Tenure::new(LeaseOptions {
        holder: "here-1".into(),
        node: "here".into(),
        url: "http://here".into(),
        pid: 7,
        ttl_ms: 5_000,
        renew_ms: 50,
    })
}

fn lease(holder: &str, beat: u64, ttl_ms: u64) -> Lease {
    Lease {
        holder: holder.into(),
        node: holder.into(),
        url: format!("http://{holder}"),
        pid: 1,
        epoch: 3,
        beat,
        ttl_ms,
    }
}

#[test]
fn what_nobody_has_is_free() {
    let mut tenure = tenure();
    assert!(tenure.is_free(None, SEEN));
    for holder in ["here-1", "there-1"] {
        assert!(
            tenure.is_free(Some(&lease(holder, 5, 0)), SEEN),
            "{holder} gave it back"
        );
    }
}

#[test]
fn anothers_lease_is_free_once_it_stood_still_for_all_its_life() {
    let mut tenure = tenure();
    let (early, late) = (lease("there-1", 5, TTL_MS), lease("there-1", 6, TTL_MS));
    let life = TTL_MS * NS_PER_MS;
    for (found, now_ns, free) in [
        (&early, SEEN, false),
        (&early, SEEN + life / 2, false),
        (&early, SEEN + life, false),
        // It was renewed; how long ago nobody can say.
        (&late, SEEN + life + 1, false),
        (&late, SEEN + 2 * life + 1, false),
        (&late, SEEN + 2 * life + 2, true),
    ] {
        assert_eq!(
            tenure.is_free(Some(found), now_ns),
            free,
            "at {now_ns}: {found:?}"
        );
    }
}

#[test]
fn its_own_lease_that_it_let_lapse_is_left_to_others_for_a_quarter_of_its_life() {
    let mut tenure = tenure();
    let own = lease("here-1", 5, TTL_MS);
    let quarter = TTL_MS / 4 * NS_PER_MS;
    for (now_ns, free) in [
        (SEEN, false),
        (SEEN + quarter, false),
        (SEEN + quarter + 1, true),
    ] {
        assert_eq!(tenure.is_free(Some(&own), now_ns), free, "at {now_ns}");
    }
}

#[test]
fn nothing_that_was_never_seen_has_stood_still() {
    assert!(!tenure().stood_still(u64::MAX, 0));
}

#[test]
fn only_a_lease_of_another_is_anothers() {
    let tenure = tenure();
    for (found, is_anothers) in [
        (None, false),
        (Some(lease("here-1", 1, TTL_MS)), false),
        (Some(lease("there-1", 1, TTL_MS)), true),
    ] {
        assert_eq!(tenure.is_anothers(found.as_ref()), is_anothers, "{found:?}");
    }
}

#[test]
fn who_follows_looks_often_and_who_leads_in_time_to_renew() {
    let mut tenure = tenure();
    assert_eq!(tenure.idle(), FOLLOW_EVERY);
    tenure.mine = Some(lease("here-1", 1, TTL_MS));
    assert_eq!(tenure.idle(), Duration::from_millis(50));
    tenure.options.renew_ms = 60_000;
    assert_eq!(tenure.idle(), super::super::IDLE);
}

#[test]
fn a_standing_names_a_holder_as_long_as_there_is_one() {
    let there = Holder {
        node: "there-1".into(),
        url: "http://there-1".into(),
    };
    for (ttl_ms, is_reader, holder) in [
        (TTL_MS, true, Some(there.clone())),
        (TTL_MS, false, Some(there)),
        (0, true, None),
    ] {
        let expected = Standing {
            is_reader,
            epoch: 3,
            holder,
        };
        let found = Standing::of(&lease("there-1", 1, ttl_ms), is_reader);
        assert_eq!(found, expected);
    }
}
