//! What became of the channels, in a table.

use std::collections::BTreeMap;
use std::fmt;

use crate::victim::Phase;

/// How a half ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// As with an honest peer that is lost, or by this side's own doing.
    AsItShould,
    /// It says that positions are impossible.
    Broken,
    /// Orderly, though the other side never ended anything.
    Ended,
}

#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    Reader { half: Half, wrong: bool },
    Writer { half: Half },
    Meeting { half: Half },
}

#[derive(Clone, Default)]
struct Row {
    channels: usize,
    broken: usize,
    wrong: usize,
    ended: usize,
    none: usize,
}

#[derive(Default)]
pub struct Outcomes(BTreeMap<(Phase, &'static str), Row>);

impl Outcomes {
    pub fn add(&mut self, phase: Phase, halves: Vec<Outcome>) {
        for outcome in halves {
            let (what, half, wrong) = match outcome {
                Outcome::Reader { half, wrong } => ("reads", half, wrong),
                Outcome::Writer { half } => ("writes", half, false),
                Outcome::Meeting { half } => ("accepts and connects", half, false),
            };
            let row = self.0.entry((phase, what)).or_default();
            row.channels += 1;
            row.wrong += usize::from(wrong);
            match half {
                Half::Broken => row.broken += 1,
                Half::Ended => row.ended += 1,
                Half::AsItShould if wrong => {}
                Half::AsItShould => row.none += 1,
            }
        }
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| the victim | channels | broken | wrong bytes | wrong end | no effect |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for ((phase, what), row) in &self.0 {
            let Row {
                channels,
                broken,
                wrong,
                ended,
                none,
            } = row;
            writeln!(
                f,
                "| {phase:?}, {what} | {channels} | {broken} | {wrong} | {ended} | {none} |"
            )?;
        }
        Ok(())
    }
}
