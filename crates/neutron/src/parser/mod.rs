//! Tokens to a syntax tree, by recursive descent. After an error it goes on with the next statement, so that one pass
//! finds many.

mod declaration;
mod expression;
mod statement;

use std::rc::Rc;

use crate::ast::{Ident, Tree};
use crate::diagnostic::Problem;
use crate::lexer::{self, Tok, Token};
use crate::source::Span;

/// Statements and expressions nested deeper than this are refused, so that no text exhausts the native stack.
const MAX_DEPTH: usize = 160;

/// Levels of an expression's tree, which operators and calls in a row make too: as many as the native stack bears.
const MAX_HEIGHT: u32 = 4_000;

/// Errors after which the parser gives up on a file.
const MAX_PROBLEMS: usize = 50;

/// A syntax error that has been noted.
struct Bad;

type P<T> = Result<T, Bad>;

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    idents: u32,
    depth: usize,
    /// The height of the highest expression of the function so far.
    highest: u32,
    /// Assignments seen so far: tells whether an expression changes variables.
    changes: u32,
    functions: usize,
    loops: usize,
    uses: Vec<(Rc<str>, Span)>,
    problems: Vec<Problem>,
}

/// The tree of a text and what was wrong with it.
pub(crate) fn parse(text: &str) -> (Tree, Vec<Problem>) {
    let (tokens, problems) = lexer::tokens(text);
    let mut parser = Parser {
        tokens,
        at: 0,
        idents: 0,
        depth: 0,
        highest: 0,
        changes: 0,
        functions: 0,
        loops: 0,
        uses: Vec::new(),
        problems,
    };
    let mut body = Vec::new();
    while !parser.ended() && parser.problems.len() < MAX_PROBLEMS {
        let before = parser.at;
        match parser.statement() {
            Ok(statement) => body.push(statement),
            Err(Bad) => parser.recover(before),
        }
    }
    let end = parser.span();
    let mut problems = parser.problems;
    problems.sort_by_key(|p| p.span.start);
    (Tree { body, idents: parser.idents, end, uses: parser.uses }, problems)
}

impl Parser {
    fn tok(&self) -> &Tok {
        &self.tokens[self.at].tok
    }

    fn ahead(&self, n: usize) -> &Tok {
        &self.tokens[(self.at + n).min(self.tokens.len() - 1)].tok
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// The span of the token before.
    fn last(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn ended(&self) -> bool {
        self.at + 1 >= self.tokens.len()
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        if !self.ended() {
            self.at += 1;
        }
        token
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.tok(), Tok::Op(o) if *o == op)
    }

    fn is_key(&self, key: &str) -> bool {
        matches!(self.tok(), Tok::Key(k) if *k == key)
    }

    fn take(&mut self, op: &str) -> bool {
        let is = self.is(op);
        if is {
            self.advance();
        }
        is
    }

    fn take_key(&mut self, key: &str) -> bool {
        let is = self.is_key(key);
        if is {
            self.advance();
        }
        is
    }

    fn problem(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::new(span, message));
        self.problems.last_mut().expect("just pushed")
    }

    fn found(&self) -> String {
        match self.tok() {
            Tok::Name(name) => name.to_string(),
            Tok::Key(key) => format!("the word {key}"),
            Tok::Number(_) => "a number".into(),
            Tok::Text(_) => "a string".into(),
            Tok::Op(op) => op.to_string(),
            Tok::End => "the end".into(),
        }
    }

    fn unexpected<T>(&mut self, expected: &str) -> P<T> {
        // A string or comment that is never closed has taken the rest; that was reported.
        if self.ended() && self.problems.iter().any(|p| p.message.ends_with("is never closed")) {
            return Err(Bad);
        }
        let message = format!("expected {expected}, found {}", self.found());
        // At the end, the place of interest is what came before it.
        let span = if self.ended() { self.last() } else { self.span() };
        self.problem(span, message);
        Err(Bad)
    }

    fn expect(&mut self, op: &str) -> P<Span> {
        if self.is(op) { Ok(self.advance().span) } else { self.unexpected(op) }
    }

    /// The `;` after a statement. A missing one is noted, and the statement stands.
    fn semicolon(&mut self) -> P<()> {
        if self.take(";") {
            return Ok(());
        }
        let (end, next) = (self.last(), self.span());
        let message = format!("expected ; before {}", self.found());
        self.problem(Span { start: end.end.saturating_sub(1), end: end.end }, message).hint =
            Some("every statement ends with ;".into());
        // On the same line there is more that does not belong here.
        if next.start > end.end + 1 || self.is("}") || self.ended() { Ok(()) } else { Err(Bad) }
    }

    fn new_ident(&mut self, name: Rc<str>, span: Span) -> Ident {
        self.idents += 1;
        Ident { name, span, id: self.idents - 1 }
    }

    fn ident(&mut self, what: &str) -> P<Ident> {
        if let Tok::Name(name) = self.tok() {
            let name = name.clone();
            let span = self.advance().span;
            return Ok(self.new_ident(name, span));
        }
        if let Tok::Key(key) = *self.tok() {
            let message = format!("{key} is a word of the language and cannot be {what}");
            let span = self.advance().span;
            self.problem(span, message).hint = Some(format!("choose another name, such as {key}_"));
            return Err(Bad);
        }
        self.unexpected(what)
    }

    /// A name after a dot or as a key: words of the language too.
    fn member_name(&mut self, what: &str) -> P<Rc<str>> {
        let name = match self.tok() {
            Tok::Name(name) => name.clone(),
            Tok::Key(key) => (*key).into(),
            _ => return self.unexpected(what),
        };
        self.advance();
        Ok(name)
    }

    /// A string without code in it.
    fn plain_string(&mut self, what: &str) -> P<(Rc<str>, Span)> {
        let span = self.span();
        let text = match self.tok() {
            Tok::Text(parts) => match parts.as_slice() {
                [] => "".into(),
                [lexer::Part::Text(text)] => text.as_str().into(),
                _ => return self.unexpected(what),
            },
            _ => return self.unexpected(what),
        };
        self.advance();
        Ok((text, span))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> P<T>) -> P<T> {
        if self.depth == MAX_DEPTH {
            let span = self.span();
            self.problem(span, "this is nested too deeply").hint =
                Some("move a part of it into a function or a variable".into());
            return Err(Bad);
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Skips what is left of a broken statement that began at token `before`.
    fn recover(&mut self, before: usize) {
        if self.at == before {
            self.advance();
        }
        let mut depth = 0usize;
        while !self.ended() {
            match self.tok() {
                Tok::Op(";") if depth == 0 => {
                    self.advance();
                    return;
                }
                Tok::Op("{") => depth += 1,
                Tok::Op("}") => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    if depth == 0 {
                        self.advance();
                        return;
                    }
                }
                Tok::Key(
                    "var" | "fun" | "class" | "if" | "while" | "for" | "return" | "use" | "using" | "match" | "try"
                    | "throw" | "retry" | "enum" | "say" | "do" | "static",
                ) if depth == 0 => return,
                _ => {}
            }
            self.advance();
        }
    }
}
