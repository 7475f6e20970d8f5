//! The photons that there are: files in folders, read when they are asked for, and again when they have changed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bundler::tools::{Photon, Tool, about, nearest};
use bundler::{BundleError, Seen, Watched};
use run::Code;
use serde_json::json;

use crate::events;

/// What the names of photons' files end with.
const ENDINGS: [&str; 4] = [".photon.ts", ".photon.js", ".photon.mts", ".photon.mjs"];

/// Files whose attributes are looked at in passing.
const FEW: usize = 64;

/// A photon's file.
#[derive(Debug)]
pub struct Entry {
    /// The photon's name: the file's, without its ending.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// What it offers, or why it cannot be used.
    pub photon: Result<Photon, Broken>,
    /// The files that say what it offers: its own, and those that its types come from.
    seen: Seen,
    /// Its code, and the files that this was made of.
    code: Mutex<Option<(Seen, Arc<Code>)>>,
}

/// Why a photon cannot be used: the file, the position and the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// There is no photon of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no photon {name:?}{}", near.as_ref().map_or_else(String::new, |near| format!("; did you mean '{near}'?")))]
pub struct Unknown {
    /// The name that was asked for.
    pub name: String,
    /// The one that was probably meant.
    pub near: Option<String>,
    /// All that there are.
    pub names: Vec<String>,
}

/// Photons in folders.
pub struct Catalog {
    folders: Vec<PathBuf>,
    known: Mutex<HashMap<PathBuf, Arc<Entry>>>,
}

impl Catalog {
    /// The photons in `folders`, which need not exist. Where two have one name, the one in the earlier folder counts.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { folders: folders.into_iter().collect(), known: Mutex::default() }
    }

    /// Where photons are looked for.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Where photons lie that nobody has looked at yet: they are no tools.
    pub fn pending(&self) -> Option<PathBuf> {
        Some(self.folders.first()?.join("pending"))
    }

    /// The names of all photons, sorted. Reads no photon.
    pub fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }

    /// All photons by name, broken ones too. Reads files: not for threads that must not wait.
    pub fn list(&self) -> Vec<Arc<Entry>> {
        let files = self.files();
        let entries: Vec<Arc<Entry>> = files.iter().map(|(_, file)| self.entry(file)).collect();
        // What is gone is forgotten.
        let there = |path: &PathBuf| files.iter().any(|(_, file)| file == path);
        self.lock().retain(|path, _| there(path));
        entries
    }

    /// The photon called `name`, which may be broken. Reads its file.
    pub fn find(&self, name: &str) -> Result<Arc<Entry>, Unknown> {
        if let Some(file) = self.file(name) {
            return Ok(self.entry(&file));
        }
        let names = self.names();
        let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        Err(Unknown { name: name.chars().take(200).collect(), near, names })
    }

    /// The photon called `name` with its code, if both are at hand and nothing has changed. Reads no file, and looks at
    /// the attributes of a few: less work than handing it to another thread.
    pub fn at_hand(&self, name: &str) -> Option<(Arc<Entry>, Arc<Code>)> {
        let entry = self.lock().get(&self.file(name)?).cloned()?;
        let is_current = |seen: &Seen| seen.looks() <= FEW && seen.is_current();
        let code = entry.code.try_lock().ok()?.as_ref().filter(|(seen, _)| is_current(seen))?.1.clone();
        is_current(&entry.seen).then_some((entry, code))
    }

    /// The file of the photon called `name`, if there is one.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let endings = || ENDINGS.iter().map(|ending| format!("{name}{ending}"));
        let mut files = self.folders.iter().flat_map(|folder| endings().map(|file| folder.join(file)));
        files.find(|file| good_name(name) && file.is_file())
    }

    /// Names and files, by name.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for folder in &self.folders {
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => {
                    tracing::warn!("photons in {} cannot be listed: {e}", folder.display());
                    continue;
                }
            };
            let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
            let named = paths.filter_map(|path| Some((name_of(&path)?, path)));
            let mut here: Vec<(String, PathBuf)> = named.filter(|(_, path)| path.is_file()).collect();
            // By the order in which `find` tries endings.
            here.sort_by_key(|(name, path)| (name.clone(), ending(path)));
            for (name, path) in here {
                match found.iter().find(|(other, _)| *other == name) {
                    None => found.push((name, path)),
                    Some((_, first)) => {
                        tracing::debug!("{} is hidden by {}", path.display(), first.display());
                    }
                }
            }
        }
        found.sort();
        found
    }

    fn entry(&self, file: &Path) -> Arc<Entry> {
        let known = self.lock().get(file).cloned();
        if let Some(entry) = known.filter(|entry| entry.seen.is_current()) {
            return entry;
        }
        let entry = Arc::new(read(file));
        self.lock().insert(file.to_owned(), entry.clone());
        entry
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Arc<Entry>>> {
        // Each holder does one operation on the map, which a panic elsewhere leaves whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// What it offers.
    pub fn photon(&self) -> Result<&Photon, &Broken> {
        self.photon.as_ref()
    }

    /// Everything that can be called: tools, and the methods behind templates and resources.
    pub fn methods(&self) -> impl Iterator<Item = &Tool> {
        self.photon.iter().flat_map(|photon| photon.tools.iter().chain(&photon.templates).chain(&photon.resources))
    }

    /// The code of its runs, with what their guest must know of it. It is made once, and again when any file has changed
    /// that it was made of, or one has come or gone that would go before another. Reads files.
    pub fn code(&self) -> Result<Arc<Code>, BundleError> {
        // Others who call it at the same time wait for the same code.
        let mut held = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, code)) = &*held
            && seen.is_current()
        {
            return Ok(code.clone());
        }
        let path = std::path::absolute(&self.file).unwrap_or_else(|_| self.file.clone());
        let files = Watched::new();
        let mut code = bundler::bundle(&files, &path)?;
        if let Ok(photon) = &self.photon {
            let mut about = about(photon).value();
            if events::listens(self).is_some() {
                let args = json!({ "kind": "positional", "params": ["eventType", "payload"], "rest": false });
                about["methods"][events::LISTENER] = json!({ "args": args, "listens": true });
            }
            code.about = Some(about.into());
        }
        let code = Arc::new(code);
        *held = Some((files.seen(), code.clone()));
        Ok(code)
    }
}

