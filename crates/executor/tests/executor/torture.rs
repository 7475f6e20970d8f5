//! Random programs on stores that fail at random moments: in the end the result is right, and no effect whose result
//! was recorded is performed again. A failure prints the seed that makes it happen again.

use std::{collections::BTreeMap, sync::Arc};

use executor::{ExecError, Executor, Finished, NewRun, Opened, Retry, SnapshotPolicy, Swap};
use run::{Body, Json, RunId};
use store::{StoreError, memory::MemoryStore};
use store_tests::{Faulty, Plan};

use crate::{
    machine::{Script, Step, code},
    rig::{Rig, seen},
};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn script(random: &mut Random) -> Script {
    let step = |random: &mut Random| match random.below(15) {
        0 | 1 => Step::Emit,
        2 | 3 => Step::Checkpoint,
        4 | 5 => Step::Read,
        6 | 7 => Step::Write,
        8 => Step::Slow,
        9 => Step::SyncRead,
        10 => Step::SyncWrite,
        11 => Step::Timer(random.below(20)),
        12 => Step::Ask,
        13 => Step::Aborted,
        _ => Step::Long(70_000),
    };
    (0..1 + random.below(4)).map(|_| (0..1 + random.below(12)).map(|_| step(random)).collect()).collect()
}

type Store = Faulty<MemoryStore>;

fn rig(store: &Store, snapshots: SnapshotPolicy, before: Option<&Rig>) -> Rig {
    let store = Arc::new(store.clone());
    let rig = Rig::over(store.clone(), store, snapshots);
    *rig.host.answers.lock().unwrap() = true;
    if let Some(before) = before {
        *rig.host.performed.lock().unwrap() = before.host.performed.lock().unwrap().clone();
        rig.host.skip_to(before);
    }
    rig
}

/// The numbers of the effects whose results are in the journal, and how often each stands there.
fn recorded(rig: &Rig, id: &RunId) -> Option<BTreeMap<u64, u64>> {
    let (entries, _) = rig.io.block_on(rig.executor.entries(id, 0)).ok()?;
    let mut counts = BTreeMap::new();
    for entry in entries {
        if let Some(n) = entry.body.wakes().or(match entry.body {
            Body::Result { n, sync: true, .. } => Some(n),
            _ => None,
        }) {
            *counts.entry(n).or_default() += 1;
        }
    }
    Some(counts)
}

fn attempt(
    executor: &Executor,
    io: &tokio::runtime::Runtime,
    id: &RunId,
    script: &Script,
) -> Result<Finished, ExecError> {
    let resumed = io.block_on(executor.resume(id, "torture", Retry::No, false));
    let driver = match resumed {
        Ok(Opened::Ended(finished)) => return Ok(finished),
        Ok(Opened::Driver(driver)) => *driver,
        Err(ExecError::Store(StoreError::NotFound(_)) | ExecError::State { .. }) => {
            let _ = io.block_on(executor.delete(id));
            io.block_on(executor.start(NewRun {
                id: Some(id.clone()),
                ..NewRun::new("main", Json::parse("{}".into()).unwrap(), code(script))
            }))?
        }
        Err(error) => return Err(error),
    };
    driver.drive()
}

fn life(seed: u64) {
    let mut random = Random(seed);
    let script = script(&mut random);
    let policies = [SnapshotPolicy::WhenItPays, SnapshotPolicy::Always, SnapshotPolicy::Never];
    let policy = policies[random.below(3) as usize];
    // Half of them are swapped out whenever they wait.
    let stay = random.below(2) as usize;
    let rig = |store: &Store, snapshots, before: Option<&Rig>| {
        rig(store, snapshots, before).limits(|config| config.swap = Swap::beyond(stay))
    };
    let id: RunId = "a".parse().unwrap();
    let mut store: Store = Faulty::new(MemoryStore::new(), Plan::random(random.below(u64::MAX), 40, 3));
    let mut now = rig(&store, policy, None);
    let mut lives = 0;
    let finished = loop {
        lives += 1;
        let finished = attempt(&now.executor, &now.io, &id, &script);
        match &finished {
            Ok(Finished::Completed(_)) => break finished.unwrap(),
            Ok(other) => panic!("seed {seed}: {other:?}"),
            Err(ExecError::Store(_) | ExecError::Missing { .. }) => {}
            Err(error) => panic!("seed {seed}, life {lives}: {error}\n{script:?}"),
        }
        // The next process; in the end one without faults.
        let plan = if lives < 12 { Plan::random(random.below(u64::MAX), 30, 2) } else { Plan::new(0) };
        assert!(lives < 20, "seed {seed}: it never ends: {finished:?}");
        store = now.io.block_on(store.reopen(plan)).unwrap();
        let next = rig(&store, policy, Some(&now));
        if let Some(counts) = recorded(&next, &id) {
            assert!(counts.values().all(|times| *times == 1), "seed {seed}: recorded twice: {counts:?}");
            let performed = next.host.performed.lock().unwrap().clone();
            let settled = counts.keys().filter_map(|n| performed.get_key_value(&format!("{id}/{n}")));
            *next.host.settled.lock().unwrap() = settled.map(|(key, times)| (key.clone(), *times)).collect();
        }
        now = next;
    };
    if std::env::var("SEED").is_ok() {
        eprintln!("{lives} lives of {script:?}");
    }
    for (key, times) in now.host.settled.lock().unwrap().iter() {
        let performed = now.host.performed.lock().unwrap()[key];
        assert_eq!(performed, *times, "seed {seed}: {key} was performed again although its result was recorded");
    }
    // A replay of the whole journal, without snapshots, gives what the run gave.
    let clean = rig(&now.io.block_on(store.reopen(Plan::new(0))).unwrap(), SnapshotPolicy::Never, None);
    let counts = recorded(&clean, &id).unwrap();
    assert!(counts.values().all(|times| *times == 1), "seed {seed}: {counts:?}");
    let look = clean.io.block_on(clean.executor.look(&id, None, None)).unwrap();
    assert_eq!(look.memory.to::<Vec<String>>().unwrap(), seen(&finished), "seed {seed}");
    assert_eq!(attempt(&clean.executor, &clean.io, &id, &script).unwrap(), finished);
}

#[test]
fn lives_with_faults_end_like_lives_without() {
    let first = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let lives = std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(400);
    match first {
        Some(seed) => life(seed),
        None => (0..lives).for_each(life),
    }
}
