#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod conformance;
pub mod fault;
mod law;
mod leaks;
mod list;
mod seed;
mod subject;
mod suite;

pub use leaks::Leaks;
pub use seed::SEED;
pub use subject::Subject;
#[doc(hidden)]
pub use suite::run_test;
pub use suite::{DEFAULT_LIMIT, Failure, NotApplicable, Report, Suite, TESTS, Test};
