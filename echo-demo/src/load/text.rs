//! The report of a load for people.

use std::time::Duration;

use super::Report;
use crate::args::Load;
use crate::human;
use crate::place::Place;
use crate::report::Lines;

pub fn text(place: &Place, args: &Load, report: &Report) -> Lines {
    let time = |seconds| human::time(Duration::from_secs_f64(seconds));
    let mut lines = Lines::titled(format_args!(
        "Load at {}: {} clients at once, {} each",
        place.name(),
        args.clients,
        human::size(report.bytes_per_client as u64)
    ));
    lines.item(
        "connected",
        format_args!(
            "{} of {}, in {}",
            report.connected_clients,
            report.clients,
            time(report.connect_seconds)
        ),
    );
    lines.item(
        "verified",
        format_args!(
            "{} there and back in {}, every byte compared",
            human::size(report.verified_bytes),
            time(report.seconds)
        ),
    );
    lines.item(
        "throughput",
        human::rate(
            report.verified_bytes,
            Duration::from_secs_f64(report.seconds),
        ),
    );
    messages(&mut lines, report);
    lines.item(
        "clients",
        format_args!(
            "first done after {}, last after {}",
            time(report.fastest_client_seconds),
            time(report.slowest_client_seconds)
        ),
    );
    match &report.server {
        Some(tally) => lines.item(
            "server",
            format_args!(
                "{}, {}; {} channels, {} ended in order, {} sent back",
                tally.style,
                report.server_runs,
                tally.channels,
                tally.orderly_ends,
                human::amount(tally.bytes, tally.messages)
            ),
        ),
        None => lines.item("server", report.server_runs),
    }
    if let Some(crossed) = &report.line {
        crossed.item(&mut lines);
    }
    lines.item("failures", report.failed_clients);
    for failure in &report.failures {
        lines.item("", failure);
    }
    if report.failed_clients > report.failures.len() {
        lines.item("", "...");
    }
    let failure = (!report.passed).then(|| report.verdict());
    lines.verdict(failure.as_deref());
    lines
}

/// What there is to say of messages only.
fn messages(lines: &mut Lines, report: &Report) {
    let (Some(size), Some(count), Some(rate)) = (
        report.message_size,
        report.verified_messages,
        report.verified_messages_per_second,
    ) else {
        return;
    };
    lines.item(
        "messages",
        format_args!(
            "{count} of {}; {} messages/s",
            human::size(size as u64),
            human::count(rate)
        ),
    );
    let Some(latency) = &report.latency_ns else {
        return;
    };
    let time = |nanos| human::time(Duration::from_nanos(nanos));
    lines.item(
        "latency",
        format_args!(
            "p50 {}, p90 {}, p99 {}, p99.9 {}, max {}, with all that were under way",
            time(latency.p50),
            time(latency.p90),
            time(latency.p99),
            time(latency.p99_9),
            time(latency.max)
        ),
    );
}
