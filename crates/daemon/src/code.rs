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

/// A run of `source`: TypeScript with `await`, `import` and `return` at its top level. Paths are relative to `cwd`.
/// `namespaces` are photons and servers ([`crate::Tools::names`]); each is a global there, unless the platform or the
/// snippet has that name. Reads files: nobody may have looked at the snippet yet, so it imports from `cwd`, from packages
/// that are installed there or above, and from what may be read anyway.
pub fn snippet(
    source: &str,
    cwd: &Path,
    namespaces: &[String],
    id: Option<RunId>,
    permissions: &Permissions,
) -> Result<NewRun, BundleError> {
    within(source, cwd, namespaces, id, permissions, true)
}

/// The same for an agent's snippet, whose server may have been started in any folder: it imports packages and what may
/// be read, and nothing else from `cwd`.
pub fn agents_snippet(
    source: &str,
    cwd: &Path,
    namespaces: &[String],
    id: Option<RunId>,
    permissions: &Permissions,
) -> Result<NewRun, BundleError> {
    within(source, cwd, namespaces, id, permissions, false)
}

fn within(
    source: &str,
    cwd: &Path,
    namespaces: &[String],
    id: Option<RunId>,
    permissions: &Permissions,
    own_folder: bool,
) -> Result<NewRun, BundleError> {
    let cause = |e: std::io::Error| BundleError::Read { file: cwd.display().to_string(), cause: e.to_string() };
    let here = cwd.canonicalize().map_err(cause)?;
    let may_read = |path: &Path| match permissions.decide(&Access::Read(path.to_owned())) {
        Decision::Granted => true,
        Decision::Forbidden => false,
        Decision::Ungranted => {
            let packages =
                |above: &Path| path.starts_with(above.join("node_modules")) || path == above.join("package.json");
            (own_folder && path.starts_with(&here)) || here.ancestors().any(packages)
        }
    };
    let mut code = bundler::snippet(&Fenced::new(&OsFiles, &may_read), source, cwd)?;
    if !namespaces.is_empty() {
        code.about = Some(json!({ "namespaces": namespaces }).into());
    }
    let params = Json::from(json!({ "code": source }));
    Ok(NewRun { id, ..NewRun::new(TOOL, params, Arc::new(code)) })
}
