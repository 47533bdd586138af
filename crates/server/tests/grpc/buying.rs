//! Checkouts, orders, returns, invoices, wallets and attention: what HTTP does, over gRPC.

use cartwright_proto::v1;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use v1::attention_service_client::AttentionServiceClient;
use v1::checkout_service_client::CheckoutServiceClient;
use v1::invoice_service_client::InvoiceServiceClient;
use v1::order_service_client::OrderServiceClient;
use v1::return_service_client::ReturnServiceClient;
use v1::wallet_service_client::WalletServiceClient;

use crate::caller::{admin, channel, metadata, refused, with, with_key};
use crate::support::{Cart, Paying, fresh, paying};

fn address() -> v1::Address {
    v1::Address {
        name: "Ada Lovelace".into(),
        line1: "12 St James Square".into(),
        city: "London".into(),
        postal_code: "SW1Y 4JH".into(),
        country: "GB".into(),
        ..v1::Address::default()
    }
}

fn money(amount: i64) -> Option<v1::Money> {
    let currency = "USD".into();
    Some(v1::Money { amount, currency })
}

fn visa() -> v1::PayWith {
    v1::PayWith {
        method: v1::PaymentMethod::Card.into(),
        token: Some("tok_visa".into()),
        ..v1::PayWith::default()
    }
}

/// A buyer with a cart of so many units at 10.00 USD.
struct Buyer {
    paying: Paying,
    cart: Cart,
    checkouts: CheckoutServiceClient<Channel>,
}

impl Buyer {
    async fn of(quantity: i64) -> Self {
        let paying = paying();
        let cart = paying.shop.cart();
        cart.add(&paying.shop.stocked(10).sku, quantity).is(200);
        let checkouts = CheckoutServiceClient::new(channel(&paying.shop).await);
        Self {
            paying,
            cart,
            checkouts,
        }
    }

    fn with_token<T>(&self, message: T) -> Request<T> {
        with(Request::new(message), "cart-token", &self.cart.token)
    }

    async fn opens(&mut self) -> v1::Checkout {
        let request = self.with_token(v1::CreateCheckoutRequest {
            cart_id: self.cart.id.clone(),
            email: Some("ada@example.com".into()),
            shipping_address: Some(address()),
            ..v1::CreateCheckoutRequest::default()
        });
        let opened = self.checkouts.create(request).await;
        opened.expect("opened").into_inner()
    }

    async fn completes(
        &mut self,
        checkout: &v1::Checkout,
        key: &str,
        wait_seconds: Option<i32>,
        payment: v1::PayWith,
    ) -> Result<Response<v1::Checkout>, Status> {
        let request = self.with_token(v1::CompleteCheckoutRequest {
            id: checkout.id.clone(),
            quote_id: checkout.quote.clone().map_or_else(String::new, |it| it.id),
            payment: Some(payment),
            wait_seconds,
            expected_version: None,
        });
        let request = with(request, "idempotency-key", key);
        self.checkouts.complete(request).await
    }

    /// An order of the cart.
    async fn buys(&mut self) -> v1::Checkout {
        let opened = self.opens().await;
        let done = self.completes(&opened, &fresh("key"), None, visa()).await;
        done.expect("completed").into_inner()
    }
}

#[tokio::test]
async fn a_cart_becomes_an_order_and_its_events_are_told() {
    let mut buyer = Buyer::of(2).await;
    let opened = buyer.opens().await;
    assert_eq!(opened.state(), v1::CheckoutState::Open);
    assert_eq!(opened.shipping_address, Some(address()));
    let totals = opened.totals.clone().expect("totals");
    assert_eq!((totals.shipping, totals.total), (money(599), money(2599)));
    let quote = opened.quote.clone().expect("a quote");
    assert_eq!((quote.lines.len(), quote.signature.is_empty()), (1, false));
    assert_eq!(opened.missing, [""; 0]);

    let watched = buyer.with_token(v1::WatchCheckoutRequest {
        id: opened.id.clone(),
        after_version: 1,
    });
    let mut watcher = buyer.checkouts.clone();
    let mut told = watcher.watch(watched).await.expect("watched").into_inner();

    let key = fresh("key");
    let done = buyer.completes(&opened, &key, Some(30), visa()).await;
    let done = done.expect("completed").into_inner();
    assert_eq!(done.state(), v1::CheckoutState::Completed);
    assert_eq!(done.payments[0].state(), v1::PaymentState::Captured);
    let order_id = done.order_id.clone().expect("an order");
    let again = buyer.completes(&opened, &key, Some(1), visa()).await;
    let again = again.expect("the same attempt").into_inner();
    assert_eq!(again.order_id.as_deref(), Some(&*order_id));

    let (mut versions, mut last) = (Vec::new(), None);
    while let Some(event) = told.message().await.expect("told to the end") {
        versions.push(event.version);
        last = Some(event);
    }
    let last = last.expect("events");
    assert_eq!(versions, (2..=done.version).collect::<Vec<_>>());
    assert_eq!(last.state(), v1::CheckoutState::Completed);
    assert_eq!(last.order_id.as_deref(), Some(&*order_id));

    let get = v1::GetCheckoutRequest { id: opened.id };
    let shown = buyer.checkouts.get(admin(get)).await.expect("shown");
    assert_eq!(shown.into_inner().version, done.version);
    let captured = buyer.paying.gateway.effects(&buyer.cart.id, "capture");
    assert_eq!(captured.len(), 1);
}

