//! A journal for people: one line an entry.

use run::{
    Body, Entry, Failure,
    entry::{Value, Waiting},
    time::iso,
};

use crate::output::{cut, tame};

/// Writes entries out.
pub struct View {
    /// The longest description, in characters.
    pub wide: usize,
}

impl View {
    /// `2026-03-06T10:30:00.123Z  call      #3  fetch {"url":…}`
    pub fn line(&self, entry: &Entry) -> String {
        let (n, text) = describe(&entry.body);
        let n = n.map_or_else(String::new, |n| format!("#{n}"));
        // A fraction in every line keeps the columns straight.
        let time = iso(entry.ts);
        let time = if time.contains('.') { time } else { time.replace('Z', ".000Z") };
        let line = format!("{time}  {:10} {n:>5}  {}", entry.body.kind(), cut(&tame(&text), self.wide));
        line.trim_end().to_owned()
    }
}

fn describe(body: &Body) -> (Option<u64>, String) {
    match body {
        Body::Start(start) => {
            let fork = start.origin.as_ref().and_then(|origin| origin.fork.as_ref());
            let fork =
                fork.map_or_else(String::new, |fork| format!("  (goes on from {} at {})", fork.run, fork.checkpoint));
            let photon = start.photon.as_ref().filter(|photon| **photon != start.tool);
            let photon = photon.map_or_else(String::new, |photon| format!("{photon}."));
            (None, format!("{photon}{} {}{fork}", start.tool, shown(&start.params)))
        }
        Body::Emit { n, emit, message, data } => {
            let text = match (message, data) {
                (Some(message), _) => message.clone(),
                (None, Some(data)) => shown(data),
                (None, None) => String::new(),
            };
            (*n, format!("{emit}: {text}"))
        }
        Body::Checkpoint { n, id, state } => (*n, format!("{id} {}", shown(state))),
        Body::Ask { n, id, ask } => (*n, format!("{id} ({}): {}", ask.kind, ask.message)),
        // Secrets lie beside the journal, so they never show here.
        Body::Answer { n, id, value } => (*n, format!("{id} = {}", shown(value))),
        Body::Call { n, op, args } => (Some(*n), format!("{op} {}", shown(args))),
        Body::Result { n, op, args, outcome, .. } => {
            let what = match (op, args) {
                (Some(op), Some(args)) => format!("{op} {} → ", shown(args)),
                (Some(op), None) => format!("{op} → "),
                _ => String::new(),
            };
            (Some(*n), what + &came_back(outcome))
        }
        Body::Timer { n, .. } => (Some(*n), "fired".into()),
        Body::Signal { name, value, .. } => (None, format!("{name} {}", shown(value))),
        Body::Wait { waiting_for } => (None, waiting_for.iter().map(wait).collect::<Vec<_>>().join("; ")),
        Body::Resume { by, why, back_to } => {
            let back = back_to.map_or_else(String::new, |at| format!(", back to byte {at}"));
            (None, format!("{why} by {by}{back}"))
        }
        Body::Snapshot { hash, len } => (None, format!("{} {len} bytes", cut(&hash.to_string(), 12))),
        Body::Fork { .. } => (None, "goes its own way from here".into()),
        Body::Cancel { reason } => (None, reason.clone()),
        Body::Return { value } => (None, shown(value)),
        Body::Error { message, kind, .. } => (None, format!("{}: {message}", kind.as_deref().unwrap_or("error"))),
    }
}

fn came_back(outcome: &Result<Value, Failure>) -> String {
    match outcome {
        Ok(value) => shown(value),
        Err(failure) => format!("failed: {failure}"),
    }
}

/// Long values lie beside the journal; of bytes just their number is shown.
fn shown(value: &Value) -> String {
    match value {
        Value::Inline(payload) => match &payload.bytes {
            Some(bytes) if payload.json.get() == "null" => format!("({} bytes)", bytes.len()),
            Some(bytes) => format!("{} ({} bytes)", payload.json.get(), bytes.len()),
            None => payload.json.get().to_owned(),
        },
        Value::Beside(at) => format!("({} bytes, kept beside the journal)", at.len),
    }
}

fn wait(waiting: &Waiting) -> String {
    match waiting {
        Waiting::Ask { id, .. } => format!("an answer to {id}"),
        Waiting::Signal { name } => format!("the signal {name}"),
        Waiting::Timer { due } => iso(*due),
        Waiting::Call { n, op } => format!("a word on call {n} ({op})"),
        Waiting::Run { run, .. } => format!("run {run}"),
    }
}

#[cfg(test)]
mod tests {
    use run::Json;

    use super::*;

    #[test]
    fn lines_are_single_and_bounded() {
        let body = Body::Emit { n: Some(3), emit: "log".into(), message: Some("a\nb".repeat(100)), data: None };
        let line = View { wide: 20 }.line(&Entry { ts: 1_772_793_000_000, fence: 1, body });
        assert_eq!(line, "2026-03-06T10:30:00.000Z  emit          #3  log: a\\nba\\nba\\nba\\n…");
    }

    #[test]
    fn a_result_names_what_was_done() {
        let args = Value::from(Json::from(serde_json::json!({"path": "/x"})));
        let body = Body::Result {
            n: 1,
            op: Some("fs.readFile".into()),
            args: Some(args),
            sync: false,
            outcome: Err(Failure::new("Error", "no")),
        };
        assert_eq!(describe(&body), (Some(1), "fs.readFile {\"path\":\"/x\"} → failed: Error: no".into()));
    }
}
