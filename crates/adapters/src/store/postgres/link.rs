//! Connections, and what drives them: the shop's threads hand queries over and wait for what comes of them.

use super::fault::{fault, spelled};
use super::gather::Gather;
use super::open::{Address, Secured};
use cartwright_app::Fault;
use crossbeam_channel::Sender;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Error, Row, Statement};

/// So long a query may take that a request waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that ask for single keys: few, so that keys go together when there are many.
const GATHERING: usize = 2;

/// A value that a query is given.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// A value for [`Value`].
pub(super) fn value(value: impl ToSql + Sync + Send + 'static) -> Value {
    Box::new(value)
}

/// Where connections are driven.
#[derive(Debug)]
pub(super) struct Io {
    /// `None` while it is dropped.
    runtime: Option<Runtime>,
    /// Whether whoever waits drives them, instead of a thread of their own.
    by_who_waits: bool,
}

impl Io {
    /// On a thread of its own, for many who wait.
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            by_who_waits: false,
        })
    }

    /// On the thread that waits, for the one who does: nobody has to be woken on the way. Nothing moves while nobody waits.
    pub(super) fn of_one() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            runtime: Some(runtime),
            by_who_waits: true,
        })
    }

    /// Runs it there and waits, for so long at most; then it is given up, and whether it was done is unknown.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let gone = || Fault::Unavailable("the connection to PostgreSQL is closed".into());
        let work = within(patience, work);
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        if !self.by_who_waits {
            let (done, result) = std::sync::mpsc::sync_channel(1);
            // Nobody waits any more when the shop ends.
            runtime.spawn(async move { drop(done.send(work.await)) });
            return result.recv().unwrap_or_else(|_| Err(gone()));
        }
        if Handle::try_current().is_err() {
            return runtime.block_on(work);
        }
        // A thread that drives other things already, while the shop starts.
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| runtime.block_on(work));
            waiting.join().unwrap_or_else(|_| Err(gone()))
        })
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection, with the statements that it has prepared.
pub(super) struct Link {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Link {
    /// A connection with the schema chosen and the settings that the shop relies on. `news` is told of each notification.
    pub(super) async fn open(
        address: Arc<Address>,
        news: Option<Sender<()>>,
    ) -> Result<Self, Fault> {
        let connected = match &address.secured {
            None => {
                let (client, connection) = address
                    .config
                    .connect(tokio_postgres::NoTls)
                    .await
                    .map_err(fault)?;
                drive(connection, news);
                client
            }
            Some(Secured(tls)) => {
                let (client, connection) =
                    address.config.connect(tls.clone()).await.map_err(fault)?;
                drive(connection, news);
                client
            }
        };
        connected
            .batch_execute(&address.greeting)
            .await
            .map_err(fault)?;
        Ok(Self {
            client: connected,
            statements: Mutex::default(),
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    /// The statement, prepared once a connection.
    pub(super) async fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.lock().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements
            .lock()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, &borrowed(values)).await
    }

    /// Rows that are asked for once, without keeping the statement.
    pub(super) async fn query_once(&self, sql: &str) -> Result<Vec<Row>, Error> {
        self.client.query(sql, &[]).await
    }

    /// All of them in one transaction and one round trip; nothing of it when one fails, and that one's error. Returns the rows that each changed.
    pub(super) async fn transact(
        &self,
        begin: &str,
        statements: &[(String, Vec<Value>)],
    ) -> Result<Vec<u64>, Error> {
        let mut prepared = Vec::with_capacity(statements.len());
        for (sql, _) in statements {
            prepared.push(self.prepared(sql).await?);
        }
        let mut all: Vec<Sent<'_, u64>> = Vec::with_capacity(statements.len() + 2);
        all.push(Box::pin(async { self.run(begin).await.map(|()| 0) }));
        for (statement, (_, values)) in prepared.iter().zip(statements) {
            all.push(Box::pin(async move {
                self.client.execute(statement, &borrowed(values)).await
            }));
        }
        all.push(Box::pin(async { self.run("COMMIT").await.map(|()| 0) }));
        // What follows the first error fails because of it, and COMMIT then rolls back.
        let done = in_order(all).await.into_iter();
        let mut changed = done.collect::<Result<Vec<_>, _>>()?;
        changed.pop();
        changed.remove(0);
        Ok(changed)
    }
}

/// A request on its way.
pub(super) type Sent<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Sends all before the first answer, and waits for all. Each is sent when it is first asked whether it is done, so they go out in this
/// order.
pub(super) async fn in_order<T>(mut all: Vec<Sent<'_, T>>) -> Vec<Result<T, Error>> {
    let mut done: Vec<_> = all.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (slot, one) in done.iter_mut().zip(&mut all) {
            if slot.is_none()
                && let Poll::Ready(answer) = one.as_mut().poll(context)
            {
                *slot = Some(answer);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn borrowed(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| &**value as &(dyn ToSql + Sync))
        .collect()
}

/// Sends and receives for as long as the connection lives.
fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, news: Option<Sender<()>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                // Full: somebody was woken already and has not looked yet.
                Ok(AsyncMessage::Notification(_)) => {
                    let _ = news.as_ref().map(|news| news.try_send(()));
                }
                Ok(AsyncMessage::Notice(notice)) => {
                    tracing::debug!(notice = notice.message(), "PostgreSQL says");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = spelled(&error), "a connection to PostgreSQL ended");
                    return;
                }
            }
        }
    });
}

