//! What the host's process tells the gadget's, and what that answers: a line each, over pipes, while nothing is
//! measured.

use super::gadget::BareGadget;
use super::server::Server;
use super::work::{LARGE, USUAL};
use super::{bare, hops};
use crate::machine::{monotonic, process_cpu};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The controllers of our gadgets, and of the bare loop's.
pub const CONTROLLERS: [&str; 3] = ["dummy_udc.0", "dummy_udc.1", "dummy_udc.2"];

/// The argument of the gadget's process.
pub const GADGET: &str = "gadget";

/// The gadget's process, as the host's sees it. It ends when this is dropped.
pub struct Gadget {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Gadget {
    /// Starts it, and waits until both gadgets are plugged in.
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .arg(GADGET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut gadget = Self {
            child,
            orders,
            answers,
        };
        gadget.expect("ready");
        gadget
    }

    /// Tells it to do something.
    pub fn order(&mut self, order: &str) {
        let mut orders = self.orders.as_ref().expect("it is open");
        writeln!(orders, "{order}").expect("the gadget's process lives");
    }

    /// Waits for the next line.
    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        assert!(read.expect("text") > 0, "the gadget's process has ended");
        line.trim().to_owned()
    }

    /// Waits for a line that begins with this word, and gives the numbers behind it.
    pub fn expect(&mut self, word: &str) -> Vec<u64> {
        let answer = self.answer();
        let mut words = answer.split_whitespace();
        assert_eq!(words.next(), Some(word), "in {answer:?}");
        words.map(|word| word.parse().expect("a number")).collect()
    }

    /// Asks for numbers.
    pub fn ask(&mut self, question: &str) -> Vec<u64> {
        self.order(question);
        self.expect(question)
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// Says something to the host's process.
pub(super) fn tell(word: &str, numbers: &[u64]) {
    let mut line = word.to_owned();
    for number in numbers {
        line += &format!(" {number}");
    }
    println!("{line}");
}

/// The moment, for the other process.
pub fn now() -> u64 {
    nanos(monotonic())
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// The gadget's process: does what it is told until there are no more orders.
pub fn obey() {
    let servers = [LARGE, USUAL].map(|gadget| Server::listen(gadget, CONTROLLERS[gadget]));
    let gadget = BareGadget::plug(CONTROLLERS[2]);
    tell("ready", &[]);
    for order in std::io::stdin().lines() {
        let order = order.expect("text");
        let mut words = order.split_whitespace();
        let word = words.next().expect("a word");
        let numbers: Vec<u64> = words.map(|word| word.parse().expect("a number")).collect();
        match (word, &numbers[..]) {
            ("stream", &[size, send, receive]) => {
                let mut ends = gadget.ends(size as usize);
                twice([send, receive], |[send, receive]| {
                    bare::stream(&mut ends, size as usize, send, receive);
                });
            }
            ("answer", &[packet, size, times]) => {
                let mut ends = gadget.ends(packet as usize);
                twice([times; 2], |[times, _]| {
                    bare::answer(&mut ends, packet as usize, size as usize, times);
                });
            }
            ("hops", &[packet, size, times]) => twice([times; 2], |[times, _]| {
                let ends = || gadget.told_ends(packet as usize);
                hops::answer(ends, packet as usize, size as usize, times);
            }),
            ("cpu", []) => tell("cpu", &[nanos(process_cpu())]),
            ("counts", []) => {
                let mut numbers: Vec<u64> = servers.iter().flat_map(Server::counts).collect();
                numbers.insert(0, now());
                tell("counts", &numbers);
            }
            _ => panic!("no such order: {order}"),
        }
    }
}

/// Does it to get warm, and then so many times.
fn twice(amount: [u64; 2], mut work: impl FnMut([u64; 2])) {
    work(amount.map(|amount| amount.min(bare::WARM)));
    tell("warm", &[]);
    work(amount);
    tell("done", &[]);
}
