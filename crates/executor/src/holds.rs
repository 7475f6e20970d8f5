//! What a run holds against others: noted when it takes it and gives it back, and taken again, before its program goes
//! on, when the run is taken up.

use std::{
    collections::HashMap,
    sync::mpsc::{self, RecvTimeoutError},
};

use run::{
    Body, Effect, Payload, Wake,
    entry::{Held, Value},
};

use crate::{
    ExecError, Hold, Host,
    drive::{Driven, Flow, LOOK},
    tail::Placed,
};

/// A replay that has to wait until the run has what it held: it may go on into the present.
pub(crate) struct Again {
    pub holds: Vec<Held>,
    pub wake: Option<Wake>,
    pub entries: Vec<Placed>,
}

impl Driven {
    /// Effect `n` has its result: it waits no more, and what it took or gave back is noted.
    pub(crate) fn delivered(&mut self, n: u64, good: bool) {
        if let Some(Effect::Call { op, args }) = self.state.pending.get(&n) {
            note(&mut self.state.holds, &*self.parts.host, op, args, good);
        }
        self.state.delivered(n);
    }

    /// What the run holds when `entries` have come.
    pub(crate) fn holds_after(&self, entries: &[Placed]) -> Result<Vec<Held>, ExecError> {
        let host = &*self.parts.host;
        let mut holds = self.state.holds.clone();
        let mut asked: HashMap<u64, (&str, &Value)> = HashMap::new();
        for placed in entries {
            let (n, call, good) = match &placed.entry.body {
                Body::Call { n, op, args } => {
                    asked.insert(*n, (op, args));
                    continue;
                }
                Body::Result { n, op: Some(op), args: Some(args), outcome, .. } => {
                    (n, Some((op.as_str(), args)), outcome.is_ok())
                }
                Body::Result { n, outcome, .. } => (n, asked.remove(n), outcome.is_ok()),
                _ => continue,
            };
            match (call, self.state.pending.get(n)) {
                // What takes something is never long.
                (Some((_, Value::Beside(_))), _) if holds.is_empty() => {}
                (Some((op, args)), _) => note(&mut holds, host, op, &self.fetch(args)?, good),
                (None, Some(Effect::Call { op, args })) => note(&mut holds, host, op, args, good),
                (None, _) => {}
            }
        }
        Ok(holds)
    }

    /// Takes what the run held again, and waits as long as others have it. Then the program is woken, and driven on.
    pub(crate) fn take_again(&mut self, again: Again) -> Result<Flow, ExecError> {
        let Again { holds, wake, entries } = again;
        self.set_deadline();
        let (send, receive) = mpsc::channel();
        let (host, context) = (self.parts.host.clone(), self.identity.context(&self.run, 0));
        let taking = self.parts.io.spawn(async move {
            for Held { op, args } in holds {
                if let Err(failure) = host.clone().perform(context.clone(), op, args.into()).await {
                    let _ = send.send(Err(failure));
                    return;
                }
            }
            let _ = send.send(Ok(()));
        });
        loop {
            match receive.recv_timeout(LOOK) {
                Ok(Ok(())) => break,
                Ok(Err(failure)) => {
                    let state = format!("cannot go on, since what it held cannot be taken again: {failure}");
                    return Err(ExecError::State { run: self.run.clone(), state });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let state = "cannot go on, since taking again what it held was cut off".into();
                    return Err(ExecError::State { run: self.run.clone(), state });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let messages = self.log().messages()?;
            self.control.look_for_cancel(&messages);
            if let Some(reason) = self.control.stop_reason() {
                taking.abort();
                return self.stopped(reason);
            }
        }
        match self.replay(wake, &entries, None)? {
            Some(end) => self.finish(end),
            None => self.begin_with(None),
        }
    }
}

fn note(holds: &mut Vec<Held>, host: &dyn Host, op: &str, args: &Payload, good: bool) {
    match host.hold(op, args) {
        Some(Hold::Takes(_)) if good => holds.push(Held { op: op.to_owned(), args: args.json.clone() }),
        Some(Hold::Gives(name)) => {
            let takes = Some(Hold::Takes(name));
            if let Some(at) = holds.iter().rposition(|held| host.hold(&held.op, &held.args.clone().into()) == takes) {
                holds.remove(at);
            }
        }
        _ => {}
    }
}
