//! Values: from texts to the server, and from its binary form to the texts that it would show.

use std::error::Error;
use std::fmt::Write;

use run::Failure;
use serde_json::{Value, json as tree};
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

/// Commands whose tag has a number of rows.
pub(super) const COUNTED: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "FETCH", "MOVE", "COPY"];

/// Commands that mean something only on one session.
pub(super) const OF_SESSIONS: [&str; 8] =
    ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];

/// A value as text, of whatever type the server wants there.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub Option<&'a str>);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value as the server sent it.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A column, and how its values are read.
pub(super) struct Column {
    name: String,
    oid: u32,
    /// The type of its values, or of the items of its arrays.
    item: Type,
    array: bool,
}

impl Column {
    /// Fails for a type that has no form here.
    pub fn of(column: &tokio_postgres::Column) -> Result<Self, Failure> {
        let (item, array) = match plain(column.type_()).kind() {
            Kind::Array(item) => (plain(item), true),
            _ => (plain(column.type_()), false),
        };
        let name = column.name().to_owned();
        if !is_readable(item) {
            let text = format!("pg: column {name:?} is of type {}: ask for it as text ({name}::text)", column.type_());
            return Err(Failure::with_code("TypeError", "PG_TYPE", text));
        }
        Ok(Self { name, oid: plain(column.type_()).oid(), item: item.clone(), array })
    }

    /// As the program is told of it.
    pub fn shown(&self) -> Value {
        match self.array {
            true => tree!({ "name": self.name, "type": self.oid, "item": self.item.oid() }),
            false => tree!({ "name": self.name, "type": self.oid }),
        }
    }

    /// The value in column `i` of `row`: null, a text, or lists of these.
    pub fn read(&self, row: &Row, i: usize) -> Result<Value, Failure> {
        let unreadable = || {
            let text = format!("pg: the value of column {:?} cannot be read: ask for it as text", self.name);
            Failure::with_code("TypeError", "PG_TYPE", text)
        };
        let Some(Raw(raw)) = row.try_get::<_, Option<Raw<'_>>>(i).map_err(|_| unreadable())? else {
            return Ok(Value::Null);
        };
        let value = if self.array { list(&self.item, raw) } else { text(&self.item, raw).map(Value::from) };
        value.ok_or_else(unreadable)
    }
}

/// The type below all domains.
fn plain(of: &Type) -> &Type {
    match of.kind() {
        Kind::Domain(inner) => plain(inner),
        _ => of,
    }
}

fn is_text(of: &Type) -> bool {
    let known = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::JSON, Type::XML, Type::CHAR];
    matches!(of.kind(), Kind::Enum(_)) || known.contains(of) || of.name() == "citext"
}

fn is_readable(of: &Type) -> bool {
    let numbers = [Type::INT2, Type::INT4, Type::INT8, Type::OID, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC];
    let times = [Type::TIMESTAMP, Type::TIMESTAMPTZ, Type::DATE, Type::TIME];
    let others = [Type::BOOL, Type::BYTEA, Type::JSONB, Type::UUID, Type::VOID];
    is_text(of) || numbers.contains(of) || times.contains(of) || others.contains(of)
}

fn text(of: &Type, raw: &[u8]) -> Option<String> {
    Some(match *of {
        Type::BOOL => if *raw.first()? == 0 { "f" } else { "t" }.into(),
        Type::INT2 => i16::from_be_bytes(raw.try_into().ok()?).to_string(),
        Type::INT4 => i32::from_be_bytes(raw.try_into().ok()?).to_string(),
        Type::INT8 => i64::from_be_bytes(raw.try_into().ok()?).to_string(),
        Type::OID => u32::from_be_bytes(raw.try_into().ok()?).to_string(),
        Type::FLOAT4 => float(f32::from_be_bytes(raw.try_into().ok()?)),
        Type::FLOAT8 => float(f64::from_be_bytes(raw.try_into().ok()?)),
        Type::NUMERIC => numeric(raw)?,
        Type::BYTEA => {
            let mut hex = String::from("\\x");
            raw.iter().try_for_each(|byte| write!(hex, "{byte:02x}")).ok()?;
            hex
        }
        Type::JSONB => utf8(raw.strip_prefix(&[1])?)?,
        Type::UUID => uuid(raw.try_into().ok()?),
        Type::DATE => match i32::from_be_bytes(raw.try_into().ok()?) {
            i32::MAX => "infinity".into(),
            i32::MIN => "-infinity".into(),
            days => date(days.into(), ""),
        },
        Type::TIMESTAMP => moment(i64::from_be_bytes(raw.try_into().ok()?), ""),
        Type::TIMESTAMPTZ => moment(i64::from_be_bytes(raw.try_into().ok()?), "+00"),
        Type::TIME => time(i64::from_be_bytes(raw.try_into().ok()?)),
        Type::VOID => String::new(),
        _ => utf8(raw)?,
    })
}

fn utf8(raw: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(raw).ok()?.to_owned())
}

fn float(value: impl ToString) -> String {
    let text = value.to_string();
    if text.ends_with("inf") { text.replace("inf", "Infinity") } else { text }
}

