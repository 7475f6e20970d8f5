//! Which events somebody wants: names, prefixes that end in `*`, or everything.

/// The longest name of an event, in bytes.
pub const MAX_TYPE: usize = 256;

/// The most names in one subscription.
pub const MAX_TYPES: usize = 256;

/// A set of patterns. `*` is every event, `order.*` and `order*` those that begin so, anything else one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    all: bool,
    prefixes: Vec<String>,
    names: Vec<String>,
}

impl Default for Filter {
    /// Everything.
    fn default() -> Self {
        Self { all: true, prefixes: Vec::new(), names: Vec::new() }
    }
}

impl Filter {
    /// Reads patterns. An empty list is everything. Errors name the pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        if patterns.len() > MAX_TYPES {
            return Err(format!("{} types are too many: {MAX_TYPES} at most", patterns.len()));
        }
        let mut filter = Self { all: patterns.is_empty(), ..Self::default() };
        for pattern in patterns.iter().map(AsRef::as_ref) {
            check_type(pattern)?;
            match pattern.strip_suffix('*') {
                Some("") => filter.all = true,
                Some(prefix) => filter.prefixes.push(prefix.to_owned()),
                None => filter.names.push(pattern.to_owned()),
            }
        }
        Ok(filter)
    }

    /// Whether events of this type are wanted.
    pub fn wants(&self, kind: &str) -> bool {
        self.all
            || self.names.iter().any(|name| name == kind)
            || self.prefixes.iter().any(|prefix| kind.starts_with(prefix.as_str()))
    }
}

/// Whether `kind` can name an event; why not otherwise.
pub fn check_type(kind: &str) -> Result<(), String> {
    if kind.is_empty() || kind.len() > MAX_TYPE {
        return Err(format!("an event's type has 1 to {MAX_TYPE} bytes, not {}", kind.len()));
    }
    if kind.chars().any(char::is_control) {
        return Err(format!("{kind:?} is no type of an event: it has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_prefixes_and_everything() {
        let table: &[(&[&str], &str, bool)] = &[
            (&[], "a", true),
            (&["*"], "a", true),
            (&["a"], "a", true),
            (&["a"], "ab", false),
            (&["a*"], "ab", true),
            (&["order.*"], "order.paid", true),
            (&["order.*"], "order", false),
            (&["x", "order.*"], "x", true),
            (&["x", "order.*"], "y", false),
        ];
        for (patterns, kind, wanted) in table {
            assert_eq!(Filter::new(patterns).expect("good").wants(kind), *wanted, "{patterns:?} {kind}");
        }
        assert!(Filter::new(&[""]).is_err() && Filter::new(&["a\n"]).is_err() && Filter::new(&["x"; 300]).is_err());
    }
}
