//! What was measured, and what to make of it.

use std::collections::BTreeMap;

use crate::{
    measure::{Measure, Outcome, significant},
    rows::{Aim, Ref, Row},
};

/// One value of a peer in a row.
pub struct PeerValue {
    /// The peer.
    pub peer: &'static str,
    /// Tells two values of one peer in one row apart.
    pub label: Option<String>,
    /// The number, or why there is none.
    pub outcome: Outcome,
}

/// Everything that was measured.
#[derive(Default)]
pub struct Results {
    warnings: Vec<(String, String)>,
    ours: BTreeMap<&'static str, Outcome>,
    parts: BTreeMap<&'static str, Vec<(&'static str, Measure)>>,
    peers: BTreeMap<&'static str, Vec<PeerValue>>,
}

/// What to make of a row.
pub struct Verdict {
    /// Ours against what we compare with, once for each aim.
    pub ratios: Vec<String>,
    /// The aims in words.
    pub aims: Vec<String>,
    /// `yes`, `no`, `?` (the disk was not steady) or `–`, once for each aim.
    pub met: Vec<&'static str>,
    /// Somebody is better than we are, or an aim is not met.
    pub loses: bool,
}

impl Results {
    /// Notes our own value.
    pub fn ours(&mut self, row: &'static str, outcome: Outcome) {
        self.ours.insert(row, outcome);
    }