#[tokio::test]
async fn a_checkout_changes_and_is_given_up() {
    let mut buyer = Buyer::of(1).await;
    let opened = buyer.opens().await;
    let request = v1::UpdateCheckoutRequest {
        id: opened.id.clone(),
        shipping_option: Some("express".into()),
        clear: vec!["email".into()],
        ..v1::UpdateCheckoutRequest::default()
    };
    let changed = buyer
        .checkouts
        .update(buyer.with_token(request.clone()))
        .await;
    let changed = changed.expect("changed").into_inner();
    assert_eq!(changed.missing, ["email"]);
    assert_eq!((changed.email, changed.quote), (None, None));
    assert_eq!(changed.shipping_option.as_deref(), Some("express"));
    let stale = with(buyer.with_token(request), "if-match", "1");
    let fields = refused(
        buyer.checkouts.update(stale).await,
        Code::Aborted,
        "version_conflict",
    );
    assert_eq!(&*fields["current_version"], "2");
    let wrong = buyer.with_token(v1::UpdateCheckoutRequest {
        id: opened.id.clone(),
        clear: vec!["lines".into()],
        ..v1::UpdateCheckoutRequest::default()
    });
    refused(
        buyer.checkouts.update(wrong).await,
        Code::InvalidArgument,
        "invalid",
    );
    let list = admin(v1::ListCheckoutsRequest {
        state: v1::CheckoutState::Open.into(),
        cart_id: buyer.cart.id.clone(),
        limit: 10,
        cursor: String::new(),
    });
    let list = buyer
        .checkouts
        .list(list)
        .await
        .expect("listed")
        .into_inner();
    assert_eq!(list.items.len(), 1);
    let cancel = buyer.with_token(v1::CancelCheckoutRequest {
        id: opened.id.clone(),
        expected_version: None,
    });
    let cancelled = buyer.checkouts.cancel(cancel).await.expect("cancelled");
    assert_eq!(cancelled.into_inner().state(), v1::CheckoutState::Cancelled);
    let watch = v1::WatchCheckoutRequest {
        id: opened.id,
        after_version: 0,
    };
    let foreign = buyer.checkouts.watch(Request::new(watch)).await;
    refused(foreign, Code::NotFound, "not_found");
}

#[tokio::test]
async fn completing_is_refused_as_over_http() {
    let mut buyer = Buyer::of(1).await;
    let opened = buyer.opens().await;
    let without = buyer.with_token(v1::CompleteCheckoutRequest {
        id: opened.id.clone(),
        ..v1::CompleteCheckoutRequest::default()
    });
    refused(
        buyer.checkouts.complete(without).await,
        Code::InvalidArgument,
        "idempotency_key_required",
    );
    let number = v1::PayWith {
        token: Some("4242424242424242".into()),
        ..visa()
    };
    let answer = buyer.completes(&opened, &fresh("key"), None, number).await;
    refused(answer, Code::InvalidArgument, "invalid");
    let declined = v1::PayWith {
        token: Some("tok_insufficient_funds".into()),
        ..visa()
    };
    let answer = buyer
        .completes(&opened, &fresh("key"), None, declined)
        .await;
    let fields = refused(answer, Code::FailedPrecondition, "payment_declined");
    assert_eq!(&*fields["reason"], "insufficient_funds");
    assert_eq!(fields["checkout_id"], opened.id);
    let parts = v1::PayWith {
        parts: [2000, -1]
            .map(|amount| v1::PaymentPart {
                method: v1::PaymentMethod::Card.into(),
                token: Some("tok_visa".into()),
                provider: None,
                amount: money(amount),
            })
            .to_vec(),
        ..v1::PayWith::default()
    };
    let answer = buyer.completes(&opened, &fresh("key"), None, parts).await;
    refused(answer, Code::InvalidArgument, "invalid");
    let at_once = buyer
        .completes(&opened, &fresh("key"), Some(0), visa())
        .await;
    let at_once = at_once.expect("begun");
    if at_once.get_ref().state() == v1::CheckoutState::Processing {
        assert_eq!(metadata(&at_once, "retry-after").as_deref(), Some("1"));
    }
}

