//! The rows of the table: what is measured, who is compared with, and what we aim at.

use crate::measure::Measure;

/// One row.
pub struct Row {
    /// Its name in peers' output and in `--only`; the part before the dot is its group.
    pub id: &'static str,
    /// What is measured, for people.
    pub what: &'static str,
    /// Whether a sync to disk is part of it.
    pub fsync: &'static str,
    /// Who has the row, besides us; in order of appearance.
    pub peers: &'static [&'static str],
    /// What we aim at.
    pub aims: &'static [Aim],
}

/// What we aim at in a row.
pub enum Aim {
    /// Less than (or equal to) this value.
    Under(Measure),
    /// More than (or equal to) this value.
    Over(Measure),
    /// At most so many times another value, where less is better.
    AtMost(f64, Ref),
    /// So many times better than another value.
    Better(f64, Ref),
}

/// Another value of the same run.
pub enum Ref {
    /// This peer's value in the same row.
    Peer(&'static str),
    /// The best value of a peer in the same row; floors are no peers.
    BestPeer,
    /// This peer's value in another row.
    PeerIn(&'static str, &'static str),
    /// Our own value in another row.
    Ours(&'static str),
}

/// A bare write and fdatasync.
pub const FLOOR_SYNC: &str = "floor: 150-byte write + fdatasync";
/// A bare write.
pub const FLOOR_WRITE: &str = "floor: 150-byte write";
pub const FLOOR_RELAY: &str = "floor: a thread that only hands bytes on";
/// One SQLite commit.
pub const FLOOR_SQLITE: &str = "floor: SQLite commit (WAL, FULL)";
/// QuickJS-ng as a native library.
pub const NATIVE: &str = "QuickJS-ng native";
/// The system that seed 001 describes.
pub const PHOTON: &str = "photon-core";
/// QuickJS-ng in WebAssembly on node.
pub const QUICKJS_WASI: &str = "quickjs-wasi";
/// Restate's server and SDK.
pub const RESTATE: &str = "Restate";
/// DBOS on SQLite.
pub const DBOS: &str = "DBOS + SQLite";
/// LangGraph on SQLite.
pub const LANGGRAPH: &str = "LangGraph + SqliteSaver";
/// LangGraph in memory; its labels say with which checkpointer.
pub const LANGGRAPH_MEMORY: &str = "LangGraph";
/// LangGraph on SQLite without syncs.
pub const LANGGRAPH_UNSYNCED: &str = "LangGraph + SqliteSaver, synchronous=OFF";
/// JSON text, made and read by node.
pub const NODE_JSON: &str = "node: JSON.stringify + parse";
/// The reference implementation of Python.
pub const CPYTHON: &str = "CPython";
/// The reference implementation of Lua.
pub const LUA: &str = "Lua 5.4";
/// Redis, publishing and subscribing.
pub const REDIS: &str = "Redis pub/sub";
/// A server on the official TypeScript SDK of MCP, which keeps nothing.
pub const MCP_SDK: &str = "MCP TypeScript SDK, node";
/// Node itself.
pub const NODE: &str = "node -e";

const STEPS: &[&str] = &[FLOOR_SYNC, FLOOR_SQLITE, RESTATE, DBOS, LANGGRAPH];
const SYNC: &str = "each step";
const SHARED: &str = "shared";
const NO_SYNC: &str = "none";
const NOT_CONCERNED: &str = "–";

const fn seconds(value: f64) -> Measure {
    Measure { value, unit: crate::measure::Unit::Seconds }
}

const fn per_second(value: f64) -> Measure {
    Measure { value, unit: crate::measure::Unit::PerSecond }
}

/// Every row, in the order in which it is shown; a group's rows stand together.
pub const ROWS: &[Row] = &[
    Row {
        id: "start.vm",
        what: "fresh VM and `1+1`, in process",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI, NATIVE],
        aims: &[Aim::Under(seconds(0.2e-3))],
    },
    Row {
        id: "start.process",
        what: "`quicksave code 'return 1'`, whole process",
        fsync: "as it comes",
        peers: &[NODE],
        aims: &[Aim::Under(seconds(30e-3))],
    },
    Row {
        id: "steps.disk",
        what: "sequential durable step, p50",
        fsync: SYNC,
        peers: STEPS,
        aims: &[Aim::AtMost(2.0, Ref::Peer(FLOOR_SYNC))],
    },
    Row { id: "steps.disk.p99", what: "sequential durable step, p99", fsync: SYNC, peers: STEPS, aims: &[] },
    Row { id: "steps.disk.rate", what: "sequential durable steps", fsync: SYNC, peers: STEPS, aims: &[] },
    Row {
        id: "steps.concurrent",
        what: "durable steps, 64 runs at once",
        fsync: SHARED,
        peers: &[RESTATE, DBOS, LANGGRAPH],
        aims: &[Aim::Better(2.0, Ref::BestPeer)],
    },
    Row {
        id: "steps.checkpoint",
        what: "checkpoint, 100 B of state",
        fsync: NO_SYNC,
        peers: &[FLOOR_WRITE, PHOTON],
        aims: &[Aim::AtMost(0.5, Ref::Peer(PHOTON))],
    },
    Row {
        id: "steps.process",
        what: "sequential step",
        fsync: NO_SYNC,
        peers: &[FLOOR_WRITE],
        aims: &[Aim::AtMost(0.5, Ref::PeerIn(PHOTON, "steps.checkpoint"))],
    },
    Row {
        id: "snapshot.size",
        what: "snapshot of a suspended generator with locals, size",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI],
        aims: &[Aim::Under(Measure { value: 8_000.0, unit: crate::measure::Unit::Bytes })],
    },
    Row {
        id: "snapshot.time",
        what: "the time to take that snapshot",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI],
        aims: &[Aim::Under(seconds(0.5e-3))],
    },
    Row {
        id: "snapshot.restore",
        what: "the time to restore it",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI],
        aims: &[],
    },
    resume("resume.10", "resume after 10 checkpoints, in process", &[]),
    resume("resume.1000", "resume after 10³ checkpoints, in process", &[Aim::AtMost(1.5, Ref::Ours("resume.10"))]),
    resume(
        "resume.100000",
        "resume after 10⁵ checkpoints, in process",
        &[Aim::AtMost(1.5, Ref::Ours("resume.10")), Aim::Better(20.0, Ref::Peer(PHOTON))],
    ),
    resume("resume.process.10", "resume after SIGKILL behind 10 checkpoints, whole process", &[]),
    resume(
        "resume.process.1000",
        "the same behind 10³ checkpoints",
        &[Aim::AtMost(1.5, Ref::Ours("resume.process.10"))],
    ),
    resume(
        "resume.process.100000",
        "the same behind 10⁵ checkpoints",
        &[Aim::AtMost(1.5, Ref::Ours("resume.process.10")), Aim::Better(20.0, Ref::PeerIn(PHOTON, "resume.100000"))],
    ),
    Row {
        id: "list.cold",
        what: "list 10,000 runs, the first time (ours: whole process)",
        fsync: NOT_CONCERNED,
        peers: &[PHOTON],
        aims: &[Aim::Better(10.0, Ref::Peer(PHOTON))],
    },
    Row {
        id: "list.warm",
        what: "list 10,000 runs, again (ours: whole process)",
        fsync: NOT_CONCERNED,
        peers: &[PHOTON],
        aims: &[Aim::Better(10.0, Ref::Peer(PHOTON))],
    },
    Row {
        id: "cpu.fib25",
        what: "CPU: fib(25)",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI, NATIVE],
        aims: &[Aim::AtMost(2.0, Ref::Peer(NATIVE))],
    },
    Row {
        id: "cpu.loop1e6",
        what: "CPU: loop of 10⁶ steps",
        fsync: NOT_CONCERNED,
        peers: &[QUICKJS_WASI, NATIVE],
        aims: &[Aim::AtMost(2.0, Ref::Peer(NATIVE))],
    },
    Row {
        id: "neutron.start",
        what: "Neutron: a line compiled and run by a new machine, in process",
        fsync: NOT_CONCERNED,
        peers: &[],
        aims: &[],
    },
    Row {
        id: "neutron.process",
        what: "Neutron: `neutron hello.nt`, whole process",
        fsync: NOT_CONCERNED,
        peers: &[CPYTHON, LUA],
        aims: &[Aim::Under(seconds(3e-3))],
    },
    Row {
        id: "neutron.run",
        what: "Neutron: `quicksave run hello.nt`, a run with its journal, whole process",
        fsync: NO_SYNC,
        peers: &[CPYTHON, LUA],
        aims: &[Aim::Under(seconds(3e-3))],
    },
    neutron("neutron.fib", "Neutron: fib(30)", &[FASTER, Aim::Better(1.64, Ref::Peer(CPYTHON))]),
    neutron("neutron.loop", "Neutron: loop of 10⁷ steps", &[FASTER, Aim::Better(3.98, Ref::Peer(CPYTHON))]),
    neutron("neutron.methods", "Neutron: 2·10⁶ calls of methods", &[FASTER]),
    neutron("neutron.closures", "Neutron: 10⁵ closures, 10⁶ calls", &[FASTER]),
    neutron("neutron.strings", "Neutron: strings appended, joined, made of numbers", &[FASTER]),
    neutron("neutron.arrays", "Neutron: array of 10⁶, pushed and read", &[FASTER]),
    neutron("neutron.dictionary", "Neutron: dictionary of 3·10⁵ keys, written and read", &[FASTER]),
    neutron("neutron.sieve", "Neutron: primes below 10⁶", &[FASTER]),
    neutron("neutron.nbody", "Neutron: 5 bodies, 20,000 steps", &[FASTER]),
    neutron("neutron.mandelbrot", "Neutron: Mandelbrot set, 200 × 200 points", &[FASTER]),
    neutron("neutron.trees", "Neutron: binary trees of depth 14", &[FASTER]),
    neutron("neutron.mean", "Neutron: geometric mean from fib to trees", &[Aim::Better(3.0, Ref::Peer(CPYTHON))]),
    pickled("neutron.save.1000", "Neutron: checkpoint of 10³ numbers", NO_SYNC, &[FASTER]),
    pickled("neutron.save.100000", "Neutron: checkpoint of 10⁵ numbers", NO_SYNC, &[FASTER]),
    pickled(
        "neutron.save.1000000",
        "Neutron: checkpoint of 10⁶ numbers",
        NO_SYNC,
        &[FASTER, Aim::Under(seconds(15e-3))],
    ),
    pickled("neutron.save.dictionary", "Neutron: checkpoint of a dictionary of 10⁵ strings", NO_SYNC, &[FASTER]),
    pickled("neutron.save.instances", "Neutron: checkpoint of 10⁵ instances", NO_SYNC, &[FASTER]),
    pickled("neutron.checkpoint.1000", "Neutron: synced checkpoint of 10³ numbers", SYNC_EACH, &[FASTER]),
    pickled("neutron.checkpoint.100000", "Neutron: synced checkpoint of 10⁵ numbers", SYNC_EACH, &[FASTER]),
    pickled("neutron.checkpoint.1000000", "Neutron: synced checkpoint of 10⁶ numbers", SYNC_EACH, &[FASTER]),
    pickled(
        "neutron.checkpoint.dictionary",
        "Neutron: synced checkpoint of a dictionary of 10⁵ strings",
        SYNC_EACH,
        &[FASTER],
    ),
    pickled("neutron.checkpoint.instances", "Neutron: synced checkpoint of 10⁵ instances", SYNC_EACH, &[FASTER]),
    pickled("neutron.resume.1000", "Neutron: resume of 10³ numbers", NOT_CONCERNED, &[FASTER]),
    pickled("neutron.resume.100000", "Neutron: resume of 10⁵ numbers", NOT_CONCERNED, &[FASTER]),
    pickled("neutron.resume.1000000", "Neutron: resume of 10⁶ numbers", NOT_CONCERNED, &[FASTER]),
    pickled("neutron.resume.dictionary", "Neutron: resume of a dictionary of 10⁵ strings", NOT_CONCERNED, &[FASTER]),
    pickled("neutron.resume.instances", "Neutron: resume of 10⁵ instances", NOT_CONCERNED, &[FASTER]),
    pickled(
        "neutron.size.1000000",
        "Neutron: size of a checkpoint of 10⁶ numbers",
        NOT_CONCERNED,
        &[Aim::Under(Measure { value: 8_100_000.0, unit: crate::measure::Unit::Bytes })],
    ),
    Row {
        id: "dag.line",
        what: "DAG: line of 10 nodes, Rust closures, in memory",
        fsync: NOT_CONCERNED,
        peers: &[LANGGRAPH_MEMORY],
        aims: &[Aim::Over(per_second(5e6))],
    },
    Row {
        id: "dag.line.typescript",
        what: "DAG: line of 10 nodes in TypeScript (`@noocodex/dagonizer`), in memory",
        fsync: NOT_CONCERNED,
        peers: &[LANGGRAPH_MEMORY],
        aims: &[Aim::Over(per_second(100e3))],
    },
    Row {
        id: "dag.fanout",
        what: "DAG: fan-out of 1,000, Rust closures, in memory",
        fsync: NOT_CONCERNED,
        peers: &[LANGGRAPH_MEMORY],
        aims: &[Aim::Under(seconds(2.5e-3))],
    },
    durable("dag.durable.file", "DAG: line of 10 nodes in TypeScript, on disk when the line ends, files", SYNC_LINE),
    durable("dag.durable.sqlite", "DAG: the same on SQLite", SYNC_LINE),
    durable(
        "dag.nodes.file",
        "DAG: line of 10 Rust functions, each written before the next and synced with the line, files",
        SYNC_NODE,
    ),
    durable("dag.nodes.sqlite", "DAG: the same on SQLite", SYNC_NODE),
    durable("dag.nodes.typescript", "DAG: the same with TypeScript nodes, files", SYNC_NODE),
    Row {
        id: "dag.nodes.process",
        what: "DAG: line of 10 Rust functions, files, safe from the death of the process only",
        fsync: NO_SYNC,
        peers: &[LANGGRAPH_UNSYNCED],
        aims: &[Aim::Better(20.0, Ref::Peer(LANGGRAPH_UNSYNCED))],
    },
    json("stores.memory.1000", "save + load of 1 KB, memory", NOT_CONCERNED, &[]),
    json("stores.memory.200000", "save + load of 200 KB, memory", NOT_CONCERNED, &[]),
    json("stores.memory.19000000", "save + load of 19 MB, memory", NOT_CONCERNED, THREE_TIMES),
    json("stores.file.1000", "save + load of 1 KB, files", SYNC_SAVE, &[]),
    json("stores.file.200000", "save + load of 200 KB, files", SYNC_SAVE, &[]),
    json("stores.file.19000000", "save + load of 19 MB, files", SYNC_SAVE, THREE_TIMES),
    server("stores.sqlite.1000", "save + load of 1 KB, SQLite"),
    server("stores.sqlite.200000", "save + load of 200 KB, SQLite"),
    server("stores.sqlite.19000000", "save + load of 19 MB, SQLite"),
    server("stores.postgres.1000", "save + load of 1 KB, Postgres"),
    server("stores.postgres.200000", "save + load of 200 KB, Postgres"),
    server("stores.postgres.19000000", "save + load of 19 MB, Postgres"),
    server("stores.redis.1000", "save + load of 1 KB, Redis"),
    server("stores.redis.200000", "save + load of 200 KB, Redis"),
    server("stores.redis.19000000", "save + load of 19 MB, Redis"),
    s3("stores.s3.1000", "save + load of 1 KB, S3 (the tests' service: s3s, in memory, a process of its own)"),
    s3("stores.s3.200000", "save + load of 200 KB, S3 (the tests' service: s3s, in memory, a process of its own)"),
    s3("stores.s3.19000000", "save + load of 19 MB, S3 (the tests' service: s3s, in memory, a process of its own)"),
    Row {
        id: "events.deliver.p50",
        what: "event, published to heard, through the process of the server, p50",
        fsync: NO_SYNC,
        peers: &[FLOOR_RELAY, REDIS],
        aims: &[Aim::Under(seconds(50e-6))],
    },
    Row {
        id: "events.deliver.p99",
        what: "event, published to heard, p99",
        fsync: NO_SYNC,
        peers: &[FLOOR_RELAY, REDIS],
        aims: &[],
    },
    Row {
        id: "events.rate",
        what: "events, one publisher to one subscriber; ours keeps them in its log",
        fsync: NO_SYNC,
        peers: &[REDIS],
        aims: &[Aim::Over(per_second(200_000.0))],
    },
    Row {
        id: "waiting.100",
        what: "memory of the process with 100 waiting runs, evicted",
        fsync: NOT_CONCERNED,
        peers: &[],
        aims: &[],
    },
    Row {
        id: "waiting.10000",
        what: "the same with 10,000",
        fsync: NOT_CONCERNED,
        peers: &[],
        aims: &[Aim::AtMost(1.1, Ref::Ours("waiting.100"))],
    },
    Row {
        id: "mcp.call",
        what: "tool call over stdio, each a run in the journal, p50",
        fsync: NO_SYNC,
        peers: &[MCP_SDK],
        aims: &[Aim::Under(seconds(1e-3))],
    },
    Row {
        id: "mcp.call.p99",
        what: "tool call over stdio, each a run in the journal, p99",
        fsync: NO_SYNC,
        peers: &[MCP_SDK],
        aims: &[],
    },
    Row {
        id: "mcp.disk",
        what: "tool call over stdio, each a run on disk, p50",
        fsync: SYNC,
        peers: &[],
        aims: &[Aim::Under(seconds(1e-3))],
    },
    Row {
        id: "mcp.disk.p99",
        what: "tool call over stdio, each a run on disk, p99",
        fsync: SYNC,
        peers: &[],
        aims: &[],
    },
    Row {
        id: "mcp.many",
        what: "1,000 snippets at a time, each asleep for 3 s: all results",
        fsync: NO_SYNC,
        peers: &[],
        aims: &[],
    },
    Row {
        id: "mcp.many.memory",
        what: "1,000 snippets at a time: the server's memory at its largest (Pss)",
        fsync: NOT_CONCERNED,
        peers: &[],
        aims: &[Aim::Under(Measure { value: 300e6, unit: crate::measure::Unit::Bytes })],
    },
];

