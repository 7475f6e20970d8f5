//! Rust workflows: steps once, whatever happens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use quicksave::{
    Context, DagResult, Error, Finished, NodeInput, Quicksave, RunId, executor::SnapshotPolicy,
    store::memory::MemoryStore,
};
use serde_json::{Value, json};

#[derive(Clone, Default)]
struct Counts {
    steps: Arc<AtomicU32>,
    calls: Arc<AtomicU32>,
}

impl Counts {
    fn step<T>(&self, result: T) -> T {
        self.steps.fetch_add(1, Ordering::SeqCst);
        result
    }
}

fn open(store: &Arc<MemoryStore>, counts: &Counts, version: &str, snapshots: SnapshotPolicy) -> Quicksave {
    let (restoring, replaying, failing) = (counts.clone(), counts.clone(), counts.clone());
    Quicksave::builder()
        .stores(store.clone(), store.clone())
        .configure(move |config| config.snapshots = snapshots)
        .workflow("sum", version, move |cx: Context, upto: u32| sum(cx, upto, restoring.clone()))
        .workflow("plain", version, move |cx: Context, (): ()| plain(cx, replaying.clone()))
        .workflow("fails", version, move |cx: Context, (): ()| {
            let counts = failing.clone();
            async move {
                cx.step("one", async move { Ok(counts.steps.fetch_add(1, Ordering::SeqCst)) }).await?;
                cx.step::<(), _>("bad", async { Err(Error::new("no luck")) }).await
            }
        })
        .open()
        .unwrap()
}

/// Adds 1..=upto, asking a person half-way; goes on from its checkpoints.
async fn sum(cx: Context, upto: u32, counts: Counts) -> Result<u32, Error> {
    counts.calls.fetch_add(1, Ordering::SeqCst);
    let (mut next, mut total): (u32, u32) = cx.restored()?.unwrap_or((1, 0));
    while next <= upto {
        if next == upto / 2 {
            let sure: bool = cx.ask("confirm", "go on?").await?;
            assert!(!sure);
        }
        let (counts, k) = (counts.clone(), next);
        total += cx.step("add", async move { Ok(counts.step(k)) }).await?;
        next += 1;
        cx.checkpoint(&(next, total)).await?;
    }
    Ok(total)
}

