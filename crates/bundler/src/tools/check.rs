//! Arguments against a tool's schema: what is wrong with them in plain words, texts of a command line as values, and
//! the object of arguments as parameters.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, ValidationError, Validator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Binding, Tool};

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path} ") })]
pub struct FieldError {
    /// Which value: `address.city`, `tags[2]`; empty for the whole.
    pub path: String,
    /// What is wrong with it, as the end of a sentence that begins with the path.
    pub message: String,
}

/// Complaints about one value that are kept.
const MOST: usize = 20;
/// Values that a message lists.
const LISTED: usize = 12;

/// A schema that many values are compared with.
pub struct Schema(Validator);

impl Schema {
    /// Reads a schema (JSON Schema 2020-12); the error says why it is none.
    pub fn new(schema: &Value) -> Result<Self, Vec<FieldError>> {
        validator(schema).map(Self)
    }

    /// Whether a value fits.
    pub fn fits(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

/// Whether a value fits a schema. The errors are all there are, up to 20, in the order of the value's members; a schema
/// that is no schema is an error of the whole.
pub fn validate(schema: &Value, value: &Value) -> Result<(), Vec<FieldError>> {
    let validator = validator(schema)?;
    let mut errors = Vec::new();
    for error in validator.iter_errors(value) {
        explain(&error, &mut errors);
        if errors.len() >= MOST {
            break;
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn validator(schema: &Value) -> Result<Validator, Vec<FieldError>> {
    let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.build(schema).map_err(|error| {
        vec![FieldError {
            path: String::new(),
            message: format!("cannot be checked: the schema is not valid ({error})"),
        }]
    })
}

fn explain(error: &ValidationError<'_>, out: &mut Vec<FieldError>) {
    let path = path(error.instance_path());
    let mut add = |path: String, message: String| {
        let error = FieldError { path, message };
        if out.len() < MOST && !out.contains(&error) {
            out.push(error);
        }
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let message = match error.kind() {
        ValidationErrorKind::Required { property } => {
            return add(below(property.as_str().unwrap_or_default()), "is missing".into());
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected {
                add(below(name), "is not known".into());
            }
            return;
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            return alternatives(error, context, path, out);
        }
        ValidationErrorKind::Type { kind } => format!("must be {}, and is {}", kinds(kind), a_kind(error.instance())),
        ValidationErrorKind::Enum { options } => {
            format!("must be one of {}, and is {}", listed(options), shown(error.instance()))
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!("must be {}, and is {}", shown(expected_value), shown(error.instance()))
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}, and is {}", error.instance()),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}, and is {}", error.instance()),
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            format!("must be more than {limit}, and is {}", error.instance())
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            format!("must be less than {limit}, and is {}", error.instance())
        }
        ValidationErrorKind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {}", counted(*limit, "character")),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {}", counted(*limit, "character")),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {}", counted(*limit, "item")),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {}", counted(*limit, "item")),
        ValidationErrorKind::AdditionalItems { limit } => {
            format!("must have at most {}", counted(*limit as u64, "item"))
        }
        ValidationErrorKind::UniqueItems => "has an item twice".into(),
        ValidationErrorKind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        ValidationErrorKind::Format { format } => format!("must be {}", a_format(format)),
        ValidationErrorKind::FalseSchema | ValidationErrorKind::Not { .. } => "is not allowed".into(),
        _ => format!("is not valid: {error}"),
    };
    add(path, message);
}

/// None of several schemas fits: says what the nearest one wants, or which kinds of value there could be.
fn alternatives(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    at: String,
    out: &mut Vec<FieldError>,
) {
    let here = error.instance_path().iter().count();
    let wrong_kind = |branch: &&Vec<ValidationError<'_>>| {
        let kind = |error: &ValidationError<'_>| matches!(error.kind(), ValidationErrorKind::Type { .. });
        branch.iter().any(|error| error.instance_path().iter().count() == here && kind(error))
    };
    // A member that tells alternatives apart (`kind: 'a'`) rules out all whose value it has not.
    let mismatch = |branch: &&Vec<ValidationError<'_>>| {
        let named = |e: &ValidationError<'_>| matches!(e.kind(), ValidationErrorKind::Constant { .. });
        branch.iter().filter(|e| named(e)).count()
    };
    let fitting: Vec<&Vec<ValidationError<'_>>> = context.iter().filter(|branch| !wrong_kind(branch)).collect();
    if let Some(best) = fitting.iter().min_by_key(|branch| (mismatch(branch), branch.len())) {
        let tells = fitting.iter().all(|branch| mismatch(branch) > 0);
        if tells
            && fitting.len() > 1
            && let Some(message) = constants(&fitting)
        {
            out.push(message);
            return;
        }
        for error in best.iter() {
            explain(error, out);
        }
        return;
    }
    let mut wanted: Vec<String> = Vec::new();
    for error in context.iter().flatten() {
        if let ValidationErrorKind::Type { kind } = error.kind() {
            let text = kinds(kind);
            if !wanted.contains(&text) {
                wanted.push(text);
            }
        }
    }
    let message = format!("must be {}, and is {}", wanted.join(" or "), a_kind(error.instance()));
    out.push(FieldError { path: at, message });
}

