//! What the docblocks of the class and the file say about the photon as a whole, its constructor and its settings.

use std::rc::Rc;

use serde::Serialize;
use serde_json::{Value, json};

use super::class::Class;
use super::docs::{Doc, Tag};
use super::schema::written;
use super::shape::{Env, Shape, Types};
use super::{constraints, tags};

/// Tags of a photon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `@version`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `@author`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `@license`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// `@icon`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// `@runtime ^1.0.0`: the versions of the platform it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// `@label`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `@tags a, b`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// `@stateful`
    pub stateful: bool,
    /// `@internal`: not listed.
    pub internal: bool,
    /// `@auth`: `required`, `optional`, or the address of who issues identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// `@notify-on a, b`, of the class and of all its methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify_on: Vec<String>,
    /// `@dependencies a@^1, b`: packages; the source is the version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `@mcp name source`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mcp: Vec<Dependency>,
    /// `@photon name source:instance`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub photons: Vec<Dependency>,
    /// `@cli name - address`: commands of the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cli: Vec<Dependency>,
    /// `@ui id ./path`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ui: Vec<Asset>,
    /// `@prompt id ./path`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<Asset>,
    /// `@resource id ./path`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
}

/// Something that a photon needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// What the photon calls it.
    pub name: String,
    /// Where it comes from; empty if that is not said.
    pub source: String,
    /// Which instance of a photon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

/// A file that belongs to a photon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// By which it is named.
    pub id: String,
    /// Relative to the photon's file.
    pub path: String,
}

/// A parameter of the constructor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConstructorParam {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub schema: Value,
    /// There is no default.
    pub required: bool,
    /// The default, if it is a literal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Where its value comes from.
    pub injection: Injection,
}

/// Where the value of a constructor's parameter comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Injection {
    /// An environment variable, or the configuration.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A server of `@mcp`.
    Mcp {
        /// The name it has there.
        name: String,
    },
    /// A photon of `@photon`.
    Photon {
        /// The name it has there.
        name: String,
        /// Which instance.
        #[serde(skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
    },
    /// The saved state of a `@stateful` photon.
    State {
        /// The member of the state.
        key: String,
    },
}

/// Reads the tags of a photon.
pub(super) fn read(types: &Types<'_, '_>, file: usize, docs: &[Rc<Doc>]) -> Header {
    let mut header = Header::default();
    for tag in docs.iter().flat_map(|doc| &doc.tags) {
        if let Err((message, help)) = one(&mut header, tag) {
            types.error(file, tag.at, tag.name.len() + 1, format!("@{}: {message}", tag.name), help);
        }
    }
    header
}

fn one(header: &mut Header, tag: &Tag) -> Result<(), (String, &'static str)> {
    let line = tag.text.first_line();
    let text = || Some(line.to_owned()).filter(|text| !text.is_empty());
    match tag.name.to_ascii_lowercase().as_str() {
        "version" => header.version = text(),
        "author" => header.author = text(),
        "license" => header.license = text(),
        "icon" => header.icon = text(),
        "runtime" => header.runtime = text(),
        "label" | "title" => header.label = text(),
        "tags" | "keywords" => header.keywords.extend(list(&tag.text.text)),
        "stateful" => header.stateful = true,
        "internal" => header.internal = true,
        "auth" => header.auth = text().or_else(|| Some("required".into())),
        "notify-on" | "notifyon" => header.notify_on.extend(tags::names(&tag.text.text)?),
        "dependencies" | "dependency" => {
            for item in list(&tag.text.text) {
                header.dependencies.push(package(&item)?);
            }
        }
        "mcp" => header.mcp.push(named(line)?),
        "photon" => {
            let mut found = named(line)?;
            // `npm:x` and `C:\x` have colons of their own.
            if let Some((source, instance)) = found.source.rsplit_once(':')
                && !instance.is_empty()
                && !matches!(source, "npm" | "http" | "https")
                && instance.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            {
                (found.source, found.instance) = (source.to_owned(), Some(instance.to_owned()));
            }
            header.photons.push(found);
        }
        "cli" => {
            let (name, source) = line.split_once(" - ").unwrap_or((line, ""));
            if name.trim().is_empty() {
                return Err(("the name of a command is missing".into(), "write it after the tag, as in @cli git"));
            }
            let (name, source) = (name.trim().to_owned(), source.trim().to_owned());
            header.cli.push(Dependency { name, source, instance: None });
        }
        "ui" => header.ui.extend(asset(line)),
        "prompt" => header.prompts.extend(asset(line)),
        "resource" => header.assets.extend(asset(line)),
        _ => {}
    }
    Ok(())
}

