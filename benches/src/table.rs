//! Shows the results: each row's cells, and a table for a terminal.

use std::fmt::Write;

use crate::{
    measure::Outcome,
    results::Results,
    rows::{ROWS, Row},
};

pub const HEAD: [&str; 8] = ["row", "what", "ours", "peers", "ratio", "fsync", "aim", "met"];

/// A row's cells; a cell may have several lines.
pub fn cells(row: &Row, results: &Results) -> [Vec<String>; 8] {
    let verdict = results.verdict(row);
    let or_dash = |lines: Vec<String>| if lines.is_empty() { vec!["–".into()] } else { lines };
    let peers = results.peer_values(row).into_iter().map(|value| {
        let label = value.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
        format!("{}{label} {}", value.peer, shown(&value.outcome))
    });
    [
        vec![row.id.into()],
        vec![row.what.into()],
        own(row, results),
        or_dash(peers.collect()),
        or_dash(verdict.ratios),
        vec![row.fsync.into()],
        or_dash(verdict.aims),
        or_dash(verdict.met.into_iter().map(str::to_owned).collect()),
    ]
}

fn own(row: &Row, results: &Results) -> Vec<String> {
    let parts = results.our_parts(row).iter().map(|(name, part)| format!("{name} {part}"));
    std::iter::once(shown(results.our_outcome(row))).chain(parts).collect()
}

/// A number, or a dash.
pub fn shown(outcome: &Outcome) -> String {
    outcome.as_ref().map_or("–".into(), ToString::to_string)
}

/// Why the dashes are there: each reason once, with its rows.
pub fn gaps(rows: &[&Row], results: &Results) -> Vec<String> {
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
    let mut groups: Vec<_> = rows.iter().map(|row| row.group()).collect();
    groups.dedup();
    for warning in groups.into_iter().flat_map(|group| results.warnings(group)) {
        let _ = writeln!(out, "! {warning}");
    }
    for gap in gaps(&rows, results) {
        let _ = writeln!(out, "– {gap}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::Measure, rows::PHOTON};

    #[test]
    fn shows_numbers_and_gaps() {
        let mut results = Results::default();
        results.ours("steps.checkpoint", Ok(Measure::seconds(50e-6)));
        results.peer("steps.checkpoint", PHOTON, None, Ok(Measure::seconds(40e-6)));
        results.peer("list.cold", PHOTON, None, Err("could not be installed: no node".into()));
        let text = terminal(&["list".into()], &results);
        assert!(text.contains("– ours: not measured (list.cold, list.warm)"));
        assert!(!text.contains("checkpoint"));
    }
}
