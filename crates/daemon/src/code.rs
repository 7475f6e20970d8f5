//! Code mode: a snippet as a run of tool `code`, with photons and servers as namespaces.

use std::path::Path;
use std::sync::Arc;

use bundler::{BundleError, Fenced, OsFiles};
use executor::NewRun;
use host::{Access, Permissions, permissions::Decision};
use run::{Json, RunId};
use serde_json::json;

/// The tool of runs of snippets.
pub const TOOL: &str = "code";

/// What a snippet may import beside packages, installed in its folder or above, and what may be read anyway: nobody may
/// have looked at it yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imports {
    /// The files of its folder, where the person works who wrote it.
    Folder,
    /// Nothing else: an agent's server may have been started in any folder.
    Packages,
}

/// A run of `source`: TypeScript with `await`, `import` and `return` at its top level. Paths are relative to `cwd`.
/// `namespaces` are photons and servers ([`crate::Tools::names`]); each is a global there, unless the platform or the
/// snippet has that name. Reads files.
pub fn snippet(
    source: &str,
    cwd: &Path,
    imports: Imports,
    namespaces: &[String],
    id: Option<RunId>,
    permissions: &Permissions,
) -> Result<NewRun, BundleError> {
    let cause = |e: std::io::Error| BundleError::Read { file: cwd.display().to_string(), cause: e.to_string() };
    let here = cwd.canonicalize().map_err(cause)?;
    let may_read = |path: &Path| match permissions.decide(&Access::Read(path.to_owned())) {
        Decision::Granted => true,
        Decision::Forbidden => false,
        Decision::Ungranted => {
            let packages =
                |above: &Path| path.starts_with(above.join("node_modules")) || path == above.join("package.json");
            (imports == Imports::Folder && path.starts_with(&here)) || here.ancestors().any(packages)
        }
    };
    let mut code = bundler::snippet(&Fenced::new(&OsFiles, &may_read), source, cwd)?;
    if !namespaces.is_empty() {
        code.about = Some(json!({ "namespaces": namespaces }).into());
    }
    let params = Json::from(json!({ "code": source }));
    Ok(NewRun { id, ..NewRun::new(TOOL, params, Arc::new(code)) })
}
