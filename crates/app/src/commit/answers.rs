//! The answers of a batch, handed out beside the loop.

use crate::fault::Fault;
use crate::shop::Answer;
use tokio::sync::{mpsc, oneshot};

/// The answers of one batch, on their way.
pub(super) type Answers = Vec<(
    oneshot::Sender<Result<Answer, Fault>>,
    Result<Answer, Fault>,
)>;

/// Hands out the answers of each batch on the runtime's own threads, where waking a waiting request is cheap.
pub(super) async fn hand_out(mut answers: mpsc::UnboundedReceiver<Answers>) {
    while let Some(batch) = answers.recv().await {
        for (waiting, answer) in batch {
            // Nobody waits any more when the caller went away; the write stands all the same.
            drop(waiting.send(answer));
        }
    }
}
