//! The table of the campaign.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::State;
use crate::forms::Form;

/// How long news took, in one row of the table.
#[derive(Default)]
struct Row {
    kills: usize,
    times: Vec<Duration>,
}

#[derive(Default)]
pub struct Figures {
    all: Row,
    states: BTreeMap<State, Row>,
    forms: BTreeMap<Form, Row>,
}

impl Figures {
    /// `news`: from the kill to the survivor's knowing, if it waited for that.
    pub fn add(&mut self, state: State, form: Form, news: Option<Duration>) {
        let mut rows = vec![&mut self.all, self.states.entry(state).or_default()];
        if state != State::Meeting {
            rows.push(self.forms.entry(form).or_default());
        }
        for row in rows {
            row.kills += 1;
            row.times.extend(news);
        }
    }
}

impl Row {
    fn write(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let mut times = self.times.clone();
        times.sort();
        let at = |part: f64| match times.len() {
            0 => f64::NAN,
            n => times[((n - 1) as f64 * part).round() as usize].as_secs_f64() * 1e3,
        };
        let (kills, p50, p99, max) = (self.kills, at(0.5), at(0.99), at(1.0));
        writeln!(f, "| {what} | {kills} | {p50:.2} | {p99:.2} | {max:.2} |")
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| the survivor | kills | ms from the kill to the news: p50 | p99 | most |"
        )?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (state, row) in &self.states {
            row.write(f, &format!("{state:?}"))?;
        }
        for (form, row) in &self.forms {
            row.write(f, &format!("{form:?} calls"))?;
        }
        self.all.write(f, "all")
    }
}
