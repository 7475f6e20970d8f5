//! The files that types come from, read when a type asks for them, and the search for names along imports and exports.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use oxc_allocator::Allocator;
use oxc_span::SourceType;

use super::source::{Declaration, Exported, Imported, Scope, Source, read};
use super::syntax::Ty;
use crate::compile::{Expect, Input, complaints, parser};
use crate::error::{BundleError, Diagnostic};
use crate::files::Files;
use crate::requests::Kind;
use crate::resolve::{Resolver, Target};
use crate::{limits, stack};

/// Re-exports in a row that are followed.
const HOPS: usize = 32;

/// All files read so far.
pub(super) struct World<'f> {
    files: &'f dyn Files,
    resolver: Resolver<'f>,
    sources: RefCell<Vec<Rc<Source>>>,
    known: RefCell<HashMap<PathBuf, Result<usize, String>>>,
    total: Cell<u64>,
}

/// Where names are looked up: in a namespace, if there is one, and then in its file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub file: usize,
    pub within: Option<Rc<Declaration>>,
}

/// What a name stands for, and where names in it are looked up.
pub(super) struct Found<T> {
    pub place: Place,
    pub name: String,
    pub item: T,
    /// Names after those that were used up (`Color.Red`).
    pub rest: Vec<String>,
}

/// Types and values have names apart from each other.
pub(super) trait Space: Sized {
    fn get(scope: &Scope, name: &str) -> Option<Self>;
    /// The scope inside, for a namespace.
    fn is_namespace(&self) -> bool {
        false
    }
}

impl Space for Rc<Declaration> {
    fn get(scope: &Scope, name: &str) -> Option<Self> {
        scope.types.get(name).cloned()
    }

    fn is_namespace(&self) -> bool {
        matches!(**self, Declaration::Namespace(_))
    }
}

impl Space for Ty {
    fn get(scope: &Scope, name: &str) -> Option<Self> {
        scope.values.get(name).cloned()
    }
}

impl<'f> World<'f> {
    pub fn new(files: &'f dyn Files) -> Self {
        Self {
            files,
            resolver: Resolver::new(files),
            sources: RefCell::default(),
            known: RefCell::default(),
            total: Cell::new(0),
        }
    }

    pub fn source(&self, index: usize) -> Rc<Source> {
        self.sources.borrow()[index].clone()
    }

    /// Reads the file that all begins with.
    pub fn entry(&self, path: &Path) -> Result<usize, BundleError> {
        let file = path.display().to_string();
        let real = self.files.canonicalize(path).map_err(|error| crate::graph::read_error(path, &error))?;
        let read = self.read(&real).map_err(|failed| match failed {
            Failed::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => limit(file),
            Failed::Io(error) => crate::graph::read_error(path, &error),
            Failed::TooMuch => limit(file),
            Failed::Syntax(diagnostics) => BundleError::Syntax { diagnostics },
        })?;
        self.known.borrow_mut().insert(real, Ok(read));
        Ok(read)
    }