#[tokio::test]
async fn an_order_is_sent_returned_and_paid_back() {
    let mut buyer = Buyer::of(3).await;
    let id = buyer.buys().await.order_id.expect("an order");
    let line = channel(&buyer.paying.shop).await;
    let mut orders = OrderServiceClient::new(line.clone());
    let mut returns = ReturnServiceClient::new(line.clone());
    let get = buyer.with_token(v1::GetOrderRequest { id: id.clone() });
    let order = orders.get(get).await.expect("shown");
    assert_eq!(metadata(&order, "etag").as_deref(), Some("\"2\""));
    let order = order.into_inner();
    assert_eq!(order.payment_state(), v1::OrderPaymentState::Captured);
    assert_eq!(order.history.len(), 2);
    assert_eq!(order.invoices.len(), 1);
    let units = |quantity| {
        vec![v1::OrderUnits {
            line_id: order.lines[0].line_id.clone(),
            quantity,
        }]
    };
    let fulfill = v1::FulfillOrderRequest {
        id: id.clone(),
        lines: units(2),
        tracking: Some(v1::Tracking {
            carrier: Some("Post".into()),
            ..v1::Tracking::default()
        }),
        expected_version: Some(2),
    };
    let sent = orders
        .fulfill(admin(fulfill.clone()))
        .await
        .expect("sent")
        .into_inner();
    assert_eq!(sent.fulfillment_state(), v1::FulfillmentState::Partial);
    assert_eq!(sent.fulfillments[0].lines, units(2));
    let too_many = orders.fulfill(admin(v1::FulfillOrderRequest {
        expected_version: None,
        ..fulfill
    }));
    let fields = refused(
        too_many.await,
        Code::FailedPrecondition,
        "exceeds_remaining",
    );
    assert_eq!((&*fields["requested"], &*fields["remaining"]), ("2", "1"));

    let back = buyer.with_token(v1::RequestReturnRequest {
        order_id: id.clone(),
        lines: units(1),
        reason: "broken".into(),
        expected_version: None,
    });
    let back = returns.request(back).await.expect("asked").into_inner();
    assert_eq!(back.state(), v1::ReturnState::Requested);
    let received = returns.receive(admin(v1::ReceiveReturnRequest {
        id: back.id.clone(),
        refund: Some(true),
        ..v1::ReceiveReturnRequest::default()
    }));
    let received = received.await.expect("received").into_inner();
    assert_eq!(received.state(), v1::ReturnState::Received);
    assert_eq!(received.received, units(1));
    let shown = returns.get(admin(v1::GetReturnRequest { id: back.id }));
    assert_eq!(
        shown.await.expect("shown").into_inner().refund_id,
        received.refund_id
    );
    let list = returns.list(admin(v1::ListReturnsRequest::default())).await;
    assert!(!list.expect("listed").into_inner().items.is_empty());

    let refund = v1::RefundOrderRequest {
        order_id: id.clone(),
        shipping_back: Some(v1::refund_order_request::ShippingBack::AllShipping(true)),
        reason: "late".into(),
        wait_seconds: Some(30),
        ..v1::RefundOrderRequest::default()
    };
    let without_key = orders.refund(admin(refund.clone())).await;
    refused(
        without_key,
        Code::InvalidArgument,
        "idempotency_key_required",
    );
    let keyed = with(admin(refund), "idempotency-key", &fresh("refund"));
    let refund = orders.refund(keyed).await.expect("paid back").into_inner();
    assert_eq!(
        (refund.amount.clone(), refund.shipping.clone()),
        (money(599), money(599))
    );
    assert_eq!(refund.state(), v1::RefundState::Succeeded);
    let again = orders.get_refund(admin(v1::GetRefundRequest {
        order_id: id.clone(),
        id: refund.id.clone(),
    }));
    assert_eq!(again.await.expect("shown").into_inner(), refund);

    let cancel = buyer.with_token(v1::CancelOrderRequest {
        id: id.clone(),
        expected_version: None,
    });
    let cancelled = orders.cancel(cancel).await.expect("cancelled").into_inner();
    assert_eq!(cancelled.lines[0].cancelled, 1);
    let list = v1::ListOrdersRequest {
        email: "ada@example.com".into(),
        from: order.created_at,
        limit: 200,
        ..v1::ListOrdersRequest::default()
    };
    let listed = orders.list(admin(list)).await.expect("listed").into_inner();
    assert!(listed.items.iter().any(|it| it.id == id));
    let foreign = orders.get(Request::new(v1::GetOrderRequest { id })).await;
    refused(foreign, Code::NotFound, "not_found");
}

