//! The exhaustive test: a fault at the first call, then at the second, and so on, until a run is
//! through before its fault could fire.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::plan::Plan;
use super::strike::{Strike, Trigger};
use crate::Leaks;

/// How many runs in a row must have been without a fault: threads meet in another order each time, so
/// one run may have a few calls more than another.
const QUIET_RUNS: u64 = 3;

/// How long what a run has left may take to go away, before the run is made once more.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The limits of [`kth_fault`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long one run may take before it counts as hanging.
    pub run: Duration,
    /// How long what a run has left may take to go away.
    pub settle: Duration,
    /// So many runs at most: a scenario that goes on calling for ever has no last call.
    pub runs: u64,
    /// What happens at the call that is hit.
    pub strike: Strike,
    /// How what is held is counted. Replace it to count live memory too, if the test program has an
    /// allocator that counts: `limits.leaks = || Leaks::with_memory(live, 2048)`. What a run fetches
    /// and gives back in the background needs no slack: it is waited for.
    pub leaks: fn() -> Leaks,
}

impl Default for Limits {
    /// A minute for a run, half a minute to settle, ten thousand runs, cuts.
    fn default() -> Limits {
        Limits {
            run: Duration::from_secs(60),
            settle: Duration::from_secs(30),
            runs: 10_000,
            strike: Strike::Cut,
            leaks: Leaks::snapshot,
        }
    }
}

impl Limits {
    /// The same with another strike.
    #[must_use]
    pub fn strike(mut self, strike: Strike) -> Limits {
        self.strike = strike;
        self
    }
}

/// One run of a scenario.
#[derive(Debug)]
pub struct Run {
    trigger: Arc<Trigger>,
}

impl Run {
    /// The plan for every injector of this run: they count their calls together, and one of these
    /// calls is hit. More faults can be added.
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::new(0);
        plan.trigger = Some(self.trigger.clone());
        plan
    }

    /// Which call was hit, if it came so far.
    pub fn hit(&self) -> Option<&str> {
        self.trigger.hit()
    }
}

/// What [`kth_fault`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Runs in which a fault fired.
    pub faults: u64,
    /// Those of them that ended with an error.
    pub failed: u64,
    /// Those that got through all the same: the fault came when nothing was left to be lost.
    pub survived: u64,
}

impl Summary {
    #[track_caller]
    fn expect_some(self) -> Summary {
        assert!(
            self.faults > 0,
            "a run in which nothing fired is a failure: no I/O call of the scenario went through an \
             injector with `Run::plan`. Does it make its `Fault` with `run.plan()`, add it to the \
             domain, and listen and connect at `fault+`?"
        );
        self
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} faults: {} ended with an error, {} were survived",
            self.faults, self.failed, self.survived
        )
    }
}

