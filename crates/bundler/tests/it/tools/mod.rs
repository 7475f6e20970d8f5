//! Photons to tools.

mod arguments;
mod binding;
mod docblocks;
mod files;
mod hostile;
mod photons;
mod tags;
mod types;

use std::path::Path;

use bundler::tools::{Photon, Tool, photon};
use bundler::{BundleError, MemoryFiles};
use serde_json::Value;

/// Files below `/app`; the first is the photon.
pub fn try_photon(list: &[(&str, &str)]) -> Result<Option<Photon>, BundleError> {
    let files = list.iter().fold(MemoryFiles::new(), |files, (path, text)| files.with(format!("/app/{path}"), *text));
    photon(&files, &Path::new("/app").join(list[0].0))
}

/// The photon of one file.
#[track_caller]
pub fn of(text: &str) -> Photon {
    match try_photon(&[("notes.photon.ts", text)]) {
        Ok(Some(photon)) => photon,
        Ok(None) => panic!("no class in {text}"),
        Err(error) => panic!("{error}"),
    }
}

/// The tool `t` of a class with this body, which must be without complaints.
#[track_caller]
pub fn tool(body: &str) -> Tool {
    let photon = of(&format!("export default class Notes {{\n{body}\n}}"));
    assert_eq!((photon.errors.as_slice(), photon.warnings.as_slice()), (&[][..], &[][..]), "{body}");
    named(&photon, "t")
}

#[track_caller]
pub fn named(photon: &Photon, name: &str) -> Tool {
    let all = photon.tools.iter().chain(&photon.templates).chain(&photon.resources);
    let names: Vec<_> = all.clone().map(|tool| tool.name.clone()).collect();
    all.clone().find(|tool| tool.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}")).clone()
}

/// The schema of the member `v` of the parameters of `t(p: { v: TYPE })`, after some declarations.
#[track_caller]
pub fn schema(declarations: &str, ty: &str) -> (Value, Photon) {
    let photon = of(&format!("{declarations}\nexport default class Notes {{ t(p: {{ v: {ty} }}) {{}} }}"));
    let schema = named(&photon, "t").input_schema;
    (schema, photon)
}
