//! Statements.

use std::collections::HashSet;
use std::rc::Rc;

use super::{Bad, MAX_PROBLEMS, P, Parser};
use crate::ast::{Case, For, Stmt, StmtKind, Try};
use crate::lexer::Tok;

impl Parser {
    pub(super) fn statement(&mut self) -> P<Stmt> {
        self.deeper(Self::statement_here)
    }

    fn statement_here(&mut self) -> P<Stmt> {
        let start = self.span();
        let kind = match self.tok() {
            Tok::Op("{") => StmtKind::Block(self.block()?),
            Tok::Op(";") => {
                self.advance();
                StmtKind::Empty
            }
            Tok::Name(name) if &**name == "safe" && matches!(self.ahead(1), Tok::Op("{")) => {
                self.advance();
                StmtKind::Block(self.block()?)
            }
            Tok::Key(key) => match *key {
                "say" => self.say()?,
                "var" | "static" => self.var()?,
                "if" => self.if_()?,
                "while" => self.while_()?,
                "do" => self.do_while()?,
                "for" => self.for_()?,
                "class" => self.class()?,
                "use" => self.use_()?,
                "using" => self.using()?,
                "fun" if matches!(self.ahead(1), Tok::Name(_) | Tok::Key(_)) => self.fun_statement()?,
                "return" => self.return_()?,
                "break" | "continue" => self.jump()?,
                "match" => self.match_()?,
                "try" => self.try_()?,
                "throw" => {
                    self.advance();
                    let value = self.expression()?;
                    self.semicolon()?;
                    StmtKind::Throw(value)
                }
                "retry" => self.retry()?,
                "enum" => self.enum_()?,
                "else" | "elif" | "catch" | "finally" | "case" | "default" => {
                    let (key, span) = (*key, self.span());
                    let opener = match key {
                        "else" | "elif" => "an if",
                        "catch" | "finally" => "a try",
                        _ => "a match",
                    };
                    self.problem(span, format!("this {key} does not follow {opener}"));
                    return Err(Bad);
                }
                _ => self.expression_statement()?,
            },
            Tok::Op("}") => {
                self.problem(start, "this } closes nothing");
                self.advance();
                StmtKind::Empty
            }
            _ => self.expression_statement()?,
        };
        Ok(Stmt { kind, span: start.to(self.last()) })
    }

    fn expression_statement(&mut self) -> P<StmtKind> {
        let value = self.expression()?;
        self.semicolon()?;
        Ok(StmtKind::Expr(value))
    }

    pub(super) fn block(&mut self) -> P<Vec<Stmt>> {
        let open = self.expect("{")?;
        let mut body = Vec::new();
        while !self.is("}") {
            if self.ended() {
                if self.problems.len() < MAX_PROBLEMS {
                    self.problem(open, "this { is never closed").hint = Some("close it with }".into());
                }
                return Err(Bad);
            }
            let before = self.at;
            match self.statement() {
                Ok(statement) => body.push(statement),
                Err(Bad) if self.problems.len() >= MAX_PROBLEMS => return Err(Bad),
                Err(Bad) => self.recover(before),
            }
        }
        self.advance();
        Ok(body)
    }

    fn say(&mut self) -> P<StmtKind> {
        // `say` can be passed on as a function, too; only the call is a statement of its own.
        if !self.say_stands_alone() {
            return self.expression_statement();
        }
        self.advance();
        self.expect("(")?;
        let value = self.expression()?;
        if self.is(",") {
            let span = self.span();
            self.problem(span, "say takes one value").hint =
                Some("join values with + or write them into one string: \"${a} ${b}\"".into());
            return Err(Bad);
        }
        self.expect(")")?;
        self.semicolon()?;
        Ok(StmtKind::Say(value))
    }

    /// Looks behind the parenthesis that closes `say(`: parsing it twice would cost a power of the nesting.
    fn say_stands_alone(&self) -> bool {
        let mut depth = 0usize;
        for n in 1.. {
            match self.ahead(n) {
                Tok::Op("(" | "[" | "{") => depth += 1,
                Tok::Op(")" | "]" | "}") => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                let operator = match self.ahead(n + 1) {
                    Tok::Op(op) => !matches!(*op, ";" | "}"),
                    Tok::Key("and" | "or") => true,
                    _ => false,
                };
                return n > 1 && !operator;
            }
            if matches!(self.ahead(n), Tok::End) {
                return true;
            }
        }
        false
    }

    fn condition(&mut self) -> P<crate::ast::Expr> {
        self.expect("(")?;
        let test = self.expression()?;
        self.expect(")")?;
        Ok(test)
    }

