//! Cards that are charged by themselves, through the demos' PaymentService: the shop is killed at each step of that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cartwright_proto::oteldemo as proto;
use proto::payment_service_client::PaymentServiceClient;
use tokio::runtime::Runtime;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;

use crate::counts::Counts;
use crate::site::{Ground, LONG, Site};
use crate::support::{eventually, uuid};
use crate::walk::OF_CHARGES;

/// What each is charged, in units and in minor units.
const UNITS: i64 = 7;
const MINOR: i64 = 700;

/// The provider's reference of what was charged under this key; `None` when nobody knows, or nothing was.
async fn charge(site: &Site, key: &str) -> Option<String> {
    let endpoint = Endpoint::from_shared(format!("http://{}", site.front.address));
    let endpoint = endpoint
        .expect("an address is a URL")
        .timeout(Duration::from_secs(12));
    let channel = endpoint.connect().await.ok()?;
    let mut request = tonic::Request::new(proto::ChargeRequest {
        amount: Some(proto::Money {
            currency_code: "USD".into(),
            units: UNITS,
            nanos: 0,
        }),
        credit_card: Some(proto::CreditCardInfo {
            credit_card_number: "4432-8015-6152-0454".into(),
            credit_card_cvv: 672,
            credit_card_expiration_year: 2039,
            credit_card_expiration_month: 1,
        }),
    });
    let key = MetadataValue::try_from(key).expect("plain text");
    request.metadata_mut().insert("idempotency-key", key);
    let answer = PaymentServiceClient::new(channel).charge(request).await;
    answer.ok().map(|it| it.into_inner().transaction_id)
}

#[test]
fn a_charge_survives_a_kill_at_each_of_its_steps() {
    let counts = Arc::new(Counts::default());
    let site = Site::open("charges", Ground::Plain, &counts);
    let runtime = Runtime::new().expect("a runtime");
    let mut charged = BTreeMap::new();
    site.kill();
    // Each place is passed twice: to hold the money, and to take it.
    for (point, time) in OF_CHARGES.into_iter().flat_map(|it| [(it, 1), (it, 2)]) {
        assert!(site.start(&format!("{point}=kill@{time}")));
        let key = uuid();
        let told = runtime.block_on(charge(&site, &key));
        assert_eq!(told, None, "it died at {point}");
        eventually(LONG, &format!("it dies at {point}"), || {
            site.has_aborted().then_some(())
        });
        counts.killed_at(point.name());
        site.restart();
        let ask = || runtime.block_on(charge(&site, &key));
        let id = eventually(LONG, "every-payment-ends: the same key gets an answer", ask);
        assert_eq!(ask(), Some(id.clone()), "the-same-key-is-one-effect");
        assert!(charged.insert(id, key).is_none(), "a-key-means-one-request");
        site.kill();
    }
    let taken = site.world.gateway().payments();
    assert_eq!(
        taken.len(),
        charged.len(),
        "their-ledger-is-ours: {taken:#?}"
    );
    for payment in &taken {
        let id = payment["reference"].as_str().expect("a reference");
        assert!(
            charged.contains_key(id),
            "their-ledger-is-ours: {payment:#}"
        );
        let amounts = (
            &payment["captured"]["amount"],
            &payment["refunded"]["amount"],
        );
        assert_eq!(
            amounts,
            (&MINOR.into(), &0.into()),
            "their-ledger-is-ours: {payment:#}"
        );
    }
    let captures = site.world.gateway().ledger();
    let captures = captures.iter().filter(|it| it["op"] == "capture").count();
    assert_eq!(captures, charged.len(), "taken once");
    site.restart();
    site.verify_log();
}
