// Copies of `proto/events/v1` as they were released last; replaced with each release, never otherwise.
&[
    ("api_key", include_str!("api_key.proto")),
    ("cart", include_str!("cart.proto")),
    ("catalog", include_str!("catalog.proto")),
    ("checkout", include_str!("checkout.proto")),
    ("common", include_str!("common.proto")),
    ("dead_letter", include_str!("dead_letter.proto")),
    ("inventory", include_str!("inventory.proto")),
    ("location", include_str!("location.proto")),
    ("log", include_str!("log.proto")),
    ("order", include_str!("order.proto")),
    ("payment", include_str!("payment.proto")),
    ("wallet", include_str!("wallet.proto")),
    ("webhook_endpoint", include_str!("webhook_endpoint.proto")),
]
