//! The gateway's own books: payments, effects, keys, calls, webhooks to send; durable before any answer.
//!
//! One thread writes. It takes all calls that are waiting into one transaction, commits once, and only then answers
//! everybody. After a failed commit it answers nobody "ok" and takes no more: the file tells the truth at the next start.

mod books;
mod read;
mod rows;
mod schema;

pub use books::{Action, Call, Outcome, Told, Twist};
pub use read::{CallRow, DueWebhook, EffectRow, Reader};
pub use rows::CallRecord;

use super::wire::Payment;
use books::Books;
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::ports::{Clock, Random};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Notify, mpsc, oneshot};

/// Calls that may wait; beyond that they are refused.
const WAITING_MAX: usize = 8_192;
/// Calls in one transaction.
const BATCH_MAX: usize = 512;

/// The ledger cannot take the call: it is overloaded, or its file failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger takes no calls now")]
pub struct Unavailable;

/// How a webhook's attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The shop took it.
    Delivered,
    /// A fault ate it.
    Dropped,
    /// Again at this moment (milliseconds since 1970).
    Again(i64),
    /// Tried often enough.
    GivenUp,
}

enum Task {
    Call(Box<Call>, oneshot::Sender<Outcome>),
    Note(Box<CallRecord>),
    Webhook(i64, Sent, oneshot::Sender<()>),
    Resend(Option<String>, oneshot::Sender<u64>),
    Close,
}

/// A handle on the ledger; dropping the last one ends its thread.
#[derive(Debug, Clone)]
pub struct Ledger {
    tasks: mpsc::Sender<Task>,
    reader: Arc<Reader>,
    webhooks: Arc<Notify>,
}

impl Ledger {
    /// Opens the ledger of a data directory. With `webhooks` each effect leaves an event to send.
    ///
    /// # Errors
    /// A sentence that says what to do when the directory cannot be used.
    pub fn open(dir: &Path, webhooks: bool) -> anyhow::Result<(Self, JoinHandle<()>)> {
        let (lock, connection) = schema::open(dir)?;
        let reader = Arc::new(Reader::new(schema::file(dir)));
        let (tasks, inbox) = mpsc::channel(WAITING_MAX);
        let notify = Arc::new(Notify::new());
        let writer = Writer {
            connection,
            clock: SystemClock::new(),
            webhooks: webhooks.then(|| notify.clone()),
        };
        let thread = std::thread::Builder::new()
            .name("gateway-ledger".to_owned())
            .spawn(move || {
                let _lock = lock;
                writer.run(inbox);
            })?;
        Ok((
            Self {
                tasks,
                reader,
                webhooks: notify,
            },
            thread,
        ))
    }

