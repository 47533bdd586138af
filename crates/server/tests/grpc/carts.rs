//! Carts: opened by their token, changed line by line.

use cartwright_proto::v1::cart_service_client::CartServiceClient;
use cartwright_proto::v1::update_cart_line_request::Change;
use cartwright_proto::v1::{self, CartState};
use tonic::{Code, Request};

use crate::caller::{admin, channel, refused, with};
use crate::support::{fresh, shop};

fn line(sku: &str, quantity: i64) -> v1::CartLineInput {
    v1::CartLineInput {
        sku: sku.into(),
        quantity,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_guest_fills_changes_and_empties_a_cart() {
    let shop = shop();
    let mut carts = CartServiceClient::new(channel(&shop).await);
    let (one, two) = (shop.stocked(10).sku, shop.stocked(10).sku);
    let create = v1::CreateCartRequest {
        currency: Some("USD".into()),
        country: Some("US".into()),
        ..Default::default()
    };
    let cart = carts.create(create).await.expect("public").into_inner();
    let token = cart.token.clone().expect("shown once");
    let id = cart.id;
    let get = |lines| v1::GetCartRequest {
        id: id.clone(),
        limit: lines,
        cursor: String::new(),
    };
    refused(carts.get(get(0)).await, Code::NotFound, "not_found");
    let other = with(Request::new(get(0)), "cart-token", "wrong");
    refused(carts.get(other).await, Code::NotFound, "not_found");

    let add = |sku: &str, quantity| {
        let add = v1::AddCartLineRequest {
            cart_id: id.clone(),
            line: Some(line(sku, quantity)),
            expected_version: None,
        };
        with(Request::new(add), "cart-token", &token)
    };
    let filled = carts.add_line(add(&one, 2)).await.expect("added");
    let filled = filled.into_inner();
    let totals = filled.totals.expect("totals");
    assert_eq!(totals.total.expect("a total").amount, 2000);
    let joined = carts.add_line(add(&one, 1)).await.expect("joined");
    assert_eq!(joined.into_inner().lines[0].quantity, 3);
    let fields = refused(
        carts.add_line(add(&one, 8)).await,
        Code::FailedPrecondition,
        "insufficient_stock",
    );
    assert_eq!((&*fields["requested"], &*fields["available"]), ("11", "10"));
    refused(
        carts.add_line(add("nothing", 1)).await,
        Code::NotFound,
        "not_found",
    );
    refused(
        carts.add_line(add(&one, 0)).await,
        Code::InvalidArgument,
        "invalid",
    );

    let many = v1::AddCartLinesRequest {
        cart_id: id.clone(),
        lines: vec![line(&two, 1), line(&one, 1)],
        expected_version: Some(3),
    };
    let many = with(Request::new(many), "cart-token", &token);
    let many = carts.add_lines(many).await.expect("both").into_inner();
    assert_eq!((many.lines.len(), many.version), (2, 4));
    let page = with(Request::new(get(1)), "cart-token", &token);
    let page = carts.get(page).await.expect("read").into_inner();
    assert_eq!((page.lines.len(), page.next_cursor.is_some()), (1, true));

    let change = |change| {
        let change = v1::UpdateCartLineRequest {
            cart_id: id.clone(),
            line_id: many.lines[0].id.clone(),
            change: Some(change),
            ..Default::default()
        };
        with(Request::new(change), "cart-token", &token)
    };
    let less = carts.update_line(change(Change::Delta(-1))).await;
    assert_eq!(less.expect("less").into_inner().lines[0].quantity, 3);
    let gone = carts.update_line(change(Change::Quantity(0))).await;
    assert_eq!(gone.expect("gone").into_inner().lines.len(), 1);
    let remove = v1::RemoveCartLinesRequest {
        cart_id: id.clone(),
        line_ids: vec![many.lines[1].id.clone(), "ln_99".into()],
        expected_version: None,
    };
    let remove = with(Request::new(remove), "cart-token", &token);
    let empty = carts.remove_lines(remove).await.expect("removed");
    assert_eq!(empty.into_inner().lines.len(), 0);
    let replace = |version| {
        let replace = v1::ReplaceCartLinesRequest {
            cart_id: id.clone(),
            lines: vec![line(&two, 4)],
            expected_version: version,
        };
        with(Request::new(replace), "cart-token", &token)
    };
    let blind = carts.replace_lines(replace(None)).await;
    refused(blind, Code::FailedPrecondition, "version_required");
    let replaced = carts.replace_lines(replace(Some(7))).await.expect("anew");
    let replaced = replaced.into_inner();
    let remove = v1::RemoveCartLineRequest {
        cart_id: id.clone(),
        line_id: replaced.lines[0].id.clone(),
        expected_version: None,
    };
    let remove = with(Request::new(remove), "cart-token", &token);
    carts.remove_line(remove).await.expect("removed");
    let clear = v1::ClearCartRequest {
        cart_id: id.clone(),
        expected_version: None,
    };
    let clear = with(Request::new(clear), "cart-token", &token);
    carts.clear(clear).await.expect("empty already");
    let explain = v1::ExplainCartRequest { id: id.clone() };
    let explain = with(Request::new(explain), "cart-token", &token);
    let explained = carts.explain(explain).await.expect("explained");
    assert!(explained.into_inner().rules.is_some());
    let delete = v1::DeleteCartRequest {
        id: id.clone(),
        expected_version: None,
    };
    let delete = with(Request::new(delete), "cart-token", &token);
    carts.delete(delete).await.expect("deleted");
    let gone = with(Request::new(get(0)), "cart-token", &token);
    refused(carts.get(gone).await, Code::NotFound, "not_found");
}

#[tokio::test]
async fn carts_of_a_customer_are_listed_and_merged() {
    let shop = shop();
    let mut carts = CartServiceClient::new(channel(&shop).await);
    let (sku, customer) = (shop.stocked(10).sku, fresh("customer"));
    let create = |customer: Option<&str>| v1::CreateCartRequest {
        currency: Some("USD".into()),
        customer_id: customer.map(str::to_owned),
        lines: vec![line(&sku, 2)],
        ..Default::default()
    };
    let claimed = carts.create(create(Some(&customer))).await;
    refused(claimed, Code::PermissionDenied, "forbidden");
    let guest = carts.create(create(None)).await.expect("a guest's");
    let guest = guest.into_inner();
    let own = carts.create(admin(create(Some(&customer)))).await;
    let own = own.expect("the customer's").into_inner();
    let merge = v1::MergeCartRequest {
        cart_id: own.id.clone(),
        from: guest.id.clone(),
        from_token: guest.token,
        strategy: v1::MergeStrategy::Max.into(),
        expected_version: Some(1),
    };
    let merged = carts.merge(admin(merge)).await.expect("merged");
    assert_eq!(merged.into_inner().lines[0].quantity, 2);
    let get = v1::GetCartRequest {
        id: guest.id,
        ..Default::default()
    };
    let ended = carts.get(admin(get)).await.expect("history");
    assert_eq!(ended.into_inner().state(), CartState::Merged);
    let update = v1::UpdateCartRequest {
        id: own.id.clone(),
        country: Some("DE".into()),
        ..Default::default()
    };
    let moved = carts.update(admin(update)).await.expect("moved");
    assert_eq!(moved.into_inner().country, "DE");
    let list = v1::ListCustomerCartsRequest {
        customer_id: customer,
        ..Default::default()
    };
    let page = carts.list_by_customer(admin(list)).await.expect("listed");
    let ids: Vec<_> = page
        .into_inner()
        .items
        .into_iter()
        .map(|it| it.id)
        .collect();
    assert_eq!(ids, [own.id]);
}
