//! Who is measured when: group by group, in each the floors, ours and the peers, one after the other.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    floors::{self, Floor},
    logs,
    measure::{Measure, Outcome, median, percentile, rate},
    native,
    ours::{self, BackEnd, Ours},
    peers::Peers,
    process,
    results::Results,
    rows::{
        self, CPYTHON, DBOS, FLOOR_RELAY, FLOOR_SQLITE, FLOOR_SYNC, FLOOR_WRITE, LANGGRAPH, LANGGRAPH_MEMORY,
        LANGGRAPH_UNSYNCED, LUA, MCP_SDK, NATIVE, NODE, NODE_JSON, PHOTON, QUICKJS_WASI, REDIS, RESTATE, ROWS, Row,
    },
};

/// How many runs are listed.
const LISTED: u64 = 10_000;

/// Everything a group needs.
pub struct Plan<'a> {
    /// Our own side.
    pub ours: Ours,
    /// The others.
    pub peers: Peers,
    /// Where files are made.
    pub scratch: &'a Path,
    /// What was measured.
    pub results: Results,
}

impl Plan<'_> {
    /// Measures every row of a group.
    pub fn group(&mut self, group: &str) -> Result<(), String> {
        let scratch = self.scratch.to_string_lossy().into_owned();
        match group {
            "start" => {
                self.ours(group);
                self.peer(QUICKJS_WASI, group, &["start"]);
                self.results.peer("start.vm", NATIVE, None, native::start());
                let node = whole(Command::new("node").args(["-e", "console.log(1)"]));
                self.results.peer("start.process", NODE, None, node);
            }
            "steps" => {
                self.ours(group);
                let mut floor = self.ours.take_floor();
                for peer in [FLOOR_SQLITE, RESTATE, DBOS, LANGGRAPH] {
                    floor.sample(self.scratch)?;
                    self.peer(peer, group, &[&scratch]);
                }
                floor.sample(self.scratch)?;
                self.floors(&floor);
                self.peer(PHOTON, group, &["checkpoint", &format!("{scratch}/photon-checkpoints")]);
            }
            "snapshot" | "cpu" => {
                self.ours(group);
                self.peer(QUICKJS_WASI, group, &[group]);
                if group == "cpu" {
                    self.results.peer("cpu.fib25", NATIVE, None, native::cpu("fib(25)"));
                    self.results.peer("cpu.loop1e6", NATIVE, None, native::cpu("loop(1000000)"));
                }
            }
            "resume" => {
                self.ours(group);
                self.photon_resumes()?;
            }
            "list" => {
                let runs = self.ours.photon_home.join("runs");
                logs::many(&runs, LISTED).map_err(|e| e.to_string())?;
                self.ours(group);
                self.peer(PHOTON, group, &["list", &runs.to_string_lossy()]);
                let _ = fs::remove_dir_all(&self.ours.photon_home);
            }
            "neutron" => {
                let mut floor = Floor::default();
                floor.sample(self.scratch)?;
                self.ours(group);
                floor.sample(self.scratch)?;
                self.peer(CPYTHON, group, &[&scratch]);
                floor.sample(self.scratch)?;
                self.results.warn(group, floor.unsteady());
                self.peer(LUA, group, &[]);
                let python = whole(Command::new(self.peers.python()).args(["-c", "print('hello')"]));
                let lua = whole(Command::new("lua5.4").args(["-e", "print('hello')"]));
                for row in ["neutron.process", "neutron.run"] {
                    self.results.peer(row, CPYTHON, None, python.clone());
                    self.results.peer(row, LUA, None, lua.clone());
                }
                self.results.mean("neutron.mean", &rows::speed_of_neutron());
            }
            "dag" => {
                let mut floor = Floor::default();
                floor.sample(self.scratch)?;
                self.ours(group);
                for (peer, mode) in [(LANGGRAPH_MEMORY, "memory"), (LANGGRAPH, "FULL"), (LANGGRAPH_UNSYNCED, "OFF")] {
                    floor.sample(self.scratch)?;
                    self.peer(peer, group, &[&scratch, mode]);
                }
                floor.sample(self.scratch)?;
                self.results.warn(group, floor.unsteady());
            }
            "mcp" => self.mcp(),
            "stores" => self.stores()?,
            "events" => self.events(),
            _ => self.ours(group),
        }
        Ok(())
    }

    /// Each side has its three rows from one server.
    fn events(&mut self) {
        let (ours, redis) = (ours::events::ours(&self.ours.quicksave), ours::events::redis());
        for row in ROWS.iter().filter(|row| row.group() == "events") {
            let value = |delivery: &Result<ours::events::Delivery, String>| match (delivery, row.id) {
                (Err(why), _) => Err(why.clone()),
                (Ok(delivery), "events.deliver.p50") => Ok(delivery.p50),
                (Ok(delivery), "events.deliver.p99") => Ok(delivery.p99),
                (Ok(delivery), _) => Ok(delivery.rate),
            };
            self.results.ours(row.id, value(&ours));
            self.results.peer(row.id, REDIS, None, value(&redis));
        }
        let relayed = ours::events::relayed().map_err(|e| e.to_string());
        self.results.peer("events.deliver.p50", FLOOR_RELAY, None, relayed.clone().map(|times| median(&times)));
        self.results.peer("events.deliver.p99", FLOOR_RELAY, None, relayed.map(|times| percentile(&times, 0.99)));
    }

    /// The same client calls the same tool of both servers.
    fn mcp(&mut self) {
        let quicksave = self.ours.quicksave.to_string_lossy().into_owned();
        for args in [&["ours", "disk"][..], &["ours", "process"], &["many"]] {
            let home = self.ours.scratch.join(format!("mcp-{}", args.concat())).to_string_lossy().into_owned();
            let mut command = vec![args[0], &quicksave, &home];
            command.extend(&args[1..]);
            let prefix = match args {
                ["ours", "disk"] => "mcp.disk",
                ["ours", _] => "mcp.call",
                _ => "mcp.many",
            };
            let rows = || ROWS.iter().filter(|row| row.id.starts_with(prefix));
            let measured = self.peers.measure(MCP_SDK, &command);
            for row in rows() {
                let outcome = match &measured {
                    Ok(values) => values
                        .iter()
                        .find(|value| value.row == row.id)
                        .map_or_else(|| Err("it printed nothing".into()), |value| value.outcome.clone()),
                    Err(why) => Err(why.clone()),
                };
                self.results.ours(row.id, outcome);
            }
        }
        self.peer(MCP_SDK, "mcp", &["peer"]);
    }

    /// Every back-end with every size; node gets the same text.
    fn stores(&mut self) -> Result<(), String> {
        let mut floor = Floor::default();
        let rows: Vec<_> = ROWS.iter().filter(|row| row.group() == "stores").collect();
        for rows in rows.chunk_by(|a, b| back_end(a) == back_end(b)) {
            floor.sample(self.scratch)?;
            let name = back_end(rows[0]);
            eprintln!("  {name}");
            let opened = BackEnd::open(name, &self.ours.scratch);
            for row in rows {
                let size = row.id.rsplit('.').next().and_then(|size| size.parse().ok()).unwrap_or(0);
                match opened.as_ref().map_err(Clone::clone).and_then(|store| store.measure(size)) {
                    Ok((save, load)) => {
                        self.results.ours(row.id, Ok(Measure::seconds(save.value + load.value)));
                        self.results.parts(row.id, vec![("save", save), ("load", load)]);
                    }
                    Err(why) => self.results.ours(row.id, Err(why)),
                }
                if row.peers.contains(&NODE_JSON) {
                    let file = self.scratch.join("state.json");
                    fs::write(&file, ours::state(size)).map_err(|e| format!("state.json: {e}"))?;
                    self.peer_in(row, NODE_JSON, &[&file.to_string_lossy(), row.id]);
                }
            }
        }
        floor.sample(self.scratch)?;
        self.results.warn("stores", floor.unsteady());
        Ok(())
    }

    fn ours(&mut self, group: &str) {
        for row in ROWS.iter().filter(|row| row.group() == group) {
            let outcome = self.ours.measure(row.id);
            self.results.ours(row.id, outcome);
        }
    }

    /// Runs a peer's program; a failure is noted in every row of the group that it should have.
    fn peer(&mut self, peer: &'static str, group: &str, args: &[&str]) {
        eprintln!("  {peer}");
        let rows = || ROWS.iter().filter(|row| row.group() == group && row.peers.contains(&peer));
        match self.peers.measure(peer, args) {
            Ok(values) => {
                for value in values {
                    if let Some(row) = rows().find(|row| row.id == value.row) {
                        self.results.peer(row.id, peer, value.label, value.outcome);
                    }
                }
            }
            Err(why) => {
                for row in rows() {
                    self.results.peer(row.id, peer, None, Err(why.clone()));
                }
            }
        }
    }

    fn floors(&mut self, floor: &Floor) {
        let synced = floor.times();
        self.results.peer("steps.disk", FLOOR_SYNC, None, Ok(median(&synced)));
        self.results.peer("steps.disk.p99", FLOOR_SYNC, None, Ok(percentile(&synced, 0.99)));
        self.results.peer("steps.disk.rate", FLOOR_SYNC, None, Ok(rate(&synced)));
        self.results.warn("steps", floor.unsteady());
        let written = floors::appends(self.scratch, 5_000, false).map(|times| median(&times));
        self.results.peer("steps.checkpoint", FLOOR_WRITE, None, written.clone());
        self.results.peer("steps.process", FLOOR_WRITE, None, written);
    }

    fn photon_resumes(&mut self) -> Result<(), String> {
        let folder = self.scratch.join("photon-resume");
        let dir = folder.to_string_lossy().into_owned();
        for row in ROWS.iter().filter(|row| row.group() == "resume") {
            let checkpoints: u64 = row.id.rsplit('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            logs::interrupted(&folder, checkpoints).map_err(|e| e.to_string())?;
            if row.id.contains("process") {
                let outcome = self.photon_process(&folder, checkpoints);
                self.results.peer(row.id, PHOTON, None, outcome);
            } else {
                self.peer_in(row, PHOTON, &["resume", &dir, &checkpoints.to_string()]);
            }
        }
        let _ = fs::remove_dir_all(&folder);
        Ok(())
    }

    /// Runs a peer's program for one row.
    fn peer_in(&mut self, row: &'static Row, peer: &'static str, args: &[&str]) {
        let found = self.peers.measure(peer, args);
        let found =
            found.and_then(|values| values.into_iter().find(|v| v.row == row.id).ok_or("it printed nothing".into()));
        let outcome = found.and_then(|value| value.outcome);
        self.results.peer(row.id, peer, None, outcome);
    }

    /// A node process that resumes a copy of the log, from start to end.
    fn photon_process(&self, folder: &Path, checkpoints: u64) -> Outcome {
        let (dir, n) = (folder.to_string_lossy(), checkpoints.to_string());
        let mut times = Vec::new();
        for round in 0..5 {
            let run = format!("process-{n}-{round}");
            let log = |name: &str| folder.join(format!("{name}.jsonl"));
            fs::copy(log(&format!("resume-{n}")), log(&run)).map_err(|e| e.to_string())?;
            let mut command = self.peers.command(PHOTON, &["resume-once", &dir, &run, &n])?;
            let done = process::run(&mut command, Duration::from_secs(60))?;
            if done.code != Some(0) {
                return Err(done.complaint());
            }
            times.push(done.time);
        }
        Ok(median(&times))
    }
}

/// The middle of `stores.file.1000`.
fn back_end(row: &Row) -> &'static str {
    row.id.split('.').nth(1).unwrap_or_default()
}

/// What a whole process costs.
fn whole(command: &mut Command) -> Outcome {
    let done: Result<Vec<_>, _> = (0..10).map(|_| process::run(command, Duration::from_secs(10))).collect();
    Ok(median(&done?.iter().map(|done| done.time).collect::<Vec<_>>()))
}
