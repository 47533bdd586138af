//! Clients that do not give up: whatever has no final answer is sent again, byte for byte and with its key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::counts::{Counts, one};
use crate::support::client::Connection;
use crate::support::{Request, Response};

/// Longer than any answer that still comes.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Longer than any weather lasts.
const GIVES_UP: Duration = Duration::from_secs(120);
/// Before something is sent again.
const PAUSE: Duration = Duration::from_millis(15);

/// What the clients of a round share.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Where the shop is to be found: a client keeps to one door as long as that answers, then it goes to the next.
    doors: Arc<[SocketAddr]>,
    /// Clients so far: they begin at one door after the other.
    clients: Arc<AtomicUsize>,
    pub(crate) counts: Arc<Counts>,
    /// Nothing new is begun; what was begun is ended.
    pub(crate) stop: Arc<AtomicBool>,
    /// Somebody has found that something does not hold: nothing is ended any more.
    pub(crate) lost: Arc<AtomicBool>,
}

impl Load {
    pub(crate) fn through(doors: impl Into<Arc<[SocketAddr]>>, counts: &Arc<Counts>) -> Self {
        Self {
            doors: doors.into(),
            clients: Arc::default(),
            counts: counts.clone(),
            stop: Arc::default(),
            lost: Arc::default(),
        }
    }

    pub(crate) fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.doors[0], method, path)
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            load: self.clone(),
            door: self.clients.fetch_add(1, Ordering::Relaxed) % self.doors.len(),
            patience: PATIENCE,
            connection: None,
        }
    }
}

/// Stops the clients whatever becomes of the strikes.
#[derive(Debug)]
pub(crate) struct Stops<'a>(pub(crate) &'a Load);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::SeqCst);
        if std::thread::panicking() {
            self.0.lost.store(true, Ordering::SeqCst);
        }
    }
}

/// One that keeps its connection while it lasts.
#[derive(Debug)]
pub(crate) struct Client {
    load: Load,
    door: usize,
    patience: Duration,
    connection: Option<Connection>,
}

/// Whether it says what became of the request, for ever.
fn is_final(answer: &Response) -> bool {
    let is_busy = || answer.json()["code"] == "idempotency_in_flight";
    answer.status != 429 && answer.status < 500 && (answer.status != 409 || !is_busy())
}

impl Client {
    /// One that waits longer for each answer.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// All at once, and again whatever has no final answer, until everything has; in the order of the requests.
    #[track_caller]
    pub(crate) fn insist_on(&mut self, requests: &[Request]) -> Vec<Response> {
        let answers = self.answers_to(requests);
        for answer in &answers {
            let is_taken = answer.status < 300 && answer.status != 202;
            let counts = &self.load.counts;
            one(if is_taken {
                &counts.acknowledged
            } else {
                &counts.refused
            });
        }
        answers
    }

    #[track_caller]
    pub(crate) fn insist(&mut self, request: Request) -> Response {
        self.insist_on(&[request]).remove(0)
    }

    /// What was answered already, once more: it counts as a replay.
    #[track_caller]
    pub(crate) fn again(&mut self, request: &Request) -> Response {
        one(&self.load.counts.replays);
        self.answers_to(std::slice::from_ref(request)).remove(0)
    }

    /// What is asked without changing anything.
    #[track_caller]
    pub(crate) fn read(&mut self, request: &Request) -> Response {
        self.answers_to(std::slice::from_ref(request)).remove(0)
    }

    #[track_caller]
    fn answers_to(&mut self, requests: &[Request]) -> Vec<Response> {
        let since = Instant::now();
        let mut answers: Vec<Option<Response>> = vec![None; requests.len()];
        loop {
            let open: Vec<usize> = (0..requests.len())
                .filter(|index| answers[*index].is_none())
                .collect();
            let Some(first) = open.first() else {
                return answers.into_iter().flatten().collect();
            };
            let waits_for = requests[*first].describe();
            let sent: Vec<&Request> = open.iter().map(|index| &requests[*index]).collect();
            let came = self.exchange(&sent);
            let mut left = open.len() as u64;
            for (index, answer) in open.into_iter().zip(came) {
                if is_final(&answer) {
                    left -= 1;
                    answers[index] = Some(answer);
                }
            }
            let is_lost = self.load.lost.load(Ordering::SeqCst);
            assert!(!is_lost, "somebody else has failed");
            assert!(
                left == 0 || since.elapsed() < GIVES_UP,
                "nothing-waits-for-ever: {left} without a final answer within {GIVES_UP:?}: {waits_for}"
            );
            if left > 0 {
                self.load.counts.retries.fetch_add(left, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Sends all and reads the answers as far as they come.
    fn exchange(&mut self, requests: &[&Request]) -> Vec<Response> {
        let kept = self.connection.take();
        let doors = &self.load.doors;
        let Some(mut connection) =
            kept.or_else(|| Connection::open_within(doors[self.door], self.patience).ok())
        else {
            self.door = (self.door + 1) % doors.len();
            return Vec::new();
        };
        let answers = connection.send_all(requests);
        let closes = answers
            .last()
            .is_some_and(|it| it.header("connection") == Some("close"));
        if answers.len() == requests.len() && !closes {
            self.connection = Some(connection);
        } else if answers.len() < requests.len() {
            self.door = (self.door + 1) % self.load.doors.len();
        }
        answers
    }
}
