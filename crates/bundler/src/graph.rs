//! From the entry along all imports: every file that belongs to the program, compiled, and what its imports mean.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use crate::compile::{Compiled, Expect, Failed, Input, compile};
use crate::error::{BundleError, Diagnostic};
use crate::files::Files;
use crate::library;
use crate::limits;
use crate::requests::{Kind, Request};
use crate::resolve::{Resolver, Target, Unresolved, in_library, in_packages, url};
use crate::snippet;

/// Where an import leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Unit(usize),
    Builtin(String),
}

/// One file of the program.
#[derive(Debug)]
pub(crate) struct Unit {
    /// The module's name.
    pub name: String,
    /// The path, for complaints.
    pub file: String,
    /// Where its relative imports begin.
    pub dir: PathBuf,
    pub text: String,
    pub packaged: bool,
    /// `None`: JSON.
    pub compiled: Option<Compiled>,
    /// What `import` means, by specifier.
    pub imports: BTreeMap<String, Link>,
    /// What `require` means; packages may answer both differently.
    pub requires: BTreeMap<String, Link>,
    /// Exported types that another file passes on as if they were values.
    pub phantoms: BTreeSet<String>,
    /// CommonJS: names that others import.
    pub wanted: BTreeSet<String>,
}

impl Unit {
    /// Whether it came with the platform.
    pub fn is_library(&self) -> bool {
        self.name.starts_with(library::SCHEME)
    }
}

/// How a file is read.
enum Language {
    Code { typescript: bool, expect: Expect },
    Json,
}

pub(crate) struct Graph<'f> {
    files: &'f dyn Files,
    resolver: Resolver<'f>,
    pub units: Vec<Unit>,
    known: HashMap<PathBuf, usize>,
    /// Text read so far, in bytes.
    total: u64,
    syntax: Vec<Diagnostic>,
    imports: Vec<Diagnostic>,
}

/// Why a file did not become a unit.
enum Refusal {
    /// Fits the import that led there.
    Unresolved(Unresolved),
    /// Ends the bundling.
    Fatal(BundleError),
}

impl<'f> Graph<'f> {
    /// Everything reachable from a file.
    pub fn from_file(files: &'f dyn Files, entry: &Path) -> Result<Self, BundleError> {
        let mut graph = Self::new(files);
        let path = files.canonicalize(entry).map_err(|error| read_error(entry, &error))?;
        if !files.is_file(&path) {
            let missing = io::Error::from(if files.is_dir(&path) {
                io::ErrorKind::IsADirectory
            } else {
                io::ErrorKind::NotFound
            });
            return Err(read_error(entry, &missing));
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            let reason = "a JSON file is data; run a .ts or .js file, or a .dag.json".into();
            return Err(BundleError::Unsupported { file: path.display().to_string(), reason });
        }
        match graph.add_file(path.clone()) {
            Ok(_) => graph.follow(),
            Err(Refusal::Fatal(error)) => Err(error),
            Err(Refusal::Unresolved(why)) => {
                let reason = format!("{}; {}", why.message, why.help);
                Err(BundleError::Unsupported { file: path.display().to_string(), reason })
            }
        }?;
        Ok(graph)
    }

    /// Everything reachable from a snippet in the folder `cwd`.
    pub fn from_snippet(files: &'f dyn Files, source: &str, cwd: &Path) -> Result<Self, BundleError> {
        let mut graph = Self::new(files);
        graph.count(source.len() as u64, snippet::NAME)?;
        let text = source.strip_prefix('\u{feff}').unwrap_or(source).to_owned();
        let language = Language::Code { typescript: true, expect: Expect::Snippet };
        graph.add(snippet::NAME.into(), snippet::NAME.into(), cwd.to_owned(), false, text, language)?;
        graph.follow()?;
        Ok(graph)
    }

    fn new(files: &'f dyn Files) -> Self {
        Self {
            files,
            resolver: Resolver::new(files),
            units: Vec::new(),
            known: HashMap::new(),
            total: 0,
            syntax: Vec::new(),
            imports: Vec::new(),
        }
    }

    /// Adds a complaint about an import.
    pub fn complain(&mut self, diagnostic: Diagnostic) {
        self.imports.push(diagnostic);
    }

    /// The complaints so far, as one error. Syntax first: it is what an author mends first.
    pub fn checked(&mut self) -> Result<(), BundleError> {
        let first = |list: &mut Vec<Diagnostic>| {
            list.truncate(limits::DIAGNOSTICS);
            std::mem::take(list)
        };
        if !self.syntax.is_empty() {
            return Err(BundleError::Syntax { diagnostics: first(&mut self.syntax) });
        }
        if !self.imports.is_empty() {
            return Err(BundleError::Import { diagnostics: first(&mut self.imports) });
        }
        Ok(())
    }