fn list(text: &str) -> Vec<String> {
    text.split([',', '\n']).map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// `name@version`, where the name may begin with `@` itself.
fn package(item: &str) -> Result<Dependency, (String, &'static str)> {
    let at = item.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let (name, version) = at.map_or((item, ""), |at| (&item[..at], &item[at + 1..]));
    let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@');
    if name.is_empty() || !name.chars().all(good) {
        return Err((format!("'{item}' is no package"), "write names with versions and commas between them: a@^1, b"));
    }
    Ok(Dependency { name: name.to_owned(), source: version.trim().to_owned(), instance: None })
}

fn named(line: &str) -> Result<Dependency, (String, &'static str)> {
    let (name, source) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let source = source.trim();
    if name.is_empty() || source.is_empty() {
        return Err(("a name and where it comes from are needed".into(), "write both after the tag: name source"));
    }
    Ok(Dependency { name: name.to_owned(), source: source.to_owned(), instance: None })
}

/// `id ./path`; `@ui id` alone refers to one.
fn asset(line: &str) -> Option<Asset> {
    let (id, path) = line.split_once(char::is_whitespace)?;
    let path = path.split_whitespace().next()?;
    (path.starts_with("./") || path.starts_with('/')).then(|| Asset { id: id.to_owned(), path: path.to_owned() })
}

/// The parameters of the constructor; a class without one has its base's.
pub(super) fn constructor(
    types: &Types<'_, '_>,
    class: &Class,
    env: &Rc<Env>,
    photon: &str,
    header: &Header,
) -> Vec<ConstructorParam> {
    let params = class.constructor.iter().flatten().filter_map(|param| {
        let name = param.name.clone()?;
        let shape = param.ty.as_ref().or(param.inferred.as_ref()).map_or(Shape::Any, |ty| types.eval(ty, env));
        let schema = written(types, |writer| writer.schema(&shape));
        let scalar = schema["type"].as_str().is_some_and(|of| matches!(of, "string" | "number" | "boolean"));
        let injection = inject(&name, scalar, param.default.is_some(), photon, header);
        Some(ConstructorParam {
            name,
            schema,
            required: !param.optional,
            default: param.default.clone().flatten(),
            injection,
        })
    });
    params.collect()
}

fn inject(name: &str, scalar: bool, has_default: bool, photon: &str, header: &Header) -> Injection {
    if !scalar {
        if header.mcp.iter().any(|mcp| mcp.name == name) {
            return Injection::Mcp { name: name.to_owned() };
        }
        if let Some(found) = header.photons.iter().find(|photon| photon.name == name) {
            return Injection::Photon { name: name.to_owned(), instance: found.instance.clone() };
        }
        // `workChat` for `@photon chat`: the instance `work` of it.
        let lower = name.to_lowercase();
        let suffix = header.photons.iter().find(|photon| lower.ends_with(&photon.name.to_lowercase()));
        if let Some(found) = suffix
            && let Some(prefix) = name.len().checked_sub(found.name.len()).and_then(|at| name.get(..at))
        {
            return Injection::Photon { name: found.name.clone(), instance: Some(prefix.to_owned()) };
        }
        if header.stateful && has_default {
            return Injection::State { key: name.to_owned() };
        }
    }
    Injection::Environment { variable: variable(photon, name) }
}

/// `NOTES_API_KEY` for the parameter `apiKey` of `notes`.
fn variable(photon: &str, param: &str) -> String {
    let mut out = photon.to_uppercase().replace(|c: char| !c.is_alphanumeric(), "_");
    out.push('_');
    for (at, c) in param.chars().enumerate() {
        if at > 0 && c.is_uppercase() {
            out.push('_');
        }
        out.extend(c.to_uppercase());
    }
    out
}

/// The schema of `protected settings = { … }`; the class's `@property name text` describe its members.
pub(super) fn settings(types: &Types<'_, '_>, class: &Class, env: &Rc<Env>, docs: &[Rc<Doc>]) -> Option<Value> {
    if class.settings.is_empty() {
        return None;
    }
    let described = |name: &str| {
        let tags = docs.iter().flat_map(|doc| &doc.tags).filter(|tag| tag.is("property"));
        tags.map(Tag::prose).find_map(|text| Some(text.strip_prefix(name)?.strip_prefix(' ')?.to_owned()))
    };
    Some(written(types, |writer| {
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for setting in &class.settings {
            let shape = types.eval(&setting.ty, env);
            let mut schema = writer.schema(&shape);
            match &setting.default {
                Some(default) => schema["default"] = default.clone(),
                None => required.push(Value::from(setting.name.as_str())),
            }
            if let Some(doc) = &setting.doc {
                let text = doc.description();
                if !text.is_empty() {
                    schema["description"] = text.into();
                }
                constraints::apply(types, env.place.file, &mut schema, &constraints::of_doc(doc));
            }
            if let Some(text) = described(&setting.name) {
                schema["description"] = text.into();
            }
            properties.insert(setting.name.clone(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }))
}
