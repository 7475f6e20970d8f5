//! Types as the author wrote them, read out of the parser's tree, so that types of several files can be mixed after
//! their trees are gone.

use std::rc::Rc;

use oxc_ast::ast::*;
use oxc_span::{GetSpan as _, Span};
use serde_json::Value;

use super::docs::Comments;
use super::values;

/// A type that can be shared.
pub(super) type Ty = Rc<Node>;

/// A type and where it stands in its file.
#[derive(Debug)]
pub(super) struct Node {
    pub span: Span,
    pub kind: Kind,
}

/// What a type is, by its syntax.
#[derive(Debug)]
pub(super) enum Kind {
    Any,
    Never,
    String,
    Number,
    Boolean,
    BigInt,
    Null,
    Undefined,
    Symbol,
    /// `object`
    Object,
    Function,
    /// A string, a number or a boolean.
    Literal(Value),
    Array(Ty),
    Tuple(Vec<Element>),
    Union(Vec<Ty>),
    Intersection(Vec<Ty>),
    Members(Rc<Vec<Member>>),
    /// `a.b<X>`
    Reference {
        name: Vec<String>,
        args: Vec<Ty>,
    },
    /// `import('x').a<X>`
    Import {
        specifier: String,
        name: Vec<String>,
        args: Vec<Ty>,
    },
    /// `typeof a.b`
    Query(Vec<String>),
    KeyOf(Ty),
    /// `T[K]`
    Index(Ty, Ty),
    Mapped(Box<Mapped>),
    Conditional(Box<Conditional>),
    Infer(String),
    /// One text more than types.
    Template {
        texts: Vec<String>,
        types: Vec<Ty>,
    },
    /// What JSON Schema has no word for.
    Unsupported(&'static str),
}

/// `{ [K in Over as Rename]?: Value }`
#[derive(Debug)]
pub(super) struct Mapped {
    pub key: String,
    pub over: Ty,
    pub rename: Option<Ty>,
    pub value: Option<Ty>,
    /// `?` adds, `-?` takes away.
    pub optional: Option<bool>,
}

/// `Check extends Extends ? Yes : No`
#[derive(Debug)]
pub(super) struct Conditional {
    pub check: Ty,
    pub extends: Ty,
    pub yes: Ty,
    pub no: Ty,
}

/// One place of a tuple.
#[derive(Debug)]
pub(super) struct Element {
    pub ty: Ty,
    pub optional: bool,
    pub rest: bool,
}

/// One member of an object type.
#[derive(Debug)]
pub(super) enum Member {
    Property(Property),
    /// `[key: Key]: Value`
    Index {
        key: Ty,
        value: Ty,
    },
}

/// A named member.
#[derive(Debug)]
pub(super) struct Property {
    pub name: String,
    pub ty: Ty,
    pub optional: bool,
    pub readonly: bool,
    pub doc: Option<Rc<super::docs::Doc>>,
}

/// A type parameter.
#[derive(Debug)]
pub(super) struct TypeParam {
    pub name: String,
    pub constraint: Option<Ty>,
    pub default: Option<Ty>,
}

/// A type node.
pub(super) fn node(span: Span, kind: Kind) -> Ty {
    Rc::new(Node { span, kind })
}

/// Reads types of one file.
pub(super) struct Reader<'r> {
    pub comments: &'r Comments,
}

