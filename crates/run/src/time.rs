//! Times: milliseconds since the Unix epoch, in UTC, as journals hold them; ISO 8601 for people and `--json`.

use jiff::{Timestamp, tz::TimeZone};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

fn timestamp(ms: Millis) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

/// `2026-03-06T10:30:00.123Z`; without the fraction when it is zero.
pub fn iso(ms: Millis) -> String {
    let format = if ms.is_multiple_of(1000) { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%3fZ" };
    timestamp(ms).to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// Reads an ISO 8601 time with an offset or `Z`.
pub fn parse_iso(text: &str) -> Option<Millis> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_millisecond()).ok()
}

/// The UTC day as `20260306`, and the milliseconds since its midnight.
pub fn day_and_millis(ms: Millis) -> (String, u64) {
    (timestamp(ms).to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string(), ms % 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_round_trips() {
        for ms in [0, 1_772_793_000_000, 1_772_793_000_123] {
            assert_eq!(parse_iso(&iso(ms)), Some(ms));
        }
        assert_eq!(iso(1_772_793_000_000), "2026-03-06T10:30:00Z");
        assert_eq!(iso(1_772_793_000_123), "2026-03-06T10:30:00.123Z");
        iso(u64::MAX);
    }
}
