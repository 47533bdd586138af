//! Stores, levels, holds and transfers.

use cartwright_proto::v1::inventory_service_client::InventoryServiceClient;
use cartwright_proto::v1::reservation_service_client::ReservationServiceClient;
use cartwright_proto::v1::store_service_client::StoreServiceClient;
use cartwright_proto::v1::transfer_service_client::TransferServiceClient;
use cartwright_proto::v1::{self, MovementType, ReservationState, StoreKind, TransferState};
use tonic::{Code, Request};

use crate::caller::{admin, channel, metadata, refused, with};
use crate::support::{fresh, shop};

fn adjust(store: &str, sku: &str, delta: i64) -> Request<v1::AdjustRequest> {
    admin(v1::AdjustRequest {
        store: store.into(),
        sku: sku.into(),
        delta,
        reason: "delivery".into(),
        expected_version: None,
    })
}

fn count(store: &str, sku: &str, quantity: i64) -> Request<v1::CountRequest> {
    admin(v1::CountRequest {
        store: store.into(),
        sku: sku.into(),
        quantity,
        expected_version: None,
        as_of_version: None,
    })
}

#[tokio::test]
async fn a_store_is_the_same_on_both_surfaces() {
    let shop = shop();
    let mut stores = StoreServiceClient::new(channel(&shop).await);
    let id = fresh("store");
    let put = v1::PutStoreRequest {
        id: id.clone(),
        name: "North".into(),
        kind: StoreKind::Warehouse.into(),
        country: "SE".into(),
        ships_to: vec!["SE".into(), "NO".into()],
        priority: Some(3),
        position: Some(v1::Position {
            lat: 59.33,
            lon: 18.0,
        }),
        expected_version: Some(0),
    };
    let made = stores.put(admin(put)).await.expect("put").into_inner();
    let get = v1::GetStoreRequest { id: id.clone() };
    let read = stores.get(get).await.expect("public");
    assert_eq!(metadata(&read, "etag").as_deref(), Some("\"1\""));
    assert_eq!(made, read.into_inner());
    let http = shop.get(&format!("/v1/stores/{id}")).send().is(200).json();
    assert_eq!(http["kind"], "warehouse");
    assert_eq!(http["ships_to"], serde_json::json!(["SE", "NO"]));
    assert_eq!((http["priority"].as_i64(), made.priority), (Some(3), 3));
    let page = v1::ListStoresRequest {
        limit: 1,
        cursor: String::new(),
    };
    let page = stores.list(page).await.expect("public").into_inner();
    assert_eq!(page.items.len(), 1);
    let nowhere = v1::GetStoreRequest {
        id: "nowhere".into(),
    };
    let fields = refused(stores.get(nowhere).await, Code::NotFound, "not_found");
    assert_eq!(fields["resource"], "store");
    let nameless = stores.put(admin(v1::PutStoreRequest::default())).await;
    refused(nameless, Code::InvalidArgument, "invalid");
    let of_no_kind = v1::PutStoreRequest {
        id,
        name: "North".into(),
        country: "SE".into(),
        ..Default::default()
    };
    let fields = refused(
        stores.put(admin(of_no_kind)).await,
        Code::InvalidArgument,
        "invalid",
    );
    assert!(fields["errors"].contains("kind"), "{fields:?}");
}

