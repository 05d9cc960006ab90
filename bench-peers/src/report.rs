//! The report: Markdown for people, JSON for programs.

use crate::machine::{self, Neighbours};
use crate::measure::{Contestant, Plan, Role, Row, Unit, Wanted, quantile};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// How ours did in a row.
pub struct Verdict {
    /// Ours over what it is measured against.
    pub ratio: Option<f64>,
    /// What it was measured against.
    pub against: String,
    /// What is wanted, in words.
    pub wanted: String,
    /// Whether it is met; `None` if nothing is wanted.
    pub met: Option<bool>,
    /// Not met, but by less than the run can tell (two standard errors,
    /// and 3 % at most).
    pub within_noise: bool,
}

/// Judges a row.
pub fn verdict(row: &Row) -> Verdict {
    let (name, ours) = match row.wanted {
        Wanted::AtLeast(_, name) => (name, row.median(name).unwrap_or(f64::NAN)),
        _ => row.ours().unwrap_or(("", f64::NAN)),
    };
    let (against, base) = match row.wanted {
        Wanted::Times(_, name) | Wanted::Speed(_, name) => (name.to_owned(), row.median(name)),
        _ => match row.best_peer() {
            Some((name, figure)) => (name.to_owned(), Some(figure)),
            None => (String::new(), None),
        },
    };
    let ratio = match row.wanted {
        Wanted::Speed(_, name) => row.speed(ours, name),
        _ => base.map(|base| ours / base),
    };
    let ratio = ratio.filter(|ratio| ratio.is_finite());
    let bound = match row.unit {
        Unit::Nanos => "at most",
        _ => "at least",
    };
    let holds = |times: f64| {
        ratio.map(|ratio| match row.unit {
            Unit::Nanos => ratio <= times,
            _ => ratio >= times,
        })
    };
    // The last is how far off ours is, as a share.
    let (wanted, met, off) = match row.wanted {
        Wanted::AtMost(limit) => (
            format!("at most {limit} ns"),
            Some(ours <= limit),
            ours / limit - 1.0,
        ),
        Wanted::AtLeast(limit, name) => (
            format!("{name} at least {limit} {}", unit_name(row.unit)),
            Some(ours >= limit),
            ours / limit - 1.0,
        ),
        Wanted::TimesBestPeer(times) => (
            format!("{bound} {times} × best peer"),
            holds(times),
            ratio.unwrap_or(f64::NAN) / times - 1.0,
        ),
        Wanted::Times(times, name) => (
            format!("{bound} {times} × {name}"),
            holds(times),
            ratio.unwrap_or(f64::NAN) / times - 1.0,
        ),
        Wanted::Speed(times, name) => (
            format!("at least {times} × {name}"),
            ratio.map(|ratio| ratio >= times),
            ratio.unwrap_or(f64::NAN) / times - 1.0,
        ),
        Wanted::Nothing => ("stated only".into(), None, f64::NAN),
    };
    let error = |name: &str| {
        row.contestants
            .iter()
            .find(|c| c.name == name)
            .map_or(0.0, standard_error)
    };
    let base_error = match row.wanted {
        Wanted::AtMost(_) | Wanted::AtLeast(..) => 0.0,
        _ => error(&against),
    };
    // A noisy row is no excuse: it wants more rounds.
    let noise = (2.0 * error(name).hypot(base_error)).min(0.03);
    Verdict {
        ratio,
        against,
        wanted,
        met,
        within_noise: met == Some(false) && off.abs() <= noise,
    }
}

/// The standard error of a contestant's median, as a share of it.
fn standard_error(c: &Contestant) -> f64 {
    // For a normal distribution: sigma = half the distance of the quartiles / 0.6745, and the
    // median's error is 1.2533 sigma / sqrt(n).
    1.2533 * spread(c) / 0.6745 / (c.figures.len() as f64).sqrt()
}

fn number(unit: Unit, figure: f64) -> String {
    match unit {
        _ if figure.is_nan() => "–".into(),
        Unit::Nanos if figure < 100.0 => format!("{figure:.1}"),
        Unit::Nanos => group(figure.round() as u64),
        _ if figure < 10.0 => format!("{figure:.2}"),
        _ => format!("{figure:.1}"),
    }
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanos => "ns",
        Unit::GigabytesPerSecond => "GB/s",
        Unit::MegabytesPerSecond => "MB/s",
        Unit::MillionsPerSecond => "M/s",
        Unit::ThousandsPerSecond => "k/s",
    }
}

