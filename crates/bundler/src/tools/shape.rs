//! What a type means: names looked up, type parameters put in, operators applied. Named types and members of objects
//! are looked at only when they are needed, for types may be recursive.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use oxc_span::Span;
use serde_json::Value;

use super::docs::Doc;
use super::source::Declaration;
use super::syntax::{Kind, Member, Ty, TypeParam};
use super::world::{Found, Place, World};
use crate::error::Diagnostic;
use crate::limits;

/// The meaning of a type.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// `any`, `unknown`, and what is not understood.
    Any,
    Never,
    Null,
    Undefined,
    String,
    Number,
    Boolean,
    BigInt,
    /// A function or a symbol: nothing that JSON can hold.
    Opaque,
    Literal(Value),
    /// A string that matches a regular expression.
    Pattern(String),
    /// A class of the platform that JSON writes as a string.
    Known(Known),
    Array(Rc<Shape>),
    Set(Rc<Shape>),
    Tuple(Rc<Vec<Slot>>),
    Object(Rc<Object>),
    Union(Rc<Vec<Shape>>),
    /// An intersection that is not one object.
    All(Rc<Vec<Shape>>),
    Named(Rc<Named>),
}

/// Classes of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Date,
    Url,
    Bytes,
    Regex,
}

/// One place of a tuple.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub shape: Shape,
    pub optional: bool,
    pub rest: bool,
}

/// An object type.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// The same for two objects only if they are the same.
    pub key: String,
    pub fields: Vec<Field>,
    /// Where each name is in `fields`.
    pub names: HashMap<String, usize>,
    /// The type of members that are not named.
    pub index: Option<Lazy>,
}

/// A member of an object type.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub name: String,
    pub lazy: Lazy,
    pub optional: bool,
    pub readonly: bool,
    pub doc: Option<Rc<Doc>>,
    /// The file in which it stands.
    pub file: usize,
}

/// A type that is looked at when it is needed.
#[derive(Clone, Debug)]
pub(super) enum Lazy {
    Ready(Shape),
    Later(Ty, Rc<Env>),
    /// Members of one name in an intersection.
    Both(Rc<(Lazy, Lazy)>),
}

/// What names mean where a type stands.
#[derive(Debug)]
pub(super) struct Env {
    pub place: Place,
    pub params: BTreeMap<String, Shape>,
}

/// A type with a name, which is looked at when it is needed.
#[derive(Debug)]
pub(super) struct Named {
    /// The same for two types only if they are the same.
    pub key: String,
    pub name: String,
    pub declaration: Rc<Declaration>,
    pub env: Rc<Env>,
    /// Where it is referred to.
    pub file: usize,
    pub span: Span,
}

