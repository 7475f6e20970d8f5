//! Text to tokens. Goes on after an error, so that one pass finds many.

mod number;
mod text;
mod token;

pub(crate) use token::{KEYWORDS, Part, Tok, Token};

use crate::diagnostic::Problem;
use crate::source::Span;

/// Longest operators first.
const OPERATORS: [&str; 48] = [
    "...", "=>", "->", "==", "!=", "<=", ">=", "<<", ">>", "&&", "||", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=",
    "(", ")", "{", "}", "[", "]", ",", ";", ":", ".", "?", "=", "<", ">", "+", "-", "*", "/", "%", "!", "~", "&", "|",
    "^", "@", "$", "#", "`", "\\",
];

/// Interpolations nested deeper than this are refused.
const MAX_NESTING: usize = 32;

/// Errors after which the rest of a text is not looked at.
const MAX_PROBLEMS: usize = 50;

pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    nesting: usize,
    /// The rest is not looked at, so that nothing in it is reported to be missing.
    stopped: bool,
    problems: Vec<Problem>,
}

/// The tokens of a text, the last of which is `Tok::End`, and what was wrong with it.
pub(crate) fn tokens(text: &str) -> (Vec<Token>, Vec<Problem>) {
    let mut lexer = Lexer { text, at: 0, nesting: 0, stopped: false, problems: Vec::new() };
    if text.starts_with("#!") {
        lexer.at = text.find('\n').unwrap_or(text.len());
    }
    let tokens = lexer.until(None);
    (tokens, lexer.problems)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn problem(&mut self, start: usize, message: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::new(Span::new(start, self.at.max(start + 1).min(self.text.len())), message));
        self.problems.last_mut().expect("just pushed")
    }

    /// Tokens to the end of the text or, inside an interpolation, to the `}` that closes it.
    fn until(&mut self, opened: Option<usize>) -> Vec<Token> {
        let mut out = Vec::new();
        let mut depth = 0usize;
        loop {
            self.space();
            if self.problems.len() >= MAX_PROBLEMS {
                self.stopped = true;
                self.at = self.text.len();
            }
            let start = self.at;
            let Some(c) = self.peek() else {
                if let Some(opened) = opened.filter(|_| !self.stopped) {
                    self.at = opened + 2;
                    self.problem(opened, "this ${ is never closed").hint = Some("close it with }".into());
                    self.at = self.text.len();
                }
                out.push(Token { tok: Tok::End, span: Span::new(start, start) });
                return out;
            };
            if opened.is_some() && c == '}' && depth == 0 {
                out.push(Token { tok: Tok::End, span: Span::new(start, start + 1) });
                self.at += 1;
                return out;
            }
            if let Some(tok) = self.token(c) {
                match tok {
                    Tok::Op("{") => depth += 1,
                    Tok::Op("}") => depth = depth.saturating_sub(1),
                    _ => {}
                }
                out.push(Token { tok, span: Span::new(start, self.at) });
            }
        }
    }

    fn token(&mut self, c: char) -> Option<Tok> {
        let start = self.at;
        match c {
            'r' if self.rest()[1..].starts_with(['"', '\'']) => Some(self.raw_string()),
            'a'..='z' | 'A'..='Z' | '_' => {
                let len = self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                self.at += len.unwrap_or(self.rest().len());
                let word = &self.text[start..self.at];
                Some(match KEYWORDS.iter().find(|k| **k == word) {
                    Some(keyword) => Tok::Key(keyword),
                    None => Tok::Name(word.into()),
                })
            }
            '0'..='9' => Some(self.number()),
            '"' | '\'' => Some(self.string(c)),
            _ => {
                let found = OPERATORS.iter().find(|op| self.rest().starts_with(**op)).copied();
                self.at += found.map_or(c.len_utf8(), str::len);
                match found {
                    Some("@" | "$" | "#" | "`" | "\\") | None => {
                        let name = if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() };
                        let problem = self.problem(start, format!("the character {name} means nothing here"));
                        if c == '`' {
                            problem.hint = Some("strings stand between \" or '; both take ${…}".into());
                        } else if c == '#' {
                            problem.hint = Some("comments are // … or #{ … }#".into());
                        } else if c.is_alphabetic() {
                            problem.hint = Some("names are made of A–Z, a–z, 0–9 and _".into());
                        }
                        None
                    }
                    Some(op) => Some(Tok::Op(op)),
                }
            }
        }
    }

    /// Skips white space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("#{") {
                self.block_comment();
            } else {
                return;
            }
        }
    }

    /// `#{ … #}`, nested; `}#` closes one too.
    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0usize;
        let bytes = self.text.as_bytes();
        while let Some(pair) = bytes.get(self.at..self.at + 2) {
            match pair {
                b"#{" => depth += 1,
                b"#}" | b"}#" => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
        self.at = start + 2;
        self.problem(start, "this comment is never closed").hint = Some("close it with #}".into());
        self.at = self.text.len();
    }
}
