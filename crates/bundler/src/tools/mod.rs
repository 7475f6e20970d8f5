//! Photons to tools: what a class offers, with a JSON Schema for the arguments of each of its methods.
//!
//! `photon` reads the file and, as its types ask for them, the files it imports (`world`, `source`, `class`, `syntax`);
//! works out what the types mean (`shape`, `operators`), writes them as schemas (`schema`), and adds what docblocks say
//! (`docs`, `constraints`, `tags`, `header`). `check` compares arguments with a schema, and puts them in order.
//!
//! Types are looked at, not checked: a program with type errors still has tools. What cannot be known without running
//! the program is open (`{}`), with a warning that says where and why. Nothing here runs code, and no text makes it
//! panic, loop or write without end.

mod about;
mod check;
mod class;
mod constraints;
mod docs;
mod header;
mod method;
mod operators;
mod params;
mod schema;
mod shape;
mod source;
mod syntax;
mod tags;
mod values;
mod world;

use std::path::Path;
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

pub use about::about;
pub use check::{FieldError, Schema, arguments, bind, coerce, nearest, unknown, validate};
pub use header::{Asset, ConstructorParam, Dependency, Header, Injection};
pub use tags::{Cache, CatchUp, CircuitBreaker, Format, Middleware, Rate, Retry, Tags, Validation};

use crate::error::{BundleError, Diagnostic};
use crate::files::Files;
use crate::stack;
use shape::Types;
use source::Declaration;
use world::{Found, Place, World};

/// What a photon offers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Photon {
    /// From the file's name: `notes` for `notes.photon.ts`.
    pub name: String,
    /// The class, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// Whether the class is the file's default export.
    #[serde(skip)]
    pub is_default: bool,
    /// What the class's docblock says, or the file's.
    pub description: String,
    /// Tags of the class and the file.
    #[serde(flatten)]
    pub header: Header,
    /// What the constructor takes, and where it comes from.
    pub constructor: Vec<ConstructorParam>,
    /// The schema of `protected settings`, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Public methods.
    pub tools: Vec<Tool>,
    /// Methods with `@Template`: texts to begin a conversation with.
    pub templates: Vec<Tool>,
    /// Methods with `@Static`: resources with an address.
    pub resources: Vec<Tool>,
    /// Methods that the platform calls by itself (`onInitialize` …).
    pub lifecycle: Vec<String>,
    /// What the author must mend: tags that do not mean anything.
    pub errors: Vec<Diagnostic>,
    /// What is accepted, but perhaps not meant: types that are not known.
    pub warnings: Vec<Diagnostic>,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// The method's name.
    pub name: String,
    /// What its docblock says.
    pub description: String,
    /// JSON Schema 2020-12 of the arguments, always of an object.
    pub input_schema: Value,
    /// The same of the result, if the method says what it returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// How arguments become parameters.
    pub binding: Binding,
    /// `async`, or an async generator.
    pub is_async: bool,
    /// A generator: it yields emits, asks and checkpoints.
    pub is_generator: bool,
    /// Called on the class, not on an instance.
    pub is_static: bool,
    /// Who sees it.
    pub visibility: Visibility,
    /// Where a resource is, and what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// What its docblock asks for.
    pub tags: Tags,
}

/// Who sees a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Visibility {
    /// Everybody.
    Public,
    /// `@internal`: the daemon's schedules and webhooks only.
    Internal,
}

/// How arguments, which are an object, become parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Binding {
    /// The method takes nothing.
    None,
    /// The one parameter is the object itself.
    Object {
        /// Its name; empty if it is taken apart at once.
        param: String,
        /// It may be left out.
        optional: bool,
    },
    /// Each member is a parameter, in this order.
    Positional {
        /// Their names.
        params: Vec<String>,
        /// The last one takes all the rest, as an array.
        rest: bool,
    },
}

/// `@Static uri`, `@mimeType type`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The address; `{name}` in it stands for an argument.
    pub uri: String,
    /// The kind of content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// What the file `entry` offers: the tools of its default export, or of its first exported class. `None` if there is
