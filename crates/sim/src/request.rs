//! What clients ask, as it travels, and how a node serves it: the surface without its spelling.

use crate::node::Desk;
use crate::op::{Ask, Op, Said};
use cartwright_app::carts::{self, AddLine, CreateCart, Stock, Terms};
use cartwright_app::checkouts::saga::{Complete, Exchange, ExchangeIds, GiveUp, Part, Pay};
use cartwright_app::checkouts::{self, OpenCheckout, Setting};
use cartwright_app::inventory::{Adjust, Extend, Place, Reserve, Settle};
use cartwright_app::kept::{KeptReply, key_hash, payload_hash};
use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{
    self, CancelOrder, FulfillOrder, ReceiveReturn, RefundOrder, RequestReturn,
};
use cartwright_app::shop::{Command, Keyed, Reply, Submission};
use cartwright_app::wallets::Book;
use cartwright_app::{Fault, Shop};
use cartwright_domain::cart::{Add, Create, Patch, Rules as CartRules};
use cartwright_domain::checkout::{Address, AttemptState, Change, Email, Fresh, Rates, Rules};
use cartwright_domain::inventory::{Asked, Sourcing};
use cartwright_domain::order::{Ask as RefundAsk, Refund, Shipping, What};
use cartwright_domain::payment::Method;
use cartwright_domain::wallet::Kind;
use cartwright_domain::{
    CartId, CheckoutId, ContactId, Country, Currency, ExchangeId, Money, OrderId, QuoteId,
    RefundId, Refusal, ReservationId, ReturnId,
};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;
use std::time::Duration;

/// How long a command may wait for the loop.
const PATIENCE_NS: u64 = 10_000_000_000;
/// How long a kept reply counts.
const KEEP_MS: i64 = 86_400_000;
/// How long who completes a checkout is kept waiting.
const WAIT: Duration = Duration::from_secs(10);

/// What a request is called wherever its effect is seen.
pub(crate) fn name_of(who: &SmolStr, key: u64) -> SmolStr {
    format_smolstr!("op-{who}-{key}")
}

pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, currency())
}

pub(crate) fn currency() -> Currency {
    Currency::new("USD").expect("a currency")
}

pub(crate) fn country() -> Country {
    Country::new("DE").expect("a country")
}

fn rules() -> CartRules {
    CartRules::new(currency(), country())
}

fn setting(desk: &Desk) -> Setting {
    Setting {
        rules: Rules {
            rates: Arc::new(Rates::parse("standard=USD:599").expect("rates")),
            quote_ttl_seconds: desk.knobs.quote_ttl_seconds,
            ttl_seconds: 21_600,
            attempts_per_hour: desk.knobs.tries,
        },
        sourcing: Sourcing::Single,
    }
}

/// Serves a request and tells what came of it.
pub(crate) async fn serve(desk: Desk, ask: Ask) {
    let said = match answer(&desk, &ask.who, ask.key, ask.op).await {
        Ok(said) => said,
        Err(_) => Said::Failed,
    };
    (ask.tell)(said);
}

