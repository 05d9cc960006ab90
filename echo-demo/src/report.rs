//! Results: lines for people, or one JSON document. Nothing is measured here.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{Error, Result};

/// Width of the names at the start of lines.
const NAMES: usize = 13;

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    form: Form,
    /// To standard error: standard output is somebody else's.
    aside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    #[cfg(test)]
    Silent,
}

impl Output {
    /// `aside`: nothing may be printed on standard output.
    pub fn new(json: bool, aside: bool) -> Output {
        Output {
            form: if json { Form::Json } else { Form::Text },
            aside,
        }
    }

    /// For tests: nothing is printed.
    #[cfg(test)]
    pub fn silent() -> Output {
        Output {
            form: Form::Silent,
            aside: false,
        }
    }

    pub fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// Prints a result in the form that was asked for.
    pub fn result(self, document: &impl Serialize, text: &Lines) -> Result<()> {
        match self.form {
            Form::Text => self.text(&text.0),
            Form::Json => self.line(&json(document)),
            #[cfg(test)]
            Form::Silent => Ok(()),
        }
    }

    /// One line to where results go, at once.
    pub fn line(self, line: &str) -> Result<()> {
        self.text(&format!("{line}\n"))
    }

    fn text(self, text: &str) -> Result<()> {
        #[cfg(test)]
        if self.form == Form::Silent {
            return Ok(());
        }
        let mut out: Box<dyn Write> = match self.aside {
            true => Box::new(io::stderr().lock()),
            false => Box::new(io::stdout().lock()),
        };
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Error::stdout)
    }

    /// A line for people beside the results.
    pub fn note(self, text: impl Display) {
        #[cfg(test)]
        if self.form == Form::Silent {
            return;
        }
        // Whether anybody sees it does not matter.
        let _ = writeln!(io::stderr(), "echo-demo: {text}");
    }

    /// The one line that says what is wrong and what to do.
    pub fn error(self, error: &Error) {
        let line = error.to_string().replace('\n', " ");
        // Nobody is left to tell if this fails. (Two of them in one place would be one too many.)
        if !(self.aside && self.is_json()) {
            let _ = writeln!(io::stderr(), "echo-demo: error: {line}");
        }
        if self.is_json() && !matches!(error, Error::Failed(_)) {
            let _ = self.line(&json(&serde_json::json!({ "error": line })));
        }
    }

    /// A progress bar, where somebody looks: on a terminal, and not beside JSON.
    pub fn progress(self, total: u64, template: &str) -> ProgressBar {
        if self.form != Form::Text || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).expect("a constant template");
        ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
    }
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("keys are text and numbers are finite")
}

/// A text for people, made line by line.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Starts with a title.
    pub fn titled(title: impl Display) -> Lines {
        Lines(format!("{title}\n\n"))
    }

    /// A name and what there is to say about it.
    pub fn item(&mut self, name: &str, what: impl Display) {
        let _ = writeln!(self.0, "  {name:NAMES$} {what}");
    }

    /// A line as it is.
    pub fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.0, "{line}");
    }

    /// All lines of another text.
    pub fn all(&mut self, text: Lines) {
        self.0 += &text.0;
    }

    /// The last line: passed, or what was wrong.
    pub fn verdict(&mut self, failure: Option<&str>) {
        match failure {
            None => self.line("\nPASSED"),
            Some(failure) => self.line(format_args!("\nFAILED: {failure}")),
        }
    }
}

/// Seconds for JSON.
pub fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
