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

/// An entry's kind, what it changes, and the account at the other end.
#[test]
fn each_kind_of_entry_posts_to_its_own_account() {
    let rows = [
        (Kind::Credit, true, Account::CreditIssued),
        (Kind::Debit, false, Account::CreditWithdrawn),
        (Kind::Payment, false, Account::Sales),
        (Kind::Refund, true, Account::Refunds),
    ];
    for (kind, is_in, account) in rows {
        let change = if is_in { 30 } else { -30 };
        let postings = [
            Posting {
                account: Account::CustomerWallets,
                amount: change,
            },
            Posting {
                account,
                amount: -change,
            },
        ];
        assert_eq!(kind.is_in(), is_in);
        assert_eq!(kind.postings(30), postings, "{kind:?}");
    }
}

#[test]
fn words_are_the_same_everywhere() {
    for (kind, word) in Kind::ALL {
        assert_eq!((kind.as_str(), Kind::parse(word)), (*word, Some(*kind)));
        assert_eq!(serde_json::to_value(kind).ok(), Some((*word).into()));
    }
    for (account, word) in Account::ALL {
        assert_eq!(account.as_str(), *word);
        assert_eq!(Account::parse(word), Some(*account));
        assert_eq!(serde_json::to_value(account).ok(), Some((*word).into()));
    }
}

#[test]
fn an_entry_says_what_was_booked_and_never_changes() {
    let (usd, mut books) = (currency("USD"), Books::default());
    books.ask(&Ask::Credit(100), usd).expect("credited");
    books.ask(&Ask::Hold(1, 40), usd).expect("held");
    books.ask(&Ask::Capture(1), usd).expect("captured");
    books.ask(&Ask::Refund(15), usd).expect("given back");
    books.ask(&Ask::Debit(5), usd).expect("taken out");
    let told: Vec<_> = books
        .entries
        .iter()
        .map(|it| (it.data.kind, it.data.amount.minor, it.data.balance))
        .collect();
    let expected = [
        (Kind::Credit, 100, 100),
        (Kind::Payment, 40, 60),
        (Kind::Refund, 15, 75),
        (Kind::Debit, 5, 70),
    ];
    assert_eq!(told, expected);
    let clients: Vec<_> = books
        .entries
        .iter()
        .map(|it| it.data.is_clients())
        .collect();
    assert_eq!(clients, [true, false, false, true]);
    let paid = &books.entries[1];
    assert_eq!(paid.data.reference, PaymentId(1).to_string());
    assert_eq!(
        (paid.id, paid.at, paid.version()),
        (WalletEntryId(1), Time(1), 1)
    );
}

#[test]
fn each_change_of_a_wallet_counts_one_version() {
    let (usd, eur, mut books) = (currency("USD"), currency("EUR"), Books::default());
    let asks = [
        (Ask::Credit(100), usd),
        (Ask::Credit(7), eur),
        (Ask::Hold(1, 40), usd),
        (Ask::Hold(2, 5), eur),
        (Ask::Release(1), usd),
        (Ask::Capture(2), eur),
    ];
    for (n, (ask, currency)) in asks.iter().enumerate() {
        books.ask(ask, *currency).expect("there is enough");
        let wallet = books.wallet().expect("a wallet");
        assert_eq!(wallet.version(), n as u64 + 1, "{ask:?}");
        assert_eq!(wallet.updated_at, Time(1));
    }
    let wallet = books.wallet().expect("a wallet");
    let codes: Vec<_> = wallet
        .balances
        .iter()
        .map(|it| it.currency.code())
        .collect();
    assert_eq!(codes, ["EUR", "USD"]);
    assert_eq!((wallet.balance(usd), wallet.balance(eur)), (100, 2));
    assert_eq!(wallet.customer, "ada");
}

#[test]
fn what_purchases_hold_is_counted_by_currency() {
    let (usd, eur, mut books) = (currency("USD"), currency("EUR"), Books::default());
    for (ask, currency) in [
        (Ask::Credit(100), usd),
        (Ask::Credit(100), eur),
        (Ask::Hold(1, 40), usd),
        (Ask::Hold(2, 5), eur),
        (Ask::Hold(3, 2), usd),
    ] {
        books.ask(&ask, currency).expect("there is enough");
    }
    let wallet = books.wallet().expect("a wallet");
    assert_eq!((wallet.held(usd), wallet.held(eur)), (42, 5));
    assert_eq!((wallet.available(usd), wallet.available(eur)), (58, 95));
    let hold = wallet.hold_of(PaymentId(3)).map(|it| it.amount.minor);
    assert_eq!((hold, wallet.hold_of(PaymentId(4))), (Some(2), None));
}

#[test]
fn amounts_and_balances_have_limits() {
    let usd = currency("USD");
    let full = |balance| {
        let mut state = None;
        let entry = WalletEntryId(0);
        let change = Money::new(balance, usd);
        let event = Event::Booked { entry, change };
        Wallet::apply(&mut state, &"ada".into(), &event, Time(1));
        state.expect("a wallet")
    };
    let booking = |amount| Books::default().booking(Money::new(amount, usd));
    let most = 1_000_000_000_000_000;
    let rows = [
        (0, 1, true),
        (0, 0, false),
        (0, -1, false),
        (0, MAX_AMOUNT, true),
        (0, MAX_AMOUNT + 1, false),
        (most - 1, 1, true),
        (most, 1, false),
        (i64::MAX, 1, false),
    ];
    for (balance, amount, fits) in rows {
        let wallet = full(balance);
        let credited = credit(Some(&wallet), booking(amount));
        assert_eq!(credited.is_ok(), fits, "{amount} on {balance}");
    }
    let wallet = full(MAX_AMOUNT + 9);
    for (amount, fits) in [(0, false), (MAX_AMOUNT, true), (MAX_AMOUNT + 1, false)] {
        let debited = debit(Some(&wallet), booking(amount));
        assert_eq!(debited.is_ok(), fits, "{amount}");
    }
    // A refund goes beyond what a credit may come to, but never beyond what can be counted.
    assert!(refund(Some(&full(most)), booking(1)).is_ok());
    assert!(refund(Some(&full(i64::MAX)), booking(1)).is_err());
    assert!(debit(None, booking(1)).is_err());
    assert!(hold(None, PaymentId(1), Money::new(1, usd)).is_err());
}