/// Evaluates types.
pub(super) struct Types<'w, 'f> {
    pub world: &'w World<'f>,
    pub errors: RefCell<Vec<Diagnostic>>,
    pub warnings: RefCell<Vec<Diagnostic>>,
    said: RefCell<HashSet<(usize, usize, String)>>,
    forced: RefCell<HashMap<String, Shape>>,
    forcing: RefCell<HashSet<String>>,
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl Env {
    pub fn new(place: Place) -> Rc<Self> {
        Rc::new(Self { place, params: BTreeMap::new() })
    }

    pub fn with(&self, name: &str, shape: Shape) -> Rc<Self> {
        let mut params = self.params.clone();
        params.insert(name.to_owned(), shape);
        Rc::new(Self { place: self.place.clone(), params })
    }

    /// Tells this environment from others of the same place.
    pub fn key(&self) -> String {
        self.params.iter().map(|(name, shape)| format!("{name}={},", key(shape))).collect()
    }
}

impl<'w, 'f> Types<'w, 'f> {
    pub fn new(world: &'w World<'f>) -> Self {
        Self {
            world,
            errors: RefCell::default(),
            warnings: RefCell::default(),
            said: RefCell::default(),
            forced: RefCell::default(),
            forcing: RefCell::default(),
            steps: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// Says that a type is taken for `any`, and why.
    pub fn warn(&self, file: usize, span: Span, message: String) {
        let help = "any value is accepted here; write the type out, or import it from a TypeScript file";
        self.note(file, span.start as usize, span.size() as usize, message, help);
    }

    /// A complaint that stops nothing. Once for each place.
    pub fn note(&self, file: usize, at: usize, len: usize, message: String, help: &str) {
        self.say(&self.warnings, file, at, len, message, help);
    }

    /// A complaint about what the author must mend. Once for each place.
    pub fn error(&self, file: usize, at: usize, len: usize, message: String, help: &str) {
        self.say(&self.errors, file, at, len, message, help);
    }

    fn say(&self, list: &RefCell<Vec<Diagnostic>>, file: usize, at: usize, len: usize, message: String, help: &str) {
        let mut list = list.borrow_mut();
        if list.len() < limits::DIAGNOSTICS && self.said.borrow_mut().insert((file, at, message.clone())) {
            list.push(self.world.diagnostic(file, at, len, message).help(help));
        }
    }

    /// Says that a type means nothing but itself.
    pub fn circular(&self, named: &Named) {
        self.warn(named.file, named.span, format!("'{}' is defined by itself", named.name));
    }

    /// Says that a schema was cut off.
    pub fn too_large(&self, shape: &Shape) {
        let (file, span) = match shape {
            Shape::Named(named) => (named.file, named.span),
            _ => (0, Span::default()),
        };
        self.warn(file, span, "a type is too large or too deep to be written out".into());
    }

    /// Counts work that is done for one photon, and says whether there may be more of it.
    pub fn spend(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get() + steps);
        self.steps.get() <= limits::TYPE_STEPS
    }

    /// The meaning of a type.
    pub fn eval(&self, ty: &Ty, env: &Rc<Env>) -> Shape {
        if !self.spend(1) || self.depth.get() > limits::TYPE_DEPTH {
            self.warn(env.place.file, ty.span, "this type is too large or too deep to be followed".into());
            return Shape::Any;
        }
        self.depth.set(self.depth.get() + 1);
        let shape = self.eval_kind(ty, env);
        self.depth.set(self.depth.get() - 1);
        shape
    }

    fn eval_kind(&self, ty: &Ty, env: &Rc<Env>) -> Shape {
        match &ty.kind {
            Kind::Any => Shape::Any,
            Kind::Never => Shape::Never,
            Kind::String => Shape::String,
            Kind::Number => Shape::Number,
            Kind::Boolean => Shape::Boolean,
            Kind::BigInt => Shape::BigInt,
            Kind::Null => Shape::Null,
            Kind::Undefined => Shape::Undefined,
            Kind::Symbol | Kind::Function => Shape::Opaque,
            Kind::Object => Shape::Object(Rc::new(Object { key: "object".into(), ..Object::default() })),
            Kind::Literal(value) => Shape::Literal(value.clone()),
            Kind::Array(inner) => Shape::Array(Rc::new(self.eval(inner, env))),
            Kind::Tuple(elements) => self.tuple(elements, env),
            Kind::Union(types) => union(types.iter().map(|ty| self.eval(ty, env)).collect()),
            Kind::Intersection(types) => {
                let shapes = types.iter().map(|ty| self.eval(ty, env)).collect();
                self.intersect(shapes)
            }
            Kind::Members(members) => {
                let key = format!("{}@{}<{}>", env.place.file, ty.span.start, env.key());
                Shape::Object(Rc::new(self.object(key, members, env)))
            }
            Kind::Reference { name, args } => self.reference(ty, name, args, env),
            Kind::Import { specifier, name, args } => {
                let found = self.world.load(env.place.file, specifier).and_then(|file| {
                    let (first, rest) = name.split_first().ok_or("the whole module is no type")?;
                    let found = self.world.exported(file, first, 32)?;
                    Ok(Found { rest: rest.to_vec(), ..found })
                });
                self.found(ty, found, args, env)
            }
            Kind::Query(names) => self.query(ty, names, env),
            Kind::KeyOf(inner) => {
                let inner = self.eval(inner, env);
                self.keys(&inner)
            }
            Kind::Index(object, index) => {
                let (object, index) = (self.eval(object, env), self.eval(index, env));
                self.index(&object, &index).unwrap_or_else(|| {
                    self.warn(env.place.file, ty.span, "there is no such member".into());
                    Shape::Any
                })
            }
            Kind::Mapped(mapped) => self.mapped(ty.span, mapped, env),
            Kind::Conditional(conditional) => self.conditional(conditional, env),
            Kind::Infer(_) => Shape::Any,
            Kind::Template { texts, types } => self.template(texts, types, env),
            Kind::Unsupported(what) => {
                self.warn(env.place.file, ty.span, format!("{what} is not understood as a type of data"));
                Shape::Any
            }
        }
    }

    fn tuple(&self, elements: &[super::syntax::Element], env: &Rc<Env>) -> Shape {
        let mut slots = Vec::new();
        for element in elements {
            let shape = self.eval(&element.ty, env);
            // `...[a, b]` is `a, b`.
            if element.rest
                && let Shape::Tuple(inner) = self.force(&shape)
            {
                if slots.len() + inner.len() > limits::TYPE_UNION {
                    self.warn(env.place.file, element.ty.span, "a list of so many types is not followed".into());
                    return Shape::Any;
                }
                slots.extend(inner.iter().cloned());
                continue;
            }
            slots.push(Slot { shape, optional: element.optional, rest: element.rest });
        }
        Shape::Tuple(Rc::new(slots))
    }

    pub fn object(&self, key: String, members: &[Member], env: &Rc<Env>) -> Object {
        let mut object = Object { key, ..Object::default() };
        for member in members {
            match member {
                Member::Property(property) => object.set(Field {
                    name: property.name.clone(),
                    lazy: Lazy::Later(property.ty.clone(), env.clone()),
                    optional: property.optional,
                    readonly: property.readonly,
                    doc: property.doc.clone(),
                    file: env.place.file,
                }),
                Member::Index { key, value } => {
                    if !matches!(key.kind, Kind::Symbol) {
                        object.index = Some(Lazy::Later(value.clone(), env.clone()));
                    }
                }
            }
        }
        object
    }

    fn reference(&self, ty: &Ty, names: &[String], args: &[Ty], env: &Rc<Env>) -> Shape {
        if let [name] = names
            && let Some(shape) = env.params.get(name)
        {
            return shape.clone();
        }
        let found = self.world.find(&env.place, names);
        if found.is_err()
            && let [name] = names
            && let Some(shape) = self.library(ty, name, args, env)
        {
            return shape;
        }
        self.found(ty, found, args, env)
    }

    fn found(&self, ty: &Ty, found: Result<Found<Rc<Declaration>>, String>, args: &[Ty], env: &Rc<Env>) -> Shape {
        let found = match found {
            Ok(found) => found,
            Err(why) => {
                self.warn(env.place.file, ty.span, format!("this type is not known: {why}"));
                return Shape::Any;
            }
        };
        if let Declaration::Enum { members, .. } = &*found.item
            && let [member] = found.rest.as_slice()
        {
            let value = members.iter().find(|(name, _)| name == member).and_then(|(_, value)| value.clone());
            return value.map_or(Shape::Any, Shape::Literal);
        }
        if !found.rest.is_empty() {
            self.warn(
                env.place.file,
                ty.span,
                format!("this type is not known: '{}' has no '{}'", found.name, found.rest.join(".")),
            );
            return Shape::Any;
        }
        let declaration = found.item.clone();
        let params = match &*declaration {
            Declaration::Alias { params, .. } | Declaration::Interface { params, .. } => params.as_slice(),
            Declaration::Class(class) => class.params.as_slice(),
            Declaration::Enum { .. } | Declaration::Namespace(_) => &[],
        };
        let args = args.iter().map(|arg| self.eval(arg, env)).collect();
        self.named(env.place.file, ty.span, found, params, args)
    }

    fn named(
        &self,
        file: usize,
        span: Span,
        found: Found<Rc<Declaration>>,
        params: &[TypeParam],
        args: Vec<Shape>,
    ) -> Shape {
        let env = self.instantiate(found.place.clone(), params, args);
        let shown = params.iter().filter_map(|p| env.params.get(&p.name)).map(key).collect::<Vec<_>>().join(",");
        let address = Rc::as_ptr(&found.item).cast::<u8>() as usize;
        let key = format!("{}#{address:x}<{shown}>", found.name);
        Shape::Named(Rc::new(Named { key, name: found.name, declaration: found.item, env, file, span }))
    }

    /// An environment in which type parameters have their arguments, or their defaults.
    pub fn instantiate(&self, place: Place, params: &[TypeParam], args: Vec<Shape>) -> Rc<Env> {
        let mut env = Env::new(place);
        let mut args = args.into_iter();
        for param in params {
            let shape = args.next().unwrap_or_else(|| {
                let fallback = param.default.as_ref().or(param.constraint.as_ref());
                fallback.map_or(Shape::Any, |ty| self.eval(ty, &env))
            });
            env = env.with(&param.name, shape);
        }
        env
    }

    /// The type behind a name.
    pub fn force(&self, shape: &Shape) -> Shape {
        let (mut shape, mut seen) = (shape.clone(), HashSet::new());
        while let Shape::Named(named) = &shape {
            // `type A = B; type B = A`
            if !seen.insert(named.key.clone()) {
                self.circular(named);
                return Shape::Any;
            }
            shape = self.force_named(named);
        }
        shape
    }

    fn force_named(&self, named: &Named) -> Shape {
        if let Some(known) = self.forced.borrow().get(&named.key) {
            return known.clone();
        }
        if !self.forcing.borrow_mut().insert(named.key.clone()) {
            self.circular(named);
            return Shape::Any;
        }
        let shape = self.declared(named);
        self.forcing.borrow_mut().remove(&named.key);
        self.forced.borrow_mut().insert(named.key.clone(), shape.clone());
        shape
    }

    fn declared(&self, named: &Named) -> Shape {
        let env = &named.env;
        match &*named.declaration {
            Declaration::Alias { ty, .. } => self.eval(ty, env),
            Declaration::Enum { members, .. } => {
                union(members.iter().map(|(_, value)| value.clone().map_or(Shape::Any, Shape::Literal)).collect())
            }
            Declaration::Namespace(_) => Shape::Any,
            Declaration::Interface { extends, members, .. } => {
                let bases = extends.iter().map(|base| self.eval(base, env)).collect();
                self.inherit(named, bases, members)
            }
            Declaration::Class(class) => {
                let base = class.base.as_ref().map(|(name, args)| {
                    let kind = Kind::Reference { name: name.clone(), args: Vec::new() };
                    let ty = super::syntax::node(class.span, kind);
                    match self.world.find::<Rc<Declaration>>(&env.place, name) {
                        Ok(found) => self.found(&ty, Ok(found), args, env),
                        Err(_) => Shape::Any,
                    }
                });
                self.inherit(named, base.into_iter().collect(), &class.members)
            }
        }
    }

    fn inherit(&self, named: &Named, bases: Vec<Shape>, members: &[Member]) -> Shape {
        let own = self.object(named.key.clone(), members, &named.env);
        let mut object = Object { key: named.key.clone(), ..Object::default() };
        for base in &bases {
            match self.force(base) {
                Shape::Object(base) => object.extend(&base),
                // `interface Names extends Array<string>` stays an array for JSON.
                array @ (Shape::Array(_) | Shape::Tuple(_) | Shape::Set(_)) => return array,
                _ => {}
            }
        }
        object.extend(&own);
        Shape::Object(Rc::new(object))
    }

    /// The type of a member.
    pub fn look(&self, lazy: &Lazy) -> Shape {
        match lazy {
            Lazy::Ready(shape) => shape.clone(),
            Lazy::Later(ty, env) => self.eval(ty, env),
            Lazy::Both(both) => {
                let shapes = vec![self.look(&both.0), self.look(&both.1)];
                self.intersect(shapes)
            }
        }
    }

    fn query(&self, ty: &Ty, names: &[String], env: &Rc<Env>) -> Shape {
        let found = match self.world.find::<Ty>(&env.place, names) {
            Ok(found) => found,
            Err(why) => {
                self.warn(env.place.file, ty.span, format!("this value is not known: {why}"));
                return Shape::Any;
            }
        };
        let mut shape = self.eval(&found.item, &Env::new(found.place));
        for name in &found.rest {
            shape = self.index(&shape, &Shape::Literal(name.as_str().into())).unwrap_or(Shape::Any);
        }
        shape
    }
}

impl Object {
    /// Adds a member, or puts it in the place of one with the same name.
    pub fn set(&mut self, field: Field) {
        match self.names.get(&field.name) {
            // A member that overrides another without saying more than that has its docblock.
            Some(&at) => {
                let known = &mut self.fields[at];
                *known = Field { doc: field.doc.clone().or(known.doc.take()), ..field };
            }
            None => {
                self.names.insert(field.name.clone(), self.fields.len());
                self.fields.push(field);
            }
        }
    }

