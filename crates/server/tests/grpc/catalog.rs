//! Products, variants, prices, search and the lookup.

use std::time::{Duration, Instant};

use cartwright_proto::v1::product_lookup_client::ProductLookupClient;
use cartwright_proto::v1::product_service_client::ProductServiceClient;
use cartwright_proto::v1::{self, ProductStatus};
use prost_types::value::Kind;
use prost_types::{FieldMask, Struct, Value};
use tonic::{Code, Request};

use crate::caller::{admin, channel, metadata, refused, with};
use crate::support::{fresh, shop};

fn price(amount: i64) -> v1::Money {
    v1::Money {
        amount,
        currency: "USD".into(),
    }
}

fn shirt(id: &str, sku: &str) -> v1::ProductInput {
    let number = |number| Value {
        kind: Some(Kind::NumberValue(number)),
    };
    v1::ProductInput {
        id: Some(id.into()),
        name: Some(format!("Shirt {id}")),
        description: Some("Soft".into()),
        brand: Some("Loom".into()),
        categories: vec!["shirts".into()],
        attributes: Some(Struct {
            fields: [("threads".to_owned(), number(200.0))].into(),
        }),
        options: vec![v1::ProductOption {
            name: "size".into(),
            values: vec!["M".into()],
        }],
        variants: vec![v1::VariantInput {
            sku: sku.into(),
            options: [("size".to_owned(), "M".to_owned())].into(),
            prices: vec![price(1299)],
            limits: Some(v1::Limits {
                min: 0,
                max: 5,
                multiple: 0,
            }),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn create(product: v1::ProductInput) -> Request<v1::CreateProductRequest> {
    admin(v1::CreateProductRequest {
        product: Some(product),
    })
}

#[tokio::test]
async fn a_product_is_written_read_changed_and_archived() {
    let shop = shop();
    let mut products = ProductServiceClient::new(channel(&shop).await);
    let (id, sku) = (fresh("shirt"), fresh("sku"));
    let made = products.create(create(shirt(&id, &sku))).await;
    let made = made.expect("created").into_inner();
    assert_eq!((made.status(), made.version), (ProductStatus::Active, 1));
    let limits = made.variants[0].limits.expect("limits");
    assert_eq!((limits.min, limits.max), (0, 5));
    let http = shop
        .get(&format!("/v1/products/{id}"))
        .send()
        .is(200)
        .json();
    assert_eq!(http["attributes"]["threads"], 200);
    assert_eq!(http["variants"][0]["limits"]["max"], 5);
    let twice = products.create(create(shirt(&id, &sku))).await;
    refused(twice, Code::FailedPrecondition, "already_exists");

    let by_slug = v1::GetProductRequest {
        id_or_slug: made.slug.clone(),
    };
    let read = products.get(by_slug).await.expect("public").into_inner();
    assert_eq!(read, made);
    let update = |paths: &[&str], version| {
        admin(v1::UpdateProductRequest {
            id: id.clone(),
            product: Some(v1::ProductInput {
                name: Some("Better shirt".into()),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
            expected_version: version,
        })
    };
    let blind = products.update(update(&["name"], None)).await;
    refused(blind, Code::FailedPrecondition, "version_required");
    let named = products.update(update(&[], Some(1))).await.expect("named");
    let named = named.into_inner();
    assert_eq!((&*named.name, named.categories.len()), ("Better shirt", 1));
    let cleared = products
        .update(update(&["brand", "categories"], Some(2)))
        .await;
    let cleared = cleared.expect("cleared").into_inner();
    assert_eq!((cleared.brand, cleared.categories.len()), (None, 0));
    let unknown = products.update(update(&["colour"], Some(3))).await;
    refused(unknown, Code::InvalidArgument, "invalid");

    let archive = v1::ArchiveProductRequest {
        id: id.clone(),
        expected_version: None,
    };
    let archived = products.archive(admin(archive)).await.expect("archived");
    assert_eq!(archived.into_inner().status(), ProductStatus::Archived);
    let get = v1::GetProductRequest { id_or_slug: id };
    refused(products.get(get).await, Code::NotFound, "not_found");
}

#[tokio::test]
async fn prices_reach_the_variant_and_the_lookup() {
    let shop = shop();
    let channel = channel(&shop).await;
    let mut products = ProductServiceClient::new(channel.clone());
    let mut lookup = ProductLookupClient::new(channel);
    let (id, sku) = (fresh("shirt"), fresh("sku"));
    let made = products.create(create(shirt(&id, &sku))).await;
    made.expect("created");
    let asked = v1::LookupRequest { sku: sku.clone() };
    let first = lookup.lookup(asked.clone()).await.expect("sold");
    let first = first.into_inner();
    assert_eq!((&*first.product_id, first.version), (&*id, 1));
    assert_eq!(
        (first.prices, &*first.options["size"]),
        (vec![price(1299)], "M")
    );

    let set = v1::SetPriceRequest {
        sku: sku.clone(),
        price: Some(price(999)),
        expected_version: None,
    };
    let blind = products.set_price(admin(set.clone())).await;
    refused(blind, Code::FailedPrecondition, "version_required");
    let variant = with(admin(set), "if-match", "1");
    let variant = products.set_price(variant).await.expect("set");
    assert_eq!(metadata(&variant, "etag").as_deref(), Some("\"2\""));
    assert_eq!(variant.into_inner().prices, [price(999)]);
    let second = lookup.lookup(asked).await.expect("sold").into_inner();
    assert_eq!((second.version, second.prices), (2, vec![price(999)]));
    let get = v1::GetVariantRequest { sku: sku.clone() };
    let variant = products
        .get_variant(get)
        .await
        .expect("public")
        .into_inner();
    assert_eq!((&*variant.name, variant.version), (&*first.name, 2));
    let skus = vec![sku.clone(), "nothing".into(), sku];
    let many = lookup.lookup_many(v1::LookupManyRequest { skus }).await;
    let many = many.expect("many").into_inner();
    assert_eq!(
        (many.items.len(), many.missing),
        (2, vec!["nothing".into()])
    );
}

#[tokio::test]
async fn search_finds_with_facets_within_a_second_or_so() {
    let shop = shop();
    let mut products = ProductServiceClient::new(channel(&shop).await);
    let (id, sku) = (fresh("shirt"), fresh("sku"));
    let mut input = shirt(&id, &sku);
    let word = format!("quaint{:x}", std::process::id());
    input.name = Some(format!("Shirt {word}"));
    products.create(create(input)).await.expect("created");
    let deadline = Instant::now() + Duration::from_secs(10);
    let found = loop {
        let search = v1::SearchRequest {
            q: word.clone(),
            sort: v1::SearchSort::PriceDescending.into(),
            ..Default::default()
        };
        let found = products.search(search).await.expect("public").into_inner();
        if found.total > 0 {
            break found;
        }
        assert!(Instant::now() < deadline, "never found {word}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(found.items[0].id, id);
    let brand = found.facets.iter().find(|facet| facet.field == "brand");
    let brand = brand.expect("the brand is a facet");
    assert_eq!(
        (&*brand.values[0].value, brand.values[0].count),
        ("Loom", 1)
    );
    let list = v1::ListProductsRequest {
        limit: 1,
        status: Some(ProductStatus::Active.into()),
        ..Default::default()
    };
    let page = products.list(list).await.expect("public").into_inner();
    assert_eq!(page.items.len(), 1);
    let beyond = v1::ListProductsRequest {
        limit: 201,
        ..Default::default()
    };
    refused(
        products.list(beyond).await,
        Code::InvalidArgument,
        "invalid",
    );
}
