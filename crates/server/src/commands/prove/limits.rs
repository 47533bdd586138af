//! What a run leaves, and what it cannot show: said in every report.

use super::ground::{Ground, STORE};
use super::sweep::Swept;

/// Orders that are named one by one.
const NAMED_MAX: usize = 4;

/// What the trials do not cover.
pub(super) fn not_covered(is_embedded: bool, can_buy: bool, reads_books: bool) -> Vec<String> {
    let mut list = vec![
        "A payment company that ignores idempotency keys, or whose books are wrong: what it takes twice, no shop can see in time.",
        "Disks that lie about fsync, and machines that lose power: kill -9 leaves what the kernel has taken.",
        "Moments that did not happen to come: a run is a sample. A longer one, and other seeds, see more.",
    ];
    if is_embedded {
        list.push(
            "Your own deployment: this was a shop of its own on this machine. Try that one with --server.",
        );
        list.push("Several processes or machines, the network between them, and other databases than this one.");
    } else {
        list.push(
            "Kills and restarts: a running shop is not killed. Run `cartwright prove` without --server for that.",
        );
        list.push("The state rebuilt from the log: stop the shop and run `cartwright replay --verify` on its data.");
    }
    if !can_buy {
        list.push("Everything about money: nothing was bought.");
    } else if !reads_books {
        list.push("The payment provider's own books: they were not compared, only what the shop says of them.");
    }
    list.into_iter().map(str::to_owned).collect()
}

/// What is still there after cleaning up.
pub(super) fn stays(ground: &Ground, swept: &Swept, earlier: Option<&Swept>) -> Vec<String> {
    let mut list = vec![format!(
        "location {STORE}: locations cannot be removed, and the next run uses it again"
    )];
    if swept.products_archived > 0 {
        list.push(format!(
            "{} archived products prove-{}-..., and the movements of their stock",
            swept.products_archived, ground.run
        ));
    }
    if !swept.orders.is_empty() {
        list.push(format!(
            "{} cancelled orders in the log, and the letters that were sent about them to prove@example.com: {} \
             (all: GET /v1/orders?customer_id={})",
            swept.orders.len(),
            named(&swept.orders),
            ground.customer()
        ));
    }
    if swept.carts_of_orders > 0 {
        list.push(format!(
            "{} carts that became orders, until the shop purges them",
            swept.carts_of_orders
        ));
    }
    if !swept.documents.is_empty() {
        list.push(format!(
            "{} invoices and credit notes: {}",
            swept.documents.len(),
            named(&swept.documents)
        ));
    }
    let stuck = earlier.into_iter().chain([swept]).flat_map(|it| &it.stuck);
    list.extend(stuck.map(|it| format!("not removed: {it}")));
    list
}

fn named(all: &[String]) -> String {
    let shown = all[..all.len().min(NAMED_MAX)].join(" ");
    match all.len() > NAMED_MAX {
        true => format!("{shown} ..."),
        false => shown,
    }
}
