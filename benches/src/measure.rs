//! One measured number, and how it is made and shown.

use std::{fmt, time::Duration};

/// What a number counts; decides how it is shown and which way is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Less is better.
    Seconds,
    /// Less is better.
    Bytes,
    /// More is better.
    PerSecond,
}

/// One measured number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measure {
    /// In `unit`, without a prefix.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// A number, or why there is none.
pub type Outcome = Result<Measure, String>;

impl Measure {
    /// So many seconds.
    pub fn seconds(value: f64) -> Self {
        Self { value, unit: Unit::Seconds }
    }

    /// So many bytes.
    pub fn bytes(value: f64) -> Self {
        Self { value, unit: Unit::Bytes }
    }

    /// So many per second.
    pub fn per_second(value: f64) -> Self {
        Self { value, unit: Unit::PerSecond }
    }

    /// A number in the unit that a peer names: `s`, `ms`, `us`, `bytes`, `per_s`.
    pub fn parse(value: f64, unit: &str) -> Outcome {
        if !value.is_finite() || value < 0.0 {
            return Err(format!("{value} is not a measurement"));
        }
        match unit {
            "s" => Ok(Self::seconds(value)),
            "ms" => Ok(Self::seconds(value / 1e3)),
            "us" => Ok(Self::seconds(value / 1e6)),
            "bytes" => Ok(Self::bytes(value)),
            "per_s" => Ok(Self::per_second(value)),
            other => Err(format!("{other:?} is not a unit")),
        }
    }

    /// How many times better this is than `other`; below 1 it is worse.
    pub fn better_than(self, other: Self) -> f64 {
        match self.unit {
            Unit::PerSecond => self.value / other.value,
            Unit::Seconds | Unit::Bytes => other.value / self.value,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scales: &[(f64, &str)] = match self.unit {
            Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            Unit::Bytes => &[(1e6, "MB"), (1e3, "KB"), (1.0, "B")],
            Unit::PerSecond => &[(1.0, "/s")],
        };
        let fits = |(scale, _): &&(f64, &str)| self.value >= *scale;
        let (scale, name) = scales.iter().find(fits).unwrap_or(&scales[scales.len() - 1]);
        write!(f, "{} {name}", significant(self.value / scale))
    }
}

/// Three significant digits, so that no row claims more than it knows.
pub fn significant(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 || v == 0.0 => group(&format!("{value:.0}")),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `12345` as `12,345`.
fn group(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The value below which a share `p` of the times lies, in seconds.
pub fn percentile(times: &[Duration], p: f64) -> Measure {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = ((sorted.len() as f64 * p) as usize).min(sorted.len().saturating_sub(1));
    Measure::seconds(sorted.get(at).copied().unwrap_or_default().as_secs_f64())
}

/// The middle of the times, in seconds.
pub fn median(times: &[Duration]) -> Measure {
    percentile(times, 0.5)
}

/// How many of them fit in a second, one after the other.
pub fn rate(times: &[Duration]) -> Measure {
    Measure::per_second(times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_three_digits_in_a_fitting_unit() {
        let cases = [
            (Measure::seconds(0.000_042_37), "42.4 µs"),
            (Measure::seconds(1.5), "1.50 s"),
            (Measure::seconds(0.0), "0 ns"),
            (Measure::bytes(1_376_284.0), "1.38 MB"),
            (Measure::per_second(12_345.6), "12,346 /s"),
        ];
        for (measure, text) in cases {
            assert_eq!(measure.to_string(), text);
        }
    }

    #[test]
    fn knows_which_way_is_better() {
        assert_eq!(Measure::seconds(1.0).better_than(Measure::seconds(4.0)), 4.0);
        assert_eq!(Measure::per_second(1.0).better_than(Measure::per_second(4.0)), 0.25);
    }

    #[test]
    fn refuses_what_is_not_a_measurement() {
        assert!(Measure::parse(f64::NAN, "ms").is_err());
        assert!(Measure::parse(1.0, "minutes").is_err());
    }
}
