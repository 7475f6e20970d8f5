//! What an import means: Node's algorithm, with TypeScript's habits (no extension, `.js` that means `.ts`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::builtins::{self, Builtin};
use crate::files::{Files, normal};
use crate::library;
use crate::package::{NoTarget, Package};
use crate::requests::Kind;

/// `package.json` files are small.
const PACKAGE_LIMIT: u64 = 1 << 20;

/// What an import leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A file, without symbolic links.
    File(PathBuf),
    /// Provided by the platform, under this name.
    Builtin(String),
    /// A module of a library that comes with the platform.
    Library(&'static str),
}

/// Why it leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unresolved {
    pub message: String,
    pub help: String,
}

fn unresolved(message: impl Into<String>, help: impl Into<String>) -> Unresolved {
    Unresolved { message: message.into(), help: help.into() }
}

/// Resolves imports over some files.
pub(crate) struct Resolver<'f> {
    files: &'f dyn Files,
    packages: RefCell<HashMap<PathBuf, Option<Rc<Package>>>>,
}

/// Extensions that may be left out, in the order tried; packages of others were compiled, so there `.js` comes first.
const OWN: &[&str] = &["ts", "mts", "cts", "js", "mjs", "cjs", "json", "tsx", "jsx", "node"];
const PACKAGED: &[&str] = &["js", "json", "node", "mjs", "cjs", "ts", "mts", "cts"];

impl<'f> Resolver<'f> {
    pub fn new(files: &'f dyn Files) -> Self {
        Self { files, packages: RefCell::default() }
    }

    /// What `specifier` means in a file of the folder `dir`.
    pub fn resolve(&self, dir: &Path, specifier: &str, kind: Kind) -> Result<Target, Unresolved> {
        if let Some(path) = library::find(specifier) {
            return Ok(Target::Library(path));
        }
        match builtins::find(specifier) {
            Some(Builtin::Provided(name)) => return Ok(Target::Builtin(name)),
            // A package may carry the name of a module of Node's that is not provided (`punycode`).
            Some(Builtin::Missing(name)) if specifier.starts_with("node:") => return Err(missing_builtin(&name)),
            Some(Builtin::Missing(name)) => {
                return self.resolve_path(dir, specifier, kind, 0).map_err(|_| missing_builtin(&name));
            }
            None => {}
        }
        self.resolve_path(dir, specifier, kind, 0)
    }

