//! Run logs in the photon ecosystem's form, which photon-core and we both read.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use serde_json::{Value, json};

/// The first entry's time: 2026-03-06.
const BEGIN: u64 = 1_772_793_000_000;

/// Writes `n` logs of ten entries: of ten runs seven completed, one failed, one waits and one was interrupted.
pub fn many(folder: &Path, n: u64) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for run in 0..n {
        let mut log = Log::create(folder, &format!("run_{run:06}"), BEGIN + run * 1000)?;
        log.add(json!({"t": "start", "tool": "flow", "params": {"run": run}, "photon": "bench"}))?;
        log.add(json!({"t": "emit", "emit": "status", "message": "Beginning", "data": {"emit": "status", "message": "Beginning"}}))?;
        for step in 0..5 {
            log.checkpoint(step)?;
        }
        log.add(json!({"t": "ask", "id": "ask_0", "ask": "confirm", "message": "Go on?"}))?;
        if run % 10 != 8 {
            log.add(json!({"t": "answer", "id": "ask_0", "value": true}))?;
        }
        match run % 10 {
            0..=6 => log.add(json!({"t": "return", "value": {"run": run, "done": true}}))?,
            7 => {
                log.add(json!({"t": "error", "message": "boom", "stack": "Error: boom\n    at flow (bench.ts:1:1)"}))?
            }
            _ => {}
        }
        log.out.flush()?;
    }
    Ok(())
}

/// Writes the log `resume-{n}` of a run that was killed behind its `n`th checkpoint.
pub fn interrupted(folder: &Path, n: u64) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut log = Log::create(folder, &format!("resume-{n}"), BEGIN)?;
    log.add(json!({"t": "start", "tool": "flow", "params": {}, "photon": "bench"}))?;
    for step in 0..n {
        log.checkpoint(step)?;
    }
    log.out.flush()
}

struct Log {
    out: BufWriter<File>,
    ts: u64,
}

impl Log {
    fn create(folder: &Path, id: &str, ts: u64) -> io::Result<Self> {
        Ok(Self { out: BufWriter::new(File::create(folder.join(format!("{id}.jsonl")))?), ts })
    }

    fn add(&mut self, mut entry: Value) -> io::Result<()> {
        entry["ts"] = self.ts.into();
        self.ts += 1;
        writeln!(self.out, "{entry}")
    }

    fn checkpoint(&mut self, step: u64) -> io::Result<()> {
        // About 100 bytes of state, as in every other row.
        self.add(
            json!({"t": "checkpoint", "id": format!("cp_{step}"), "state": {"step": step, "note": "x".repeat(80)}}),
        )
    }
}
