//! Expressions.

use std::rc::Rc;

use super::{Bad, MAX_HEIGHT, P, Parser};
use crate::ast::{Arg, Assign, Binary, BinaryOp, Call, Expr, ExprKind, Index, Member, Step, Unary};
use crate::lexer::{Part, Tok, Token};
use crate::source::Span;

/// Binding power of binary operators: the higher, the tighter.
fn power(tok: &Tok) -> Option<(u8, Option<BinaryOp>)> {
    use BinaryOp::*;
    Some(match tok {
        Tok::Key("or") | Tok::Op("||") => (1, None),
        Tok::Key("and") | Tok::Op("&&") => (2, None),
        Tok::Op(op) => match *op {
            "|" => (3, Some(BitOr)),
            "^" => (4, Some(BitXor)),
            "&" => (5, Some(BitAnd)),
            "==" => (6, Some(Eq)),
            "!=" => (6, Some(Ne)),
            "<" => (7, Some(Lt)),
            "<=" => (7, Some(Le)),
            ">" => (7, Some(Gt)),
            ">=" => (7, Some(Ge)),
            "<<" => (8, Some(Shl)),
            ">>" => (8, Some(Shr)),
            "+" => (9, Some(Add)),
            "-" => (9, Some(Sub)),
            "*" => (10, Some(Mul)),
            "/" => (10, Some(Div)),
            "%" => (10, Some(Rem)),
            _ => return None,
        },
        _ => return None,
    })
}

fn assignment(tok: &Tok) -> Option<Option<BinaryOp>> {
    let Tok::Op(op) = tok else { return None };
    Some(match *op {
        "=" => None,
        "+=" => Some(BinaryOp::Add),
        "-=" => Some(BinaryOp::Sub),
        "*=" => Some(BinaryOp::Mul),
        "/=" => Some(BinaryOp::Div),
        "%=" => Some(BinaryOp::Rem),
        _ => return None,
    })
}

fn expr(kind: ExprKind, span: Span) -> Expr {
    Expr::new(kind, span)
}

impl Parser {
    pub(super) fn expression(&mut self) -> P<Expr> {
        let parsed = self.deeper(Self::assignment)?;
        self.highest = self.highest.max(parsed.height);
        Ok(parsed)
    }

    /// Chains of operators and calls make trees high without nesting in the text.
    fn not_too_high(&mut self, height: u32, at: Span) -> P<()> {
        if height <= MAX_HEIGHT {
            return Ok(());
        }
        self.problem(at, "this expression has too many parts in a row").hint =
            Some("split it, or give a part of it a name".into());
        Err(Bad)
    }

    /// Parses and tells whether the part changes variables.
    fn watched(&mut self, parse: impl FnOnce(&mut Self) -> P<Expr>) -> P<(Expr, bool)> {
        let before = self.changes;
        let parsed = parse(self)?;
        Ok((parsed, self.changes != before))
    }

    fn assignment(&mut self) -> P<Expr> {
        let target = self.conditional()?;
        let Some(op) = assignment(self.tok()) else { return Ok(target) };
        let at = self.advance().span;
        if !matches!(target.kind, ExprKind::Name(_) | ExprKind::Member(_) | ExprKind::Index(_))
            || matches!(&target.kind, ExprKind::Member(m) if m.optional)
        {
            self.problem(target.span.to(at), "this cannot be assigned to").hint =
                Some("compare with ==; assign to a name, a.b or a[b]".into());
            return Err(Bad);
        }
        let (value, value_changes) = self.watched(Self::expression)?;
        self.changes += 1;
        let span = target.span.to(value.span);
        Ok(expr(ExprKind::Assign(Box::new(Assign { target, op, value, value_changes })), span))
    }

    fn conditional(&mut self) -> P<Expr> {
        let test = self.binary(0)?;
        if !self.take("?") {
            return Ok(test);
        }
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        let span = test.span.to(otherwise.span);
        Ok(expr(ExprKind::Cond(Box::new((test, then, otherwise))), span))
    }