    fn read(&self, path: &Path) -> Result<usize, Failed> {
        let bytes = self.files.read(path, limits::FILE).map_err(Failed::Io)?;
        self.total.set(self.total.get() + bytes.len() as u64);
        if self.total.get() > limits::TOTAL || self.sources.borrow().len() >= limits::MODULES {
            return Err(Failed::TooMuch);
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let file = path.display().to_string();
        let source = parse(file, path, text).map_err(Failed::Syntax)?;
        let mut sources = self.sources.borrow_mut();
        sources.push(Rc::new(source));
        Ok(sources.len() - 1)
    }

    /// The file that `specifier` means in the file `from`; or why there is none with types.
    pub fn load(&self, from: usize, specifier: &str) -> Result<usize, String> {
        let dir = self.source(from).dir.clone();
        let path = match self.resolver.resolve(&dir, specifier, Kind::Import) {
            Ok(Target::File(path)) => self.declarations(&path).unwrap_or(path),
            // What the platform provides has no types that can be read.
            Ok(_) => return Err(format!("'{specifier}' has no types here")),
            // A file with types only is nothing that a program imports.
            Err(why) => self.declarations(&dir.join(specifier)).ok_or(why.message)?,
        };
        if let Some(known) = self.known.borrow().get(&path) {
            return known.clone();
        }
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let read = if matches!(extension, "ts" | "mts" | "cts" | "js" | "mjs" | "cjs") {
            self.read(&path).map_err(|failed| match failed {
                Failed::Io(error) => format!("'{specifier}' cannot be read: {error}"),
                Failed::TooMuch => "there are too many files".to_owned(),
                Failed::Syntax(_) => format!("'{specifier}' has syntax errors"),
            })
        } else {
            Err(format!("'{specifier}' is not TypeScript"))
        };
        self.known.borrow_mut().insert(path, read.clone());
        read
    }

    /// The `.d.ts` beside a JavaScript file, or at a path without extension.
    fn declarations(&self, path: &Path) -> Option<PathBuf> {
        let candidates = match path.extension().and_then(|e| e.to_str()) {
            Some("js") => vec![path.with_extension("d.ts")],
            Some("mjs") => vec![path.with_extension("d.mts"), path.with_extension("d.ts")],
            Some("cjs") => vec![path.with_extension("d.cts"), path.with_extension("d.ts")],
            Some("ts" | "mts" | "cts") => return None,
            _ => vec![PathBuf::from(format!("{}.d.ts", path.display())), path.join("index.d.ts")],
        };
        let found =
            candidates.into_iter().map(|path| crate::files::normal(&path)).find(|path| self.files.is_file(path))?;
        self.files.canonicalize(&found).ok()
    }

    /// What `names` (`a.b.c`) stands for at a place.
    pub fn find<T: Space>(&self, place: &Place, names: &[String]) -> Result<Found<T>, String> {
        let Some((first, rest)) = names.split_first() else { return Err("there is no name".into()) };
        // `a.b`: `a` is a namespace, whether types or values are looked for in it.
        if !rest.is_empty() {
            if let Ok(found) = self.named::<Rc<Declaration>>(place, first, HOPS)
                && found.item.is_namespace()
            {
                return self.find_in(found, rest);
            }
            let import = self.source(place.file).scope.imports.get(first).cloned();
            if let Some(Imported { specifier, name: None }) = import {
                return self.find_in_module(self.load(place.file, &specifier)?, rest);
            }
        }
        let found = self.named::<T>(place, first, HOPS)?;
        Ok(Found { rest: rest.to_vec(), ..found })
    }

    /// `export * as inner from` makes modules in modules.
    fn find_in_module<T: Space>(&self, mut file: usize, mut names: &[String]) -> Result<Found<T>, String> {
        while let [name, _, ..] = names {
            let inner = match self.source(file).scope.exports.get(name) {
                Some(Exported::From(Imported { specifier, name: None })) => specifier.clone(),
                _ => break,
            };
            (file, names) = (self.load(file, &inner)?, &names[1..]);
        }
        let (name, rest) = names.split_first().ok_or("there is no name")?;
        let found = self.exported::<T>(file, name, HOPS)?;
        Ok(Found { rest: rest.to_vec(), ..found })
    }

    fn find_in<T: Space>(&self, namespace: Found<Rc<Declaration>>, names: &[String]) -> Result<Found<T>, String> {
        let mut declaration = namespace.item;
        for (at, name) in names.iter().enumerate() {
            let Declaration::Namespace(scope) = &*declaration else { break };
            let place = Place { file: namespace.place.file, within: Some(declaration.clone()) };
            if let Some(inner) = scope.types.get(name).filter(|inner| inner.is_namespace() && at + 1 < names.len()) {
                declaration = inner.clone();
                continue;
            }
            let item = T::get(scope, name).ok_or_else(|| format!("the namespace has no '{name}'"))?;
            return Ok(Found { place, name: name.clone(), item, rest: names[at + 1..].to_vec() });
        }
        Err(format!("'{}' is a namespace", names.join(".")))
    }

    fn named<T: Space>(&self, place: &Place, name: &str, hops: usize) -> Result<Found<T>, String> {
        let found = |place, item| Found { place, name: name.to_owned(), item, rest: Vec::new() };
        if let Some(Declaration::Namespace(scope)) = place.within.as_deref()
            && let Some(item) = T::get(scope, name)
        {
            return Ok(found(place.clone(), item));
        }
        let source = self.source(place.file);
        if let Some(item) = T::get(&source.scope, name) {
            return Ok(found(Place { file: place.file, within: None }, item));
        }
        match source.scope.imports.get(name) {
            Some(imported) => self.follow(place.file, imported, hops),
            None => Err(format!("'{name}' is not declared in this file")),
        }
    }

    fn follow<T: Space>(&self, from: usize, imported: &Imported, hops: usize) -> Result<Found<T>, String> {
        let Some(name) = &imported.name else { return Err(format!("'{}' is a module", imported.specifier)) };
        let hops = hops.checked_sub(1).ok_or("too many files pass it on")?;
        self.exported(self.load(from, &imported.specifier)?, name, hops)
    }

    /// What a file exports under a name.
    pub fn exported<T: Space>(&self, file: usize, name: &str, hops: usize) -> Result<Found<T>, String> {
        let source = self.source(file);
        match source.scope.exports.get(name) {
            Some(Exported::Local(local)) => return self.named(&Place { file, within: None }, local, hops),
            Some(Exported::From(imported)) => return self.follow(file, imported, hops),
            None => {}
        }
        if name != "default" && hops > 0 {
            for specifier in &source.scope.stars {
                if let Ok(found) = self.load(file, specifier).and_then(|file| self.exported(file, name, hops - 1)) {
                    return Ok(found);
                }
            }
        }
        Err(format!("'{}' exports no '{name}'", source.dir_name()))
    }

    /// A complaint about a place in a file.
    pub fn diagnostic(&self, file: usize, start: usize, len: usize, message: impl Into<String>) -> Diagnostic {
        let source = self.source(file);
        Diagnostic::at(&source.file, &source.text, start, len, message)
    }
}

impl Source {
    fn dir_name(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }
}

enum Failed {
    Io(std::io::Error),
    TooMuch,
    Syntax(Vec<Diagnostic>),
}

fn limit(file: String) -> BundleError {
    BundleError::Limit { file, what: "the size of source files".into(), max: format!("{} MiB", limits::FILE >> 20) }
}

fn parse(file: String, path: &Path, text: &str) -> Result<Source, Vec<Diagnostic>> {
    if let Some(at) = stack::too_deep(text, limits::NESTING) {
        let message = format!("code is nested more than {} levels deep here", limits::NESTING);
        return Err(vec![Diagnostic::at(&file, text, at, 1, message)]);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = match name.rsplit('.').next() {
        Some("ts" | "mts" | "cts") if name.contains(".d.") => SourceType::d_ts(),
        Some("ts" | "mts" | "cts") => SourceType::ts(),
        _ => SourceType::mjs(),
    };
    let allocator = Allocator::default();
    let parsed = parser(&allocator, text, kind.with_module(true));
    let input = Input { file: &file, name: &file, text, typescript: true, expect: Expect::Module };
    let errors = complaints(&input, &parsed.diagnostics);
    if !errors.is_empty() {
        return Err(errors);
    }
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(read(file.clone(), dir, text, &parsed.program))
}
