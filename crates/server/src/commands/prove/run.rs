//! One run: the shop, the trials in their order, the last look, cleaning up, and the report.

use super::buying::Purchase;
use super::caller::{Ask, Caller};
use super::found::Found;
use super::gateway::Gateway;
use super::goods::{Goods, Status};
use super::ground::Ground;
use super::own::Own;
use super::progress::Progress;
use super::report::{Count, Report, Row, Tried, Verdict};
use super::signals::Signals;
use super::stage::Stage;
use super::sweep::{self, Swept};
use super::trials::{Needs, TRIALS, Trial};
use super::{ProveArgs, cannot, finale, limits};
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::ports::{Clock as _, Random as _};
use cartwright_domain::{Time, invariants};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much longer than its trials a run takes at most, before somebody else may clean up after it.
const GRACE: Duration = Duration::from_secs(180);

/// How much longer than its share a trial may take at most, beside the patience with the shop.
const OVERTIME: Duration = Duration::from_secs(120);

/// What all trials of a run share.
struct Run<'a> {
    args: &'a ProveArgs,
    shop: Caller,
    ground: Ground,
    own: Option<tokio::sync::Mutex<Own>>,
    gateway: Option<Gateway>,
    can_buy: bool,
    seed: u64,
    found: Found,
    progress: Progress,
    /// The shop does not answer any more.
    is_gone: AtomicBool,
    tried: Mutex<Vec<Tried>>,
}

/// Does it all.
///
/// # Errors
/// `CannotStart` when the shop cannot be reached or does not take the key.
pub(super) async fn prove(args: &ProveArgs) -> anyhow::Result<Report> {
    let trials = chosen(args)?;
    let (clock, begun) = (SystemClock::new(), Instant::now());
    let started_ms = clock.now_ms();
    let mut signals = Signals::new()?;
    let mut run = tokio::select! {
        made = Run::begin(args, started_ms) => made.map_err(|error| cannot(format!("{error:#}")))?,
        () = signals.any() => return Err(cannot("interrupted before anything was tried")),
    };
    let earlier = match &run.own {
        Some(_) => None,
        None => Some(sweep::earlier_runs(&run.shop, &run.ground.run, started_ms / 1000).await?),
    };
    let is_finished = tokio::select! {
        is_finished = run.all(&trials) => is_finished,
        () = signals.any() => false,
    };
    let swept = match &run.own {
        Some(_) => None,
        None => Some(run.clean_up(&mut signals).await),
    };
    run.progress.finish();
    let kept = run.keep_if_broken();
    let stays = match &swept {
        Some(swept) => limits::stays(&run.ground, swept, earlier.as_ref()),
        None => kept.into_iter().collect(),
    };
    let rows: Vec<Row> = invariants::ALL
        .iter()
        .map(|it| Row::of(*it, run.found.tally(*it)))
        .collect();
    let violations_total = rows.iter().map(|it| it.broken).sum();
    let verdict = match (violations_total, is_finished) {
        (0, true) => Verdict::Held,
        (0, false) if run.is_gone.load(Ordering::Relaxed) => Verdict::Unreachable,
        (0, false) => Verdict::Unfinished,
        _ => Verdict::Violated,
    };
    Ok(Report {
        verdict,
        version: env!("CARGO_PKG_VERSION"),
        shop: args.server.clone().unwrap_or_else(|| "embedded".to_owned()),
        run: run.ground.run.clone(),
        seed: run.seed,
        started_at: Time(started_ms).to_string(),
        seconds: begun.elapsed().as_secs_f64(),
        requests: run.shop.sent(),
        trials: std::mem::take(run.tried.get_mut().unwrap_or_else(|it| it.into_inner())),
        invariants: rows.into_iter().filter(|it| it.checked > 0).collect(),
        violations: run.found.violations(),
        violations_total,
        cleaned_up: swept,
        left_by_earlier_runs: earlier,
        stays,
        not_covered: limits::not_covered(run.own.is_some(), run.can_buy, run.gateway.is_some()),
        again: again(args, run.seed),
    })
}

/// Trials that are asked for.
fn chosen(args: &ProveArgs) -> anyhow::Result<Vec<Trial>> {
    let wanted = |trial: &&Trial| {
        args.only.is_empty() || args.only.iter().any(|it| trial.name.contains(it.as_str()))
    };
    let chosen: Vec<Trial> = TRIALS.iter().filter(wanted).copied().collect();
    if chosen.is_empty() {
        let names: Vec<_> = TRIALS.iter().map(|it| format!("`{}`", it.name)).collect();
        return Err(cannot(format!(
            "--only must be part of a trial's name: {}",
            names.join(", ")
        )));
    }
    Ok(chosen)
}

