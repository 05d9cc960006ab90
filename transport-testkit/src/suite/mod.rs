//! Running the tests: each on a thread of its own, with a time limit, and a report at the end.

pub(crate) mod bystanders;
mod faulty;
pub(crate) mod growth;
mod hung;
pub(crate) mod outcome;
mod report;
pub(crate) mod streams;
pub(crate) mod support;
mod tests;
pub(crate) mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use channel::transport::Transport;
use parking_lot::{Mutex, RwLock};

use crate::across::Across;
use crate::fault::{Counters, Plan};
use crate::subject::Subject;
use bystanders::Bystander;
use faulty::Faulty;
use outcome::Outcome;
pub use report::{Failure, NotApplicable, Report};
pub use tests::{ACROSS, TESTS, Test};
use world::World;

use crate::seed;

/// How long a test may take before it counts as hanging: machines are slow and shared.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// Tests about what is left behind run alone: what others hold for a moment would count.
static ALONE: RwLock<()> = RwLock::new(());

/// The conformance suite, about to be run on one transport.
pub struct Suite {
    subject: Arc<dyn Subject>,
    limit: Duration,
    only: Vec<String>,
    jobs: usize,
    seed: u64,
    /// What fires, if it is run behind faults.
    faults: Option<Arc<Counters>>,
    /// The other process, if the sides are to be in two.
    across: Option<Arc<Across>>,
}

impl Suite {
    /// All tests, one after another.
    pub fn new(subject: impl Subject) -> Suite {
        Suite {
            subject: Arc::new(subject),
            limit: DEFAULT_LIMIT,
            only: Vec::new(),
            jobs: 1,
            seed: seed::from_environment(),
            faults: None,
            across: None,
        }
    }