/// Reads one photon, whatever its file is called.
pub fn read(file: &Path) -> Entry {
    let files = Watched::new();
    let photon = match bundler::tools::photon(&files, file) {
        Ok(Some(photon)) if photon.errors.is_empty() => Ok(photon),
        Ok(Some(photon)) => Err(photon.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        Ok(None) => {
            Err(format!("{}: it exports no class; write: export default class … extends Photon", file.display()))
        }
        Err(error) => Err(error.to_string()),
    };
    let name = name_of(file).or_else(|| photon.as_ref().ok().map(|photon| photon.name.clone()));
    let name = name.unwrap_or_else(|| file.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let photon = photon.and_then(|photon| if good_name(&name) { Ok(photon) } else { Err(bad_name(file)) });
    Entry { name, file: file.to_owned(), photon: photon.map_err(Broken), seen: files.seen(), code: Mutex::default() }
}

fn bad_name(file: &Path) -> String {
    format!("{}: {NAMES} name a photon; rename the file", file.display())
}

const NAMES: &str = "1 to 64 letters, digits, '_' and '-'";

/// Whether a photon, or an instance of one, may be called that: it names files and, in programs, globals.
pub fn good_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(known) && !name.starts_with('-')
}

/// Whether a path is that of a photon's file; its name then.
pub fn name_of(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))?;
    (!stem.is_empty() && !stem.starts_with('.')).then(|| stem.to_owned())
}

