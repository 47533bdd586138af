//! What a request carries from one process of a shop to another, and how it proves that it comes from there: a secret that whoever
//! can read the shop's store can derive, and nobody else.

use cartwright_app::keys::Secrets;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use smol_str::SmolStr;
use std::net::IpAddr;

/// Proves that a process of this shop sends. Its value is a secret.
const PEER: HeaderName = HeaderName::from_static("cartwright-peer");
/// `for=<address of the client>;by=<name of the process>;wait=<milliseconds>`.
const FORWARDED: HeaderName = HeaderName::from_static("cartwright-forwarded");
/// On an answer: nothing was done and nothing will be; another process writes.
pub(crate) const NOTHING_DONE: HeaderName = HeaderName::from_static("cartwright-nothing-done");
/// On an answer: where the log ended when it was given.
pub(crate) const SEEN_AT: HeaderName = HeaderName::from_static("cartwright-seen-at");
/// What the secret is derived from. No cart and no key has such an id.
const OF: &str = "peer/1";

/// Where a request that another process of the shop passed on comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passport {
    /// Who asks, as the process saw it that the client knocked at.
    pub(crate) client: IpAddr,
    /// What that process is called.
    pub(crate) by: SmolStr,
    /// How long the client still waits, in nanoseconds.
    pub(crate) wait_ns: u64,
}

/// The value of [`PEER`].
pub(super) fn pass(secrets: &Secrets) -> HeaderValue {
    let mut pass = HeaderValue::try_from(secrets.derive(OF))
        .unwrap_or_else(|_| unreachable!("base64url is visible ASCII"));
    pass.set_sensitive(true);
    pass
}

/// A name without what would end it within a header.
pub(super) fn plain(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_.:/".contains(*letter);
    name.chars().filter(is_plain).collect()
}

impl Passport {
    /// Takes what peers say out of the headers; `None`, and not a word of it is believed, when no peer sends.
    pub(crate) fn take(headers: &mut HeaderMap, secrets: &Secrets) -> Option<Self> {
        let sent = headers.remove(PEER);
        let told = headers.remove(FORWARDED);
        if !is_same(sent?.as_bytes(), secrets.derive(OF).as_bytes()) {
            return None;
        }
        let told = told?;
        let mut passport = Self {
            client: IpAddr::from([0, 0, 0, 0]),
            by: SmolStr::default(),
            wait_ns: 0,
        };
        for (name, value) in told
            .to_str()
            .ok()?
            .split(';')
            .filter_map(|it| it.split_once('='))
        {
            match name {
                "for" => passport.client = value.parse().ok()?,
                "by" => passport.by = value.into(),
                "wait" => passport.wait_ns = value.parse::<u64>().ok()?.saturating_mul(1_000_000),
                _ => {}
            }
        }
        Some(passport)
    }

    /// Puts it into headers.
    pub(super) fn put(&self, headers: &mut HeaderMap, pass: &HeaderValue) {
        let (client, by) = (self.client, &self.by);
        let wait = self.wait_ns / 1_000_000;
        headers.insert(PEER, pass.clone());
        if let Ok(told) = HeaderValue::try_from(format!("for={client};by={by};wait={wait}")) {
            headers.insert(FORWARDED, told);
        }
    }
}

/// Compared in constant time.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && differences == 0
}

/// Takes out what concerns one connection alone (RFC 9110, 7.6.1), and what processes say to each other.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    let of_one_connection = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TRAILER,
        header::EXPECT,
        header::HOST,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("http2-settings"),
        PEER,
        FORWARDED,
        NOTHING_DONE,
        SEEN_AT,
    ];
    for name in of_one_connection {
        headers.remove(name);
    }
    // gRPC says with it that it reads trailers, which HTTP/2 allows.
    let reads_trailers = headers.get(header::TE).is_some_and(|te| te == "trailers");
    if !reads_trailers {
        headers.remove(header::TE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn believes_peers_and_nobody_else() {
        let (ours, others) = (Secrets::new([1; 32]), Secrets::new([2; 32]));
        let passport = Passport {
            client: IpAddr::from([192, 0, 2, 7]),
            by: "node-b".into(),
            wait_ns: 1_500_000_000,
        };
        let mut sent = HeaderMap::new();
        passport.put(&mut sent, &pass(&ours));
        assert_eq!(Passport::take(&mut sent.clone(), &others), None);
        assert_eq!(Passport::take(&mut sent, &ours), Some(passport));
        assert!(sent.is_empty(), "{sent:?}");
        let mut forged = headers(&[("cartwright-forwarded", "for=10.0.0.1;by=x;wait=1")]);
        assert_eq!(Passport::take(&mut forged, &ours), None);
        assert!(forged.is_empty(), "{forged:?}");
    }

    #[test]
    fn takes_out_what_concerns_one_connection() {
        let mut sent = headers(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("cartwright-peer", "guessed"),
            ("host", "shop.example"),
            ("te", "trailers"),
            ("authorization", "Bearer x"),
            ("traceparent", "00-1"),
            ("idempotency-key", "k"),
        ]);
        strip(&mut sent);
        let mut left: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["authorization", "idempotency-key", "te", "traceparent"]
        );
    }

    #[test]
    fn a_name_stays_within_its_header() {
        assert_eq!(plain("node b;for=1"), "nodebfor1");
    }
}
