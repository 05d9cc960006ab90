//! What only Linux has: events, sequenced packets, descriptors of processes.
#![cfg(any(target_os = "linux", target_os = "android"))]

mod support;

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::task::Context;

use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use support::{Counter, is_readable, poll_once, until_all_is_heard, until_readable};
use transport_reactor::Registration;

fn event() -> OwnedFd {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap()
}

fn ring(event: &OwnedFd) {
    rustix::io::write(event, &1_u64.to_ne_bytes()).unwrap();
}

// shows T2: a bell that nobody silences rings each time.
#[test]
fn each_write_of_an_event_is_news() {
    let event = event();
    let registration = Registration::inbound(&event).unwrap();
    for round in 1..=100 {
        until_all_is_heard();
        assert!(!is_readable(&registration), "round {round}");
        ring(&event);
        until_readable("an event", &registration);
    }
    let mut count = [0; 8];
    rustix::io::read(&event, &mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 100, "somebody else has read it");
}

// shows T2: whoever silences a bell by itself wakes nobody at the reactor.
#[test]
fn a_read_of_an_event_is_no_news() {
    let event = event();
    ring(&event);
    let registration = Registration::inbound(&event).unwrap();
    until_readable("an event that was there", &registration);
    let (counter, waker) = Counter::new();
    assert!(poll_once(&registration, &waker).is_pending());
    let mut cx = Context::from_waker(&waker);
    assert!(registration.poll_writable(&mut cx).poll().is_pending());
    rustix::io::read(&event, &mut [0; 8]).unwrap();
    until_all_is_heard();
    assert_eq!(counter.wakes(), 0);
}

// shows C6: a socket of packets that hangs up without one.
#[test]
fn a_hang_up_of_a_packet_socket_is_news() {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    for packets in [0, 1] {
        let (near, far) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
                .unwrap();
        let registration = Registration::inbound(&near).unwrap();
        for _ in 0..packets {
            rustix::io::write(&far, b"packet").unwrap();
            until_readable("a packet", &registration);
        }
        // It is not read: the hang-up is news all the same.
        until_all_is_heard();
        assert!(!is_readable(&registration));
        drop(far);
        until_readable("the hang-up", &registration);
    }
}

// shows T2, C6: a process that dies is told of, whether it was waited for before or not.
#[test]
fn a_process_that_dies_is_news() {
    let mut process = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let id = Pid::from_child(&process);
    let alive = pidfd_open(id, PidfdFlags::empty()).unwrap();
    let registration = Registration::inbound(&alive).unwrap();
    until_all_is_heard();
    assert!(!is_readable(&registration), "it lives");
    process.kill().unwrap();
    until_readable("its death", &registration);

    // A zombie is dead, too.
    let dead = pidfd_open(id, PidfdFlags::empty()).unwrap();
    let registration = Registration::inbound(&dead).unwrap();
    until_readable("a death that was", &registration);
    process.wait().unwrap();
}

// shows T2: one that ends by itself.
#[test]
fn a_process_that_ends_is_news() {
    let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let handle = pidfd_open(Pid::from_child(&process), PidfdFlags::empty()).unwrap();
    let registration = Registration::inbound(&handle).unwrap();
    until_all_is_heard();
    assert!(!is_readable(&registration), "it lives");
    drop(process.stdin.take());
    until_readable("its end", &registration);
    assert!(process.wait().unwrap().success());
}