async fn answer(desk: &Desk, who: &SmolStr, key: u64, op: Op) -> Result<Said, Fault> {
    let shop = &desk.shop;
    let name = name_of(who, key);
    let payload = payload_hash("", format!("{op:?}").as_bytes());
    let by = |path: &'static str| (key_hash(who, "POST", path, &key.to_string()), payload);
    match op {
        Op::CreateCart { id, customer } => {
            let create = Create {
                token_hash: Some([7; 32]),
                customer_id: customer,
                ..Create::default()
            };
            let command = CreateCart {
                id,
                create,
                terms: terms(),
                expected_version: None,
            };
            keyed(shop, by("carts"), command, Key::Cart(id)).await
        }
        Op::AddLine {
            cart,
            sku,
            quantity,
        } => {
            let command = AddLine {
                cart: carts::Target {
                    id: cart,
                    expected_version: None,
                },
                line: Add::new(sku, quantity),
                terms: terms(),
            };
            keyed(shop, by("lines"), command, Key::Cart(cart)).await
        }
        Op::Open { cart, number, hold } => {
            let command = OpenCheckout {
                cart_id: cart,
                change: change(hold),
                fresh: fresh(number),
                setting: setting(desk),
                expected_version: None,
            };
            match keyed(shop, by("checkouts"), command, Key::Cart(cart)).await? {
                Said::Done(_) => {
                    let id = shop.find(&Key::CheckoutOf(cart)).await?;
                    let Some(Record::CheckoutId(id)) = id else {
                        return Ok(Said::Done(None));
                    };
                    Ok(Said::Done(shop.find(&Key::Checkout(id)).await?))
                }
                other => Ok(other),
            }
        }
        Op::Complete {
            checkout,
            quote,
            parts,
        } => complete(desk, &name, checkout, quote, parts).await,
        Op::GiveUp { checkout } => {
            let command = GiveUp {
                checkout: target(checkout),
            };
            let said = submit(shop, command, None).await?;
            desk.saga.wake(checkout);
            Ok(said)
        }
        Op::Look { key } => {
            let found = shop.find(&key).await?;
            desk.disk.watch.shown(&key, found.as_ref(), desk.now.us());
            Ok(Said::Done(found))
        }
        Op::Reserve {
            level,
            quantity,
            ttl_seconds,
        } => {
            let about = Key::Reference("till".into(), name.clone());
            let command = Reserve {
                principal: "till".into(),
                reference: name,
                asked: vec![Asked {
                    sku: level.sku,
                    store: Some(level.store),
                    quantity,
                }],
                ttl_seconds,
                place: Place::default(),
                limit: None,
                through: None,
                expected_version: None,
            };
            match keyed(shop, by("reservations"), command, about).await? {
                Said::Done(Some(Record::ReservationId(id))) => {
                    Ok(Said::Done(shop.find(&Key::Reservation(id)).await?))
                }
                other => Ok(other),
            }
        }
        Op::Settle { id, ending } => {
            let command = Settle {
                id,
                ending,
                owner: None,
                through: None,
                expected_version: None,
            };
            submit(shop, command, None).await
        }
        Op::Extend { id } => {
            let command = Extend {
                id,
                ttl_seconds: 30,
                owner: None,
                expected_version: None,
            };
            submit(shop, command, None).await
        }
        Op::Adjust { level, delta } => {
            let command = Adjust {
                level: level.clone(),
                delta,
                reason: name,
                expected_version: None,
            };
            keyed(shop, by("adjust"), command, Key::Level(level)).await
        }
        Op::CancelOrder { order } => {
            let command = CancelOrder {
                order: order_target(order),
                by: "client".into(),
            };
            let said = submit(shop, command, None).await?;
            desk.refunds.wake(order, None);
            Ok(said)
        }
        Op::Fulfill {
            order,
            line,
            quantity,
        } => {
            let command = FulfillOrder {
                order: order_target(order),
                lines: vec![(line, quantity)],
                tracking: None,
                by: "client".into(),
            };
            keyed(shop, by("fulfill"), command, Key::Order(order)).await
        }
        Op::Refund { order, amount, to } => {
            let key = name.clone();
            let command = RefundOrder {
                order: order_target(order),
                ask: RefundAsk {
                    what: What::Amount(usd(amount)),
                    shipping: Shipping::Kept,
                },
                restock: false,
                to,
                reason: "because".into(),
                key: name.clone(),
                body: name,
                by: "client".into(),
            };
            let reply = shop.submit(submission(shop, command, None)).await?.reply;
            desk.refunds.wake(order, begun(&reply, &key));
            Ok(said(reply))
        }
        Op::SendBack {
            order,
            id,
            line,
            quantity,
        } => {
            let command = RequestReturn {
                order: order_target(order),
                id,
                lines: vec![(line, quantity)],
                reason: "because".into(),
                by: "client".into(),
            };
            keyed(shop, by("returns"), command, Key::Order(order)).await
        }
        Op::Receive { order, id, refund } => {
            let command = ReceiveReturn {
                order: order_target(order),
                id,
                lines: None,
                store: None,
                restock: true,
                refund,
                by: "client".into(),
            };
            let said = submit(shop, command, None).await?;
            desk.refunds.wake(order, None);
            Ok(said)
        }
        Op::Exchange {
            order,
            number,
            back,
            new,
            to,
        } => {
            let now_ns = shop.clock().monotonic_ns();
            let part = Part {
                method: Method::Card,
                token: Some("tok_visa".into()),
                provider: desk.saga.providers().choose(now_ns),
                is_fixed: false,
                amount: None,
            };
            let command = Exchange {
                order: order_target(order),
                back: vec![back],
                new: vec![Add::new(new.0, new.1)],
                pay: Pay { parts: vec![part] },
                to,
                ids: ExchangeIds {
                    exchange: ExchangeId(number),
                    return_id: ReturnId(number),
                    cart: CartId(number),
                    fresh: fresh(number),
                },
                key: name.clone(),
                body: name,
                by: "client".into(),
                deadline_seconds: desk.knobs.deadline_seconds,
                cart_rules: rules(),
                setting: setting(desk),
            };
            let said = keyed(shop, by("exchanges"), command, Key::Order(order)).await?;
            desk.saga.wake(CheckoutId(number));
            Ok(said)
        }
        Op::Credit { customer, amount } => {
            let command = Book {
                kind: Kind::Credit,
                customer,
                amount: usd(amount),
                reference: name,
                reason: "because".into(),
                expected_version: None,
            };
            submit(shop, command, None).await
        }
    }
}

