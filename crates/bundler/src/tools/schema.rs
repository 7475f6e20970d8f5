//! Types to JSON Schema 2020-12. Recursive types go to `$defs`; others are written where they are used, unless that
//! would be too long.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::constraints;
use super::docs::Doc;
use super::shape::{Field, Known, Named, Object, Shape, Slot, Types, key};
use super::source::Declaration;
use crate::limits;

/// Writes one schema and its definitions.
pub(super) struct Writer<'t, 'w, 'f> {
    pub types: &'t Types<'w, 'f>,
    defs: BTreeMap<String, Value>,
    /// Named types around the one that is being written.
    open: Vec<String>,
    /// Where in `open` those begin that have nothing between them and what is being written: `type A = A | string`.
    bare: usize,
    /// Those that were referred to from inside of themselves.
    wanted: HashSet<String>,
    /// The name in `$defs` of each type that is there or will be.
    names: HashMap<String, String>,
    /// Those names, and the last number that was put after each.
    taken: HashSet<String>,
    numbers: HashMap<String, usize>,
    nodes: usize,
    depth: usize,
    /// Named objects go to `$defs` even if they are not recursive.
    share: bool,
}

/// Runs `write`, and again with shared definitions if the schema is too long without.
pub(super) fn written<'t, 'w, 'f>(types: &'t Types<'w, 'f>, write: impl Fn(&mut Writer<'t, 'w, 'f>) -> Value) -> Value {
    let mut writer = Writer::new(types, false);
    let schema = write(&mut writer);
    if writer.nodes <= limits::SCHEMA_NODES {
        return writer.finish(schema);
    }
    let mut writer = Writer::new(types, true);
    let schema = write(&mut writer);
    writer.finish(schema)
}

impl<'t, 'w, 'f> Writer<'t, 'w, 'f> {
    fn new(types: &'t Types<'w, 'f>, share: bool) -> Self {
        Self {
            types,
            defs: BTreeMap::new(),
            open: Vec::new(),
            bare: 0,
            wanted: HashSet::new(),
            names: HashMap::new(),
            taken: HashSet::new(),
            numbers: HashMap::new(),
            nodes: 0,
            depth: 0,
            share,
        }
    }

    /// The definitions beside the schema that uses them.
    fn finish(self, mut schema: Value) -> Value {
        if !self.defs.is_empty()
            && let Value::Object(map) = &mut schema
        {
            // A schema of arguments says `type` itself, for clients that read no further.
            if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
                && let Some(Value::Object(target)) = self.defs.get(name)
            {
                let mut merged = target.clone();
                merged.extend(map.iter().filter(|(key, _)| *key != "$ref").map(|(k, v)| (k.clone(), v.clone())));
                *map = merged;
            }
            map.insert("$defs".into(), Value::Object(self.defs.into_iter().collect()));
        }
        schema
    }

    /// The schema of a type.
    pub fn schema(&mut self, shape: &Shape) -> Value {
        self.nodes += 1;
        if self.nodes > limits::SCHEMA_NODES * 2 || self.depth >= limits::SCHEMA_DEPTH {
            self.types.too_large(shape);
            return json!({});
        }
        self.depth += 1;
        let schema = self.plain(shape);
        self.depth -= 1;
        schema
    }

    fn plain(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Any | Shape::Opaque => json!({}),
            Shape::Never | Shape::Undefined => json!({ "not": {} }),
            Shape::Null => json!({ "type": "null" }),
            Shape::String => json!({ "type": "string" }),
            Shape::Number => json!({ "type": "number" }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::BigInt => json!({ "type": "integer" }),
            Shape::Literal(value) => json!({ "type": kind(value), "const": value }),
            Shape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
            Shape::Known(Known::Date) => json!({ "type": "string", "format": "date-time" }),
            Shape::Known(Known::Url) => json!({ "type": "string", "format": "uri" }),
            Shape::Known(Known::Regex) => json!({ "type": "string", "format": "regex" }),
            Shape::Known(Known::Bytes) => json!({ "type": "string", "contentEncoding": "base64" }),
            Shape::Array(inner) => self.inside(|writer| json!({ "type": "array", "items": writer.schema(inner) })),
            Shape::Set(inner) => {
                self.inside(|writer| json!({ "type": "array", "items": writer.schema(inner), "uniqueItems": true }))
            }
            Shape::Tuple(slots) => self.inside(|writer| writer.tuple(slots)),
            Shape::Object(object) => self.anonymous(object),
            Shape::Union(_) => self.union(shape),
            Shape::All(parts) => json!({ "allOf": parts.iter().map(|part| self.schema(part)).collect::<Vec<_>>() }),
            Shape::Named(named) => self.named(named, shape),
        }
    }

