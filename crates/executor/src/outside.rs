//! What comes from outside while a run is driven: answers, signals, a person's word, cancellation.

use std::time::Instant;

use run::{Body, Effect, entry::Value};

use crate::{ExecError, control::Request, drive::Driven, state::Arrived};

impl Driven {
    /// Records what came from outside.
    pub(crate) fn take_messages(&mut self) -> Result<(), ExecError> {
        self.looked = Instant::now();
        for message in self.log().messages()? {
            if !self.state.messages.contains(&message.id) {
                match Request::read(&message) {
                    Some(Request::Answer { n, id, value }) => self.answer(n, id, value)?,
                    Some(Request::Signal { name, value }) => self.signal(message.id.clone(), name, value.into())?,
                    Some(Request::Settle { n, value }) => self.settle(n, value)?,
                    Some(Request::Cancel { reason }) => {
                        self.control.cancel(reason);
                        return Ok(());
                    }
                    None => {
                        tracing::warn!(run = %self.run, id = message.id, "a message that cannot be read was dropped")
                    }
                }
            }
            self.log().acknowledge(message.id)?;
        }
        Ok(())
    }

    fn answer(&mut self, number: Option<u64>, id: Option<String>, value: run::Json) -> Result<(), ExecError> {
        let open = self.state.pending.iter().find(|(n, effect)| {
            matches!(effect, Effect::Ask(_))
                && !self.undelivered.contains(n)
                && number.is_none_or(|number| number == **n)
                && id.as_ref().is_none_or(|id| self.state.ask_ids.get(n) == Some(id))
        });
        match open.map(|(n, _)| *n) {
            Some(n) => {
                if let Some(task) = self.tasks.remove(&n) {
                    task.abort();
                }
                self.record(n, Ok(value.into()))
            }
            None => {
                tracing::warn!(run = %self.run, ?id, "an answer to no open question was dropped");
                Ok(())
            }
        }
    }

    fn signal(&mut self, id: String, name: String, value: Value) -> Result<(), ExecError> {
        self.log().push(Body::Signal { id: Some(id.clone()), name: name.clone(), value: value.clone() })?;
        self.messages_end = self.log().end().at;
        self.state.took_message(Some(id));
        self.state.signals.push_back(Arrived { name: name.clone(), value });
        let waiting = self.state.pending.iter().find_map(|(n, effect)| match effect {
            Effect::Signal { name: wanted } if *wanted == name && !self.undelivered.contains(n) => Some(*n),
            _ => None,
        });
        match waiting {
            Some(n) => self.begin(n, false),
            None => self.log().flush().map_err(ExecError::from),
        }
    }

    fn settle(&mut self, n: u64, value: Option<run::Json>) -> Result<(), ExecError> {
        if !self.held.contains(&n) {
            tracing::warn!(run = %self.run, n, "a word on an operation that needs none was dropped");
            return Ok(());
        }
        self.held.remove(&n);
        match value {
            Some(value) => self.record(n, Ok(value.into())),
            None => self.begin(n, false),
        }
    }
}
