//! `package.json`: what a package exports, as Node reads it.

use serde_json::{Map, Value};

/// The parts of a `package.json` that decide what an import means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub name: Option<String>,
    pub main: Option<String>,
    pub module: Option<String>,
    /// `module` or `commonjs`.
    pub kind: Option<String>,
    pub exports: Option<Value>,
    pub imports: Option<Map<String, Value>>,
}

/// Why `exports` or `imports` gives no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoTarget {
    /// The map has no such path, or none for these conditions.
    NotExported,
    /// The map is not as it must be.
    Invalid(String),
}

impl Package {
    /// Reads the text of a `package.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let Value::Object(mut map) = value else { return Ok(Self::default()) };
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let (name, main, module, kind) = (text("name"), text("main"), text("module"), text("type"));
        let imports = match map.remove("imports") {
            Some(Value::Object(imports)) => Some(imports),
            _ => None,
        };
        // `null` is as good as none, in Node.
        let exports = map.remove("exports").filter(|value| !value.is_null());
        Ok(Self { name, main, module, kind, exports, imports })
    }

    /// The target of `subpath` (`.`, `./x`) by `exports`.
    pub fn export(&self, subpath: &str, conditions: &[&str]) -> Result<String, NoTarget> {
        let exports = self.exports.as_ref().ok_or(NoTarget::NotExported)?;
        let paths = exports.as_object().filter(|map| map.keys().any(|key| key.starts_with('.')));
        match paths {
            Some(map) if map.keys().any(|key| !key.starts_with('.')) => {
                Err(NoTarget::Invalid("\"exports\" mixes paths and conditions".into()))
            }
            Some(map) => look_up(map, subpath, conditions),
            None if subpath == "." => target(exports, None, conditions, false)?.ok_or(NoTarget::NotExported),
            None => Err(NoTarget::NotExported),
        }
    }

    /// The target of a `#name` by `imports`: a path that begins with `./`, or another package's specifier.
    pub fn import(&self, specifier: &str, conditions: &[&str]) -> Result<String, NoTarget> {
        let imports = self.imports.as_ref().ok_or(NoTarget::NotExported)?;
        look_up(imports, specifier, conditions)
    }
}

/// Finds the entry for `key`: the key itself, else the pattern with the longest part before its `*`.
fn look_up(map: &Map<String, Value>, key: &str, conditions: &[&str]) -> Result<String, NoTarget> {
    let outside = key.starts_with('#');
    if !key.contains('*')
        && let Some(value) = map.get(key)
    {
        return target(value, None, conditions, outside)?.ok_or(NoTarget::NotExported);
    }
    let mut best: Option<(&str, &str, &Value)> = None;
    for (pattern, value) in map {
        let Some((before, after)) = pattern.split_once('*') else { continue };
        let fits =
            key.len() > before.len() + after.len() || (key.len() == before.len() + after.len() && !after.is_empty());
        let matched = fits && key.starts_with(before) && key.ends_with(after);
        let better = best.is_none_or(|(b, a, _)| (before.len(), after.len()) > (b.len(), a.len()));
        if matched && better {
            best = Some((before, after, value));
        }
    }
    let (before, after, value) = best.ok_or(NoTarget::NotExported)?;
    let matched = key.get(before.len()..key.len() - after.len()).ok_or(NoTarget::NotExported)?;
    target(value, Some(matched), conditions, outside)?.ok_or(NoTarget::NotExported)
}

/// Follows conditions and lists to a path; `None` where no condition holds.
fn target(
    value: &Value,
    matched: Option<&str>,
    conditions: &[&str],
    outside: bool,
) -> Result<Option<String>, NoTarget> {
    match value {
        Value::String(path) => {
            let path = matched.map_or_else(|| path.clone(), |text| path.replace('*', text));
            let local = path.starts_with("./");
            if local && has_bad_segment(&path[2..]) || !local && !outside {
                return Err(NoTarget::Invalid(format!("\"{path}\" is not a path inside the package")));
            }
            Ok(Some(path))
        }
        Value::Object(map) => {
            for (condition, value) in map {
                if (condition == "default" || conditions.contains(&condition.as_str()))
                    && let Some(found) = target(value, matched, conditions, outside)?
                {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
        Value::Array(list) => {
            let mut last = Ok(None);
            for value in list {
                match target(value, matched, conditions, outside) {
                    Ok(Some(found)) => return Ok(Some(found)),
                    other => last = other,
                }
            }
            last
        }
        Value::Null => Err(NoTarget::NotExported),
        _ => Err(NoTarget::Invalid("a target is neither text, a map nor a list".into())),
    }
}

fn has_bad_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".." | "node_modules"))
}
