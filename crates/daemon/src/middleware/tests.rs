//! Tags on calls whose runs are played by the test. Random ones print their seed; `SEED=n` repeats one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use executor::ExecError;
use run::{Payload, program::ProgramError};
use serde_json::{Map, json};
use tokio::sync::watch;

use super::*;
use crate::{Call, Catalog};

/// A clock that goes on when the test says so.
#[derive(Default)]
struct Hands {
    now: AtomicU64,
    moved: tokio::sync::Notify,
}

impl Hands {
    async fn advance(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.moved.notify_waiters();
        settle().await;
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep(&self, time: Duration) {
        let until = self.now() + u64::try_from(time.as_millis()).unwrap();
        loop {
            let moved = self.moved.notified();
            if self.now() >= until {
                return;
            }
            moved.await;
        }
    }
}

/// Lets everything run that can.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

/// Runs that end as they are told to.
#[derive(Default)]
struct Played {
    /// How the next attempts end; completed with the number of the start when empty.
    ends: Mutex<VecDeque<Finished>>,
    /// The argument `i` of each start, in order.
    started: Mutex<Vec<u64>>,
    attempts: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    /// How long runs take, in milliseconds.
    takes: AtomicU64,
    terms: Mutex<Vec<Terms>>,
    ids: AtomicUsize,
}

impl Played {
    fn play(self: &Arc<Self>, run: RunId) -> Running {
        let n = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let end = self.ends.lock().unwrap().pop_front();
        let end = end.unwrap_or_else(|| Finished::Completed(Payload::from(json!(n))));
        let (tell, ended) = watch::channel(None);
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(this.takes.load(Ordering::SeqCst))).await;
            this.now.fetch_sub(1, Ordering::SeqCst);
            let _ = tell.send(Some(Ok::<_, Arc<ExecError>>(end)));
        });
        Running::new(run, Arc::default(), ended)
    }
}

struct Stage(Arc<Played>);

#[async_trait]
impl Work for Stage {
    fn fresh_id(&self) -> RunId {
        format!("fresh_{}", self.0.ids.fetch_add(1, Ordering::SeqCst)).parse().unwrap()
    }

    async fn start(&self, new: NewRun, terms: Terms) -> Result<Running, CallError> {
        self.0.terms.lock().unwrap().push(terms);
        self.0.started.lock().unwrap().push(new.params.value()["i"].as_u64().unwrap_or_default());
        let n = self.0.started.lock().unwrap().len();
        Ok(self.0.play(format!("run_{n}").parse().unwrap()))
    }

    async fn again(&self, run: &RunId) -> Result<Running, CallError> {
        Ok(self.0.play(run.clone()))
    }
}

struct Rig {
    home: tempfile::TempDir,
    catalog: Catalog,
    middleware: Middleware,
    clock: Arc<Hands>,
    played: Arc<Played>,
}

/// A photon `p` with a method `m` that has `tags`.
fn rig(tags: &str) -> Rig {
    let home = tempfile::tempdir().unwrap();
    let source = format!(
        "export default class P {{\n  /** Does.\n{tags}\n  */\n  m(params: {{ i?: number; id?: string }}) {{}}\n}}\n"
    );
    std::fs::write(home.path().join("p.photon.ts"), source).unwrap();
    let clock = Arc::new(Hands { now: AtomicU64::new(1_000_000), ..Hands::default() });
    let middleware = Middleware::new(home.path(), Arc::new(Holds::new(home.path())), clock.clone());
    let catalog = Catalog::new([home.path().to_owned()]);
    Rig { catalog, middleware, clock, played: Arc::default(), home }
}

impl Rig {
    /// As another process of the same home.
    fn other(&self) -> Middleware {
        Middleware::new(self.home.path(), Arc::new(Holds::new(self.home.path())), self.clock.clone())
    }

    fn prepared(&self, args: Value) -> Prepared {
        let args: Map<String, Value> = args.as_object().unwrap().clone();
        let call = Call { photon: "p".into(), method: Some("m".into()), args, ..Call::default() };
        crate::calls::prepare(self.catalog.find("p").unwrap(), call).unwrap()
    }

    async fn start_on(&self, middleware: &Middleware, args: Value) -> Result<Running, String> {
        let started = middleware.start(self.prepared(args), Arc::new(Stage(self.played.clone()))).await;
        started.map_err(|error| error.to_string())
    }

    async fn call(&self, args: Value) -> Result<Value, String> {
        self.call_on(&self.middleware, args).await
    }

    async fn call_on(&self, middleware: &Middleware, args: Value) -> Result<Value, String> {
        match self.start_on(middleware, args).await?.ended().await.unwrap() {
            Finished::Completed(payload) => Ok(payload.json.value()),
            other => Err(format!("{other:?}")),
        }
    }

    fn fails(&self, times: usize) {
        let end = Finished::Failed(ProgramError::new("error", "no luck"));
        self.played.ends.lock().unwrap().extend(std::iter::repeat_n(end, times));
    }
}