/// Connections for reading, each made when it is first needed and again when it broke. Each serves many at once, in their order.
pub(super) struct Pool {
    io: Arc<Io>,
    address: Arc<Address>,
    links: Vec<Arc<tokio::sync::Mutex<Option<Arc<Link>>>>>,
    next: AtomicUsize,
}

impl Pool {
    pub(super) fn new(io: Arc<Io>, address: Arc<Address>, size: usize) -> Self {
        Self {
            io,
            address,
            links: (0..size.max(1)).map(|_| Arc::default()).collect(),
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn io(&self) -> &Arc<Io> {
        &self.io
    }

    /// What asks for single keys on these connections.
    pub(super) fn gather(&self) -> Gather {
        let few = self.links.len().min(GATHERING);
        Gather::new(&self.io, &self.address, &self.links[..few])
    }

    pub(super) fn address(&self) -> &Arc<Address> {
        &self.address
    }

    /// A connection for somebody alone.
    pub(super) fn own(&self) -> Result<Link, Fault> {
        self.io
            .wait(PATIENCE, Link::open(self.address.clone(), None))
    }

    /// Asks on one of the connections; once more on a fresh one when that one turns out to be broken. For what changes nothing.
    pub(super) fn ask<T, F, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send,
        W: Fn(Arc<Link>) -> F + Send + Sync + 'static,
    {
        let slot = self.next.fetch_add(1, Ordering::Relaxed) % self.links.len();
        let (slot, address) = (self.links[slot].clone(), self.address.clone());
        self.io
            .wait(PATIENCE, async move { on(&slot, &address, work).await })
    }

    pub(super) fn query(
        &self,
        sql: impl Into<String>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Fault> {
        let asked = Arc::new((sql.into(), values));
        self.ask(move |link| {
            let asked = asked.clone();
            async move { link.query(&asked.0, &asked.1).await.map_err(fault) }
        })
    }
}

/// Does it, for so long at most.
pub(super) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let late = |_| Fault::Unavailable(format!("PostgreSQL did not answer within {patience:?}"));
    let done = tokio::time::timeout(patience, work).await;
    done.unwrap_or_else(|elapsed| Err(late(elapsed)))
}

/// Asks on the connection in a slot; once more on a fresh one when that one turns out to be broken.
pub(super) async fn on<T, F: Future<Output = Result<T, Fault>>>(
    slot: &tokio::sync::Mutex<Option<Arc<Link>>>,
    address: &Arc<Address>,
    work: impl Fn(Arc<Link>) -> F,
) -> Result<T, Fault> {
    let link = linked(slot, address).await?;
    let result = work(link.clone()).await;
    if result.is_err() && link.is_closed() {
        return work(linked(slot, address).await?).await;
    }
    result
}

/// What is in a slot, made anew when it is broken.
pub(super) async fn linked(
    slot: &tokio::sync::Mutex<Option<Arc<Link>>>,
    address: &Arc<Address>,
) -> Result<Arc<Link>, Fault> {
    let mut slot = slot.lock().await;
    if let Some(link) = slot.as_ref().filter(|link| !link.is_closed()) {
        return Ok(link.clone());
    }
    let link = Arc::new(Link::open(address.clone(), None).await?);
    *slot = Some(link.clone());
    Ok(link)
}

/// How long after a listening connection broke another one is made.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);

/// Tells of every commit, whoever made it, as long as the store is open.
pub(super) fn listen(io: &Io, address: Arc<Address>, tell: Sender<()>) {
    io.spawn(async move {
        loop {
            if let Ok(link) = Link::open(address.clone(), Some(tell.clone())).await
                && link
                    .run(&format!("LISTEN \"{}\"", address.channel()))
                    .await
                    .is_ok()
            {
                // Something may have been said meanwhile.
                let _ = tell.try_send(());
                while !link.is_closed() {
                    tokio::time::sleep(LISTEN_AGAIN).await;
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    });
}
