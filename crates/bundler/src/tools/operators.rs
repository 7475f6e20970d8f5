//! Operators on types: the ones with syntax, and the ones of the standard library.

use std::collections::HashSet;
use std::rc::Rc;

use oxc_span::Span;
use serde_json::Value;

use super::shape::{Env, Field, Known, Lazy, Object, Shape, Slot, Types, key, union};
use super::syntax::{Conditional, Kind, Mapped, Ty};
use crate::limits;

impl Types<'_, '_> {
    /// A type of the standard library.
    pub fn library(&self, ty: &Ty, name: &str, args: &[Ty], env: &Rc<Env>) -> Option<Shape> {
        let arg = |at: usize| args.get(at).map_or(Shape::Any, |ty| self.eval(ty, env));
        let record = |shape: Shape| {
            let key = format!("Record<{}>", key(&shape));
            Shape::Object(Rc::new(Object { key, index: Some(Lazy::Ready(shape)), ..Object::default() }))
        };
        Some(match name {
            "Array" | "ReadonlyArray" | "Iterable" => Shape::Array(Rc::new(arg(0))),
            "Set" | "ReadonlySet" => Shape::Set(Rc::new(arg(0))),
            "Map" | "ReadonlyMap" => record(arg(1)),
            // JSON has no promises: what they resolve to is what there is.
            "Promise" | "PromiseLike" | "Awaited" => arg(0),
            "String" => Shape::String,
            "Number" => Shape::Number,
            "Boolean" => Shape::Boolean,
            "BigInt" => Shape::BigInt,
            "Object" => Shape::Object(Rc::new(Object { key: "object".into(), ..Object::default() })),
            "Date" => Shape::Known(Known::Date),
            "URL" => Shape::Known(Known::Url),
            "RegExp" => Shape::Known(Known::Regex),
            "Buffer" | "Uint8Array" | "ArrayBuffer" | "ArrayBufferLike" | "Blob" | "DataView" => {
                Shape::Known(Known::Bytes)
            }
            "Int8Array" | "Uint8ClampedArray" | "Int16Array" | "Uint16Array" | "Int32Array" | "Uint32Array"
            | "Float32Array" | "Float64Array" => Shape::Array(Rc::new(Shape::Number)),
            "Function" | "Symbol" | "WeakMap" | "WeakSet" => Shape::Opaque,
            "Error" => self.error_object(),
            "Partial" => self.optional(&arg(0), true),
            "Required" => self.optional(&arg(0), false),
            "Readonly" | "NoInfer" | "ThisType" => arg(0),
            "NonNullable" => self.filter(&arg(0), |part| !matches!(part, Shape::Null | Shape::Undefined)),
            "Exclude" => {
                let out = arg(1);
                self.filter(&arg(0), |part| !self.assignable(part, &out, 0))
            }
            "Extract" => {
                let out = arg(1);
                self.filter(&arg(0), |part| self.assignable(part, &out, 0))
            }
            "Pick" => self.choose(&arg(0), &arg(1), true),
            "Omit" => self.choose(&arg(0), &arg(1), false),
            "Record" => {
                let value = args.get(1).map_or(Lazy::Ready(Shape::Any), |ty| Lazy::Later(ty.clone(), env.clone()));
                let key = format!("Record@{}:{}<{}>", env.place.file, ty.span.start, env.key());
                Shape::Object(Rc::new(self.with_keys(key, &arg(0), env.place.file, |_| value.clone())))
            }
            "Uppercase" => self.letters(&arg(0), str::to_uppercase),
            "Lowercase" => self.letters(&arg(0), str::to_lowercase),
            "Capitalize" => self.letters(&arg(0), |text| first(text, |c| c.to_uppercase().collect())),
            "Uncapitalize" => self.letters(&arg(0), |text| first(text, |c| c.to_lowercase().collect())),
            _ => return None,
        })
    }

    fn error_object(&self) -> Shape {
        let mut object = Object { key: "Error".into(), ..Object::default() };
        for (name, optional) in [("name", true), ("message", false)] {
            object.set(plain(name, Lazy::Ready(Shape::String), optional, 0));
        }
        Shape::Object(Rc::new(object))
    }

    /// The members of a union, names looked up.
    pub fn parts(&self, shape: &Shape) -> Vec<Shape> {
        let (mut out, mut seen, mut todo) = (Vec::new(), HashSet::new(), vec![shape.clone()]);
        while let Some(shape) = todo.pop() {
            if out.len() >= limits::TYPE_UNION {
                break;
            }
            match &shape {
                Shape::Named(named) => {
                    if seen.insert(named.key.clone()) {
                        todo.push(self.force(&shape));
                    }
                }
                Shape::Union(inner) => todo.extend(inner.iter().rev().cloned()),
                Shape::Never => {}
                _ => out.push(shape),
            }
        }
        out
    }