/// What a telling member could be, if all alternatives want one value of the same member.
fn constants(branches: &[&Vec<ValidationError<'_>>]) -> Option<FieldError> {
    let (mut at, mut values, mut found) = (None, Vec::new(), None);
    for branch in branches {
        let error = branch.iter().find(|error| matches!(error.kind(), ValidationErrorKind::Constant { .. }))?;
        let path = path(error.instance_path());
        if at.get_or_insert_with(|| path.clone()) != &path {
            return None;
        }
        let ValidationErrorKind::Constant { expected_value } = error.kind() else { return None };
        values.push((**expected_value).clone());
        found = Some(shown(error.instance()));
    }
    let message = format!("must be one of {}, and is {}", listed(&Value::Array(values)), found?);
    Some(FieldError { path: at?, message })
}

fn path(location: &Location) -> String {
    let mut out = String::new();
    for segment in location {
        match segment {
            LocationSegment::Index(index) => out.push_str(&format!("[{index}]")),
            LocationSegment::Property(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&name);
            }
        }
    }
    out
}

fn kinds(kind: &TypeKind) -> String {
    let mut names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect(),
    };
    // The usual kind first.
    names.sort_by_key(|name| name == "null");
    names.iter().map(|name| article(name)).collect::<Vec<_>>().join(" or ")
}

fn article(kind: &str) -> String {
    match kind {
        "null" => "null".into(),
        "boolean" => "true or false".into(),
        "integer" => "a whole number".into(),
        "array" => "a list".into(),
        "object" => "an object".into(),
        other => format!("a {other}"),
    }
}

fn a_kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(_) => format!("the string {}", shown(value)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// A value, shortened if it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).collect::<String>() + "…" }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<String> = options.iter().take(LISTED).map(shown).collect();
    if options.len() > LISTED {
        names.push(format!("… ({} in all)", options.len()));
    }
    names.join(", ")
}

fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn a_format(format: &str) -> String {
    match format {
        "date-time" => "a date and time, as in 2026-01-31T12:00:00Z".into(),
        "date" => "a date, as in 2026-01-31".into(),
        "time" => "a time of day, as in 12:00:00Z".into(),
        "email" => "an email address".into(),
        "uri" | "url" => "an address, as in https://example.com/".into(),
        "uuid" => "a UUID".into(),
        other => format!("in the format '{other}'"),
    }
}

/// Members of the arguments that the tool does not have, with the name that is probably meant. Empty if it takes any.
pub fn unknown(tool: &Tool, args: &Map<String, Value>) -> Vec<FieldError> {
    let schema = &tool.input_schema;
    let open = ["additionalProperties", "anyOf", "allOf", "oneOf", "$ref"].iter().any(|key| schema.get(key).is_some());
    let known = schema.get("properties").and_then(Value::as_object);
    // Code without types takes what it is given.
    let untyped = matches!(&tool.binding, Binding::Object { .. }) && known.is_none_or(Map::is_empty);
    let Some(known) = known.filter(|_| !open && !untyped) else { return Vec::new() };
    if unwrapped(tool, args).is_some() {
        return Vec::new();
    }
    let complain = |name: &String| {
        let near = nearest(name, known.keys().map(String::as_str));
        let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None if known.is_empty() => "the tool takes no parameters".into(),
            None => format!("there are {names}"),
        };
        FieldError { path: name.clone(), message: format!("is not a parameter; {help}") }
    };
    args.keys().filter(|name| !known.contains_key(*name)).map(complain).collect()
}

/// The name among `others` that was probably meant.
pub fn nearest<'a>(name: &str, others: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = others.into_iter().min_by_key(|other| distance(name, other))?;
    (distance(name, near) <= 2).then_some(near)
}

/// Changes of a letter that make one name of another; names above 64 letters are far from all others.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The arguments as the method gets them, by name: defaults are put in, and they are checked. `{ params: { … } }` is
/// taken for `{ … }` where the method calls the object of its arguments `params`. Empty for a method whose arguments may
/// be left out and are.
pub fn arguments(tool: &Tool, args: &Map<String, Value>) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut args = unwrapped(tool, args).unwrap_or(args).clone();
    if let Binding::Object { optional: true, .. } = tool.binding
        && args.is_empty()
    {
        return Ok(args);
    }
    if let Some(properties) = tool.input_schema.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            if let Some(default) = schema.get("default")
                && !args.contains_key(name)
            {
                args.insert(name.clone(), default.clone());
            }
        }
    }
    let args = Value::Object(args);
    validate(&tool.input_schema, &args)?;
    let Value::Object(args) = args else { return Ok(Map::new()) };
    Ok(args)
}

