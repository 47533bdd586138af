//! Mail by SMTP: `smtp://host:port`, `smtps://user:password@host:465`, `smtp://host:587?tls=required`.

use cartwright_app::ports::mailer::{Mail, MailError, Mailer};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::{Message, SmtpTransport, Transport};
use std::time::Duration;

/// How long the server may take for one step.
const WITHIN: Duration = Duration::from_secs(20);

/// A mail server.
pub struct SmtpMailer {
    transport: SmtpTransport,
    from: Mailbox,
}

impl std::fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmtpMailer(from {})", self.from)
    }
}

/// Why a mail server cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailSettingError {
    /// The address of the server.
    #[error(
        "`smtp` is no mail server: write smtp://HOST:PORT, smtps://HOST or smtp://USER:PASSWORD@HOST:587?tls=required ({0})"
    )]
    Url(String),
    /// The sender.
    #[error(
        "`mail_from` must be a mailbox like shop@example.com or \"My Shop <shop@example.com>\""
    )]
    From,
}

impl SmtpMailer {
    /// The server of `url`, letters from `from`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`MailSettingError`], a sentence that says what to change.
    pub fn new(url: &str, from: &str) -> Result<Self, MailSettingError> {
        let from: Mailbox = from.parse().map_err(|_| MailSettingError::From)?;
        let transport = SmtpTransport::from_url(url)
            .map_err(|error| MailSettingError::Url(error.to_string()))?
            .timeout(Some(WITHIN))
            .build();
        Ok(Self { transport, from })
    }

    /// The domain of the sender's address.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }
}

impl Mailer for SmtpMailer {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let refused = |error: &dyn std::fmt::Display| MailError::Refused(error.to_string());
        let to: Mailbox = mail.to.parse().map_err(|error| refused(&error))?;
        let name = HeaderName::new_from_ascii_str("Correlation-Id");
        let mut message = Message::builder().message_id(Some(mail.message_id.clone()));
        if !mail.correlation.is_empty() {
            message = message.raw_header(HeaderValue::new(name, mail.correlation.clone()));
        }
        let message = message
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| refused(&error))?;
        match self.transport.send(&message) {
            Ok(_) => Ok(()),
            // What the server says may name the buyer, and a cause is kept.
            Err(error) if error.is_permanent() => Err(MailError::Refused(match error.status() {
                Some(code) => format!("the mail server answers {code}"),
                None => "the mail server refuses it".to_owned(),
            })),
            Err(error) => Err(MailError::Unavailable(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_setting() {
        assert!(SmtpMailer::new("smtp://127.0.0.1:25", "Shop <shop@example.com>").is_ok());
        assert_eq!(
            SmtpMailer::new("smtp://127.0.0.1:25", "nobody").err(),
            Some(MailSettingError::From)
        );
        let wrong = SmtpMailer::new("127.0.0.1:25", "shop@example.com").err();
        assert!(matches!(wrong, Some(MailSettingError::Url(_))), "{wrong:?}");
    }
}