#[tokio::test]
async fn throttled_says_when_and_holds_for_all_processes() {
    let rig = rig("* @throttled 2/min");
    rig.call(json!({})).await.unwrap();
    rig.call_on(&rig.other(), json!({})).await.unwrap();
    let refused = rig.call(json!({})).await.unwrap_err();
    assert_eq!(refused, "p.default.m: more than 2 calls in 60 s; try again in 30 s");
    assert_eq!(rig.call_on(&rig.other(), json!({})).await.unwrap_err(), refused);
    rig.clock.advance(30_000).await;
    rig.call(json!({})).await.unwrap();
    assert!(rig.call(json!({})).await.is_err());
    assert_eq!(rig.played.started.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn cached_by_arguments_instance_and_code() {
    let rig = rig("* @cached 5m");
    let mut got = Vec::new();
    for args in [json!({"i": 1}), json!({"i": 1}), json!({"i": 2})] {
        got.push(rig.call(args).await.unwrap());
    }
    got.push(rig.call_on(&rig.other(), json!({"i": 1})).await.unwrap());
    assert_eq!(got, [json!(1), json!(1), json!(2), json!(1)]);
    assert_eq!(rig.start_on(&rig.middleware, json!({"i": 1})).await.unwrap().run.to_string(), "run_1");
    rig.clock.advance(300_000).await;
    assert_eq!(rig.call(json!({"i": 1})).await.unwrap(), json!(3));
    let file = rig.home.path().join("p.photon.ts");
    let edited = std::fs::read_to_string(&file).unwrap() + "// edited\nexport const x = 1;\n";
    std::fs::write(&file, edited).unwrap();
    assert_eq!(rig.call(json!({"i": 1})).await.unwrap(), json!(4));
}

#[tokio::test]
async fn a_failure_is_not_cached() {
    let rig = rig("* @cached 5m");
    rig.fails(1);
    assert!(rig.call(json!({})).await.is_err());
    assert_eq!(rig.call(json!({})).await.unwrap(), json!(2));
}

#[tokio::test]
async fn retryable_takes_the_same_run_up_again() {
    let rig = rig("* @retryable 2 10s\n* @timeout 1m");
    rig.fails(2);
    let running = rig.start_on(&rig.middleware, json!({})).await.unwrap();
    let ended = tokio::spawn(running.ended());
    settle().await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 1);
    rig.clock.advance(9_999).await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 1);
    rig.clock.advance(1).await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 2);
    rig.clock.advance(10_000).await;
    assert_eq!(ended.await.unwrap().unwrap(), Finished::Completed(Payload::from(json!(3))));
    assert_eq!(rig.played.started.lock().unwrap().len(), 1, "one run");
    assert_eq!(*rig.played.terms.lock().unwrap(), [Terms::within(Some(Duration::from_secs(60)))]);
}

