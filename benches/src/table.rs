//! Shows the results: aligned on a terminal, as Markdown in a file.

use std::fmt::Write;

use crate::{
    measure::Outcome,
    results::Results,
    rows::{ROWS, Row},
};

const HEAD: [&str; 8] = ["row", "what", "ours", "peers", "ratio", "fsync", "aim", "met"];

/// What stands around the table in the file.
pub struct Frame {
    /// The commit that was measured.
    pub commit: String,
    /// The day.
    pub date: String,
    /// The machine, the versions, the load.
    pub facts: Vec<String>,
}

/// A row's cells; a cell may have several lines.
fn cells(row: &Row, results: &Results) -> [Vec<String>; 8] {
    let verdict = results.verdict(row);
    let or_dash = |lines: Vec<String>| if lines.is_empty() { vec!["–".into()] } else { lines };
    let peers = results.peer_values(row).into_iter().map(|value| {
        let label = value.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
        format!("{}{label} {}", value.peer, shown(&value.outcome))
    });
    [
        vec![row.id.into()],
        vec![row.what.into()],
        vec![shown(results.our_outcome(row))],
        or_dash(peers.collect()),
        or_dash(verdict.ratios),
        vec![row.fsync.into()],
        or_dash(verdict.aims),
        or_dash(verdict.met.into_iter().map(str::to_owned).collect()),
    ]
}

fn shown(outcome: &Outcome) -> String {
    outcome.as_ref().map_or("–".into(), ToString::to_string)
}

/// Why the dashes are there: each reason once, with its rows.
fn gaps(rows: &[&Row], results: &Results) -> Vec<String> {
    let mut gaps: Vec<(String, Vec<&str>)> = Vec::new();
    let mut note = |who: &str, why: &str, row| {
        let reason = format!("{who}: {why}");
        match gaps.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, rows)) => rows.push(row),
            None => gaps.push((reason, vec![row])),
        }
    };
    for row in rows {
        if let Err(why) = results.our_outcome(row) {
            note("ours", why, row.id);
        }
        for value in results.peer_values(row) {
            if let Err(why) = &value.outcome {
                note(value.peer, why, row.id);
            }
        }
    }
    gaps.into_iter().map(|(reason, rows)| format!("{reason} ({})", rows.join(", "))).collect()
}

fn selected(groups: &[String]) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| groups.is_empty() || groups.iter().any(|group| group == row.group())).collect()
}

/// The table for a terminal.
pub fn terminal(groups: &[String], results: &Results) -> String {
    let rows = selected(groups);
    let head = HEAD.map(|name| vec![name.to_owned()]);
    let table: Vec<_> = std::iter::once(head).chain(rows.iter().map(|row| cells(row, results))).collect();
    let width = |column: usize| table.iter().flat_map(|row| &row[column]).map(|line| line.chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for (n, row) in table.iter().enumerate() {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let columns = row.iter().zip(&widths);
            let text: Vec<String> =
                columns.map(|(cell, width)| format!("{:width$}", cell.get(line).map_or("", String::as_str))).collect();
            let _ = writeln!(out, "{}", text.join("  ").trim_end());
        }
        if n == 0 {
            let _ = writeln!(out, "{}", "─".repeat(widths.iter().sum::<usize>() + 2 * (HEAD.len() - 1)));
        }
    }
    for warning in &results.warnings {
        let _ = writeln!(out, "! {warning}");
    }
    for gap in gaps(&rows, results) {
        let _ = writeln!(out, "– {gap}");
    }
    out
}

/// The page for docs/.
pub fn markdown(frame: &Frame, results: &Results) -> String {
    let rows = selected(&[]);
    let mut out = format!(
        "# Benchmarks\n\nWritten by `make bench` (`benches/run --write`) on {}, at commit {}: ours and the peers in \
         turn, in one run, on one machine.\nCompare the ratios; the numbers are this machine's.\n\n",
        frame.date, frame.commit
    );
    for fact in &frame.facts {
        let _ = writeln!(out, "- {fact}");
    }
    for warning in &results.warnings {
        let _ = writeln!(out, "- **Warning**: {warning}");
    }
    let _ = write!(out, "\n| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len()));
    for row in &rows {
        let cells = cells(row, results).map(|lines| lines.join("<br>").replace('|', "\\|"));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    section(
        &mut out,
        "Where we lose",
        rows.iter().filter(|row| results.verdict(row).loses).map(|row| lost(row, results)),
    );
    section(&mut out, "What was not measured", gaps(&rows, results).into_iter());
    out.push_str(NOTES);
    out
}

fn lost(row: &Row, results: &Results) -> String {
    let verdict = results.verdict(row);
    let aims = if verdict.aims.is_empty() { String::new() } else { format!(" (aim: {})", verdict.aims.join(", ")) };
    format!("{}: {}, {}{aims}", row.id, shown(results.our_outcome(row)), verdict.ratios.join(", "))
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("- {line}")).collect();
    let body = if lines.is_empty() { "- nothing".into() } else { lines.join("\n") };
    let _ = write!(out, "\n## {title}\n\n{body}\n");
}

const NOTES: &str = "
## How to read it

- *fsync* says whether a sync to disk is part of what is timed. Restate and DBOS run with their defaults, which sync;
  LangGraph with durability `sync` and SQLite's full syncs; photon-core never syncs.
- A step does nothing: what is timed is the cost of making it durable. Floors are no peers: nothing durable that syncs
  each step by itself can go below them.
- Our steps are taken by a program in Rust on executor and file store; a step's intent is on disk before it is
  performed, its result before the next one begins.
- photon-core's listing is timed within a running node process, ours as a whole process.
- quickjs-wasi leaves compression to its user; its time is without, its size is given raw and with gzip.
- A resume of photon-core repeats the effects before the checkpoint; ours does not. The whole-process rows kill the run
  with SIGKILL behind its last checkpoint, and resume a fresh copy of its files each time. Most of photon-core's is
  loading its modules, so our whole process is held against its resume alone.
- photon-core's logs of the list row are given to both sides as they are.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::Measure, rows::PHOTON};

    #[test]
    fn shows_numbers_gaps_and_losses() {
        let mut results = Results::default();
        results.ours("steps.checkpoint", Ok(Measure::seconds(50e-6)));
        results.peer("steps.checkpoint", PHOTON, None, Ok(Measure::seconds(40e-6)));
        results.peer("list.cold", PHOTON, None, Err("could not be installed: no node".into()));
        let frame = Frame { commit: "abc".into(), date: "2026-03-06".into(), facts: vec!["2 cores".into()] };
        let page = markdown(&frame, &results);
        assert!(
            page.contains("| 50.0 µs | photon-core 40.0 µs | 1.25 × photon-core | none | ≤ ½ × photon-core | no |")
        );
        assert!(page.contains("- steps.checkpoint: 50.0 µs, 1.25 × photon-core (aim: ≤ ½ × photon-core)"));
        assert!(page.contains("- photon-core: could not be installed: no node (list.cold)"));
        let text = terminal(&["list".into()], &results);
        assert!(text.contains("– ours: not measured (list.cold, list.warm)"));
        assert!(!text.contains("checkpoint"));
    }
}