    fn filter(&self, shape: &Shape, keep: impl Fn(&Shape) -> bool) -> Shape {
        union(self.parts(shape).into_iter().filter(|part| keep(part)).collect())
    }

    /// The object that a type is, if it is one.
    pub fn as_object(&self, shape: &Shape) -> Option<Rc<Object>> {
        match self.force(shape) {
            Shape::Object(object) => Some(object),
            _ => None,
        }
    }

    fn each_object(&self, shape: &Shape, change: impl Fn(&Object) -> Object) -> Shape {
        let each = |part: Shape| match &part {
            Shape::Object(object) => Shape::Object(Rc::new(change(object))),
            _ => part,
        };
        union(self.parts(shape).into_iter().map(each).collect())
    }

    fn optional(&self, shape: &Shape, optional: bool) -> Shape {
        self.each_object(shape, |object| {
            let key = format!("{}({})", if optional { "Partial" } else { "Required" }, object.key);
            let mut out = Object { key, index: object.index.clone(), ..Object::default() };
            for field in &object.fields {
                let mut field = Field { optional, ..field.clone() };
                if !optional {
                    let shape = self.look(&field.lazy);
                    field.lazy = Lazy::Ready(self.filter(&shape, |part| !matches!(part, Shape::Undefined)));
                }
                out.set(field);
            }
            out
        })
    }

    fn choose(&self, shape: &Shape, names: &Shape, keep: bool) -> Shape {
        let names: HashSet<String> = self.parts(names).iter().filter_map(literal_name).collect();
        let mut sorted: Vec<_> = names.iter().cloned().collect();
        sorted.sort();
        self.each_object(shape, |object| {
            let key = format!("{}({},{})", if keep { "Pick" } else { "Omit" }, object.key, sorted.join("|"));
            let mut out = Object { key, ..Object::default() };
            for field in object.fields.iter().filter(|field| names.contains(&field.name) == keep) {
                out.set(field.clone());
            }
            out.index = object.index.clone().filter(|_| !keep);
            out
        })
    }

    /// An object with a member for each key.
    fn with_keys(&self, key: String, keys: &Shape, file: usize, value: impl Fn(&Shape) -> Lazy) -> Object {
        let mut object = Object { key, ..Object::default() };
        for part in self.parts(keys) {
            match literal_name(&part) {
                Some(name) => object.set(plain(&name, value(&part), false, file)),
                None => object.index = Some(value(&part)),
            }
        }
        object
    }

    fn letters(&self, shape: &Shape, change: impl Fn(&str) -> String) -> Shape {
        let each = |part: Shape| match &part {
            Shape::Literal(Value::String(text)) => Shape::Literal(change(text).into()),
            _ => Shape::String,
        };
        union(self.parts(shape).into_iter().map(each).collect())
    }

    /// `keyof`
    pub fn keys(&self, shape: &Shape) -> Shape {
        let of = |part: &Shape| match part {
            Shape::Object(object) => {
                let mut keys: Vec<Shape> =
                    object.fields.iter().map(|field| Shape::Literal(field.name.as_str().into())).collect();
                if object.index.is_some() {
                    keys.push(Shape::String);
                }
                union(keys)
            }
            Shape::Array(_) | Shape::Tuple(_) => Shape::Number,
            Shape::Any => Shape::String,
            _ => Shape::Never,
        };
        let parts = self.parts(shape);
        let Some((head, tail)) = parts.split_first() else { return Shape::Never };
        tail.iter().fold(of(head), |keys, part| {
            let other = of(part);
            self.filter(&keys, |key| self.assignable(key, &other, 0))
        })
    }

    /// `T[K]`
    pub fn index(&self, object: &Shape, index: &Shape) -> Option<Shape> {
        let mut out = Vec::new();
        for part in self.parts(object) {
            for key in self.parts(index) {
                out.push(self.member(&part, &key)?);
            }
        }
        Some(union(out))
    }