/// Not slower than CPython.
const FASTER: Aim = Aim::Better(1.0, Ref::Peer(CPYTHON));
const SYNC_EACH: &str = "each checkpoint";
const SYNC_LINE: &str = "each line";
/// A node's end is in the journal before the next begins; it is synced before the world sees anything.
const SYNC_NODE: &str = "ours each line, the peer each node";
const SYNC_SAVE: &str = "each save";
const THREE_TIMES: &[Aim] = &[Aim::Better(3.0, Ref::Peer(NODE_JSON))];

const fn durable(id: &'static str, what: &'static str, fsync: &'static str) -> Row {
    Row { id, what, fsync, peers: &[LANGGRAPH], aims: &[Aim::Better(20.0, Ref::Peer(LANGGRAPH))] }
}

const fn json(id: &'static str, what: &'static str, fsync: &'static str, aims: &'static [Aim]) -> Row {
    Row { id, what, fsync, peers: &[NODE_JSON], aims }
}

const fn server(id: &'static str, what: &'static str) -> Row {
    Row { id, what, fsync: SYNC_SAVE, peers: &[], aims: &[] }
}

/// A service that keeps objects in its memory: the cost of the protocol, and of no disk.
const fn s3(id: &'static str, what: &'static str) -> Row {
    Row { fsync: NO_SYNC, ..server(id, what) }
}

