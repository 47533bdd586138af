//! Every fault of a provider at every call, once, three times, and until it is mended: each checkout ends as it must, and the books
//! agree.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::books;
use crate::world::{World, card, world};

/// Purchases under way at once.
const AT_ONCE: usize = 12;
/// Until a fault without a count is mended.
const MENDED_AFTER: Duration = Duration::from_millis(1500);
const SOON: Duration = Duration::from_secs(30);

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Often {
    Times(u32),
    UntilMended,
}

/// One fault, and what a purchase under it must come to.
#[derive(Clone, Debug)]
struct Cell {
    faults: Vec<(&'static str, &'static str)>,
    often: Often,
    /// Whether a second part is declined, so that the first one is void.
    parts: bool,
    /// States it may end in.
    ends: &'static [&'static str],
}

const DONE: &[&str] = &["completed"];
const UNDONE: &[&str] = &["open"];
const CANCELLED: &[&str] = &["cancelled"];
const OFTEN: [Often; 3] = [Often::Times(1), Often::Times(3), Often::UntilMended];
const KINDS: [&str; 9] = [
    "delay",
    "error_before",
    "error_after",
    "close_before",
    "close_after",
    "hang_before",
    "hang_after",
    "forget_key",
    "lie_fail",
];

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for often in OFTEN {
        let mut add = |faults: &[(&'static str, &'static str)], parts, ends| {
            let faults = faults.to_vec();
            cells.push(Cell {
                faults,
                often,
                parts,
                ends,
            });
        };
        for kind in KINDS {
            let refuses = kind == "lie_fail";
            add(
                &[("authorize", kind)],
                false,
                if refuses { UNDONE } else { DONE },
            );
            add(&[("authorize", kind)], true, UNDONE);
            // Who says that it was declined and shows that it was not is believed by what is shown.
            add(&[("capture", kind)], false, DONE);
            add(&[("void", kind)], true, UNDONE);
        }
        for kind in [
            "error_before",
            "close_before",
            "hang_before",
            "delay",
            "lookup_missing",
        ] {
            for lost in ["hang_after", "close_before"] {
                add(&[("authorize", lost), ("lookup", kind)], false, DONE);
                add(&[("capture", lost), ("lookup", kind)], false, DONE);
                add(&[("void", lost), ("lookup", kind)], true, UNDONE);
            }
        }
        add(&[("authorize", "decline")], false, UNDONE);
        add(&[("capture", "decline")], false, CANCELLED);
        add(&[("authorize", "lie_ok")], false, DONE);
        add(
            &[("authorize", "forget_key"), ("capture", "forget_key")],
            false,
            DONE,
        );
        add(
            &[("capture", "lie_fail"), ("lookup", "lookup_missing")],
            false,
            &["completed", "cancelled"],
        );
        add(&[("any", "hang_after")], false, &["completed", "open"]);
        add(&[("any", "error_after")], true, UNDONE);
    }
    let lie = |op, parts, ends| Cell {
        faults: vec![(op, "lie_ok")],
        often: Often::Times(1),
        parts,
        ends,
    };
    // What was never booked is seen when the provider is asked again, and put right.
    cells.push(lie("capture", false, DONE));
    cells.push(lie("void", true, UNDONE));
    cells
}

fn run(world: &World, cell: &Cell) -> Result<(), String> {
    let it = world.purchase(1);
    let gateway = world.gateway();
    let set: Vec<_> = cell
        .faults
        .iter()
        .map(|(op, kind)| {
            let mut fault = json!({"op": op, "kind": kind, "cart_id": it.cart});
            if let Often::Times(count) = cell.often {
                fault["count"] = json!(count);
            }
            if *kind == "delay" {
                fault["delay_ms"] = json!(400);
            }
            gateway.fault(fault)
        })
        .collect();
    let payment: Value = if cell.parts {
        it.parts(700, ["tok_visa", "tok_declined"])
    } else {
        card("tok_visa")
    };
    let since = Instant::now();
    world.complete(&it, 0, payment.clone()).is(202);
    if cell.often == Often::UntilMended {
        std::thread::sleep(MENDED_AFTER.saturating_sub(since.elapsed()));
        set.iter().for_each(|fault| gateway.mend(fault));
    }
    let end = world.ended(&it.checkout, SOON);
    let took = since.elapsed();
    if took > Duration::from_secs(12) {
        eprintln!("{cell:?} took {took:?}");
    }
    let state = end["state"].as_str().unwrap_or_default();
    if !cell.ends.contains(&state) {
        return Err(format!("{cell:?} ended {state}: {end:#}"));
    }
    let told = world.complete(&it, 5, payment).status;
    let right = if state == "completed" { 200 } else { 409 };
    if told != right {
        return Err(format!("{cell:?} answers {told}: {end:#}"));
    }
    Ok(())
}

#[test]
fn whatever_a_provider_does_each_checkout_ends_and_the_books_agree() {
    let world = world("faults");
    let cells = cells();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut wrong = Vec::new();
                    while let Some(cell) =
                        cells.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    {
                        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            run(&world, cell)
                        }));
                        match ran {
                            Ok(Ok(())) => {}
                            Ok(Err(what)) => wrong.push(what),
                            Err(_) => wrong.push(format!("{cell:?} did not end")),
                        }
                    }
                    wrong
                })
            })
            .collect();
        let workers = workers.into_iter();
        workers
            .flat_map(|it| it.join().expect("a worker"))
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cells.len(),
        wrong.join("\n")
    );
    world.gateway().mend_all();
    books::agree(&world);
    world.replays();
}
