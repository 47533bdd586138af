//! A mail server with what every letter of this shop says of itself.

use crate::ports::mailer::{Mail, MailError, Mailer};
use std::sync::Arc;

/// Takes letters that somebody asks for at once, beside those that follow from the log.
#[derive(Debug, Clone)]
pub struct Postbox {
    mailer: Arc<dyn Mailer>,
    seller: String,
    domain: String,
}

impl Postbox {
    /// Sends by `mailer`, as `seller`; `domain` is that of the sender's address.
    pub fn new(mailer: Arc<dyn Mailer>, seller: String, domain: String) -> Self {
        Self {
            mailer,
            seller,
            domain,
        }
    }

    /// What the shop is called.
    pub fn seller(&self) -> &str {
        &self.seller
    }

    /// Hands a letter over; `id` is the same for the same letter. Waits on a thread of its own.
    ///
    /// # Errors
    /// What the mail server said.
    pub async fn send(
        &self,
        id: &str,
        to: String,
        subject: String,
        text: String,
    ) -> Result<(), MailError> {
        let mail = Mail {
            message_id: format!("<{id}@{}>", self.domain),
            to,
            subject,
            text,
        };
        let mailer = self.mailer.clone();
        let sent = tokio::task::spawn_blocking(move || mailer.send(&mail)).await;
        sent.unwrap_or_else(|error| Err(MailError::Unavailable(error.to_string())))
    }
}
