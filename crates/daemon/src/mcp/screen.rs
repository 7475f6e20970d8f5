//! What runs show and ask, on its way to whoever follows them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use executor::CallContext;
use host::Screen;
use run::{Ask, Effect, Json, Outcome, RunId};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// What a run printed, kept for its result: at most this much, in bytes.
const LOGS: usize = 256 << 10;

/// What is on its way to one follower. Progress that it has no time for is dropped.
const ON_THE_WAY: usize = 1024;

/// The screen of a server: hands what a run shows and asks to the call that follows the run.
#[derive(Default)]
pub struct Screens {
    followed: Mutex<HashMap<RunId, Follower>>,
    serial: Mutex<u64>,
}

#[derive(Clone)]
struct Follower {
    serial: u64,
    events: mpsc::Sender<Event>,
    questions: mpsc::UnboundedSender<Question>,
    logs: Arc<Mutex<Logs>>,
}

/// The end of the follower: what a run shows and asks, and what it has printed.
pub struct Followed {
    /// What it shows.
    pub events: mpsc::Receiver<Event>,
    /// What it asks.
    pub questions: mpsc::UnboundedReceiver<Question>,
    logs: Arc<Mutex<Logs>>,
    screens: Arc<Screens>,
    run: RunId,
    serial: u64,
}

/// What a run shows.
#[derive(Debug)]
pub enum Event {
    /// How far it is.
    Progress {
        /// 0 to 1.
        part: Option<f64>,
        /// What it does.
        message: Option<String>,
    },
    /// A line for people.
    Log {
        /// `debug`, `info`, `warning`, `error`.
        level: Level,
        /// The text, or the whole value of an emit without one.
        data: Value,
    },
}

/// How important a line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// For the author.
    Debug,
    /// Ordinary.
    Info,
    /// Perhaps wrong.
    Warning,
    /// Wrong.
    Error,
}

/// A question of a run.
pub struct Question {
    /// The number of the ask.
    pub n: u64,
    /// The question.
    pub ask: Ask,
    /// For the answer; dropped without one, the run waits. Closed when somebody else has answered.
    pub reply: oneshot::Sender<Value>,
}

#[derive(Default)]
struct Logs {
    text: String,
    cut: bool,
}

impl Screens {
    /// Follows `run` from here on. Whoever follows last is asked.
    pub fn follow(self: &Arc<Self>, run: &RunId) -> Followed {
        let serial = {
            let mut last = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
            *last += 1;
            *last
        };
        let (events, shown) = mpsc::channel(ON_THE_WAY);
        let (questions, asked) = mpsc::unbounded_channel();
        let logs = Arc::<Mutex<Logs>>::default();
        self.lock().insert(run.clone(), Follower { serial, events, questions, logs: logs.clone() });
        Followed { events: shown, questions: asked, logs, screens: self.clone(), run: run.clone(), serial }
    }

