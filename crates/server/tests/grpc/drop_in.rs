//! The drop-in services of both packages, by the same rows.

use serde_json::json;
use tonic::{Code, Status};

use crate::caller::{channel, refused};
use crate::support::{Shop, fresh, shop};

/// What the rows need of one package's generated clients.
macro_rules! package {
    ($package:ident) => {
        mod $package {
            use super::*;
            use cartwright_proto::$package as proto;
            use proto::cart_service_client::CartServiceClient;
            use proto::product_catalog_service_client::ProductCatalogServiceClient;
            use tonic::Response;
            use tonic::transport::Channel;

            struct Caller(CartServiceClient<Channel>);

            impl Caller {
                async fn add(
                    &mut self,
                    user: &str,
                    product: &str,
                    quantity: i32,
                ) -> Result<Response<proto::Empty>, Status> {
                    let item = proto::CartItem {
                        product_id: product.into(),
                        quantity,
                    };
                    let request = proto::AddItemRequest {
                        user_id: user.into(),
                        item: Some(item),
                    };
                    self.0.add_item(request).await
                }

                async fn items(&mut self, user: &str) -> Vec<(String, i32)> {
                    let user_id = user.to_owned();
                    let request = proto::GetCartRequest { user_id };
                    let cart = self.0.get_cart(request).await.expect("a cart");
                    let cart = cart.into_inner();
                    assert_eq!(cart.user_id, user);
                    let item = |item: proto::CartItem| (item.product_id, item.quantity);
                    cart.items.into_iter().map(item).collect()
                }

                async fn empty(&mut self, user: &str) {
                    let user_id = user.to_owned();
                    let request = proto::EmptyCartRequest { user_id };
                    self.0.empty_cart(request).await.expect("emptied");
                }
            }

            #[tokio::test]
            async fn carts_add_up_in_order_and_ask_nothing() {
                let shop = shop();
                let mut carts = Caller(CartServiceClient::new(channel(&shop).await));
                let user = fresh("user");
                assert_eq!(carts.items(&user).await, []);
                carts.empty(&user).await;
                for (product, quantity) in [("B", 2), ("A", 1), ("B", 3), ("A", -4)] {
                    carts.add(&user, product, quantity).await.expect("added");
                }
                let expected = [("B".to_owned(), 5), ("A".to_owned(), -3)];
                assert_eq!(carts.items(&user).await, expected);
                carts.empty(&user).await;
                assert_eq!(carts.items(&user).await, []);
                carts.add(&user, "C", 1).await.expect("added");
                assert_eq!(carts.items(&user).await, [("C".to_owned(), 1)]);
            }

            #[tokio::test]
            async fn the_user_without_a_name_has_a_cart() {
                let shop = Shop::own(stringify!($package));
                let mut carts = Caller(CartServiceClient::new(channel(&shop).await));
                carts.add("", "A", 1).await.expect("added");
                assert_eq!(carts.items("").await, [("A".to_owned(), 1)]);
            }

            #[tokio::test]
            async fn stock_is_asked_when_that_is_switched_on() {
                let shop = Shop::with(concat!(stringify!($package), "-checked"), |setup| {
                    setup.with("CARTWRIGHT_VALIDATE_DROP_IN_CARTS", "true")
                });
                let mut carts = Caller(CartServiceClient::new(channel(&shop).await));
                let sku = shop.stocked(3).sku;
                carts.add("u", &sku, 2).await.expect("there are 3");
                let much = carts.add("u", &sku, 2).await;
                let message = much.as_ref().expect_err("too much").message().to_owned();
                assert!(message.contains(&sku) && !message.contains("storage"), "{message}");
                let fields = refused(much, Code::FailedPrecondition, "insufficient_stock");
                assert_eq!((&*fields["requested"], &*fields["available"]), ("4", "3"));
                assert_eq!(carts.items("u").await, [(sku.clone(), 2)]);
                carts.add("u", &sku, -1).await.expect("fewer are never asked");
            }

            #[tokio::test]
            async fn products_are_listed_found_and_searched() {
                let shop = Shop::own(concat!(stringify!($package), "-products"));
                let product = |id: &str, name: &str, description: &str| {
                    let variant = json!({
                        "sku": id, "prices": [{"amount": 1999, "currency": "USD"}],
                    });
                    let product = json!({
                        "id": id, "name": name, "description": description,
                        "categories": ["c"], "images": ["p.jpg"], "variants": [variant],
                    });
                    shop.post("/v1/products").admin().json(product).send().is(201);
                };
                product("P2", "Telescope", "Looks far");
                product("P1", "Lamp", "For a TELEScope at night");
                product("P3", "Book", "Paper");
                let mut catalog = ProductCatalogServiceClient::new(channel(&shop).await);
                let list = catalog.list_products(proto::Empty {}).await;
                let list = list.expect("listed").into_inner().products;
                let ids: Vec<_> = list.iter().map(|it| &*it.id).collect();
                assert_eq!(ids, ["P1", "P2", "P3"]);
                let price = list[0].price_usd.as_ref().expect("a price");
                assert_eq!((&*price.currency_code, price.units), ("USD", 19));
                assert_eq!((price.nanos, &*list[0].picture), (990_000_000, "p.jpg"));

                let query = "tElesCope".to_owned();
                let found = catalog.search_products(proto::SearchProductsRequest { query });
                let found = found.await.expect("searched").into_inner().results;
                let ids: Vec<_> = found.iter().map(|it| &*it.id).collect();
                assert_eq!(ids, ["P1", "P2"]);
                let id = "P3".to_owned();
                let one = catalog.get_product(proto::GetProductRequest { id }).await;
                assert_eq!(one.expect("known").into_inner().name, "Book");
                let id = "P9".to_owned();
                let none = catalog.get_product(proto::GetProductRequest { id }).await;
                let none = none.expect_err("unknown");
                assert_eq!(none.code(), Code::NotFound);
                assert_eq!(none.message(), "Product Not Found: P9");
            }
        }
    };
}

package!(oteldemo);
package!(hipstershop);
