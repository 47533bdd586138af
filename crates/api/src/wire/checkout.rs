//! Checkouts as clients write and read them.

mod address;
mod complete;
mod progress;
mod reply;
mod request;

pub use address::Address;
pub use complete::{CompleteCheckout, PayMethod, Payment as PayWith, PaymentPart};
pub use progress::{Failure, Payment, detail};
pub use reply::{Checkout, Person, Rendered, Totals, person, render};
pub use request::{OpenCheckout, UpdateCheckout};
