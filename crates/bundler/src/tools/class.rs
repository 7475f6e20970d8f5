//! Classes as the author wrote them.

use std::rc::Rc;

use oxc_ast::ast::{
    BindingPattern, ClassElement, Expression, FormalParameters, Function, MethodDefinition, MethodDefinitionKind,
    ObjectPropertyKind, PropertyDefinition, TSAccessibility,
};
use oxc_span::Span;
use serde_json::Value;

use super::docs::Doc;
use super::syntax::{Kind, Member, Property, Reader, Ty, TypeParam, node};
use super::values::{key_name, value};

/// A class.
#[derive(Debug)]
pub(super) struct Class {
    pub name: Option<String>,
    pub span: Span,
    pub docs: Vec<Rc<Doc>>,
    pub params: Vec<TypeParam>,
    /// `extends a.b<X>`
    pub base: Option<(Vec<String>, Vec<Ty>)>,
    pub methods: Vec<Method>,
    /// What instances hold, for where the class is used as a type.
    pub members: Rc<Vec<Member>>,
    pub constructor: Option<Vec<Param>>,
    /// `protected settings = { … }`
    pub settings: Vec<Setting>,
}

/// A method with a name that is known without running the program.
#[derive(Debug)]
pub(super) struct Method {
    pub name: String,
    pub doc: Option<Rc<Doc>>,
    pub type_params: Vec<TypeParam>,
    pub params: Vec<Param>,
    pub returns: Option<Ty>,
    pub is_static: bool,
    pub is_async: bool,
    pub is_generator: bool,
    pub is_public: bool,
    /// Without a body: an overload, or abstract.
    pub signature_only: bool,
}

/// A parameter of a method or constructor.
#[derive(Debug)]
pub(super) struct Param {
    /// `None`: a pattern.
    pub name: Option<String>,
    pub ty: Option<Ty>,
    pub optional: bool,
    pub rest: bool,
    /// It has a default, whose value is known or not.
    pub default: Option<Option<Value>>,
    /// `{ a = 1, b: c }`: the keys that a pattern takes, and their defaults.
    pub keys: Vec<(String, Option<Option<Value>>)>,
    /// The type of the default.
    pub inferred: Option<Ty>,
}

/// A member of the `settings` object.
#[derive(Debug)]
pub(super) struct Setting {
    pub name: String,
    pub ty: Ty,
    /// `None`: no default, so it must be set.
    pub default: Option<Value>,
    pub doc: Option<Rc<Doc>>,
}