    fn member(&self, shape: &Shape, index: &Shape) -> Option<Shape> {
        let name = literal_name(index);
        match shape {
            Shape::Any => Some(Shape::Any),
            Shape::Object(object) => {
                let field = name.as_deref().and_then(|name| object.field(name));
                if let Some(field) = field {
                    let shape = self.look(&field.lazy);
                    return Some(if field.optional { union(vec![shape, Shape::Undefined]) } else { shape });
                }
                if name.is_none() && object.index.is_none() {
                    // `typeof TABLE[string]`: any of its values.
                    let all: Vec<_> = object.fields.iter().map(|field| self.look(&field.lazy)).collect();
                    return (!all.is_empty()).then(|| union(all));
                }
                object.index.as_ref().map(|index| self.look(index))
            }
            Shape::Array(inner) => match name.as_deref() {
                Some("length") => Some(Shape::Number),
                _ => Some((**inner).clone()),
            },
            Shape::Tuple(slots) => match name.as_deref() {
                Some("length") => Some(Shape::Literal(slots.len().into())),
                Some(at) => slots.get(at.parse::<usize>().ok()?).map(|slot| slot.shape.clone()),
                None => Some(union(slots.iter().map(|slot| self.slot(slot)).collect())),
            },
            Shape::String if name.as_deref() == Some("length") => Some(Shape::Number),
            _ => None,
        }
    }

    fn slot(&self, slot: &Slot) -> Shape {
        match self.force(&slot.shape) {
            Shape::Array(inner) if slot.rest => (*inner).clone(),
            _ => slot.shape.clone(),
        }
    }

    pub fn mapped(&self, span: Span, mapped: &Mapped, env: &Rc<Env>) -> Shape {
        let over = self.eval(&mapped.over, env);
        // `[K in keyof T]` keeps what T says of its members; so does `T[K]` for a `K extends keyof T`.
        let source = match (&mapped.over.kind, mapped.value.as_ref().map(|ty| &ty.kind)) {
            (Kind::KeyOf(inner), _) => Some(self.eval(inner, env)),
            (_, Some(Kind::Index(object, _))) => Some(self.eval(object, env)),
            _ => None,
        };
        if let Some(Shape::Array(inner)) = source.as_ref().map(|shape| self.force(shape)) {
            let env = env.with(&mapped.key, Shape::Number);
            let value = mapped.value.as_ref().map_or((*inner).clone(), |ty| self.eval(ty, &env));
            return Shape::Array(Rc::new(value));
        }
        let source = source.and_then(|shape| self.as_object(&shape));
        let mut object =
            Object { key: format!("Mapped@{}:{}<{}>", env.place.file, span.start, env.key()), ..Object::default() };
        for part in self.parts(&over) {
            let inner = env.with(&mapped.key, part.clone());
            let lazy =
                mapped.value.as_ref().map_or(Lazy::Ready(Shape::Any), |ty| Lazy::Later(ty.clone(), inner.clone()));
            let Some(name) = literal_name(&part) else {
                object.index = Some(lazy);
                continue;
            };
            let before = source.as_ref().and_then(|source| source.field(&name));
            let renamed = match &mapped.rename {
                None => vec![name.clone()],
                Some(ty) => {
                    let shape = self.eval(ty, &inner);
                    self.parts(&shape).iter().filter_map(literal_name).collect()
                }
            };
            for name in renamed {
                let mut field = plain(&name, lazy.clone(), false, env.place.file);
                if let Some(before) = before {
                    field = Field { doc: before.doc.clone(), file: before.file, ..field };
                    (field.optional, field.readonly) = (before.optional, before.readonly);
                }
                field.optional = mapped.optional.unwrap_or(field.optional);
                object.set(field);
            }
        }
        Shape::Object(Rc::new(object))
    }