    /// Does a call, or repeats its kept answer; durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable`]: too many wait (then nothing happened), or the file failed (then nobody knows).
    pub async fn call(&self, call: Call) -> Result<Outcome, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.tasks
            .try_send(Task::Call(Box::new(call), answer))
            .map_err(|_| Unavailable)?;
        answered.await.map_err(|_| Unavailable)
    }

    /// Records a call that did not reach the books. Nobody waits for it; under overload it is left out.
    pub fn note(&self, record: CallRecord) {
        if self.tasks.try_send(Task::Note(Box::new(record))).is_err() {
            tracing::debug!("a call is not recorded: too many wait");
        }
    }

    /// Records how sending a webhook went.
    ///
    /// # Errors
    /// [`Unavailable`]; then it will be sent again.
    pub async fn webhook_sent(&self, seq: i64, sent: Sent) -> Result<(), Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.tasks
            .send(Task::Webhook(seq, sent, answer))
            .await
            .map_err(|_| Unavailable)?;
        answered.await.map_err(|_| Unavailable)
    }

    /// Makes one webhook due again, or all; how many there were.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn resend(&self, event_id: Option<String>) -> Result<u64, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.tasks
            .send(Task::Resend(event_id, answer))
            .await
            .map_err(|_| Unavailable)?;
        let count = answered.await.map_err(|_| Unavailable)?;
        self.webhooks.notify_one();
        Ok(count)
    }

    /// Ends the ledger's thread after what is waiting; later calls are refused.
    pub async fn close(&self) {
        // Nobody to tell: it has ended already.
        let _ = self.tasks.send(Task::Close).await;
    }

    /// Resolves when webhooks may have become due.
    pub async fn webhooks_changed(&self) {
        self.webhooks.notified().await;
    }

    /// Reads what is committed, off the caller's thread.
    ///
    /// # Errors
    /// [`Unavailable`] when the file cannot be read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let reader = self.reader.clone();
        let result = tokio::task::spawn_blocking(move || reader.with(read)).await;
        result.map_err(|_| Unavailable)?.map_err(|error| {
            tracing::error!(%error, "the ledger cannot be read");
            Unavailable
        })
    }

    /// One payment.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn find(&self, id: String) -> Result<Option<Payment>, Unavailable> {
        self.read(move |connection| rows::payment(connection, &id))
            .await
    }

    /// All payments of a reference, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn of_reference(&self, reference: String) -> Result<Vec<Payment>, Unavailable> {
        self.read(move |connection| rows::of_reference(connection, &reference))
            .await
    }
}

/// An answer that waits for the commit.
type Answer = Box<dyn FnOnce()>;

struct Writer {
    connection: Connection,
    clock: SystemClock,
    webhooks: Option<Arc<Notify>>,
}

impl Writer {
    fn run(self, mut inbox: mpsc::Receiver<Task>) {
        let mut tasks = Vec::with_capacity(BATCH_MAX);
        let (mut failed, mut closing) = (false, false);
        while !closing && inbox.blocking_recv_many(&mut tasks, BATCH_MAX) > 0 {
            closing = tasks.iter().any(|task| matches!(task, Task::Close));
            if failed {
                // Dropping the senders answers "unavailable".
                tasks.clear();
                continue;
            }
            match self.batch(&mut tasks) {
                Ok(answers) => answers.into_iter().for_each(|answer| answer()),
                Err(error) => {
                    tracing::error!(%error, "the ledger could not be written; it takes no more calls until a restart");
                    failed = true;
                    tasks.clear();
                }
            }
        }
    }

    fn batch(&self, tasks: &mut Vec<Task>) -> rusqlite::Result<Vec<Answer>> {
        let connection = &self.connection;
        let transaction = connection.unchecked_transaction()?;
        let now = self.clock.now_ms();
        let mut new_id = |prefix: &str| {
            let mut random = [0; 8];
            SystemRandom.fill(&mut random);
            format!("{prefix}_{now:011x}{:016x}", u64::from_be_bytes(random))
        };
        let mut books = Books {
            connection,
            now,
            webhooks: self.webhooks.is_some(),
            new_id: &mut new_id,
        };
        let mut answers: Vec<Answer> = Vec::with_capacity(tasks.len());
        // Nobody listening any more is no error: what was asked is done all the same.
        for task in tasks.drain(..) {
            match task {
                Task::Call(call, answer) => {
                    let outcome = books.call(&call)?;
                    answers.push(Box::new(move || drop(answer.send(outcome))));
                }
                Task::Note(record) => rows::insert_call(connection, now, &record)?,
                Task::Webhook(seq, sent, answer) => {
                    rows::webhook_sent(connection, seq, sent)?;
                    answers.push(Box::new(move || _ = answer.send(())));
                }
                Task::Resend(id, answer) => {
                    let count = rows::resend(connection, id.as_deref(), now)?;
                    answers.push(Box::new(move || _ = answer.send(count)));
                }
                Task::Close => {}
            }
        }
        rows::forget_old_calls(connection)?;
        transaction.commit()?;
        if let Some(notify) = &self.webhooks {
            notify.notify_one();
        }
        Ok(answers)
    }
}
