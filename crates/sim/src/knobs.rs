//! What a run is like: how many take part, and how often what fails. Drawn from the seed, so that no two runs are alike.

use crate::time::Dice;

/// Rates are of 1; what has no unit in its name is a count.
#[derive(Debug, Clone)]
pub struct Knobs {
    /// Processes of the shop on one store; more than one share it by lease.
    pub nodes: usize,
    /// Payment providers.
    pub providers: usize,
    /// Locations.
    pub stores: usize,
    /// SKUs, each with few units, so that buyers meet.
    pub skus: usize,
    /// Units of each SKU at each location.
    pub units: i64,
    /// Clients that buy.
    pub buyers: usize,
    /// Clients that hold, sell and count at a till.
    pub tills: usize,
    /// Clerks, who work at a level of their own and write down what they do.
    pub clerks: usize,
    /// How long a step lasts, in milliseconds.
    pub tick_ms: u64,
    /// How long a message is on its way at most, in microseconds.
    pub delay_us: u64,
    /// Messages that get lost.
    pub loss: f64,
    /// Messages that arrive twice.
    pub duplication: f64,
    /// Nodes that die, per node and second.
    pub crashes: f64,
    /// Nodes that stand still for a while, per node and second.
    pub pauses: f64,
    /// Nodes that nobody reaches for a while, per node and second.
    pub cuts: f64,
    /// Commits that fail before anything is written.
    pub refused_commits: f64,
    /// Commits that are written and told as failed.
    pub unclear_commits: f64,
    /// Commits before or after which the node dies.
    pub fatal_commits: f64,
    /// Times that the disk is full for a while, per second.
    pub full_disks: f64,
    /// Calls of a provider that break off, before or after it did what was asked.
    pub broken_calls: f64,
    /// Calls of a provider that cannot even be sent.
    pub unsent_calls: f64,
    /// Cards that say no.
    pub declines: f64,
    /// Keys that a provider forgets.
    pub forgotten_keys: f64,
    /// Captures that a provider claims and did not make, and authorizations that it made and denies.
    pub lies: f64,
    /// Lookups that show nothing.
    pub blind_lookups: f64,
    /// Requests that reach a provider long after their sender has given up on them.
    pub late_calls: f64,
    /// Authorizations that a provider ends before they are captured.
    pub lapsed_authorizations: f64,
    /// Whether a void by reference keeps a later authorization out.
    pub bars_references: bool,
    /// How far a node's clock may be off, in milliseconds.
    pub skew_ms: i64,
    /// Clocks that are set, per node and second.
    pub clock_steps: f64,
    /// How long a quote and its hold live, in seconds.
    pub quote_ttl_seconds: i64,
    /// How long after its beginning a purchase may still come to an order, in seconds.
    pub deadline_seconds: i64,
    /// How long money may stay undecided before somebody must look, in seconds.
    pub give_up_seconds: i64,
    /// Purchases that somebody behind the desk interferes with before they are paid.
    pub hurries: f64,
    /// Requests whose key comes again with another payload.
    pub reused_keys: f64,
    /// Purchases whose parts do not add up.
    pub wrong_sums: f64,
    /// Buyers with a wallet.
    pub wallets: f64,
    /// Attempts at paying for one cart that may come to nothing within an hour.
    pub tries: usize,
}

impl Knobs {
    /// A quiet world: nothing fails.
    pub fn calm() -> Self {
        Self {
            nodes: 1,
            providers: 1,
            stores: 1,
            skus: 3,
            units: 5,
            buyers: 4,
            tills: 2,
            clerks: 3,
            tick_ms: 10,
            delay_us: 5_000,
            loss: 0.0,
            duplication: 0.0,
            crashes: 0.0,
            pauses: 0.0,
            cuts: 0.0,
            refused_commits: 0.0,
            unclear_commits: 0.0,
            fatal_commits: 0.0,
            full_disks: 0.0,
            broken_calls: 0.0,
            unsent_calls: 0.0,
            declines: 0.1,
            forgotten_keys: 0.0,
            lies: 0.0,
            blind_lookups: 0.0,
            late_calls: 0.0,
            lapsed_authorizations: 0.0,
            bars_references: true,
            skew_ms: 0,
            clock_steps: 0.0,
            quote_ttl_seconds: 900,
            deadline_seconds: 120,
            give_up_seconds: 900,
            hurries: 0.0,
            reused_keys: 0.0,
            wrong_sums: 0.0,
            wallets: 0.3,
            tries: 10,
        }
    }

    /// Each fault is at work in about half of all runs, and then anything from rare to common.
    pub(crate) fn draw(dice: &Dice) -> Self {
        let rate = |most: f64| {
            let share = dice.between(0, 1_000) as f64 / 1_000.0;
            if dice.chance(0.5) {
                most * share * share
            } else {
                0.0
            }
        };
        let count = |low, high| dice.between(low, high) as usize;
        let late_calls = rate(0.3);
        // A provider that forgets its keys while requests are still on their way can do everything twice: nobody can help that.
        let forgotten_keys = if late_calls > 0.0 { 0.0 } else { rate(0.2) };
        Self {
            late_calls,
            lapsed_authorizations: rate(0.4),
            quote_ttl_seconds: if dice.chance(0.4) {
                dice.between(2, 30) as i64
            } else {
                900
            },
            deadline_seconds: if dice.chance(0.4) {
                dice.between(2, 20) as i64
            } else {
                120
            },
            give_up_seconds: dice.between(10, 120) as i64,
            hurries: rate(0.5),
            reused_keys: rate(0.3),
            wrong_sums: rate(0.2),
            wallets: dice.between(0, 60) as f64 / 100.0,
            tries: count(1, 6),
            nodes: count(1, 3),
            providers: count(1, 2),
            stores: count(1, 8),
            skus: count(1, 4),
            units: dice.between(1, 12) as i64,
            buyers: count(1, 12),
            tills: count(0, 4),
            clerks: count(0, 3),
            tick_ms: dice.between(2, 20),
            delay_us: dice.between(1_000, 400_000),
            loss: rate(0.3),
            duplication: rate(0.5),
            crashes: rate(0.5),
            pauses: rate(0.3),
            cuts: rate(0.3),
            refused_commits: rate(0.1),
            unclear_commits: rate(0.4),
            fatal_commits: rate(0.1),
            full_disks: rate(0.05),
            broken_calls: rate(0.5),
            unsent_calls: rate(0.5),
            declines: rate(0.5),
            forgotten_keys,
            lies: rate(0.3),
            blind_lookups: rate(0.5),
            bars_references: dice.chance(0.7),
            skew_ms: dice.between(0, 2_000) as i64,
            clock_steps: rate(0.1),
        }
    }

    /// Nothing fails from now on; what is slow stays slow.
    pub(crate) fn heal(&mut self) {
        *self = Self {
            nodes: self.nodes,
            providers: self.providers,
            stores: self.stores,
            skus: self.skus,
            units: self.units,
            buyers: self.buyers,
            tills: self.tills,
            clerks: self.clerks,
            tick_ms: self.tick_ms,
            delay_us: self.delay_us,
            bars_references: self.bars_references,
            skew_ms: self.skew_ms,
            quote_ttl_seconds: self.quote_ttl_seconds,
            wallets: self.wallets,
            tries: self.tries,
            deadline_seconds: self.deadline_seconds,
            give_up_seconds: self.give_up_seconds,
            declines: 0.0,
            ..Self::calm()
        };
    }
}
