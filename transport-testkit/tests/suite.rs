//! The suite as a program uses it: choosing tests, and reading the report.

use std::collections::BTreeSet;
use std::time::Duration;

use channel::{Domain, Endpoint, mem::Mem};
use transport_testkit::{Subject, Suite, TESTS};

struct Memory;

impl Subject for Memory {
    fn name(&self) -> &str {
        "mem"
    }

    fn add_to(&self, domain: &Domain) {
        domain.add(Mem::new());
    }

    fn endpoint(&self, broker: &str) -> Endpoint {
        Mem::endpoint(broker).unwrap()
    }
}

/// Says that it is `mem:`, and listens where nothing is served.
struct Nowhere;

impl Subject for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn add_to(&self, _: &Domain) {}

    fn endpoint(&self, _: &str) -> Endpoint {
        "nowhere://x".parse().unwrap()
    }
}

// Each test says by its name which promise it shows, and every promise of a transport has some.
#[test]
fn tests_are_named_after_their_promises() {
    let mut names = BTreeSet::new();
    let mut promises = BTreeSet::new();
    for test in TESTS {
        assert!(names.insert(test.name), "{} twice", test.name);
        let start = format!("{}_", test.promise.to_lowercase());
        assert!(test.name.starts_with(&start), "{}", test.name);
        assert!(!test.statement.is_empty());
        promises.insert(test.promise);
    }
    for promise in [
        "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "B1", "B2", "B3", "B4", "B7", "M1",
        "M2", "M3", "M4", "M5", "M6", "M7", "M9",
    ] {
        assert!(promises.contains(promise), "nothing shows {promise}");
    }
}

#[test]
fn tests_are_chosen_by_name_or_promise() {
    let report = Suite::new(Memory)
        .only(["C8"])
        .only(["c1_question_and_answer"])
        .seed(7)
        .jobs(2)
        .run();
    report.assert_passed();
    assert!(report.failures().is_empty());
    assert_eq!(report.subject(), "mem");
    let of_c8 = TESTS.iter().filter(|test| test.promise == "C8").count();
    assert_eq!(report.tests().len(), of_c8 + 1);
    let text = report.to_string();
    assert!(text.starts_with("mem: 4 of 4 tests passed in "), "{text}");
    assert!(text.ends_with("(seed 7)"), "{text}");
}

#[test]
fn what_has_nothing_to_show_is_counted_apart() {
    let report = Suite::new(Memory)
        .only(["b2_one_broker_listens_at_several_places", "B1"])
        .only(["b3_garbage_disturbs_nobody"])
        .run();
    report.assert_passed();
    let of = |name: &str| {
        let mut all = report.not_applicable().iter();
        all.find(|test| test.name() == name).map(|test| test.why())
    };
    let why = of("b2_one_broker_listens_at_several_places").unwrap();
    assert!(why.contains("found by its name"), "{why}");
    let why = of("b3_garbage_disturbs_nobody").unwrap();
    assert!(why.contains("no strangers"), "{why}");
    // This program has no allocator that counts.
    let why = of("b1_refused_listens_leave_nothing_behind").unwrap();
    assert!(why.contains("live_memory"), "{why}");
    let all = report.tests().len();
    let text = report.to_string();
    let line = format!(
        "mem: {} of {all} tests passed, 3 not applicable in ",
        all - 3
    );
    assert!(text.contains(&line), "{text}");
    let line = "b3_garbage_disturbs_nobody\n    not applicable: both ends";
    assert!(text.contains(line), "{text}");
}

#[test]
#[should_panic(expected = "no test and no promise \"C99\"")]
fn a_suite_that_tests_nothing_is_refused() {
    let _ = Suite::new(Memory).only(["C99"]);
}

#[test]
fn a_failure_says_what_was_promised_and_what_happened() {
    let report = Suite::new(Nowhere)
        .only(["c1_question_and_answer"])
        .limit(Duration::from_secs(60))
        .run();
    assert!(!report.passed() && report.blames("C1") && !report.blames("C4"));
    let [failure] = report.failures() else {
        panic!("{report}");
    };
    assert_eq!(failure.name(), "c1_question_and_answer");
    assert_eq!(failure.promise(), "C1");
    assert!(failure.message().contains("nowhere://x"), "{failure}");
    let text = report.to_string();
    let expected = "C1  c1_question_and_answer: questions and answers go back and forth\n    but: ";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("nowhere: 0 of 1 tests passed"), "{text}");
}