    /// All tests, on the transport behind the fault injector, at `fault+SCHEME`: `make` makes what
    /// [`Subject::add_to`] adds, for each domain anew. Its name in reports is `fault+NAME`, tests may
    /// take twice as long, and the seed is the plan's. The run fails if no fault fired.
    ///
    /// Splits, delays and stalls break no promise, so every test must pass all the same (a cut is the
    /// loss of a peer: a plan with cuts fails the suite).
    ///
    /// ```
    /// # struct Memory;
    /// # impl transport_testkit::Subject for Memory {
    /// #     fn name(&self) -> &str { "mem" }
    /// #     fn add_to(&self, domain: &channel::Domain) { domain.add(Mem::new()) }
    /// #     fn endpoint(&self, broker: &str) -> channel::Endpoint { Mem::endpoint(broker).unwrap() }
    /// # }
    /// use channel::mem::Mem;
    /// use transport_testkit::Suite;
    /// use transport_testkit::fault::{Plan, seed};
    ///
    /// let plan = Plan::lively(seed("behind_faults"));
    /// let report = Suite::behind_faults(Memory, Mem::new, plan).only(["C8"]).run();
    /// report.assert_passed();
    /// println!("{}", report.fired().unwrap());
    /// ```
    pub fn behind_faults<T: Transport + 'static>(
        subject: impl Subject,
        make: impl Fn() -> T + Send + Sync + 'static,
        plan: Plan,
    ) -> Suite {
        let (seed, counters) = (plan.seed(), Arc::<Counters>::default());
        let suite = Suite::new(Faulty {
            name: format!("fault+{}", subject.name()),
            subject,
            make,
            plan,
            counters: counters.clone(),
            domains: AtomicU64::new(0),
        });
        Suite {
            faults: Some(counters),
            ..suite.seed(seed).limit(2 * DEFAULT_LIMIT)
        }
    }

    /// Has the side that connects in another process: `command` starts one that [serves](crate::across::serve);
    /// each test has a process of its own. [`ACROSS`] is tested as well. See the module
    /// [`across`](crate::across).
    pub fn across(mut self, command: impl Fn() -> Command + Send + Sync + 'static) -> Suite {
        self.across = Some(Arc::new(Across::new(command)));
        self
    }

    /// How long each test may take: one that takes longer has failed, and its threads are left alone.
    /// It begins when the test begins.
    pub fn limit(mut self, limit: Duration) -> Suite {
        self.limit = limit;
        self
    }

    /// Runs only these tests: names (`"c4_..."`), or promises of the SPEC (`"C4"`) with all their
    /// tests. May be called several times.
    ///
    /// # Panics
    /// If there is no such test and no such promise: a suite that tests nothing would pass.
    pub fn only<'a>(mut self, which: impl IntoIterator<Item = &'a str>) -> Suite {
        for which in which {
            let mut all = TESTS.iter().chain(ACROSS);
            let known = all.any(|t| t.name == which || t.promise == which);
            assert!(known, "the suite has no test and no promise \"{which}\"");
            self.only.push(which.to_owned());
        }
        self
    }

    /// How many tests run at the same time.
    pub fn jobs(mut self, count: usize) -> Suite {
        self.jobs = count.max(1);
        self
    }

    /// The seed of the randomised tests, to repeat a run. Without it: the environment variable
    /// [`SEED`](crate::SEED), or the clock.
    pub fn seed(mut self, seed: u64) -> Suite {
        self.seed = seed;
        self
    }

    fn selected(&self) -> Vec<&'static Test> {
        let only = |test: &Test| {
            let is = |which: &String| which == test.name || which == test.promise;
            self.only.is_empty() || self.only.iter().any(is)
        };
        let more = match self.across {
            Some(_) => ACROSS,
            None => &[],
        };
        let all = TESTS.iter().chain(more);
        all.filter(|test| only(test)).collect()
    }

    /// Runs the tests. Those about what is left behind come first: one that hangs holds something.
    pub fn run(self) -> Report {
        let _bystander = Bystander::enter();
        let tests = self.selected();
        assert!(
            !tests.is_empty(),
            "the suite has no such test in one process"
        );
        let mut order = tests.clone();
        order.sort_by_key(|test| !test.is_alone());
        let start = Instant::now();
        let next = AtomicUsize::new(0);
        let (failures, not_applicable) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(tests.len()) {
                // Relaxed: only uniqueness counts.
                scope.spawn(|| {
                    let _bystander = Bystander::enter();
                    while let Some(&test) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.run_one(test) {
                            Ok(()) => {}
                            Err(Outcome::Failed(message)) => {
                                failures.lock().push(Failure { test, message });
                            }
                            Err(Outcome::NotApplicable(why)) => {
                                not_applicable.lock().push(NotApplicable { test, why });
                            }
                        }
                    }
                });
            }
        });
        let place = |test: &Test| tests.iter().position(|t| t.name == test.name);
        let mut failures = failures.into_inner();
        failures.sort_by_key(|failure| place(failure.test));
        let mut not_applicable = not_applicable.into_inner();
        not_applicable.sort_by_key(|test| place(test.test));
        Report {
            subject: self.subject.name().to_owned(),
            tests,
            failures,
            not_applicable,
            fired: self.faults.map(|faults| faults.fired()),
            took: start.elapsed(),
            seed: self.seed,
        }
    }

    fn run_one(&self, test: &'static Test) -> Result<(), Outcome> {
        let (_alone, _beside) = match test.is_alone() {
            true => (Some(ALONE.write()), None),
            false => (None, Some(ALONE.read())),
        };
        if self.across.is_some() && test.is_alone() {
            return Err(Outcome::NotApplicable(
                "what is left behind is counted in one process: the suite in one process shows it"
                    .to_owned(),
            ));
        }
        let (subject, seed, limit) = (self.subject.clone(), self.seed, self.limit);
        let across = self.across.clone();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name(test.name.to_owned());
        let thread = thread.spawn(move || {
            support::set_limit(limit);
            let _ = tell.send(run_for_both_ends(test, &subject, seed, across));
        });
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        // The test's own waits end with its limit, and tell more: they get a little time to.
        match told.recv_timeout(limit + limit / 4) {
            Ok(result) => {
                // So that it is not found by the next test, if that counts threads.
                let _ = thread.join();
                result
            }
            Err(_) => {
                hung::leave(thread);
                Err(format!("hangs: no end after {limit:?}").into())
            }
        }
    }
}

/// Runs a test; and once more with its ends swapped if it is about a pair: the two may be quite
/// different things below.
fn run_for_both_ends(
    test: &Test,
    subject: &Arc<dyn Subject>,
    seed: u64,
    across: Option<Arc<Across>>,
) -> Result<(), Outcome> {
    for swapped in [false, true] {
        let paired = catch_unwind(AssertUnwindSafe(|| {
            let world = World::new(subject.clone(), seed, swapped, across.clone());
            (test.run)(&world);
            world.has_paired()
        }));
        let peers = support::forget_peers();
        if across.is_some() && peers == 0 && paired.is_ok() {
            return Err(Outcome::NotApplicable(
                "the other side has no part in it: the suite in one process shows it".to_owned(),
            ));
        }
        match paired.map_err(Outcome::of) {
            Ok(true) => {}
            Ok(false) => break,
            Err(Outcome::Failed(message)) if swapped => {
                return Err(format!("with the ends swapped: {message}").into());
            }
            Err(outcome) => return Err(outcome),
        }
    }
    Ok(())
}

/// Runs one test, as [`conformance!`](crate::conformance) does.
///
/// # Panics
/// If the transport fails it.
#[doc(hidden)]
pub fn run_test(subject: impl Subject, name: &str, limit: Duration) {
    let suite = Suite::new(subject).only([name]).limit(limit);
    println!("{name}: repeat with {}={}", crate::SEED, suite.seed);
    let report = suite.run();
    report.assert_passed();
    for test in report.not_applicable() {
        println!("{test}");
    }
}
