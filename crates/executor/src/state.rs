//! The executor's own state of a run: what a snapshot must hold beside the guest's image.

use std::collections::{BTreeMap, VecDeque};

use run::{
    Effect, Hash,
    entry::{Held, Value},
};
use serde::{Deserialize, Serialize};

/// What was asked and has no result yet, and the counters that go on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The number of the next effect.
    pub next: u64,
    /// How many checkpoints and asks there were: for ids by position.
    pub checkpoints: u64,
    pub asks: u64,
    /// Bytes shown so far.
    pub output: u64,
    /// Effects without a result.
    #[serde(with = "pairs")]
    pub pending: BTreeMap<u64, Effect>,
    /// The names of the asks among them.
    #[serde(with = "pairs")]
    pub ask_ids: BTreeMap<u64, String>,
    /// The messages that were recorded last: after a crash they may still, or again, be in the inbox.
    pub messages: VecDeque<String>,
    /// Messages from outside that nobody has asked for yet.
    pub signals: VecDeque<Arrived>,
    /// The snapshots of this run that are kept, oldest first.
    pub snapshots: Vec<Kept>,
    /// What the run holds against others, in the order in which it took it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Held>,
}

/// A message from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub name: String,
    #[serde(with = "value")]
    pub value: Value,
}

/// A snapshot in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub hash: Hash,
    /// Which snapshot of the run it is, from 0.
    pub serial: u64,
    /// How many parents it needs.
    pub depth: u32,
}

impl State {
    /// The name of a checkpoint: the program's own, or by position.
    pub fn checkpoint_id(&mut self, own: Option<&String>) -> String {
        let position = self.checkpoints;
        self.checkpoints += 1;
        own.cloned().unwrap_or_else(|| format!("cp_{position}"))
    }

    /// The name of an ask: the program's own, or by position.
    pub fn ask_id(&mut self, n: u64, own: Option<&String>) -> String {
        let position = self.asks;
        self.asks += 1;
        let id = own.cloned().unwrap_or_else(|| format!("ask_{position}"));
        self.ask_ids.insert(n, id.clone());
        id
    }

    /// Effect `n` has its result.
    pub fn delivered(&mut self, n: u64) {
        self.pending.remove(&n);
        self.ask_ids.remove(&n);
    }

    /// Remembers that a message was recorded.
    pub fn took_message(&mut self, id: Option<String>) {
        const REMEMBERED: usize = 64;
        self.messages.extend(id);
        while self.messages.len() > REMEMBERED {
            self.messages.pop_front();
        }
    }

    /// Takes the first waiting message by that name.
    pub fn take_signal(&mut self, name: &str) -> Option<Value> {
        let at = self.signals.iter().position(|arrived| arrived.name == name)?;
        self.signals.remove(at).map(|arrived| arrived.value)
    }
}

/// JSON object keys are text; a list of pairs keeps numbers numbers.
mod pairs {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<V: Serialize, S: Serializer>(map: &BTreeMap<u64, V>, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(map)
    }

    pub fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<u64, V>, D::Error> {
        Vec::<(u64, V)>::deserialize(d).map(|pairs| pairs.into_iter().collect())
    }
}

mod value {
    use super::*;
    use run::{Payload, entry::ValueRef};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Form {
        Inline(Payload),
        Beside(ValueRef),
    }

    pub fn serialize<S: Serializer>(value: &Value, s: S) -> Result<S::Ok, S::Error> {
        match value.clone() {
            Value::Inline(payload) => Form::Inline(payload),
            Value::Beside(at) => Form::Beside(at),
        }
        .serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
        Ok(match Form::deserialize(d)? {
            Form::Inline(payload) => Value::Inline(payload),
            Form::Beside(at) => Value::Beside(at),
        })
    }
}
