//! From positions in the code that runs to positions in the author's files, through the modules' source maps.

use std::{collections::HashMap, sync::Arc};

use oxc_sourcemap::SourceMap;
use run::Code;
use serde::{Deserialize, Serialize};

/// A place in a file; line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// A module's name.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    #[serde(default = "first")]
    pub column: u32,
}

fn first() -> u32 {
    1
}

/// One mapped stretch of code: from line and column (from 0) to source, line and column (from 0).
struct Stretch {
    from: (u32, u32),
    source: u32,
    to: (u32, u32),
}

struct Map {
    stretches: Vec<Stretch>,
    sources: Vec<String>,
}

/// The source maps of a program, read when they are first needed.
pub struct Places {
    code: Arc<Code>,
    maps: HashMap<String, Option<Map>>,
}

impl Places {
    /// The places of `code`.
    pub fn new(code: Arc<Code>) -> Self {
        Self { code, maps: HashMap::new() }
    }

    /// The place in the author's file; the place itself where there is no map.
    pub fn map(&mut self, place: Place) -> Place {
        let Some(module) = self.code.modules.get(&place.file) else { return place };
        let Some(text) = &module.map else { return place };
        let map = self.maps.entry(place.file.clone()).or_insert_with(|| read(text));
        let Some(map) = map else { return place };
        let at = (place.line.saturating_sub(1), place.column.saturating_sub(1));
        let behind = map.stretches.partition_point(|s| s.from <= at);
        // A line without a mapping of its own before the column takes its first one.
        let found = behind.checked_sub(1).map(|i| &map.stretches[i]).filter(|s| s.from.0 == at.0);
        let Some(found) = found.or_else(|| map.stretches.get(behind).filter(|s| s.from.0 == at.0)) else {
            return place;
        };
        let source = map.sources.get(found.source as usize).filter(|s| map.sources.len() > 1 && s.contains("://"));
        Place { file: source.cloned().unwrap_or(place.file), line: found.to.0 + 1, column: found.to.1 + 1 }
    }
}

fn read(text: &str) -> Option<Map> {
    let map = SourceMap::from_json_string(text).ok()?;
    let mut stretches: Vec<_> = map
        .get_tokens()
        .filter_map(|t| {
            let to = (t.get_src_line(), t.get_src_col());
            Some(Stretch { from: (t.get_dst_line(), t.get_dst_col()), source: t.get_source_id()?, to })
        })
        .collect();
    stretches.sort_by_key(|s| s.from);
    Some(Map { stretches, sources: map.get_sources().map(str::to_string).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use run::program::Module;

    #[test]
    fn maps_and_leaves_alone() {
        // Line 1 column 5 of the code is line 3 column 7 of the source.
        let map = r#"{"version":3,"sources":["a.ts"],"names":[],"mappings":"IAEM"}"#;
        let module =
            Module { source: String::new(), original: None, imports: Default::default(), map: Some(map.into()) };
        let code = Code {
            guest: "typescript".into(),
            entry: "a".into(),
            modules: [("a".to_string(), module)].into(),
            about: None,
        };
        let mut places = Places::new(Arc::new(code));
        let place = |file: &str, line, column| Place { file: file.into(), line, column };
        assert_eq!(places.map(place("a", 1, 9)), place("a", 3, 7));
        assert_eq!(places.map(place("a", 1, 1)), place("a", 3, 7));
        assert_eq!(places.map(place("a", 2, 1)), place("a", 2, 1));
        assert_eq!(places.map(place("b", 1, 9)), place("b", 1, 9));
    }
}
