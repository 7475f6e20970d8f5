//! The paths of a run, one by one.

use std::sync::Arc;

use executor::{ExecError, Finished, Request, Retry, SnapshotPolicy};
use run::{Body, Json, Status, entry::Waiting};
use store::{CheckpointStore, MemoryStore};

use crate::{
    machine::Step::{self, *},
    rig::{Rig, seen},
};

fn all_steps() -> Vec<Vec<Step>> {
    vec![
        vec![Emit, Read, Checkpoint, Write, SyncRead, Timer(3), Aborted, Long(100_000), Checkpoint],
        vec![Slow, Read, SyncWrite, Timer(1), Write, Emit, Slow],
    ]
}

#[test]
fn a_run_completes_and_its_recorded_result_is_given_again() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    let first = rig.start("a", &all_steps()).unwrap();
    assert_eq!(seen(&first).len(), 1 + 7 + 6);
    assert_eq!(rig.resume("a").unwrap(), first);
    assert!(rig.host.performed.lock().unwrap().values().all(|times| *times == 1));
    assert_eq!(*rig.host.shown.lock().unwrap(), ["0.1", "1.6"]);
}

#[test]
fn a_run_waits_for_an_answer_and_goes_on() {
    for snapshots in [SnapshotPolicy::WhenItPays, SnapshotPolicy::Never] {
        let rig = Rig::new(snapshots);
        let finished = rig.start("a", &vec![vec![Read, Ask, Write, Ask, Read]]).unwrap();
        let ask = Waiting::Ask { id: "same".into(), ask: "text".into(), message: "0.2".into(), spec: ().into() };
        assert_eq!(finished, Finished::Waiting(vec![ask]));
        let id = "a".parse().unwrap();
        for _ in 0..2 {
            // Nothing has come: it waits on.
            assert!(matches!(rig.resume("a").unwrap(), Finished::Waiting(_)));
            let answer = Request::Answer { n: None, id: None, value: Json::parse("false".into()).unwrap() };
            rig.io.block_on(rig.executor.post(&id, &answer)).unwrap();
            rig.resume("a").unwrap();
        }
        let seen = seen(&rig.resume("a").unwrap());
        assert!(seen[2].ends_with("false 0") && seen[4].ends_with("false 0"), "{seen:?}");
        assert!(rig.host.performed.lock().unwrap().values().all(|times| *times == 1));
    }
}

#[test]
fn signals_are_queued_and_delivered_once() {
    let rig = Rig::new(SnapshotPolicy::Always);
    assert!(matches!(
        rig.start("a", &vec![vec![Signal, Read, Signal, Checkpoint, Signal]]).unwrap(),
        Finished::Waiting(_)
    ));
    let id = "a".parse().unwrap();
    for k in 1..=3 {
        let signal = Request::Signal { name: "go".into(), value: Json::of(&k).unwrap() };
        rig.io.block_on(rig.executor.post(&id, &signal)).unwrap();
    }
    let seen = seen(&rig.resume("a").unwrap());
    for (at, k) in [(1, 1), (3, 2), (5, 3)] {
        assert!(seen[at].ends_with(&format!("{k} 0")), "{seen:?}");
    }
}

#[test]
fn a_cancelled_run_stays_cancelled() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    rig.start("a", &vec![vec![Ask]]).unwrap();
    let id = "a".parse().unwrap();
    rig.io.block_on(rig.executor.post(&id, &Request::Cancel { reason: "enough".into() })).unwrap();
    assert_eq!(rig.resume("a").unwrap(), Finished::Cancelled("enough".into()));
    assert_eq!(rig.resume("a").unwrap(), Finished::Cancelled("enough".into()));
    assert_eq!(rig.io.block_on(rig.executor.summary(&id)).unwrap().status(), Status::Cancelled);
}

#[test]
fn an_empty_error_message_is_a_failure_and_a_retry_goes_on_from_the_checkpoint() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    let finished = rig.start("a", &vec![vec![Write, Checkpoint, Write, Fail]]).unwrap();
    assert!(matches!(&finished, Finished::Failed(error) if error.message.is_empty()));
    assert!(matches!(rig.resume("a").unwrap(), Finished::Failed(_)));
    assert!(matches!(rig.resume_with("a", Retry::FromLastCheckpoint).unwrap(), Finished::Failed(_)));
    let performed = rig.host.performed.lock().unwrap().clone();
    assert_eq!(performed.into_iter().collect::<Vec<_>>(), [("a/0".into(), 1), ("a/2".into(), 2)]);
}