/// 12345 -> 12,345
pub fn group(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn spread(c: &Contestant) -> f64 {
    let middle = quantile(&c.figures, 0.5);
    (quantile(&c.figures, 0.75) - quantile(&c.figures, 0.25)) / middle / 2.0
}

/// A Markdown table of the rows; columns are all contestants in order of first
/// appearance.
pub fn markdown(rows: &[Row]) -> String {
    table(rows, None)
}

/// The same; each figure is followed by how many times as fast as the contestant named `base` it is.
pub fn markdown_against(rows: &[Row], base: &str) -> String {
    table(rows, Some(base))
}

fn table(rows: &[Row], base: Option<&str>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for contestant in rows.iter().flat_map(|row| &row.contestants) {
        if !names.contains(&contestant.name) {
            names.push(contestant.name);
        }
    }
    let mut out = String::new();
    let _ = write!(out, "| what | unit |");
    for name in &names {
        let _ = write!(out, " {name} |");
    }
    let _ = writeln!(out, " ratio | wanted | |");
    let _ = write!(out, "|---|---|");
    for _ in &names {
        let _ = write!(out, "---:|");
    }
    let _ = writeln!(out, "---:|---|---|");
    for row in rows {
        let unit = unit_name(row.unit);
        let _ = write!(out, "| {} | {unit} |", row.title);
        let best = row.best_peer().map(|(name, _)| name);
        let ours = row.ours().map(|(name, _)| name);
        for name in &names {
            let Some(c) = row.contestants.iter().find(|c| c.name == *name) else {
                let _ = write!(out, " |");
                continue;
            };
            let median = quantile(&c.figures, 0.5);
            let figure = number(row.unit, median);
            let speed = base.filter(|base| base != name);
            let speed = speed.and_then(|base| row.speed(median, base));
            let speed = speed.map_or(String::new(), |speed| format!(" ({speed:.2})"));
            let mark = if c.disturbed > 0 { "\\*" } else { "" };
            let _ = match c.role {
                Role::Ours if ours == Some(c.name) => write!(out, " **{figure}**{mark}{speed} |"),
                Role::Peer if best == Some(c.name) => write!(out, " _{figure}_{mark}{speed} |"),
                _ => write!(out, " {figure}{mark}{speed} |"),
            };
        }
        let verdict = verdict(row);
        let ratio = verdict
            .ratio
            .map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let met = match verdict.met {
            Some(true) => "ok",
            Some(false) if verdict.within_noise => "even",
            Some(false) => "**short**",
            None => "",
        };
        let _ = writeln!(out, " {ratio} | {} | {met} |", verdict.wanted);
    }
    out
}

/// How and on what the table was made, as a Markdown list.
pub fn provenance(
    rows: &[Row],
    plan: Plan,
    neighbours: Neighbours,
    peers: &[&str],
    how: &str,
) -> String {
    let mut out = String::new();
    for (name, value) in machine::describe() {
        let _ = writeln!(out, "- {name}: {value}");
    }
    let _ = writeln!(
        out,
        "- meanwhile: other programs had {:.1} % of the cores' time, the hypervisor took {:.1} %",
        100.0 * neighbours.programs,
        100.0 * neighbours.stolen
    );
    let versions: Vec<String> = peers
        .iter()
        .map(|name| format!("{name} {}", machine::version_of(name)))
        .collect();
    if !versions.is_empty() {
        let _ = writeln!(out, "- peers: {}", versions.join(", "));
    }
    let disturbed: usize = rows
        .iter()
        .flat_map(|row| &row.contestants)
        .map(|c| c.disturbed)
        .sum();
    let all: usize = rows
        .iter()
        .flat_map(|row| &row.contestants)
        .map(|c| c.figures.len())
        .sum();
    let spreads: Vec<f64> = rows
        .iter()
        .flat_map(|row| &row.contestants)
        .map(spread)
        .collect();
    let each = match plan.each.as_millis() {
        0 => String::new(),
        millis => format!(" of {millis} ms each"),
    };
    let _ = writeln!(
        out,
        "- how: {how} Medians of {} measurements{each}, contestants interleaved. \
         Half of a contestant's measurements lie within ±{:.0} % of its median (typical contestant; \
         widest: ±{:.0} %). Bold: ours, of several the best; italic: the best peer, which `ratio` refers to unless `wanted` names another; _even_: short by less than this run can tell, and by 3 % at most.",
        rows.iter()
            .flat_map(|row| &row.contestants)
            .map(|c| c.figures.len())
            .max()
            .unwrap_or(0),
        100.0 * quantile(&spreads, 0.5),
        100.0 * quantile(&spreads, 1.0),
    );
    if disturbed > 0 {
        let _ = writeln!(
            out,
            "- disturbed: {disturbed} of {all} measurements shared a core with something else \
             even after repetition (rows marked \\*); take such rows with care."
        );
    }
    out
}

/// The whole run as JSON.
pub fn to_json(rows: &[Row], plan: Plan, neighbours: Neighbours) -> Value {
    let machine: serde_json::Map<String, Value> = machine::describe()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let verdict = verdict(row);
            let contestants: Vec<Value> = row
                .contestants
                .iter()
                .map(|c| {
                    json!({
                        "name": c.name,
                        "role": format!("{:?}", c.role).to_lowercase(),
                        "median": quantile(&c.figures, 0.5),
                        "p25": quantile(&c.figures, 0.25),
                        "p75": quantile(&c.figures, 0.75),
                        "min": quantile(&c.figures, 0.0),
                        "max": quantile(&c.figures, 1.0),
                        "disturbed": c.disturbed,
                        "figures": c.figures,
                    })
                })
                .collect();
            json!({
                "key": row.key,
                "title": row.title,
                "unit": unit_name(row.unit),
                "contestants": contestants,
                "ratio": verdict.ratio,
                "against": verdict.against,
                "wanted": verdict.wanted,
                "met": verdict.met,
                "within_noise": verdict.within_noise,
            })
        })
        .collect();
    json!({
        "machine": machine,
        "neighbours": { "programs": neighbours.programs, "stolen": neighbours.stolen },
        "rounds": plan.rounds,
        "millis": plan.each.as_millis() as u64,
        "rows": rows,
    })
}