    /// Notes what our own value is the sum of.
    pub fn parts(&mut self, row: &'static str, parts: Vec<(&'static str, Measure)>) {
        self.parts.insert(row, parts);
    }

    /// Notes what a reader must know before any ratio of a group.
    pub fn warn(&mut self, group: &str, warning: Option<String>) {
        self.warnings.extend(warning.map(|warning| (group.to_owned(), warning)));
    }

    /// The warnings of a group.
    pub fn warnings(&self, group: &str) -> impl Iterator<Item = &str> {
        self.warnings.iter().filter(move |(of, _)| of == group).map(|(_, warning)| warning.as_str())
    }

    /// Notes a peer's value.
    pub fn peer(&mut self, row: &'static str, peer: &'static str, label: Option<String>, outcome: Outcome) {
        self.peers.entry(row).or_default().push(PeerValue { peer, label, outcome });
    }

    /// Notes the geometric mean of rows as a row of its own: ours, and of every peer that has them all.
    pub fn mean(&mut self, row: &'static str, of: &[&Row]) {
        let ours: Option<Vec<_>> = of.iter().map(|row| self.our_outcome(row).as_ref().ok().copied()).collect();
        self.ours(row, geometric(ours));
        let peers = of.first().map_or(&[][..], |row| row.peers);
        for peer in peers {
            let values = of.iter().map(|row| self.peer_measure(row.id, peer)).collect();
            self.peer(row, peer, None, geometric(values));
        }
    }

    /// Our own value.
    pub fn our_outcome(&self, row: &Row) -> &Outcome {
        static NONE: std::sync::OnceLock<Outcome> = std::sync::OnceLock::new();
        self.ours.get(row.id).unwrap_or_else(|| NONE.get_or_init(|| Err("not measured".into())))
    }

    /// What our own value is the sum of; empty if it is one thing.
    pub fn our_parts(&self, row: &Row) -> &[(&'static str, Measure)] {
        self.parts.get(row.id).map_or(&[], Vec::as_slice)
    }

    /// The peers' values, in the row's order.
    pub fn peer_values(&self, row: &Row) -> Vec<&PeerValue> {
        let values = self.peers.get(row.id).map_or(&[][..], Vec::as_slice);
        row.peers.iter().flat_map(|peer| values.iter().filter(move |value| value.peer == *peer)).collect()
    }

    fn peer_measure(&self, row: &str, peer: &str) -> Option<Measure> {
        let of_peer = self.peers.get(row)?.iter().filter(|value| value.peer == peer);
        best(of_peer.filter_map(|value| value.outcome.clone().ok()))
    }

    fn best_peer(&self, row: &Row) -> Option<(&'static str, Measure)> {
        let real = row.peers.iter().filter(|peer| !Row::is_floor(peer));
        let values = real.filter_map(|peer| Some((*peer, self.peer_measure(row.id, peer)?)));
        values.reduce(|a, b| if b.1.better_than(a.1) > 1.0 { b } else { a })
    }

    fn refer(&self, row: &Row, to: &Ref) -> (String, Option<Measure>) {
        match to {
            Ref::Peer(peer) => ((*peer).into(), self.peer_measure(row.id, peer)),
            Ref::PeerIn(peer, id) => (format!("{peer}’s {id}"), self.peer_measure(id, peer)),
            Ref::Ours(id) => (format!("our {id}"), self.ours.get(id).and_then(|outcome| outcome.clone().ok())),
            Ref::BestPeer => match self.best_peer(row) {
                Some((peer, value)) => (peer.into(), Some(value)),
                None => ("best peer".into(), None),
            },
        }
    }

    /// Compares a row's numbers with its aims; without an aim, with the best peer.
    pub fn verdict(&self, row: &Row) -> Verdict {
        let ours = self.our_outcome(row).as_ref().ok().copied();
        let best = self.best_peer(row);
        let behind = ours.zip(best).is_some_and(|(ours, (_, best))| ours.better_than(best) < 1.0);
        let mut verdict = Verdict { ratios: vec![], aims: vec![], met: vec![], loses: behind };
        for aim in row.aims {
            let (ratio, words, met) = self.judge(row, ours, best, aim);
            verdict.ratios.push(ratio.unwrap_or("–".into()));
            verdict.aims.push(words);
            // A ratio taken on an unsteady disk neither meets an aim nor misses it.
            let unsure = row.synced() && self.warnings(row.group()).next().is_some();
            verdict.met.push(match met {
                Some(_) if unsure => "?",
                Some(true) => "yes",
                Some(false) => "no",
                None => "–",
            });
            verdict.loses |= met == Some(false);
        }
        if row.aims.is_empty() {
            verdict.ratios.extend(ours.zip(best).map(|(ours, (peer, best))| better(ours, best, peer)));
        }
        verdict
    }

    fn judge(
        &self,
        row: &Row,
        ours: Option<Measure>,
        best: Option<(&'static str, Measure)>,
        aim: &Aim,
    ) -> (Option<String>, String, Option<bool>) {
        match aim {
            Aim::Under(limit) => {
                let ratio = ours.zip(best).map(|(ours, (peer, best))| better(ours, best, peer));
                (ratio, format!("≤ {limit}"), ours.map(|ours| ours.value <= limit.value))
            }
            Aim::Over(limit) => {
                let ratio = ours.zip(best).map(|(ours, (peer, best))| better(ours, best, peer));
                (ratio, format!("≥ {limit}"), ours.map(|ours| ours.value >= limit.value))
            }
            Aim::AtMost(times, to) => {
                let (name, other) = self.refer(row, to);
                let share = ours.zip(other).map(|(ours, other)| ours.value / other.value);
                let ratio = share.map(|share| format!("{} × {name}", significant(share)));
                (ratio, format!("≤ {} × {name}", short(*times)), share.map(|share| share <= *times))
            }
            Aim::Better(times, to) => {
                let (name, other) = self.refer(row, to);
                let ratio = ours.zip(other).map(|(ours, other)| better(ours, other, &name));
                let met = ours.zip(other).map(|(ours, other)| ours.better_than(other) >= *times);
                (ratio, format!("≥ {} × better than {name}", short(*times)), met)
            }
        }
    }
}

fn geometric(values: Option<Vec<Measure>>) -> Outcome {
    let values = values.filter(|values| !values.is_empty()).ok_or("a row is missing")?;
    let logs: f64 = values.iter().map(|measure| measure.value.ln()).sum();
    Ok(Measure { value: (logs / values.len() as f64).exp(), unit: values[0].unit })
}

fn best(values: impl Iterator<Item = Measure>) -> Option<Measure> {
    values.reduce(|a, b| if b.better_than(a) > 1.0 { b } else { a })
}

fn better(ours: Measure, other: Measure, name: &str) -> String {
    let times = ours.better_than(other);
    match times >= 1.0 {
        true => format!("{} × better than {name}", significant(times)),
        false => format!("{} × worse than {name}", significant(1.0 / times)),
    }
}

/// 20 as `20`, 0.5 as `½`.
fn short(times: f64) -> String {
    if times == 0.5 { "½".into() } else { format!("{times}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{DBOS, FLOOR_SYNC, RESTATE, ROWS};

    fn row(id: &str) -> &'static Row {
        ROWS.iter().find(|row| row.id == id).expect("the row exists")
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_not_beyond() {
        for (ours, met) in [(2.0, "yes"), (2.1, "no")] {
            let mut results = Results::default();
            results.ours("steps.disk", Ok(Measure::seconds(ours)));
            results.peer("steps.disk", FLOOR_SYNC, None, Ok(Measure::seconds(1.0)));
            let verdict = results.verdict(row("steps.disk"));
            assert_eq!((verdict.met[0], verdict.loses), (met, met == "no"));
        }
    }

    #[test]
    fn more_per_second_is_better_and_floors_are_no_peers() {
        let mut results = Results::default();
        results.ours("steps.concurrent", Ok(Measure::per_second(500.0)));
        results.peer("steps.concurrent", DBOS, None, Ok(Measure::per_second(100.0)));
        results.peer("steps.concurrent", RESTATE, None, Ok(Measure::per_second(300.0)));
        let verdict = results.verdict(row("steps.concurrent"));
        assert_eq!(verdict.met, ["no"]);
        assert_eq!(verdict.ratios, ["1.67 × better than Restate"]);
        results.peer("steps.disk", FLOOR_SYNC, None, Ok(Measure::seconds(1.0)));
        assert!(results.best_peer(row("steps.disk")).is_none());
    }

    #[test]
    fn an_unsteady_disk_decides_nothing() {
        let mut results = Results::default();
        results.warn("steps", Some("the disk was not steady".into()));
        results.ours("steps.disk", Ok(Measure::seconds(1.0)));
        results.peer("steps.disk", FLOOR_SYNC, None, Ok(Measure::seconds(4.0)));
        results.ours("start.process", Ok(Measure::seconds(0.01)));
        assert_eq!(results.verdict(row("steps.disk")).met, ["?"]);
        assert_eq!(results.verdict(row("start.process")).met, ["yes"]);
    }

    #[test]
    fn a_rate_has_a_lower_bound() {
        for (ours, met) in [(5e6, "yes"), (4.9e6, "no")] {
            let mut results = Results::default();
            results.ours("dag.line", Ok(Measure::per_second(ours)));
            assert_eq!(results.verdict(row("dag.line")).met, [met]);
        }
    }

    #[test]
    fn a_mean_needs_all_its_rows() {
        let (a, b) = (row("neutron.fib"), row("neutron.loop"));
        let mut results = Results::default();
        results.ours(a.id, Ok(Measure::seconds(2.0)));
        results.mean("neutron.mean", &[a, b]);
        assert!(results.our_outcome(row("neutron.mean")).is_err());
        results.ours(b.id, Ok(Measure::seconds(8.0)));
        results.mean("neutron.mean", &[a, b]);
        let mean = results.our_outcome(row("neutron.mean")).clone().expect("both rows are there");
        assert!((mean.value - 4.0).abs() < 1e-9);
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let verdict = Results::default().verdict(row("cpu.fib25"));
        assert_eq!((verdict.met[0], verdict.ratios[0].as_str(), verdict.loses), ("–", "–", false));
    }
}
