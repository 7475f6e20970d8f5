//! Replay: a program is woken out of the journal, and what it asks for is compared with what the journal holds.

use run::{Body, Effect, Outcome, TurnEnd, Wake, entry::Value};

use crate::{ExecError, drive::Driven, port::Beyond, state::Arrived, tail::Placed};

impl Driven {
    /// Wakes the program out of the journal until `entries` are used up. Stops before the wake at `until`.
    pub fn replay(
        &mut self,
        start: Option<Wake>,
        entries: &[Placed],
        until: Option<u64>,
    ) -> Result<Option<TurnEnd>, ExecError> {
        let beyond = if self.log.is_some() { Beyond::Live } else { Beyond::Never };
        for placed in entries {
            let body = &placed.entry.body;
            if let Some(n) = body.issues().filter(|n| *n >= self.state.next) {
                self.recorded.issued.insert(n, body.clone());
            }
            if let Body::Result { n, sync: true, .. } = body
                && *n >= self.state.next
            {
                self.recorded.sync.insert(*n, body.clone());
            }
            self.recorded.wakes.extend(body.wakes());
        }
        let mut end = None;
        if let Some(wake) = start {
            end = self.replay_turn(wake, beyond)?;
        }
        for placed in entries {
            if end.is_some() {
                break;
            }
            let Some(n) = placed.entry.body.wakes() else {
                match &placed.entry.body {
                    Body::Fork { seed } => {
                        let wake = Wake::Reseed { seed: *seed, run: self.run.to_string() };
                        end = self.replay_turn(wake, beyond)?;
                    }
                    _ => self.take_signal_entry(placed),
                }
                continue;
            };
            if until == Some(placed.before.at) {
                return Ok(None);
            }
            self.recorded.wakes.pop_front();
            let outcome = self.recorded_outcome(n, &placed.entry.body)?;
            let wake = Wake::Result { n, outcome, now: placed.entry.ts };
            end = self.replay_turn(wake, beyond)?;
        }
        if let Some((n, body)) = self.recorded.issued.first_key_value() {
            let detail = format!("the journal holds `{}`, which the program did not ask for", body.kind());
            return Err(ExecError::Diverged { run: self.run.clone(), n: *n, detail });
        }
        Ok(end)
    }

    fn replay_turn(&mut self, wake: Wake, beyond: Beyond) -> Result<Option<TurnEnd>, ExecError> {
        match self.turn(wake, beyond) {
            Ok((TurnEnd::Idle, asked)) => self.after_turn(asked, true).map(|()| None),
            Ok((end, asked)) => self.after_turn(asked, true).map(|()| Some(end)),
            Err(Ok(stop)) => Ok(Some(TurnEnd::Failed(stop))),
            Err(Err(error)) => Err(error),
        }
    }

    fn take_signal_entry(&mut self, placed: &Placed) {
        if let Body::Signal { id, name, value } = &placed.entry.body {
            self.messages_end = placed.after.at;
            self.state.signals.push_back(Arrived { name: name.clone(), value: value.clone() });
            self.state.took_message(id.clone());
        }
    }

    fn recorded_outcome(&mut self, n: u64, body: &Body) -> Result<Outcome, ExecError> {
        if n >= self.state.next {
            let detail =
                format!("the journal holds a result (`{}`) of an effect that the program never asked for", body.kind());
            return Err(ExecError::Diverged { run: self.run.clone(), n, detail });
        }
        self.check_recorded(n, body)?;
        self.delivered(n, !matches!(body, Body::Result { outcome: Err(_), .. }));
        match body {
            Body::Answer { value: value @ Value::Beside(_), .. } => Ok(Ok(self.fetch(value)?.json.into())),
            Body::Answer { value, .. } | Body::Result { outcome: Ok(value), .. } => Ok(Ok(self.fetch(value)?)),
            Body::Result { outcome: Err(failure), .. } => Ok(Err(failure.clone())),
            _ => Ok(Ok(run::Payload::null())),
        }
    }

    /// Compares a recorded result with the effect that the program asked for under this number.
    fn check_recorded(&mut self, n: u64, body: &Body) -> Result<(), ExecError> {
        // An effect that was withdrawn after its result was recorded is pending no more.
        let Some(effect) = self.state.pending.get(&n).cloned() else { return Ok(()) };
        let held = match body {
            Body::Result { op: Some(op), args: Some(args), .. } => Some((op.as_str(), self.fetch(args)?)),
            _ => None,
        };
        let same = match (&effect, body, &held) {
            (Effect::Timer { due }, Body::Timer { due: held, .. }, _) => due == held,
            (Effect::Signal { name }, _, Some(("signal", args))) => {
                self.state.take_signal(name);
                args.json.to::<String>().is_ok_and(|held| held == *name)
            }
            (Effect::Call { op, args }, Body::Result { .. }, Some((held, held_args))) => {
                op == held && self.parts.host.recorded(op, args) == *held_args
            }
            // These have entries of their own, compared when they were asked for.
            (Effect::Call { .. }, Body::Result { op: None, .. }, _) => true,
            (Effect::Ask(_), Body::Answer { .. } | Body::Result { op: None, .. }, _) => true,
            (Effect::Checkpoint { .. }, Body::Checkpoint { .. }, _) => true,
            _ => false,
        };
        if same {
            return Ok(());
        }
        let held = held.map_or_else(|| body.kind().to_owned(), |(op, args)| format!("{op} {}", args.json.get()));
        let asked = effect.kind();
        let detail =
            format!("the journal holds a result of `{held}`; the program asked for `{asked}`, or with something else");
        Err(ExecError::Diverged { run: self.run.clone(), n, detail })
    }
}