/// [`arguments`] as the method's parameters, in order; `None` is `undefined`.
pub fn bind(tool: &Tool, args: &Map<String, Value>) -> Result<Vec<Option<Value>>, Vec<FieldError>> {
    let mut args = arguments(tool, args)?;
    Ok(match &tool.binding {
        Binding::None => Vec::new(),
        Binding::Object { optional: true, .. } if args.is_empty() => Vec::new(),
        Binding::Object { .. } => vec![Some(Value::Object(args))],
        Binding::Positional { params, rest } => {
            let mut out: Vec<Option<Value>> = params.iter().map(|name| args.remove(name)).collect();
            if *rest && let Some(Some(Value::Array(items))) = out.pop() {
                out.extend(items.into_iter().map(Some));
            }
            while out.last().is_some_and(Option::is_none) {
                out.pop();
            }
            out
        }
    })
}

/// The arguments in `{ params: { … } }`.
fn unwrapped<'a>(tool: &Tool, args: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
    let Binding::Object { param, .. } = &tool.binding else { return None };
    let declared = tool.input_schema.get("properties").and_then(Value::as_object)?;
    let inner = args.get(param).and_then(Value::as_object).filter(|_| args.len() == 1)?;
    (!declared.is_empty() && !declared.contains_key(param)).then_some(inner)
}

/// A text of a command line (`-p name=text`) as the value that the schema of the arguments wants for `name`: numbers,
/// `true` and `false`, lists with commas between, and JSON. What it cannot be stays a text, and `validate` says so.
pub fn coerce(schema: &Value, name: &str, text: &str) -> Value {
    let property =
        schema.get("properties").and_then(|all| all.get(name)).or_else(|| schema.get("additionalProperties"));
    property.map_or_else(|| guess(text), |property| as_wanted(schema, property, text, 8))
}

/// JSON if it is, and text if not.
fn guess(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn as_wanted(root: &Value, schema: &Value, text: &str, hops: usize) -> Value {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?))
        && hops > 0
    {
        return as_wanted(root, target, text, hops - 1);
    }
    let as_text = Value::from(text);
    let choices =
        schema.get("enum").and_then(Value::as_array).cloned().or_else(|| Some(vec![schema.get("const")?.clone()]));
    if let Some(choices) = choices {
        let parsed = guess(text);
        return if choices.contains(&as_text) || !choices.contains(&parsed) { as_text } else { parsed };
    }
    if let Some(branches) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
        && hops > 0
    {
        let fits = |value: &Value, branch: &Value| {
            let mut branch = branch.clone();
            if let (Some(defs), Some(map)) = (root.get("$defs"), branch.as_object_mut()) {
                map.insert("$defs".into(), defs.clone());
            }
            validate(&branch, value).is_ok()
        };
        // Other kinds first: a text fits `string` always.
        let mut tried = branches.iter().map(|branch| (as_wanted(root, branch, text, hops - 1), branch));
        let mut good =
            tried.by_ref().filter(|(value, branch)| fits(value, branch)).map(|(value, _)| value).collect::<Vec<_>>();
        let at = good.iter().position(|value| !value.is_string()).unwrap_or(0);
        return if good.is_empty() { as_text } else { good.swap_remove(at) };
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return guess(text),
    };
    if kinds.contains(&"string") {
        return as_text;
    }
    kinds.iter().find_map(|kind| of_kind(root, schema, kind, text, hops)).unwrap_or(as_text)
}

fn of_kind(root: &Value, schema: &Value, kind: &str, text: &str, hops: usize) -> Option<Value> {
    let trimmed = text.trim();
    match kind {
        "number" | "integer" => {
            let parsed = serde_json::from_str::<Value>(trimmed.strip_prefix('+').unwrap_or(trimmed));
            parsed.ok().filter(Value::is_number)
        }
        "boolean" => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true.into()),
            "false" | "no" | "off" | "0" => Some(false.into()),
            _ => None,
        },
        "null" => matches!(trimmed, "null" | "").then_some(Value::Null),
        "object" => serde_json::from_str::<Value>(trimmed).ok().filter(Value::is_object),
        "array" => {
            if trimmed.starts_with('[') {
                return serde_json::from_str::<Value>(trimmed).ok().filter(Value::is_array);
            }
            if trimmed.is_empty() {
                return Some(json!([]));
            }
            let items = schema.get("items").cloned().unwrap_or(json!({}));
            let hops = hops.checked_sub(1)?;
            Some(trimmed.split(',').map(|item| as_wanted(root, &items, item.trim(), hops)).collect())
        }
        _ => None,
    }
}
