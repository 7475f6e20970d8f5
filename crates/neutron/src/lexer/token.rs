//! What the lexer gives.

use std::rc::Rc;

use crate::source::Span;

/// Words that cannot be names, apart from those of which the parser decides by position.
pub(crate) const KEYWORDS: [&str; 36] = [
    "and", "class", "elif", "else", "extends", "false", "for", "fun", "if", "nil", "or", "say", "return", "static",
    "super", "this", "true", "var", "while", "do", "break", "continue", "match", "case", "default", "try", "catch",
    "finally", "throw", "retry", "enum", "in", "use", "using", "from", "as",
];

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub tok: Tok,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    Name(Rc<str>),
    Key(&'static str),
    Number(f64),
    /// Pieces of text and code; a plain string has at most one piece.
    Text(Vec<Part>),
    Op(&'static str),
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Code(Vec<Token>),
}