#[tokio::test]
async fn levels_change_with_versions_as_over_http() {
    let shop = shop();
    let mut inventory = InventoryServiceClient::new(channel(&shop).await);
    let (store, item) = (shop.warehouse(), shop.product());
    let received = inventory.adjust(adjust(&store, &item.sku, 7)).await;
    let level = received.expect("received").into_inner();
    assert_eq!((level.on_hand, level.available, level.version), (7, 7, 1));
    let none = inventory.adjust(adjust(&store, &item.sku, 0)).await;
    refused(none, Code::InvalidArgument, "invalid");
    let short = inventory.adjust(adjust(&store, &item.sku, -8)).await;
    let fields = refused(short, Code::FailedPrecondition, "insufficient_stock");
    assert_eq!((&*fields["requested"], &*fields["available"]), ("8", "7"));

    let blind = inventory.count(count(&store, &item.sku, 5)).await;
    refused(blind, Code::FailedPrecondition, "version_required");
    let stale = with(count(&store, &item.sku, 5), "if-match", "9");
    let fields = refused(
        inventory.count(stale).await,
        Code::Aborted,
        "version_conflict",
    );
    assert_eq!(fields["current_version"], "1");
    for (version, quantity) in [("1", 5), ("\"2\"", 6)] {
        let counted = with(count(&store, &item.sku, quantity), "if-match", version);
        let counted = inventory.count(counted).await.expect("counted");
        assert_eq!(counted.into_inner().on_hand, quantity);
    }
    let configure = v1::ConfigureRequest {
        store: store.clone(),
        sku: item.sku.clone(),
        safety_stock: Some(2),
        backorder: None,
        expected_version: Some(3),
        low_stock: Some(1),
    };
    let level = inventory.configure(admin(configure)).await.expect("set");
    let level = level.into_inner();
    assert_eq!((level.safety_stock, level.available), (2, 4));
    assert_eq!((level.low_stock, level.version), (Some(1), 4));
    let get = v1::GetLevelRequest {
        store: store.clone(),
        sku: item.sku.clone(),
    };
    let read = inventory.get_level(admin(get)).await.expect("read");
    assert_eq!(read.into_inner(), level);
    let page = v1::ListLevelsRequest {
        store: store.clone(),
        limit: 0,
        cursor: String::new(),
    };
    let page = inventory.list_levels(admin(page)).await.expect("listed");
    assert_eq!(page.into_inner().items, [level]);
    let ask = v1::MovementsRequest {
        store,
        sku: item.sku.clone(),
        limit: 3,
        cursor: String::new(),
    };
    let page = inventory.movements(admin(ask)).await.expect("history");
    let page = page.into_inner();
    let kinds: Vec<_> = page.items.iter().map(v1::Movement::r#type).collect();
    let expected = [
        MovementType::Adjusted,
        MovementType::Counted,
        MovementType::Counted,
    ];
    assert_eq!(kinds, expected);
    assert!(page.next_cursor.is_some(), "a fourth movement follows");
}

#[tokio::test]
async fn holds_live_and_end() {
    let shop = shop();
    let channel = channel(&shop).await;
    let mut holds = ReservationServiceClient::new(channel.clone());
    let mut inventory = InventoryServiceClient::new(channel);
    let level = shop.stocked(10);
    let create = |reference: &str, quantity| {
        admin(v1::CreateReservationRequest {
            lines: vec![v1::ReservationLineInput {
                sku: level.sku.clone(),
                quantity,
                store: None,
            }],
            reference: reference.into(),
            ttl_seconds: 600,
            country: None,
        })
    };
    let reference = fresh("hold");
    let hold = holds.create(create(&reference, 4)).await.expect("held");
    let hold = hold.into_inner();
    assert_eq!(hold.state(), ReservationState::Pending);
    assert_eq!(hold.lines[0].store, level.store);
    let again = holds.create(create(&reference, 4)).await.expect("known");
    assert_eq!(again.into_inner(), hold);
    let other = holds.create(create(&reference, 5)).await;
    refused(other, Code::FailedPrecondition, "already_exists");
    let much = holds.create(create(&fresh("hold"), 7)).await;
    let fields = refused(much, Code::FailedPrecondition, "insufficient_stock");
    assert_eq!((&*fields["sku"], &*fields["available"]), (&*level.sku, "6"));

    let extend = v1::ExtendReservationRequest {
        id: hold.id.clone(),
        ttl_seconds: 3600,
        expected_version: None,
    };
    let extended = holds.extend(admin(extend)).await.expect("extended");
    let extended = extended.into_inner().expires_at.expect("an end");
    assert!(extended.seconds > hold.expires_at.expect("an end").seconds);
    let confirm = v1::ConfirmReservationRequest {
        id: hold.id.clone(),
        expected_version: None,
    };
    let sold = holds.confirm(admin(confirm)).await.expect("sold");
    assert_eq!(sold.into_inner().state(), ReservationState::Confirmed);
    let release = v1::ReleaseReservationRequest {
        id: hold.id.clone(),
        expected_version: None,
    };
    let late = holds.release(admin(release)).await;
    let fields = refused(late, Code::FailedPrecondition, "reservation_final");
    assert_eq!(fields["state"], "confirmed");

    let here = v1::ReserveRequest {
        store: level.store.clone(),
        sku: level.sku.clone(),
        quantity: 2,
        reference: fresh("till"),
        ttl_seconds: 60,
        expected_version: None,
    };
    let here = inventory.reserve(admin(here)).await.expect("held here");
    let give_back = v1::ReleaseLevelRequest {
        store: level.store.clone(),
        sku: level.sku.clone(),
        reservation_id: here.into_inner().id,
        expected_version: None,
    };
    let back = inventory.release(admin(give_back)).await.expect("back");
    assert_eq!(back.into_inner().state(), ReservationState::Released);
    let ask = v1::AvailabilityRequest {
        skus: vec![level.sku.clone(), "nobody-knows".into()],
        country: None,
        store: None,
    };
    let answer = inventory.availability(ask).await.expect("public");
    let items = answer.into_inner().items;
    assert_eq!((items[0].available, items[0].in_stock), (6, true));
    assert_eq!((items[1].available, items[1].in_stock), (0, false));
    let get = v1::GetReservationRequest { id: hold.id };
    let read = holds.get(admin(get)).await.expect("read");
    assert_eq!(read.into_inner().state(), ReservationState::Confirmed);
}

#[tokio::test]
async fn a_transfer_takes_and_brings() {
    let shop = shop();
    let mut transfers = TransferServiceClient::new(channel(&shop).await);
    let (level, to) = (shop.stocked(5), shop.warehouse());
    let create = |quantity| {
        admin(v1::CreateTransferRequest {
            sku: level.sku.clone(),
            from: level.store.clone(),
            to: to.clone(),
            quantity,
            expected_version: None,
        })
    };
    let much = transfers.create(create(6)).await;
    refused(much, Code::FailedPrecondition, "insufficient_stock");
    let sent = transfers
        .create(create(3))
        .await
        .expect("sent")
        .into_inner();
    assert_eq!(sent.state(), TransferState::InTransit);
    let get = v1::GetTransferRequest {
        id: sent.id.clone(),
    };
    let read = transfers.get(admin(get)).await.expect("read");
    assert_eq!(read.into_inner(), sent);
    let receive = v1::ReceiveTransferRequest {
        id: sent.id.clone(),
        expected_version: None,
    };
    let came = transfers.receive(admin(receive)).await.expect("received");
    assert_eq!(came.into_inner().state(), TransferState::Received);
    let cancel = v1::CancelTransferRequest {
        id: sent.id,
        expected_version: None,
    };
    let late = transfers.cancel(admin(cancel)).await;
    refused(late, Code::FailedPrecondition, "invalid_state");
}