/// no class. Errors: the file cannot be read, or is not TypeScript; files that it imports are only looked at, so that
/// what is wrong with them is a warning here and an error when the program is bundled.
pub fn photon(files: &dyn Files, entry: &Path) -> Result<Option<Photon>, BundleError> {
    // Files that are found later need room as well, so all that can be had is reserved: addresses, not memory.
    stack::with_room(usize::MAX, || {
        let world = World::new(files);
        let file = world.entry(entry)?;
        Ok(extract(&world, file, entry))
    })
    .unwrap_or_else(|cause| Err(BundleError::Internal { file: entry.display().to_string(), cause }))
}

fn extract(world: &World<'_>, file: usize, entry: &Path) -> Option<Photon> {
    let types = Types::new(world);
    let (place, class) = main_class(world, file)?;
    let name = photon_name(entry);
    let env = types.instantiate(place.clone(), &class.params, Vec::new());
    let methods = method::all(&types, &class, &env);
    let mut docs = world.source(place.file).file_docs.clone();
    docs.extend(class.docs.iter().cloned());
    let mut header = header::read(&types, place.file, &docs);
    for method in &methods {
        header.notify_on.extend(
            method.notify_on.iter().filter(|event| !header.notify_on.contains(event)).cloned().collect::<Vec<_>>(),
        );
    }
    let constructor = header::constructor(&types, &class, &env, &name, &header);
    let settings = header::settings(&types, &class, &env, &docs);
    let description = class.docs.iter().rev().chain(docs.iter().rev()).map(|doc| doc.description());
    let mut photon = Photon {
        name,
        class_name: class.name.clone(),
        is_default: world.source(file).scope.exports.contains_key("default"),
        description: description.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        header,
        constructor,
        settings,
        tools: Vec::new(),
        templates: Vec::new(),
        resources: Vec::new(),
        lifecycle: Vec::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    for method in methods {
        match method.role {
            method::Role::Lifecycle => photon.lifecycle.push(method.tool.name),
            method::Role::Tool => photon.tools.push(method.tool),
            method::Role::Template => photon.templates.push(method.tool),
            method::Role::Resource => photon.resources.push(method.tool),
        }
    }
    if let Some(schema) = &photon.settings
        && photon.tools.iter().all(|method| method.name != SETTINGS)
    {
        let tool = settings_tool(schema);
        photon.tools.push(tool);
    }
    photon.errors = types.errors.take();
    photon.warnings = types.warnings.take();
    Some(photon)
}

/// The name of the tool that a photon with `protected settings` has without declaring it.
const SETTINGS: &str = "settings";

/// Shows the settings, and changes those that are given.
fn settings_tool(schema: &Value) -> Tool {
    let mut input_schema = schema.clone();
    if let Some(schema) = input_schema.as_object_mut() {
        schema.remove("required");
    }
    // What is not given stays as it is, and does not go back to where it began.
    if let Some(properties) = input_schema.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            property.remove("default");
        }
    }
    Tool {
        name: SETTINGS.to_owned(),
        description: "Shows the settings, and changes those that are given".to_owned(),
        input_schema,
        output_schema: None,
        binding: Binding::Object { param: SETTINGS.to_owned(), optional: true },
        is_async: true,
        is_generator: false,
        is_static: false,
        visibility: Visibility::Public,
        resource: None,
        tags: Tags::default(),
    }
}

/// The class that is the photon: the default export, or the first class that is exported, or the only one there is.
fn main_class(world: &World<'_>, file: usize) -> Option<(Place, Rc<class::Class>)> {
    let as_class = |found: Found<Rc<Declaration>>| match &*found.item {
        Declaration::Class(class) => Some((found.place, class.clone())),
        _ => None,
    };
    if let Some(class) = world.exported(file, "default", 32).ok().and_then(as_class) {
        return Some(class);
    }
    let source = world.source(file);
    if source.scope.default_is_value() {
        return None;
    }
    let classes = &source.scope.classes;
    let exported = classes.iter().find(|name| world.exported::<Rc<Declaration>>(file, name, 32).is_ok());
    let name = exported.or(classes.first().filter(|_| classes.len() == 1))?;
    let place = Place { file, within: None };
    world.find(&place, std::slice::from_ref(name)).ok().and_then(as_class)
}

/// The file's name without endings.
fn photon_name(entry: &Path) -> String {
    let name = entry.file_name().unwrap_or_default().to_string_lossy();
    let stem =
        [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    stem.strip_suffix(".photon").unwrap_or(stem).to_owned()
}
