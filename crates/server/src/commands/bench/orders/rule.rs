//! The rule by which a recorded line becomes a cart line or is left out; `bench/ORDERS.md` states it in words. Every line
//! meets exactly one outcome, so nothing is dropped in silence.

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// Decimal places that a recorded price may have.
const PRICE_PLACES: usize = 6;
/// A hundredth, the smallest coin, in those places.
const CENT: i64 = 10_000;

/// One line of a file, as recorded.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "InvoiceNo")]
    pub(super) invoice: String,
    #[serde(rename = "StockCode")]
    pub(super) code: String,
    #[serde(rename = "Description")]
    pub(super) description: String,
    #[serde(rename = "Quantity")]
    pub(super) quantity: i64,
    #[serde(rename = "InvoiceDate")]
    pub(super) date: String,
    #[serde(rename = "UnitPrice")]
    pub(super) price: String,
    #[serde(rename = "CustomerID")]
    pub(super) customer: String,
    #[serde(rename = "Country")]
    pub(super) country: String,
}

/// What becomes of a recorded line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is added to the cart of its invoice.
    Sold(Sold),
    /// It is left out and counted.
    LeftOut(Reason),
}

/// A line that is added to a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sold {
    /// The article.
    pub(super) code: String,
    /// Units, at least 1.
    pub(super) units: u32,
    /// Price of one unit in pence, at least 1.
    pub(super) pence: u32,
}

/// Why a line is left out. The first that applies, in this order, is the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// The invoice begins with `C`.
    Cancellation,
    /// The invoice begins with `A`.
    BadDebt,
    /// The code is no article.
    NoSku,
    /// Fewer than no units: written off.
    NegativeQuantity,
    /// No units.
    ZeroQuantity,
    /// A price below zero.
    NegativePrice,
    /// A price of zero.
    ZeroPrice,
    /// A price that is no whole number of pence.
    SubCent,
}

impl Reason {
    /// The reason in words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Cancellation => "invoice C...: cancelled",
            Self::BadDebt => "invoice A...: bad debt",
            Self::NoSku => "code is no SKU",
            Self::NegativeQuantity => "negative quantity",
            Self::ZeroQuantity => "quantity of zero",
            Self::NegativePrice => "negative price",
            Self::ZeroPrice => "price of zero",
            Self::SubCent => "price below a penny",
        }
    }
}

/// Judges one line. Also returns its price in millionths of a pound.
///
/// # Errors
/// When a field cannot be read, or the invoice is of a kind that the rule does not know.
pub(super) fn judge(record: &Record) -> anyhow::Result<(Outcome, i64)> {
    let price = millionths(&record.price)?;
    let left_out = |reason| Ok((Outcome::LeftOut(reason), price));
    match record.invoice.as_bytes() {
        [b'C', ..] => return left_out(Reason::Cancellation),
        [b'A', ..] => return left_out(Reason::BadDebt),
        digits if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {}
        _ => bail!(
            "invoice {:?} is of no kind that the rule knows",
            record.invoice
        ),
    }
    let code = article(&record.code);
    if !is_sku(&code) {
        return left_out(Reason::NoSku);
    }
    match record.quantity {
        ..0 => return left_out(Reason::NegativeQuantity),
        0 => return left_out(Reason::ZeroQuantity),
        1.. => {}
    }
    match price {
        ..0 => return left_out(Reason::NegativePrice),
        0 => return left_out(Reason::ZeroPrice),
        1.. if price % CENT != 0 => return left_out(Reason::SubCent),
        1.. => {}
    }
    let sold = Sold {
        code,
        units: u32::try_from(record.quantity).context("a quantity above 2^32")?,
        pence: u32::try_from(price / CENT).context("a price above 2^32 pence")?,
    };
    Ok((Outcome::Sold(sold), price))
}

/// The article that a code means: without blanks around it and in capitals, since the record writes both `85123a` and `85123A`.
pub(super) fn article(code: &str) -> String {
    code.trim().to_ascii_uppercase()
}