#[tokio::test]
async fn documents_are_shown() {
    let mut buyer = Buyer::of(1).await;
    let id = buyer.buys().await.order_id.expect("an order");
    let line = channel(&buyer.paying.shop).await;
    let mut orders = OrderServiceClient::new(line.clone());
    let order = orders.get(admin(v1::GetOrderRequest { id: id.clone() }));
    let number = order.await.expect("shown").into_inner().invoices[0].clone();
    let mut invoices = InvoiceServiceClient::new(line);
    let get = buyer.with_token(v1::GetInvoiceRequest {
        number: number.clone(),
    });
    let invoice = invoices.get(with(get, "accept", "application/pdf")).await;
    let invoice = invoice.expect("shown").into_inner();
    assert_eq!(
        (invoice.kind(), &invoice.order_id),
        (v1::InvoiceKind::Invoice, &id)
    );
    assert_eq!(invoice.totals.expect("totals").total, money(1599));
    assert_eq!(invoice.buyer.expect("a buyer").address, Some(address()));
    let list = v1::ListInvoicesRequest {
        kind: v1::InvoiceKind::Invoice.into(),
        limit: 200,
        cursor: String::new(),
    };
    let list = invoices
        .list(admin(list))
        .await
        .expect("listed")
        .into_inner();
    assert!(list.items.iter().any(|it| it.number == number));
    let none = invoices.get(admin(v1::GetInvoiceRequest {
        number: "INV-999999".into(),
    }));
    refused(none.await, Code::NotFound, "not_found");
}