#[tokio::test]
async fn what_ran_out_of_time_is_not_tried_again() {
    let rig = rig("* @retryable 5 1ms");
    rig.played.ends.lock().unwrap().push_back(Finished::Failed(ProgramError::new("timed_out", "late")));
    assert!(rig.call(json!({})).await.unwrap_err().contains("timed_out"));
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_circuit_opens_for_all_processes_and_closes_after_a_good_call() {
    let rig = rig("* @circuitBreaker 2 30s\n* @fallback []");
    rig.fails(2);
    assert_eq!(rig.call(json!({})).await.unwrap(), json!([]), "the fallback");
    assert_eq!(rig.call(json!({})).await.unwrap(), json!([]));
    let refused = rig.call_on(&rig.other(), json!({})).await.unwrap_err();
    assert_eq!(refused, "p.default.m: it failed 2 times in a row; try again in 30 s");
    rig.clock.advance(30_000).await;
    assert_eq!(rig.call(json!({})).await.unwrap(), json!(3));
    assert_eq!(rig.call(json!({})).await.unwrap(), json!(4));
}

#[tokio::test]
async fn debounced_lets_the_last_one_through() {
    let rig = Arc::new(rig("* @debounced 100ms"));
    let mut calls = Vec::new();
    for i in 1..=3 {
        let rig2 = rig.clone();
        calls.push(tokio::spawn(async move { rig2.call(json!({"i": i})).await }));
        rig.clock.advance(50).await;
    }
    rig.clock.advance(100).await;
    let mut good = Vec::new();
    for call in calls {
        good.push(call.await.unwrap().is_ok());
    }
    assert_eq!(good, [false, false, true]);
    assert_eq!(*rig.played.started.lock().unwrap(), [3]);
}

#[tokio::test]
async fn validate_refuses_before_anything_is_counted() {
    let rig = rig("* @validate params.id must be a valid uuid\n* @throttled 1/h");
    assert!(rig.call(json!({"id": "x"})).await.unwrap_err().contains("id must be a valid uuid"));
    rig.call(json!({"id": "123e4567-e89b-12d3-a456-426614174000"})).await.unwrap();
}

#[tokio::test]
async fn locked_one_after_the_other_by_argument() {
    let rig = Arc::new(rig("* @locked board:params.id"));
    rig.played.takes.store(20, Ordering::SeqCst);
    let mut calls = Vec::new();
    for n in 0..6 {
        let (rig, middleware) = (rig.clone(), if n % 2 == 0 { rig.middleware.clone() } else { rig.other() });
        calls.push(tokio::spawn(async move { rig.call_on(&middleware, json!({"id": "a"})).await.unwrap() }));
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(rig.played.most.load(Ordering::SeqCst), 1);
    let somebody = "somebody".parse().unwrap();
    let now = Patience::of(Duration::ZERO);
    let held = rig.middleware.holds.acquire_for(&somebody, "p:board:a", now).await.unwrap();
    rig.call(json!({"id": "b"})).await.unwrap();
    drop(held);
    // What the run is to hold whoever drives it is in its journal.
    let terms = rig.played.terms.lock().unwrap().last().unwrap().clone();
    assert_eq!((&*terms.holds[0].op, terms.holds[0].args.value()), ("lock.take", json!({"name": "board:b"})));
}

#[tokio::test]
async fn attempts_to_come_outlive_their_process() {
    let rig = rig("* @retryable 3 10s\n* @circuitBreaker 1 1h");
    rig.fails(2);
    let other = rig.other();
    let running = rig.start_on(&rig.middleware, json!({})).await.unwrap();
    let run = running.run.clone();
    settle().await;
    let file = rig.home.path().join(format!("calls/retries/{run}.json"));
    assert!(file.exists());
    let take_up = async || {
        for left in other.left().await {
            let (other, work) = (other.clone(), Arc::new(Stage(rig.played.clone())));
            tokio::spawn(async move { other.go_on(left, work).await });
        }
        settle().await;
    };
    // As long as the process lives nobody else goes on with it.
    take_up().await;
    rig.clock.advance(9_000).await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 1);
    // It is left in the pause: nothing is forgotten.
    running.control().leave();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(file.exists());
    rig.clock.advance(2_000).await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 1);
    take_up().await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 2, "it is due");
    // That attempt failed too; the next comes after the pause, and is good.
    assert!(file.exists());
    rig.clock.advance(10_000).await;
    assert_eq!(rig.played.attempts.load(Ordering::SeqCst), 3);
    settle().await;
    assert!(!file.exists());
    rig.call(json!({})).await.expect("the circuit was told of the good end");
    // What is damaged is removed.
    std::fs::write(&file, "{").unwrap();
    take_up().await;
    assert!(!file.exists());
}

#[tokio::test]
async fn a_caller_that_goes_away_gives_its_place_and_lock_back() {
    let rig = Arc::new(rig("* @queued 1\n* @locked"));
    rig.played.takes.store(60, Ordering::SeqCst);
    let first = rig.start_on(&rig.middleware, json!({"i": 1})).await.unwrap();
    let rig2 = rig.clone();
    let waits = tokio::spawn(async move { rig2.call(json!({"i": 2})).await });
    settle().await;
    waits.abort();
    assert!(waits.await.unwrap_err().is_cancelled());
    drop(first);
    rig.call(json!({"i": 3})).await.unwrap();
    assert_eq!(*rig.played.started.lock().unwrap(), [1, 3]);
}

/// Random bounds, lengths and processes: never more at once than may be, in the order of the calls within a process,
/// and all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queued_never_lets_too_many_in() {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        u64::from(std::process::id()) ^ u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
    });
    println!("SEED={seed}");
    let mut state = seed | 1;
    let mut random = move |most: u64| {
        // xorshift: enough for choosing.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most
    };
    for _ in 0..3 {
        let places = 1 + random(4);
        let rig = Arc::new(rig(&format!("* @queued {places}")));
        let others = [rig.middleware.clone(), rig.other()];
        let calls = 10 + random(30);
        let mut tasks = Vec::new();
        for i in 0..calls {
            let middleware = others[usize::try_from(random(2)).unwrap()].clone();
            rig.played.takes.store(random(12), Ordering::SeqCst);
            let rig = rig.clone();
            tasks.push(tokio::spawn(async move { rig.call_on(&middleware, json!({"i": i})).await }));
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(rig.played.started.lock().unwrap().len() as u64, calls, "SEED={seed}");
        let most = rig.played.most.load(Ordering::SeqCst) as u64;
        assert!(most <= places, "{most} at once with {places} places, SEED={seed}");
    }
}

#[tokio::test]
async fn a_queue_keeps_the_order() {
    let rig = Arc::new(rig("* @queued 1"));
    rig.played.takes.store(5, Ordering::SeqCst);
    let mut tasks = Vec::new();
    for i in 0..10 {
        let rig = rig.clone();
        tasks.push(tokio::spawn(async move { rig.call(json!({"i": i})).await.unwrap() }));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*rig.played.started.lock().unwrap(), (0..10).collect::<Vec<u64>>());
}