    /// Who follows the run, or the one that called it: `{run}_{n}` was called by `{run}`.
    fn follower(&self, run: &RunId) -> Option<Follower> {
        let followed = self.lock();
        let mut run = run.clone();
        loop {
            if let Some(follower) = followed.get(&run) {
                return Some(follower.clone());
            }
            let (caller, n) = run.as_str().rsplit_once('_')?;
            // `3r1` is the third effect's, after one retry.
            n.split('r').next()?.parse::<u64>().ok()?;
            run = caller.parse().ok()?;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Follower>> {
        // Each holder does one operation on the map.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    /// What the run has printed since it is followed; of much, the beginning.
    pub fn logs(&self) -> Option<String> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let more = if logs.cut { "…\n(more is in the run's log)\n" } else { "" };
        (!logs.text.is_empty()).then(|| format!("{}{more}", logs.text))
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut followed = self.screens.lock();
        // Somebody else may follow the run by now.
        if followed.get(&self.run).is_some_and(|held| held.serial == self.serial) {
            followed.remove(&self.run);
        }
    }
}

impl Logs {
    fn add(&mut self, text: &str) {
        let room = LOGS.saturating_sub(self.text.len());
        if text.len() <= room && !self.cut {
            self.text.push_str(text);
            return;
        }
        if !self.cut {
            let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            self.text.push_str(&text[..end]);
        }
        self.cut = true;
    }
}

/// What an emit is to a client, and the text that it prints.
fn shown(kind: &str, message: Option<&str>, data: Option<&Json>) -> (Option<Event>, Option<String>) {
    let value = data.map(Json::value);
    let map = value.as_ref().and_then(Value::as_object);
    let field = |name: &str| map.and_then(|map| map.get(name));
    let text = message.or_else(|| field("message")?.as_str()).map(str::to_owned);
    let log = |level, data| Some(Event::Log { level, data });
    match kind {
        "progress" => {
            let part =
                ["value", "progress"].iter().find_map(|name| field(name)?.as_f64()).filter(|part| part.is_finite());
            (Some(Event::Progress { part, message: text }), None)
        }
        "status" => (Some(Event::Progress { part: None, message: text }), None),
        "log" => {
            let level = match field("level").and_then(Value::as_str) {
                Some("debug" | "trace") => Level::Debug,
                Some("warn" | "warning") => Level::Warning,
                Some("error") => Level::Error,
                _ => Level::Info,
            };
            let text = text.unwrap_or_default();
            (log(level, text.clone().into()), Some(format!("{text}\n")))
        }
        "stream" => {
            let piece = field("data").or(value.as_ref().filter(|value| !value.is_object()));
            let printed = match piece {
                Some(Value::String(piece)) => piece.clone(),
                Some(piece) => format!("{piece}\n"),
                None => text.unwrap_or_default(),
            };
            (log(Level::Info, printed.clone().into()), Some(printed))
        }
        "thinking" => (log(Level::Debug, text.map_or_else(|| value.clone().unwrap_or_default(), Value::from)), None),
        // For the journal: which nodes of a DAG have ended.
        "nodes" => (None, None),
        kind => {
            let whole = value.clone().or(text.map(Value::from)).unwrap_or_default();
            (log(Level::Info, serde_json::json!({ "emit": kind, "data": whole })), None)
        }
    }
}

#[async_trait]
impl Screen for Screens {
    fn show(&self, run: &RunId, effect: &Effect) {
        let Effect::Emit { kind, message, data } = effect else { return };
        let Some(follower) = self.follower(run) else { return };
        let (event, printed) = shown(kind, message.as_deref(), data.as_ref());
        if let Some(printed) = printed {
            follower.logs.lock().unwrap_or_else(PoisonError::into_inner).add(&printed);
        }
        if let Some(event) = event {
            // A client that does not read must not hold the run up: all of it is in the journal.
            let _ = follower.events.try_send(event);
        }
    }

    async fn ask(&self, context: &CallContext, ask: &Ask) -> Option<Outcome> {
        let follower = self.follower(&context.run)?;
        let (reply, answered) = oneshot::channel();
        follower.questions.send(Question { n: context.n, ask: ask.clone(), reply }).ok()?;
        drop(follower);
        let answer = answered.await.ok()?;
        Some(Ok(Json::from(answer).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(kind: &str, data: Value) -> Effect {
        Effect::Emit { kind: kind.into(), message: None, data: Some(data.into()) }
    }

    #[tokio::test]
    async fn what_a_run_shows_reaches_who_follows_it() {
        let screens = Arc::new(Screens::default());
        let run: RunId = "a".parse().expect("an id");
        let other: RunId = "b".parse().expect("an id");
        let mut followed = screens.follow(&run);
        screens.show(&run, &emit("progress", serde_json::json!({ "value": 0.5, "message": "half" })));
        screens.show(&other, &emit("status", serde_json::json!({ "message": "not mine" })));
        screens.show(&run, &emit("log", serde_json::json!({ "level": "warn", "message": "hm" })));
        screens.show(&run, &emit("stream", serde_json::json!("piece")));
        assert!(matches!(followed.events.recv().await, Some(Event::Progress { part: Some(0.5), message: Some(text) })
            if text == "half"));
        assert!(matches!(followed.events.recv().await, Some(Event::Log { level: Level::Warning, .. })));
        assert_eq!(followed.logs().as_deref(), Some("hm\npiece"));
        assert!(matches!(followed.events.recv().await, Some(Event::Log { level: Level::Info, .. })));
        let child: RunId = "a_3r1_14".parse().expect("an id");
        screens.show(&child, &emit("status", serde_json::json!({ "message": "of what it called" })));
        assert!(matches!(followed.events.recv().await, Some(Event::Progress { part: None, .. })));
        drop(followed);
        assert!(screens.lock().is_empty());
    }

    #[test]
    fn logs_are_cut() {
        let mut logs = Logs::default();
        logs.add(&"ä".repeat(LOGS));
        logs.add("more");
        assert!(logs.cut && logs.text.len() <= LOGS && !logs.text.ends_with("more"));
    }
}