    /// Resolves what the units ask for, until nothing new is found.
    fn follow(&mut self) -> Result<(), BundleError> {
        let mut next = 0;
        while next < self.units.len() {
            let requests = self.units[next].compiled.as_ref().map(|c| c.requests.clone()).unwrap_or_default();
            for request in &requests {
                self.follow_one(next, request)?;
            }
            if self.syntax.len() + self.imports.len() > limits::DIAGNOSTICS {
                break;
            }
            next += 1;
        }
        self.checked()
    }

    fn follow_one(&mut self, from: usize, request: &Request) -> Result<(), BundleError> {
        let unit = &self.units[from];
        let commonjs = unit.compiled.as_ref().is_some_and(|c| c.commonjs);
        let answered = match request.kind {
            Kind::Require => unit.requires.contains_key(&request.specifier),
            Kind::Import | Kind::Dynamic => unit.imports.contains_key(&request.specifier),
        };
        if answered {
            return Ok(());
        }
        let found = if request.kind == Kind::Require && !commonjs {
            Err(Unresolved {
                message: "require() does not exist in an ES module".into(),
                help: format!("import it: import x from '{}'", request.specifier),
            })
        } else if unit.is_library() {
            in_library(&unit.name, &request.specifier)
        } else {
            self.resolver.resolve(&unit.dir, &request.specifier, request.kind)
        };
        let link = found.and_then(|target| match target {
            Target::Builtin(name) => Ok(Ok(Link::Builtin(name))),
            Target::Library(path) => Ok(self.add_library(path).map(Link::Unit)),
            Target::File(path) => match self.add_file(path) {
                Ok(index) => Ok(Ok(Link::Unit(index))),
                Err(Refusal::Unresolved(why)) => Err(why),
                Err(Refusal::Fatal(error)) => Ok(Err(error)),
            },
        });
        match link {
            Ok(link) => {
                let (link, unit) = (link?, &mut self.units[from]);
                let links = if request.kind == Kind::Require { &mut unit.requires } else { &mut unit.imports };
                links.insert(request.specifier.clone(), link);
            }
            Err(why) => self.unresolved(from, request, why),
        }
        Ok(())
    }

    fn unresolved(&mut self, from: usize, request: &Request, why: Unresolved) {
        let unit = &self.units[from];
        // What is asked for while the program runs may be missing until then: inside `try`, and in packages, which do
        // this for optional parts.
        if request.kind != Kind::Import && (request.guarded || unit.packaged) {
            return;
        }
        if self.imports.len() >= limits::DIAGNOSTICS {
            return;
        }
        let (start, len) = (request.span.start as usize, request.span.size() as usize);
        self.imports.push(Diagnostic::at(&unit.file, &unit.text, start, len, why.message).help(why.help));
    }

    /// A module of a library that comes with the platform.
    fn add_library(&mut self, path: &'static str) -> Result<usize, BundleError> {
        let name = format!("{}{path}", library::SCHEME);
        if let Some(&index) = self.known.get(Path::new(&name)) {
            return Ok(index);
        }
        let text = library::text(path).unwrap_or_default().to_owned();
        self.count(text.len() as u64, &name)?;
        let language = Language::Code { typescript: true, expect: Expect::Module };
        let index = self.add(name.clone(), name.clone(), PathBuf::new(), true, text, language)?;
        self.known.insert(name.into(), index);
        Ok(index)
    }

    fn add_file(&mut self, path: PathBuf) -> Result<usize, Refusal> {
        if let Some(&index) = self.known.get(&path) {
            return Ok(index);
        }
        let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
        let packaged = in_packages(&path);
        let language = self.language(&path, &dir, packaged).map_err(Refusal::Unresolved)?;
        let file = path.display().to_string();
        let bytes = self.files.read(&path, limits::FILE).map_err(|error| {
            Refusal::Fatal(match error.kind() {
                io::ErrorKind::FileTooLarge => {
                    let max = format!("{} MiB", limits::FILE >> 20);
                    BundleError::Limit { file: file.clone(), what: "the size of a source file".into(), max }
                }
                _ => read_error(&path, &error),
            })
        })?;
        self.count(bytes.len() as u64, &file).map_err(Refusal::Fatal)?;
        let text = self.decode(&file, bytes);
        let name = url(&path);
        let index = self.add(name, file, dir, packaged, text, language).map_err(Refusal::Fatal)?;
        self.known.insert(path, index);
        Ok(index)
    }

