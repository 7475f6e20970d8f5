//! `@validate field rule`: rules in words.

use bundler::tools::{FieldError, Validation};
use serde_json::Value;

/// What each rule contains, what it then means, and how a breach of it is told.
type Rule = (&'static str, fn(&Value) -> bool);

const RULES: &[Rule] = &[
    ("valid email", |value| value.as_str().is_some_and(is_email)),
    ("valid url", |value| value.as_str().is_some_and(|text| has_host(text, &["http://", "https://"]))),
    ("valid uuid", |value| value.as_str().is_some_and(is_uuid)),
    ("non-negative", |value| value.as_f64().is_some_and(|number| number >= 0.0)),
    ("non-empty", |value| !is_empty(value)),
    ("not be empty", |value| !is_empty(value)),
    ("positive", |value| value.as_f64().is_some_and(|number| number > 0.0)),
    ("integer", |value| value.as_f64().is_some_and(|number| number.fract() == 0.0)),
];

/// What is wrong with the arguments. A rule in other words asks for a value that is not empty.
pub fn broken(validations: &[Validation], args: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for Validation { field, rule } in validations {
        let value = field.split('.').fold(args, |value, part| value.get(part).unwrap_or(&Value::Null));
        let words = rule.to_lowercase();
        let good =
            RULES.iter().find(|(part, _)| words.contains(part)).map_or(!is_empty(value), |(_, good)| good(value));
        if !good {
            errors.push(FieldError { path: field.clone(), message: rule.clone() });
        }
    }
    errors
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let clean = |part: &str| !part.is_empty() && !part.contains(['@', ' ', '\t', '\n']);
    clean(name) && clean(host) && host.split_once('.').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
}

fn has_host(text: &str, schemes: &[&str]) -> bool {
    schemes
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')))
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules() {
        for (rule, good, bad) in [
            ("must be a valid email", json!("a@b.c"), json!("a@b")),
            ("must be a valid url", json!("https://a.test/x"), json!("ftp://a")),
            ("must be a valid UUID", json!("123e4567-e89b-12d3-a456-426614174000"), json!("123e4567")),
            ("must be positive", json!(1), json!(0)),
            ("must be non-negative", json!(0), json!(-1)),
            ("must be an integer", json!(3.0), json!(3.5)),
            ("must be non-empty", json!([1]), json!([])),
            ("must be something else", json!("x"), json!("")),
        ] {
            let one = [Validation { field: "a.b".into(), rule: rule.into() }];
            assert!(broken(&one, &json!({"a": {"b": good}})).is_empty(), "{rule}");
            assert_eq!(broken(&one, &json!({"a": {"b": bad}})).len(), 1, "{rule}");
            assert_eq!(broken(&one, &json!({"a": 1})).len(), 1, "{rule}");
        }
    }
}
