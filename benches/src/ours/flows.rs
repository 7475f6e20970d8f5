//! Rows on DAGs: Rust closures in this process, `@noocodex/dagonizer` through the binary, and documents whose nodes
//! are TypeScript, on executor and store.

use std::{path::Path, sync::Arc, time::Instant};

use dag::{
    guest::{DagGuest, Loader, pin},
    native::{Builder, Context, NativeDag, NoTime, Running},
};
use quicksave::{DagResult, NodeInput, Quicksave};
use run::{Code, Guest};
use serde_json::{Value, json};
use store::{CheckpointStore, FileStore, JournalStore, SqliteStore, file::Durability};
use typescript::TypeScript;

use super::{Ours, binary, library, workflow};
use crate::measure::{Measure, Outcome, median};

/// The nodes of the line.
const NAMES: [&str; 10] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"];
/// The items of the fan-out.
const ITEMS: usize = 1_000;

/// A row below `dag.`.
pub fn measure(ours: &Ours, row: &str) -> Outcome {
    let disk = ("disk", Durability::Disk);
    match row {
        "line" => line(),
        "line.typescript" => library_line(ours, "memory:", "process", false, 5_000),
        "fanout" => fan_out(),
        "durable.file" => library_line(ours, &address(ours, "file", "line-files"), disk.0, true, 500),
        "durable.sqlite" => library_line(ours, &address(ours, "sqlite", "line.db"), disk.0, true, 500),
        "nodes.file" => functions(files(&ours.scratch.join("nodes-disk"), disk.1)?, disk.1, 100),
        "nodes.sqlite" => {
            let store = SqliteStore::open(&ours.scratch.join("nodes.db"), disk.1).map_err(|e| e.to_string())?;
            functions(store, disk.1, 100)
        }
        "nodes.process" => {
            let durability = Durability::Process;
            functions(files(&ours.scratch.join("nodes-process"), durability)?, durability, 1_000)
        }
        "nodes.typescript" => documents(files(&ours.scratch.join("nodes-typescript"), disk.1)?, disk.1, 60),
        other => Err(format!("there is no row dag.{other}")),
    }
}

fn address(ours: &Ours, scheme: &str, name: &str) -> String {
    format!("{scheme}:{}", ours.scratch.join(name).display())
}

fn files(home: &Path, durability: Durability) -> Result<FileStore, String> {
    Ok(FileStore::open(home, durability).map_err(|e| e.to_string())?.syncing_here())
}

fn count(n: &mut u64, _: &Context<'_>) -> dag::native::Outcome {
    *n += 1;
    Ok("success")
}

/// Nodes per second of lines of ten closures, each from its start to its end.
fn line() -> Outcome {
    let nexts = NAMES.iter().skip(1).copied().map(Some).chain([None]);
    let placed = NAMES.iter().zip(nexts);
    let builder = placed.fold(Builder::new("line"), |dag, (name, next)| dag.node(name, count, [("success", next)]));
    let dag = builder.build().map_err(|e| e.to_string())?;
    const LINES: u64 = 20_000;
    let mut times = Vec::new();
    for _ in 0..7 {
        let started = Instant::now();
        let mut nodes = 0;
        for _ in 0..LINES {
            nodes += std::hint::black_box(complete(&dag)?);
        }
        times.push(started.elapsed());
        if nodes != LINES * NAMES.len() as u64 {
            return Err(format!("{nodes} nodes ran"));
        }
    }
    Ok(Measure::per_second((LINES * NAMES.len() as u64) as f64 / median(&times).value))
}

/// The time of one fan-out.
fn fan_out() -> Outcome {
    let builder = Builder::new("fan").fan_out("fan", |_| ITEMS, count, [None; 4]);
    let dag = builder.build().map_err(|e| e.to_string())?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        let ran = std::hint::black_box(complete(&dag)?);
        times.push(started.elapsed());
        if ran != ITEMS as u64 {
            return Err(format!("{ran} items ran"));
        }
    }
    Ok(median(&times))
}

fn complete(dag: &NativeDag<u64>) -> Result<u64, String> {
    let mut n = 0;
    let mut running = Running::new(dag, 0, NoTime::default());
    running.start(None).map_err(|e| e.to_string())?;
    running.finish(&mut n).map_err(|e| e.to_string())?;
    Ok(n)
}