/// As the surface does it: one attempt for all who ask for the same, and an answer when it has ended.
async fn complete(
    desk: &Desk,
    key: &SmolStr,
    checkout: CheckoutId,
    quote: QuoteId,
    parts: Vec<(Method, String, Option<i64>)>,
) -> Result<Said, Fault> {
    let now_ns = desk.shop.clock().monotonic_ns();
    let provider = desk.saga.providers().choose(now_ns);
    let body = format_smolstr!("{quote}:{parts:?}");
    let parts = parts.into_iter().map(|(method, token, amount)| Part {
        method,
        token: (method == Method::Card).then_some(token),
        provider: provider.clone().filter(|_| method == Method::Card),
        is_fixed: false,
        amount: amount.map(usd),
    });
    let tenure = desk.saga.tenure();
    let command = Complete {
        checkout: target(checkout),
        quote,
        pay: Pay {
            parts: parts.collect(),
        },
        key: key.clone(),
        body,
        deadline_seconds: desk.knobs.deadline_seconds,
        setting: setting(desk),
    };
    let answer = desk
        .shop
        .submit(submission(&desk.shop, command, None))
        .await?;
    match answer.reply {
        Reply::Decided(Err(refusal)) => return Ok(Said::Refused(refusal)),
        Reply::Decided(Ok(outcome)) if outcome.created => {
            desk.saga.began(checkout, tenure, outcome.event)
        }
        Reply::Decided(Ok(_)) | Reply::Kept(..) | Reply::KeyReused => {}
    }
    let ended = tokio::time::timeout(WAIT, end(desk, key, checkout)).await;
    ended.unwrap_or(Ok(Said::Running))
}

/// When the attempt that answers to this key has ended.
async fn end(desk: &Desk, key: &SmolStr, id: CheckoutId) -> Result<Said, Fault> {
    loop {
        let ended = desk.saga.ended(id);
        desk.saga.wake(id);
        let found = desk.shop.find(&Key::Checkout(id)).await?;
        let Some(Record::Checkout(known)) = &found else {
            return Ok(Said::Done(None));
        };
        let Some(attempt) = known.attempt_of(key) else {
            desk.disk
                .watch
                .is_lost(|| format!("the attempt of {key} at {id}"));
            return Ok(Said::Done(None));
        };
        if attempt.state != AttemptState::Running {
            return Ok(Said::Done(found));
        }
        // Told or given up: either way it is looked at again.
        drop(ended.await);
    }
}

