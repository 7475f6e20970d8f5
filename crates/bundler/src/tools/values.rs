//! Values that stand in the source as literals: defaults, enum members, the objects of `typeof`.

use std::rc::Rc;

use oxc_ast::ast::*;
use oxc_span::GetSpan as _;
use oxc_syntax::operator::{BinaryOperator, UnaryOperator};
use serde_json::{Map, Value};

use super::syntax::{Element, Kind, Member, Property, Reader, Ty, node, quasi};

/// A number as JSON writes it: whole ones without a point. NaN and infinities are `null`, as JSON has it.
pub(super) fn number(n: f64) -> Value {
    // 2^53: above it, not every whole number has a double of its own.
    if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range, see above")]
        let whole = n as i64;
        whole.into()
    } else {
        n.into()
    }
}

/// The name of a member, if it is known without running the program.
pub(super) fn key_name(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::NumericLiteral(n) => Some(match number(n.value) {
            Value::Number(number) => number.to_string(),
            _ => n.value.to_string(),
        }),
        PropertyKey::PrivateIdentifier(_) => None,
        key => key.static_name().map(|name| name.to_string()),
    }
}

/// `-1`, `+1`, `!0`.
pub(super) fn unary(unary: &UnaryExpression<'_>) -> Option<Value> {
    let operand = value(&unary.argument)?;
    match (unary.operator, operand) {
        (UnaryOperator::UnaryNegation, Value::Number(n)) => Some(number(-n.as_f64()?)),
        (UnaryOperator::UnaryPlus, n @ Value::Number(_)) => Some(n),
        (UnaryOperator::LogicalNot, Value::Bool(b)) => Some((!b).into()),
        _ => None,
    }
}

/// What an expression is worth, if it is made of literals only. `undefined` is `None`.
pub(super) fn value(expression: &Expression<'_>) -> Option<Value> {
    match expression.get_inner_expression() {
        Expression::NullLiteral(_) => Some(Value::Null),
        Expression::BooleanLiteral(b) => Some(b.value.into()),
        Expression::NumericLiteral(n) => Some(number(n.value)),
        Expression::StringLiteral(s) => Some(s.value.as_str().into()),
        Expression::TemplateLiteral(t) if t.expressions.is_empty() => {
            Some(t.quasis.iter().map(quasi).collect::<String>().into())
        }
        Expression::UnaryExpression(u) => unary(u),
        Expression::BinaryExpression(b) => binary(b),
        Expression::ArrayExpression(array) => {
            let items = array.elements.iter().map(|element| value(element.as_expression()?));
            Some(Value::Array(items.collect::<Option<_>>()?))
        }
        Expression::ObjectExpression(object) => {
            let mut map = Map::new();
            for property in &object.properties {
                let ObjectPropertyKind::ObjectProperty(property) = property else { return None };
                map.insert(key_name(&property.key)?, value(&property.value)?);
            }
            Some(Value::Object(map))
        }
        _ => None,
    }
}

/// `60 * 1000`, `1 << 2`: what people write as defaults and as members of enums.
fn binary(binary: &BinaryExpression<'_>) -> Option<Value> {
    let (left, right) = (value(&binary.left)?, value(&binary.right)?);
    if binary.operator == BinaryOperator::Addition
        && let (Value::String(left), Value::String(right)) = (&left, &right)
    {
        return Some(format!("{left}{right}").into());
    }
    let (left, right) = (left.as_f64()?, right.as_f64()?);
    let bits = |shifted: i64| number(shifted as f64);
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and shifts of such numbers have no meaning")]
    let (whole, by) = (left as i32, right as u32 & 31);
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let other = right as i32;
    Some(match binary.operator {
        BinaryOperator::Addition => number(left + right),
        BinaryOperator::Subtraction => number(left - right),
        BinaryOperator::Multiplication => number(left * right),
        BinaryOperator::Division => number(left / right),
        BinaryOperator::Exponential => number(left.powf(right)),
        BinaryOperator::ShiftLeft => bits(i64::from(whole.wrapping_shl(by))),
        BinaryOperator::BitwiseOR => bits(i64::from(whole | other)),
        _ => return None,
    })
    .filter(|value| !value.is_null())
}

impl Reader<'_> {
    /// The type of an expression, as `typeof` and parameters without annotation have it. `exact`: `as const`.
    pub fn type_of(&self, expression: &Expression<'_>, exact: bool) -> Ty {
        let span = expression.span();
        let kind = match expression {
            Expression::TSAsExpression(cast) if cast.type_annotation.is_const_type_reference() => {
                return self.type_of(&cast.expression, true);
            }
            Expression::TSAsExpression(cast) => return self.ty(&cast.type_annotation),
            Expression::TSSatisfiesExpression(inner) => return self.type_of(&inner.expression, exact),
            Expression::TSNonNullExpression(inner) => return self.type_of(&inner.expression, exact),
            Expression::ParenthesizedExpression(inner) => return self.type_of(&inner.expression, exact),
            Expression::CallExpression(call) if is_freeze(call) => {
                return match call.arguments.first().and_then(|argument| argument.as_expression()) {
                    Some(argument) => self.type_of(argument, exact),
                    None => node(span, Kind::Any),
                };
            }
            Expression::ObjectExpression(object) => self.object_kind(object, exact),
            Expression::ArrayExpression(array) => self.array_kind(array, exact),
            Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => Kind::Function,
            Expression::NewExpression(new) => match &new.callee {
                Expression::Identifier(id) => {
                    Kind::Reference { name: vec![id.name.to_string()], args: self.args(&new.type_arguments) }
                }
                _ => Kind::Any,
            },
            Expression::TemplateLiteral(_) if !exact => Kind::String,
            Expression::BigIntLiteral(_) => Kind::BigInt,
            other => match value(other) {
                Some(literal) if exact && !literal.is_null() => Kind::Literal(literal),
                Some(Value::Bool(_)) => Kind::Boolean,
                Some(Value::Number(_)) => Kind::Number,
                Some(Value::String(_)) => Kind::String,
                _ => Kind::Any,
            },
        };
        node(span, kind)
    }

    fn object_kind(&self, object: &ObjectExpression<'_>, exact: bool) -> Kind {
        let members = object.properties.iter().filter_map(|property| {
            let ObjectPropertyKind::ObjectProperty(property) = property else { return None };
            let ty = if property.method {
                node(property.span, Kind::Function)
            } else {
                self.type_of(&property.value, exact)
            };
            let (name, doc) = (key_name(&property.key)?, self.comments.before(property.span.start));
            Some(Member::Property(Property { name, ty, optional: false, readonly: false, doc }))
        });
        Kind::Members(Rc::new(members.collect()))
    }

    fn array_kind(&self, array: &ArrayExpression<'_>, exact: bool) -> Kind {
        let items = array.elements.iter().filter_map(|element| Some(self.type_of(element.as_expression()?, exact)));
        if exact {
            return Kind::Tuple(items.map(|ty| Element { ty, optional: false, rest: false }).collect());
        }
        let items: Vec<Ty> = items.collect();
        let element = if items.is_empty() { Kind::Any } else { Kind::Union(items) };
        Kind::Array(node(array.span, element))
    }
}

/// `Object.freeze(x)` is `x`.
fn is_freeze(call: &CallExpression<'_>) -> bool {
    matches!(&call.callee, Expression::StaticMemberExpression(member)
        if member.property.name == "freeze" && matches!(&member.object, Expression::Identifier(id) if id.name == "Object"))
}