/// Nodes per second of lines in a program: the time of `lines` of them less that of one, both as whole processes.
fn library_line(ours: &Ours, store: &str, durability: &str, checkpoints: bool, lines: u64) -> Outcome {
    let program = ours.programs.join("dagonizer_line.ts");
    let time = |lines: u64| {
        let params = json!({ "flows": lines, "checkpoints": checkpoints }).to_string();
        let args = ["--durability", durability, "--store", store, "run", &program.to_string_lossy()];
        let mut times = Vec::new();
        for _ in 0..3 {
            let args: Vec<_> = args.iter().copied().chain(["--params", &params, "--json"]).collect();
            let (json, time) = binary::command(ours, &ours.scratch.join("line-home"), &args)?;
            if json["result"]["nodes"] != lines * NAMES.len() as u64 {
                return Err(format!("the line gave {json}"));
            }
            times.push(time);
        }
        Ok(median(&times).value)
    };
    let nodes = (lines - 1) * NAMES.len() as u64;
    let (one, all) = (time(1)?, time(lines)?);
    if all <= one {
        return Err(format!("one line took as long as {lines}"));
    }
    Ok(Measure::per_second(nodes as f64 / (all - one)))
}

/// Nodes per second of a document with ten Rust functions: run after run, in this process.
fn functions(store: impl JournalStore + CheckpointStore + Clone, durability: Durability, runs: u64) -> Outcome {
    let io = library::runtime()?;
    let builder = Quicksave::builder().stores(Arc::new(store.clone()), Arc::new(store)).durability(durability);
    // As with the peer, a node whose end was lost is run again.
    let step = |_: quicksave::Context, input: NodeInput<Counted>| async move {
        Ok(json!({ "state": { "count": input.state.count + 1 } }))
    };
    let builder = builder.dag(&document("step")).workflow("step", "1", step);
    let entered = io.enter();
    let door = builder.open().map_err(|e| e.to_string())?;
    drop(entered);
    rate(runs, || {
        io.block_on(async {
            let run = door.start("line", &json!({ "count": 0 })).await.map_err(|e| e.to_string())?;
            let done: DagResult<Counted> = run.result().await.map_err(|e| e.to_string())?;
            if done.state.count == NAMES.len() { Ok(()) } else { Err(format!("{} nodes ran", done.state.count)) }
        })
    })
}

/// The line's state.
#[derive(serde::Deserialize)]
struct Counted {
    count: usize,
}

/// Nodes per second of a document with ten TypeScript nodes: run after run, in this process.
fn documents(store: impl JournalStore + CheckpointStore + Clone, durability: Durability, runs: u64) -> Outcome {
    let pinned = pin("line.dag.json", &document("./nodes.js#step"), &mut Nodes).map_err(|e| e.to_string())?;
    let code = Arc::new(pinned.code);
    let io = library::runtime()?;
    let nodes: Arc<dyn Guest> = Arc::new(TypeScript::new().map_err(|e| e.to_string())?);
    let guests: Vec<Arc<dyn Guest>> = vec![Arc::new(DagGuest::new(vec![nodes]))];
    let (executor, _) = workflow::executor_on(io.handle(), store, guests, durability);
    rate(runs, || {
        let driver = executor.start(workflow::run_of(code.clone(), json!({ "count": 0 })));
        let driver = io.block_on(driver).map_err(|e| e.to_string())?;
        let finished = io.block_on(driver.spawn()).map_err(|_| "the driver's thread died")?;
        library::completed(finished.map_err(|e| e.to_string())?)
    })
}

/// Nodes per second of runs of the line.
fn rate(runs: u64, mut run: impl FnMut() -> Result<(), String>) -> Outcome {
    // The first finds nothing warm.
    run()?;
    let started = Instant::now();
    for _ in 0..runs {
        run()?;
    }
    Ok(Measure::per_second((runs * NAMES.len() as u64) as f64 / started.elapsed().as_secs_f64()))
}

/// The line as a document, with one function for all nodes.
fn document(function: &str) -> String {
    let node = |i: usize| {
        let next = NAMES.get(i + 1).map_or(Value::Null, |next| (*next).into());
        json!({ "@type": "SingleNode", "name": NAMES[i], "node": function, "outputs": { "success": next } })
    };
    let nodes: Vec<_> = (0..NAMES.len()).map(node).collect();
    json!({ "@type": "DAG", "name": "line", "version": "1", "entrypoint": NAMES[0], "nodes": nodes }).to_string()
}

/// The nodes' file.
struct Nodes;

impl Loader for Nodes {
    fn document(&mut self, _: &str, name: &str) -> Result<(String, String), String> {
        Err(format!("there is no DAG {name}"))
    }

    fn code(&mut self, _: &str, _: &str) -> Result<Code, String> {
        Ok(workflow::code("export function step({ state }) { return { state: { count: state.count + 1 } }; }"))
    }
}