fn fresh(number: u128) -> Fresh {
    Fresh {
        checkout: CheckoutId(number),
        contact: ContactId(number),
        quote: QuoteId(number),
        reservation: ReservationId(number),
    }
}

fn target(id: CheckoutId) -> checkouts::Target {
    checkouts::Target {
        id,
        expected_version: None,
    }
}

fn order_target(id: OrderId) -> orders::Target {
    orders::Target {
        id,
        expected_version: None,
    }
}

fn terms() -> Terms {
    Terms {
        rules: rules(),
        stock: Arc::new(Stock::default()),
    }
}

fn change(hold: bool) -> Change {
    let address = Address {
        name: "Ada".into(),
        company: None,
        line1: "1 Street".into(),
        line2: None,
        city: "Berlin".into(),
        region: None,
        postal_code: "10115".into(),
        country: country(),
        phone: None,
    };
    Change {
        email: Patch::Set(Email::new("ada@example.com").expect("an address")),
        shipping_address: Patch::Set(Arc::new(address)),
        hold: Patch::Set(hold),
        ..Change::default()
    }
}

fn submission(shop: &Shop, command: impl Command + 'static, keyed: Option<Keyed>) -> Submission {
    Submission {
        command: Box::new(command),
        keyed,
        actor: "client".into(),
        correlation: "sim".into(),
        deadline_ns: shop.clock().monotonic_ns() + PATIENCE_NS,
    }
}

pub(crate) async fn submit(
    shop: &Shop,
    command: impl Command + 'static,
    keyed: Option<Keyed>,
) -> Result<Said, Fault> {
    let answer = shop.submit(submission(shop, command, keyed)).await?;
    Ok(said(answer.reply))
}

/// The refund that this request has just begun: nobody else can have asked for it.
fn begun(reply: &Reply, key: &str) -> Option<RefundId> {
    let Reply::Decided(Ok(outcome)) = reply else {
        return None;
    };
    let Some(Record::Order(order)) = outcome.record.as_ref().filter(|_| outcome.created) else {
        return None;
    };
    let is_its = |it: &&Refund| it.asked.as_ref().is_some_and(|(known, _)| known == key);
    order.refunds.iter().find(is_its).map(|it| it.id)
}

fn said(reply: Reply) -> Said {
    match reply {
        Reply::Decided(Ok(outcome)) => Said::Done(outcome.record),
        Reply::Decided(Err(refusal)) => Said::Refused(refusal),
        Reply::Kept(kept, _) if kept.status == 200 => Said::Done(None),
        Reply::Kept(..) => Said::Refused(Refusal::VersionRequired),
        Reply::KeyReused => Said::Refused(Refusal::KeyReused),
    }
}

/// Under the request's own key: once, however often it comes. What is shown is what stands now.
async fn keyed(
    shop: &Shop,
    (hash, payload_hash): ([u8; 16], [u8; 32]),
    command: impl Command + 'static,
    about: Key,
) -> Result<Said, Fault> {
    let render = |outcome: &Result<_, Refusal>, _: &mut dyn FnMut(&_) -> _| KeptReply {
        status: if outcome.is_ok() { 200 } else { 409 },
        body: format!("{outcome:?}").into(),
        ..KeptReply::default()
    };
    let keyed = Keyed {
        hash,
        payload_hash,
        keep_ms: KEEP_MS,
        render: Box::new(render),
    };
    match submit(shop, command, Some(keyed)).await? {
        Said::Done(_) => Ok(Said::Done(shop.find(&about).await?)),
        other => Ok(other),
    }
}