impl Reader<'_> {
    pub fn annotation(&self, annotation: &Option<oxc_allocator::ArenaBox<'_, TSTypeAnnotation<'_>>>) -> Option<Ty> {
        annotation.as_ref().map(|annotation| self.ty(&annotation.type_annotation))
    }

    pub fn ty(&self, ty: &TSType<'_>) -> Ty {
        if let TSType::TSParenthesizedType(inner) = ty {
            return self.ty(&inner.type_annotation);
        }
        node(ty.span(), self.kind(ty))
    }

    fn kind(&self, ty: &TSType<'_>) -> Kind {
        match ty {
            TSType::TSAnyKeyword(_) | TSType::TSUnknownKeyword(_) | TSType::JSDocUnknownType(_) => Kind::Any,
            TSType::TSBigIntKeyword(_) => Kind::BigInt,
            TSType::TSBooleanKeyword(_) => Kind::Boolean,
            TSType::TSNeverKeyword(_) => Kind::Never,
            TSType::TSNullKeyword(_) => Kind::Null,
            TSType::TSNumberKeyword(_) => Kind::Number,
            TSType::TSObjectKeyword(_) => Kind::Object,
            TSType::TSStringKeyword(_) => Kind::String,
            TSType::TSSymbolKeyword(_) => Kind::Symbol,
            TSType::TSUndefinedKeyword(_) | TSType::TSVoidKeyword(_) => Kind::Undefined,
            TSType::TSArrayType(array) => Kind::Array(self.ty(&array.element_type)),
            TSType::TSTupleType(tuple) => Kind::Tuple(tuple.element_types.iter().map(|e| self.element(e)).collect()),
            TSType::TSUnionType(union) => Kind::Union(self.all(&union.types)),
            TSType::TSIntersectionType(all) => Kind::Intersection(self.all(&all.types)),
            TSType::TSTypeLiteral(literal) => Kind::Members(Rc::new(self.members(&literal.members))),
            TSType::TSLiteralType(literal) => literal_kind(&literal.literal),
            TSType::TSTypeReference(reference) => {
                Kind::Reference { name: path(&reference.type_name), args: self.args(&reference.type_arguments) }
            }
            TSType::TSImportType(import) => Kind::Import {
                specifier: import.source.value.to_string(),
                name: import.qualifier.as_ref().map(qualifier).unwrap_or_default(),
                args: self.args(&import.type_arguments),
            },
            TSType::TSTypeQuery(query) => match &query.expr_name {
                TSTypeQueryExprName::TSImportType(_) => Kind::Unsupported("`typeof import()`"),
                name => name.as_ts_type_name().map_or(Kind::Any, |name| Kind::Query(path(name))),
            },
            TSType::TSTypeOperatorType(operator) => match operator.operator {
                TSTypeOperatorOperator::Keyof => Kind::KeyOf(self.ty(&operator.type_annotation)),
                TSTypeOperatorOperator::Readonly => self.kind(operator.type_annotation.without_parenthesized()),
                TSTypeOperatorOperator::Unique => Kind::Symbol,
            },
            TSType::TSIndexedAccessType(index) => Kind::Index(self.ty(&index.object_type), self.ty(&index.index_type)),
            TSType::TSMappedType(mapped) => Kind::Mapped(Box::new(Mapped {
                key: mapped.key.name.to_string(),
                over: self.ty(&mapped.constraint),
                rename: mapped.name_type.as_ref().map(|ty| self.ty(ty)),
                value: mapped.type_annotation.as_ref().map(|ty| self.ty(ty)),
                optional: mapped.optional.map(|sign| sign != TSMappedTypeModifierOperator::Minus),
            })),
            TSType::TSConditionalType(conditional) => Kind::Conditional(Box::new(Conditional {
                check: self.ty(&conditional.check_type),
                extends: self.ty(&conditional.extends_type),
                yes: self.ty(&conditional.true_type),
                no: self.ty(&conditional.false_type),
            })),
            TSType::TSInferType(infer) => Kind::Infer(infer.type_parameter.name.name.to_string()),
            TSType::TSTemplateLiteralType(template) => {
                Kind::Template { texts: template.quasis.iter().map(quasi).collect(), types: self.all(&template.types) }
            }
            TSType::TSNamedTupleMember(member) => {
                member.element_type.as_ts_type().map_or(Kind::Any, |ty| self.kind(ty))
            }
            TSType::TSParenthesizedType(inner) => self.kind(&inner.type_annotation),
            TSType::TSFunctionType(_) | TSType::TSConstructorType(_) => Kind::Function,
            TSType::TSTypePredicate(_) => Kind::Boolean,
            TSType::TSThisType(_) => Kind::Unsupported("`this`"),
            TSType::TSIntrinsicKeyword(_) => Kind::Unsupported("`intrinsic`"),
            TSType::JSDocNullableType(inner) => {
                Kind::Union(vec![self.ty(&inner.type_annotation), node(inner.span, Kind::Null)])
            }
            TSType::JSDocNonNullableType(inner) => self.kind(&inner.type_annotation),
        }
    }

    fn all(&self, types: &[TSType<'_>]) -> Vec<Ty> {
        types.iter().map(|ty| self.ty(ty)).collect()
    }

    pub fn args(&self, args: &Option<oxc_allocator::ArenaBox<'_, TSTypeParameterInstantiation<'_>>>) -> Vec<Ty> {
        args.as_ref().map(|args| self.all(&args.params)).unwrap_or_default()
    }

    pub fn type_params(
        &self,
        params: &Option<oxc_allocator::ArenaBox<'_, TSTypeParameterDeclaration<'_>>>,
    ) -> Vec<TypeParam> {
        let read = |param: &TSTypeParameter<'_>| TypeParam {
            name: param.name.name.to_string(),
            constraint: param.constraint.as_ref().map(|ty| self.ty(ty)),
            default: param.default.as_ref().map(|ty| self.ty(ty)),
        };
        params.as_ref().map(|params| params.params.iter().map(read).collect()).unwrap_or_default()
    }

    fn element(&self, element: &TSTupleElement<'_>) -> Element {
        match element {
            TSTupleElement::TSOptionalType(inner) => {
                Element { ty: self.ty(&inner.type_annotation), optional: true, rest: false }
            }
            TSTupleElement::TSRestType(inner) => {
                let ty = match &inner.type_annotation {
                    TSType::TSNamedTupleMember(named) => self.element(&named.element_type).ty,
                    other => self.ty(other),
                };
                Element { ty, optional: false, rest: true }
            }
            TSTupleElement::TSNamedTupleMember(named) => {
                let inner = self.element(&named.element_type);
                Element { optional: inner.optional || named.optional, ..inner }
            }
            other => {
                let ty = other.as_ts_type().map_or_else(|| node(other.span(), Kind::Any), |ty| self.ty(ty));
                Element { ty, optional: false, rest: false }
            }
        }
    }

    pub fn members(&self, members: &[TSSignature<'_>]) -> Vec<Member> {
        members.iter().filter_map(|member| self.member(member)).collect()
    }

    fn member(&self, member: &TSSignature<'_>) -> Option<Member> {
        let property = |key: &PropertyKey<'_>, span: Span, ty, optional, readonly| {
            let (name, doc) = (values::key_name(key)?, self.comments.before(span.start));
            Some(Member::Property(Property { name, ty, optional, readonly, doc }))
        };
        match member {
            TSSignature::TSPropertySignature(p) => {
                let ty = self.annotation(&p.type_annotation).unwrap_or_else(|| node(p.span, Kind::Any));
                property(&p.key, p.span, ty, p.optional, p.readonly)
            }
            TSSignature::TSMethodSignature(m) => match m.kind {
                TSMethodSignatureKind::Method => {
                    property(&m.key, m.span, node(m.span, Kind::Function), m.optional, true)
                }
                TSMethodSignatureKind::Get => {
                    let ty = self.annotation(&m.return_type).unwrap_or_else(|| node(m.span, Kind::Any));
                    property(&m.key, m.span, ty, m.optional, false)
                }
                TSMethodSignatureKind::Set => None,
            },
            TSSignature::TSIndexSignature(index) => Some(Member::Index {
                key: self.ty(&index.parameter.type_annotation.type_annotation),
                value: self.ty(&index.type_annotation.type_annotation),
            }),
            TSSignature::TSCallSignatureDeclaration(_) | TSSignature::TSConstructSignatureDeclaration(_) => None,
        }
    }
}

