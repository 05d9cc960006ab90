//! Plugging and unplugging, and what a cable takes over which nothing goes.

use super::client::{Client, trip};
use super::orders::{CONTROLLERS, Gadget, now};
use super::work::{ECHO, LARGE};
use crate::machine::process_cpu;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What happens at the beginning is over.
const SETTLED: Duration = Duration::from_millis(500);
/// How long nothing is watched.
const NOTHING: Duration = Duration::from_secs(10);

/// Where the name of its device controller is written to plug our gadget in.
struct Plug(PathBuf);

impl Plug {
    /// Of the first of our gadgets, while that is plugged in.
    fn find() -> Self {
        let gadgets = std::fs::read_dir("/sys/kernel/config/usb_gadget").expect("configfs");
        let mut plugs = gadgets.map(|gadget| gadget.expect("a name").path().join("UDC"));
        let ours = plugs.find(|plug| {
            let controller = std::fs::read_to_string(plug).expect("a gadget");
            controller.trim() == CONTROLLERS[LARGE]
        });
        Self(ours.expect("our gadget is plugged in"))
    }

    fn write(&self, text: &str) -> u64 {
        let moment = now();
        std::fs::write(&self.0, text).expect("a gadget");
        moment
    }

    fn out(&self) -> u64 {
        self.write("\n")
    }

    fn again(&self) -> u64 {
        self.write(CONTROLLERS[LARGE])
    }
}

/// Unplugs and plugs in again, so many times with an idle channel and so many with one in both directions of which
/// bytes are on their way. In seconds: until either side's reader has learned of the loss, and until a new channel has
/// carried a question and its answer.
pub fn plug(gadget: &mut Gadget, client: &Client, times: usize) -> Value {
    let plug = Plug::find();
    let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9;
    let mut once = |busy: bool| {
        let held = client.hold(busy);
        thread::sleep(SETTLED);
        let out = plug.out();
        let on_device = gadget.expect("lost")[0];
        let (on_host, lost) = held.join().expect("the reading thread");
        assert!(lost, "an unplugged cable is no orderly end");
        let (client, dialled) = (client.clone(), thread::spawn);
        let dialling = dialled(move || {
            trip(&mut client.connect(ECHO), 0);
            now()
        });
        thread::sleep(SETTLED);
        let again = plug.again();
        let talks = dialling.join().expect("the thread that dials");
        [
            seconds(out, on_host),
            seconds(out, on_device),
            seconds(again, talks),
        ]
    };
    let mut many = |busy| -> Vec<[f64; 3]> { (0..times).map(|_| once(busy)).collect() };
    json!({ "idle": many(false), "busy": many(true) })
}

/// Processor time in seconds that either process takes in ten: with a channel that two readers wait at, with a
/// device that is absent while somebody dials, and with neither.
pub fn idle(gadget: &mut Gadget, client: &Client) -> Value {
    let held = client.hold(false);
    let session = spent(gadget);
    let plug = Plug::find();
    plug.out();
    gadget.expect("lost");
    held.join().expect("the reading thread");
    let dialling = {
        let client = client.clone();
        thread::spawn(move || trip(&mut client.connect(ECHO), 0))
    };
    let absent = spent(gadget);
    plug.again();
    dialling.join().expect("the thread that dials");
    thread::sleep(SETTLED);
    let closed = spent(gadget);
    json!({ "session": session, "absent": absent, "closed": closed })
}

fn spent(gadget: &mut Gadget) -> [f64; 2] {
    thread::sleep(SETTLED);
    let (host, device) = (process_cpu(), gadget.ask("cpu")[0]);
    thread::sleep(NOTHING);
    let (host, device) = (process_cpu() - host, gadget.ask("cpu")[0] - device);
    [host.as_secs_f64(), device as f64 / 1e9]
}