    fn if_(&mut self) -> P<StmtKind> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            self.advance();
            let test = self.condition()?;
            let then = self.statement()?;
            branches.push((test, then));
            if self.is_key("elif") {
                continue;
            }
            if self.take_key("else") {
                if self.is_key("if") {
                    continue;
                }
                otherwise = Some(Box::new(self.statement()?));
            }
            break;
        }
        Ok(StmtKind::If { branches, otherwise })
    }

    fn loop_body(&mut self) -> P<Stmt> {
        self.loops += 1;
        let body = self.statement();
        self.loops -= 1;
        body
    }

    fn while_(&mut self) -> P<StmtKind> {
        self.advance();
        let test = self.condition()?;
        Ok(StmtKind::While { test, body: Box::new(self.loop_body()?) })
    }

    fn do_while(&mut self) -> P<StmtKind> {
        self.advance();
        let body = Box::new(self.loop_body()?);
        if !self.take_key("while") {
            return self.unexpected("while after the body of do");
        }
        let test = self.condition()?;
        self.semicolon()?;
        Ok(StmtKind::DoWhile { body, test })
    }

    fn for_(&mut self) -> P<StmtKind> {
        self.advance();
        self.expect("(")?;
        let declares = self.is_key("var");
        let name_at = usize::from(declares);
        if matches!(self.ahead(name_at), Tok::Name(_)) && matches!(self.ahead(name_at + 1), Tok::Key("in")) {
            if declares {
                self.advance();
            }
            let name = self.ident("a name")?;
            self.advance();
            let object = self.expression()?;
            self.expect(")")?;
            return Ok(StmtKind::ForIn { declares, name, object, body: Box::new(self.loop_body()?) });
        }
        let start = self.span();
        let init = if self.take(";") {
            None
        } else {
            let kind = if declares { self.var()? } else { self.expression_statement()? };
            Some(Stmt { kind, span: start.to(self.last()) })
        };
        let test = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let step = if self.is(")") { None } else { Some(self.expression()?) };
        self.expect(")")?;
        let body = self.loop_body()?;
        Ok(StmtKind::For(Box::new(For { init, test, step, body })))
    }

    fn return_(&mut self) -> P<StmtKind> {
        let span = self.advance().span;
        if self.functions == 0 {
            self.problem(span, "return stands outside a function").hint = Some("end a program with sys.exit(0)".into());
        }
        let value = if self.is(";") { None } else { Some(self.expression()?) };
        self.semicolon()?;
        Ok(StmtKind::Return(value))
    }

    fn jump(&mut self) -> P<StmtKind> {
        let is_break = self.is_key("break");
        let span = self.advance().span;
        if self.loops == 0 {
            self.problem(span, format!("{} stands outside a loop", if is_break { "break" } else { "continue" }));
        }
        self.semicolon()?;
        Ok(if is_break { StmtKind::Break } else { StmtKind::Continue })
    }

    fn match_(&mut self) -> P<StmtKind> {
        self.advance();
        let subject = self.condition()?;
        self.expect("{")?;
        let (mut cases, mut default) = (Vec::new(), None);
        while !self.take("}") {
            let span = self.span();
            if self.take_key("case") {
                let value = self.expression()?;
                let guard = if self.take_key("if") { Some(self.expression()?) } else { None };
                self.expect("=>")?;
                cases.push(Case { value, guard, body: self.statement()? });
            } else if self.take_key("default") {
                self.expect("=>")?;
                let body = self.statement()?;
                if default.replace(Box::new(body)).is_some() {
                    self.problem(span, "this match has a default already");
                }
            } else {
                return self.unexpected("case, default or }");
            }
        }
        Ok(StmtKind::Match { subject, cases, default })
    }

    fn catch(&mut self) -> P<Option<(crate::ast::Ident, Vec<Stmt>)>> {
        if !self.take_key("catch") {
            return Ok(None);
        }
        self.expect("(")?;
        let name = self.ident("a name for the error")?;
        self.expect(")")?;
        Ok(Some((name, self.block()?)))
    }

    fn try_(&mut self) -> P<StmtKind> {
        self.advance();
        let body = self.block()?;
        let catch = self.catch()?;
        let finally = if self.take_key("finally") { Some(self.block()?) } else { None };
        Ok(StmtKind::Try(Box::new(Try { body, catch, finally })))
    }

    fn retry(&mut self) -> P<StmtKind> {
        self.advance();
        let count = self.condition()?;
        let body = self.block()?;
        Ok(StmtKind::Retry { count, body, catch: self.catch()? })
    }

    fn enum_(&mut self) -> P<StmtKind> {
        self.advance();
        let name = self.ident("the name of the enum")?;
        self.expect("{")?;
        let mut members: Vec<(Rc<str>, _)> = Vec::new();
        let mut seen = HashSet::new();
        while !self.take("}") {
            let span = self.span();
            let member = self.member_name("a member or }")?;
            if !seen.insert(member.clone()) {
                self.problem(span, format!("{member} is a member already"));
            }
            let value = if self.take("=") { Some(self.expression()?) } else { None };
            members.push((member, value));
            self.take(",");
        }
        Ok(StmtKind::Enum { name, members })
    }
}
