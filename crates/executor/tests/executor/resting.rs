//! Runs whose programs are swapped out while they wait. The torture has them too.

use std::time::{Duration, Instant};

use executor::{Control, ExecError, Executor, Finished, NewRun, Request, SnapshotPolicy, Swap};
use run::{Json, RunId, Status, entry::Waiting};

use crate::{
    machine::{
        Script,
        Step::{self, *},
        code,
    },
    rig::{Rig, seen},
};

/// Nothing of it is due soon, and it does not leave memory: it rests.
const LONG: Step = Timer(3_600_000);

fn rig() -> Rig {
    Rig::new(SnapshotPolicy::WhenItPays).limits(|config| {
        config.swap = Swap::beyond(0);
        config.park_after = Duration::MAX;
    })
}

type End = tokio::sync::oneshot::Receiver<Result<Finished, ExecError>>;

fn spawn(rig: &Rig, id: &str, script: &Script) -> (std::sync::Arc<Control>, End) {
    let new = NewRun {
        id: Some(id.parse().unwrap()),
        ..NewRun::new("main", Json::parse("{}".into()).unwrap(), code(script))
    };
    let driver = rig.io.block_on(rig.executor.start(new)).unwrap();
    (driver.control(), driver.spawn())
}

fn end(rig: &Rig, end: End) -> Result<Finished, ExecError> {
    let soon = async { tokio::time::timeout(Duration::from_secs(20), end).await };
    rig.io.block_on(soon).expect("it ends soon").expect("it tells")
}

fn post(rig: &Rig, id: &str, request: &Request) {
    rig.io.block_on(rig.executor.post(&id.parse().unwrap(), request)).unwrap();
}

fn status(executor: &Executor, rig: &Rig, id: &str) -> Status {
    rig.io.block_on(executor.summary(&id.parse::<RunId>().unwrap())).unwrap().status()
}

/// Threads of this process that drive runs, of other tests too.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == "run"))
        .count()
}

