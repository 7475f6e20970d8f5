//! The bundler from outside: files in memory in, code out.

mod commonjs;
mod errors;
mod hostile;
mod modules;
mod seeds;
mod snippets;
mod tools;
mod typescript;

use std::path::Path;

use bundler::{BundleError, MemoryFiles, bundle, snippet};
use run::program::{Code, Module};

/// Files below `/app`, from pairs of relative path and text.
pub fn files(list: &[(&str, &str)]) -> MemoryFiles {
    list.iter().fold(MemoryFiles::new(), |files, (path, text)| files.with(format!("/app/{path}"), *text))
}

/// Bundles the first file.
pub fn try_bundle(list: &[(&str, &str)]) -> Result<Code, BundleError> {
    bundle(&files(list), &Path::new("/app").join(list[0].0))
}

/// Bundles the first file, which must work.
#[track_caller]
pub fn code(list: &[(&str, &str)]) -> Code {
    try_bundle(list).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of bundling the first file, as text.
#[track_caller]
pub fn error(list: &[(&str, &str)]) -> String {
    match try_bundle(list) {
        Ok(code) => panic!("bundled: {:#?}", code.modules.keys()),
        Err(error) => error.to_string(),
    }
}

/// The module of a file below `/app`.
#[track_caller]
pub fn module<'c>(code: &'c Code, path: &str) -> &'c Module {
    let name = format!("file:///app/{path}");
    code.modules.get(&name).unwrap_or_else(|| panic!("no {name} in {:?}", code.modules.keys()))
}

/// A snippet in `/app`.
pub fn try_snippet(source: &str, list: &[(&str, &str)]) -> Result<Code, BundleError> {
    snippet(&files(list), source, Path::new("/app"))
}
