//! What an answer must show to be believed: the payment that was asked about, in the state that was asked for.

use super::endpoint::unreadable;
use cartwright_app::ports::payment::{Authorize, GatewayError, GatewayPayment, PaymentState};

/// The payment that was to be held; `voided` is the provider's word for one that never can be again.
pub(super) fn held(
    payment: GatewayPayment,
    request: &Authorize,
    voided: &'static str,
) -> Result<GatewayPayment, GatewayError> {
    if payment.reference != request.reference || payment.amount != request.amount {
        return Err(unreadable("another reference or amount than was asked"));
    }
    match payment.state {
        PaymentState::Authorized | PaymentState::Captured => Ok(payment),
        PaymentState::Voided => Err(GatewayError::Refused {
            code: voided.into(),
            state: Some(PaymentState::Voided),
        }),
        PaymentState::Declined => Err(GatewayError::Declined {
            code: payment.decline_code.unwrap_or_else(|| "declined".into()),
        }),
    }
}

/// The payment of which all was to be taken.
pub(super) fn taken(payment: GatewayPayment) -> Result<GatewayPayment, GatewayError> {
    if payment.state != PaymentState::Captured || payment.captured != payment.amount {
        return Err(unreadable("a capture that did not take all"));
    }
    Ok(payment)
}

/// The payment that was to be released.
pub(super) fn released(payment: GatewayPayment) -> Result<GatewayPayment, GatewayError> {
    if payment.state != PaymentState::Voided {
        return Err(unreadable("a void that left the payment as it is"));
    }
    Ok(payment)
}
