//! Snapshots of a run: saving them, thinning them, choosing one to go on from.

use std::time::Duration;

use run::{Body, Hash, Json, RunId, Snapshot, SnapshotHeader, limits::SNAPSHOT_EVERY_CPU};
use store::CheckpointStore;

use crate::{
    ExecError, SnapshotPolicy, blocking,
    drive::{Driven, Since},
    state::Kept,
};

fn key(run: &RunId, hash: &Hash) -> String {
    format!("runs/{run}/snapshot/{hash}")
}

impl Driven {
    /// Whether a snapshot now would cost less than what it saves a replay.
    pub fn snapshot_pays(&self) -> bool {
        self.config.snapshots != SnapshotPolicy::Never
            && (self.since.wakes >= self.config.snapshot_wakes
                || self.since.cpu >= SNAPSHOT_EVERY_CPU.max(self.snapshot_cost() * 4))
    }

    fn snapshot_cost(&self) -> Duration {
        // Saving a large heap takes time itself: about 1 ms for 4 MiB, so large heaps are saved less often.
        Duration::from_micros(self.program.memory() as u64 / 4096)
    }

    /// Saves the program's memory, where that is possible.
    pub fn snapshot(&mut self) -> Result<(), ExecError> {
        if self.messages_end > self.seen().at {
            return Ok(());
        }
        self.swap_in()?;
        if save(self)? {
            self.since = Since::default();
        }
        Ok(())
    }
}

/// Saves the program's memory, then names it in the journal: the file is on disk before the entry. Gives whether the
/// program had an image to save here.
fn save(driven: &mut Driven) -> Result<bool, ExecError> {
    let Some(image) = driven.program.snapshot()? else { return Ok(false) };
    let place = driven.seen();
    let parent = driven.state.snapshots.last().filter(|_| image.on_parent).copied();
    let depth = parent.map_or(0, |parent| parent.depth + 1);
    let header = SnapshotHeader {
        run: driven.run.clone(),
        guest: driven.code.guest.clone(),
        engine: driven.engine,
        code: driven.code_hash,
        parent: parent.map(|parent| parent.hash),
        depth,
        position: place.at,
        chain: place.chain.0,
        executor: Json::of(&driven.state).expect("the state has a JSON form"),
    };
    let bytes = Snapshot { header, image: image.bytes }.encode();
    let (hash, len) = (Hash::of(&bytes), bytes.len() as u64);
    let (keep, key, durable) = (driven.parts.keep.clone(), key(&driven.run, &hash), driven.config.durable);
    let saved = blocking::wait(&driven.parts.io, async move { keep.save(&key, bytes.into(), durable).await });
    match saved {
        Ok(()) => {}
        // Losing a snapshot costs time, never correctness: a full disk must not end a run that still can go on.
        Err(error) => {
            tracing::warn!(run = %driven.run, %error, "a snapshot could not be saved");
            driven.program.forget_parent();
            return Ok(true);
        }
    }
    let log = driven.log.as_mut().expect("a run that is driven has a log");
    log.push(Body::Snapshot { hash, len })?;
    log.flush()?;
    let serial = driven.state.snapshots.last().map_or(0, |last| last.serial + 1);
    driven.state.snapshots.push(Kept { hash, serial, depth });
    for dropped in thin(&mut driven.state.snapshots) {
        let (keep, key) = (driven.parts.keep.clone(), self::key(&driven.run, &dropped));
        if let Err(error) = blocking::wait(&driven.parts.io, async move { keep.delete(&key).await }) {
            tracing::warn!(run = %driven.run, %error, "an old snapshot could not be removed");
        }
    }
    Ok(true)
}

/// Drops snapshots so that about as many stay for each doubling of age; gives what was dropped. A snapshot goes
/// only together with those that build on it.
fn thin(kept: &mut Vec<Kept>) -> Vec<Hash> {
    // A family is a full snapshot and those that build on it, in order.
    let mut families: Vec<Vec<Kept>> = Vec::new();
    for snapshot in kept.drain(..) {
        match families.last_mut() {
            Some(family) if snapshot.depth > 0 => family.push(snapshot),
            _ => families.push(vec![snapshot]),
        }
    }
    let newest = families.last().map_or(0, |family| family[0].serial);
    let mut dropped = Vec::new();
    let mut last_step = None;
    for (at, family) in families.iter().enumerate() {
        let age = newest - family[0].serial;
        let step = (age + 1).ilog2();
        // Of each step of the ladder its oldest stays; of the newest two families both.
        let stays = last_step != Some(step) || at + 2 >= families.len();
        last_step = Some(step);
        if stays { kept.extend(family) } else { dropped.extend(family.iter().map(|snapshot| snapshot.hash)) }
    }
    dropped
}

/// A snapshot and the ones that it builds on, oldest first.
pub(crate) async fn load(keep: &dyn CheckpointStore, run: &RunId, hash: Hash) -> Result<Vec<Snapshot>, String> {
    let mut chain = Vec::new();
    let mut next = Some(hash);
    while let Some(hash) = next {
        let bytes = keep.load(&key(run, &hash)).await.map_err(|e| e.to_string())?;
        let bytes = bytes.ok_or("it is not there any more")?;
        if Hash::of(&bytes) != hash {
            return Err("its content does not match its name".into());
        }
        let snapshot = Snapshot::decode(&bytes).map_err(|e| e.to_string())?;
        if snapshot.header.run != *run {
            return Err(format!("it belongs to run {}", snapshot.header.run));
        }
        next = snapshot.header.parent;
        chain.push(snapshot);
        if chain.len() > 1000 {
            return Err("its chain of parents does not end".into());
        }
    }
    chain.reverse();
    Ok(chain)
}

/// Removes a snapshot that cannot be used, so that it is not chosen again.
pub(crate) async fn reject(keep: &dyn CheckpointStore, run: &RunId, hash: Hash) {
    // What cannot be read now may be good: its store is away, or it is encrypted under a key that is not there.
    if keep.load(&key(run, &hash)).await.is_err() {
        return;
    }
    if let Err(error) = keep.delete(&key(run, &hash)).await {
        tracing::warn!(%run, %error, "a snapshot that cannot be used could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_keeps_a_number_that_grows_with_the_logarithm() {
        let mut kept = Vec::new();
        for serial in 0..10_000u64 {
            kept.push(Kept { hash: Hash::of(&serial.to_le_bytes()), serial, depth: 0 });
            thin(&mut kept);
            assert!(kept.len() <= 40, "{} kept at {serial}", kept.len());
            assert_eq!(kept.last().unwrap().serial, serial);
        }
        assert!(kept.len() >= 8);
    }

    #[test]
    fn a_snapshot_stays_while_another_builds_on_it() {
        let mut kept = Vec::new();
        for serial in 0..200u64 {
            let depth = (serial % 10) as u32;
            kept.push(Kept { hash: Hash::of(&serial.to_le_bytes()), serial, depth });
            thin(&mut kept);
            for (at, snapshot) in kept.iter().enumerate() {
                assert!(snapshot.depth == 0 || kept[at - 1].serial + 1 == snapshot.serial);
            }
        }
    }
}
