//! Code of a run that went well as a photon: written aside for a person to look at, and a tool once it is enabled.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use executor::{ExecError, Executor};
use run::{RunId, Status};
use serde::Deserialize;

use crate::catalog::{self, Catalog, Entry};
use crate::{code, shapes};

/// Why no photon was made or moved. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Not a run of a snippet.
    #[error("run {run} is not a run of a snippet, but of {tool}: only the code of a snippet can be saved")]
    NotCode {
        /// The run.
        run: RunId,
        /// What it ran.
        tool: String,
    },
    /// It did not end well.
    #[error("run {run} is {status}: only the code of a run that has completed can be saved")]
    NotCompleted {
        /// The run.
        run: RunId,
        /// How it stands.
        status: Status,
    },
    /// A name that no photon may have.
    #[error("{0:?} cannot name a photon: 1 to 64 letters, digits, '_' and '-' are expected")]
    BadName(String),
    /// There is one already.
    #[error("there is a photon '{name}' already: {file}; choose another name, or remove it first")]
    Exists {
        /// The name.
        name: String,
        /// Where it is.
        file: String,
    },
    /// There is none.
    #[error("{0}")]
    Missing(String),
    /// What it would be is no photon.
    #[error("{0}")]
    Broken(catalog::Broken),
    /// The code cannot become a method.
    #[error(transparent)]
    Bundle(#[from] bundler::BundleError),
    /// The run cannot be read.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A file cannot be read or written.
    #[error("{what} failed: {cause}")]
    Io {
        /// What was tried, and with which file.
        what: String,
        /// What the system said.
        cause: io::Error,
    },
}

/// Writes the code of a completed run of tool `code` as the photon `name` into `pending/`: a class with one method, whose
/// parameters are the code's constants. It is no tool before [`enable`]. Gives what it will be.
pub async fn save_as_photon(
    executor: &Executor,
    catalog: &Arc<Catalog>,
    run: &RunId,
    name: &str,
    description: Option<&str>,
) -> Result<Entry, SaveError> {
    if !catalog::good_name(name) {
        return Err(SaveError::BadName(name.chars().take(200).collect()));
    }
    let summary = executor.summary(run).await?;
    if summary.tool != code::TOOL || summary.photon.is_some() {
        return Err(SaveError::NotCode { run: run.clone(), tool: summary.tool });
    }
    if summary.status() != Status::Completed {
        return Err(SaveError::NotCompleted { run: run.clone(), status: summary.status() });
    }
    #[derive(Deserialize)]
    struct Params {
        code: String,
    }
    let not_code = || SaveError::NotCode { run: run.clone(), tool: summary.tool.clone() };
    let params = summary.params.as_ref().ok_or_else(not_code)?;
    let params: Params = shapes::fetch(executor, run, params).await?.json.to().map_err(|_| not_code())?;
    let namespaces = match &summary.origin {
        Some(origin) => namespaces(executor, run, origin.code).await?,
        None => Vec::new(),
    };
    let description = description.unwrap_or_default().to_owned();
    let (catalog, name) = (catalog.clone(), name.to_owned());
    let write = move || {
        let text = bundler::save::as_photon(&params.code, &name, &description, &namespaces)?;
        let file = place(&catalog, &name, true)?;
        put(&file, &text)?;
        read(&file).inspect_err(|_| {
            let _ = fs::remove_file(&file);
        })
    };
    tokio::task::spawn_blocking(write)
        .await
        .unwrap_or_else(|e| Err(failed("saving", Path::new(""), io::Error::other(e))))
}

/// The names that were globals of the snippet.
async fn namespaces(executor: &Executor, run: &RunId, code: run::Hash) -> Result<Vec<String>, ExecError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct About {
        namespaces: Vec<String>,
    }
    let key = format!("code/{code}");
    let bytes = executor.parts().keep.load(&key).await?;
    let code = bytes.and_then(|bytes| run::Code::from_bytes(&bytes).ok());
    let code = code.ok_or_else(|| ExecError::Missing { run: run.clone(), what: "its code", key })?;
    Ok(code.about.and_then(|about| about.to::<About>().ok()).unwrap_or_default().namespaces)
}

/// What a photon in `pending/`, or a file elsewhere, would be once it is enabled.
pub fn look(catalog: &Catalog, what: &str) -> Result<Entry, SaveError> {
    read(&source(catalog, what)?)
}