/// The names of `a.b.c`.
pub(super) fn path(name: &TSTypeName<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = name;
    loop {
        match name {
            TSTypeName::IdentifierReference(id) => names.push(id.name.to_string()),
            TSTypeName::QualifiedName(qualified) => {
                names.push(qualified.right.name.to_string());
                name = &qualified.left;
                continue;
            }
            TSTypeName::ThisExpression(_) => names.push("this".to_owned()),
        }
        names.reverse();
        return names;
    }
}

fn qualifier(qualifier: &TSImportTypeQualifier<'_>) -> Vec<String> {
    match qualifier {
        TSImportTypeQualifier::Identifier(id) => vec![id.name.to_string()],
        TSImportTypeQualifier::QualifiedName(name) => {
            let mut names = self::qualifier(&name.left);
            names.push(name.right.name.to_string());
            names
        }
    }
}

pub(super) fn quasi(element: &TemplateElement<'_>) -> String {
    element.value.cooked.as_ref().unwrap_or(&element.value.raw).to_string()
}

fn literal_kind(literal: &TSLiteral<'_>) -> Kind {
    match literal {
        TSLiteral::BooleanLiteral(b) => Kind::Literal(b.value.into()),
        TSLiteral::NumericLiteral(n) => Kind::Literal(values::number(n.value)),
        TSLiteral::StringLiteral(s) => Kind::Literal(s.value.as_str().into()),
        TSLiteral::BigIntLiteral(_) => Kind::BigInt,
        TSLiteral::TemplateLiteral(t) => Kind::Literal(t.quasis.iter().map(quasi).collect::<String>().into()),
        TSLiteral::UnaryExpression(unary) => match values::unary(unary) {
            Some(value) => Kind::Literal(value),
            None => Kind::BigInt,
        },
    }
}
