//! What the guest must know of a photon to call it: part of the pinned code.

use run::Json;
use serde_json::{Map, Value, json};

use super::{Injection, Photon, Tool};

/// How arguments become parameters of each method, and what the constructor is given; see `crates/typescript/ABI.md`.
pub fn about(photon: &Photon) -> Json {
    let methods = photon.tools.iter().chain(&photon.templates).chain(&photon.resources);
    let methods: Map<String, Value> = methods.map(|tool| (tool.name.clone(), method(tool))).collect();
    let mut about = json!({ "photon": photon.name, "methods": methods });
    if photon.settings.is_some() {
        about["settings"] = true.into();
    }
    if let Some(class) = &photon.class_name {
        about["class"] = class.as_str().into();
    }
    let constructor: Vec<Value> = photon.constructor.iter().map(|param| constructor(photon, param)).collect();
    if !constructor.is_empty() {
        about["inject"] = constructor.into();
    }
    about.into()
}

fn method(tool: &Tool) -> Value {
    let mut method = json!({ "args": tool.binding });
    if tool.is_static {
        method["static"] = true.into();
    }
    method
}

fn constructor(photon: &Photon, param: &super::ConstructorParam) -> Value {
    let mut injection = json!(param.injection);
    if let Injection::Photon { name, .. } = &param.injection {
        let source = photon.header.photons.iter().find(|dependency| dependency.name == *name);
        injection["photon"] = source.map_or(name.as_str().into(), |dependency| photon_of(&dependency.source).into());
    }
    json!({
        "name": param.name, "type": param.schema.get("type"), "required": param.required, "injection": injection,
    })
}

/// The name of the photon that a source means: `./chat.photon.ts`, `rss-feed`, `owner/market/chat`.
fn photon_of(source: &str) -> String {
    super::photon_name(std::path::Path::new(source.rsplit('/').next().unwrap_or(source)))
}
