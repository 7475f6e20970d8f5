//! Fires what is due, in the daemon. The id of each firing is made of the task and the time that it is for, so that a
//! firing that was begun before a crash is found and gone on with, and not begun again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bundler::tools::{CatchUp, Tags};
use run::{RunId, time::Millis};
use sha2::{Digest, Sha256};

use super::shelf::Shelf;
use super::task::{Status, Task, due};
use super::times::Pattern;
use crate::broker::now;
use crate::calls::{Call, Calls};
use crate::supervise::Supervision;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(500);
/// Looks between two at the catalog's tags.
const TAGS_EVERY: u32 = 10;

/// A method whose docblock says when it is called.
#[derive(Clone)]
struct Tagged {
    photon: String,
    method: String,
    cron: String,
    zone: Option<String>,
    catch_up: CatchUp,
}

impl Tagged {
    fn new(photon: &str, method: &str, tags: &Tags) -> Option<Self> {
        Some(Self {
            photon: photon.to_owned(),
            method: method.to_owned(),
            cron: tags.scheduled.clone()?,
            zone: tags.timezone.clone(),
            catch_up: tags.catch_up.unwrap_or_default(),
        })
    }

    fn key(&self) -> String {
        format!("{}.{}", self.photon, self.method)
    }

    /// The times for which it is to be called now; those up to `settled` have been dealt with.
    fn due(&self, settled: Millis, now: Millis) -> Vec<Millis> {
        // What is wrong with a pattern is said where the photon is read.
        let pattern = Pattern::new(&self.cron, self.zone.as_deref());
        pattern.map_or_else(|_| Vec::new(), |pattern| due(&pattern, settled, now, self.catch_up))
    }
}

/// Fires. Never ends.
pub(crate) async fn work(calls: Calls, supervision: Supervision, shelf: Shelf, folder: &Path) {
    let settled = folder.join("scheduled.json");
    let mut clock = Clock { calls, supervision, shelf, last: BTreeMap::new(), running: BTreeMap::new() };
    clock.last = std::fs::read(&settled).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let mut tagged = Vec::new();
    for round in 0u32.. {
        if round.is_multiple_of(TAGS_EVERY) {
            tagged = clock.tagged().await;
        }
        if clock.tags(&tagged).await {
            save(&settled, &clock.last);
        }
        clock.tasks().await;
        tokio::time::sleep(TICK).await;
    }
}

struct Clock {
    calls: Calls,
    supervision: Supervision,
    shelf: Shelf,
    /// By `photon.method`: up to when the firings of tagged methods have been dealt with.
    last: BTreeMap<String, Millis>,
    /// The last firing of each, which the next one must not overtake.
    running: BTreeMap<String, RunId>,
}

impl Clock {
    async fn tagged(&self) -> Vec<Tagged> {
        let catalog = self.calls.catalog().clone();
        let all = tokio::task::spawn_blocking(move || catalog.list()).await.unwrap_or_default();
        let mut found = Vec::new();
        for entry in all {
            for tool in entry.methods() {
                found.extend(Tagged::new(&entry.name, &tool.name, &tool.tags));
            }
        }
        found
    }

    /// Fires tagged methods; whether anything is to be written down.
    async fn tags(&mut self, tagged: &[Tagged]) -> bool {
        let now = now();
        let mut changed = false;
        for one in tagged {
            let key = one.key();
            // One that is new begins now.
            let settled = *self.last.entry(key.clone()).or_insert_with(|| {
                changed = true;
                now
            });
            for at in one.due(settled, now) {
                let call = Call {
                    photon: one.photon.clone(),
                    method: Some(one.method.clone()),
                    internal: true,
                    ..Call::default()
                };
                match self.fire(&key, at, call).await {
                    None => break,
                    Some(Err(error)) => tracing::error!("{key} could not be called as scheduled: {error}"),
                    Some(Ok(())) => {}
                }
                self.last.insert(key.clone(), at);
                changed = true;
            }
        }
        let before = self.last.len();
        self.last.retain(|key, _| tagged.iter().any(|one| *key == one.key()));
        changed || before != self.last.len()
    }

    /// Fires what programs asked for.
    async fn tasks(&mut self) {
        let shelf = self.shelf.clone();
        let all = tokio::task::spawn_blocking(move || shelf.all()).await.unwrap_or_default();
        for task in all {
            let times = match task.pattern() {
                Ok(pattern) => task.due(&pattern, now()),
                Err(error) => {
                    self.put(&task, |task| (task.status, task.error_message) = (Status::Error, Some(error))).await;
                    continue;
                }
            };
            for at in times {
                let call = Call {
                    photon: task.photon_id.clone(),
                    method: Some(task.method.clone()),
                    instance: task.instance.clone(),
                    args: task.params.clone(),
                    internal: true,
                    ..Call::default()
                };
                let Some(fired) = self.fire(&task.id, at, call).await else { break };
                if let Err(error) = &fired {
                    tracing::error!("the schedule {:?} of {} did not fire: {error}", task.name, task.photon_id);
                }
                self.put(&task, move |task| task.fired(at, fired.err())).await;
                if task.fire_once {
                    break;
                }
            }
        }
    }

