//! Histories of a wallet: whatever is asked of it in whatever order, its books balance.

use super::*;
use crate::entity::Entity;
use crate::{Currency, Money, OrderId, PaymentId, Refusal, Time, WalletEntryId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What can be asked of a wallet.
#[derive(Debug, Clone)]
enum Ask {
    Credit(i64),
    Debit(i64),
    Hold(u8, i64),
    Release(u8),
    Capture(u8),
    Refund(i64),
}

fn ask() -> impl Strategy<Value = Ask> {
    let amount = prop_oneof![-1i64..40, Just(MAX_AMOUNT), Just(MAX_AMOUNT + 1)];
    prop_oneof![
        amount.clone().prop_map(Ask::Credit),
        amount.prop_map(Ask::Debit),
        (0u8..4, 1i64..30).prop_map(|(payment, amount)| Ask::Hold(payment, amount)),
        (0u8..4).prop_map(Ask::Release),
        (0u8..4).prop_map(Ask::Capture),
        (1i64..30).prop_map(Ask::Refund),
    ]
}

fn currency(code: &str) -> Currency {
    Currency::new(code).expect("a currency")
}

/// A wallet with its ledger, moved as the commands move them.
#[derive(Default)]
struct Books {
    wallet: Option<Arc<Wallet>>,
    entries: Vec<Entry>,
    /// How each hold ended.
    ends: BTreeMap<PaymentId, Vec<&'static str>>,
}

impl Books {
    fn wallet(&self) -> Option<&Wallet> {
        self.wallet.as_deref()
    }

    fn happens(&mut self, event: Event) {
        Wallet::apply(&mut self.wallet, &"ada".into(), &event, Time(1));
    }

    fn booked(&mut self, booked: Booked) {
        self.happens(booked.wallet);
        let mut entry = None;
        Entry::apply(
            &mut entry,
            &booked.id,
            &EntryEvent::Posted(booked.entry),
            Time(1),
        );
        self.entries
            .push(Arc::unwrap_or_clone(entry.expect("an entry")));
    }

    fn booking(&self, amount: Money) -> Booking {
        let number = self.entries.len();
        Booking {
            id: WalletEntryId(number as u128),
            customer: "ada".into(),
            amount,
            reference: format!("r{number}").into(),
            reason: None,
            order: Some(OrderId(1)),
        }
    }

    /// Does what is asked, if that is not refused.
    fn ask(&mut self, ask: &Ask, currency: Currency) -> Result<(), Refusal> {
        let money = |minor| Money::new(minor, currency);
        match *ask {
            Ask::Credit(amount) => {
                let booking = self.booking(money(amount));
                self.booked(credit(self.wallet(), booking)?);
            }
            Ask::Debit(amount) => {
                let booking = self.booking(money(amount));
                self.booked(debit(self.wallet(), booking)?);
            }
            Ask::Refund(amount) => {
                let booking = self.booking(money(amount));
                self.booked(refund(self.wallet(), booking)?);
            }
            Ask::Hold(payment, amount) => {
                let payment = PaymentId(payment.into());
                let known = self.ends.contains_key(&payment);
                if !known {
                    self.happens(hold(self.wallet(), payment, money(amount))?);
                    self.ends.insert(payment, Vec::new());
                }
            }
            Ask::Release(payment) => {
                let payment = PaymentId(payment.into());
                if let Some(event) = self.wallet().and_then(|it| release(it, payment)) {
                    self.happens(event);
                    self.ends.entry(payment).or_default().push("released");
                }
            }
            Ask::Capture(payment) => {
                let payment = PaymentId(payment.into());
                let request = Capture {
                    id: WalletEntryId(self.entries.len() as u128),
                    payment,
                    order: None,
                };
                let booked = self.wallet().map(|it| capture(it, request)).transpose()?;
                if let Some(booked) = booked.flatten() {
                    self.booked(booked);
                    self.ends.entry(payment).or_default().push("captured");
                }
            }
        }
        Ok(())
    }

    fn check(&self, currencies: &[Currency]) {
        let empty = Wallet::empty("ada".into());
        let wallet = self.wallet().unwrap_or(&empty);
        for currency in currencies {
            let mut accounts: BTreeMap<Account, i64> = BTreeMap::new();
            let own = self
                .entries
                .iter()
                .filter(|it| it.data.amount.currency == *currency);
            let mut balance = 0;
            for entry in own {
                let postings = &entry.data.postings;
                assert_eq!(
                    postings.iter().map(|it| it.amount).sum::<i64>(),
                    0,
                    "{entry:?}"
                );
                for posting in postings {
                    *accounts.entry(posting.account).or_default() += posting.amount;
                }
                balance = entry.data.balance;
                assert!(balance >= 0 && entry.data.amount.minor > 0, "{entry:?}");
            }
            let owed = accounts
                .get(&Account::CustomerWallets)
                .copied()
                .unwrap_or(0);
            assert_eq!((wallet.balance(*currency), balance), (owed, owed));
            assert_eq!(accounts.values().sum::<i64>(), 0);
            assert!(wallet.available(*currency) >= 0, "{wallet:?}");
            assert!(wallet.held(*currency) >= 0, "{wallet:?}");
        }
        for (payment, ends) in &self.ends {
            assert!(ends.len() <= 1, "{payment} ended as {ends:?}");
            assert_eq!(wallet.hold_of(*payment).is_none(), ends.len() == 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn books_balance_and_nothing_is_spent_twice(
        asks in proptest::collection::vec((ask(), any::<bool>()), 0..60)
    ) {
        let currencies = [currency("USD"), currency("EUR")];
        let mut books = Books::default();
        for (ask, second) in &asks {
            let before = books.wallet.clone();
            let currency = currencies[usize::from(*second)];
            if books.ask(ask, currency).is_err() {
                prop_assert_eq!(&books.wallet, &before);
            }
            books.check(&currencies);
        }
        let version = books.wallet().map_or(0, |it| it.version);
        let holds: u64 = books.ends.values().map(|ends| {
            1 + u64::from(ends.first() == Some(&"released"))
        }).sum();
        prop_assert_eq!(version, books.entries.len() as u64 + holds);
    }
}

#[test]
fn what_is_held_cannot_be_taken_out_or_held_again() {
    let (usd, mut books) = (currency("USD"), Books::default());
    books.ask(&Ask::Credit(100), usd).expect("credited");
    books.ask(&Ask::Hold(1, 70), usd).expect("held");
    for ask in [Ask::Debit(31), Ask::Hold(2, 31)] {
        let refused = books.ask(&ask, usd);
        let (requested, available, currency) = (31, 30, usd);
        let expected = Refusal::InsufficientFunds {
            requested,
            available,
            currency,
        };
        assert_eq!(refused, Err(expected));
    }
    books.ask(&Ask::Debit(30), usd).expect("the rest");
    books.ask(&Ask::Capture(1), usd).expect("captured");
    books.ask(&Ask::Capture(1), usd).expect("nothing more");
    books.ask(&Ask::Release(1), usd).expect("nothing more");
    let wallet = books.wallet().expect("a wallet");
    assert_eq!((wallet.balance(usd), wallet.held(usd)), (0, 0));
    assert_eq!(books.entries.len(), 3);
}

#[test]
fn a_reference_stands_for_one_booking() {
    let (usd, mut books) = (currency("USD"), Books::default());
    books.ask(&Ask::Credit(100), usd).expect("credited");
    let known = books.entries.first();
    let booking = |amount: i64, code: &str| books.booking(Money::new(amount, currency(code)));
    let rows = [
        (Kind::Credit, 100, "USD", Some(true)),
        (Kind::Credit, 101, "USD", None),
        (Kind::Credit, 100, "EUR", None),
        (Kind::Debit, 100, "USD", None),
    ];
    for (kind, amount, code, expected) in rows {
        let found = is_repeat(known, kind, &booking(amount, code)).ok();
        assert_eq!(found, expected, "{kind:?} of {amount} {code}");
    }
    assert_eq!(is_repeat(None, Kind::Debit, &booking(1, "USD")), Ok(false));
}
