//! A test that hangs goes on holding things: those that count what is held do not judge beside it. One
//! test function: what hangs is the whole process's.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Domain, Endpoint, mem::Mem};
use transport_testkit::{Report, Subject, Suite};

/// Whether it may go on.
type Gate = Arc<(Mutex<bool>, Condvar)>;

struct Memory(Gate);

impl Subject for Memory {
    fn name(&self) -> &str {
        "mem"
    }

    fn add_to(&self, _: &Domain) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }
}

fn gate(open: bool) -> Gate {
    Arc::new((Mutex::new(open), Condvar::new()))
}

fn leaks() -> Report {
    let suite = Suite::new(Memory(gate(true)));
    suite
        .only(["b1_refused_listens_leave_nothing_behind"])
        .run()
}

fn why(report: &Report) -> &str {
    let [test] = report.not_applicable() else {
        panic!("memory is not counted here: {report}");
    };
    test.why()
}

#[test]
fn nothing_is_judged_beside_what_hangs() {
    let judged = leaks();
    judged.assert_passed();
    assert!(!why(&judged).contains("not judged"), "{judged}");

    let gate = gate(false);
    let suite = Suite::new(Memory(gate.clone())).limit(Duration::from_millis(50));
    let report = suite.only(["c1_question_and_answer"]).run();
    assert!(report.failures()[0].message().contains("hangs"), "{report}");
    let report = leaks();
    report.assert_passed();
    assert!(why(&report).contains("not judged: 1 test"), "{report}");
    assert!(why(&report).contains("hang"), "{report}");

    // When it is over after all, they judge again.
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let start = Instant::now();
    while why(&leaks()).contains("not judged") {
        assert!(start.elapsed() < Duration::from_secs(60), "it is over");
        thread::sleep(Duration::from_millis(1));
    }
}
