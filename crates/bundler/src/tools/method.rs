//! Methods of a class and its bases, as tools.

use std::collections::HashSet;
use std::rc::Rc;

use serde_json::Value;

use super::class::{Class, Method};
use super::docs::Doc;
use super::schema::written;
use super::shape::{Env, Shape, Types};
use super::source::Declaration;
use super::syntax::{Kind, Ty};
use super::{Binding, Resource, Tool, Visibility, params, tags};

/// Methods that the platform calls by itself, or that keep state.
const LIFECYCLE: &[&str] =
    &["onInitialize", "onShutdown", "onNotification", "getState", "setState", "configure", "getConfig"];
/// Methods that the language calls.
const OF_THE_LANGUAGE: &[&str] = &["constructor", "toString", "toJSON", "valueOf", "then", "executeTool"];
/// Bases of bases that are looked at.
const BASES: usize = 32;

/// What a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Tool,
    Template,
    Resource,
    Lifecycle,
}

/// A method that the platform may call.
pub(super) struct Offered {
    pub role: Role,
    pub tool: Tool,
    pub notify_on: Vec<String>,
}

/// The methods of a class that anyone may call: its own, then those of its bases that it does not override.
pub(super) fn all(types: &Types<'_, '_>, class: &Rc<Class>, env: &Rc<Env>) -> Vec<Offered> {
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    let (mut class, mut env) = (class.clone(), env.clone());
    for _ in 0..BASES {
        own(types, &class, &env, &mut seen, &mut out);
        let Some((base, base_env)) = base(types, &class, &env) else { break };
        (class, env) = (base, base_env);
    }
    out
}

fn base(types: &Types<'_, '_>, class: &Class, env: &Rc<Env>) -> Option<(Rc<Class>, Rc<Env>)> {
    let (name, args) = class.base.as_ref()?;
    let found = types.world.find::<Rc<Declaration>>(&env.place, name).ok()?;
    let Declaration::Class(base) = &*found.item else { return None };
    let args = args.iter().map(|arg| types.eval(arg, env)).collect();
    let base_env = types.instantiate(found.place, &base.params, args);
    (base.span != class.span || base_env.place.file != env.place.file).then(|| (base.clone(), base_env))
}

fn own(
    types: &Types<'_, '_>,
    class: &Class,
    env: &Rc<Env>,
    seen: &mut HashSet<(bool, String)>,
    out: &mut Vec<Offered>,
) {
    for (at, method) in class.methods.iter().enumerate() {
        let same = |other: &&Method| other.name == method.name && other.is_static == method.is_static;
        // Of overloads, the one with a body counts; of two bodies, the last.
        let later = class.methods[at + 1..].iter().find(|other| same(other) && !other.signature_only);
        if later.is_some() || !seen.insert((method.is_static, method.name.clone())) {
            continue;
        }
        let hidden = method.name.starts_with('_') || OF_THE_LANGUAGE.contains(&method.name.as_str());
        if hidden || !method.is_public || method.signature_only || method.name.is_empty() {
            continue;
        }
        let doc = class.methods.iter().filter(same).filter_map(|method| method.doc.clone()).next_back();
        out.push(offered(types, method, doc.unwrap_or_default(), env));
    }
}

fn offered(types: &Types<'_, '_>, method: &Method, doc: Rc<Doc>, env: &Rc<Env>) -> Offered {
    let file = env.place.file;
    let env = method.type_params.iter().fold(env.clone(), |env, param| {
        let shape = param.constraint.as_ref().map_or(Shape::Any, |ty| types.eval(ty, &env));
        env.with(&param.name, shape)
    });
    let lifecycle = !method.is_static && LIFECYCLE.contains(&method.name.as_str());
    let (input_schema, binding) =
        if lifecycle { (Value::Null, Binding::None) } else { params::inputs(types, method, &doc, &env) };
    let names = params::names(&input_schema);
    let read = tags::read(types, file, &doc, &method.name, &names);
    let internal = doc.tag("internal").is_some();
    let resource = doc.tag("static").map(|tag| Resource {
        uri: Some(tag.text.first_line())
            .and_then(|line| line.split_whitespace().next())
            .map_or_else(|| format!("static://{}", method.name), str::to_owned),
        mime_type: doc.tag("mimeType").map(|tag| tag.text.first_line().to_owned()).filter(|of| !of.is_empty()),
    });
    let role = match () {
        () if lifecycle => Role::Lifecycle,
        () if doc.tag("template").is_some() => Role::Template,
        () if resource.is_some() => Role::Resource,
        () => Role::Tool,
    };
    let tool = Tool {
        name: method.name.clone(),
        description: doc.description(),
        input_schema,
        output_schema: if lifecycle { None } else { output(types, method, &env) },
        binding,
        is_async: method.is_async,
        is_generator: method.is_generator,
        is_static: method.is_static,
        visibility: if internal { Visibility::Internal } else { Visibility::Public },
        resource,
        tags: read.clone(),
    };
    Offered { role, tool, notify_on: read.notify_on }
}

/// The schema of what a method returns. A generator returns what its type says it ends with.
fn output(types: &Types<'_, '_>, method: &Method, env: &Rc<Env>) -> Option<Value> {
    let ty = returned(method.returns.as_ref()?)?;
    let shape = types.eval(&ty, env);
    let parts = types.parts(&shape);
    if parts.iter().all(|part| matches!(part, Shape::Any | Shape::Undefined | Shape::Opaque | Shape::Never)) {
        return None;
    }
    let schema = written(types, |writer| writer.schema(&shape));
    schema.as_object().is_some_and(|map| !map.is_empty()).then_some(schema)
}

fn returned(ty: &Ty) -> Option<Ty> {
    let Kind::Reference { name, args } = &ty.kind else { return Some(ty.clone()) };
    match (name.last().map(String::as_str), args.as_slice()) {
        (Some("AsyncGenerator" | "Generator"), [_, result, ..]) => Some(result.clone()),
        (
            Some(
                "AsyncGenerator"
                | "Generator"
                | "AsyncIterable"
                | "AsyncIterableIterator"
                | "AsyncIterator"
                | "IterableIterator"
                | "Iterator",
            ),
            _,
        ) => None,
        _ => Some(ty.clone()),
    }
}
