//! Random histories: two stores that are given the same calls must give the same answers.

use std::collections::HashMap;

use proptest::prelude::*;
use run::RunId;
use store::{CheckpointStore, Expect, JournalStore, Lease, SaveOptions, StoreError, Version};

use crate::{driver, run_id};

/// A call. Runs, lease slots and keys are numbers below `RUNS`, `SLOTS` and the number of keys.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Call {
    Create {
        run: u8,
        slot: u8,
    },
    Acquire {
        run: u8,
        slot: u8,
        take_over: bool,
    },
    Release {
        slot: u8,
    },
    Append {
        slot: u8,
        bytes: u16,
        off: i8,
    },
    Truncate {
        slot: u8,
        off: i8,
        back: u8,
    },
    Sync {
        slot: u8,
    },
    Read {
        run: u8,
        from: u16,
        max: u16,
    },
    Look {
        run: u8,
    },
    Delete {
        run: u8,
    },
    Post {
        run: u8,
        body: u8,
    },
    Acknowledge {
        slot: u8,
        which: u8,
    },
    Save {
        key: u8,
        bytes: u16,
        durable: bool,
    },
    /// Expecting the newest version that the player saw under the key (`stale`: an older one), or nothing.
    SaveIf {
        key: u8,
        bytes: u16,
        stale: bool,
        absent: bool,
    },
    Load {
        key: u8,
    },
    DeleteKey {
        key: u8,
    },
    Keys {
        prefix: u8,
        len: u8,
    },
}

const RUNS: u8 = 3;
const SLOTS: u8 = 4;
const KEYS: [&str; 8] =
    ["code/a", "code/b", "codes", "runs/r0/x", "runs/r0/y/z", "runs/r1/x", "runs/r2/x", "state/p/default"];

/// Histories of up to `len` calls.
pub fn histories(len: usize) -> impl Strategy<Value = Vec<Call>> {
    let (run, slot, key) = (0..RUNS, 0..SLOTS, 0..KEYS.len() as u8);
    let off = prop_oneof![8 => Just(0i8), 1 => -3..=3i8];
    let call = prop_oneof![
        3 => (run.clone(), slot.clone()).prop_map(|(run, slot)| Call::Create { run, slot }),
        4 => (run.clone(), slot.clone(), any::<bool>()).prop_map(|(run, slot, take_over)| Call::Acquire { run, slot, take_over }),
        3 => slot.clone().prop_map(|slot| Call::Release { slot }),
        8 => (slot.clone(), 0..2000u16, off.clone()).prop_map(|(slot, bytes, off)| Call::Append { slot, bytes, off }),
        2 => (slot.clone(), off, any::<u8>()).prop_map(|(slot, off, back)| Call::Truncate { slot, off, back }),
        2 => slot.clone().prop_map(|slot| Call::Sync { slot }),
        3 => (run.clone(), 0..3000u16, 0..3000u16).prop_map(|(run, from, max)| Call::Read { run, from, max }),
        3 => run.clone().prop_map(|run| Call::Look { run }),
        2 => run.clone().prop_map(|run| Call::Delete { run }),
        3 => (run, any::<u8>()).prop_map(|(run, body)| Call::Post { run, body }),
        2 => (slot, any::<u8>()).prop_map(|(slot, which)| Call::Acknowledge { slot, which }),
        3 => (key.clone(), 0..2000u16, any::<bool>()).prop_map(|(key, bytes, durable)| Call::Save { key, bytes, durable }),
        3 => (key.clone(), 0..2000u16, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(key, bytes, stale, absent)| Call::SaveIf { key, bytes, stale, absent }),
        2 => key.clone().prop_map(|key| Call::Load { key }),
        1 => key.clone().prop_map(|key| Call::DeleteKey { key }),
        2 => (key, 0..20u8).prop_map(|(prefix, len)| Call::Keys { prefix, len }),
    ];
    prop::collection::vec(call, 1..len)
}

/// Plays a history to a store; its answers, in a form in which two stores' can be compared.
pub async fn play<S: JournalStore + CheckpointStore>(store: &S, calls: &[Call]) -> Vec<String> {
    let mut player = Player { store, slots: HashMap::new(), fences: HashMap::new(), versions: HashMap::new() };
    let mut answers = Vec::new();
    for (i, call) in calls.iter().enumerate() {
        let answer = player.call(call, i).await;
        answers.push(format!("{i} {call:?}: {}", answer.unwrap_or_else(|error| word(&error))));
    }
    answers
}

/// The error without what only one store says.
fn word(error: &StoreError) -> String {
    match error {
        StoreError::Held { run, owner } => format!("{run} held by {}", owner.what),
        StoreError::Fenced { run, .. } => format!("{run} fenced"),
        StoreError::Conflict { key, found } => format!("{key} in conflict with {}", found.is_some()),
        error => error.to_string(),
    }
}

