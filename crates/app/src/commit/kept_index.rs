//! Which keys have a kept reply, and where: every key of the window, or the write is shed. It never forgets early.

use cartwright_domain::Time;
use hashbrown::HashMap;
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;

type Bucket = HashMap<[u8; 16], (u64, Time)>;

/// Keys by the hour in which they become free, so that an hour is dropped whole.
#[derive(Debug)]
pub(super) struct KeptIndex {
    hours: BTreeMap<i64, Bucket>,
    limit: usize,
    len: usize,
}

impl KeptIndex {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            hours: BTreeMap::new(),
            limit,
            len: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.hours.clear();
        self.len = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether one more key may be taken.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.len + more < self.limit
    }

    pub(super) fn insert(&mut self, hash: [u8; 16], place: u64, until: Time) {
        let bucket = self.hours.entry(until.0.div_euclid(HOUR_MS)).or_default();
        self.len += usize::from(bucket.insert(hash, (place, until)).is_none());
    }

    /// Where the reply is kept, if the key is not free at `now`.
    pub(super) fn find(&self, hash: &[u8; 16], now: Time) -> Option<u64> {
        let found = self
            .hours
            .values()
            .rev()
            .filter_map(|bucket| bucket.get(hash));
        found
            .filter(|(_, until)| *until > now)
            .map(|(place, _)| *place)
            .max()
    }

    /// Drops whole hours that are over; whether there was one.
    pub(super) fn drop_before(&mut self, now: Time) -> bool {
        let hour = now.0.div_euclid(HOUR_MS);
        let mut dropped = false;
        while let Some(entry) = self.hours.first_entry().filter(|entry| *entry.key() < hour) {
            self.len -= entry.remove().len();
            dropped = true;
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_key_until_its_time_and_drops_whole_hours() {
        let mut index = KeptIndex::new(10);
        index.insert([1; 16], 7, Time(HOUR_MS + 5));
        assert_eq!(index.find(&[1; 16], Time(HOUR_MS)), Some(7));
        assert_eq!(index.find(&[1; 16], Time(HOUR_MS + 5)), None);
        assert!(!index.drop_before(Time(HOUR_MS + 10)));
        assert!(index.drop_before(Time(2 * HOUR_MS)));
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn is_full_before_it_forgets() {
        let mut index = KeptIndex::new(2);
        index.insert([1; 16], 1, Time(5));
        assert!(!index.has_room(1));
    }

    #[test]
    fn takes_as_many_keys_as_its_limit() {
        let mut index = KeptIndex::new(3);
        assert!(index.has_room(2) && !index.has_room(3));
        index.insert([1; 16], 1, Time(5));
        assert_eq!(index.len(), 1);
        assert!(index.has_room(1) && !index.has_room(2));
        // The same key again is the same one.
        index.insert([1; 16], 2, Time(6));
        index.insert([2; 16], 3, Time(5));
        assert_eq!(index.len(), 2);
        assert!(index.has_room(0) && !index.has_room(1));
        index.clear();
        assert_eq!((index.len(), index.find(&[1; 16], Time(0))), (0, None));
        assert!(index.has_room(2));
    }

    #[test]
    fn a_key_that_was_used_again_is_found_where_it_was_kept_last() {
        let mut index = KeptIndex::new(9);
        index.insert([1; 16], 4, Time(HOUR_MS + 5));
        index.insert([1; 16], 6, Time(3 * HOUR_MS));
        index.insert([2; 16], 5, Time(3 * HOUR_MS));
        assert_eq!(index.find(&[1; 16], Time(0)), Some(6));
        assert_eq!(index.find(&[3; 16], Time(0)), None);
        assert_eq!(index.len(), 3);
        assert!(!index.drop_before(Time(HOUR_MS)));
        assert!(index.drop_before(Time(3 * HOUR_MS)));
        assert_eq!(index.len(), 2);
        assert!(!index.drop_before(Time(3 * HOUR_MS)));
        assert_eq!(index.find(&[1; 16], Time(3 * HOUR_MS - 1)), Some(6));
        assert_eq!(index.find(&[1; 16], Time(3 * HOUR_MS)), None);
    }
}
