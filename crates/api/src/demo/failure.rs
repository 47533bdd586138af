//! Failures in the words of those shops: what they were doing, then why it failed.

use crate::grpc::status::{of_problem, of_problem_as};
use crate::problem::Problem;
use tonic::{Code, Status};

/// A problem, and the status that those shops' clients know it by.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What is wrong; `detail` says it in their words.
    pub problem: Problem,
    /// Instead of the problem's own status.
    code: Option<Code>,
}

impl Failure {
    /// A failure that they know: `INTERNAL`, whatever the reason.
    pub(super) fn known(doing: &str, problem: Problem) -> Self {
        Self {
            code: Some(Code::Internal),
            ..Self::other(doing, problem)
        }
    }

    /// One that they do not: its status is its own.
    pub(super) fn other(doing: &str, problem: Problem) -> Self {
        let detail = format!("{doing}: {}", problem.detail);
        Self {
            problem: Problem { detail, ..problem },
            code: None,
        }
    }

    /// The same with another status.
    pub(super) fn with_code(self, code: Code) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Their checkout tells what their payment service said.
    pub(super) fn of_card(problem: Problem, code: Code) -> Self {
        let name = match code {
            Code::InvalidArgument => "InvalidArgument",
            Code::Unavailable => "Unavailable",
            _ => "Unknown",
        };
        let doing = format!(
            "failed to charge card: could not charge the card: rpc error: code = {name} desc"
        );
        let detail = format!("{doing} = {}", problem.detail);
        Self {
            problem: Problem { detail, ..problem },
            code: Some(Code::Internal),
        }
    }

    /// For gRPC.
    pub fn status(&self) -> Status {
        match self.code {
            Some(code) => of_problem_as(&self.problem, code),
            None => of_problem(&self.problem),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            code: None,
        }
    }
}