#[test]
fn what_can_never_end_ends_with_a_clear_error() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays).limits(|c| c.limits.turn_cpu = std::time::Duration::from_millis(50));
    let deadlock = rig.start("a", &vec![vec![Read, Hang]]).unwrap();
    assert!(matches!(&deadlock, Finished::Failed(error) if error.kind == "deadlock"), "{deadlock:?}");
    let spin = rig.start("b", &vec![vec![Emit, Spin]]).unwrap();
    assert!(matches!(&spin, Finished::Failed(error) if error.kind == "limit"), "{spin:?}");
    assert_eq!(*rig.host.shown.lock().unwrap(), ["0.1"]);
}

#[test]
fn a_second_driver_is_refused() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    rig.start("a", &vec![vec![Ask]]).unwrap();
    let id = "a".parse().unwrap();
    let first = rig.io.block_on(rig.executor.resume(&id, "test", Retry::No, false)).unwrap();
    let second = rig.io.block_on(rig.executor.resume(&id, "test", Retry::No, false));
    assert!(matches!(second, Err(ExecError::Store(store::StoreError::Held { .. }))));
    drop(first);
}

#[test]
fn changed_code_diverges_and_says_where() {
    let rig = Rig::new(SnapshotPolicy::Never);
    rig.start("a", &vec![vec![Write, Emit, Ask]]).unwrap();
    // The same journal with other code: as if the engine behaved differently.
    let entries = rig.entries("a");
    let Body::Start(start) = &entries[0].body else { panic!() };
    let key = format!("code/{}", start.origin.as_ref().unwrap().code);
    let other = crate::machine::code(&vec![vec![Emit, Write, Ask]]).to_bytes();
    let keep = &rig.executor.parts().keep;
    rig.io.block_on(keep.save(&key, other.into(), true)).unwrap();
    assert!(matches!(rig.resume("a"), Err(ExecError::Missing { .. })), "code that does not match its hash is refused");
}

#[test]
fn a_fork_goes_on_from_the_checkpoint_with_other_random_numbers() {
    for snapshots in [SnapshotPolicy::Always, SnapshotPolicy::Never] {
        let rig = Rig::new(snapshots);
        let first = seen(&rig.start("a", &vec![vec![Write, Checkpoint, Write, Checkpoint, Write]]).unwrap());
        let id = "a".parse().unwrap();
        let driver = rig.io.block_on(rig.executor.fork(&id, "cp_0")).unwrap();
        let fork = driver.run().to_string();
        let second = seen(&driver.drive().unwrap());
        assert_eq!(first[..2], second[..2]);
        assert!(second.iter().any(|line| line.starts_with("reseed")));
        assert_eq!(seen(&rig.resume(&fork).unwrap()), second);
        assert_eq!(rig.host.performed.lock().unwrap()["a/0"], 1);
        let look = rig.io.block_on(rig.executor.look(&id, Some("cp_1"), None)).unwrap();
        assert_eq!(look.memory.to::<Vec<String>>().unwrap(), first[..4]);
        assert!(rig.io.block_on(rig.executor.look(&id, Some("nope"), None)).is_err());
        // And of the fork, beyond its own beginning.
        let look = rig.io.block_on(rig.executor.look(&fork.parse().unwrap(), None, None)).unwrap();
        assert_eq!(look.memory.to::<Vec<String>>().unwrap(), second);
    }
}

#[test]
fn lists_show_every_run_and_damage_hides_nothing_else() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    rig.start("a", &vec![vec![Read]]).unwrap();
    rig.start("b", &vec![vec![Ask]]).unwrap();
    rig.start("c", &vec![vec![Fail]]).unwrap();
    let list = rig.io.block_on(rig.executor.list()).unwrap();
    let shown: Vec<_> = list.iter().map(|info| (info.run.as_str(), info.status)).collect();
    assert_eq!(shown, [("c", Status::Failed), ("b", Status::Waiting), ("a", Status::Completed)]);
}

