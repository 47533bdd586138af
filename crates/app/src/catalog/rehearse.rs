//! What a command would come to, without doing it: the same decision on committed state.

use crate::fault::Fault;
use crate::ids::Ids;
use crate::ports::Random;
use crate::shop::{Command, Moment, Outcome, Shop};
use crate::work::{Stop, Work};
use cartwright_domain::{Refusal, Time};
use smol_str::SmolStr;
use std::sync::Arc;

/// Loads a rehearsed decision may ask for after its plan.
const MAX_ROUNDS: usize = 64;

/// Ids of a rehearsal are thrown away, so nothing need be random.
#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Decides a command on committed state and forgets what it decided. What other commands do meanwhile it does not see.
///
/// # Errors
/// [`Fault`] when the store cannot be read; [`Fault::Overloaded`] for a command that keeps asking for more.
pub async fn rehearse(
    shop: &Shop,
    command: &(dyn Command + Sync),
) -> Result<Result<Outcome, Refusal>, Fault> {
    let mut work = Work::default();
    let mut keys = Vec::new();
    command.plan(&mut keys);
    let mut ids = Ids::new(Arc::new(Zeros));
    let correlation = SmolStr::new_static("rehearsal");
    for _ in 0..MAX_ROUNDS {
        for key in keys.drain(..) {
            let value = shop.find(&key).await?;
            work.put(key, value, false);
        }
        let now = Time(shop.clock().now_ms());
        let mut moment = Moment {
            now,
            ids: &mut ids,
            correlation: &correlation,
        };
        let decided = command.decide(&work, &mut moment);
        match decided {
            Ok(decided) => {
                return Ok(Ok(Outcome {
                    record: work.value(&decided.answer).cloned(),
                    created: decided.created,
                    changed: !decided.events.is_empty(),
                    event: None,
                }));
            }
            Err(Stop::Refuse(refusal)) => return Ok(Err(refusal)),
            Err(Stop::Need(needed)) => keys = needed,
        }
    }
    Err(Fault::Overloaded)
}