impl Reader<'_> {
    /// Reads a class. `outer`: the statement it is in, before which docblocks stand.
    pub fn class(&self, class: &oxc_ast::ast::Class<'_>, outer: Span) -> Class {
        let mut docs = self.comments.all_before(outer.start).to_vec();
        if outer.start != class.span.start {
            docs.extend(self.comments.all_before(class.span.start).iter().cloned());
        }
        let base = class
            .heritage
            .as_ref()
            .and_then(|heritage| Some((expression_path(&heritage.expression)?, self.args(&heritage.type_arguments))));
        let mut out = Class {
            name: class.id.as_ref().map(|id| id.name.to_string()),
            span: class.span,
            docs,
            params: self.type_params(&class.type_parameters),
            base,
            methods: Vec::new(),
            members: Rc::default(),
            constructor: None,
            settings: Vec::new(),
        };
        let mut members = Vec::new();
        for element in &class.body.body {
            match element {
                ClassElement::MethodDefinition(method) => self.method(&mut out, &mut members, method),
                ClassElement::PropertyDefinition(property) => self.property(&mut out, &mut members, property),
                _ => {}
            }
        }
        out.members = Rc::new(members);
        out
    }

    fn method(&self, class: &mut Class, members: &mut Vec<Member>, method: &MethodDefinition<'_>) {
        let function = &*method.value;
        if method.kind == MethodDefinitionKind::Constructor {
            // Overloads come first, the one with a body last.
            class.constructor = Some(self.params(&function.params));
            members.extend(self.parameter_properties(&function.params));
            return;
        }
        let Some(name) = key_name(&method.key) else { return };
        let is_public = !matches!(method.accessibility, Some(TSAccessibility::Private | TSAccessibility::Protected));
        let doc = self.comments.before(method.span.start);
        match method.kind {
            MethodDefinitionKind::Method => {
                if !method.r#static && is_public {
                    members.push(member(&name, node(method.span, Kind::Function), true, None));
                }
                let mut read = self.function(name, function, doc);
                (read.is_static, read.is_public) = (method.r#static, is_public);
                class.methods.push(read);
            }
            MethodDefinitionKind::Get if is_public && !method.r#static => {
                let ty = self.annotation(&function.return_type).unwrap_or_else(|| node(method.span, Kind::Any));
                members.push(member(&name, ty, false, doc));
            }
            _ => {}
        }
    }

    fn function(&self, name: String, function: &Function<'_>, doc: Option<Rc<Doc>>) -> Method {
        Method {
            name,
            doc,
            type_params: self.type_params(&function.type_parameters),
            params: self.params(&function.params),
            returns: self.annotation(&function.return_type),
            is_static: false,
            is_async: function.r#async,
            is_generator: function.generator,
            is_public: true,
            signature_only: function.body.is_none(),
        }
    }

    fn property(&self, class: &mut Class, members: &mut Vec<Member>, property: &PropertyDefinition<'_>) {
        let Some(name) = key_name(&property.key) else { return };
        let settings = name == "settings" && property.accessibility == Some(TSAccessibility::Protected);
        if settings && let Some(Expression::ObjectExpression(object)) = &property.value {
            class.settings = self.settings(object);
        }
        let hidden = matches!(property.accessibility, Some(TSAccessibility::Private | TSAccessibility::Protected));
        if hidden || property.r#static {
            return;
        }
        let annotated = self.annotation(&property.type_annotation);
        let inferred = || property.value.as_ref().map(|value| self.type_of(value, false));
        let ty = annotated.or_else(inferred).unwrap_or_else(|| node(property.span, Kind::Any));
        members.push(member(&name, ty, property.optional, self.comments.before(property.span.start)));
    }

    fn settings(&self, object: &oxc_ast::ast::ObjectExpression<'_>) -> Vec<Setting> {
        let read = |property: &ObjectPropertyKind<'_>| {
            let ObjectPropertyKind::ObjectProperty(property) = property else { return None };
            Some(Setting {
                name: key_name(&property.key)?,
                ty: self.type_of(&property.value, false),
                default: value(&property.value),
                doc: self.comments.before(property.span.start),
            })
        };
        object.properties.iter().filter_map(read).collect()
    }

    fn params(&self, params: &FormalParameters<'_>) -> Vec<Param> {
        let mut out: Vec<Param> = params
            .items
            .iter()
            .map(|item| {
                let mut param = self.param(&item.pattern, self.annotation(&item.type_annotation));
                param.optional = item.optional || item.initializer.is_some();
                param.default = item.initializer.as_ref().map(|init| value(init));
                param.inferred = item.initializer.as_ref().map(|init| self.type_of(init, false));
                param
            })
            .collect();
        if let Some(rest) = &params.rest {
            let ty = self.annotation(&rest.type_annotation);
            let mut param = self.param(&rest.rest.argument, ty);
            (param.rest, param.optional) = (true, true);
            out.push(param);
        }
        out
    }

    fn param(&self, pattern: &BindingPattern<'_>, ty: Option<Ty>) -> Param {
        let keys = match pattern {
            BindingPattern::ObjectPattern(object) => object.properties.iter().filter_map(|property| {
                let default = match &property.value {
                    BindingPattern::AssignmentPattern(assignment) => Some(value(&assignment.right)),
                    _ => None,
                };
                Some((key_name(&property.key)?, default))
            }),
            _ => return Param { keys: Vec::new(), ..named(pattern, ty) },
        };
        Param { keys: keys.collect(), ..named(pattern, ty) }
    }

    /// `constructor(public name: string)` makes a member.
    fn parameter_properties(&self, params: &FormalParameters<'_>) -> Vec<Member> {
        let read = |item: &oxc_ast::ast::FormalParameter<'_>| {
            let shown =
                item.accessibility == Some(TSAccessibility::Public) || item.accessibility.is_none() && item.readonly;
            let name = item.pattern.get_identifier_name().filter(|_| shown)?;
            let ty = self.annotation(&item.type_annotation).unwrap_or_else(|| node(item.span, Kind::Any));
            Some(member(&name, ty, item.optional, None))
        };
        params.items.iter().filter_map(read).collect()
    }
}

fn named(pattern: &BindingPattern<'_>, ty: Option<Ty>) -> Param {
    let name = match pattern {
        BindingPattern::BindingIdentifier(id) => Some(id.name.to_string()),
        _ => None,
    };
    Param { name, ty, optional: false, rest: false, default: None, keys: Vec::new(), inferred: None }
}

fn member(name: &str, ty: Ty, optional: bool, doc: Option<Rc<Doc>>) -> Member {
    Member::Property(Property { name: name.to_owned(), ty, optional, readonly: false, doc })
}

/// The names of `a.b`, as in `extends a.b`.
fn expression_path(expression: &Expression<'_>) -> Option<Vec<String>> {
    match expression.get_inner_expression() {
        Expression::Identifier(id) => Some(vec![id.name.to_string()]),
        Expression::StaticMemberExpression(member) => {
            let mut names = expression_path(&member.object)?;
            names.push(member.property.name.to_string());
            Some(names)
        }
        _ => None,
    }
}
