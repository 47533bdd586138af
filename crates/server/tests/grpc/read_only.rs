//! gRPC while the shop takes no writes: because its disk is full, or because another process has the lease.

use std::sync::Arc;
use std::time::Duration;

use cartwright_proto::v1::inventory_service_client::InventoryServiceClient;
use cartwright_proto::v1::product_lookup_client::ProductLookupClient;
use cartwright_proto::v1::{AdjustRequest, LookupRequest};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::caller::{admin, channel, refused};
use crate::small_disk::Disk;
use crate::support::{Level, Setup, Shop, TempDir, eventually};

async fn adjust(
    channel: &Channel,
    level: &Level,
) -> Result<tonic::Response<cartwright_proto::v1::StockLevel>, Status> {
    let request = AdjustRequest {
        store: level.store.clone(),
        sku: level.sku.clone(),
        delta: 1,
        reason: "grpc".into(),
        ..Default::default()
    };
    InventoryServiceClient::new(channel.clone())
        .adjust(admin(request))
        .await
}

async fn health(channel: &Channel) -> ServingStatus {
    let service = String::new();
    let answer = HealthClient::new(channel.clone())
        .check(HealthCheckRequest { service })
        .await;
    answer.expect("health is always told").into_inner().status()
}

async fn sells(channel: &Channel, sku: &str) {
    let request = LookupRequest { sku: sku.into() };
    ProductLookupClient::new(channel.clone())
        .lookup(request)
        .await
        .expect("reads go on");
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_says_so_to_those_who_watch() {
    if crate::support::on_postgres() {
        return;
    }
    let dir = Arc::new(TempDir::new("grpc-disk"));
    let Some(disk) = Disk::mount(&dir.path().join("small")) else {
        eprintln!("SKIPPED: the full disk needs root, to mount a small file system");
        return;
    };
    let mut setup = Setup::new(&dir);
    setup.data = disk.path().join("data");
    let shop = Shop::of(setup.start(), Arc::clone(&dir));
    let level = shop.stocked(1);
    let channel = channel(&shop).await;
    assert_eq!(health(&channel).await, ServingStatus::Serving);
    let mut answer = Ok(adjust(&channel, &level).await.expect("there is room"));
    for _ in 0..50_000 {
        if answer.is_err() {
            break;
        }
        // What the server freed since is taken too.
        disk.fill();
        answer = adjust(&channel, &level).await;
    }
    let status = answer.as_ref().expect_err("50,000 writes on a full disk");
    assert!(status.metadata().contains_key("retry-after"), "{status:?}");
    refused(answer, Code::Unavailable, "read_only");
    sells(&channel, &level.sku).await;
    // The server may have made room for itself meanwhile, and then serves again.
    let told = health(&channel).await;
    let ready = shop.get("/health/readiness").send().status;
    assert!(
        told == ServingStatus::NotServing || ready == 200,
        "{told:?}, {ready}"
    );

    disk.free();
    eventually(Duration::from_secs(30), "the shop is ready again", || {
        (shop.get("/health/readiness").send().status == 200).then_some(())
    });
    assert_eq!(health(&channel).await, ServingStatus::Serving);
    adjust(&channel, &level).await.expect("writes work again");
    shop.process.kill_now();
    drop(shop);
}

#[tokio::test]
async fn a_process_without_the_lease_serves_reads() {
    let dir = Arc::new(TempDir::new("grpc-lease"));
    let setup = Setup::new(&dir)
        .with("LOCKS_ENABLED", "true")
        .with("CARTWRIGHT_FORWARD_WRITES", "false");
    let writer = Shop::of(setup.start(), Arc::clone(&dir));
    let level = writer.stocked(1);
    let mut second = setup.clone();
    second.log = dir.path().join("second");
    let reader = Shop::of(second.start(), Arc::clone(&dir));
    let channel = channel(&reader).await;
    assert_eq!(health(&channel).await, ServingStatus::Serving);
    sells(&channel, &level.sku).await;
    let fields = refused(
        adjust(&channel, &level).await,
        Code::Unavailable,
        "read_only",
    );
    assert_eq!(fields["role"], "reader");
    assert_eq!(level.read()["on_hand"], 1);
}
