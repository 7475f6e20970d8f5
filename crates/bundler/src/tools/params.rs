//! The parameters of a method as the schema of one object, and how that object becomes parameters again.

use std::collections::HashSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::class::{Method, Param};
use super::docs::{Doc, Inline, Tag, Text, prose};
use super::schema::{Writer, written};
use super::shape::{Env, Shape, Types, union};
use super::source::parse_type;
use super::syntax::{Kind, Ty};
use super::{Binding, constraints};

/// Names that people give to the object of all arguments.
const WHOLE: &[&str] =
    &["params", "parameters", "args", "options", "opts", "input", "inputs", "props", "config", "request", "payload"];

/// The schema of a method's arguments, and how they are bound.
pub(super) fn inputs(types: &Types<'_, '_>, method: &Method, doc: &Doc, env: &Rc<Env>) -> (Value, Binding) {
    let docs = ParamDoc::all(doc);
    let (mut schema, binding) = match method.params.as_slice() {
        [] => (empty(), Binding::None),
        [param] if !param.rest => match object(types, param, &docs, env) {
            Some(schema) => {
                let binding =
                    Binding::Object { param: param.name.clone().unwrap_or_default(), optional: param.optional };
                (schema, binding)
            }
            None => positional(types, method, &docs, env),
        },
        _ => positional(types, method, &docs, env),
    };
    describe(types, env.place.file, &mut schema, &binding, docs);
    (schema, binding)
}