struct Player<'a, S> {
    store: &'a S,
    slots: HashMap<u8, Lease>,
    /// The newest fence of each run that has not been deleted since.
    fences: HashMap<RunId, u64>,
    /// The versions of each key that this player's own conditional saves made.
    versions: HashMap<&'static str, Vec<Version>>,
}

fn id(run: u8) -> RunId {
    run_id(&format!("r{run}"))
}

impl<S: JournalStore + CheckpointStore> Player<'_, S> {
    fn keep(&mut self, slot: u8, lease: Lease) -> String {
        let last = self.fences.insert(lease.run.clone(), lease.fence);
        assert!(last < Some(lease.fence), "fence {} after {last:?}", lease.fence);
        self.slots.insert(slot, lease);
        "a lease".into()
    }

    async fn call(&mut self, call: &Call, i: usize) -> Result<String, StoreError> {
        let bytes = |len: u16| vec![b'a' + (i % 26) as u8; len.into()];
        let store = self.store;
        Ok(match *call {
            Call::Create { run, slot } => {
                let lease = store.create(&id(run), &driver(&format!("driver {i}"))).await?;
                self.keep(slot, lease)
            }
            Call::Acquire { run, slot, take_over } => {
                let lease = store.acquire(&id(run), &driver(&format!("driver {i}")), take_over).await?;
                self.keep(slot, lease)
            }
            Call::Release { slot } => {
                self.slots.remove(&slot);
                String::new()
            }
            Call::Append { slot, bytes: len, off } => {
                let Some(lease) = self.slots.get(&slot) else { return Ok(String::new()) };
                let end = store.len(&lease.run).await?;
                store.append(lease, end.saturating_add_signed(off.into()), bytes(len).into()).await?;
                format!("{} bytes", store.len(&lease.run).await?)
            }
            Call::Truncate { slot, off, back } => {
                let Some(lease) = self.slots.get(&slot) else { return Ok(String::new()) };
                let end = store.len(&lease.run).await?.saturating_add_signed(off.into());
                store.truncate(lease, end.saturating_sub(back.into())).await?;
                format!("{} bytes", store.len(&lease.run).await?)
            }
            Call::Sync { slot } => {
                let Some(lease) = self.slots.get(&slot) else { return Ok(String::new()) };
                store.sync(lease).await?;
                "synced".into()
            }
            Call::Read { run, from, max } => format!("{:?}", store.read(&id(run), from.into(), max.into()).await?),
            Call::Look { run } => self.look(&id(run)).await?,
            Call::Delete { run } => {
                JournalStore::delete(store, &id(run)).await?;
                self.fences.remove(&id(run));
                "deleted".into()
            }
            Call::Post { run, body } => {
                store.post(&id(run), vec![body].into()).await?;
                "posted".into()
            }
            Call::Acknowledge { slot, which } => {
                let Some(lease) = self.slots.get(&slot) else { return Ok(String::new()) };
                let messages = store.messages(&lease.run).await?;
                let Some(message) = messages.get(usize::from(which) % messages.len().max(1)) else {
                    return Ok("no messages".into());
                };
                store.acknowledge(lease, &message.id).await?;
                format!("{:?}", message.body)
            }
            Call::Save { key, bytes: len, durable } => {
                store.save(KEYS[usize::from(key)], bytes(len).into(), durable).await?;
                "saved".into()
            }
            Call::SaveIf { key, bytes: len, stale, absent } => {
                let key = KEYS[usize::from(key)];
                let versions = self.versions.entry(key).or_default();
                // The same bytes may have the same version, so that an older one is not always stale.
                let seen = if stale { versions.first() } else { versions.last() };
                let expect = match seen {
                    Some(version) if !absent => Expect::Version(version.clone()),
                    _ => Expect::Absent,
                };
                let how = SaveOptions { expect, durable: false, ttl: None };
                let mut unique: Vec<u8> = bytes(len);
                unique.extend(i.to_le_bytes());
                versions.push(store.save_with(key, unique.into(), how).await?);
                "saved".into()
            }
            Call::Load { key } => format!("{:?}", store.load(KEYS[usize::from(key)]).await?),
            Call::DeleteKey { key } => {
                CheckpointStore::delete(store, KEYS[usize::from(key)]).await?;
                "deleted".into()
            }
            Call::Keys { prefix, len } => {
                let key = KEYS[usize::from(prefix)];
                let prefix = &key[..usize::from(len).min(key.len())];
                format!("{prefix}: {:?}", CheckpointStore::list(store, prefix).await?)
            }
        })
    }

    /// Everything there is to see of a run, and of the runs.
    async fn look(&self, run: &RunId) -> Result<String, StoreError> {
        let mut runs: Vec<_> = JournalStore::list(self.store).await?.into_iter().map(|r| (r.run, r.len)).collect();
        runs.sort();
        let messages: Vec<_> = self.store.messages(run).await?.into_iter().map(|message| message.body).collect();
        let owner = match self.store.owner(run).await {
            Ok(owner) => owner.map(|owner| owner.what),
            Err(error) => Some(word(&error)),
        };
        Ok(format!("{runs:?} {messages:?} {owner:?}"))
    }
}
