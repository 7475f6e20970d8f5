//! Locks by name that programs take: `lock.take` and `lock.release` of `ABI.md`.

use std::time::Duration;

use executor::{CallContext, Hold};
use run::{Failure, Outcome, Payload};
use serde::Deserialize;

use crate::args;
use crate::holds::{HoldError, Holds, Patience, lock_name};

/// The longest name, in bytes.
const LONGEST: usize = 1_000;

/// Where its holder seems to wait for the run that wants a lock, it may be that another branch of the holder gives it
/// back: so that is waited for, but not for ever.
const IN_CIRCLE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Args {
    name: String,
    /// How long to wait at most, in milliseconds; as long as it takes if absent.
    #[serde(default)]
    timeout: Option<u64>,
}

fn read(op: &str, context: &CallContext, args: &Payload) -> Result<(Args, String), Failure> {
    let args: Args = args::read(op, args)?;
    if args.name.is_empty() || args.name.len() > LONGEST {
        let message =
            format!("{op}: the name of a lock has 1 to {LONGEST} bytes, and this one has {}", args.name.len());
        return Err(Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message));
    }
    let name = lock_name(context.photon.as_deref(), &args.name);
    Ok((args, name))
}

/// Waits until the run has the lock.
pub(crate) async fn take(holds: &Holds, context: &CallContext, args: &Payload) -> Outcome {
    let (args, name) = read("lock.take", context, args)?;
    let most = args.timeout.map(Duration::from_millis);
    let patience = Patience { most, in_circle: most.map_or(IN_CIRCLE, |most| most.min(IN_CIRCLE)) };
    let why = match holds.acquire(&context.run, &name, patience).await {
        Ok(()) => return Ok(Payload::null()),
        Err(error @ HoldError::Circle { .. }) => format!("cannot be had: {error}"),
        Err(error @ HoldError::Busy { .. }) => {
            format!("was not free within {} s: {error}", most.unwrap_or_default().as_secs_f64())
        }
        Err(HoldError::Io(error)) => format!("cannot be had: {error}"),
    };
    Err(Failure::with_code("Error", "ERR_LOCKED", format!("the lock '{}' {why}", args.name)))
}

/// Gives the lock back.
pub(crate) fn release(holds: &Holds, context: &CallContext, args: &Payload) -> Outcome {
    let (_, name) = read("lock.release", context, args)?;
    holds.release(&context.run, &name);
    Ok(Payload::null())
}

/// What the two do to what a run holds.
pub(crate) fn hold(op: &str, args: &Payload) -> Option<Hold> {
    let args: Args = args.json.to().ok()?;
    let what = format!("lock {}", args.name);
    Some(if op == "lock.take" { Hold::Takes(what) } else { Hold::Gives(what) })
}