/// Long enough for a run that waits to rest.
fn a_while() {
    std::thread::sleep(Duration::from_millis(300));
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_it_is_given_is_the_same_as_without() {
    let script = vec![
        vec![Emit, Read, Checkpoint, Write, SyncRead, Timer(3), Aborted, Long(100_000), Slow, Checkpoint],
        vec![Slow, Read, SyncWrite, Timer(1), Write, Emit, Slow],
    ];
    // What is read and written while the program stands still; the order of the rest is nobody's.
    let labels = |finished: &Finished| {
        let all = seen(finished);
        let labels = all[1..].iter().map(|line| line.split(' ').next().unwrap().to_owned());
        (all.len(), labels.filter(|label| label.contains('.')).collect::<std::collections::BTreeSet<_>>())
    };
    let undisturbed = labels(&Rig::new(SnapshotPolicy::WhenItPays).start("a", &script).unwrap());
    let rig = rig();
    let finished = rig.start("a", &script).unwrap();
    assert_eq!(labels(&finished), undisturbed);
    let (_, spawned) = spawn(&rig, "b", &script);
    assert_eq!(labels(&end(&rig, spawned).unwrap()), undisturbed);
    assert_eq!(rig.resume("a").unwrap(), finished);
    assert!(rig.host.performed.lock().unwrap().values().all(|times| *times == 1));
}

#[test]
fn messages_reach_it() {
    let rig = rig();
    let (_, ended) = spawn(&rig, "a", &vec![vec![Signal, Ask, Write, Fail], vec![LONG]]);
    a_while();
    post(&rig, "a", &Request::Signal { name: "go".into(), value: Json::of(&7).unwrap() });
    until("it asks", || rig.entries("a").iter().any(|entry| matches!(entry.body, run::Body::Ask { .. })));
    post(&rig, "a", &Request::Answer { n: None, id: None, value: Json::of(&false).unwrap() });
    assert!(matches!(end(&rig, ended), Ok(Finished::Failed(_))));
    assert_eq!(rig.host.performed.lock().unwrap().len(), 1);
}

#[test]
fn it_is_cancelled_left_and_timed_out() {
    let rig = rig();
    let script = vec![vec![Read, LONG]];
    let (control, ended) = spawn(&rig, "a", &script);
    a_while();
    let begun = Instant::now();
    control.cancel("enough".into());
    assert_eq!(end(&rig, ended).unwrap(), Finished::Cancelled("enough".into()));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(status(&rig.executor, &rig, "a"), Status::Cancelled);

    let (_, ended) = spawn(&rig, "b", &script);
    post(&rig, "b", &Request::Cancel { reason: "by message".into() });
    assert_eq!(end(&rig, ended).unwrap(), Finished::Cancelled("by message".into()));

    let (control, ended) = spawn(&rig, "c", &script);
    a_while();
    control.leave();
    assert_eq!(end(&rig, ended).unwrap(), Finished::Left);
    // What the journal says has not changed by resting: it goes on to where it was.
    assert!(matches!(rig.limits(|c| c.park_after = Duration::ZERO).resume("c").unwrap(), Finished::Waiting(_)));

    let rig = self::rig().limits(|config| config.limits.wall = Some(Duration::from_millis(300)));
    let (_, ended) = spawn(&rig, "d", &script);
    assert!(matches!(end(&rig, ended).unwrap(), Finished::Failed(error) if error.kind == "timed_out"));
}

#[test]
fn it_is_looked_at_and_forked() {
    let rig = rig();
    let (control, ended) = spawn(&rig, "a", &vec![vec![Write, Checkpoint, Read, LONG]]);
    let id: RunId = "a".parse().unwrap();
    until("it reads", || rig.host.performed.lock().unwrap().len() == 2);
    a_while();
    let look = rig.io.block_on(rig.executor.look(&id, None, None)).unwrap();
    assert_eq!(look.memory.to::<Vec<String>>().unwrap().len(), 4);
    let fork = rig.io.block_on(rig.executor.fork(&id, "cp_0")).unwrap();
    let (forked, fork) = (fork.control(), fork.spawn());
    until("the fork goes on", || rig.host.performed.lock().unwrap().len() == 3);
    for (control, ended) in [(control, ended), (forked, fork)] {
        control.leave();
        assert_eq!(end(&rig, ended).unwrap(), Finished::Left);
    }
}

#[test]
fn it_leaves_memory_once_nothing_is_done_for_it() {
    let rig = Rig::new(SnapshotPolicy::WhenItPays).limits(|config| config.swap = Swap::beyond(0));
    let (_, ended) = spawn(&rig, "a", &vec![vec![Slow, Slow, Read, Ask], vec![Slow]]);
    assert!(matches!(&end(&rig, ended).unwrap(), Finished::Waiting(waiting)
        if matches!(waiting[..], [Waiting::Ask { .. }])));
    assert!(rig.entries("a").iter().any(|entry| matches!(entry.body, run::Body::Snapshot { .. })));
    post(&rig, "a", &Request::Answer { n: None, id: None, value: Json::of(&1).unwrap() });
    assert_eq!(seen(&rig.resume("a").unwrap()).len(), 6);
}

#[test]
fn many_rest_without_threads_and_all_go_on() {
    let rig = rig();
    let script = vec![vec![Read, Signal, Slow, Write, Fail], vec![LONG]];
    let names: Vec<String> = (0..200).map(|k| format!("many{k}")).collect();
    let all: Vec<_> = names.iter().map(|name| spawn(&rig, name, &script)).collect();
    until("all rest", || rig.host.performed.lock().unwrap().len() == 200 && threads() < 50);
    for name in &names {
        post(&rig, name, &Request::Signal { name: "go".into(), value: Json::null() });
    }
    for (_, ended) in all {
        assert!(matches!(end(&rig, ended).unwrap(), Finished::Failed(_)));
    }
    assert_eq!(rig.host.performed.lock().unwrap().len(), 600);
    assert!(rig.host.performed.lock().unwrap().values().all(|times| *times == 1));
}

#[test]
fn one_that_finds_no_room_tries_again_and_is_not_lost() {
    let rig = rig();
    let script = |times| vec![vec![Write, Tight(times), Slow, Write]];
    let finished = rig.start("a", &script(3)).unwrap();
    assert_eq!(seen(&finished).len(), 4);
    let lost = rig.start("b", &script(1_000));
    assert!(matches!(&lost, Err(ExecError::Guest(error)) if error.to_string().contains("no room")), "{lost:?}");
    // Its journal holds no end: whoever takes it up goes on with it.
    assert_eq!(status(&rig.executor, &rig, "b"), Status::Running);
    let rig = rig.limits(|config| config.swap = Swap::beyond(100));
    assert_eq!(seen(&rig.resume("b").unwrap()).len(), 4);
    assert!(rig.host.performed.lock().unwrap().values().all(|times| *times == 1));
}
