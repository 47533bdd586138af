//! The port of outgoing webhooks: somebody who takes a signed message to an address on the network.

use bytes::Bytes;
use smol_str::SmolStr;
use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

/// One message.
#[derive(Clone)]
pub struct Message {
    /// `http` or `https`.
    pub url: SmolStr,
    /// What it is signed with.
    pub secret: SmolStr,
    /// The same for the same message, however often it is sent.
    pub id: SmolStr,
    /// What it tells of, like `order.placed`.
    pub name: SmolStr,
    /// The request that led to it.
    pub correlation: SmolStr,
    /// Seconds since 1970, now.
    pub now_seconds: i64,
    /// JSON.
    pub body: Bytes,
}

impl Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} {})", self.name, self.id)
    }
}

/// Why nobody answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// Nobody may speak to that address. It may have another one later.
    #[error("the address is private; see webhooks_allow_private")]
    Private,
    /// No connection, no answer in time, or the connection broke.
    #[error("{0}")]
    Failed(String),
}

/// A status on its way.
pub type Delivered<'a> = Pin<Box<dyn Future<Output = Result<u16, CourierError>> + Send + 'a>>;

/// Takes messages. Follows no redirect, and looks at the address that it really connects to.
pub trait Courier: Debug + Send + Sync {
    /// Sends one message once; the status that came back, whatever it is.
    fn deliver<'a>(&'a self, message: &'a Message) -> Delivered<'a>;
}

/// The address that the host of a URL is by itself, an IPv6 one in brackets; `None` for a name. Such a one is never looked up.
pub fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').unwrap_or(host);
    bare.strip_suffix(']').unwrap_or(bare).parse().ok()
}

/// Whether an address belongs to the public internet (IANA's special-purpose registries, RFC 6890 and its updates).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let parts = address.segments();
    // Only 2000::/3 is given out; of that, these lead elsewhere or carry an IPv4 address inside.
    let is_special = parts[0] & 0xE000 != 0x2000
        || parts[0] == 0x2002
        || (parts[0] == 0x2001 && parts[1] < 0x0200)
        || (parts[0] == 0x2001 && parts[1] == 0x0DB8)
        || parts[0] == 0x3FFF;
    !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let rows = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("[::ffff:10.0.0.1]", Some("::ffff:10.0.0.1")),
            ("localhost", None),
            ("127.0.0.1.example.com", None),
            ("[]", None),
            ("", None),
        ];
        for (host, address) in rows {
            let expected = address.map(|text| text.parse().expect("an address"));
            assert_eq!(literal(host), expected, "{host}");
        }
    }

    #[test]
    fn only_the_public_internet_is_public() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ];
        for text in private {
            let address = text.parse().expect("an address");
            assert!(!is_public(address), "{text}");
        }
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700:4700::1111",
            "::ffff:1.1.1.1",
        ] {
            let address = text.parse().expect("an address");
            assert!(is_public(address), "{text}");
        }
    }
}