    fn count(&mut self, bytes: u64, file: &str) -> Result<(), BundleError> {
        self.total += bytes;
        let over = |what: &str, max: String| Err(BundleError::Limit { file: file.to_owned(), what: what.into(), max });
        if bytes > limits::FILE {
            return over("the size of a source file", format!("{} MiB", limits::FILE >> 20));
        }
        if self.total > limits::TOTAL {
            return over("the size of all source files together", format!("{} MiB", limits::TOTAL >> 20));
        }
        if self.units.len() >= limits::MODULES {
            return over("the number of modules", limits::MODULES.to_string());
        }
        Ok(())
    }

    /// The text without byte-order mark; what is not UTF-8 is a complaint.
    fn decode(&mut self, file: &str, bytes: Vec<u8>) -> String {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes());
                let diagnostic = Diagnostic::at(file, &text, at, 1, "this is not UTF-8 text");
                self.syntax
                    .push(diagnostic.help("save the file as UTF-8; if it is not text, read it when the program runs"));
                return String::new();
            }
        };
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)
    }

    fn add(
        &mut self,
        name: String,
        file: String,
        dir: PathBuf,
        packaged: bool,
        text: String,
        language: Language,
    ) -> Result<usize, BundleError> {
        let compiled = match language {
            Language::Json => {
                if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                    let start = offset(&text, error.line(), error.column());
                    self.syntax.push(Diagnostic::at(&file, &text, start, 1, format!("this is not JSON: {error}")));
                }
                None
            }
            Language::Code { typescript, expect } => {
                let input = Input { file: &file, name: &name, text: &text, typescript, expect };
                match compile(&input) {
                    Ok(compiled) => Some(compiled),
                    Err(Failed::Complaints(complaints)) => {
                        self.syntax.extend(complaints);
                        None
                    }
                    Err(Failed::Internal(cause)) => return Err(BundleError::Internal { file, cause }),
                }
            }
        };
        self.units.push(Unit {
            name,
            file,
            dir,
            text,
            packaged,
            compiled,
            imports: BTreeMap::new(),
            requires: BTreeMap::new(),
            phantoms: BTreeSet::new(),
            wanted: BTreeSet::new(),
        });
        Ok(self.units.len() - 1)
    }

    fn language(&self, path: &Path, dir: &Path, packaged: bool) -> Result<Language, Unresolved> {
        let refuse = |message: String, help: &str| Err(Unresolved { message, help: help.into() });
        let shown = path.file_name().unwrap_or_default().to_string_lossy();
        if [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| shown.ends_with(end)) {
            return refuse(format!("'{shown}' has types only, nothing that runs"), "import it with `import type`");
        }
        let kind = || self.resolver.scope(dir).and_then(|(_, package)| package.kind.clone());
        let either = |typescript| {
            let expect = match kind().as_deref() {
                Some("module") => Expect::Module,
                // TypeScript in a package of that type writes `import` all the same.
                Some("commonjs") => Expect::Either { commonjs: true },
                _ => Expect::Either { commonjs: packaged },
            };
            Ok(Language::Code { typescript, expect })
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Ok(Language::Json),
            Some("mts") => Ok(Language::Code { typescript: true, expect: Expect::Module }),
            Some("cts") => Ok(Language::Code { typescript: true, expect: Expect::CommonJs }),
            Some("mjs") => Ok(Language::Code { typescript: false, expect: Expect::Module }),
            Some("cjs") => Ok(Language::Code { typescript: false, expect: Expect::CommonJs }),
            Some("ts") => either(true),
            Some("js") | None => either(false),
            Some("tsx" | "jsx") => refuse(
                format!("'{shown}' is JSX, which is not supported"),
                "move what the program needs into a .ts or .js file",
            ),
            Some("node") => refuse(
                format!("'{shown}' is a native addon: machine code cannot be saved and resumed"),
                "use a package written in JavaScript",
            ),
            Some("wasm") => refuse(
                format!("'{shown}' is WebAssembly, which programs cannot import"),
                "use a package written in JavaScript",
            ),
            Some(other) => refuse(
                format!("'{shown}' is not code: files that end in .{other} are not imported"),
                "read it when the program runs, with fs.readFile",
            ),
        }
    }
}

pub(crate) fn read_error(path: &Path, error: &io::Error) -> BundleError {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; check who may read it".to_owned(),
        _ => error.to_string(),
    };
    BundleError::Read { file: path.display().to_string(), cause }
}

/// The byte at a line and column as serde_json counts them: from 1, in bytes, 0 before the first.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    lines.map(str::len).sum::<usize>() + column.saturating_sub(1)
}
