//! What a checkout knows of a person. It stands in a row of its own, and neither in events nor in what `Debug` prints.

use crate::entity::Entity;
use crate::{CheckoutId, ContactId, Country, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;

/// Longest address of a mailbox (RFC 5321, 4.5.3.1.3, less its brackets), and longest part before the `@`.
const MAX_EMAIL: usize = 254;
const MAX_LOCAL: usize = 64;

/// A mailbox. Whether anybody reads it, only a message can tell.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(SmolStr);

/// Not the address of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address like name@example.com")]
pub struct BadEmail;

impl Email {
    /// Checks the form: something, one `@`, a domain of at least two labels; no spaces or control characters.
    pub fn new(text: &str) -> Result<Self, BadEmail> {
        let (local, domain) = text.split_once('@').ok_or(BadEmail)?;
        let strange = |letter: char| letter.is_whitespace() || letter.is_control();
        let fits = text.len() <= MAX_EMAIL && (1..=MAX_LOCAL).contains(&local.len());
        let plain = !text.chars().any(strange) && !local.contains(['<', '>', '(', ')', ',', ';']);
        let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let labels = domain.split('.').count() >= 2 && domain.split('.').all(is_label);
        if fits && plain && dots && labels {
            Ok(Self(SmolStr::new(text)))
        } else {
            Err(BadEmail)
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || letter == '-';
    (1..=63).contains(&label.len())
        && label.chars().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// Where somebody is found.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's own words")]
pub struct Address {
    pub name: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<SmolStr>,
    pub line1: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<SmolStr>,
    pub city: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<SmolStr>,
    pub postal_code: SmolStr,
    pub country: Country,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<SmolStr>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

/// What one checkout knows of a person. Never changed: other data is another contact, so that a reply that is repeated
/// says what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Whose it is.
    pub checkout_id: CheckoutId,
    /// Where to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Where to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Arc<Address>>,
    /// Whom to bill, when that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_address: Option<Arc<Address>>,
}

impl Contact {
    /// Nothing known yet.
    pub fn empty(checkout_id: CheckoutId) -> Self {
        Self {
            checkout_id,
            email: None,
            shipping_address: None,
            billing_address: None,
        }
    }

    /// Whom to bill: who gets it, unless somebody else is named.
    pub fn billed_to(&self) -> Option<&Arc<Address>> {
        self.billing_address
            .as_ref()
            .or(self.shipping_address.as_ref())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.email.is_none() && self.shipping_address.is_none() && self.billing_address.is_none()
    }
}

/// What happens to a contact. The log says that it did, and never what is in it.
#[derive(Debug, Clone, PartialEq)]
pub enum ContactEvent {
    /// It was taken down.
    Recorded(Arc<Contact>),
}

impl Entity for Contact {
    type Key = ContactId;
    type Event = ContactEvent;

    fn apply(state: &mut Option<Arc<Self>>, _: &ContactId, event: &ContactEvent, _: Time) {
        let ContactEvent::Recorded(contact) = event;
        *state = Some(contact.clone());
    }

    fn version(&self) -> u64 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_mailboxes_from_other_texts() {
        let long = format!("{}@example.com", "a".repeat(65));
        for good in [
            "a@b.de",
            "o'neill+x@mail.example.co.uk",
            "jörg@bücher.example",
        ] {
            assert_eq!(Email::new(good).as_ref().map(Email::as_str), Ok(good));
        }
        for bad in [
            "", "@", "a@b", "a b@c.de", "a@b@c.de", "a@-b.de", "a@b..de", ".a@b.de", "a.@b.de",
            "a@b.de\n", "<a@b.de>", &long,
        ] {
            assert_eq!(Email::new(bad), Err(BadEmail), "{bad}");
        }
    }

    #[test]
    fn tells_nobody_who_only_debugs() {
        let contact = super::super::samples::contact();
        assert_eq!(
            format!("{contact:?}"),
            format!(
                "Contact {{ checkout_id: {}, email: Some(Email(..)), shipping_address: Some(Address(..)), billing_address: None }}",
                contact.checkout_id
            )
        );
    }

    #[test]
    fn a_mailbox_may_be_as_long_as_said() {
        let at = |local: usize, label: usize, labels: usize| {
            let domain = vec!["d".repeat(label); labels].join(".");
            Email::new(&format!("{}@{domain}", "a".repeat(local))).is_ok()
        };
        assert!(at(64, 3, 2) && !at(65, 3, 2) && !at(0, 3, 2));
        assert!(at(1, 63, 2) && !at(1, 64, 2) && !at(1, 3, 1));
        // 62 + 1 + 3 * 63 + 2 = 254.
        assert!(at(62, 63, 3) && !at(63, 63, 3));
        for letter in ["<", ">", "(", ")", ",", ";", "\u{7}"] {
            assert!(Email::new(&format!("a{letter}b@c.de")).is_err(), "{letter}");
        }
        for bad in [
            "a..b@c.de",
            "a@b-.de",
            "a@b.de-",
            "a@b_c.de",
            "a@.de",
            "a@b.de.",
        ] {
            assert_eq!(Email::new(bad), Err(BadEmail), "{bad}");
        }
        assert!(Email::new("a@b-c.de").is_ok());
    }

    #[test]
    fn a_contact_is_empty_until_something_is_known() {
        let known = super::super::samples::contact();
        let id = CheckoutId(1);
        assert!(Contact::empty(id).is_empty());
        assert_eq!(Contact::empty(id).billed_to(), None);
        let address = known.shipping_address.clone();
        let rows = [
            Contact {
                email: known.email.clone(),
                ..Contact::empty(id)
            },
            Contact {
                shipping_address: address.clone(),
                ..Contact::empty(id)
            },
            Contact {
                billing_address: address.clone(),
                ..Contact::empty(id)
            },
        ];
        for contact in rows {
            assert!(!contact.is_empty(), "{contact:?}");
        }
        let other = Some(super::super::samples::address("DE"));
        let billed = Contact {
            billing_address: other.clone(),
            ..known.clone()
        };
        assert_eq!(billed.billed_to(), other.as_ref());
        assert_eq!(known.billed_to(), address.as_ref());
    }

    #[test]
    fn a_contact_is_what_was_recorded() {
        let known = Arc::new(super::super::samples::contact());
        let mut state = None;
        let recorded = ContactEvent::Recorded(known.clone());
        Contact::apply(&mut state, &ContactId(1), &recorded, Time(1));
        assert_eq!(state, Some(known.clone()));
        assert_eq!(known.version(), 1);
    }
}
