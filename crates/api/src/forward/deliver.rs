//! Handing a write to whoever has the lease, again and again while it is sure that nothing has happened, or that doing it twice
//! does it once.

use super::passport::{NOTHING_DONE, SEEN_AT, strip};
use super::{Forwarder, Load, Outgoing, Passport, Unanswered};
use crate::http::{Endpoint, ReplyBody, boxed};
use crate::problem::Problem;
use cartwright_app::commit::Standing;
use cartwright_app::{Fault, Shop};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// The first pause before a request is sent again; doubled each time. A change of the lease ends it.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(200);
/// So long an answer may still come after somebody else took the lease: who gave it back in peace finishes what it has begun.
const STILL_ANSWERS: Duration = Duration::from_secs(1);
/// How long an answer is kept back at most until this process has seen what was written.
const FOLLOW_WITHIN: Duration = Duration::from_secs(2);
const NS_PER_MS: u64 = 1_000_000;

/// A request to be passed on.
pub(crate) struct Letter {
    /// Method, address and headers as the client sent them.
    pub(crate) parts: Parts,
    /// Its body.
    pub(crate) load: Load,
    /// By which it is found in both logs.
    pub(crate) request_id: SmolStr,
    /// Who asks.
    pub(crate) client: IpAddr,
    /// Whether it may be sent again when nobody knows what came of it.
    pub(crate) is_repeatable: bool,
    /// When it came, in monotonic nanoseconds.
    pub(crate) came_ns: u64,
    /// When its caller gives up, if that was said.
    pub(crate) gives_up_ns: Option<u64>,
}

/// Whether sending a request again does no more than sending it once: it has a key, or the contract says so. Ends of holds are the
/// same again, holds are known by their `reference`, messages of providers by their id.
pub(crate) fn repeatable(endpoint: &Endpoint, headers: &HeaderMap) -> bool {
    const ENDS: [&str; 3] = ["/release", "/confirm", "/reserve"];
    let path = endpoint.path;
    let is_known = path == "/v1/reservations"
        || path.starts_with("/v1/webhooks/")
        || path.starts_with("/v1/") && ENDS.iter().any(|end| path.ends_with(end));
    // What somebody looked into is settled by a decision that knows no keys.
    let knows_keys = !path.starts_with("/v1/attention/");
    is_known || knows_keys && headers.contains_key("idempotency-key")
}

