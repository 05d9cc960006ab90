//! Tests on a real USB bus: a gadget and a host on one machine, mostly in two processes. The lab's virtual machine has
//! such a bus, and runs them: `lab/test`. Anywhere else they are ignored, and none of them says that it passed.
#![cfg(all(feature = "host", feature = "gadget", target_os = "linux"))]

mod conformance;
mod goodbye;
mod hostile;
mod hotplug;
mod idle;
mod killed;
mod plain;
mod replug;
mod roles;
mod several;
mod shares;
mod support;
mod trouble;
mod unplugged;

// Not a test: what the tests' other processes run.
#[test]
#[ignore = "the other process of the bus tests: lab/test"]
fn the_other_process() {
    roles::play();
}

#[test]
fn the_bus_tests_are_run_by_the_lab_see_lab_readme() {
    match support::lab::is_here() {
        true => println!("this is the lab, at {} speed", support::cable::speed()),
        false => println!("no test of the USB bus was run here: `lab/test` runs them"),
    }
}
