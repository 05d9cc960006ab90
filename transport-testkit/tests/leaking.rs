//! Broken transports that leak, and the promise that is blamed for it: apart from those in
//! `tests/broken`, whose tests hang and so hold things for good.
#![cfg(unix)]
// Of what is broken there, little is broken here.
#![allow(dead_code)]

#[path = "broken/control.rs"]
mod control;
#[path = "broken/end.rs"]
mod end;
#[path = "broken/flaw.rs"]
mod flaw;
#[path = "broken/sink.rs"]
mod sink;
#[path = "broken/source.rs"]
mod source;
#[path = "broken/subjects.rs"]
mod subjects;
#[path = "broken/transport.rs"]
mod transport;
#[path = "../../channel/tests/third_party/unix.rs"]
mod unix;

use flaw::Flaw;
use subjects::{LIMIT, Memory, must_blame};
use transport_testkit::Suite;

#[test]
fn a_leaked_descriptor() {
    let suite = Suite::new(Memory(Flaw::LeaksADescriptor));
    let only = ["c7_channels_leave_nothing_behind"];
    must_blame("C7", &suite.only(only).limit(LIMIT).run());
}