    fn named(&mut self, named: &Named, shape: &Shape) -> Value {
        self.keyed(&named.key, &named.name, |writer| {
            let forced = writer.types.force(shape);
            let mut schema = match &forced {
                Shape::Object(object) if object.key == named.key => writer.object(object),
                other => writer.schema(other),
            };
            let doc = match &*named.declaration {
                Declaration::Alias { doc, .. } | Declaration::Interface { doc, .. } | Declaration::Enum { doc, .. } => {
                    doc.as_ref()
                }
                Declaration::Class(_) | Declaration::Namespace(_) => None,
            };
            if let Some(doc) = doc {
                describe(&mut schema, doc);
            }
            (schema, matches!(forced, Shape::Object(_)))
        })
    }

    /// An object without a name of its own. What operators make of a recursive type is recursive, too.
    fn anonymous(&mut self, object: &Object) -> Value {
        if object.key.is_empty() {
            return self.object(object);
        }
        let name = object.key.split(['#', '@']).next().unwrap_or_default();
        let name = if name.starts_with(|c: char| c.is_ascii_digit()) { "Object" } else { name };
        self.keyed(&object.key, name, |writer| (writer.object(object), false))
    }

    /// Writes a type that may be inside of itself; `write` also says whether it is worth a definition in any case.
    fn keyed(&mut self, key: &str, name: &str, write: impl FnOnce(&mut Self) -> (Value, bool)) -> Value {
        if self.open[self.bare..].iter().any(|open| open == key) {
            return json!({});
        }
        let known = self.names.get(key).is_some_and(|name| self.defs.contains_key(name));
        if known || self.open.iter().any(|open| open == key) {
            self.wanted.insert(key.to_owned());
            return json!({ "$ref": format!("#/$defs/{}", self.name(key, name)) });
        }
        self.open.push(key.to_owned());
        let (schema, shared) = write(self);
        self.open.pop();
        if !(self.wanted.contains(key) || self.share && shared) {
            return schema;
        }
        let name = self.name(key, name);
        self.defs.insert(name.clone(), schema);
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// A name in `$defs`, the type's own if it is free.
    fn name(&mut self, key: &str, wished: &str) -> String {
        if let Some(name) = self.names.get(key) {
            return name.clone();
        }
        let wished: String = wished.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let wished = Some(wished.trim_matches('_')).filter(|name| !name.is_empty()).unwrap_or("Object");
        let mut name = wished.to_owned();
        while !self.taken.insert(name.clone()) {
            let number = self.numbers.entry(wished.to_owned()).or_insert(1);
            *number += 1;
            name = format!("{wished}{number}");
        }
        self.names.insert(key.to_owned(), name.clone());
        name
    }

    fn tuple(&mut self, slots: &[Slot]) -> Value {
        let mut schema = json!({ "type": "array" });
        let fixed: Vec<Value> = slots.iter().filter(|slot| !slot.rest).map(|slot| self.schema(&slot.shape)).collect();
        let least = slots.iter().filter(|slot| !slot.rest && !slot.optional).count();
        match slots.iter().find(|slot| slot.rest) {
            // After a rest in the middle, places are not counted from the start.
            Some(_) if !slots.last().is_some_and(|slot| slot.rest) => {}
            rest => {
                let count = fixed.len();
                if count > 0 {
                    schema["prefixItems"] = fixed.into();
                }
                match rest.map(|slot| self.types.force(&slot.shape)) {
                    Some(Shape::Array(inner)) => schema["items"] = self.schema(&inner),
                    Some(_) => {}
                    None => schema["maxItems"] = count.into(),
                }
            }
        }
        if least > 0 {
            schema["minItems"] = least.into();
        }
        schema
    }

    fn object(&mut self, object: &Object) -> Value {
        self.inside(|writer| writer.members(object))
    }

    /// Writes what is inside of a list or an object.
    fn inside(&mut self, write: impl FnOnce(&mut Self) -> Value) -> Value {
        let before = std::mem::replace(&mut self.bare, self.open.len());
        let schema = write(self);
        self.bare = before;
        schema
    }

    fn members(&mut self, object: &Object) -> Value {
        let mut schema = json!({ "type": "object" });
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in &object.fields {
            let Some((schema, must)) = self.field(field) else { continue };
            if must {
                required.push(Value::from(field.name.as_str()));
            }
            properties.insert(field.name.clone(), schema);
        }
        if !properties.is_empty() {
            schema["properties"] = properties.into();
        }
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        if let Some(index) = &object.index {
            let shape = self.types.look(index);
            schema["additionalProperties"] = self.schema(&shape);
        }
        schema
    }

    /// The schema of a member, and whether it must be there. `None` for what is not data.
    fn field(&mut self, field: &Field) -> Option<(Value, bool)> {
        let shape = self.types.look(&field.lazy);
        let parts = self.flat(&shape);
        let undefined = parts.iter().any(|part| matches!(part, Shape::Undefined));
        let data = parts.iter().any(|part| !matches!(part, Shape::Undefined | Shape::Opaque | Shape::Never));
        if !data {
            return None;
        }
        let mut schema = self.schema(&shape);
        if field.readonly {
            schema["readOnly"] = true.into();
        }
        let mut required = !(field.optional || undefined);
        if let Some(doc) = &field.doc {
            describe(&mut schema, doc);
            let inlines = constraints::of_doc(doc);
            required &= !constraints::apply(self.types, field.file, &mut schema, &inlines);
        }
        Some((schema, required))
    }

    /// The members of a union. Named unions are opened, unless they are being written.
    fn flat(&self, shape: &Shape) -> Vec<Shape> {
        let (mut out, mut seen, mut todo) = (Vec::new(), HashSet::new(), vec![shape.clone()]);
        while let Some(shape) = todo.pop() {
            match &shape {
                Shape::Union(inner) => todo.extend(inner.iter().rev().cloned()),
                Shape::Named(named) if self.open[self.bare..].contains(&named.key) => self.types.circular(named),
                Shape::Named(named) if !self.open.contains(&named.key) => match self.types.force(&shape) {
                    Shape::Object(_) | Shape::Array(_) | Shape::Tuple(_) | Shape::Set(_) => out.push(shape),
                    forced if seen.insert(named.key.clone()) => todo.push(forced),
                    _ => {}
                },
                _ => out.push(shape),
            }
        }
        out
    }

    fn union(&mut self, shape: &Shape) -> Value {
        let mut parts = self.flat(shape);
        if parts.iter().any(|part| matches!(part, Shape::Any)) {
            return json!({});
        }
        let nullable = parts.iter().any(|part| matches!(part, Shape::Null));
        parts.retain(|part| !matches!(part, Shape::Null | Shape::Undefined | Shape::Opaque | Shape::Never));
        let (literals, mut rest): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| matches!(part, Shape::Literal(_)));
        let mut seen = HashSet::new();
        rest.retain(|part| seen.insert(key(part)));
        let mut values = literal_values(literals);
        if values.contains(&Value::Bool(true)) && values.contains(&Value::Bool(false)) {
            rest.push(Shape::Boolean);
        }
        // `'a' | string` is `string`.
        values.retain(|value| {
            !rest.iter().any(|part| match value {
                Value::String(_) => matches!(part, Shape::String),
                Value::Number(_) => matches!(part, Shape::Number),
                _ => matches!(part, Shape::Boolean),
            })
        });
        let mut schemas: Vec<Value> = rest.iter().map(|part| self.schema(part)).collect();
        if rest.is_empty() && !values.is_empty() {
            schemas.push(enumeration(values));
        } else {
            for of in ["string", "number", "boolean"] {
                let some: Vec<Value> = values.iter().filter(|value| kind(value) == of).cloned().collect();
                if !some.is_empty() {
                    schemas.push(enumeration(some));
                }
            }
        }
        let schema = match schemas.len() {
            0 if nullable => return json!({ "type": "null" }),
            0 => return json!({ "not": {} }),
            1 => schemas.remove(0),
            _ => json!({ "anyOf": schemas }),
        };
        if nullable { or_null(schema) } else { schema }
    }
}

fn describe(schema: &mut Value, doc: &Doc) {
    let text = doc.description();
    if !text.is_empty() {
        schema["description"] = text.into();
    }
}

/// The schema of one of some literals.
fn enumeration(values: Vec<Value>) -> Value {
    if let [value] = values.as_slice() {
        return json!({ "type": kind(value), "const": value });
    }
    let mut kinds: Vec<&str> = values.iter().map(kind).collect();
    kinds.dedup();
    match kinds.as_slice() {
        [one] => json!({ "type": one, "enum": values }),
        _ => json!({ "enum": values }),
    }
}

fn literal_values(literals: Vec<Shape>) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    for literal in literals {
        if let Shape::Literal(value) = literal
            && seen.insert(value.to_string())
        {
            values.push(value);
        }
    }
    values
}

/// The schema for what another allows, or `null`.
fn or_null(mut schema: Value) -> Value {
    let scalar = schema
        .as_object()
        .is_some_and(|map| !map.contains_key("const") && map.get("type").is_some_and(Value::is_string));
    if scalar {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
        return schema;
    }
    if let Some(Value::Array(all)) = schema.get_mut("anyOf") {
        all.push(json!({ "type": "null" }));
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
