//! Long values beside the journal.

use bytes::Bytes;
use run::{
    Hash, Payload, RunId,
    entry::{Body, Value, ValueRef},
    limits::INLINE_VALUE,
};
use store::{CheckpointStore, StoreError};

use crate::ExecError;

fn key(run: &RunId, hash: &Hash) -> String {
    format!("runs/{run}/value/{hash}")
}

/// Whether `body` holds a value that belongs beside the journal.
pub(crate) fn has_long(body: &mut Body) -> bool {
    body.values_mut().into_iter().any(|value| value.inline().is_some_and(|payload| payload.size() > INLINE_VALUE))
}

/// Stores the long values of `body` and leaves references in their place.
pub(crate) async fn put_beside(
    keep: &dyn CheckpointStore,
    run: &RunId,
    body: &mut Body,
    durable: bool,
) -> Result<(), StoreError> {
    for value in body.values_mut() {
        let Some(payload) = value.inline().filter(|payload| payload.size() > INLINE_VALUE) else { continue };
        *value = Value::Beside(put(keep, run, payload, durable).await?);
    }
    Ok(())
}

/// Stores `payload` beside the journal.
pub(crate) async fn put(
    keep: &dyn CheckpointStore,
    run: &RunId,
    payload: &Payload,
    durable: bool,
) -> Result<ValueRef, StoreError> {
    let (len, blob) = (payload.size() as u64, payload.to_blob());
    let hash = Hash::of(&blob);
    keep.save(&key(run, &hash), blob.into(), durable).await?;
    Ok(ValueRef { hash, len })
}

/// The payload of `value`, from wherever it lies.
pub(crate) async fn fetch(keep: &dyn CheckpointStore, run: &RunId, value: &Value) -> Result<Payload, ExecError> {
    let at = match value {
        Value::Inline(payload) => return Ok(payload.clone()),
        Value::Beside(at) => at,
    };
    let key = key(run, &at.hash);
    let blob: Option<Bytes> = keep.load(&key).await?;
    let good = blob.filter(|blob| Hash::of(blob) == at.hash).and_then(|blob| Payload::from_blob(&blob));
    good.ok_or_else(|| ExecError::Missing { run: run.clone(), what: "a value", key })
}