/// Concurrent steps, a race, randomness; replayed from the start.
async fn plain(cx: Context, counts: Counts) -> Result<(u32, u64), Error> {
    let step = |k: u32| {
        let counts = counts.clone();
        cx.step("one", async move {
            tokio::time::sleep(Duration::from_millis(u64::from(5 - k))).await;
            Ok(counts.step(k))
        })
    };
    let joined = futures::future::try_join_all((0..5).map(step)).await?;
    tokio::select! {
        biased;
        () = cx.sleep(Duration::from_secs(3600)) => unreachable!("the shorter sleep ends first"),
        () = cx.sleep(Duration::from_millis(1)) => {}
    }
    let random = cx.random();
    let (): () = cx.signal("go").await?;
    Ok((joined.iter().sum(), random))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_goes_on_from_its_checkpoints_or_replays_and_steps_run_once() {
    for snapshots in [SnapshotPolicy::Always, SnapshotPolicy::Never] {
        let (store, counts) = (Arc::new(MemoryStore::new()), Counts::default());
        let first = open(&store, &counts, "1", snapshots);
        let handle = first.start("sum", &10u32).await.unwrap();
        let run = handle.id().clone();
        assert!(matches!(handle.finished().await.unwrap(), Finished::Waiting(_)));
        // Another process.
        let second = open(&store, &counts, "1", snapshots);
        second.answer(&run, None, &false).await.unwrap();
        assert_eq!(second.resume(&run).await.unwrap().result::<u32>().await.unwrap(), 55);
        assert_eq!(second.resume(&run).await.unwrap().result::<u32>().await.unwrap(), 55);
        assert_eq!(counts.steps.load(Ordering::SeqCst), 10);
        assert_eq!(counts.calls.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_steps_races_and_signals_replay_the_same() {
    let (store, counts) = (Arc::new(MemoryStore::new()), Counts::default());
    let first = open(&store, &counts, "1", SnapshotPolicy::WhenItPays);
    let handle = first.start("plain", &()).await.unwrap();
    let run = handle.id().clone();
    assert!(matches!(handle.finished().await.unwrap(), Finished::Waiting(_)));
    let second = open(&store, &counts, "1", SnapshotPolicy::WhenItPays);
    second.signal(&run, "go", &()).await.unwrap();
    let (sum, random) = second.resume(&run).await.unwrap().result::<(u32, u64)>().await.unwrap();
    assert_eq!((sum, counts.steps.load(Ordering::SeqCst)), (10, 5));
    assert_ne!(random, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_refused_and_a_failed_step_fails_the_run() {
    let (store, counts) = (Arc::new(MemoryStore::new()), Counts::default());
    let first = open(&store, &counts, "1", SnapshotPolicy::WhenItPays);
    let handle = first.start("fails", &()).await.unwrap();
    let run = handle.id().clone();
    assert!(matches!(handle.result::<()>().await, Err(Error::Failed(message)) if message == "no luck"));
    assert!(matches!(first.start("nope", &()).await, Err(Error::Unknown(_))));
    let second = open(&store, &counts, "2", SnapshotPolicy::WhenItPays);
    let refused = second.retry(&run).await.err().expect("another version").to_string();
    assert!(refused.contains("version \"1\""), "{refused}");
    assert!(first.retry(&run).await.unwrap().result::<()>().await.is_err());
    assert_eq!(counts.steps.load(Ordering::SeqCst), 2);
}

const ORDERS: &str = r#"{
    "@type": "DAG", "name": "orders", "version": "1", "entrypoint": "load",
    "nodes": [
        { "@type": "SingleNode", "name": "load", "node": "load", "outputs": { "success": "price" } },
        { "@type": "FanOutNode", "name": "price", "node": "price", "source": "orders", "concurrency": 2,
          "fanIn": { "strategy": "append", "target": "prices" }, "retry": { "attempts": 2, "baseMs": 1 },
          "outputs": { "all-success": "sum", "partial": null, "all-error": null, "empty": null } },
        { "@type": "SingleNode", "name": "sum", "node": "sum", "outputs": { "success": null } }
    ]
}"#;

/// A DAG of functions; `die` says after how many nodes they hang, as in a process that is killed there.
fn orders(store: &Arc<MemoryStore>, counts: &Counts, die: u32) -> Quicksave {
    let (load, price, sum) = (counts.clone(), counts.clone(), counts.clone());
    let hang = move |counts: Counts| async move {
        if counts.steps.load(Ordering::SeqCst) >= die {
            std::future::pending::<()>().await;
        }
        counts.steps.fetch_add(1, Ordering::SeqCst)
    };
    Quicksave::builder()
        .stores(store.clone(), store.clone())
        .node("load", "1", move |_: NodeInput| {
            let counts = load.clone();
            async move {
                hang(counts).await;
                Ok(json!({ "state": { "orders": [1, 2, 3, 4, 5] } }))
            }
        })
        .node("price", "1", move |input: NodeInput| {
            let counts = price.clone();
            async move {
                if input.attempt == 1 && input.item == 3 {
                    return Err(Error::new("the first attempt of the third fails"));
                }
                hang(counts).await;
                Ok(json!({ "result": input.item.as_u64().unwrap_or(0) * 10 }))
            }
        })
        .workflow("sum", "1", move |cx: Context, input: NodeInput<Value>| {
            let counts = sum.clone();
            async move {
                let prices: Vec<u64> = serde_json::from_value(input.state["prices"].clone()).map_err(Error::new)?;
                let total = cx.step("add", async move {
                    hang(counts).await;
                    Ok(prices.iter().sum::<u64>())
                });
                Ok(json!({ "state": { "total": total.await? } }))
            }
        })
        .dag(ORDERS)
        .open()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dag_of_functions_goes_on_where_it_was_killed() {
    for die in 0..=7 {
        let (store, counts) = (Arc::new(MemoryStore::new()), Counts::default());
        let id: RunId = "orders".parse().unwrap();
        let first = orders(&store, &counts, die);
        let handle = first.start_as(Some(id.clone()), "orders", &json!({})).await.unwrap();
        if die < 7 {
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while counts.steps.load(Ordering::SeqCst) < die {
                assert!(std::time::Instant::now() < deadline, "the nodes do not come to number {die}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            handle.leave();
            assert!(matches!(handle.finished().await, Ok(Finished::Left)));
        } else {
            handle.finished().await.unwrap();
        }
        let second = orders(&store, &counts, u32::MAX);
        let result: DagResult = second.resume(&id).await.unwrap().result().await.unwrap();
        assert_eq!(result.state["total"], 150, "killed at {die}");
        assert_eq!(result.state["prices"], json!([10, 20, 30, 40, 50]));
        assert_eq!(result.executed_nodes, ["load", "price", "sum"]);
        assert_eq!(counts.steps.load(Ordering::SeqCst), 7, "each node once; killed at {die}");
    }
}

#[tokio::test]
async fn a_wrong_dag_is_refused_when_it_is_registered() {
    for (from, to, expected) in [
        (r#""node": "sum""#, r#""node": "sun""#, "nodes[2].node: \"sun\" is no reference to a node"),
        (r#""node": "sum""#, r#""node": "shell:rm""#, "nodes[2].node: \"shell:rm\" is not performed here"),
        (r#""success": "price""#, r#""success": "prize""#, "nodes[0].outputs.success"),
        (r#""name": "orders""#, r#""name": "sum""#, "a function and a DAG are both named \"sum\""),
    ] {
        let builder = Quicksave::builder().stores(Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
        let builder = ["load", "price", "sum"]
            .into_iter()
            .fold(builder, |builder, name| builder.node(name, "1", |_: NodeInput| async { Ok(()) }));
        let text = ORDERS.replace(from, to);
        let error = builder.dag(&text).open().err().expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
