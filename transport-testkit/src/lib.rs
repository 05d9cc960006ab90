#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod across;
mod conformance;
mod crossing;
pub mod fault;
mod law;
mod leaks;
mod list;
mod names;
pub mod process;
mod seed;
mod subject;
mod suite;

pub use crossing::Crossing;
pub use leaks::Leaks;
pub use seed::SEED;
pub use subject::Subject;
#[doc(hidden)]
pub use suite::run_test;
pub use suite::{ACROSS, DEFAULT_LIMIT, Failure, NotApplicable, Report, Suite, TESTS, Test};
