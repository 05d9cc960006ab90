//! `usb`: the devices at this machine's cables.

use serde::Serialize;

use crate::args::Usb;
use crate::error::Result;
use crate::place::usb::{self, Change, Device};
use crate::report::{Lines, Output};

pub fn run(command: &Usb, output: Output) -> Result<()> {
    match command {
        Usb::List => list(output),
        Usb::Watch { count } => watch(*count, output),
        Usb::Rule { device } => rule(*device, output),
    }
}

fn list(output: Output) -> Result<()> {
    #[derive(Serialize)]
    struct Report {
        command: &'static str,
        devices: Vec<Device>,
    }
    let devices = usb::devices()?;
    let text = match devices.is_empty() {
        false => text(&devices),
        true => {
            let mut lines = Lines::default();
            lines.line("no USB device serves; `echo-demo serve --transport usb` on one would");
            lines
        }
    };
    let report = Report {
        command: "usb list",
        devices,
    };
    output.result(&report, &text)
}

/// For people.
pub fn text(devices: &[Device]) -> Lines {
    let mut lines = Lines::titled("USB devices that serve");
    for device in devices {
        lines.line(format_args!("  {}", line(device)));
    }
    lines
}

fn line(device: &Device) -> String {
    let names = [&device.manufacturer, &device.product];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    let serial = match &device.serial {
        Some(serial) => format!("serial number {serial}"),
        None => "no serial number".into(),
    };
    let mut line = format!(
        "{}  {}, {serial}, {} at {}",
        device.endpoint,
        names.join(" "),
        device.speed,
        device.path,
    );
    if !device.permitted {
        line += "; not for this user: see `echo-demo usb rule`";
    }
    line
}

/// Tells each event as it comes: with --json, a document in a line of its own.
fn watch(count: Option<u64>, output: Output) -> Result<()> {
    let mut left = count.unwrap_or(u64::MAX);
    usb::watch(|change| {
        let said = match (&change, output.is_json()) {
            (_, true) => serde_json::to_string(&change).expect("keys are text"),
            (Change::Arrived(device), _) => format!("+ {}", line(device)),
            (Change::Left(device), _) => format!("- {}", line(device)),
        };
        output.line(&said)?;
        left -= 1;
        Ok(left > 0)
    })
}

fn rule(device: Option<(u16, u16)>, output: Output) -> Result<()> {
    #[derive(Serialize)]
    struct Report {
        command: &'static str,
        rule: String,
    }
    let rule = usb::rule(device)?;
    let mut lines = Lines::default();
    lines.line(rule.trim_end());
    let report = Report {
        command: "usb rule",
        rule,
    };
    output.result(&report, &lines)
}