    pub fn conditional(&self, conditional: &Conditional, env: &Rc<Env>) -> Shape {
        let check = self.eval(&conditional.check, env);
        // A type parameter by itself: each member of the union is asked.
        let param = match &conditional.check.kind {
            Kind::Reference { name, args } if args.is_empty() => match name.as_slice() {
                [name] if env.params.contains_key(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        let one = |part: &Shape, env: &Rc<Env>| {
            let mut bound = Vec::new();
            let yes = self.matches(part, &conditional.extends, env, &mut bound);
            let env = bound.into_iter().fold(env.clone(), |env, (name, shape)| env.with(&name, shape));
            self.eval(if yes { &conditional.yes } else { &conditional.no }, &env)
        };
        match param {
            Some(name) => {
                union(self.parts(&check).iter().map(|part| one(part, &env.with(name, part.clone()))).collect())
            }
            None => one(&check, env),
        }
    }

    /// Whether a type fits a pattern with `infer` in it, and what was inferred.
    fn matches(&self, shape: &Shape, pattern: &Ty, env: &Rc<Env>, bound: &mut Vec<(String, Shape)>) -> bool {
        let shape = self.force(shape);
        match (&pattern.kind, &shape) {
            (Kind::Infer(name), _) => {
                bound.push((name.clone(), shape));
                true
            }
            (Kind::Array(inner), Shape::Array(item)) => self.matches(item, inner, env, bound),
            (Kind::Array(inner), Shape::Tuple(_)) => {
                let items = self.index(&shape, &Shape::Number).unwrap_or(Shape::Any);
                self.matches(&items, inner, env, bound)
            }
            (Kind::Reference { name, args }, _) if has_infer(args) => {
                match (name.last().map(String::as_str), args.as_slice(), &shape) {
                    (Some("Array" | "ReadonlyArray"), [inner], Shape::Array(item)) => {
                        self.matches(item, inner, env, bound)
                    }
                    (Some("Set" | "ReadonlySet"), [inner], Shape::Set(item)) => self.matches(item, inner, env, bound),
                    // Promises are what they resolve to.
                    (Some("Promise" | "PromiseLike"), [inner], _) => self.matches(&shape, inner, env, bound),
                    _ => false,
                }
            }
            _ => {
                let pattern = self.eval(pattern, env);
                self.assignable(&shape, &pattern, 0)
            }
        }
    }

    /// Whether a value of one type is one of another, as far as data goes.
    pub fn assignable(&self, from: &Shape, to: &Shape, depth: usize) -> bool {
        if depth > 16 || key(from) == key(to) {
            return true;
        }
        let (from, to) = (self.force(from), self.force(to));
        match (&from, &to) {
            (_, Shape::Any) | (Shape::Any | Shape::Never, _) => true,
            (Shape::Union(parts), _) => parts.iter().all(|part| self.assignable(part, &to, depth + 1)),
            (_, Shape::Union(parts)) => parts.iter().any(|part| self.assignable(&from, part, depth + 1)),
            (Shape::All(parts), _) => parts.iter().any(|part| self.assignable(part, &to, depth + 1)),
            (_, Shape::All(parts)) => parts.iter().all(|part| self.assignable(&from, part, depth + 1)),
            (Shape::Literal(a), Shape::Literal(b)) => a == b,
            (Shape::Literal(Value::String(_)) | Shape::Pattern(_), Shape::String) => true,
            (Shape::Literal(Value::Number(_)), Shape::Number) => true,
            (Shape::Literal(Value::Bool(_)), Shape::Boolean) => true,
            (Shape::Array(a) | Shape::Set(a), Shape::Array(b) | Shape::Set(b)) => self.assignable(a, b, depth + 1),
            (Shape::Tuple(slots), Shape::Array(b)) => {
                slots.iter().all(|slot| self.assignable(&self.slot(slot), b, depth + 1))
            }
            (Shape::Known(a), Shape::Known(b)) => a == b,
            (Shape::Opaque, Shape::Opaque) => true,
            (Shape::Object(a), Shape::Object(b)) => b.fields.iter().all(|want| match a.field(&want.name) {
                Some(have) => {
                    let (have_type, want_type) = (self.look(&have.lazy), self.look(&want.lazy));
                    (want.optional || !have.optional) && self.assignable(&have_type, &want_type, depth + 1)
                }
                None => want.optional,
            }),
            (Shape::Array(_) | Shape::Tuple(_) | Shape::Known(_) | Shape::Set(_) | Shape::Opaque, Shape::Object(b)) => {
                b.fields.is_empty()
            }
            _ => false,
        }
    }

    /// `A & B`
    pub fn intersect(&self, shapes: Vec<Shape>) -> Shape {
        // Unions in intersections multiply.
        if !self.spend(50) {
            return Shape::Any;
        }
        let mut flat = Vec::new();
        for shape in shapes {
            match self.force(&shape) {
                Shape::All(inner) => flat.extend(inner.iter().cloned()),
                Shape::Any => {}
                other => flat.push(other),
            }
        }
        // A union in it: the intersection of each of its members with the rest.
        if let Some(at) = flat.iter().position(|shape| matches!(shape, Shape::Union(_))) {
            let parts = self.parts(&flat.remove(at));
            let each = |part| self.intersect(std::iter::once(part).chain(flat.iter().cloned()).collect());
            return union(parts.into_iter().take(limits::TYPE_UNION).map(each).collect());
        }
        let (objects, others): (Vec<_>, Vec<_>) = flat.into_iter().partition(|shape| matches!(shape, Shape::Object(_)));
        // `string & { brand: 'Id' }`: the object is there for the type checker only.
        if let Some((head, tail)) = others.split_first() {
            return tail.iter().fold(head.clone(), |all, shape| self.narrow(all, shape));
        }
        let mut merged = Object { key: objects.iter().map(key).collect::<Vec<_>>().join("&"), ..Object::default() };
        for shape in &objects {
            if let Shape::Object(object) = shape {
                self.merge(&mut merged, object);
            }
        }
        if objects.is_empty() { Shape::Any } else { Shape::Object(Rc::new(merged)) }
    }

    fn merge(&self, merged: &mut Object, object: &Object) {
        for field in &object.fields {
            let mut field = field.clone();
            if let Some(known) = merged.field(&field.name) {
                field.lazy = Lazy::Both(Rc::new((known.lazy.clone(), field.lazy)));
                field.optional &= known.optional;
                field.readonly &= known.readonly;
            }
            merged.set(field);
        }
        if let Some(index) = &object.index {
            merged.index = Some(index.clone());
        }
    }

    /// Two types that are not objects.
    fn narrow(&self, a: Shape, b: &Shape) -> Shape {
        if self.assignable(&a, b, 0) {
            a
        } else if self.assignable(b, &a, 0) {
            b.clone()
        } else if matches!((&a, b), (Shape::Array(_) | Shape::Pattern(_), Shape::Array(_) | Shape::Pattern(_))) {
            Shape::All(Rc::new(vec![a, b.clone()]))
        } else {
            Shape::Never
        }
    }

    pub fn template(&self, texts: &[String], types: &[Ty], env: &Rc<Env>) -> Shape {
        let parts: Vec<Vec<Shape>> = types.iter().map(|ty| self.parts(&self.eval(ty, env))).collect();
        let finite = parts.iter().flatten().all(|part| matches!(part, Shape::Literal(_)));
        let count = parts.iter().try_fold(1_usize, |count, parts| count.checked_mul(parts.len()));
        if finite && count.is_some_and(|count| count <= limits::TYPE_UNION) {
            let mut all = vec![texts.first().cloned().unwrap_or_default()];
            for (parts, text) in parts.iter().zip(texts.iter().skip(1)) {
                let longer = |start: &String| {
                    let start = start.clone();
                    parts
                        .iter()
                        .filter_map(literal_name)
                        .map(move |part| format!("{start}{part}{text}"))
                        .collect::<Vec<_>>()
                };
                all = all.iter().flat_map(longer).collect();
            }
            return union(all.into_iter().map(|text| Shape::Literal(text.into())).collect());
        }
        let mut pattern = format!("^{}", escape(texts.first().map_or("", String::as_str)));
        for (parts, text) in parts.iter().zip(texts.iter().skip(1)) {
            let alternatives: Vec<String> = parts.iter().map(part_pattern).collect();
            match alternatives.as_slice() {
                [one] => pattern.push_str(one),
                several => pattern.push_str(&format!("(?:{})", several.join("|"))),
            }
            pattern.push_str(&escape(text));
        }
        Shape::Pattern(format!("{pattern}$"))
    }
}

fn part_pattern(shape: &Shape) -> String {
    match shape {
        Shape::Number => r"-?\d+(?:\.\d+)?".into(),
        Shape::BigInt => r"-?\d+".into(),
        Shape::Boolean => "(?:true|false)".into(),
        Shape::Null => "null".into(),
        Shape::Undefined => "undefined".into(),
        Shape::Pattern(pattern) => pattern.trim_start_matches('^').trim_end_matches('$').into(),
        literal => literal_name(literal).map_or_else(|| r"[\s\S]*".into(), |text| escape(&text)),
    }
}

/// A text as a regular expression that matches it, for JavaScript and for Rust alike.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if r"\^$.*+?()[]{}|/".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn first(text: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| change(c) + chars.as_str()).unwrap_or_default()
}

fn plain(name: &str, lazy: Lazy, optional: bool, file: usize) -> Field {
    Field { name: name.to_owned(), lazy, optional, readonly: false, doc: None, file }
}

fn has_infer(args: &[Ty]) -> bool {
    args.iter().any(|ty| match &ty.kind {
        Kind::Infer(_) => true,
        Kind::Array(inner) => has_infer(std::slice::from_ref(inner)),
        Kind::Reference { args, .. } => has_infer(args),
        _ => false,
    })
}

/// A literal as the name of a member.
pub(super) fn literal_name(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Literal(Value::String(text)) => Some(text.clone()),
        Shape::Literal(Value::Null) => None,
        Shape::Literal(value) => Some(value.to_string()),
        _ => None,
    }
}
