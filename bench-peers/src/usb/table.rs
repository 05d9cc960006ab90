//! The tables, of what was found inside.

use super::inside::{FOUND, plan};
use super::rows::{Speed, Work, rows};
use crate::machine::Neighbours;
use crate::measure::{Row, Sample, median, quantile};
use crate::report::{Options, markdown, provenance, to_json};
use serde_json::{Value, json};

/// What was found at one speed.
pub struct Found {
    speed: Speed,
    value: Value,
}

impl Found {
    /// Out of what the program inside has printed.
    pub fn parse(speed: Speed, printed: &str) -> Option<Self> {
        let line = printed
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(FOUND))?;
        let value = serde_json::from_str(line).ok()?;
        Some(Self { speed, value })
    }

    fn rows(&self) -> Vec<Row> {
        let nothing = |_: &str, _| -> Work {
            Box::new(|_| -> Sample { unreachable!("it was measured inside") })
        };
        let mut rows = rows(self.speed, &nothing);
        let found = self.value["rows"].as_array().cloned().unwrap_or_default();
        rows.retain_mut(|row| {
            let Some(found) = found.iter().find(|found| found["key"] == row.key.as_str()) else {
                return false;
            };
            for contestant in &mut row.contestants {
                contestant.figures = numbers(&found["figures"][contestant.name]);
            }
            row.contestants
                .retain(|contestant| !contestant.figures.is_empty());
            true
        });
        rows
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(Value::as_f64).collect()
}

/// All tables, and all figures.
pub fn tables(all: &[Found], options: &Options, neighbours: Neighbours) -> (String, Value) {
    let plan = plan(options);
    let rows: Vec<Row> = all.iter().flat_map(Found::rows).collect();
    let how = "a virtual machine that emulates one processor (qemu, TCG) in virtual time: an instruction is a \
               nanosecond, what nobody does takes no time, so what else this machine does meanwhile matters little. \
               Debian's kernel with `dummy_hcd`, a controller whose two sides are in that kernel; host and device are a \
               process each. A measurement is of 16 MiB in all, 500 round trips, or half a second of 20 channels, each \
               after some to get warm.";
    let text = format!(
        "{}\n{}{}{}{}",
        markdown(&rows),
        shares(all),
        plugs(all),
        idles(all),
        provenance(&rows, plan, neighbours, &["rusb", "usb-gadget"], how)
    );
    let mut value = to_json(&rows, plan, neighbours);
    value["inside"] = all
        .iter()
        .map(|found| json!({ "speed": found.speed.name, "found": found.value }))
        .collect();
    (text, value)
}

fn met(is: bool) -> &'static str {
    if is { "ok" } else { "**short**" }
}

/// A table with these lines, if there are any.
fn table(head: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("{head}\n{}\n", lines.concat())
}

/// How equal the shares of many channels are.
fn shares(all: &[Found]) -> String {
    let mut lines = Vec::new();
    for found in all {
        for (key, measured) in found.value["shares"].as_object().into_iter().flatten() {
            let (mut least, mut most) = (Vec::new(), Vec::new());
            for counts in measured.as_array().into_iter().flatten().map(numbers) {
                let mean = counts.iter().sum::<f64>() / counts.len() as f64;
                least.push(quantile(&counts, 0.0) / mean);
                most.push(quantile(&counts, 1.0) / mean);
            }
            let way = if key.ends_with("in") {
                "to the host"
            } else {
                "to the device"
            };
            let size = if key.contains("1MiB") {
                "1 MiB"
            } else {
                "64 KiB"
            };
            let (low, high) = (median(&least), median(&most));
            lines.push(format!(
                "| {} speed, of {size}, {way} | **{low:.3}** | **{high:.3}** | {:.3} | {:.3} | 0.9 to 1.1 | {} |\n",
                found.speed.name,
                quantile(&least, 0.0),
                quantile(&most, 1.0),
                met(low >= 0.9 && high <= 1.1),
            ));
        }
    }
    let head = "| shares of 20 channels in 0.5 s, over their mean | least | most | least of all rounds | most | wanted | |\n\
                |---|---:|---:|---:|---:|---|---|";
    table(head, &lines)
}

/// How long unplugging and plugging in take.
fn plugs(all: &[Found]) -> String {
    let mut lines = Vec::new();
    for found in all {
        for (state, what) in [
            ("idle", "an idle channel"),
            ("busy", "one that streams both ways"),
        ] {
            let measured = found.value["plug"][state]
                .as_array()
                .cloned()
                .unwrap_or_default();
            if measured.is_empty() {
                continue;
            }
            let mut cells = String::new();
            let mut is_met = true;
            for (column, limit) in [1.0, 1.0, 3.0].into_iter().enumerate() {
                let times: Vec<f64> = measured.iter().map(|once| numbers(once)[column]).collect();
                let worst = quantile(&times, 1.0);
                is_met &= worst <= limit;
                cells += &format!(" **{:.3} s**, {worst:.3} s |", median(&times));
            }
            lines.push(format!(
                "| {} speed, {what} |{cells} 1, 1, 3 s | {} |\n",
                found.speed.name,
                met(is_met),
            ));
        }
    }
    let head = "| median and worst of 20 | unplugged: `PeerLost` on the host | on the device | plugged in: an answer over a new channel | wanted, at most | |\n\
                |---|---:|---:|---:|---|---|";
    table(head, &lines)
}

/// What nothing takes.
fn idles(all: &[Found]) -> String {
    let mut lines = Vec::new();
    for found in all {
        for (state, what) in [
            ("session", "an idle session, a reader asleep at either end"),
            (
                "absent",
                "a cable that is not plugged in, a listener and somebody who dials",
            ),
            (
                "closed",
                "a gadget that is plugged in and listens, nobody dials",
            ),
        ] {
            if let [host, device] = numbers(&found.value["idle"][state])[..] {
                lines.push(format!(
                    "| {} speed: {what} | {:.1} ms | {:.1} ms |\n",
                    found.speed.name,
                    host * 1e3,
                    device * 1e3,
                ));
            }
        }
    }
    let head = "| CPU time in 10 s | the host's process | the device's |\n|---|---:|---:|";
    table(head, &lines)
}
