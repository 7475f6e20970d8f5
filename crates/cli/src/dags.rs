//! DAG documents as files, with the sub-DAGs and the nodes' files that they name.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::dag::guest::{ENDING, Loader, PinError, Pinned, pin};
use executor::NewRun;
use run::{Code, RunId};
use serde_json::{Map, Value};

use crate::{report::Error, script, source};

/// Whether a file is a DAG document by its name.
pub fn is_document(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(ENDING.as_bytes()))
}

/// Finds what documents name: files relative to the document, and the sub-DAG `name` in `name.dag.json` beside it.
struct Beside;

impl Beside {
    fn path(from: &str, file: &str) -> PathBuf {
        Path::new(from).parent().unwrap_or(Path::new("")).join(file)
    }
}

impl Loader for Beside {
    fn document(&mut self, from: &str, name: &str) -> Result<(String, String), String> {
        let path = Self::path(from, &format!("{name}{ENDING}"));
        let text = text(&path).map_err(|e| format!("cannot read {}, where it is looked for: {e}", path.display()))?;
        Ok((path.to_string_lossy().into_owned(), text))
    }

    fn code(&mut self, from: &str, file: &str) -> Result<Code, String> {
        let path = Self::path(from, file);
        if script::is_script(&path) {
            return script::compile(&path).map(|checked| checked.code).map_err(|e| e.to_string());
        }
        source::compile(&path).map_err(|e| e.to_string())
    }
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // One byte more than a document may have, so that a longer one is refused by its length.
    File::open(path)?.take(::dag::limits::DOCUMENT as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The text of the document in `file`.
pub fn read(file: &Path) -> Result<String, Error> {
    text(file).map_err(|e| Error::io(format!("cannot read {}", file.display()), e))
}

/// The document in `file` with all that it names, or everything that is wrong with them.
pub fn pinned(file: &Path) -> Result<Result<Pinned, PinError>, Error> {
    let text = read(file)?;
    Ok(pin(&file.to_string_lossy(), &text, &mut Beside))
}

/// A run of the DAG in `file`, which begins with `state`, and what is probably not meant so.
pub fn file(file: &Path, state: Map<String, Value>, id: Option<RunId>) -> Result<(NewRun, Vec<String>), Error> {
    let Pinned { code, warnings } = pinned(file)?.map_err(Error::Dag)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let tool = name.strip_suffix(ENDING).filter(|stem| !stem.is_empty()).unwrap_or("dag").to_owned();
    let params = Value::from(state).into();
    Ok((NewRun { id, ..NewRun::new(tool, params, Arc::new(code)) }, warnings))
}