    /// A member by its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.names.get(name).map(|&at| &self.fields[at])
    }

    fn extend(&mut self, other: &Object) {
        for field in &other.fields {
            self.set(field.clone());
        }
        if let Some(index) = &other.index {
            self.index = Some(index.clone());
        }
    }
}

/// A union without unions in it.
pub(super) fn union(shapes: Vec<Shape>) -> Shape {
    let mut out: Vec<Shape> = Vec::with_capacity(shapes.len());
    for shape in shapes {
        match shape {
            Shape::Never => {}
            Shape::Union(inner) => out.extend(inner.iter().cloned()),
            other => out.push(other),
        }
    }
    match out.len() {
        0 => Shape::Never,
        1 => out.pop().unwrap_or(Shape::Never),
        _ => Shape::Union(Rc::new(out)),
    }
}

/// The same text for two types only if they are the same.
pub(super) fn key(shape: &Shape) -> String {
    let all = |shapes: &[Shape], by: &str| shapes.iter().map(key).collect::<Vec<_>>().join(by);
    match shape {
        Shape::Literal(value) => value.to_string(),
        Shape::Array(inner) => format!("{}[]", key(inner)),
        Shape::Set(inner) => format!("Set<{}>", key(inner)),
        Shape::Tuple(slots) => {
            let slot = |slot: &Slot| {
                format!(
                    "{}{}{}",
                    if slot.rest { "..." } else { "" },
                    key(&slot.shape),
                    if slot.optional { "?" } else { "" }
                )
            };
            format!("[{}]", slots.iter().map(slot).collect::<Vec<_>>().join(","))
        }
        Shape::Object(object) => format!("{{{}}}", object.key),
        Shape::Union(shapes) => format!("({})", all(shapes, "|")),
        Shape::All(shapes) => format!("({})", all(shapes, "&")),
        Shape::Named(named) => named.key.clone(),
        other => format!("{other:?}"),
    }
}
