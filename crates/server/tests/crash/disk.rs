//! A full disk: writes are refused, reads go on, and when there is room again so do writes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::small_disk::Disk;
use crate::support::{Level, Setup, Shop, TempDir, eventually, fresh, whole};

/// Adjusts by one until the disk refuses; returns how many were acknowledged, and the tag of the first refused.
fn write_until_refused(level: &Level, disk: &Disk) -> (i64, String) {
    for done in 0..50_000 {
        let tag = fresh("full");
        let request = level.request("adjust").idempotency_key(&tag);
        let answer = request.json(json!({"delta": 1, "reason": tag})).send();
        if answer.status != 200 {
            answer.refused(503, "read_only");
            return (done, tag);
        }
        // What the server freed since is taken too.
        disk.fill();
    }
    panic!("50,000 writes on a full disk");
}

#[test]
fn reads_on_while_the_disk_is_full() {
    let dir = Arc::new(TempDir::new("disk"));
    let Some(disk) = Disk::mount(&dir.path().join("small")) else {
        eprintln!("SKIPPED: the full disk needs root, to mount a small file system");
        return;
    };
    let mut setup = Setup::new(&dir);
    setup.data = disk.path().join("data");
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let level = shop.stocked(100);
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);

    let mut expected = 100;
    for round in 0..3 {
        disk.fill();
        let (done, refused) = write_until_refused(&level, &disk);
        expected += done;
        assert!(shop.process.alive());
        // Reads of everything go on, and show what was acknowledged; the refused one may be there or not.
        let seen = whole(&level.read()["on_hand"]);
        assert!(
            seen == expected || seen == expected + 1,
            "round {round}: {seen}, not {expected}"
        );
        assert!(cart.quantity(&level.sku) >= 2);
        shop.get("/v1/products").send().is(200);
        shop.get("/health/liveness").send().is(200);
        // Other writes are refused alike, unless the server has made room for itself meanwhile.
        disk.fill();
        for answer in [
            level.reserve(1),
            cart.add(&level.sku, 1),
            shop.post("/v1/carts").send(),
        ] {
            if answer.status >= 300 {
                let problem = answer.refused(503, "read_only");
                assert!(answer.header("retry-after").is_some(), "{problem}");
            }
        }

        disk.free();
        // The write that was refused is sent again with its key until there is room: it has one effect.
        eventually(Duration::from_secs(30), "writes work again", || {
            let request = level.request("adjust").idempotency_key(&refused);
            let answer = request.json(json!({"delta": 1, "reason": refused})).send();
            (answer.status == 200).then_some(())
        });
        expected += 1;
        assert_eq!(level.read()["on_hand"], expected, "round {round}");
        level.adds_up();
    }
    shop.process.kill_now();
    drop(shop);
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let level = shop.level(&level.store, &level.sku, 0);
    assert_eq!(level.read()["on_hand"], expected);
    level.adds_up();
    drop(shop);
}
