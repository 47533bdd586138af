//! How often buyers get the same letter when the shop dies.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::buyers::{self, Goods};
use crate::client::Load;
use crate::counts::Counts;
use crate::site::{Ground, LONG, Site};
use crate::support::eventually;

/// Letters between two places that are kept, as the shop says.
const KEEP_AFTER: usize = 16;

#[test]
fn a_death_repeats_few_letters() {
    let counts = Arc::new(Counts::default());
    let site = Site::open("letters", Ground::Plain, &counts);
    site.kill();
    // Nobody is written to while orders come in.
    assert!(site.start("mail.sending=stop:600000"));
    let load = Load::through([site.front.address], &counts);
    let sku = site.world.sku().to_owned();
    let goods = Goods {
        dearer: sku.clone(),
        sku,
    };
    let read = || counts.orders.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(|| buyers::buy(&load, &goods, 1));
        scope.spawn(|| buyers::buy(&load, &goods, 2));
        eventually(LONG, "orders", || (read() >= 60).then_some(()));
        load.stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    site.kill();
    assert!(site.start("mail.sent=kill@55"));
    eventually(LONG, "letters are sent", || {
        site.has_aborted().then_some(())
    });
    let before = site.around.mailbox.letters().len();
    assert!(before >= 54, "{before}");
    site.restart();
    eventually(LONG, "all of them arrive", || {
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for letter in site.around.mailbox.letters() {
            *times.entry(letter.message_id).or_default() += 1;
        }
        let repeated = times.values().filter(|it| **it > 1).count();
        assert!(
            repeated <= KEEP_AFTER,
            "what-happened-is-told: {repeated} letters were sent twice"
        );
        (times.len() as u64 >= read()).then_some(())
    });
}
