//! One task for each thing that somebody outside must be asked about, in the process that writes: started once, woken when
//! something has changed, waited for by whoever wants to know that it rests.

use crate::fault::Fault;
use crate::shop::{Answer, Command, Reply, Shop, Submission};
use cartwright_domain::EventId;
use cartwright_domain::planted::{Bug, planted};
use hashbrown::HashMap;
use parking_lot::Mutex;
use smol_str::SmolStr;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, oneshot};

/// How long a command of a task may wait for the loop.
const PATIENCE_NS: u64 = 10_000_000_000;

/// A task has ended.
pub type Ended = oneshot::Receiver<()>;

/// Who works on a thing.
pub(crate) struct Task<T> {
    /// Told when something has changed.
    pub(crate) woken: Notify,
    /// What else is known of it.
    pub(crate) about: T,
    /// Whether there is something to do that the task may not have seen.
    again: AtomicBool,
}

/// The tasks that run, by what they work on.
pub(crate) struct Tasks<K, T = ()> {
    running: Mutex<HashMap<K, Arc<Task<T>>>>,
    waiting: Mutex<HashMap<K, Vec<oneshot::Sender<()>>>>,
}

impl<K, T> Default for Tasks<K, T> {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
            waiting: Mutex::default(),
        }
    }
}

impl<K: Copy + Eq + Hash, T: Default> Tasks<K, T> {
    /// The task of a thing, as `note` leaves it, and whether it is new: then the caller runs it, as long as it
    /// [`goes_on`](Self::goes_on), and then says [`rests`](Self::rests).
    pub(crate) fn take(&self, id: K, note: impl FnOnce(&T)) -> (Arc<Task<T>>, bool) {
        let mut running = self.running.lock();
        if let Some(task) = running.get(&id) {
            note(&task.about);
            return (task.clone(), false);
        }
        let task = Arc::new(Task {
            woken: Notify::new(),
            about: T::default(),
            again: AtomicBool::new(true),
        });
        note(&task.about);
        running.insert(id, task.clone());
        (task, true)
    }

    /// Something has changed about a thing; false when no task works on it.
    pub(crate) fn wake(&self, id: K) -> bool {
        let running = self.running.lock();
        let Some(task) = running.get(&id) else {
            return false;
        };
        task.again.store(true, Ordering::SeqCst);
        task.woken.notify_one();
        true
    }

    /// Whether a task has something to do: it has just begun, or was woken while it ended. Otherwise it is forgotten.
    pub(crate) fn goes_on(&self, id: K, task: &Task<T>) -> bool {
        let mut running = self.running.lock();
        let goes_on = task.again.swap(false, Ordering::SeqCst);
        if !goes_on && !planted(Bug::TaskNeverForgotten) {
            running.remove(&id);
        }
        goes_on
    }

    /// Tells when nobody works on the thing any more. Ask before waking it.
    pub(crate) fn ended(&self, id: K) -> Ended {
        let (tell, ended) = oneshot::channel();
        self.waiting.lock().entry(id).or_default().push(tell);
        ended
    }

    /// Nobody works on the thing any more: whoever waits for that is told.
    pub(crate) fn rests(&self, id: K) {
        let waiting = self.waiting.lock().remove(&id);
        for waiting in waiting.into_iter().flatten() {
            // Nobody waits any more when the caller went away.
            waiting.send(()).unwrap_or_default();
        }
    }
}

/// Submits a command of a task's own, as `actor`.
///
/// Errors: [`Fault`] of the loop; [`Fault::Rejected`] for a refusal, which a task does not expect.
pub(crate) async fn submit(
    shop: &Shop,
    actor: &'static str,
    command: impl Command + 'static,
) -> Result<(), Fault> {
    let correlation = SmolStr::new_static(actor);
    submit_for(shop, actor, &correlation, command)
        .await
        .map(drop)
}

/// As [`submit`], for what belongs to a request; the last of the command's entries.
pub(crate) async fn submit_for(
    shop: &Shop,
    actor: &'static str,
    correlation: &SmolStr,
    command: impl Command + 'static,
) -> Result<Option<EventId>, Fault> {
    let submission = submission(shop, actor, correlation.clone(), command);
    accepted(shop.submit(submission).await?)
}

/// As [`submit_for`], for threads of their own: blocks.
pub(crate) fn submit_now(
    shop: &Shop,
    actor: &'static str,
    correlation: &SmolStr,
    command: impl Command + 'static,
) -> Result<Option<EventId>, Fault> {
    let submission = submission(shop, actor, correlation.clone(), command);
    accepted(shop.submit_now(submission)?)
}

fn submission(
    shop: &Shop,
    actor: &'static str,
    correlation: SmolStr,
    command: impl Command + 'static,
) -> Submission {
    Submission {
        command: Box::new(command),
        keyed: None,
        correlation,
        actor: SmolStr::new_static(actor),
        deadline_ns: shop.clock().monotonic_ns() + PATIENCE_NS,
    }
}

fn accepted(answer: Answer) -> Result<Option<EventId>, Fault> {
    match answer.reply {
        Reply::Decided(Err(refusal)) => Err(Fault::Rejected(refusal.to_string())),
        Reply::Decided(Ok(outcome)) => Ok(outcome.event),
        Reply::Kept(..) | Reply::KeyReused => Ok(None),
    }
}
