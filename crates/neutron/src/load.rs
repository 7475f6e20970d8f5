//! Sources to pinned code, and pinned code to a compiled program.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use run::program::{Code, Module};
use run::{GuestError, Json};

use crate::code::Program;
use crate::compile::{Loaded, Units};
use crate::diagnostic::{Diagnostic, Severity};
use crate::guest::{GUEST, SNAP};
use crate::modules::LIBRARY;
use crate::snapshot::{self, BadSnapshot};
use crate::source::Source;

/// Finds the files that `using` statements name.
pub trait Loader {
    /// The file at `path`, as it stands in the file called `from`; relative paths start at that file's folder.
    /// The reason of a failure is shown behind the path.
    fn load(&self, from: &str, path: &str) -> Result<Loaded, String>;
}

/// No `using` is possible.
pub struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, _: &str, _: &str) -> Result<Loaded, String> {
        Err("files cannot be used here".into())
    }
}

/// A checked program.
#[derive(Debug)]
pub struct Checked {
    /// The program's sources as a run pins them.
    pub code: Code,
    /// What will fail if the program gets there.
    pub warnings: Vec<Diagnostic>,
}

fn units(name: &str, source: &str, loader: &dyn Loader) -> Units {
    let entry = Source { name: name.to_owned(), text: source.to_owned() };
    Units::load(LIBRARY, entry, &mut |from, path| loader.load(from, path))
}

/// Compiles a program and gives the code to run it; or everything that is wrong with it, errors and warnings.
pub fn compile(source: &str, file: &str, loader: &dyn Loader) -> Result<Checked, Vec<Diagnostic>> {
    let units = units(file, source, loader);
    let modules: BTreeMap<String, Module> = units
        .sources()
        .map(|(source, uses)| {
            let imports = uses.into_iter().map(|(path, name)| (path.to_owned(), name.to_owned())).collect();
            (source.name.clone(), Module { source: source.text.clone(), original: None, imports, map: None })
        })
        .collect();
    let (_, diagnostics) = units.compile(None);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(diagnostics);
    }
    let code = Code { guest: GUEST.into(), entry: file.to_owned(), modules, about: None };
    Ok(Checked { code, warnings: diagnostics })
}

/// Everything that is wrong with a program; nothing is run.
pub fn check(source: &str, file: &str, loader: &dyn Loader) -> Vec<Diagnostic> {
    units(file, source, loader).compile(None).1
}

/// The code of a run that continues from a snapshot file. The file's frame and checksum are checked here, and its content
/// once, when the code is loaded.
pub fn resume(snapshot: &[u8], file: &str) -> Result<Code, BadSnapshot> {
    snapshot::check_frame(snapshot)?;
    let entry = if file.ends_with(SNAP) { file.to_owned() } else { format!("{file}{SNAP}") };
    let module =
        Module { source: STANDARD.encode_to_string(snapshot), original: None, imports: BTreeMap::new(), map: None };
    Ok(Code { guest: GUEST.into(), entry: entry.clone(), modules: [(entry, module)].into(), about: None })
}

/// The parameters of a run: what `sys.args()` gives.
pub fn params(args: &[String]) -> Json {
    serde_json::json!({ "args": args }).into()
}

/// Compiles pinned code.
pub(crate) fn from_code(code: &Code) -> Result<(Program, Vec<Diagnostic>), GuestError> {
    let missing = || GuestError::Code(format!("the code has no module {}", code.entry));
    let entry = code.modules.get(&code.entry).ok_or_else(missing)?;
    let entry = Source { name: code.entry.clone(), text: entry.source.clone() };
    let units = Units::load(LIBRARY, entry, &mut |from, path| {
        let name = code.modules.get(from).and_then(|m| m.imports.get(path)).ok_or("the code has no such import")?;
        let module = code.modules.get(name).ok_or("the code has no such module")?;
        Ok(Loaded { name: name.clone(), text: module.source.clone() })
    });
    Ok(units.compile(None))
}
