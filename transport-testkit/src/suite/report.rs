//! What came of a run.

use std::fmt;
use std::time::Duration;

use super::Test;
use crate::fault::Fired;

/// What came of a run of the suite. `Display` lists each failure with the test's name, the promise
/// of the SPEC that was broken, and what happened; and each test that had nothing to show, and why.
#[derive(Debug)]
#[must_use]
pub struct Report {
    pub(super) subject: String,
    pub(super) tests: Vec<&'static Test>,
    pub(super) failures: Vec<Failure>,
    pub(super) not_applicable: Vec<NotApplicable>,
    pub(super) fired: Option<Fired>,
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

/// A test that had nothing to show about the transport, or could not judge it: it neither passed nor
/// failed.
#[derive(Debug)]
pub struct NotApplicable {
    pub(super) test: &'static Test,
    pub(super) why: String,
}

impl NotApplicable {
    /// The test's name.
    pub fn name(&self) -> &'static str {
        self.test.name
    }

    /// The promise of the SPEC that was not shown by it, such as `"B3"`.
    pub fn promise(&self) -> &'static str {
        self.test.promise
    }

    /// Why.
    pub fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.test.promise, self.test.name)?;
        write!(f, "    not applicable: {}", self.why)
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

    /// What had nothing to show, in the order of the suite.
    pub fn not_applicable(&self) -> &[NotApplicable] {
        &self.not_applicable
    }

    /// The tests that were run.
    pub fn tests(&self) -> &[&'static Test] {
        &self.tests
    }

    /// Which faults fired, of a run [behind faults](super::Suite::behind_faults).
    pub fn fired(&self) -> Option<Fired> {
        self.fired
    }

    /// Whether nothing failed; and some fault fired, of a run behind faults.
    pub fn passed(&self) -> bool {
        self.failures.is_empty() && !self.has_shown_nothing()
    }

    fn has_shown_nothing(&self) -> bool {
        self.fired.is_some_and(|fired| fired.faults() == 0)
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
    /// With the whole report, if anything failed; or if no fault fired, of a run behind faults.
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
        for test in &self.not_applicable {
            writeln!(f, "{test}")?;
        }
        if self.has_shown_nothing() {
            writeln!(
                f,
                "no fault fired: a run in which nothing fired is a failure"
            )?;
        }
        let (all, none) = (self.tests.len(), self.not_applicable.len());
        let passed = all - self.failures.len() - none;
        write!(f, "{}: {passed} of {all} tests passed", self.subject)?;
        if none > 0 {
            write!(f, ", {none} not applicable")?;
        }
        write!(f, " in {:.1?} (seed {})", self.took, self.seed)?;
        match self.fired {
            Some(fired) => write!(f, "; {fired}"),
            None => Ok(()),
        }
    }
}
