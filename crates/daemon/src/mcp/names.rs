//! Names of tools: one spelling that every client accepts, and all spellings that people write.
//!
//! Many clients take only `[A-Za-z0-9_-]{1,64}`, so tools are listed as `code_run` and `notes_add`. In a call `:`, `.`,
//! `/` and `-` are as good as `_`: `code:run`, `code:list-runs`, `notes.add`.

use std::collections::HashMap;

/// The longest name that every client takes, in bytes.
const LONGEST: usize = 64;

/// The spelling by which names are compared.
pub fn canonical(name: &str) -> String {
    name.chars().map(|c| if matches!(c, ':' | '.' | '/' | '-') { '_' } else { c }).collect()
}

/// Tools under names that every client takes.
#[derive(Default)]
pub struct Names {
    listed: HashMap<String, usize>,
    /// `None` where two tools have it: then only the listed spelling will do.
    loose: HashMap<String, Option<usize>>,
}

impl Names {
    /// Gives the tool with number `at` a name, which is `wanted` if that is possible.
    pub fn add(&mut self, wanted: &str, at: usize) -> String {
        let plain: String =
            wanted.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
        let mut name = if plain.len() <= LONGEST { plain } else { shortened(&plain, wanted) };
        if self.listed.contains_key(&name) {
            name = shortened(&name, &format!("{wanted}#{at}"));
        }
        self.listed.insert(name.clone(), at);
        self.loose.entry(canonical(wanted)).and_modify(|held| *held = None).or_insert(Some(at));
        name
    }

    /// The number of the tool that `name` means.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.listed.get(name).copied().or_else(|| self.loose.get(&canonical(name)).copied().flatten())
    }
}

/// The beginning of a name, and something that tells it from others that begin alike.
fn shortened(name: &str, whole: &str) -> String {
    let hash = run::Hash::of(whole.as_bytes()).to_string();
    let hash = &hash[hash.len() - 8..];
    format!("{}_{hash}", &name[..name.len().min(LONGEST - 1 - hash.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_the_tool() {
        let mut names = Names::default();
        assert_eq!(names.add("code_list_runs", 0), "code_list_runs");
        assert_eq!(names.add("my-notes_add", 1), "my-notes_add");
        for spelling in ["code_list_runs", "code:list-runs", "code:list_runs", "code-list-runs", "code.list_runs"] {
            assert_eq!(names.find(spelling), Some(0), "{spelling}");
        }
        for spelling in ["my-notes_add", "my-notes:add", "my-notes.add", "my_notes_add"] {
            assert_eq!(names.find(spelling), Some(1), "{spelling}");
        }
        assert_eq!(names.find("code_list"), None);
    }

    #[test]
    fn names_stay_apart_and_short() {
        let mut names = Names::default();
        let first = names.add("a_b_c", 0);
        let second = names.add("a_b_c", 1);
        assert_ne!(first, second);
        assert_eq!((names.find(&first), names.find(&second)), (Some(0), Some(1)));
        assert_eq!(names.find("a:b_c"), None, "two tools have this name");
        let long = "x".repeat(200);
        for (at, end) in ["1", "2"].into_iter().enumerate() {
            let name = names.add(&format!("{long}{end}"), 2 + at);
            assert!(name.len() <= LONGEST, "{name}");
            assert_eq!(names.find(&name), Some(2 + at));
        }
        let odd = names.add("größe ändern", 9);
        assert!(odd.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{odd}");
        assert_eq!(names.find("größe ändern"), Some(9));
    }
}