    /// Starts one firing. `None` if the one before has not ended: then this one waits.
    async fn fire(&mut self, key: &str, at: Millis, call: Call) -> Option<Result<(), String>> {
        if let Some(before) = self.running.get(key)
            && self.calls.supervisor().get(before).is_some()
        {
            return None;
        }
        let digest = Sha256::digest(key.as_bytes());
        let short: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let id: RunId = match format!("at-{short}-{at}").parse() {
            Ok(id) => id,
            Err(error) => return Some(Err(format!("{error}"))),
        };
        self.running.insert(key.to_owned(), id.clone());
        Some(match self.calls.start_once(&id, call).await {
            Ok(Ok(running)) => {
                tracing::info!(run = %id, "{key} was called as scheduled");
                self.supervision.watch(running);
                Ok(())
            }
            Ok(Err(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Changes a task, if it is still there; its program may have changed it meanwhile.
    async fn put(&self, task: &Task, change: impl FnOnce(&mut Task) + Send + 'static) {
        let (shelf, id, photon) = (self.shelf.clone(), task.id.clone(), task.photon_id.clone());
        let put = move || {
            shelf.change(|shelf| match shelf.of(&photon).into_iter().find(|task| task.id == id) {
                Some(mut task) => {
                    change(&mut task);
                    shelf.put(&task)
                }
                None => Ok(()),
            })
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(put).await {
            tracing::error!("{error}");
        }
    }
}

fn save(path: &PathBuf, last: &BTreeMap<String, Millis>) {
    let save = || {
        let mut aside = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        aside.write_all(&serde_json::to_vec(last)?)?;
        aside.as_file().sync_all()?;
        aside.persist(path).map(drop).map_err(|e| e.error)
    };
    if let Err(error) = save() {
        tracing::warn!(%error, "it cannot be written down what was called as scheduled");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        run::time::parse_iso(text).expect("a time")
    }

    /// What is called while the clock goes from `from` to `to` in steps of seven minutes, as the daemon looks.
    fn called(tags: &Tags, from: &str, to: &str) -> Vec<String> {
        let one = Tagged::new("p", "m", tags).expect("scheduled");
        let (mut now, mut settled, mut found) = (at(from), at(from), Vec::new());
        while now < at(to) {
            now += 7 * 60_000;
            for time in one.due(settled, now) {
                assert!(time > settled && time <= now);
                found.push(run::time::iso(time));
                settled = time;
            }
        }
        found
    }

    fn tags(cron: &str, zone: &str, catch_up: Option<CatchUp>) -> Tags {
        Tags { scheduled: Some(cron.into()), timezone: Some(zone.into()), catch_up, ..Tags::default() }
    }

    #[test]
    fn a_day_of_23_hours_and_one_of_25() {
        let daily = |cron| tags(cron, "Europe/Berlin", None);
        // In spring the clock goes from 2:00 to 3:00, in autumn from 3:00 to 2:00.
        let (spring, autumn) =
            (("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z"), ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"));
        let nine = daily("0 9 * * *");
        assert_eq!(called(&nine, spring.0, spring.1), ["2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]);
        assert_eq!(called(&nine, autumn.0, autumn.1), ["2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"]);
        // A time that there is not on one day, and twice on another: once on each.
        let night = daily("30 2 * * *");
        assert_eq!(called(&night, spring.0, spring.1), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        assert_eq!(called(&night, autumn.0, autumn.1), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        // Each hour that there is.
        assert_eq!(called(&daily("0 * * * *"), "2026-03-28T23:30:00Z", "2026-03-29T21:50:00Z").len(), 22);
        assert_eq!(called(&daily("0 * * * *"), "2026-10-24T22:30:00Z", "2026-10-25T22:50:00Z").len(), 24);
    }

    #[test]
    fn what_was_missed_over_the_change() {
        let (settled, now) = (at("2026-03-28T00:00:00Z"), at("2026-03-31T12:00:00Z"));
        let missed = |catch_up| {
            let one = Tagged::new("p", "m", &tags("0 9 * * *", "Europe/Berlin", catch_up)).expect("scheduled");
            one.due(settled, now).into_iter().map(run::time::iso).collect::<Vec<_>>()
        };
        let all = ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z", "2026-03-31T07:00:00Z"];
        assert_eq!(missed(Some(CatchUp::All)), all);
        assert_eq!(missed(None), all[3..]);
        assert_eq!(missed(Some(CatchUp::Once)), all[3..]);
        assert_eq!(missed(Some(CatchUp::None)), [""; 0]);
    }
}
