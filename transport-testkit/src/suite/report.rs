//! What came of a run.

use std::fmt;
use std::time::Duration;

use super::Test;

/// What came of a run of the suite. `Display` lists each failure with the test's name, the promise
/// of the SPEC that was broken, and what happened.
#[derive(Debug)]
#[must_use]
pub struct Report {
    pub(super) subject: String,
    pub(super) tests: Vec<&'static Test>,
    pub(super) failures: Vec<Failure>,
    pub(super) took: Duration,
    pub(super) seed: u64,
}

/// A test that the transport failed.
#[derive(Debug)]
pub struct Failure {
    pub(super) test: &'static Test,
    pub(super) message: String,
}

impl Failure {
    /// The test's name.
    pub fn name(&self) -> &'static str {
        self.test.name
    }

    /// The promise of the SPEC that is broken, such as `"C4"`.
    pub fn promise(&self) -> &'static str {
        self.test.promise
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Test {
            name,
            promise,
            statement,
            ..
        } = self.test;
        writeln!(f, "{promise}  {name}: {statement}")?;
        write!(f, "    but: {}", self.message.replace('\n', "\n    "))
    }
}

impl Report {
    /// The transport's name.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What failed, in the order of the suite.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The tests that were run.
    pub fn tests(&self) -> &[&'static Test] {
        &self.tests
    }

    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether a test of this promise failed.
    pub fn blames(&self, promise: &str) -> bool {
        self.failures.iter().any(|f| f.promise() == promise)
    }

    /// How long the run took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// # Panics
    /// With the whole report, if anything failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.passed(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        write!(
            f,
            "{}: {} of {} tests passed in {:.1?} (seed {})",
            self.subject,
            self.tests.len() - self.failures.len(),
            self.tests.len(),
            self.took,
            self.seed
        )
    }
}
