//! Where the killing takes place: the survivor's broker, the victims' name, and what the survivor holds.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use channel::{Broker, Channel, Endpoint};
use tempfile::TempDir;
use transport_testkit::Leaks;

use crate::Side;
use crate::support::{LIMIT, at, eventually, files, listen, mappings, runtime_directory};
use crate::victim::{PORT, Report};
use transport_testkit::process::{Process, start};

pub struct Scene {
    directory: TempDir,
    /// Outside of the runtime directory, in which nothing is to be left.
    reports: TempDir,
    pub survivor: Broker,
    pub victims: Endpoint,
    baseline: Option<Leaks>,
    about: RefCell<String>,
}

impl Scene {
    pub fn new() -> Scene {
        let directory = runtime_directory();
        Scene {
            survivor: listen(&at(directory.path(), "survivor")),
            // All of the same name: each but the first is one that starts again.
            victims: at(directory.path(), "victim"),
            reports: runtime_directory(),
            directory,
            baseline: None,
            about: RefCell::default(),
        }
    }

    /// From here on, this is what the survivor holds when nobody is there.
    pub fn take_baseline(&mut self) {
        self.baseline = Some(Leaks::snapshot());
    }

    /// What is going on, should it fail.
    pub fn about(&self, text: String) {
        self.about.replace(text);
    }

    /// A victim that does `what`; if it is to listen, it does.
    pub fn start(&self, side: Side, what: &str) -> (Process, Report) {
        let path = self.reports.path().join("report");
        let report = Report::create(&path);
        let at = match side {
            Side::Dialler => self.place(),
            Side::Listener => self.victims.clone(),
        };
        let given = format!("{side:?} {at} {} {what}", path.display());
        let mut victim = start("victim::the_victim", &given);
        if side == Side::Listener {
            assert_eq!(victim.hear(), "listening");
        }
        (victim, report)
    }

    /// Where the survivor listens.
    pub fn place(&self) -> Endpoint {
        at(self.directory.path(), "survivor")
    }

    /// The channel to it.
    pub fn meet(&self, side: Side) -> Channel {
        match side {
            Side::Dialler => self.survivor.accept_timeout(PORT, LIMIT).unwrap(),
            Side::Listener => self
                .survivor
                .connect_at(&self.victims, PORT, Some(LIMIT))
                .unwrap(),
        }
    }

    pub fn expect_nothing_left(&self) {
        let before = self.baseline.as_ref().expect("it was taken");
        before.check_within(LIMIT).unwrap();
        eventually("no memory is mapped", || mappings() == 0);
        eventually("no file of a dead process is left", || {
            files(self.directory.path()) == ["survivor.sock"]
        });
        assert!(self.survivor.channels().is_empty());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            crate::support::say(&format!("failed: {}", self.about.borrow()));
        }
    }
}

/// Kills it after a while that is as random as the rest; when that was.
pub fn kill_within(victim: &mut Process, delay: Duration) -> Instant {
    std::thread::sleep(delay);
    // Before the call: what the kernel needs to end a process counts, too.
    let at = Instant::now();
    victim.kill();
    at
}
