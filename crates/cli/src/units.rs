//! Durations and sizes as people write them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Unit};

/// `90` (seconds), `500ms`, `30m`, `12h`, `7d`, `1h 30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is not a length of time: something like 30s, 12h or 7d is expected");
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| expected());
    }
    let span: Span = text.trim().parse().map_err(|_| expected())?;
    // Days of 24 hours; a month has no fixed length.
    let total = span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours())).map_err(|_| expected())?;
    Duration::try_from_secs_f64(total / 1000.0).map_err(|_| expected())
}

/// `4096`, `64K`, `512MiB` (by 1024), `10MB` (by 1000).
pub fn size(text: &str) -> Result<u64, String> {
    let expected = || format!("{text:?} is not a size: something like 64K, 512MiB or 2GB is expected");
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| expected())?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(expected()),
    };
    number.checked_mul(unit).ok_or_else(expected)
}

/// A size in bytes, for clap and the configuration.
pub fn bytes(text: &str) -> Result<usize, String> {
    usize::try_from(size(text)?).map_err(|_| format!("{text:?} is more than this machine can address"))
}

/// `850 ms`, `12.3 s`, `4 min`, `3 h`, `12 d`.
pub fn rough(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{:.1} s", millis as f64 / 1e3),
        60_000..3_600_000 => format!("{} min", millis / 60_000),
        3_600_000..86_400_000 => format!("{} h", millis / 3_600_000),
        _ => format!("{} d", millis / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good = [
            ("90", 90_000),
            ("0.5", 500),
            ("500ms", 500),
            ("30m", 1_800_000),
            ("7d", 604_800_000),
            ("1h 30m", 5_400_000),
        ];
        for (text, millis) in good {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "x", "-1", "-3d", "1 month", "1e300", "nan", "7 parsecs"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("0", 0), ("64K", 65_536), ("512 MiB", 512 << 20), ("10MB", 10_000_000), ("1g", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "K", "-1", "1.5M", "1X", "99999999999999999999", "99999999999G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
