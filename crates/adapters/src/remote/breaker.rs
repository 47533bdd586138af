//! A circuit breaker (VAL-3): what fails too often is left alone for a while, and then tried once before it is trusted again.

use cartwright_app::ports::inventory::Way;
use std::collections::VecDeque;

/// When it opens and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerOptions {
    /// Share of failures within the window that opens it, from 0 to 1.
    pub threshold: f64,
    /// How long an outcome counts, in nanoseconds.
    pub window_ns: u64,
    /// Outcomes within the window before it may open.
    pub at_least: usize,
    /// How long it stays open, in nanoseconds.
    pub cooldown_ns: u64,
}

/// Outcomes remembered at most.
const REMEMBERED: usize = 1024;

/// A breaker. Time is an argument.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    /// When, and whether it went well.
    outcomes: VecDeque<(u64, bool)>,
    failed: usize,
    /// Since when it is open.
    open_since_ns: Option<u64>,
    /// When the one question went out that finds out whether it works again.
    probe_since_ns: Option<u64>,
}

/// What the breaker says to whoever wants to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Ask.
    Go,
    /// Ask: the answer decides for all.
    Probe,
    /// Do not ask.
    Stop,
}

impl Breaker {
    /// A closed one.
    pub fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            outcomes: VecDeque::new(),
            failed: 0,
            open_since_ns: None,
            probe_since_ns: None,
        }
    }

    /// How it stands.
    pub fn way(&self) -> Way {
        match (self.open_since_ns, self.probe_since_ns) {
            (None, _) => Way::Closed,
            (Some(_), None) => Way::Open,
            (Some(_), Some(_)) => Way::HalfOpen,
        }
    }

    /// Whether to ask now.
    pub fn pass(&mut self, now_ns: u64) -> Pass {
        let Some(since) = self.open_since_ns else {
            return Pass::Go;
        };
        // A probe that nobody brought back is over after another cool-down.
        let from = self.probe_since_ns.unwrap_or(since);
        if now_ns.saturating_sub(from) < self.options.cooldown_ns {
            return Pass::Stop;
        }
        self.probe_since_ns = Some(now_ns);
        Pass::Probe
    }

    /// Notes what came of a question; whether the breaker changed.
    pub fn note(&mut self, pass: Pass, went_well: bool, now_ns: u64) -> bool {
        match pass {
            Pass::Stop => false,
            Pass::Probe => {
                self.probe_since_ns = None;
                self.outcomes.clear();
                self.failed = 0;
                self.open_since_ns = (!went_well).then_some(now_ns);
                true
            }
            // An answer to what was asked before it opened decides nothing.
            Pass::Go if self.open_since_ns.is_some() => false,
            Pass::Go => self.count(went_well, now_ns),
        }
    }

    fn count(&mut self, went_well: bool, now_ns: u64) -> bool {
        self.outcomes.push_back((now_ns, went_well));
        self.failed += usize::from(!went_well);
        while let Some((at, was_well)) = self.outcomes.front().copied() {
            let is_old = now_ns.saturating_sub(at) > self.options.window_ns;
            if !is_old && self.outcomes.len() <= REMEMBERED {
                break;
            }
            self.outcomes.pop_front();
            self.failed -= usize::from(!was_well);
        }
        let all = self.outcomes.len();
        let share = self.failed as f64 / all.max(1) as f64;
        let opens =
            self.failed > 0 && all >= self.options.at_least && share >= self.options.threshold;
        if opens {
            self.open_since_ns = Some(now_ns);
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerOptions {
            threshold: 0.5,
            window_ns: 100,
            at_least: 4,
            cooldown_ns: 50,
        })
    }

    fn ask(breaker: &mut Breaker, went_well: bool, now_ns: u64) -> Pass {
        let pass = breaker.pass(now_ns);
        breaker.note(pass, went_well, now_ns);
        pass
    }

    fn fails(breaker: &mut Breaker) {
        for now in 0..4 {
            assert_eq!(ask(breaker, false, now), Pass::Go);
        }
    }

    #[test]
    fn opens_at_its_share_of_failures_and_not_before_enough_were_seen() {
        let mut it = breaker();
        for (now, went_well) in [(0, false), (1, true), (2, true)] {
            assert_eq!(ask(&mut it, went_well, now), Pass::Go);
            assert_eq!(it.way(), Way::Closed);
        }
        assert_eq!(ask(&mut it, false, 3), Pass::Go);
        assert_eq!(it.way(), Way::Open);
        assert_eq!(ask(&mut it, true, 4), Pass::Stop);
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut it = breaker();
        for now in [0, 1, 2] {
            ask(&mut it, false, now);
        }
        ask(&mut it, true, 103);
        assert_eq!(it.way(), Way::Closed);
    }

    #[test]
    fn one_probe_decides_after_the_cool_down() {
        let mut it = breaker();
        fails(&mut it);
        assert_eq!(it.pass(52), Pass::Stop);
        assert_eq!(it.pass(53), Pass::Probe);
        assert_eq!((it.way(), it.pass(54)), (Way::HalfOpen, Pass::Stop));
        it.note(Pass::Probe, false, 60);
        assert_eq!((it.way(), it.pass(109)), (Way::Open, Pass::Stop));
        assert_eq!(ask(&mut it, true, 110), Pass::Probe);
        assert_eq!((it.way(), it.pass(111)), (Way::Closed, Pass::Go));
    }

    #[test]
    fn a_probe_that_never_came_back_is_tried_again() {
        let mut it = breaker();
        fails(&mut it);
        assert_eq!(it.pass(60), Pass::Probe);
        assert_eq!(it.pass(109), Pass::Stop);
        assert_eq!(it.pass(110), Pass::Probe);
    }

    #[test]
    fn late_answers_do_not_close_it() {
        let mut it = breaker();
        let late = it.pass(0);
        fails(&mut it);
        assert!(!it.note(late, true, 5));
        assert_eq!(it.way(), Way::Open);
    }
}
