//! What can come of one test.

use std::panic::resume_unwind;

use super::support::message;

/// Why a test did not pass.
pub(super) enum Outcome {
    /// What happened.
    Failed(String),
    /// Why it has nothing to show.
    NotApplicable(String),
}

/// What a test unwinds with that has nothing to show.
struct NothingToShow(String);

/// Ends the test: it has nothing to show here, and does not count as passed.
pub(crate) fn not_applicable(why: impl Into<String>) -> ! {
    // Not `panic!`: nothing is to be printed.
    resume_unwind(Box::new(NothingToShow(why.into())))
}

impl Outcome {
    pub(super) fn of(panic: Box<dyn std::any::Any + Send>) -> Outcome {
        match panic.downcast::<NothingToShow>() {
            Ok(nothing) => Outcome::NotApplicable(nothing.0),
            Err(panic) => Outcome::Failed(message(&*panic)),
        }
    }
}

impl From<String> for Outcome {
    fn from(failure: String) -> Outcome {
        Outcome::Failed(failure)
    }
}
