//! The provider's messages twice, late, out of order and forged: forged ones are refused, and all others change nothing that its
//! own books do not show.

use super::super::buying::Purchase;
use super::super::caller::{Ask, Reply, short};
use super::super::found::instead;
use super::super::goods::{Goods, Status, text};
use super::super::own::PROVIDER;
use super::super::plan::Random;
use super::super::stage::Stage;
use cartwright_adapters::payment::signature::{TOLERANCE_SECONDS, sign};
use cartwright_domain::invariants::{FORGED_MESSAGES_ARE_REFUSED, MESSAGES_ARE_ONLY_HINTS};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the provider's own messages suffer.
const FAULTS: [&str; 5] = ["duplicate", "delay", "reorder", "bad_signature", "drop"];
/// How late a message comes that is late.
const LATE_MS: u64 = 150;
/// What messages may say.
const TYPES: [&str; 5] = [
    "payment.captured",
    "payment.authorized",
    "payment.refunded",
    "payment.voided",
    "payment.declined",
];

/// What must stay as it is.
#[derive(Debug, Clone, PartialEq)]
struct Picture {
    checkout: Value,
    order: Value,
}

pub(super) async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let goods = stage.goods("webhooks", Status::Active).await?;
    goods.receive(stage, 1_000_000).await?;
    let mut pictures = Vec::new();
    while let Some(mut random) = stage.next_round().await {
        pictures.push(round(stage, &goods, &mut random).await?);
    }
    // Messages that were late have come by now.
    for (it, before) in &pictures {
        it.ends_well(stage).await?;
        unchanged(stage, it, before).await?;
    }
    Ok(())
}

async fn round(
    stage: &Stage<'_>,
    goods: &Goods,
    random: &mut Random,
) -> anyhow::Result<(Purchase, Picture)> {
    let it = Purchase::open(stage, &goods.sku, 1).await?;
    let faults = bend(stage, &it, random).await?;
    let card = match stage.gateway {
        Some(_) if random.one_in(4) => "tok_declined",
        _ => stage.card,
    };
    it.buy(stage, &stage.ground.key(), card).await?;
    let ended = it.ends_well(stage).await?;
    stage.count("purchases", 1);
    let before = picture(stage, &it).await?;
    let payments: Vec<&Value> = ended["payments"].as_array().into_iter().flatten().collect();
    if let Some(payment) = payments.first() {
        let provider = payment["provider"].as_str().unwrap_or(PROVIDER);
        forge(stage, provider, &text(&payment["id"]), random).await?;
        if let Some(own) = stage.own {
            let secret = own.lock().await.secret().to_owned();
            tell(stage, &secret, &text(&payment["id"]), random).await?;
        }
    }
    for (kind, fault) in faults {
        if let Some(gateway) = stage.gateway {
            let hits = gateway.mend(&fault).await?;
            stage.count(struck(kind), hits);
        }
    }
    unchanged(stage, &it, &before).await?;
    Ok((it, before))
}

fn struck(kind: &str) -> &'static str {
    match kind {
        "duplicate" => "messages of the provider twice",
        "delay" => "messages of the provider late",
        "reorder" => "messages of the provider out of order",
        "bad_signature" => "messages of the provider with a bad signature",
        _ => "messages of the provider lost",
    }
}

/// Has the provider's messages about this purchase go wrong.
async fn bend<'a>(
    stage: &Stage<'_>,
    it: &Purchase,
    random: &mut Random,
) -> anyhow::Result<Vec<(&'a str, String)>> {
    let mut set = Vec::new();
    let Some(gateway) = stage.gateway else {
        return Ok(set);
    };
    for _ in 0..random.within(1, 3) {
        let kind = *random.one_of(&FAULTS);
        let count = random.within(1, 2);
        let id = gateway
            .fault("webhook", kind, &it.cart, count, LATE_MS)
            .await?;
        set.push((kind, id));
    }
    Ok(set)
}

/// A message as the provider makes them.
fn message(stage: &Stage<'_>, payment: &str, random: &mut Random) -> String {
    let currency = &stage.ground.currency;
    let kind = random.one_of(&TYPES);
    let amount = json!({"amount": random.within(1, 1_000_000), "currency": currency});
    let state = kind.strip_prefix("payment.");
    json!({
        "id": stage.name("evt"), "type": kind,
        "data": {"id": stage.name("pay"), "reference": payment, "state": state,
                 "amount": amount, "captured": amount, "refunded": amount},
    })
    .to_string()
}

fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| it.as_secs().cast_signed())
}

