//! What the libraries notice, for people: one clean line each on standard error.

use std::fmt;

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use executor::World;

use crate::args::Globals;

/// Shows warnings; less with `-q`, more with `-v`. A daemon tells what it does, and when.
pub fn start(globals: &Globals, daemon: bool) {
    let level = match (globals.quiet, globals.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) if daemon => LevelFilter::INFO,
        (_, 0) => LevelFilter::WARN,
        (_, 1) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let line = Line { everybody: globals.verbose > 1, times: daemon };
    let subscriber =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).event_format(line).finish();
    // Fails only if there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The crates of this workspace: with one `-v` only they tell details, with two everybody does.
const OURS: [&str; 8] = ["quicksave", "bundler", "daemon", "executor", "host", "run", "store", "typescript"];

/// `warning: a snapshot was not used (run 20260306_…)`.
struct Line {
    everybody: bool,
    times: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let word = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "note",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let from = event.metadata().target().split("::").next().unwrap_or_default();
        if matches!(word, "debug" | "note") && !self.everybody && !OURS.contains(&from) {
            return Ok(());
        }
        let mut parts = Parts::default();
        event.record(&mut parts);
        let fields = if parts.fields.is_empty() { String::new() } else { format!(" ({})", parts.fields.join(", ")) };
        if self.times {
            write!(out, "{} ", run::time::iso(crate::world::System.now()))?;
        }
        writeln!(out, "{word}: {}{fields}", parts.message)
    }
}

#[derive(Default)]
struct Parts {
    message: String,
    fields: Vec<String>,
}

impl Parts {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            // Added by the bridge from the `log` crate.
            name if name.starts_with("log.") => {}
            name => self.fields.push(format!("{name} {value}")),
        }
    }
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}
