//! Reads of single keys, without a thread that waits: what is asked while every connection is busy goes out together, as one
//! statement a kind of key.

use super::link::{Io, Link, PATIENCE, on, within};
use super::load;
use super::open::Address;
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::Loading;
use cartwright_domain::Sku;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, oneshot};

/// Keys of one round trip at most.
const TOGETHER: usize = 64;

type Found = Result<Option<Record>, Fault>;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// What is under a key.
    Under(Key),
    /// The product that has a SKU.
    ProductOf(Sku),
}

struct Asked {
    wanted: Wanted,
    answer: oneshot::Sender<Found>,
}

/// The way to the connections.
pub(super) struct Gather(UnboundedSender<Asked>);

impl Gather {
    /// Serves over these connections, for as long as it lives.
    pub(super) fn new(
        io: &Io,
        address: &Arc<Address>,
        links: &[Arc<Mutex<Option<Arc<Link>>>>],
    ) -> Self {
        let (asked, waiting) = unbounded_channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for slot in links {
            io.spawn(serve(waiting.clone(), slot.clone(), address.clone()));
        }
        Self(asked)
    }

    /// Asks with the next round trip.
    pub(super) fn ask(&self, wanted: Wanted) -> Loading {
        let gone = || Fault::Unavailable("the connection to PostgreSQL is closed".into());
        let (answer, found) = oneshot::channel();
        let sent = self.0.send(Asked { wanted, answer });
        Box::pin(async move {
            sent.map_err(|_| gone())?;
            found.await.map_err(|_| gone())?
        })
    }
}

async fn serve(
    waiting: Arc<Mutex<UnboundedReceiver<Asked>>>,
    slot: Arc<Mutex<Option<Arc<Link>>>>,
    address: Arc<Address>,
) {
    let mut asked = Vec::with_capacity(TOGETHER);
    while waiting.lock().await.recv_many(&mut asked, TOGETHER).await > 0 {
        // Whoever has gone away needs nothing.
        asked.retain(|it| !it.answer.is_closed());
        let (wanted, answers): (Vec<Wanted>, Vec<_>) =
            asked.drain(..).map(|it| (it.wanted, it.answer)).unzip();
        let found = find(&slot, &address, &wanted).await;
        // That one of them cannot be read says nothing of the others. That PostgreSQL does not answer does: nobody waits for it once more.
        let alone = wanted.len() > 1 && !matches!(found, Ok(_) | Err(Fault::Unavailable(_)));
        let mut found = found.map(Vec::into_iter);
        for (one, answer) in wanted.iter().zip(answers) {
            let found = match &mut found {
                Ok(found) => Ok(found.next().flatten()),
                Err(_) if alone => {
                    let lone = std::slice::from_ref(one);
                    let found = find(&slot, &address, lone).await;
                    found.map(|mut found| found.pop().flatten())
                }
                Err(fault) => Err(fault.clone()),
            };
            // Or went away meanwhile.
            let _ = answer.send(found);
        }
    }
}

async fn find(
    slot: &Mutex<Option<Arc<Link>>>,
    address: &Arc<Address>,
    wanted: &[Wanted],
) -> Result<Vec<Option<Record>>, Fault> {
    let ask = |link: Arc<Link>| async move { load::wanted(&link, wanted).await };
    within(PATIENCE, on(slot, address, ask)).await
}