const fn neutron(id: &'static str, what: &'static str, aims: &'static [Aim]) -> Row {
    Row { id, what, fsync: NOT_CONCERNED, peers: &[CPYTHON, LUA], aims }
}

const fn pickled(id: &'static str, what: &'static str, fsync: &'static str, aims: &'static [Aim]) -> Row {
    Row { id, what, fsync, peers: &[CPYTHON], aims }
}

const fn resume(id: &'static str, what: &'static str, aims: &'static [Aim]) -> Row {
    Row { id, what, fsync: NOT_CONCERNED, peers: &[PHOTON], aims }
}

impl Row {
    /// The group that `--only` names.
    pub fn group(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(group, _)| group)
    }

    /// Whether the disk's speed decides it.
    pub fn synced(&self) -> bool {
        matches!(self.fsync, SYNC | SHARED | SYNC_EACH | SYNC_LINE | SYNC_NODE | SYNC_SAVE)
    }

    /// Whether this name is a floor: something no durable system can go below.
    pub fn is_floor(peer: &str) -> bool {
        peer.starts_with("floor:")
    }
}

/// The rows whose geometric mean is `neutron.mean`.
pub fn speed_of_neutron() -> Vec<&'static Row> {
    let of_group = ROWS.iter().filter(|row| row.group() == "neutron");
    of_group.skip_while(|row| row.id != "neutron.fib").take_while(|row| row.id != "neutron.mean").collect()
}

/// The groups, in order.
pub fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = ROWS.iter().map(Row::group).collect();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_groups_stand_together() {
        let mut ids: Vec<_> = ROWS.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ROWS.len());
        let mut groups = groups();
        groups.sort_unstable();
        let before = groups.len();
        groups.dedup();
        assert_eq!(groups.len(), before);
    }

    #[test]
    fn aims_name_rows_and_peers_that_exist() {
        let row = |id: &str| ROWS.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("no row {id}"));
        for aim in ROWS.iter().flat_map(|own| own.aims.iter().map(move |aim| (own, aim))) {
            let (Aim::AtMost(_, to) | Aim::Better(_, to)) = aim.1 else { continue };
            match to {
                Ref::Peer(peer) => assert!(aim.0.peers.contains(peer), "{}", aim.0.id),
                Ref::PeerIn(peer, id) => assert!(row(id).peers.contains(peer)),
                Ref::Ours(id) => assert_ne!(row(id).id, aim.0.id),
                Ref::BestPeer => assert!(aim.0.peers.iter().any(|peer| !Row::is_floor(peer))),
            }
        }
    }
}
