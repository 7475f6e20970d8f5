//! What the SQL back-ends have in common.

use run::RunId;

use crate::{Owner, StoreError};

/// Longer appends and values are cut into rows of this length, in bytes.
pub(crate) const PIECE: usize = 1 << 20;

/// A position or length as SQL knows it. None that can be reached is longer.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The keys that begin with `prefix` are those from the first text to before the second; `None` if no key can.
pub(crate) fn key_range(prefix: &str) -> Option<(String, String)> {
    let can = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'));
    // In the order of bytes `~` is behind everything that a key can hold.
    can.then(|| (prefix.to_owned(), format!("{prefix}~")))
}

/// The keys that go with a run.
pub(crate) fn keys_of_run(run: &RunId) -> (String, String) {
    (format!("runs/{run}/"), format!("runs/{run}/~"))
}

/// A message's name: its number, so that names sort by arrival.
pub(crate) fn message_name(number: i64) -> String {
    format!("{number:020}")
}

/// The number of a message; `None` if no message has such a name.
pub(crate) fn message_number(name: &str) -> Option<i64> {
    let digits = name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit());
    if digits { name.parse().ok() } else { None }
}

/// An owner as a row holds it.
pub(crate) fn owner_to_text(owner: &Owner) -> String {
    serde_json::to_string(owner).unwrap_or_default()
}

/// The owner that a row names.
pub(crate) fn owner_from_text(text: Option<&str>) -> Owner {
    let unknown = || Owner { host: "another machine".into(), pid: 0, what: "an unknown process".into(), since: 0 };
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(unknown)
}

/// A driver that lost its run, and what shows it.
pub(crate) fn fenced(run: &RunId, cause: impl Into<String>) -> StoreError {
    StoreError::Fenced { run: run.clone(), cause: cause.into() }
}

/// A journal that ends elsewhere than its driver thinks.
pub(crate) fn elsewhere(run: &RunId, len: i64, at: u64) -> StoreError {
    fenced(run, format!("the journal ends at byte {len}, not at {at}"))
}