fn uuid(raw: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(raw));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Digits to the base of 10000, the weight of the first, the sign, and how many decimals are shown.
fn numeric(raw: &[u8]) -> Option<String> {
    let word = |i: usize| Some(i16::from_be_bytes(raw.get(2 * i..2 * i + 2)?.try_into().ok()?));
    let (count, weight, scale) = (word(0)?, word(1)?, usize::try_from(word(3)?).ok()?);
    let mut out = String::new();
    match word(2)?.cast_unsigned() {
        0 => {}
        0x4000 => out.push('-'),
        0xc000 => return Some("NaN".into()),
        0xd000 => return Some("Infinity".into()),
        0xf000 => return Some("-Infinity".into()),
        _ => return None,
    }
    let count = usize::try_from(count).ok()?;
    let digit = |place: i32| match usize::try_from(place) {
        Ok(i) if i < count => word(4 + i),
        _ => Some(0),
    };
    let weight = i32::from(weight);
    let whole: String =
        (0..=weight).map(|place| digit(place).map(|digit| format!("{digit:04}"))).collect::<Option<_>>()?;
    let whole = whole.trim_start_matches('0');
    out.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        let mut decimals = String::new();
        let mut place = weight + 1;
        while decimals.len() < scale {
            write!(decimals, "{:04}", digit(place)?).ok()?;
            place += 1;
        }
        out.push('.');
        out.push_str(&decimals[..scale]);
    }
    Some(out)
}

/// The day that is so many days after 2000-01-01, in the calendar of today, with `rest` behind it.
fn date(days: i64, rest: &str) -> String {
    // Days since the first of March of the year 0, in eras of 400 years, in which the calendar repeats itself.
    let days = days + 730_425;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    match year + era * 400 + next {
        year if year > 0 => format!("{year:04}-{month:02}-{day:02}{rest}"),
        year => format!("{:04}-{month:02}-{day:02}{rest} BC", 1 - year),
    }
}

fn time(micros: i64) -> String {
    let (seconds, part) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if part == 0 { text } else { format!("{text}.{part:06}").trim_end_matches('0').to_owned() }
}

fn moment(micros: i64, zone: &str) -> String {
    const DAY: i64 = 86_400_000_000;
    match micros {
        i64::MAX => "infinity".into(),
        i64::MIN => "-infinity".into(),
        micros => date(micros.div_euclid(DAY), &format!(" {}{zone}", time(micros.rem_euclid(DAY)))),
    }
}

/// The most dimensions that Postgres gives an array.
const DIMENSIONS: usize = 6;

/// An array: its number of dimensions, their lengths, then all items in a row.
fn list(of: &Type, raw: &[u8]) -> Option<Value> {
    let mut rest = raw;
    let mut next = || {
        let (head, tail) = rest.split_first_chunk::<4>()?;
        rest = tail;
        Some(i32::from_be_bytes(*head))
    };
    let dimensions = usize::try_from(next()?).ok().filter(|n| *n <= DIMENSIONS)?;
    next()?;
    next()?;
    let mut lengths = Vec::new();
    let mut all = 1usize;
    for _ in 0..dimensions {
        let length = usize::try_from(next()?).ok().filter(|length| *length > 0)?;
        // Each item has four bytes at least.
        all = all.checked_mul(length).filter(|all| *all <= raw.len() / 4)?;
        lengths.push(length);
        next()?;
    }
    if lengths.is_empty() {
        return Some(Value::Array(Vec::new()));
    }
    items(of, &lengths, &mut rest)
}

fn items(of: &Type, lengths: &[usize], rest: &mut &[u8]) -> Option<Value> {
    let (length, inner) = lengths.split_first()?;
    let mut out = Vec::new();
    for _ in 0..*length {
        if !inner.is_empty() {
            out.push(items(of, inner, rest)?);
            continue;
        }
        let (head, tail) = rest.split_first_chunk::<4>()?;
        *rest = tail;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*head)) else {
            out.push(Value::Null);
            continue;
        };
        let (item, tail) = rest.split_at_checked(length)?;
        *rest = tail;
        out.push(text(of, item)?.into());
    }
    Some(Value::Array(out))
}

/// The first word of what the server calls the statement: behind WITH and its queries in brackets, it is the next verb.
pub(super) fn command(text: &str) -> String {
    let (mut depth, mut with, mut rest) = (0_usize, false, text);
    while let Some(first) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if first == '\'' || first == '"' {
            rest = rest[1..].split_once(first).map_or("", |(_, after)| after);
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let word = rest[..end].to_ascii_uppercase();
            rest = &rest[end..];
            match &*word {
                "WITH" if !with => with = true,
                "VALUES" | "TABLE" if !with => return "SELECT".into(),
                word if !with => return word.into(),
                "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" if depth == 0 => return word,
                "VALUES" | "TABLE" if depth == 0 => return "SELECT".into(),
                _ => {}
            }
        } else {
            match first {
                '(' if with => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found() {
        for (text, expected) in [
            ("select 1", "SELECT"),
            ("  -- a\n /* b */ (SELECT 1)", "SELECT"),
            ("WITH a AS (SELECT 1), \"delete\" AS (DELETE FROM t RETURNING ')') INSERT INTO t SELECT 1", "INSERT"),
            ("VALUES (1)", "SELECT"),
            ("BEGIN", "BEGIN"),
            ("", ""),
            ("-- only", ""),
        ] {
            assert_eq!(command(text), expected, "{text}");
        }
    }

    #[test]
    fn days_are_found() {
        for (days, expected) in [
            (0, "2000-01-01"),
            (59, "2000-02-29"),
            (60, "2000-03-01"),
            (-1, "1999-12-31"),
            (-730_119, "0001-01-01"),
            (-730_120, "0001-12-31 BC"),
            (2_921_939, "9999-12-31"),
        ] {
            assert_eq!(date(days, ""), expected);
        }
        assert_eq!(moment(-1, "+00"), "1999-12-31 23:59:59.999999+00");
        assert_eq!(time(500_000), "00:00:00.5");
    }

    #[test]
    fn damaged_values_are_refused() {
        for raw in [&[][..], &[0, 0, 0, 1], &[0, 1, 0, 0, 0, 0], &[0xff; 40]] {
            assert!(list(&Type::INT4, raw).is_none());
            assert!(numeric(raw).is_none());
        }
    }
}
