//! Invoices and credit notes, as JSON and as PDF.

use serde_json::json;

use crate::support::{check, paying, text, units, usd};

#[test]
fn an_invoice_says_who_sold_what_to_whom() {
    let paying = paying();
    let bought = paying.order(&[2]);
    let order = bought.read();
    let number = text(&order["invoices"][0]);
    let path = format!("/v1/invoices/{number}");
    let invoice = paying.shop.get(&path).token(&bought.cart.token).send().ok();
    check(
        &invoice,
        json!({"number": number, "kind": "invoice", "order_id": bought.id, "order_number": order["number"],
               "seller": {"name": "Cartwright"}, "buyer": {"email": "ada@example.com", "address": {"name": "Ada Lovelace"}},
               "lines": [{"line_id": "ln_1", "quantity": 2, "unit_price": usd(1000), "total": usd(2000)}],
               "totals": order["totals"], "issued_at": order["history"][1]["at"]}),
    );
    assert!(invoice.get("corrects").is_none());
    let pdf = paying
        .shop
        .get(&path)
        .admin()
        .header("Accept", "application/pdf")
        .send()
        .is(200);
    assert_eq!(pdf.header("content-type"), Some("application/pdf"));
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.body.trim_ascii_end().ends_with(b"%%EOF"));
    let said = pdf.text();
    for word in [
        number.as_str(),
        "Ada Lovelace",
        "10.00",
        "25.99 USD",
        "SW1Y 4JH London",
    ] {
        assert!(said.contains(word), "{word} is not in the PDF");
    }
    // What is refused of it says so in JSON, and other media are none of it.
    let text = paying
        .shop
        .get(&path)
        .admin()
        .header("Accept", "text/html")
        .send();
    text.refused(406, "not_acceptable");
    let other = paying.order(&[1]);
    for answer in [
        paying.shop.get(&path).send(),
        paying.shop.get(&path).token(&other.cart.token).send(),
        paying.shop.get("/v1/invoices/INV-999999").admin().send(),
        paying.shop.get("/v1/invoices/INV-1").admin().send(),
    ] {
        answer.refused(404, "not_found");
    }
    paying
        .shop
        .get("/v1/invoices")
        .send()
        .refused(401, "unauthenticated");
}

#[test]
fn a_credit_note_corrects_its_invoice() {
    let paying = paying();
    let bought = paying.order(&[2]);
    let body =
        json!({"lines": units(&[("ln_1", 1)]), "shipping": usd(99), "reason": "Kratzer – “tief”"});
    let refund = bought.refund(body).is(201).json();
    let path = format!("/v1/invoices/{}", text(&refund["credit_note"]));
    let note = paying.shop.get(&path).admin().send().ok();
    check(
        &note,
        json!({"kind": "credit_note", "corrects": bought.read()["invoices"][0], "reason": "Kratzer – “tief”",
               "refund_state": "succeeded", "lines": [{"quantity": 1, "total": usd(1000)}],
               "totals": {"subtotal": usd(1000), "shipping": usd(99), "total": usd(1099)}}),
    );
    let pdf = paying
        .shop
        .get(&path)
        .admin()
        .header("Accept", "application/pdf, application/json;q=0.5");
    assert!(pdf.send().is(200).text().contains("Credit note"));
    let listed = paying
        .shop
        .get("/v1/invoices?kind=credit_note&limit=200")
        .admin()
        .send()
        .ok();
    let numbers = listed["items"].as_array().expect("items");
    assert!(numbers.iter().all(|it| it["kind"] == "credit_note"));
    assert!(numbers.contains(&note));
    let odd = paying.shop.get("/v1/invoices?kind=x").admin().send();
    odd.invalid("kind");
}