    fn resolve_path(&self, dir: &Path, specifier: &str, kind: Kind, depth: usize) -> Result<Target, Unresolved> {
        if let Some(url) = specifier.strip_prefix("file://") {
            return self.local(&normal(Path::new(&percent_decode(url))), specifier);
        }
        if let Some((scheme, _)) = specifier.split_once(':')
            && scheme.len() > 1
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            return Err(foreign_scheme(specifier, scheme));
        }
        if specifier.starts_with('#') {
            return self.package_import(dir, specifier, kind, depth);
        }
        if is_path(specifier) {
            return self.local(&normal(&dir.join(specifier)), specifier);
        }
        self.bare(dir, specifier, kind)
    }

    fn local(&self, path: &Path, specifier: &str) -> Result<Target, Unresolved> {
        let trailing = specifier.ends_with('/')
            || specifier.ends_with("/.")
            || specifier.ends_with("/..")
            || specifier == "."
            || specifier == "..";
        if !trailing && let Some(found) = self.file(path) {
            return self.found(found);
        }
        if let Some(found) = self.folder(path) {
            return self.found(found);
        }
        // `./worker.ts?v=1`: bundlers use queries; a file does not have one.
        if let Some(at) = specifier.find(['?', '#']) {
            let text = path.to_string_lossy();
            let cut = text.len() - (specifier.len() - at);
            if let Some(found) = text.get(..cut).and_then(|path| self.file(Path::new(path))) {
                return self.found(found);
            }
        }
        if self.files.is_closed(path) {
            let help = format!("grant reading it with --allow-read={}", path.display());
            return Err(unresolved(
                format!("'{specifier}' may not be imported: code may read the current folder and its packages only"),
                help,
            ));
        }
        let help = match path.extension().and_then(|e| e.to_str()) {
            Some("d") | None => "check the path; .ts, .js, .json and a folder's index are tried",
            _ => "check the path and the extension",
        };
        Err(unresolved(format!("there is no file '{specifier}'"), help))
    }

    /// A file by its path, or with an extension added or exchanged.
    fn file(&self, path: &Path) -> Option<PathBuf> {
        if self.files.is_file(path) {
            return Some(path.to_owned());
        }
        // TypeScript wants the name of the compiled file to be imported.
        let source = match path.extension().and_then(|e| e.to_str()) {
            Some("js") => ["ts", "tsx"].as_slice(),
            Some("mjs") => &["mts"],
            Some("cjs") => &["cts"],
            Some("jsx") => &["tsx"],
            _ => &[],
        };
        let exchanged = source.iter().map(|extension| path.with_extension(extension));
        let name = path.file_name()?.to_owned();
        let added = if in_packages(path) { PACKAGED } else { OWN }.iter().map(|extension| {
            let mut name = name.clone();
            name.push(".");
            name.push(extension);
            path.with_file_name(name)
        });
        exchanged.chain(added).find(|candidate| self.files.is_file(candidate))
    }

    /// A folder: what its `package.json` calls main, or its index.
    fn folder(&self, path: &Path) -> Option<PathBuf> {
        if !self.files.is_dir(path) {
            return None;
        }
        let package = self.package(path);
        let mains = package.iter().flat_map(|p| [p.main.as_deref(), p.module.as_deref()]).flatten();
        for main in mains {
            let main = normal(&path.join(main));
            if let Some(found) = self.file(&main).or_else(|| self.file(&main.join("index"))) {
                return Some(found);
            }
        }
        self.file(&path.join("index"))
    }

    fn found(&self, path: PathBuf) -> Result<Target, Unresolved> {
        let real = self.files.canonicalize(&path);
        real.map(Target::File)
            .map_err(|error| unresolved(format!("cannot follow '{}': {error}", path.display()), "check the link"))
    }

    fn bare(&self, dir: &Path, specifier: &str, kind: Kind) -> Result<Target, Unresolved> {
        let Some((name, subpath)) = split_bare(specifier) else {
            return Err(unresolved(
                format!("'{specifier}' is neither a path nor the name of a package"),
                "begin a path with ./",
            ));
        };
        // A package may import itself by its name.
        if let Some((root, package)) = self.scope(dir)
            && package.name.as_deref() == Some(name)
            && package.exports.is_some()
        {
            return self.exported(&root, &package, specifier, &subpath, kind);
        }
        for dir in dir.ancestors().filter(|dir| dir.file_name().is_none_or(|name| name != "node_modules")) {
            let root = dir.join("node_modules").join(name);
            if !self.files.is_dir(&root) {
                continue;
            }
            let package = self.package(&root).unwrap_or_default();
            if package.exports.is_some() {
                return self.exported(&root, &package, specifier, &subpath, kind);
            }
            let path = if subpath == "." { root.clone() } else { normal(&root.join(&subpath)) };
            let found = if subpath == "." { None } else { self.file(&path) };
            return match found.or_else(|| self.folder(&path)) {
                Some(found) => self.found(found),
                None => Err(unresolved(
                    format!("the package '{name}' has no '{}'", if subpath == "." { "main file" } else { &subpath }),
                    format!("check the path, or reinstall it: npm install {name}"),
                )),
            };
        }
        Err(not_installed(name))
    }

    fn exported(
        &self,
        root: &Path,
        package: &Package,
        specifier: &str,
        subpath: &str,
        kind: Kind,
    ) -> Result<Target, Unresolved> {
        let name = package.name.as_deref().or(split_bare(specifier).map(|(name, _)| name)).unwrap_or(specifier);
        let target = package.export(subpath, conditions(kind)).map_err(|why| match why {
            NoTarget::NotExported => unresolved(
                format!("the package '{name}' does not export '{subpath}'"),
                "import one of the paths under \"exports\" in its package.json",
            ),
            NoTarget::Invalid(why) => unresolved(
                format!("the package.json of '{name}' is not valid: {why}"),
                format!("reinstall it: npm install {name}"),
            ),
        })?;
        let path = normal(&root.join(&target));
        // Node takes the target as it is; extensions are tried for packages that rely on bundlers.
        match self.file(&path) {
            Some(found) => self.found(found),
            None => Err(unresolved(
                format!("the package '{name}' exports '{target}', but has no such file"),
                format!("reinstall or build it: npm install {name}"),
            )),
        }
    }

    fn package_import(&self, dir: &Path, specifier: &str, kind: Kind, depth: usize) -> Result<Target, Unresolved> {
        let help = "add it under \"imports\" in package.json";
        let Some((root, package)) = self.scope(dir) else {
            return Err(unresolved(format!("'{specifier}' needs a package.json above this file"), help));
        };
        let target = package.import(specifier, conditions(kind)).map_err(|why| match why {
            NoTarget::NotExported => unresolved(format!("package.json does not define '{specifier}'"), help),
            NoTarget::Invalid(why) => unresolved(format!("package.json is not valid: {why}"), help),
        })?;
        if target.starts_with("./") {
            return self.local(&normal(&root.join(&target)), &target);
        }
        // Another package, or a built-in; a map that leads to itself must end.
        if depth > 8 {
            return Err(unresolved(format!("'{specifier}' leads to itself"), help));
        }
        match builtins::find(&target) {
            Some(Builtin::Provided(name)) => Ok(Target::Builtin(name)),
            Some(Builtin::Missing(name)) => Err(missing_builtin(&name)),
            None => self.resolve_path(&root, &target, kind, depth + 1),
        }
    }

    /// The nearest `package.json` above, with its folder. The search ends at `node_modules`.
    pub fn scope(&self, dir: &Path) -> Option<(PathBuf, Rc<Package>)> {
        for dir in dir.ancestors() {
            if dir.file_name().is_some_and(|name| name == "node_modules") {
                return None;
            }
            if let Some(package) = self.package(dir) {
                return Some((dir.to_owned(), package));
            }
        }
        None
    }

    fn package(&self, dir: &Path) -> Option<Rc<Package>> {
        if let Some(known) = self.packages.borrow().get(dir) {
            return known.clone();
        }
        let bytes = self.files.read(&dir.join("package.json"), PACKAGE_LIMIT).ok();
        // A broken package.json counts as an empty one: what it should have said shows in the next complaint.
        let package = bytes.map(|bytes| Rc::new(Package::parse(&bytes).unwrap_or_default()));
        self.packages.borrow_mut().insert(dir.to_owned(), package.clone());
        package
    }
}