fn letter(provider: &str, body: &str, signature: Option<String>) -> Ask {
    let ask = Ask::post(
        format!("/v1/webhooks/{provider}"),
        Value::String(body.to_owned()),
    );
    match signature {
        Some(signature) => ask.header("webhook-signature", signature),
        None => ask,
    }
}

/// Truly signed messages that say what is not so: twice at the same moment, later again, in any order.
async fn tell(
    stage: &Stage<'_>,
    secret: &str,
    payment: &str,
    random: &mut Random,
) -> anyhow::Result<()> {
    let sender = stage.shop.without_key();
    let letters: Vec<Ask> = (0..random.within(1, 4))
        .map(|_| {
            let body = message(stage, payment, random);
            let signature = sign(secret.as_bytes(), now_seconds(), body.as_bytes());
            letter(PROVIDER, &body, Some(signature))
        })
        .collect();
    let twice = letters.iter().chain(letters.iter().rev());
    let mut replies: Vec<Reply> = join_all(twice.map(|it| sender.send(it)))
        .await
        .into_iter()
        .collect::<anyhow::Result<_>>()?;
    for it in letters.iter().rev() {
        replies.push(sender.send(it).await?);
    }
    stage.count(
        "untrue messages, well signed, three times each",
        letters.len() as u64,
    );
    for reply in &replies {
        stage.must(MESSAGES_ARE_ONLY_HINTS, reply.status == 200, || {
            instead("200, as for every message that is signed", reply.story()).at([payment])
        });
    }
    Ok(())
}

/// Messages that nobody may believe.
async fn forge(
    stage: &Stage<'_>,
    provider: &str,
    payment: &str,
    random: &mut Random,
) -> anyhow::Result<()> {
    let body = message(stage, payment, random);
    let now = now_seconds();
    let mut forged = vec![
        ("no signature", letter(provider, &body, None)),
        (
            "another secret",
            letter(
                provider,
                &body,
                Some(sign(b"whsec_guessed", now, body.as_bytes())),
            ),
        ),
        (
            "no signature at all",
            letter(provider, &body, Some("t=1,v1=00".to_owned())),
        ),
    ];
    if let Some(own) = stage.own {
        let secret = own.lock().await.secret().to_owned();
        let signed = |at: i64, of: &str| Some(sign(secret.as_bytes(), at, of.as_bytes()));
        let old = now - TOLERANCE_SECONDS - 5;
        forged.push((
            "an old signature",
            letter(provider, &body, signed(old, &body)),
        ));
        let of_another = signed(now, &message(stage, payment, random));
        forged.push((
            "another body's signature",
            letter(provider, &body, of_another),
        ));
    }
    let sender = stage.shop.without_key();
    for (what, ask) in &forged {
        let reply = sender.send(ask).await?;
        let fits = reply.refuses(401, "unauthenticated");
        stage.must(FORGED_MESSAGES_ARE_REFUSED, fits, || {
            instead(format!("401 unauthenticated for {what}"), reply.story()).at([payment])
        });
    }
    stage.count("forged messages", forged.len() as u64);
    Ok(())
}

/// What a purchase is, without what time alone changes.
async fn picture(stage: &Stage<'_>, it: &Purchase) -> anyhow::Result<Picture> {
    let checkout = it.read(stage).await?;
    let order = match checkout["order_id"].as_str() {
        Some(id) => stage.shop.read(&format!("/v1/orders/{id}")).await?,
        None => Value::Null,
    };
    let of = |value: &Value, fields: &[&str]| -> Value {
        let pairs = fields
            .iter()
            .map(|it| ((*it).to_owned(), value[*it].clone()));
        Value::Object(pairs.collect())
    };
    Ok(Picture {
        checkout: of(
            &checkout,
            &["state", "attempts", "payments", "order_id", "totals"],
        ),
        order: of(
            &order,
            &[
                "state",
                "payment_state",
                "payments",
                "refunds",
                "invoices",
                "totals",
                "history",
            ],
        ),
    })
}

async fn unchanged(stage: &Stage<'_>, it: &Purchase, before: &Picture) -> anyhow::Result<()> {
    /// Enough for the shop to have looked up what the message was about.
    const LOOKED_UP: Duration = Duration::from_millis(30);
    tokio::time::sleep(LOOKED_UP).await;
    let now = picture(stage, it).await?;
    stage.must(MESSAGES_ARE_ONLY_HINTS, now == *before, || {
        let show = |it: &Picture| format!("{} {}", short(&it.checkout), short(&it.order));
        instead(show(before), show(&now)).at([&it.checkout])
    });
    Ok(())
}
