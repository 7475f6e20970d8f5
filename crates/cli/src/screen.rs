//! What programs show, and who is asked: the terminal, if there is one.

use std::{
    io::{BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use executor::CallContext;
use host::{PermissionRequest, Reply, Screen};
use indicatif::{ProgressBar, ProgressStyle};
use run::{Ask, Effect, Failure, Json, Outcome, RunId};
use serde_json::{Map, Value};

use crate::{
    args::Globals,
    output::{self, error_line, tame},
    prompts,
};

/// Standard output and error, and the person at the keyboard.
pub struct Terminal {
    /// Whether somebody is there to be asked.
    interactive: bool,
    /// Standard input belongs to the program.
    piped: bool,
    /// Whether progress can move.
    moving: bool,
    quiet: bool,
    verbose: bool,
    /// Whether standard output belongs to the one JSON value.
    json: bool,
    /// The ask that is answered from the command line, so that nobody is asked the same again.
    answered: Option<u64>,
    bar: Mutex<Option<ProgressBar>>,
    /// One question at a time.
    asking: tokio::sync::Mutex<()>,
}

/// How far a bar goes.
const STEPS: u64 = 1000;

impl Terminal {
    pub fn new(globals: &Globals) -> Arc<Self> {
        Self::answering(globals, None)
    }

    /// `answered` is the number of an ask whose answer is already on its way.
    pub fn answering(globals: &Globals, answered: Option<u64>) -> Arc<Self> {
        let error = std::io::stderr().is_terminal();
        Arc::new(Self {
            interactive: error && !globals.no_prompt && std::io::stdin().is_terminal(),
            piped: globals.alone && !std::io::stdin().is_terminal(),
            moving: error && !globals.quiet,
            quiet: globals.quiet,
            verbose: globals.verbose > 0,
            json: globals.json,
            answered,
            bar: Mutex::new(None),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// Takes the progress away.
    pub fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints without the progress getting into its way.
    fn print(&self, to_error: bool, text: &str) {
        let write = || match to_error {
            true => drop(std::io::stderr().lock().write_all(text.as_bytes())),
            false => output::raw(text.as_bytes()),
        };
        match &*self.bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.print(true, &format!("{}\n", tame(text)));
        }
    }

    /// A bar or a turning wheel with `message` beside it; elsewhere a line for each message.
    fn progress(&self, part: Option<f64>, message: Option<&str>) {
        if !self.moving {
            if let (Some(message), false) = (message, self.quiet) {
                error_line(tame(message));
            }
            return;
        }
        let mut held = self.bar();
        let bar = held.get_or_insert_with(|| {
            let bar = ProgressBar::new(STEPS);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let template = if part.is_some() || bar.position() > 0 {
            "{bar:30} {percent:>3}% {wide_msg}"
        } else {
            "{spinner} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if let Some(part) = part.filter(|part| part.is_finite()) {
            bar.set_position((part.clamp(0.0, 1.0) * STEPS as f64) as u64);
        }
        if let Some(message) = message {
            bar.set_message(tame(message));
        }
    }
}

/// The parts of an emit that are looked at.
struct Shown {
    map: Map<String, Value>,
    /// What was given, if it is no object.
    plain: Option<Value>,
}

impl Shown {
    fn new(data: Option<&Json>) -> Self {
        match data.map(Json::value) {
            Some(Value::Object(map)) => Self { map, plain: None },
            plain => Self { map: Map::new(), plain },
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.map.get(key)?.as_str()
    }

    /// The piece of a stream.
    fn piece(&self) -> Option<&Value> {
        self.map.get("data").or(self.plain.as_ref())
    }
}

/// The next line of standard input. Its end is a failure, since nobody will ever answer.
fn line(prompt: &str) -> Outcome {
    output::raw(prompt.as_bytes());
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_until(b'\n', &mut bytes);
    match read {
        Ok(0) => Err(Failure::new("Error", "standard input has ended")),
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches('\n').trim_end_matches('\r');
            Json::of(&text).map(Into::into).map_err(|e| Failure::new("Error", e.to_string()))
        }
        Err(error) => Err(Failure::new("Error", format!("standard input cannot be read: {error}"))),
    }
}

#[async_trait]
impl Screen for Terminal {
    fn show(&self, _: &RunId, effect: &Effect) {
        let Effect::Emit { kind, message, data } = effect else { return };
        let shown = Shown::new(data.as_ref());
        let message = message.as_deref().or_else(|| shown.text("message"));
        match kind.as_str() {
            "log" => {
                let to_error = matches!(shown.text("level"), Some("warn" | "error"));
                self.print(to_error || self.json, &format!("{}\n", message.unwrap_or_default()));
            }
            "stream" => {
                let text = match shown.piece() {
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => format!("{value}\n"),
                    None => message.unwrap_or_default().to_owned(),
                };
                let to_error = shown.map.get("fd").and_then(Value::as_u64) == Some(2);
                self.print(to_error || self.json, &text);
            }
            "progress" => {
                let part = ["value", "progress"].iter().find_map(|key| shown.map.get(*key)?.as_f64());
                self.progress(part, message);
            }
            "status" => self.progress(None, message),
            "toast" => self.note(message.unwrap_or_default()),
            "thinking" if self.verbose => self.note(&format!("thinking {}", message.unwrap_or_default())),
            // For the journal: which nodes of a DAG have ended.
            "thinking" | "nodes" => {}
            kind => {
                let what = message.map(str::to_owned).or_else(|| data.as_ref().map(|data| data.get().to_owned()));
                self.note(&format!("[{kind}] {}", output::cut(&what.unwrap_or_default(), 2000)));
            }
        }
    }

    async fn ask(&self, context: &CallContext, ask: &Ask) -> Option<Outcome> {
        if self.piped {
            let prompt = ask.message.clone();
            return tokio::task::spawn_blocking(move || line(&prompt)).await.ok();
        }
        if !self.interactive || self.answered == Some(context.n) {
            return None;
        }
        let _one = self.asking.lock().await;
        self.clear();
        output::fresh_line();
        let ask = ask.clone();
        let answer = tokio::task::spawn_blocking(move || prompts::ask(&ask)).await.ok()??;
        Some(Json::of(&answer).map(Into::into).map_err(|e| Failure::new("Error", e.to_string())))
    }

    async fn permission(&self, request: &PermissionRequest) -> Option<Reply> {
        if !self.interactive {
            return None;
        }
        let _one = self.asking.lock().await;
        self.clear();
        let (access, flag) = (tame(&request.access.to_string()), tame(&request.access.flag()));
        tokio::task::spawn_blocking(move || prompts::permission(&access, &flag)).await.ok()?
    }
}