#[test]
fn cleaning_up_removes_old_runs_and_the_code_that_nobody_needs() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    rig.start("a", &vec![vec![Read]]).unwrap();
    rig.start("b", &vec![vec![Write, Ask]]).unwrap();
    let code = || rig.io.block_on(rig.executor.parts().keep.list("code/")).unwrap().len();
    assert_eq!(code(), 2);
    let clean = |age| rig.io.block_on(rig.executor.cleanup(std::time::Duration::from_millis(age), false)).unwrap();
    assert!(clean(1_000_000).is_empty());
    assert_eq!(code(), 2);
    // A run that waits is not removed, however old.
    assert_eq!(clean(0).iter().map(run::RunId::as_str).collect::<Vec<_>>(), ["a"]);
    assert_eq!(code(), 1);
    assert!(matches!(rig.resume("b").unwrap(), Finished::Waiting(_)));
}

#[test]
fn where_checkpoints_are_kept_apart_a_run_takes_only_its_own_with_it() {
    let (journals, keep) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let rig =
        |journals| Rig::over(journals, keep.clone(), SnapshotPolicy::Always).limits(|c| c.checkpoints_apart = true);
    let (here, elsewhere) = (rig(journals), rig(Arc::new(MemoryStore::new())));
    for run in ["a", "b"] {
        here.start(run, &vec![vec![Write, Ask], vec![Read]]).unwrap();
    }
    // With code and checkpoints that no run here needs.
    elsewhere.start("c", &vec![vec![Read, Write, Ask], vec![Read]]).unwrap();
    let keys = |prefix: &str| here.io.block_on(keep.list(prefix)).unwrap().len();
    assert!(["a", "b", "c"].iter().all(|run| keys(&format!("runs/{run}/")) > 0));
    let code = keys("code/");
    here.io.block_on(here.executor.delete(&"a".parse().unwrap())).unwrap();
    here.io.block_on(here.executor.cleanup(std::time::Duration::ZERO, false)).unwrap();
    assert_eq!((keys("runs/a/"), keys("code/")), (0, code));
    assert!(matches!(here.resume("b").unwrap(), Finished::Waiting(_)));
    assert!(keys("runs/c/") > 0);
    assert!(matches!(elsewhere.resume("c").unwrap(), Finished::Waiting(_)));
}

#[test]
fn what_a_run_held_it_takes_again_before_it_goes_on() {
    for snapshots in [SnapshotPolicy::Always, SnapshotPolicy::Never] {
        // Behind the answer a write stands still in the turn: a replay that went ahead would do it at once.
        let script = vec![vec![Read, Take, Checkpoint, Ask, SyncWrite, Give, Ask, SyncWrite]];
        let rig = Rig::new(snapshots);
        let (a, b): (run::RunId, run::RunId) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(matches!(rig.start("a", &script).unwrap(), Finished::Waiting(_)));
        assert_eq!(*rig.host.holder.lock().unwrap(), None, "nobody drives it");
        let answer = || {
            let answer = Request::Answer { n: None, id: None, value: Json::null() };
            rig.io.block_on(rig.executor.post(&a, &answer)).unwrap();
        };
        let written = || rig.host.performed.lock().unwrap().get("a/4").copied();
        answer();
        *rig.host.holder.lock().unwrap() = Some(b.clone());
        std::thread::scope(|scope| {
            let resumed = scope.spawn(|| rig.resume("a"));
            std::thread::sleep(std::time::Duration::from_millis(150));
            assert!(!resumed.is_finished());
            assert_eq!(written(), None, "{snapshots:?}");
            *rig.host.holder.lock().unwrap() = None;
            assert!(matches!(resumed.join().unwrap().unwrap(), Finished::Waiting(_)));
        });
        assert_eq!(written(), Some(1));
        // It was given back: others may have it now.
        *rig.host.holder.lock().unwrap() = Some(b);
        answer();
        assert_eq!(seen(&rig.resume("a").unwrap()).len(), 9);
    }
}

#[test]
fn who_waits_for_what_it_held_can_be_cancelled() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays);
    rig.start("a", &vec![vec![Take, Ask, Give]]).unwrap();
    *rig.host.holder.lock().unwrap() = Some("b".parse().unwrap());
    std::thread::scope(|scope| {
        let resumed = scope.spawn(|| rig.resume("a"));
        std::thread::sleep(std::time::Duration::from_millis(50));
        let cancel = Request::Cancel { reason: "enough".into() };
        rig.io.block_on(rig.executor.post(&"a".parse().unwrap(), &cancel)).unwrap();
        assert_eq!(resumed.join().unwrap().unwrap(), Finished::Cancelled("enough".into()));
    });
}
