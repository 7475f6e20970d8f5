//! The page for docs/: a section for each group, so that one group can be measured again alone.

use std::fmt::Write;

use crate::{
    results::Results,
    rows::{self, ROWS, Row},
    table::{HEAD, cells, gaps, shown},
};

/// When and on what a group was measured.
pub struct Stamp {
    /// The group.
    pub group: &'static str,
    /// The day.
    pub date: String,
    /// The commit.
    pub commit: String,
    /// The load before and after.
    pub load: (String, String),
}

/// The page: sections of the groups that were measured; of the others, what `old` holds.
pub fn page(old: &str, facts: &[String], stamps: &[Stamp], results: &Results) -> String {
    let mut out = String::from(
        "# Benchmarks\n\nWritten by `make bench WRITE=1` (`benches/run --write`): ours and the peers in turn, on one \
         machine, each group in one\nrun. Compare the ratios; the numbers are this machine's.\n\n",
    );
    for fact in facts {
        let _ = writeln!(out, "- {fact}");
    }
    for group in rows::groups() {
        match stamps.iter().find(|stamp| stamp.group == group) {
            Some(stamp) => out.push_str(&section(stamp, results)),
            None => out.push_str(&kept(old, group)),
        }
    }
    out.push_str(NOTES);
    out
}

fn title(group: &str) -> String {
    format!("\n## `{group}`\n")
}

/// A group's section of an earlier page; nothing if it has none.
fn kept(old: &str, group: &str) -> String {
    let title = title(group);
    let Some(at) = old.find(&title) else { return String::new() };
    let rest = &old[at + title.len()..];
    let end = rest.find("\n## ").unwrap_or(rest.len());
    format!("{title}{}", &rest[..end])
}

fn section(stamp: &Stamp, results: &Results) -> String {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.group() == stamp.group).collect();
    let (before, after) = &stamp.load;
    let mut out = title(stamp.group);
    let _ = writeln!(
        out,
        "\nOn {}, at commit {}; the machine's load was {before} before and {after} after.",
        stamp.date, stamp.commit
    );
    for warning in results.warnings(stamp.group) {
        let _ = writeln!(out, "\n**Warning**: {warning}.");
    }
    let _ = write!(out, "\n| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len()));
    for row in &rows {
        let cells = cells(row, results).map(|lines| lines.join("<br>").replace('|', "\\|"));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    let losing = rows.iter().filter(|row| results.verdict(row).loses).map(|row| lost(row, results));
    list(&mut out, "Where we lose:", losing);
    list(&mut out, "What was not measured:", gaps(&rows, results).into_iter());
    out
}

fn lost(row: &Row, results: &Results) -> String {
    let verdict = results.verdict(row);
    let aims = if verdict.aims.is_empty() { String::new() } else { format!(" (aim: {})", verdict.aims.join(", ")) };
    let ratios: String =
        verdict.ratios.iter().filter(|ratio| *ratio != "–").map(|ratio| format!(", {ratio}")).collect();
    format!("{}: {}{ratios}{aims}", row.id, shown(results.our_outcome(row)))
}

fn list(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!("- {line}\n")).collect();
    if !lines.is_empty() {
        let _ = write!(out, "\n{title}\n\n{}", lines.concat());
    }
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
- Neutron's programs are run by a new machine in this process, without journal and store; its checkpoints are those of
  `save`, held against `pickle`.
- LangGraph's lines are functions that add 1. *sync*: each step is in the database before the next; *exit*: once, when
  the line ends. Those are held against ours that do the same: `dag.nodes` and `dag.durable`. Our lines in TypeScript are
  timed as a process that runs many less one that runs one; `dag.line` builds and ends each line anew.
- `stores`: the same JSON text is saved and loaded, durably, as bytes, with a copy of them in both. Ours moves bytes and
  makes no text of a state: node's `JSON.stringify` + `JSON.parse` of the same state, without a disk, stand against that.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::Measure, rows::PHOTON};

    fn stamp(group: &'static str, commit: &str) -> Stamp {
        Stamp { group, date: "2026-03-06".into(), commit: commit.into(), load: ("0.10".into(), "1.00".into()) }
    }

    #[test]
    fn shows_numbers_gaps_and_losses() {
        let mut results = Results::default();
        results.ours("steps.checkpoint", Ok(Measure::seconds(50e-6)));
        results.peer("steps.checkpoint", PHOTON, None, Ok(Measure::seconds(40e-6)));
        results.peer("list.cold", PHOTON, None, Err("could not be installed: no node".into()));
        let stamps = [stamp("steps", "abc"), stamp("list", "abc")];
        let page = page("", &["2 cores".into()], &stamps, &results);
        assert!(
            page.contains("| 50.0 µs | photon-core 40.0 µs | 1.25 × photon-core | none | ≤ ½ × photon-core | no |")
        );
        assert!(page.contains("- steps.checkpoint: 50.0 µs, 1.25 × photon-core (aim: ≤ ½ × photon-core)"));
        assert!(page.contains("- photon-core: could not be installed: no node (list.cold)"));
        assert!(page.contains("at commit abc; the machine's load was 0.10 before and 1.00 after"));
    }

    #[test]
    fn a_group_is_replaced_alone() {
        let mut results = Results::default();
        results.ours("list.cold", Ok(Measure::seconds(1.0)));
        let old = page("", &[], &[stamp("start", "first"), stamp("list", "first")], &results);
        results.ours("list.cold", Ok(Measure::seconds(2.0)));
        let new = page(&old, &[], &[stamp("list", "second")], &results);
        assert_eq!(new.matches("at commit first").count(), 1);
        let (start, list) = old.split_at(old.find("## `list`").expect("the group has a section"));
        let list = list.replace("1.00 s", "2.00 s").replace("at commit first", "at commit second");
        assert_eq!(new, format!("{start}{list}"));
        assert_eq!(page(&new, &[], &[], &results), new);
    }

    #[test]
    fn a_sum_shows_its_parts() {
        let mut results = Results::default();
        results.ours("stores.memory.1000", Ok(Measure::seconds(3.0)));
        results.parts("stores.memory.1000", vec![("save", Measure::seconds(1.0)), ("load", Measure::seconds(2.0))]);
        let page = page("", &[], &[stamp("stores", "abc")], &results);
        assert!(page.contains("| 3.00 s<br>save 1.00 s<br>load 2.00 s |"), "{page}");
    }
}