fn again(args: &ProveArgs, seed: u64) -> String {
    let mut command = format!(
        "cartwright prove --seed {seed} --duration {}s",
        args.duration.as_secs_f64()
    );
    for (name, value) in [
        ("--server", &args.server),
        ("--gateway-sim", &args.gateway_sim),
    ] {
        if let Some(value) = value {
            command = format!("{command} {name} {value}");
        }
    }
    if args.database.is_some() {
        // Its password is nobody's business.
        command.push_str(" --database URL");
    }
    if args.buy {
        command.push_str(" --buy");
    }
    for only in &args.only {
        command = format!("{command} --only '{only}'");
    }
    command
}

impl<'a> Run<'a> {
    async fn begin(args: &'a ProveArgs, started_ms: i64) -> anyhow::Result<Self> {
        let own = match &args.server {
            Some(_) => None,
            None => Some(Own::start(args.database.as_deref()).await?),
        };
        let (url, key) = match (&own, &args.server) {
            (Some(own), _) => (own.url(), Some(own.secret().to_owned())),
            (None, server) => (server.clone().unwrap_or_default(), args.key.clone()),
        };
        let shop = Caller::new(&url, key.as_deref())?;
        let ready = shop.once(&Ask::get("/health/readiness")).await;
        let ready =
            ready.map_err(|failure| anyhow::anyhow!("no shop answers on {url}: {failure}"))?;
        anyhow::ensure!(
            ready.status == 200,
            "the shop on {url} is not ready: {}",
            ready.story()
        );
        let until = started_ms / 1000 + (args.duration + GRACE).as_secs().cast_signed();
        let ground = Ground::new(&shop, until).await?;
        let control = own
            .as_ref()
            .map(Own::gateway_url)
            .or(args.gateway_sim.clone());
        let gateway = control.map(|it| Gateway::new(&it)).transpose()?;
        let mut drawn = [0; 8];
        SystemRandom.fill(&mut drawn);
        // Numbers that JSON readers keep exactly.
        let seed = args.seed.unwrap_or(u64::from_be_bytes(drawn) >> 11);
        let run = Self {
            can_buy: gateway.is_some() || args.buy,
            args,
            shop,
            ground,
            own: own.map(tokio::sync::Mutex::new),
            gateway,
            seed,
            found: Found::default(),
            progress: Progress::new(args.duration),
            is_gone: AtomicBool::new(false),
            tried: Mutex::default(),
        };
        if args.gateway_sim.is_some()
            && let Err(error) = run.asks_that_gateway().await
        {
            sweep::this_run(&run.shop, &run.ground.run).await?;
            return Err(error);
        }
        Ok(run)
    }

    /// Before anything is bought: the shop must ask the simulated provider that was named. Tried with a card that no provider charges.
    async fn asks_that_gateway(&self) -> anyhow::Result<()> {
        let Some(gateway) = &self.gateway else {
            return Ok(());
        };
        let stage = self.stage("which provider", Instant::now());
        let goods = Goods::make(&self.shop, &self.ground, "probe", Status::Active).await?;
        goods.receive(&stage, 1).await?;
        let it = Purchase::open(&stage, &goods.sku, 1).await?;
        let reply = it.buy(&stage, &self.ground.key(), "tok_declined").await?;
        anyhow::ensure!(
            reply.body["code"] == "payment_declined",
            "a purchase with a card that every provider declines was answered {}: nothing was bought",
            reply.story()
        );
        anyhow::ensure!(
            gateway.was_asked(&it.cart).await?,
            "the shop pays through another provider than {}: nothing was bought",
            gateway.url()
        );
        Ok(())
    }