/// Makes a photon that was looked at a tool: moves it out of `pending/`, or copies a file from elsewhere.
pub fn enable(catalog: &Catalog, what: &str) -> Result<Entry, SaveError> {
    let from = source(catalog, what)?;
    let entry = read(&from)?;
    let to = folder(catalog)?.join(from.file_name().unwrap_or_default());
    free(catalog, &entry.name, &to)?;
    if Some(from.parent().unwrap_or(Path::new(""))) == catalog.pending().as_deref() {
        rename(&from, &to)?;
    } else {
        let text = fs::read_to_string(&from).map_err(|e| failed("reading", &from, e))?;
        put(&to, &text)?;
        // What it imports must be there as well.
        let path = std::path::absolute(&to).map_err(|e| failed("finding", &to, e))?;
        if let Err(error) = bundler::bundle(&bundler::OsFiles, &path) {
            let _ = fs::remove_file(&to);
            return Err(error.into());
        }
    }
    Ok(catalog::read(&to))
}

/// Takes a photon out of the tools: moves it to `pending/`. Gives where it lies then.
pub fn disable(catalog: &Catalog, name: &str) -> Result<PathBuf, SaveError> {
    let entry = catalog.find(name).map_err(|e| SaveError::Missing(e.to_string()))?;
    let pending = entry.file.parent().unwrap_or(Path::new("")).join("pending");
    make(&pending)?;
    let to = pending.join(entry.file.file_name().unwrap_or_default());
    rename(&entry.file, &to)?;
    Ok(to)
}

/// The names of photons that nobody has enabled yet.
pub fn pending(catalog: &Catalog) -> Vec<String> {
    catalog.pending().map_or_else(Vec::new, |folder| Catalog::new([folder]).names())
}

/// The file that is meant by a name in `pending/`, or by a path.
fn source(catalog: &Catalog, what: &str) -> Result<PathBuf, SaveError> {
    let path = Path::new(what);
    if catalog::name_of(path).is_some() {
        return Ok(path.to_owned());
    }
    let waiting = catalog.pending().map(|folder| Catalog::new([folder]));
    match waiting.map(|waiting| waiting.find(what)) {
        Some(Ok(entry)) => Ok(entry.file.clone()),
        Some(Err(unknown)) => {
            let near = unknown.near.map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            Err(SaveError::Missing(format!("no photon {:?} waits to be enabled{near}", unknown.name)))
        }
        None => Err(no_folder()),
    }
}

/// Reads a photon that must be good.
fn read(file: &Path) -> Result<Entry, SaveError> {
    if !file.is_file() {
        return Err(SaveError::Missing(format!("there is no file {}", file.display())));
    }
    let entry = catalog::read(file);
    match &entry.photon {
        Ok(_) => Ok(entry),
        Err(broken) => Err(SaveError::Broken(broken.clone())),
    }
}

/// Where a new photon goes, if there is none of its name.
fn place(catalog: &Catalog, name: &str, pending: bool) -> Result<PathBuf, SaveError> {
    let folder = if pending { catalog.pending().ok_or_else(no_folder)? } else { folder(catalog)?.to_owned() };
    let file = folder.join(format!("{name}.photon.ts"));
    free(catalog, name, &file)?;
    if let Ok(entry) = Catalog::new([folder]).find(name) {
        return Err(SaveError::Exists { name: name.to_owned(), file: entry.file.display().to_string() });
    }
    Ok(file)
}

fn free(catalog: &Catalog, name: &str, file: &Path) -> Result<(), SaveError> {
    let there =
        catalog.find(name).map(|entry| entry.file.clone()).ok().or_else(|| file.exists().then(|| file.to_owned()));
    match there {
        Some(file) => Err(SaveError::Exists { name: name.to_owned(), file: file.display().to_string() }),
        None => Ok(()),
    }
}

fn folder(catalog: &Catalog) -> Result<&Path, SaveError> {
    catalog.folders().first().map(PathBuf::as_path).ok_or_else(no_folder)
}

fn no_folder() -> SaveError {
    SaveError::Missing("there is no folder of photons; name one with --photons".into())
}

/// Writes a file that is not there yet, whole or not at all.
fn put(file: &Path, text: &str) -> Result<(), SaveError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    make(folder)?;
    let write = || {
        let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        aside.write_all(text.as_bytes())?;
        aside.as_file().sync_all()?;
        aside.persist_noclobber(file).map_err(|e| e.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|e| failed("writing", file, e))
}

fn rename(from: &Path, to: &Path) -> Result<(), SaveError> {
    // Never over another: a link fails where there is one.
    fs::hard_link(from, to).and_then(|()| fs::remove_file(from)).map_err(|e| failed("moving to", to, e))
}

fn make(folder: &Path) -> Result<(), SaveError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|e| failed("making", folder, e))
}

fn failed(doing: &str, file: &Path, cause: io::Error) -> SaveError {
    SaveError::Io { what: format!("{doing} {}", file.display()), cause }
}
