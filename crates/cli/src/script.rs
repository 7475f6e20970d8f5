//! Neutron programs as files: scripts with what they use, and snapshots.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ::neutron::{Checked, Diagnostic, Loaded, Loader};
use executor::NewRun;
use run::{Json, RunId};
use serde_json::json;

use crate::report::Error;

/// The longest source file, in bytes.
const MAX_SOURCE: u64 = 64 << 20;

/// Finds the files that `using` statements name, relative to the file that names them.
#[derive(Default)]
pub struct Files {
    /// Path without links → the name under which it was first reached.
    names: Mutex<HashMap<PathBuf, String>>,
}

impl Files {
    /// The text of the file, which `using` may then reach by other paths too.
    fn read(&self, path: &Path, name: &str) -> std::io::Result<Loaded> {
        let real = std::fs::canonicalize(path)?;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = names.entry(real).or_insert_with(|| name.to_owned()).clone();
        drop(names);
        Ok(Loaded { text: text(path)?, name })
    }
}

impl Loader for Files {
    fn load(&self, from: &str, path: &str) -> Result<Loaded, String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let path = folder.join(path);
        self.read(&path, &path.to_string_lossy()).map_err(|e| e.to_string())
    }
}

fn text(path: &Path) -> std::io::Result<String> {
    let invalid = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut text = String::new();
    File::open(path)?.take(MAX_SOURCE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SOURCE {
        return Err(invalid("it is longer than 64 MiB"));
    }
    // A line that names the interpreter is no part of the program; the line stays, for the numbers of the others.
    if text.starts_with("#!") {
        text.insert_str(0, "//");
    }
    Ok(text)
}

fn source(file: &Path, files: &Files) -> Result<Loaded, Error> {
    let loaded = files.read(file, &file.to_string_lossy());
    loaded.map_err(|e| Error::io(format!("cannot read {}", file.display()), e))
}

/// Whether a file is a Neutron script by its name.
pub fn is_script(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "nt")
}

/// Everything that is wrong with the script in `file`.
pub fn check(file: &Path) -> Result<Vec<Diagnostic>, Error> {
    let files = Files::default();
    let Loaded { name, text } = source(file, &files)?;
    Ok(::neutron::check(&text, &name, &files))
}

/// The pinned code of the script in `file`.
pub fn compile(file: &Path) -> Result<Checked, Error> {
    let files = Files::default();
    let Loaded { name, text } = source(file, &files)?;
    ::neutron::compile(&text, &name, &files).map_err(Error::Script)
}

/// A run of the script in `file`, and what will fail if it gets there.
pub fn file(file: &Path, args: &[String], id: Option<RunId>) -> Result<(NewRun, Vec<Diagnostic>), Error> {
    let Checked { code, warnings } = compile(file)?;
    let params = ::neutron::params(args);
    Ok((NewRun { id, ..NewRun::new(stem(file), params, Arc::new(code)) }, warnings))
}

/// A run that goes on from the snapshot in `file`. Without arguments it keeps those that it had.
pub fn snapshot(file: &Path, args: &[String], id: Option<RunId>) -> Result<NewRun, Error> {
    let bytes = bytes(file)?;
    let code = ::neutron::resume(&bytes, &file.to_string_lossy()).map_err(|cause| refused(file, cause.to_string()))?;
    let params = if args.is_empty() { Json::from(json!({})) } else { ::neutron::params(args) };
    Ok(NewRun { id, ..NewRun::new(stem(file), params, Arc::new(code)) })
}

/// The bytes of a snapshot file, as far as they can be one: what is no plain file, or begins otherwise, is not read.
pub fn bytes(file: &Path) -> Result<Vec<u8>, Error> {
    let io = |e| Error::io(format!("cannot read {}", file.display()), e);
    let meta = std::fs::metadata(file).map_err(io)?;
    if !meta.is_file() {
        return Err(refused(file, "it is not a plain file".into()));
    }
    let mut open = File::open(file).map_err(io)?;
    let mut bytes = Vec::new();
    let magic = ::neutron::snapshot::MAGIC;
    (&mut open).take(magic.len() as u64).read_to_end(&mut bytes).map_err(io)?;
    if bytes == magic {
        // Not more than it had a moment ago: it may grow for ever.
        open.take(meta.len()).read_to_end(&mut bytes).map_err(io)?;
    }
    Ok(bytes)
}

/// The error of a snapshot file that cannot be used.
pub fn refused(file: &Path, cause: String) -> Error {
    Error::Snapshot { file: file.display().to_string(), cause }
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    if stem.is_empty() { "main".into() } else { stem.into_owned() }
}

/// A path as it is typed again.
pub fn shown(file: &Path) -> String {
    crate::args::quote(&file.to_string_lossy())
}
