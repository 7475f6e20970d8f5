//! From what was typed to what is run: a file or a snippet, pinned, with its parameters.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use bundler::OsFiles;
use daemon::{Call, Prepared, catalog, code::Imports};
use executor::NewRun;
use host::Permissions;
use run::{Code, RunId};
use serde_json::{Map, Value};

use crate::report::Error;

/// The longest snippet that is read from standard input, in bytes.
const MAX_SNIPPET: u64 = 16 << 20;

/// What the names of programs' files end with, beside those that are kinds of their own.
const ENDINGS: [&str; 8] = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json", ".snap"];

/// The name of a photon, if what was typed is no file.
pub fn photon_name(typed: &Path) -> Option<String> {
    let name = typed.to_str()?;
    let file = name.contains('/') || ENDINGS.iter().any(|ending| name.ends_with(ending)) || typed.exists();
    (!file).then(|| name.to_owned())
}

/// What a module is run as.
pub enum Program {
    /// A method of a class, around which its tags may ask for something.
    Call(Box<Prepared>),
    /// Anything else.
    Run(NewRun),
}

/// A run of the module in `file`: of a method, if it is a class, whose types say what it takes.
pub fn file(file: &Path, call: Call) -> Result<Program, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    known_kind(file, &name)?;
    if let Some(entry) = photon(file) {
        return Ok(Program::Call(Box::new(daemon::calls::prepare(Arc::new(entry), call)?)));
    }
    if call.instance.is_some() {
        return Err(Error::usage(
            format!("{} is no photon, and has no instances", file.display()),
            "leave --instance out",
        ));
    }
    let Call { method, mut args, texts, id, .. } = call;
    args.extend(texts.into_iter().map(|(name, text)| (name, value(&text))));
    let params = args;
    let code = compile(file)?;
    let stem = stem(&name);
    // The name under which the program keeps its state, if it is a photon.
    let photon = Some(stem.to_owned());
    let tool = method.clone().unwrap_or_else(|| stem.to_owned());
    let params = Value::from(params).into();
    Ok(Program::Run(NewRun { id, photon, method, ..NewRun::new(tool, params, Arc::new(code)) }))
}

/// What the file offers, if a class is what it is about: its default export, or the class of a photon.
fn photon(file: &Path) -> Option<catalog::Entry> {
    let named = catalog::name_of(file).is_some();
    let entry = catalog::read(file);
    match entry.photon() {
        Ok(photon) => (named || photon.is_default).then_some(entry),
        // What it exports may be a function; what is wrong with it is said when it is bundled.
        Err(_) => {
            let class = bundler::tools::photon(&OsFiles, file).ok().flatten();
            (named && class.is_some()).then_some(entry)
        }
    }
}

/// The pinned code of the module in `file`.
pub fn compile(file: &Path) -> Result<Code, Error> {
    let path = std::path::absolute(file).map_err(|e| Error::io(format!("cannot find {}", file.display()), e))?;
    Ok(bundler::bundle(&OsFiles, &path)?)
}

fn known_kind(file: &Path, name: &str) -> Result<(), Error> {
    if name.ends_with(".snap") {
        let next = format!("go on from it: quicksave resume {}", file.display());
        return Err(Error::usage(format!("{} is a snapshot, not a program", file.display()), next));
    }
    Ok(())
}

/// `weekly.photon.ts` → `weekly`.
fn stem(name: &str) -> &str {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.strip_suffix(".photon").unwrap_or(stem);
    if stem.is_empty() { "main" } else { stem }
}

/// A run of a snippet with these namespaces; `-` stands for standard input.
/// Nobody may have looked at it yet, so it imports from the current folder, from packages that are installed there or
/// above, and from what may be read anyway.
pub fn snippet(
    text: &str,
    namespaces: &[String],
    id: Option<RunId>,
    permissions: &Permissions,
) -> Result<NewRun, Error> {
    let source = if text == "-" { standard_input()? } else { text.to_owned() };
    let cwd: PathBuf = std::env::current_dir().map_err(|e| Error::io("cannot find the current folder", e))?;
    Ok(daemon::code::snippet(&source, &cwd, Imports::Folder, namespaces, id, permissions)?)
}

fn standard_input() -> Result<String, Error> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_SNIPPET + 1).read_to_string(&mut text);
    read.map_err(|e| Error::io("cannot read the code from standard input", e))?;
    if text.len() as u64 > MAX_SNIPPET {
        return Err(Error::usage(
            "the code on standard input is longer than 16 MiB",
            "put it into a file and run that",
        ));
    }
    Ok(text)
}

/// `--params` and `-p`: the latter goes before the former.
pub fn params(whole: Option<&str>, pairs: &[(String, String)]) -> Result<Map<String, Value>, Error> {
    let mut params = match whole.map(serde_json::from_str) {
        None => Map::new(),
        Some(Ok(Value::Object(map))) => map,
        Some(Ok(_)) => {
            return Err(Error::usage("--params is not a JSON object", "write it as --params '{\"name\": \"value\"}'"));
        }
        Some(Err(error)) => {
            return Err(Error::usage(
                format!("--params is not JSON: {error}"),
                "write it as --params '{\"name\": \"value\"}'",
            ));
        }
    };
    params.extend(pairs.iter().map(|(name, text)| (name.clone(), value(text))));
    Ok(params)
}

/// `name=value`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, typed)) if !name.is_empty() => Ok((name.to_owned(), typed.to_owned())),
        _ => Err("name=value is expected".into()),
    }
}

/// JSON if it is JSON, else text.
pub fn value(typed: &str) -> Value {
    serde_json::from_str(typed).unwrap_or_else(|_| typed.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters() {
        let pairs: Vec<_> = ["a=1", "b=x y", "c={\"d\":[true]}", "e=", "f=\"1\"", "g=a=b"]
            .iter()
            .map(|t| pair(t).expect("a pair"))
            .collect();
        let params = params(Some("{\"a\":0,\"z\":null}"), &pairs).expect("good");
        let expected = json!({ "a": 1, "z": null, "b": "x y", "c": {"d": [true]}, "e": "", "f": "1", "g": "a=b" });
        assert_eq!(Value::from(params), expected);
        assert!(pair("a").is_err() && pair("=1").is_err());
        assert!(super::params(Some("[1]"), &[]).is_err() && super::params(Some("{"), &[]).is_err());
    }

    #[test]
    fn names_of_photons() {
        for (name, expected) in [("a.ts", "a"), ("a.photon.ts", "a"), ("a.b.js", "a.b"), (".ts", "main"), ("a", "a")] {
            assert_eq!(stem(name), expected);
        }
    }
}
