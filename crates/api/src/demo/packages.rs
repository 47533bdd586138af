//! Both packages on one implementation: they differ in their names and their generated types.

/// The services of one package.
macro_rules! package {
    ($(#[$doc:meta])* $package:ident) => {
        $(#[$doc])*
        pub(super) mod $package {
            use crate::demo::carts::{self, Item};
            use crate::demo::{cart_status, catalog};
            use crate::grpc::status::of_problem;
            use crate::http::Edge;
            use crate::problem::Problem;
            use cartwright_domain::cart::ExternalUser;
            use cartwright_proto::$package as proto;
            use proto::cart_service_server::{CartService, CartServiceServer};
            use proto::product_catalog_service_server::{
                ProductCatalogService, ProductCatalogServiceServer,
            };
            use std::sync::Arc;
            use tonic::{Request, Response, Status};

            const PACKAGE: &str = stringify!($package);

            #[derive(Clone)]
            struct Shop(Arc<Edge>);

            pub(in crate::demo) fn add(routes: &mut tonic::service::RoutesBuilder, edge: &Arc<Edge>) {
                let limit = edge.options.max_body;
                let carts = CartServiceServer::new(Shop(edge.clone()));
                routes.add_service(carts.max_decoding_message_size(limit));
                let catalog = ProductCatalogServiceServer::new(Shop(edge.clone()));
                routes.add_service(catalog.max_decoding_message_size(limit));
            }

            fn user(id: &str) -> Result<ExternalUser, Status> {
                carts::user(PACKAGE, id).map_err(|problem| of_problem(&problem))
            }

            fn show(product: &cartwright_domain::catalog::Product) -> proto::Product {
                let shown = catalog::show(product);
                proto::Product {
                    id: shown.id,
                    name: shown.name,
                    description: shown.description,
                    picture: shown.picture,
                    price_usd: Some(proto::Money {
                        currency_code: shown.price.currency_code,
                        units: shown.price.units,
                        nanos: shown.price.nanos,
                    }),
                    categories: shown.categories,
                }
            }

            #[tonic::async_trait]
            impl CartService for Shop {
                async fn add_item(
                    &self,
                    request: Request<proto::AddItemRequest>,
                ) -> Result<Response<proto::Empty>, Status> {
                    let request_id = self.0.request_id(&request.metadata().clone().into_headers());
                    let proto::AddItemRequest { user_id, item } = request.into_inner();
                    let Some(item) = item else {
                        let problem = Problem::invalid("item", "required", "send the item");
                        return Err(of_problem(&problem));
                    };
                    let item = Item {
                        product_id: item.product_id,
                        quantity: item.quantity,
                    };
                    let added = async {
                        let command = carts::add_item(&self.0, carts::user(PACKAGE, &user_id)?, &item);
                        carts::submit(&self.0, PACKAGE, command.await?, request_id).await
                    };
                    match added.await {
                        Ok(_) => Ok(Response::new(proto::Empty {})),
                        Err(problem) => Err(cart_status(&problem)),
                    }
                }

                async fn get_cart(
                    &self,
                    request: Request<proto::GetCartRequest>,
                ) -> Result<Response<proto::Cart>, Status> {
                    let user_id = request.into_inner().user_id;
                    let items = carts::items(&self.0, &user(&user_id)?).await;
                    let items = items.map_err(|problem| cart_status(&problem))?;
                    let item = |item: Item| proto::CartItem {
                        product_id: item.product_id,
                        quantity: item.quantity,
                    };
                    Ok(Response::new(proto::Cart {
                        user_id,
                        items: items.into_iter().map(item).collect(),
                    }))
                }

                async fn empty_cart(
                    &self,
                    request: Request<proto::EmptyCartRequest>,
                ) -> Result<Response<proto::Empty>, Status> {
                    let request_id = self.0.request_id(&request.metadata().clone().into_headers());
                    let command = carts::empty_cart(&self.0, user(&request.into_inner().user_id)?);
                    let emptied = carts::submit(&self.0, PACKAGE, command, request_id).await;
                    match emptied {
                        Ok(_) => Ok(Response::new(proto::Empty {})),
                        // A cart that takes no changes any more shows no items already.
                        Err(problem) if problem.code == "cart_closed" => {
                            Ok(Response::new(proto::Empty {}))
                        }
                        Err(problem) => Err(cart_status(&problem)),
                    }
                }
            }

            #[tonic::async_trait]
            impl ProductCatalogService for Shop {
                async fn list_products(
                    &self,
                    _: Request<proto::Empty>,
                ) -> Result<Response<proto::ListProductsResponse>, Status> {
                    let found = catalog::list(&self.0).await;
                    let found = found.map_err(|problem| of_problem(&problem))?;
                    Ok(Response::new(proto::ListProductsResponse {
                        products: found.iter().map(|product| show(product)).collect(),
                    }))
                }

                async fn get_product(
                    &self,
                    request: Request<proto::GetProductRequest>,
                ) -> Result<Response<proto::Product>, Status> {
                    let id = request.into_inner().id;
                    let found = catalog::find(&self.0, &id).await;
                    match found.map_err(|problem| of_problem(&problem))? {
                        Some(product) => Ok(Response::new(show(&product))),
                        None => {
                            let mut problem = Problem::not_found("product", &id);
                            problem.detail = format!("Product Not Found: {id}");
                            Err(of_problem(&problem))
                        }
                    }
                }

                async fn search_products(
                    &self,
                    request: Request<proto::SearchProductsRequest>,
                ) -> Result<Response<proto::SearchProductsResponse>, Status> {
                    let found = catalog::search(&self.0, &request.into_inner().query).await;
                    let found = found.map_err(|problem| of_problem(&problem))?;
                    Ok(Response::new(proto::SearchProductsResponse {
                        results: found.iter().map(|product| show(product)).collect(),
                    }))
                }
            }
        }
    };
}

package!(
    /// The OpenTelemetry demo.
    oteldemo
);
package!(
    /// Online Boutique.
    hipstershop
);