#[tokio::test]
async fn wallets_are_credited_debited_and_pay() {
    let paying = paying();
    let customer = fresh("customer");
    let mut wallets = WalletServiceClient::new(channel(&paying.shop).await);
    let book = |amount, reference: &str| v1::BookWalletRequest {
        customer_id: customer.clone(),
        amount: money(amount),
        reason: "gift".into(),
        reference: reference.into(),
        expected_version: None,
    };
    let keyed = |it: v1::BookWalletRequest| with(admin(it), "idempotency-key", &fresh("key"));
    let without = wallets.credit(admin(book(5000, "a"))).await;
    refused(without, Code::InvalidArgument, "idempotency_key_required");
    let entry = wallets
        .credit(keyed(book(5000, "a")))
        .await
        .expect("credited");
    let entry = entry.into_inner();
    assert_eq!(entry.r#type(), v1::WalletEntryType::Credit);
    assert_eq!(entry.postings.len(), 2);
    let same = wallets
        .credit(keyed(book(5000, "a")))
        .await
        .expect("the same");
    assert_eq!(same.into_inner(), entry);
    let other = wallets.credit(keyed(book(1, "a"))).await;
    refused(other, Code::FailedPrecondition, "already_exists");
    let debited = wallets.debit(keyed(book(100, "b"))).await.expect("debited");
    assert_eq!(debited.into_inner().balance, money(4900));
    let much = wallets.debit(keyed(book(5000, "c"))).await;
    refused(much, Code::FailedPrecondition, "insufficient_funds");

    let customer_id = customer.clone();
    let get = v1::GetWalletRequest { customer_id };
    let wallet = wallets.get(admin(get)).await.expect("shown").into_inner();
    let balance = &wallet.balances[0];
    assert_eq!((&*balance.currency, balance.available), ("USD", 4900));
    let list = v1::ListWalletEntriesRequest {
        customer_id: customer.clone(),
        limit: 1,
        cursor: String::new(),
    };
    let page = wallets
        .list_entries(admin(list))
        .await
        .expect("listed")
        .into_inner();
    assert_eq!((page.items.len(), page.next_cursor.is_some()), (1, true));
    let get = v1::GetWalletEntryRequest {
        customer_id: customer.clone(),
        id: entry.id.clone(),
    };
    let shown = wallets.get_entry(admin(get)).await.expect("shown");
    assert_eq!(shown.into_inner(), entry);
    let accounts = wallets.list_accounts(admin(v1::ListLedgerAccountsRequest {}));
    let accounts = accounts.await.expect("listed").into_inner().items;
    let sum: i64 = accounts
        .iter()
        .filter(|it| it.currency == "USD")
        .map(|it| it.balance)
        .sum();
    assert_eq!(sum, 0);
    let key = paying.shop.api_key(&["carts"]);
    let denied = wallets.list_accounts(with_key(v1::ListLedgerAccountsRequest {}, &key));
    let fields = refused(denied.await, Code::PermissionDenied, "forbidden");
    assert_eq!(&*fields["scope"], "wallets");
}

#[tokio::test]
async fn what_needs_attention_is_listed_and_resolved() {
    let paying = paying();
    let mut attention = AttentionServiceClient::new(channel(&paying.shop).await);
    let list = attention.list(admin(v1::ListAttentionRequest {})).await;
    let over_http = paying.shop.get("/v1/attention").admin().send().ok();
    let items = over_http["items"].as_array().expect("items").len();
    assert_eq!(list.expect("listed").into_inner().items.len(), items);
    let resolve = v1::ResolveAttentionRequest {
        id: "chk_00000000000000000000000001".into(),
        action: v1::AttentionAction::Retry.into(),
        note: "looked at it".into(),
    };
    let unknown = attention.resolve(admin(resolve.clone())).await;
    refused(unknown, Code::NotFound, "not_found");
    let wrong = attention.resolve(admin(v1::ResolveAttentionRequest {
        action: v1::AttentionAction::Unspecified.into(),
        ..resolve
    }));
    refused(wrong.await, Code::InvalidArgument, "invalid");
}

#[tokio::test]
async fn units_that_have_left_are_exchanged() {
    let mut buyer = Buyer::of(2).await;
    let order_id = buyer.buys().await.order_id.expect("an order");
    let line = channel(&buyer.paying.shop).await;
    let mut orders = OrderServiceClient::new(line.clone());
    let units = vec![v1::OrderUnits {
        line_id: "ln_1".into(),
        quantity: 1,
    }];
    let fulfill = v1::FulfillOrderRequest {
        id: order_id.clone(),
        lines: units.clone(),
        ..v1::FulfillOrderRequest::default()
    };
    orders.fulfill(admin(fulfill)).await.expect("sent");
    let other = buyer.paying.shop.stocked(10);
    let asked = v1::ExchangeOrderRequest {
        order_id: order_id.clone(),
        r#return: units.clone(),
        new: vec![v1::NewUnits {
            sku: other.sku.clone(),
            quantity: 3,
        }],
        ..v1::ExchangeOrderRequest::default()
    };
    let key = fresh("exchange");
    let unpaid = with(admin(asked.clone()), "idempotency-key", &key);
    refused(
        orders.exchange(unpaid).await,
        Code::InvalidArgument,
        "invalid",
    );
    let paid = v1::ExchangeOrderRequest {
        payment: Some(visa()),
        wait_seconds: Some(30),
        ..asked
    };
    let keyed = with(admin(paid), "idempotency-key", &fresh("exchange"));
    let exchange = orders
        .exchange(keyed)
        .await
        .expect("exchanged")
        .into_inner();
    assert_eq!(exchange.state(), v1::ExchangeState::Completed);
    assert_eq!(
        (exchange.credit.clone(), exchange.refund_due.clone()),
        (money(1000), money(0))
    );
    let new = exchange.order.clone().expect("the new order");
    assert_eq!(new.exchange_of.as_deref(), Some(&*order_id));
    assert_eq!(new.payments.len(), 2);
    assert_eq!(new.payments[1].method(), v1::PaymentMethod::Exchange);
    let back = exchange.r#return.clone().expect("the return");
    assert_eq!(back.lines, units);
    assert_eq!(back.exchange_id.as_deref(), Some(&*exchange.id));
    let shown = orders.get_exchange(admin(v1::GetExchangeRequest {
        order_id: order_id.clone(),
        id: exchange.id.clone(),
    }));
    assert_eq!(shown.await.expect("shown").into_inner(), exchange);
    let old = orders.get(admin(v1::GetOrderRequest { id: order_id }));
    let old = old.await.expect("shown").into_inner();
    assert_eq!(old.exchanges.len(), 1);
    assert_eq!(old.refunds[0].to(), v1::RefundTo::Exchange);
}
