//! Libraries that come with the platform and are no part of its image: their modules are compiled into a program's code
//! when it imports them, so that only those who use them pay, and a run keeps the release that it began with.

use std::path::Path;

use crate::files::normal;

/// Names of their modules begin so.
pub(crate) const SCHEME: &str = "quicksave:";

/// What they, and nobody else, may import from the platform.
pub(crate) const HOST: &str = "quicksave:host";

/// A module: its name behind the scheme, and its text.
type Source = (&'static str, &'static str);

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../typescript/library/", $path)))),*]
    };
}

const SOURCES: &[Source] = sources![
    "dagonizer/builder.ts",
    "dagonizer/checkpoint.ts",
    "dagonizer/contracts.ts",
    "dagonizer/core.ts",
    "dagonizer/entities.ts",
    "dagonizer/errors.ts",
    "dagonizer/execution.ts",
    "dagonizer/flow.ts",
    "dagonizer/gather.ts",
    "dagonizer/index.ts",
    "dagonizer/invocation.ts",
    "dagonizer/json.ts",
    "dagonizer/lifecycle.ts",
    "dagonizer/line.ts",
    "dagonizer/machine.ts",
    "dagonizer/progress.ts",
    "dagonizer/record.ts",
    "dagonizer/routes.ts",
    "dagonizer/runtime.ts",
    "dagonizer/state.ts",
    "dagonizer/states.ts",
    "dagonizer/stores.ts",
    "dagonizer/validation.ts",
    "dagonizer/viz.ts",
    "pg.ts",
];

/// What a program imports, and the module that it is.
const ENTRIES: &[(&str, &str)] = &[
    ("@noocodex/dagonizer", "dagonizer/index.ts"),
    ("@noocodex/dagonizer/builder", "dagonizer/builder.ts"),
    ("@noocodex/dagonizer/checkpoint", "dagonizer/checkpoint.ts"),
    ("@noocodex/dagonizer/contracts", "dagonizer/contracts.ts"),
    ("@noocodex/dagonizer/core", "dagonizer/core.ts"),
    ("@noocodex/dagonizer/entities", "dagonizer/entities.ts"),
    ("@noocodex/dagonizer/errors", "dagonizer/errors.ts"),
    ("@noocodex/dagonizer/lifecycle", "dagonizer/lifecycle.ts"),
    ("@noocodex/dagonizer/runtime", "dagonizer/runtime.ts"),
    ("@noocodex/dagonizer/validation", "dagonizer/validation.ts"),
    ("@noocodex/dagonizer/viz", "dagonizer/viz.ts"),
    ("pg", "pg.ts"),
];

/// The module that a program's import means.
pub(crate) fn find(specifier: &str) -> Option<&'static str> {
    ENTRIES.iter().find(|(name, _)| *name == specifier).map(|(_, path)| *path)
}

/// The module that an import in the library's module `from` (a name with its scheme) means.
pub(crate) fn relative(from: &str, specifier: &str) -> Option<&'static str> {
    let folder = Path::new(from.strip_prefix(SCHEME)?).parent()?;
    let path = normal(&folder.join(specifier));
    SOURCES.iter().find(|(name, _)| Path::new(name) == path).map(|(name, _)| *name)
}

/// The text of a module.
pub(crate) fn text(path: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_has_a_text() {
        for (name, path) in ENTRIES {
            assert!(text(path).is_some(), "{name}");
        }
    }

    #[test]
    fn relative_imports_stay_inside() {
        assert_eq!(relative("quicksave:dagonizer/core.ts", "./errors.ts"), Some("dagonizer/errors.ts"));
        assert_eq!(relative("quicksave:dagonizer/core.ts", "../dagonizer/x/../json.ts"), Some("dagonizer/json.ts"));
        assert_eq!(relative("quicksave:dagonizer/core.ts", "../../etc/passwd"), None);
        assert_eq!(relative("quicksave:dagonizer/core.ts", "./none.ts"), None);
        assert_eq!(relative("file:///app/core.ts", "./errors.ts"), None);
    }
}
