//! Strangers and bad peers at full size: prints the table `abuse` of `BENCHMARKS.md`.

use bench_peers::abuse::{
    BARE, Flood, Flooded, Latencies, OURS, cycles, flood, refusals, resets, slow_hellos, stalled,
};
use bench_peers::crowd::{Usage, raise_descriptor_limit};
use bench_peers::machine::describe;
use bench_peers::measure::alone;
use bench_peers::report::{Options, group};
use clap::Parser;
use serde_json::json;

/// What a program of this kind can be asked.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Do a hundredth
    #[arg(long)]
    small: bool,
    /// Be this server (the program calls itself so)
    #[arg(long)]
    serve: Option<String>,
}

/// A line of the table.
struct Line(String, String, &'static str, Option<bool>);

fn tails(all: &Latencies) -> String {
    format!(
        "p50 {:.0} µs, p99 {:.0} µs, longest {:.1} ms",
        all.at(0.5),
        all.at(0.99),
        all.at(1.0) / 1000.0
    )
}

fn change(name: &str, before: usize, after: usize) -> String {
    format!("{name} {before} → {after}")
}

fn held([before, after]: [Usage; 2]) -> String {
    format!(
        "{}, {}, resident {:+.1} MiB",
        change("descriptors", before.descriptors, after.descriptors),
        change("threads", before.threads, after.threads),
        (after.resident as f64 - before.resident as f64) / f64::from(1 << 20)
    )
}

fn same([before, after]: [Usage; 2]) -> bool {
    before.descriptors == after.descriptors && before.threads == after.threads
}

/// The same flood against a bare server and against ours, by turns: the round with the middle ratio
/// of the two p99 counts.
fn floods(what: Flood, rounds: usize) -> (f64, Flooded, Flooded) {
    let mut all: Vec<_> = (0..rounds)
        .map(|_| {
            let (bare, ours) = (flood(BARE, what), flood(OURS, what));
            (ours.honest.at(0.99) / bare.honest.at(0.99), bare, ours)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.swap_remove(rounds / 2)
}

fn flood_lines(lines: &mut Vec<Line>, name: &str, what: Flood, rounds: usize) {
    let (ratio, bare, ours) = floods(what, rounds);
    for (who, one) in [("a bare server", &bare), ("ours", &ours)] {
        let rate = what.count as f64 / one.took.as_secs_f64();
        let title = format!("{} garbage hellos, {name}: {who}", group(what.count as u64));
        let found = format!(
            "honest client: {} of {} answers; {} strangers a second; {}",
            tails(&one.honest),
            group(one.honest.count() as u64),
            group(rate as u64),
            held(one.usage)
        );
        lines.push(Line(title, found, "", None));
    }
    lines.push(Line(
        format!(
            "the same, p99 of ours over that of the bare server (of {rounds} runs the middle one)"
        ),
        format!("{ratio:.2}"),
        "at most 1.5",
        Some(ratio <= 1.5),
    ));
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    raise_descriptor_limit();
    if let Some(name) = &arguments.serve {
        bench_peers::crowd::serve(bench_peers::abuse::serve(name));
        return Ok(());
    }
    let _alone = alone();
    let of = |count: usize| count / if arguments.small { 100 } else { 1 };
    let rounds = arguments.options.rounds.unwrap_or(3);
    let wanted = |key: &str| {
        let only = &arguments.options.only;
        only.is_empty() || only.iter().any(|only| key.contains(only.as_str()))
    };
    let mut lines = Vec::new();
    if wanted("flood") {
        let what = Flood {
            count: of(100_000),
            rate: None,
        };
        flood_lines(&mut lines, "at full speed", what, rounds);
    }
    if wanted("paced") {
        let what = Flood {
            count: of(10_000),
            rate: Some(1000),
        };
        flood_lines(&mut lines, "1,000 a second", what, rounds);
    }
    if wanted("slow") {
        let slow = slow_hellos(200);
        let [first, last] = slow.dropped.map(|one| one.as_secs_f64());
        lines.push(Line(
            "200 hellos of a byte a second".into(),
            format!(
                "dropped after {first:.2} to {last:.2} s; honest client: {}",
                tails(&slow.honest)
            ),
            "dropped at the deadline, 10 s",
            Some(first > 9.5 && last < 11.5),
        ));
    }
    if wanted("refusals") {
        let [long, unknown] = refusals(of(10_000)).map(|one| one.as_secs_f64() * 1e6);
        lines.push(Line(
            format!(
                "{} hellos that are too long, as many for a broker that does not exist",
                group(of(10_000) as u64)
            ),
            format!("all told why; {long:.0} µs and {unknown:.0} µs each, with connect and close"),
            "all told why",
            Some(true),
        ));
    }
    if wanted("resets") {
        let count = of(1000);
        let told = resets(count);
        lines.push(Line(
            format!("{} resets in the middle of a message", group(count as u64)),
            format!("{} told as `Truncated`", group(told as u64)),
            "all",
            Some(told == count),
        ));
    }
    if wanted("stalled") {
        let (usage, honest) = stalled(100);
        let more = usage[1].resident.saturating_sub(usage[0].resident) / 100;
        lines.push(Line(
            "100 peers that never read, sent as much as fits".into(),
            format!(
                "{} B of the server's memory each; honest client: {}",
                group(more),
                tails(&honest)
            ),
            "only its own channel stalls, memory bounded",
            Some(more < 256 * 1024),
        ));
    }
    if wanted("cycles") {
        let count = of(10_000);
        let (usage, took) = cycles(count);
        lines.push(Line(
            format!(
                "{} times connect, echo, and drop, disconnect or abort by turns",
                group(count as u64)
            ),
            format!(
                "{}; {:.0} µs each",
                held(usage),
                took.as_secs_f64() * 1e6 / count as f64
            ),
            "the same descriptors and threads",
            Some(same(usage)),
        ));
    }

    let mut text = String::from("| what | found | wanted | |\n|---|---|---|---|\n");
    for Line(what, found, wanted, met) in &lines {
        let met = match met {
            Some(true) => "ok",
            Some(false) => "**short**",
            None => "",
        };
        text += &format!("| {what} | {found} | {wanted} | {met} |\n");
    }
    text += "\nServers run in a process of their own; the honest client asks with 64 B, waits for the answer, \
             rests for 200 µs, and asks again, all the while.\n\n";
    for (name, value) in describe() {
        text += &format!("- {name}: {value}\n");
    }
    let rows: Vec<_> = lines
        .iter()
        .map(|Line(what, found, wanted, met)| {
            json!({ "what": what, "found": found, "wanted": wanted, "met": met })
        })
        .collect();
    arguments.options.publish(&text, &json!({ "rows": rows }))
}