    fn binary(&mut self, least: u8) -> P<Expr> {
        let mut left = self.unary()?;
        while let Some((strength, op)) = power(self.tok()) {
            if strength <= least {
                break;
            }
            let at = self.advance().span;
            self.not_too_high(left.height, at)?;
            let (right, right_changes) = self.watched(|p| p.deeper(|p| p.binary(strength)))?;
            let span = left.span.to(right.span);
            left = match op {
                Some(op) => expr(ExprKind::Binary(Box::new(Binary { op, left, right, right_changes })), span),
                None if strength == 1 => expr(ExprKind::Or(Box::new((left, right))), span),
                None => expr(ExprKind::And(Box::new((left, right))), span),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> P<Expr> {
        let start = self.span();
        let Tok::Op(op) = *self.tok() else { return self.postfix() };
        let unary = match op {
            "!" => Unary::Not,
            "-" => Unary::Neg,
            "~" => Unary::Complement,
            "++" | "--" => {
                self.advance();
                let target = self.deeper(Self::unary)?;
                return self.step(target, op == "++", true, start);
            }
            "+" => {
                self.problem(start, "there is no unary +");
                return Err(Bad);
            }
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.deeper(Self::unary)?;
        let span = start.to(operand.span);
        Ok(match (unary, operand.kind) {
            (Unary::Neg, ExprKind::Number(n)) => expr(ExprKind::Number(-n), span),
            (_, kind) => expr(ExprKind::Unary(unary, Box::new(expr(kind, operand.span))), span),
        })
    }

    fn step(&mut self, target: Expr, up: bool, prefix: bool, start: Span) -> P<Expr> {
        let span = start.to(self.last());
        if !matches!(target.kind, ExprKind::Name(_) | ExprKind::Member(_) | ExprKind::Index(_)) {
            let sign = if up { "++" } else { "--" };
            self.problem(span, format!("{sign} changes a name, a.b or a[b], not this"));
            return Err(Bad);
        }
        self.changes += 1;
        Ok(expr(ExprKind::Step(Box::new(Step { target, up, prefix })), span))
    }

    fn postfix(&mut self) -> P<Expr> {
        let mut e = self.primary()?;
        let start = e.span;
        loop {
            self.not_too_high(e.height, start)?;
            let Tok::Op(op) = *self.tok() else { return Ok(e) };
            match op {
                "(" => {
                    let args = self.args()?;
                    // What is called may change anything that is captured, but those variables lie in cells.
                    e = expr(ExprKind::Call(Box::new(Call { callee: e, args })), start.to(self.last()));
                }
                "." | "?." => {
                    self.advance();
                    let name = self.member_name("the name of a member")?;
                    let member = Member { object: e, name, optional: op == "?." };
                    e = expr(ExprKind::Member(Box::new(member)), start.to(self.last()));
                }
                "[" => {
                    self.advance();
                    let (index, index_changes) = self.watched(Self::expression)?;
                    self.expect("]")?;
                    let index = Index { object: e, index, index_changes };
                    e = expr(ExprKind::Index(Box::new(index)), start.to(self.last()));
                }
                "++" | "--" => {
                    self.advance();
                    e = self.step(e, op == "++", false, start)?;
                }
                _ => return Ok(e),
            }
        }
    }

    fn args(&mut self) -> P<Vec<Arg>> {
        self.expect("(")?;
        self.list(")")
    }

    fn list(&mut self, close: &str) -> P<Vec<Arg>> {
        let mut args = Vec::new();
        while !self.take(close) {
            let spread = self.take("...");
            args.push(Arg { value: self.expression()?, spread });
            if !self.take(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(args)
    }

    fn primary(&mut self) -> P<Expr> {
        let start = self.span();
        let kind = match self.tok().clone() {
            Tok::Number(n) => {
                self.advance();
                ExprKind::Number(n)
            }
            Tok::Text(parts) => {
                self.advance();
                return self.text(parts, start);
            }
            Tok::Name(name) => {
                self.advance();
                ExprKind::Name(self.new_ident(name, start))
            }
            Tok::Key(key) => {
                let kind = match key {
                    "nil" => ExprKind::Nil,
                    "true" => ExprKind::Bool(true),
                    "false" => ExprKind::Bool(false),
                    "this" => ExprKind::This,
                    "say" => ExprKind::Say,
                    "super" => {
                        self.advance();
                        self.expect(".")?;
                        let name = self.member_name("the name of a method")?;
                        return Ok(expr(ExprKind::SuperGet(name), start.to(self.last())));
                    }
                    "fun" => {
                        self.advance();
                        let fun = self.lambda_body(start)?;
                        return Ok(expr(ExprKind::Lambda(Rc::new(fun)), start.to(self.last())));
                    }
                    _ => return self.unexpected("an expression"),
                };
                self.advance();
                kind
            }
            Tok::Op("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(Expr { span: start.to(self.last()), ..inner });
            }
            Tok::Op("[") => {
                self.advance();
                ExprKind::Array(self.list("]")?)
            }
            Tok::Op("{") => self.object()?,
            _ => return self.unexpected("an expression"),
        };
        Ok(expr(kind, start.to(self.last())))
    }

    fn object(&mut self) -> P<ExprKind> {
        self.advance();
        let mut members = Vec::new();
        while !self.take("}") {
            let key = if matches!(self.tok(), Tok::Text(_)) {
                self.plain_string("a key without ${…} in it")?.0
            } else {
                self.member_name("a key or }")?
            };
            self.expect(":")?;
            members.push((key, self.expression()?));
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(ExprKind::Object(members))
    }

    fn text(&mut self, parts: Vec<Part>, span: Span) -> P<Expr> {
        let plain = match parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text.as_str()),
            _ => None,
        };
        if let Some(text) = plain {
            return Ok(expr(ExprKind::Text(text.into()), span));
        }
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => expr(ExprKind::Text(text.as_str().into()), span),
                Part::Code(tokens) => self.interpolated(tokens, span)?,
            });
        }
        Ok(expr(ExprKind::Interpolated(pieces), span))
    }

    /// The expression in `${…}`, whose tokens are a list of their own.
    fn interpolated(&mut self, tokens: Vec<Token>, span: Span) -> P<Expr> {
        if tokens.len() <= 1 {
            self.problem(span, "there is an empty ${} in this string").hint =
                Some("write an expression in it, or \\$ for the sign".into());
            return Err(Bad);
        }
        let outer = std::mem::replace(&mut self.tokens, tokens);
        let at = std::mem::replace(&mut self.at, 0);
        let parsed = self.expression();
        let parsed = match parsed {
            Ok(_) if !self.ended() => self.unexpected("} after the expression"),
            other => other,
        };
        self.tokens = outer;
        self.at = at;
        parsed
    }
}