/// What an import means in the module `from` of a library that comes with the platform.
pub(crate) fn in_library(from: &str, specifier: &str) -> Result<Target, Unresolved> {
    if specifier == library::HOST {
        return Ok(Target::Builtin(specifier.into()));
    }
    let found = library::relative(from, specifier).map(Target::Library);
    found.ok_or_else(|| unresolved(format!("there is no module '{specifier}' in the library"), "report this as a bug"))
}

fn conditions(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Import | Kind::Dynamic => &["import", "node", "module-sync"],
        Kind::Require => &["require", "node", "module-sync"],
    }
}

/// Whether a file belongs to an installed package.
pub(crate) fn in_packages(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "node_modules")
}

fn is_path(specifier: &str) -> bool {
    specifier == "."
        || specifier == ".."
        || specifier.starts_with("./")
        || specifier.starts_with("../")
        || Path::new(specifier).is_absolute()
}

/// `@scope/name/sub` → (`@scope/name`, `./sub`).
fn split_bare(specifier: &str) -> Option<(&str, String)> {
    let from = if specifier.starts_with('@') { specifier.find('/')? + 1 } else { 0 };
    let end = specifier[from..].find('/').map_or(specifier.len(), |at| from + at);
    let (name, rest) = specifier.split_at(end);
    let valid = !name.is_empty() && end > from && !name.starts_with('.') && !name.contains(['\\', '%', '\0']);
    let subpath = match rest.trim_end_matches('/') {
        "" => ".".to_owned(),
        rest => format!(".{rest}"),
    };
    valid.then_some((name, subpath))
}

fn not_installed(name: &str) -> Unresolved {
    unresolved(format!("the package '{name}' is not installed"), format!("npm install {name}"))
}

fn missing_builtin(name: &str) -> Unresolved {
    unresolved(format!("'{name}' is not available to programs"), builtins::instead(name))
}

fn foreign_scheme(specifier: &str, scheme: &str) -> Unresolved {
    match scheme {
        "http" | "https" => unresolved(
            format!("'{specifier}' is a URL, and code is not downloaded: it could be other code the next time"),
            "save the file beside yours, or install the package, and import that",
        ),
        "npm" | "jsr" => {
            let name = specifier.trim_start_matches("npm:").trim_start_matches("jsr:");
            unresolved(
                format!("'{specifier}': packages are imported by their plain name"),
                format!("npm install {name}, then import '{name}'"),
            )
        }
        _ => unresolved(
            format!("'{specifier}': imports with '{scheme}:' are not supported"),
            "import a file or a package",
        ),
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The module name of a file: its `file:` URL.
pub(crate) fn url(path: &Path) -> String {
    let mut out = String::from("file://");
    let bytes = path.as_os_str().as_encoded_bytes();
    if !bytes.starts_with(b"/") {
        out.push('/');
    }
    for &byte in bytes {
        match byte {
            b'\\' if cfg!(windows) => out.push('/'),
            b'/' | b'-' | b'_' | b'.' | b'~' | b'@' | b'+' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b','
            | b';' | b'=' | b':' => {
                out.push(char::from(byte));
            }
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
