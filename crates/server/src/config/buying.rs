//! The settings of carts and checkouts.

use super::key::{Key, key};
use super::kind::{Kind, whole};

const YEAR_SECONDS: i64 = 366 * 86_400;
const MANY: i64 = 1_000_000_000;

/// In the order of the reference.
pub(super) const BUYING: &[Key] = &[
    // Carts
    key(
        "currency",
        Kind::Currency,
        "USD",
        "Currency of a cart that names none.",
    ),
    key(
        "country",
        Kind::Country,
        "US",
        "Country of a cart that names none.",
    ),
    key(
        "cart_max_lines",
        whole(1, 10_000),
        "500",
        "Lines of a cart.",
    ),
    key(
        "cart_max_quantity",
        whole(1, MANY),
        "1000000000",
        "Quantity of a line.",
    ),
    key(
        "cart_max_value_minor",
        whole(1, i64::MAX),
        "1000000000000000",
        "Value of a cart in minor units.",
    ),
    key(
        "cart_max_metadata_bytes",
        whole(0, 4 << 20),
        "262144",
        "Metadata of a cart and its lines together.",
    ),
    key(
        "cart_ttl_seconds",
        whole(1, 10 * YEAR_SECONDS),
        "2592000",
        "From the last write to the expiry of a cart.",
    ),
    key(
        "drop_in_cart_ttl_seconds",
        whole(1, 10 * YEAR_SECONDS),
        "3600",
        "The same for carts of the drop-in services.",
    ),
    key(
        "cart_keep_seconds",
        whole(0, 10 * YEAR_SECONDS),
        "2592000",
        "From the expiry or merge of a cart to its removal.",
    ),
    key(
        "validate_carts",
        Kind::Flag,
        "true",
        "Whether adding to a cart checks stock (`cartInventoryValidation`).",
    ),
    key(
        "validate_drop_in_carts",
        Kind::Flag,
        "false",
        "The same for carts of the drop-in services.",
    ),
    // Checkouts
    key(
        "quote_ttl_seconds",
        whole(1, 86_400),
        "900",
        "How long a quote binds, and holds stock where that was asked for; at most to the end of its checkout.",
    ),
    key(
        "checkout_ttl_seconds",
        whole(1, YEAR_SECONDS),
        "21600",
        "From the last write to the expiry of an open checkout.",
    ),
    key(
        "shipping_rates",
        Kind::Rates,
        "standard=USD:599 EUR:499 GBP:449 CHF:700 CAD:900 AUD:900 JPY:700, \
         express=USD:1499 EUR:1299 GBP:1199 CHF:1500 CAD:1900 AUD:1900 JPY:1500",
        "What sending costs: for each option its price in minor units of some currencies. The cheapest counts where none is \
         chosen. A cart in another currency cannot be checked out.",
    ),
    key(
        "seller_name",
        Kind::Text,
        "Cartwright",
        "Who sells, as invoices say.",
    ),
    key(
        "seller_address",
        Kind::Text,
        "",
        "Where that company is, as invoices say; `|` begins a new line.",
    ),
    key(
        "seller_tax_id",
        Kind::Text,
        "",
        "Its number for taxes, as invoices say.",
    ),
    key(
        "checkout_deadline_seconds",
        whole(1, 86_400),
        "120",
        "From the beginning of an attempt to complete a checkout, how long until no order is made any more and all is undone.",
    ),
    key(
        "checkout_attempts_per_hour",
        whole(1, 100),
        "10",
        "Attempts at paying for one cart that may fail within an hour; the next is answered 429, because somebody is trying cards.",
    ),
    key(
        "give_up_seconds",
        whole(1, 7 * 86_400),
        "900",
        "How long money of an attempt may stay undecided before it is listed in `/v1/attention`. It is tried on all the same.",
    ),
    key(
        "payment",
        Kind::Text,
        "",
        "Payment providers in order of preference: `a=sim+http://HOST:PORT,b=stripe+https://HOST`. Each needs `CARTWRIGHT_PAYMENT_<NAME>_KEY`, and may \
         have `_WEBHOOK_SECRET` and `_TIMEOUT_MS` (5000). Unset with `sample`: a simulated one is started.",
    ),
    key(
        "shop_name",
        Kind::Text,
        "Cartwright",
        "What the shop is called in letters to buyers.",
    ),
    key(
        "smtp",
        Kind::Text,
        "",
        "Mail server for letters to buyers: `smtp://HOST:25`, `smtps://USER:PASSWORD@HOST`, `smtp://USER:PASSWORD@HOST:587?tls=required`. Unset: no letters.",
    ),
    key(
        "mail_from",
        Kind::Text,
        "",
        "Sender of letters, like `My Shop <shop@example.com>`; needed with `smtp`.",
    ),
];