/// The command line that the tables share.
#[derive(clap::Parser, Clone, Debug)]
pub struct Options {
    /// Figures per contestant and row
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Milliseconds that one measurement lasts
    #[arg(long)]
    pub millis: Option<u64>,
    /// Seconds after which no further round begins
    #[arg(long, default_value_t = 90)]
    pub limit: u64,
    /// Only rows whose key contains one of these (`--only list` prints the keys)
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only contestants of these names, to look at one of them with a profiler
    #[arg(long, value_delimiter = ',')]
    pub who: Vec<String>,
    /// Measure nothing: do that many units of work once, for a program that counts system calls
    #[arg(long)]
    pub once: Option<u64>,
    /// The two cores that threads are pinned to
    #[arg(long, value_delimiter = ',', default_values_t = machine::pairs_of_cores()[0])]
    pub cores: Vec<usize>,
    /// Write the whole run as JSON to this file
    #[arg(long)]
    pub json: Option<std::path::PathBuf>,
    /// Write what is printed (Markdown) to this file too
    #[arg(long)]
    pub markdown: Option<std::path::PathBuf>,
}

impl Options {
    /// How to measure, by these options.
    pub fn plan(&self) -> Plan {
        Plan {
            rounds: self.rounds.unwrap_or(21),
            each: Duration::from_millis(self.millis.unwrap_or(20)),
            limit: Duration::from_secs(self.limit),
        }
    }

    /// Keeps the rows that `--only` asks for.
    pub fn choose(&self, rows: Vec<Row>) -> Vec<Row> {
        if self.only.iter().any(|only| only == "list") {
            for row in &rows {
                println!("{:24} {}", row.key, row.title);
            }
            std::process::exit(0);
        }
        let wanted =
            |row: &Row| self.only.is_empty() || self.only.iter().any(|only| row.key.contains(only));
        let mut rows: Vec<Row> = rows.into_iter().filter(wanted).collect();
        if !self.who.is_empty() {
            for row in &mut rows {
                row.contestants
                    .retain(|c| self.who.iter().any(|who| who == c.name));
            }
        }
        rows
    }

    /// Does what `--once` asks for; whether it was given.
    pub fn once(&self, rows: &mut [Row]) -> bool {
        let Some(amount) = self.once else {
            return false;
        };
        for row in rows {
            row.once(amount);
        }
        true
    }

    /// Prints and writes the report.
    pub fn publish(&self, text: &str, value: &Value) -> std::io::Result<()> {
        print!("{text}");
        if let Some(path) = &self.markdown {
            std::fs::write(path, text)?;
        }
        if let Some(path) = &self.json {
            std::fs::write(path, format!("{value:#}\n"))?;
        }
        Ok(())
    }
}