/// Runs a scenario with a fault at its first I/O call, then with one at its second, and so on,
/// until three runs in a row are through in which none fired.
///
/// The scenario makes everything anew in each run, with [`Run::plan`] for its injectors. It is
/// `Ok` if all was as without faults, and `Err` if a side got an error that is right for a lost
/// peer; what is wrong (a short answer taken for a whole one, an error that means something else)
/// is for it to panic about. No run may hang or leave anything behind, and without a fault it must
/// be `Ok`.
///
/// The process's descriptors and threads are counted, and its live memory if [`Limits::leaks`] says
/// how: other tests must not run beside it.
///
/// ```
/// use channel::Domain;
/// use transport_testkit::fault::{Fault, Limits, kth_fault};
///
/// let summary = kth_fault(&Limits::default(), |run| {
///     let domain = Domain::new();
///     domain.add(Fault::new(channel::mem::Mem::new(), run.plan()));
///     let broker = domain.broker("b").unwrap();
///     broker.listen(&"fault+mem://b".parse().unwrap()).unwrap();
///     let accepting = broker.acceptor(1);
///     // ... both sides; here only the one that connects.
///     broker
///         .connect_at(&"fault+mem://b".parse().unwrap(), 1, Some(std::time::Duration::ZERO))
///         .map(drop)
///         .or_else(|error| match error {
///             channel::ConnectError::TimedOut { .. } => Ok(()),
///             channel::ConnectError::Dial { .. } => Err(error.to_string()),
///             wrong => panic!("{wrong}"),
///         })?;
///     drop(accepting);
///     Ok(())
/// });
/// println!("{summary}");
/// assert!(summary.failed > 0);
/// ```
///
/// # Panics
/// If a run hangs, leaks, panics, or fails without a fault: the message says which call was hit. If no
/// fault fired in any run: then nothing was shown. If the strike's error is none of a carrier that
/// fails (see [`Strike::Error`]).
#[track_caller]
pub fn kth_fault(
    limits: &Limits,
    scenario: impl Fn(&Run) -> Result<(), String> + Send + Sync + 'static,
) -> Summary {
    limits.strike.check();
    let scenario: Arc<Scenario> = Arc::new(scenario);
    // Without a fault, and before anything is counted: most of what is made once is made here.
    async_io::block_on(async_io::Timer::after(Duration::from_micros(1)));
    channel::transport::background::run(async {});
    let (whole, _) = one_run(limits, 0, &scenario);
    whole.unwrap_or_else(|error| panic!("without a fault the scenario failed: {error}"));
    let mut summary = Summary {
        faults: 0,
        failed: 0,
        survived: 0,
    };
    let mut quiet = 0;
    for k in 1..=limits.runs {
        // What a fault makes for the first time and is kept on purpose (a thread for timers, say) is
        // there when the same is run again; what leaks does so again.
        let (result, hit) = counted_run(limits, k, &scenario, limits.settle.min(FIRST_LOOK))
            .or_else(|_| counted_run(limits, k, &scenario, limits.settle))
            .unwrap_or_else(|left| panic!("{left}"));
        match (hit, result) {
            (None, Ok(())) => {
                quiet += 1;
                if quiet == QUIET_RUNS {
                    return summary.expect_some();
                }
                continue;
            }
            (None, Err(error)) => {
                panic!("without a fault (of {k} calls) the scenario failed: {error}")
            }
            (Some(_), Ok(())) => summary.survived += 1,
            (Some(_), Err(_)) => summary.failed += 1,
        }
        summary.faults += 1;
        quiet = 0;
    }
    panic!(
        "{} runs, and still a fault fired in each: raise `Limits::runs`, or let the scenario end",
        limits.runs
    );
}

fn place(k: u64, hit: Option<&str>) -> String {
    match hit {
        None => format!("in the run without a fault (no call {k} came)"),
        Some(hit) => format!("with a fault at call {k} ({hit})"),
    }
}

type Scenario = dyn Fn(&Run) -> Result<(), String> + Send + Sync;

/// One run, or what it has left behind.
fn counted_run(
    limits: &Limits,
    k: u64,
    scenario: &Arc<Scenario>,
    settle: Duration,
) -> Result<Ended, String> {
    let before = (limits.leaks)();
    let (result, hit) = one_run(limits, k, scenario);
    match before.check_within(settle) {
        Ok(()) => Ok((result, hit)),
        Err(left) => Err(format!("{}: {left}", place(k, hit.as_deref()))),
    }
}

/// What came out, and which call was hit.
type Ended = (Result<(), String>, Option<String>);

/// On a thread of its own, so that a hang is found.
fn one_run(limits: &Limits, k: u64, scenario: &Arc<Scenario>) -> Ended {
    let trigger = Arc::new(Trigger::new(k, limits.strike));
    let run = Run {
        trigger: trigger.clone(),
    };
    let scenario = scenario.clone();
    let (done, is_done) = mpsc::channel::<()>();
    let thread = thread::Builder::new()
        .name(format!("call {k}"))
        .spawn(move || {
            // Dropped at the end, and when the scenario panics.
            let _done = done;
            scenario(&run)
        })
        .expect("a thread for the run");
    if let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(limits.run) {
        panic!(
            "{}: hangs, no end after {:?} and {} calls",
            place(k, trigger.hit()),
            limits.run,
            trigger.calls()
        );
    }
    let result = thread.join().unwrap_or_else(|panic| {
        eprintln!("{}: panics", place(k, trigger.hit()));
        resume_unwind(panic)
    });
    (result, trigger.hit().map(str::to_owned))
}