fn ending(file: &Path) -> Option<usize> {
    let name = file.file_name()?.to_str()?;
    ENDINGS.iter().position(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join(name), text).expect("written");
    }

    /// What was written just now is read until it is older than a tick of the clock.
    fn settled(catalog: &Catalog, name: &str) -> Arc<Entry> {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let entry = catalog.find(name).expect("there");
            if entry.seen.is_current() {
                return entry;
            }
            assert!(std::time::Instant::now() < deadline, "it never settles");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[test]
    fn types_and_code_follow_the_files_that_they_come_from() {
        let home = tempfile::tempdir().expect("a folder");
        write(home.path(), "types.ts", "export interface Note { text: string }");
        write(home.path(), "words.ts", "export const word = 'one';");
        let text = "import type { Note } from './types.ts';\nimport { word } from './words.ts';\n\
                    export default class { /** @notify-on x */ onNotification() {} add(note: Note) { return word; } }";
        write(home.path(), "notes.photon.ts", text);
        let catalog = Catalog::new([home.path().to_owned()]);
        let entry = settled(&catalog, "notes");
        let code = entry.code().expect("code");
        assert!(Arc::ptr_eq(&code, &entry.code().expect("code")), "not made twice");
        assert_eq!(code.about.as_ref().expect("of a photon").value()["methods"]["onNotification"]["listens"], true);
        write(home.path(), "words.ts", "export const word = 'two';");
        assert!(Arc::ptr_eq(&entry, &catalog.find("notes").expect("there")), "it offers the same");
        let changed = entry.code().expect("code");
        assert!(changed.modules.values().any(|module| module.source.contains("two")));
        write(home.path(), "types.ts", "export interface Note { texts: string }");
        let schema = settled(&catalog, "notes").methods().next().expect("a method").input_schema.to_string();
        assert!(schema.contains("texts"), "{schema}");
    }

    #[test]
    fn photons_are_found_and_read_again() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        write(one.path(), "notes.photon.ts", "export default class A { add(text: string) {} }");
        write(one.path(), "bad.photon.ts", "export default class {\n  add(text: ) {} }");
        write(one.path(), "none.photon.js", "export default function f() {}\nclass Helper { x() {} }");
        write(one.path(), "time.photon.ts", "export default class { /** @timeout 30 */ t() {} }");
        write(one.path(), "other.ts", "export default class { t() {} }");
        write(two.path(), "notes.photon.mjs", "export default class { hidden() {} }");
        write(two.path(), "more.photon.mjs", "export default class { t() {} }");
        write(two.path(), "a b.photon.ts", "export default class { t() {} }");
        let folders = [one.path().to_owned(), two.path().join("missing"), two.path().to_owned()];
        let catalog = Catalog::new(folders);
        let list = catalog.list();
        let names: Vec<&str> = list.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["a b", "bad", "more", "none", "notes", "time"]);
        assert_eq!(catalog.names(), names);
        let error =
            |name: &str| list.iter().find(|e| e.name == name).expect(name).photon().expect_err(name).to_string();
        assert!(error("bad").contains("bad.photon.ts:2:13: "), "{}", error("bad"));
        assert!(error("none").contains("exports no class"), "{}", error("none"));
        assert!(error("time").contains("time.photon.ts:1:28: @timeout"), "{}", error("time"));
        assert!(error("a b").contains("rename the file"), "{}", error("a b"));
        let notes = settled(&catalog, "notes");
        assert_eq!(notes.methods().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["add"]);
        assert!(Arc::ptr_eq(&notes, &catalog.find("notes").expect("there")), "not read twice");
        let unknown = catalog.find("nots").expect_err("no such photon");
        assert_eq!(unknown.to_string(), "there is no photon \"nots\"; did you mean 'notes'?");
        assert!(catalog.find("../notes").is_err() && catalog.find("").is_err());
        write(one.path(), "notes.photon.ts", "export default class A { add(text: string) {} remove() {} }");
        assert_eq!(catalog.find("notes").expect("there").methods().count(), 2);
        fs::remove_file(one.path().join("notes.photon.ts")).expect("removed");
        assert_eq!(catalog.find("notes").expect("the other").methods().next().expect("one").name, "hidden");
    }
}