    fn stage(&self, trial: &'static str, until: Instant) -> Stage<'_> {
        Stage {
            shop: &self.shop,
            ground: &self.ground,
            gateway: self.gateway.as_ref(),
            own: self.own.as_ref(),
            card: &self.args.card,
            trial,
            seed: self.seed,
            found: &self.found,
            progress: &self.progress,
            until,
            patience: self.args.patience,
            rounds: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            counts: Mutex::default(),
            begun: Mutex::default(),
            is_late: AtomicBool::new(false),
        }
    }

    /// Why a trial cannot be done here.
    fn left_out(&self, trial: &Trial) -> Option<String> {
        match trial.needs {
            Needs::Buying if !self.can_buy => Some(
                "it buys, and the payment provider may be a real one: name the simulated one with --gateway-sim, or say --buy".to_owned(),
            ),
            Needs::Killing if self.own.is_none() => {
                Some("a running shop is not killed".to_owned())
            }
            Needs::Nothing | Needs::Buying | Needs::Killing => None,
        }
    }

    /// All trials and the last look; whether all of them could be finished.
    async fn all(&self, trials: &[Trial]) -> bool {
        let end = Instant::now() + self.args.duration;
        let mut shares: u32 = trials
            .iter()
            .filter(|it| self.left_out(it).is_none())
            .map(|it| it.share)
            .sum();
        let mut is_finished = true;
        for trial in trials {
            let gone = match is_finished {
                true => None,
                false => self.gone().await,
            };
            if let Some(why) = self.left_out(trial).or(gone) {
                self.note(Tried {
                    name: trial.name,
                    says: trial.says,
                    left_out: Some(why),
                    ..Tried::default()
                });
                continue;
            }
            let left = end.saturating_duration_since(Instant::now());
            let until = Instant::now() + left * trial.share / shares;
            shares -= trial.share;
            let stage = self.stage(trial.name, until);
            is_finished &= self.one(&stage, trial.says, (trial.run)(&stage)).await;
        }
        if !is_finished && self.gone().await.is_some() {
            return false;
        }
        self.progress.says("a last look at everything");
        let stage = self.stage(finale::NAME, end);
        let says = match self.own {
            Some(_) => {
                "All orders, carts and invoices are looked at together, and the state is rebuilt from the log."
            }
            None => "All orders and carts of the run are looked at together.",
        };
        is_finished & self.one(&stage, says, finale::run(&stage)).await
    }

    /// Why nothing more can be tried.
    async fn gone(&self) -> Option<String> {
        let asked = self.shop.once(&Ask::get("/health/readiness")).await;
        let failure = asked.err()?;
        self.is_gone.store(true, Ordering::Relaxed);
        Some(format!("the shop does not answer any more: {failure}"))
    }

    /// Whether it could be finished.
    async fn one(
        &self,
        stage: &Stage<'_>,
        says: &'static str,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> bool {
        let begun = Instant::now();
        let limit = stage.until.saturating_duration_since(begun) + self.args.patience + OVERTIME;
        let result = tokio::time::timeout(limit, work).await;
        let result = result.unwrap_or_else(|_| Err(anyhow::anyhow!("it did not end in {limit:?}")));
        let broken_off = result.err().map(|error| format!("{error:#}"));
        let is_finished = broken_off.is_none();
        let counts = stage.counts.lock().unwrap_or_else(|it| it.into_inner());
        let counts = counts.iter().map(|(what, times)| Count {
            what,
            times: *times,
        });
        let seconds = begun.elapsed().as_secs_f64();
        self.note(Tried {
            name: stage.trial,
            says,
            rounds: stage.round(),
            seconds,
            counts: counts.collect(),
            violations: stage.violations.load(Ordering::Relaxed),
            left_out: None,
            broken_off,
        });
        is_finished
    }

    async fn clean_up(&self, signals: &mut Signals) -> Swept {
        self.progress.says("cleaning up; please wait");
        let swept = tokio::select! {
            biased;
            () = self.surely_gone() => Err(anyhow::anyhow!("the shop does not answer")),
            swept = sweep::this_run(&self.shop, &self.ground.run) => swept,
            () = signals.any() => Err(anyhow::anyhow!("interrupted")),
        };
        swept.unwrap_or_else(|error| {
            let after = Time(self.ground.until * 1000);
            let what = format!("what this run made ({error:#}); a run after {after} does it");
            Swept {
                stuck: vec![what],
                ..Swept::default()
            }
        })
    }

    /// Ends only if the shop is known to be gone.
    async fn surely_gone(&self) {
        if !self.is_gone.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    fn note(&self, tried: Tried) {
        let mut all = self.tried.lock().unwrap_or_else(|it| it.into_inner());
        all.push(tried);
    }

    fn broken(&self) -> u64 {
        let all = invariants::ALL.iter();
        all.map(|it| self.found.tally(*it).broken).sum()
    }

    /// The embedded shop's directory, where there is something to look for in it.
    fn keep_if_broken(&mut self) -> Option<String> {
        if self.broken() == 0 {
            return None;
        }
        let kept = self.own.as_mut()?.get_mut().keep()?;
        Some(format!(
            "the embedded shop's data and logs, to look for the cause: {}",
            kept.display()
        ))
    }
}