/// The names of the members of a schema.
pub(super) fn names(schema: &Value) -> Vec<String> {
    schema.get("properties").and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

fn empty() -> Value {
    json!({ "type": "object", "properties": {} })
}

/// The schema of a parameter that is the object of all arguments; `None` if it is one argument among others.
fn object(types: &Types<'_, '_>, param: &Param, docs: &[ParamDoc], env: &Rc<Env>) -> Option<Value> {
    let documented =
        param.name.as_ref().and_then(|name| docs.iter().find(|doc| doc.path == [name.clone()])?.ty.clone());
    let ty = param.ty.clone().or(param.inferred.clone()).or(documented);
    let mut schema = match ty {
        // Code without types: the object of all arguments, as the platform has always passed it.
        None => from_keys(param),
        Some(ty) => {
            let shape = types.eval(&ty, env);
            let parts = types.parts(&shape);
            let whole = param.name.as_ref().is_none_or(|name| WHOLE.contains(&name.as_str()));
            if parts.iter().all(|part| matches!(part, Shape::Any)) {
                return whole.then(|| from_keys(param));
            }
            let objects: Vec<Shape> = parts.iter().filter(|part| matches!(part, Shape::Object(_))).cloned().collect();
            if objects.is_empty() {
                return None;
            }
            // By its name, if it is nothing but objects: it may be recursive.
            let data = parts.iter().filter(|part| !matches!(part, Shape::Undefined | Shape::Null)).count();
            let named = matches!(shape, Shape::Named(_)) && data == parts.len() && objects.len() == data;
            let shape = if named { shape } else { union(objects) };
            written(types, |writer| writer.schema(&shape))
        }
    };
    let map = schema.as_object_mut()?;
    // The description of a type is not one of the arguments.
    map.remove("description");
    let mut out = Map::new();
    out.insert("type".into(), "object".into());
    if !map.contains_key("properties") {
        out.insert("properties".into(), json!({}));
    }
    out.append(map);
    *map = out;
    for (name, default) in &param.keys {
        if let Some(default) = default {
            set_default(&mut schema, name, default.as_ref());
        }
    }
    if let Some(Some(Value::Object(defaults))) = &param.default {
        for (name, value) in defaults {
            set_default(&mut schema, name, Some(value));
        }
    }
    Some(schema)
}

fn from_keys(param: &Param) -> Value {
    let mut schema = empty();
    let mut required = Vec::new();
    for (name, default) in &param.keys {
        schema["properties"][name] = json!({});
        if default.is_none() {
            required.push(Value::from(name.as_str()));
        }
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// A member may be left out, and is this then.
fn set_default(schema: &mut Value, name: &str, value: Option<&Value>) {
    not_required(schema, name);
    if let (Some(value), Some(Value::Object(property))) = (value, schema["properties"].get_mut(name)) {
        property.entry("default").or_insert_with(|| value.clone());
    }
}

fn not_required(schema: &mut Value, name: &str) {
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|known| known != name);
        if required.is_empty()
            && let Some(map) = schema.as_object_mut()
        {
            map.remove("required");
        }
    }
}

fn positional(types: &Types<'_, '_>, method: &Method, docs: &[ParamDoc], env: &Rc<Env>) -> (Value, Binding) {
    let mut names: Vec<String> = Vec::new();
    for (at, param) in method.params.iter().enumerate() {
        let name = param.name.clone().unwrap_or_else(|| format!("arg{}", at + 1));
        names.push(if names.contains(&name) { format!("{name}{}", at + 1) } else { name });
    }
    let schema = written(types, |writer| {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (param, name) in method.params.iter().zip(&names) {
            let (schema, must) = one(types, writer, param, docs, env);
            if must {
                required.push(Value::from(name.as_str()));
            }
            properties.insert(name.clone(), schema);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    });
    let rest = method.params.last().is_some_and(|param| param.rest);
    (schema, Binding::Positional { params: names, rest })
}

/// One parameter: its schema, and whether it must be there.
fn one(
    types: &Types<'_, '_>,
    writer: &mut Writer<'_, '_, '_>,
    param: &Param,
    docs: &[ParamDoc],
    env: &Rc<Env>,
) -> (Value, bool) {
    let documented =
        || docs.iter().find(|doc| Some(&doc.path) == param.name.clone().map(|name| vec![name]).as_ref())?.ty.clone();
    let ty: Option<Ty> = param.ty.clone().or_else(|| param.inferred.clone()).or_else(documented);
    let shape = ty.as_ref().map_or(Shape::Any, |ty| types.eval(ty, env));
    let optional = param.optional || types.parts(&shape).iter().any(|part| matches!(part, Shape::Undefined));
    let mut schema = match (&ty, param.keys.is_empty()) {
        (None, false) => from_keys(param),
        (None, true) if param.rest => json!({ "type": "array" }),
        _ => writer.schema(&shape),
    };
    if let Some(Some(default)) = &param.default
        && !matches!(ty.as_ref().map(|ty| &ty.kind), Some(Kind::Function))
    {
        schema["default"] = default.clone();
    }
    (schema, !optional)
}

/// `@param {type} [params.name=default] text`
struct ParamDoc {
    path: Vec<String>,
    ty: Option<Ty>,
    text: String,
    inlines: Vec<Inline>,
    optional: bool,
    at: usize,
}

impl ParamDoc {
    fn all(doc: &Doc) -> Vec<Self> {
        let params = doc.tags.iter().filter(|tag| tag.is("param") || tag.is("arg") || tag.is("argument"));
        params.filter_map(Self::read).collect()
    }

    fn read(tag: &Tag) -> Option<Self> {
        let (mut rest, mut ty, mut optional) = (tag.text.clone(), None, false);
        if rest.text.starts_with('{') && !rest.text.starts_with("{@") {
            let end = matching(&rest.text)?;
            let written = rest.text[1..end].trim();
            optional = written.ends_with('=');
            ty = parse_type(if written == "*" { "any" } else { written.trim_end_matches('=') });
            rest = trim_start(&rest.from(end + 1));
        }
        let (name, after) = if rest.text.starts_with('[') {
            let end = rest.text.find(']')?;
            optional = true;
            (rest.text[1..end].split('=').next().unwrap_or_default().trim().to_owned(), end + 1)
        } else {
            let end = rest.text.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(rest.text.len());
            (rest.text[..end].to_owned(), end)
        };
        let name = name.trim_end_matches(':');
        if name.is_empty() {
            return None;
        }
        let (plain, inlines) = rest.from(after).inlines();
        let text = prose(&plain);
        let text = text.strip_prefix("- ").or(text.strip_prefix("-")).unwrap_or(&text).trim().to_owned();
        let path = name.split('.').map(|name| name.trim_end_matches("[]").to_owned()).collect();
        Some(Self { path, ty, text, inlines, optional, at: tag.at })
    }
}

fn trim_start(text: &Text) -> Text {
    text.from(text.text.len() - text.text.trim_start().len())
}

/// The brace that closes the one at the start.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Puts what `@param` says into the schema.
fn describe(types: &Types<'_, '_>, file: usize, schema: &mut Value, binding: &Binding, docs: Vec<ParamDoc>) {
    let known: HashSet<String> = names(schema).into_iter().collect();
    let whole = match binding {
        Binding::Object { param, .. } => Some(param.as_str()),
        _ => None,
    };
    // One parameter and one text: they belong together, whatever the text calls it.
    let alone = (known.len() == 1 && docs.len() == 1).then(|| known.iter().next().cloned()).flatten();
    for doc in docs {
        let mut path = doc.path.clone();
        let names_whole = whole.is_some_and(|whole| path[0] == whole || whole.is_empty() && !known.contains(&path[0]));
        if names_whole && !known.contains(&path[0]) {
            path.remove(0);
            if path.is_empty() {
                continue;
            }
        }
        if place(schema, &path).is_none() {
            let message = format!("@param: there is no parameter '{}'", doc.path.join("."));
            types.note(file, doc.at, 6, message, "use the name that it has in the method");
            match &alone {
                Some(name) => path = vec![name.clone()],
                None => continue,
            }
        }
        let Some(property) = place(schema, &path) else { continue };
        if !doc.text.is_empty() {
            property["description"] = doc.text.into();
        }
        let has_default = constraints::apply(types, file, property, &doc.inlines);
        if (has_default || doc.optional)
            && let Some((name, parents)) = path.split_last()
            && let Some(parent) = place(schema, parents)
        {
            not_required(parent, name);
        }
    }
}

/// The schema at a path of names; items of arrays are passed through.
fn place<'s>(schema: &'s mut Value, path: &[String]) -> Option<&'s mut Value> {
    let mut at = schema;
    for name in path {
        if at.get("properties").is_none() && at.get("items").is_some() {
            at = at.get_mut("items")?;
        }
        at = at.get_mut("properties")?.get_mut(name)?;
    }
    at.is_object().then_some(at)
}