/// Articles have codes of five digits and at most two letters, or begin with `DCGS`, or are the cushion pads.
fn is_sku(code: &str) -> bool {
    let bytes = code.as_bytes();
    let numbered = (5..=7).contains(&bytes.len())
        && bytes[..5].iter().all(u8::is_ascii_digit)
        && bytes[5..].iter().all(u8::is_ascii_uppercase);
    numbered
        || code == "PADS"
        || (code.starts_with("DCGS") && bytes.iter().all(u8::is_ascii_alphanumeric))
}

/// A decimal text as a whole number of millionths.
///
/// # Errors
/// When it is no decimal number, has more than six places, or is too large.
fn millionths(text: &str) -> anyhow::Result<i64> {
    let unreadable = || format!("{text:?} is no price");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, ""));
    let readable = !whole.is_empty()
        && places.len() <= PRICE_PLACES
        && whole
            .bytes()
            .chain(places.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !readable {
        bail!(unreadable());
    }
    let number: i64 = format!("{whole}{places:0<PRICE_PLACES$}")
        .parse()
        .with_context(unreadable)?;
    Ok(sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(invoice: &str, code: &str, quantity: i64, price: &str, outcome: &Outcome) {
        let record = Record {
            invoice: invoice.to_owned(),
            code: code.to_owned(),
            description: "anything".to_owned(),
            quantity,
            date: "2011-01-16 10:42:00".to_owned(),
            price: price.to_owned(),
            customer: String::new(),
            country: "United Kingdom".to_owned(),
        };
        assert_eq!(&judge(&record).unwrap().0, outcome, "{record:?}");
    }

    #[test]
    fn goods_at_a_whole_number_of_pence_are_sold() {
        let rows = [
            ("85123A", 6, "2.55", "85123A", 255),
            ("85123a", 6, "2.5", "85123A", 250),
            ("15056BL", 1, "5.950", "15056BL", 595),
            ("21115", 80_995, "0.01", "21115", 1),
            ("DCGSSGIRL", 3, "12", "DCGSSGIRL", 1200),
        ];
        for (code, quantity, price, article, pence) in rows {
            let sold = Sold {
                code: article.to_owned(),
                units: u32::try_from(quantity).unwrap(),
                pence,
            };
            check("536365", code, quantity, price, &Outcome::Sold(sold));
        }
    }

    #[test]
    fn everything_else_is_left_out_for_the_first_reason_that_applies() {
        let rows = [
            ("C536379", "D", -1, "27.5", Reason::Cancellation),
            ("C536379", "85123A", 1, "0.0", Reason::Cancellation),
            ("A563186", "B", 1, "-11062.06", Reason::BadDebt),
            ("536365", "POST", 3, "18.0", Reason::NoSku),
            ("536365", "BANK CHARGES", 1, "0.001", Reason::NoSku),
            ("536365", "gift_0001_20", 1, "16.67", Reason::NoSku),
            ("536365", "C2", 1, "50.0", Reason::NoSku),
            ("536365", "85123A", -4, "0.0", Reason::NegativeQuantity),
            ("536365", "85123A", 0, "1.0", Reason::ZeroQuantity),
            ("536365", "85123A", 1, "-0.01", Reason::NegativePrice),
            ("536365", "85123A", 1, "0.0", Reason::ZeroPrice),
            ("536365", "PADS", 1, "0.001", Reason::SubCent),
            ("536365", "85123A", 1, "2.555", Reason::SubCent),
        ];
        for (invoice, code, quantity, price, reason) in rows {
            check(invoice, code, quantity, price, &Outcome::LeftOut(reason));
        }
    }

    #[test]
    fn prices_are_read_as_decimal_text() {
        let rows = [
            ("2.55", 2_550_000),
            ("0.001", 1_000),
            ("-11062.06", -11_062_060_000),
            ("3", 3_000_000),
        ];
        for (text, price) in rows {
            assert_eq!(millionths(text).unwrap(), price);
        }
        for text in ["", "1e3", ".5", "1.0000001", "1,5", "--1", "NaN"] {
            assert!(millionths(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_kind_of_invoice_stops_the_replay() {
        let record = Record {
            invoice: "X1".to_owned(),
            code: "85123A".to_owned(),
            description: String::new(),
            quantity: 1,
            date: String::new(),
            price: "1.0".to_owned(),
            customer: String::new(),
            country: String::new(),
        };
        assert!(judge(&record).unwrap_err().to_string().contains("\"X1\""));
    }
}
