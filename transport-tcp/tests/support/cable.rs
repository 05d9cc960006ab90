//! Two machines in one program: two network namespaces, `near` and `far`, and a cable (a veth pair) between
//! them that can be pulled. Needs no privileges, but a Linux that lets users have namespaces, and the
//! programs `unshare` and `ip`; where one of them is missing, a test says so and is not run.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{eventually, say};

/// Set in the process that stands in the namespaces.
const INSIDE: &str = "TRANSPORT_TCP_TEST_INSIDE";

/// The machines' addresses, seen by nobody else.
pub const NEAR: &str = "10.77.0.1";
pub const FAR: &str = "10.77.0.2";

/// Runs `body` in a process of its own that stands on the near machine. `test` is the caller's name in its
/// program, which is how that process finds it.
pub fn with_cable(test: &str, body: impl FnOnce(&Cable)) {
    if std::env::var_os(INSIDE).is_some() {
        match Cable::new() {
            Ok(cable) => body(&cable),
            Err(why) => say(&format!("NOT RUN: {test}: {why}")),
        }
        return;
    }
    if let Err(why) = run(Command::new("unshare").args(["-Urn", "true"])) {
        return say(&format!("NOT RUN: {test}: no network namespaces: {why}"));
    }
    let status = Command::new("unshare")
        .arg("-Urn")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}, see above");
}

/// Runs a program to its end; its complaint, if it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    run(Command::new("ip").args(arguments.split(' ')))
}

pub struct Cable {
    /// Keeps the far namespace, until its standard input is closed.
    holder: Child,
    far: File,
}

impl Cable {
    fn new() -> Result<Cable, String> {
        // What `cat` echoes has passed through the namespace that `unshare` has made: it is there by then.
        let holder = Command::new("unshare")
            .args(["-n", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut holder = holder.map_err(|error| error.to_string())?;
        let started = std::io::Read::read(holder.stdout.as_mut().unwrap(), &mut [0]);
        let far = File::open(format!("/proc/{}/ns/net", holder.id()));
        let far = far.map_err(|error| error.to_string())?;
        let cable = Cable { holder, far };
        if !matches!(started, Ok(1)) {
            return Err("no second namespace".into());
        }
        ip("link set lo up")?;
        let id = cable.holder.id();
        ip(&format!("link add near type veth peer name far netns {id}"))?;
        ip(&format!("addr add {NEAR}/24 dev near"))?;
        ip("link set near up")?;
        cable.on_far(|| {
            ip("link set lo up")?;
            ip(&format!("addr add {FAR}/24 dev far"))?;
            ip("link set far up")
        })?;
        // It takes a moment until something passes.
        let listener = cable.on_far(|| TcpListener::bind((FAR, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        eventually("the cable is in", || TcpStream::connect(address).is_ok());
        // That nobody has an address is found after one question, a second, instead of three.
        ip("ntable change name arp_cache dev near mcast_probes 1")?;
        Ok(cable)
    }

    /// Runs `work` on the far machine: sockets that it makes are there for good, whoever uses them.
    pub fn on_far<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let there = || {
                move_into_link_name_space(
                    std::os::fd::AsFd::as_fd(&self.far),
                    Some(LinkNameSpaceType::Network),
                )
                .unwrap();
                work()
            };
            scope.spawn(there).join().unwrap()
        })
    }

    /// Nothing passes any more, and nobody is told.
    pub fn pull(&self) {
        self.on_far(|| ip("link set far down")).unwrap();
    }

    pub fn plug(&self) {
        self.on_far(|| ip("link set far up")).unwrap();
    }

    /// The cable is in, but the far machine is silent: whatever it says goes nowhere.
    pub fn silence_far(&self) {
        let route = format!("route add blackhole {NEAR}/32");
        self.on_far(|| ip(&route)).unwrap();
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
