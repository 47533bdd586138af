//! A TCP proxy whose weather can be changed while connections go through it: cut, slow, one way only.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What happens to whatever goes through, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Fair,
    /// Every piece waits so long, both ways.
    Slow(Duration),
    /// So many bytes a second, both ways.
    Narrow(u32),
    /// Requests arrive, answers vanish; nobody hears of it.
    NoAnswers,
    /// Requests vanish; nobody hears of it.
    NoRequests,
    /// Requests arrive; when their answer comes the connection is reset both ways.
    CutAtAnswer,
    /// After a request the way there is closed in good order; the way back stays.
    HalfClosed,
    /// New connections are reset, and so are those that there are.
    Closed,
}

/// Listens on loopback and hands on to wherever it is told.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    target: watch::Sender<Option<SocketAddr>>,
    /// Counts up whenever all connections are to be reset.
    cuts: watch::Sender<u64>,
    broken: Arc<AtomicU64>,
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

impl Proxy {
    /// In fair weather, to here or nowhere.
    pub(crate) fn start(to: Option<SocketAddr>) -> Self {
        let listener = runtime()
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("loopback");
        let address = listener.local_addr().expect("an address");
        let (weather, target) = (watch::Sender::new(Weather::Fair), watch::Sender::new(to));
        let (cuts, broken) = (watch::Sender::new(0), Arc::<AtomicU64>::default());
        let through = Through {
            weather: weather.subscribe(),
            target: target.subscribe(),
            cuts: cuts.subscribe(),
            broken: broken.clone(),
        };
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(through.clone().carry(client));
            }
        });
        Self {
            address,
            weather,
            target,
            cuts,
            broken,
        }
    }

    /// New connections go there; those that there are stay where they are.
    pub(crate) fn to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    pub(crate) fn weather(&self, weather: Weather) {
        self.weather.send_replace(weather);
        if weather == Weather::Closed {
            self.cut();
        }
    }

    /// Resets all connections, both ways.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    /// How many connections it has broken since this was asked last.
    pub(crate) fn broken(&self) -> u64 {
        self.broken.swap(0, Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Through {
    weather: watch::Receiver<Weather>,
    target: watch::Receiver<Option<SocketAddr>>,
    cuts: watch::Receiver<u64>,
    broken: Arc<AtomicU64>,
}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Through {
    async fn carry(mut self, mut client: TcpStream) {
        self.cuts.mark_unchanged();
        let target = *self.target.borrow();
        let is_open = *self.weather.borrow() != Weather::Closed;
        let server = match target.filter(|_| is_open) {
            Some(target) => TcpStream::connect(target).await.ok(),
            None => None,
        };
        let Some(mut server) = server else {
            self.broken
                .fetch_add(u64::from(!is_open), Ordering::Relaxed);
            // The reset goes out when the stream is dropped; one that is gone already needs none.
            let _ = client.set_zero_linger();
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let mut cuts = self.cuts.clone();
        let is_cut = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let there = self.pump(Way::There, from_client, to_server);
            let back = self.pump(Way::Back, from_server, to_client);
            tokio::select! {
                both = async { tokio::try_join!(there, back) } => both.is_err(),
                _ = cuts.changed() => true,
            }
        };
        if is_cut {
            self.broken.fetch_add(1, Ordering::Relaxed);
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    }

    /// Hands on what comes until it ends; an error breaks both ways.
    async fn pump(
        &self,
        way: Way,
        mut from: tcp::ReadHalf<'_>,
        mut to: tcp::WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut bytes = vec![0; 16 * 1024];
        let mut is_lost = false;
        loop {
            let count = from.read(&mut bytes).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            let weather = *self.weather.borrow();
            is_lost |= matches!(
                (weather, way),
                (Weather::NoAnswers, Way::Back) | (Weather::NoRequests, Way::There)
            );
            if is_lost {
                // No network leaves a hole in a stream: what follows lost bytes is lost too, also when the weather clears.
                continue;
            }
            match (weather, way) {
                (Weather::Slow(long), _) => tokio::time::sleep(long).await,
                (Weather::Narrow(rate), _) => {
                    let seconds = count as f64 / f64::from(rate);
                    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                }
                (Weather::CutAtAnswer, Way::Back) => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                (
                    Weather::Fair
                    | Weather::NoAnswers
                    | Weather::NoRequests
                    | Weather::CutAtAnswer
                    | Weather::HalfClosed
                    | Weather::Closed,
                    _,
                ) => {}
            }
            to.write_all(&bytes[..count]).await?;
            if (weather, way) == (Weather::HalfClosed, Way::There) {
                return to.shutdown().await;
            }
        }
    }
}