impl Forwarder {
    /// The answer of the process that writes, once this one has seen what was written.
    ///
    /// Errors: `read_only` when nobody took it in time and nothing has happened; `dependency_unavailable` when the answer was lost.
    pub(crate) async fn deliver(
        &self,
        shop: &Shop,
        letter: &Letter,
    ) -> Result<Response<ReplyBody>, Problem> {
        let delivered = self.try_all(shop, letter).await;
        let count = match &delivered {
            Ok(_) => &self.counts.passed,
            Err(_) => &self.counts.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let answer = delivered?;
        self.follow(shop, answer.headers()).await;
        Ok(for_client(answer).map(boxed))
    }

    async fn try_all(
        &self,
        shop: &Shop,
        letter: &Letter,
    ) -> Result<Response<hyper::body::Incoming>, Problem> {
        let until_ns = letter.came_ns + self.wait_ns;
        let mut standing = shop.health().standing();
        let mut pause = FIRST_PAUSE;
        // Whether an earlier try may have had its effect.
        let mut is_open = false;
        loop {
            let now = standing.borrow_and_update().clone();
            let now_ns = shop.clock().monotonic_ns();
            if now_ns >= until_ns {
                return Err(if is_open {
                    lost()
                } else {
                    Fault::NoLease.into()
                });
            }
            let url = now.holder.as_ref().map(|it| &it.url);
            let Some(url) = url.filter(|url| !url.is_empty()) else {
                wait(&mut standing, Duration::from_nanos(until_ns - now_ns)).await;
                continue;
            };
            let request = self.request(letter, url, until_ns - now_ns, now_ns)?;
            let came = self.answer(shop, letter, request, &now, until_ns).await;
            let why = match came {
                Ok(answer) if !answer.headers().contains_key(NOTHING_DONE) => {
                    self.note(true, now_ns);
                    return Ok(answer);
                }
                Ok(_) => "it has not got the lease".to_owned(),
                Err(Unanswered::NotSent(why)) => {
                    self.note(false, now_ns);
                    why
                }
                Err(Unanswered::Unknown(why)) => {
                    is_open = true;
                    if !letter.is_repeatable {
                        tracing::warn!(request_id = %letter.request_id, url = %url, why, "the answer to a write that was passed on was lost");
                        return Err(lost());
                    }
                    why
                }
            };
            if !letter.load.is_whole() {
                return Err(lost());
            }
            self.counts.again.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(request_id = %letter.request_id, url = %url, why, "a write is passed on again");
            wait(&mut standing, pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// What one process answers. One that has lost the lease meanwhile is not waited for long.
    async fn answer(
        &self,
        shop: &Shop,
        letter: &Letter,
        request: Request<Outgoing>,
        asked: &Standing,
        until_ns: u64,
    ) -> Result<Response<hyper::body::Incoming>, Unanswered> {
        let mut standing = shop.health().standing();
        let given_up = async {
            let is_over = |now: &Standing| now.epoch != asked.epoch && now.holder.is_some();
            // An error says that the shop closes: the answer may still come.
            if standing.wait_for(is_over).await.is_err() {
                std::future::pending::<()>().await;
            }
            let left = until_ns.saturating_sub(shop.clock().monotonic_ns());
            let patience = if letter.is_repeatable {
                STILL_ANSWERS
            } else {
                STILL_ANSWERS.max(Duration::from_nanos(left))
            };
            tokio::time::sleep(patience).await;
        };
        tokio::select! {
            answer = self.peers.send(request) => answer,
            () = given_up => Err(Unanswered::Unknown("it does not answer and has lost the lease".to_owned())),
        }
    }

    fn request(
        &self,
        letter: &Letter,
        url: &str,
        left_ns: u64,
        now_ns: u64,
    ) -> Result<Request<Outgoing>, Problem> {
        let there = || Problem::from(Fault::Unavailable(format!("{url} is no address")));
        let path = letter.parts.uri.path_and_query();
        let mut uri = url.parse::<Uri>().map_err(|_| there())?.into_parts();
        uri.path_and_query = path.cloned().or(Some(PathAndQuery::from_static("/")));
        let mut request = Request::new(letter.load.outgoing());
        *request.method_mut() = letter.parts.method.clone();
        *request.uri_mut() = Uri::from_parts(uri).map_err(|_| there())?;
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        *headers = letter.parts.headers.clone();
        strip(headers);
        if let Ok(id) = HeaderValue::from_str(&letter.request_id) {
            headers.insert("request-id", id);
        }
        if let Some(gives_up_ns) = letter.gives_up_ns {
            let left = gives_up_ns.saturating_sub(now_ns) / NS_PER_MS;
            // At most 8 digits, as gRPC spells it.
            let left = format!("{}m", left.clamp(1, 99_999_999));
            if let Ok(left) = HeaderValue::try_from(left) {
                headers.insert(HeaderName::from_static("grpc-timeout"), left);
            }
        }
        let passport = Passport {
            client: letter.client,
            by: SmolStr::new(&self.node),
            wait_ns: left_ns,
        };
        passport.put(headers, &self.pass);
        Ok(request)
    }

    /// Waits until this process has seen what an answer tells of.
    async fn follow(&self, shop: &Shop, headers: &HeaderMap) {
        let read = |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.parse().ok() };
        let Some(position) = read("position").or_else(|| read(SEEN_AT.as_str())) else {
            return;
        };
        let followed = tokio::time::timeout(FOLLOW_WITHIN, shop.reach(position)).await;
        if followed.is_err() {
            self.counts.late.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                position,
                "an answer is handed back before this process has seen what was written"
            );
        }
    }
}

/// Waits for the lease to change hands, but not longer.
async fn wait(standing: &mut watch::Receiver<Standing>, long: Duration) {
    // Whether it changed, nothing did, or the shop closes: whoever waits looks again.
    if let Ok(Err(_)) = tokio::time::timeout(long, standing.changed()).await {
        tokio::time::sleep(long).await;
    }
}

fn for_client<B>(mut answer: Response<B>) -> Response<B> {
    strip(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
    answer.extensions_mut().clear();
    answer
}

/// It may have been done.
fn lost() -> Problem {
    let detail = "the process that writes did not answer, and may have done it: look, or send it again with the same Idempotency-Key";
    Problem {
        retry_after: Some(1),
        ..Problem::new("dependency_unavailable", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_twice_is_once_is_sent_again() {
        let keyed = HeaderMap::from_iter([(
            HeaderName::from_static("idempotency-key"),
            HeaderValue::from_static("k"),
        )]);
        for (path, bare, with_key) in [
            ("/v1/carts/{id}/lines", false, true),
            ("/v1/stores/{store}/inventory/{sku}/adjust", false, true),
            ("/v1/stores/{store}/inventory/{sku}/reserve", true, true),
            ("/v1/reservations/{id}/release", true, true),
            ("/v1/reservations/{id}/extend", false, true),
            ("/v1/reservations", true, true),
            ("/v1/webhooks/{provider}", true, true),
            ("/v1/attention/{id}/resolve", false, false),
            ("/stores/{storeId}/inventory/{sku}/reserve", false, true),
        ] {
            let route = crate::http::routes().find(|it| it.path == path && it.writes());
            let route = route.unwrap_or_else(|| panic!("no route {path}"));
            assert_eq!(repeatable(route, &HeaderMap::new()), bare, "{path}");
            assert_eq!(repeatable(route, &keyed), with_key, "{path} with a key");
        }
    }
}
