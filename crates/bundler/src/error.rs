//! Why files do not become code. Plain data; rendered where it is shown.

use std::fmt;

use crate::limits;

/// One complaint about one place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// The file, as a path.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line, shortened if it is very long.
    pub source_line: String,
    /// How many characters of the quoted line are meant, and where they begin in it (from 0).
    pub len: u32,
    /// Where in `source_line` the place is, from 0, in characters.
    pub offset: u32,
}

impl Diagnostic {
    /// A complaint about the bytes `start..start + len` of `source`.
    pub(crate) fn at(file: &str, source: &str, start: usize, len: usize, message: impl Into<String>) -> Self {
        let start = floor(source, start.min(source.len()));
        let line_start = source[..start].rfind(is_line_end).map_or(0, |at| at + width(source, at));
        let line_end = source[start..].find(is_line_end).map_or(source.len(), |at| start + at);
        let line = &source[line_start..line_end];
        let before = source[line_start..start].chars().count();
        let end = floor(source, start.saturating_add(len).min(line_end));
        let marked = source[start..end.max(start)].chars().count().max(1);
        // A minified file has one line of a megabyte: quote what is around the place.
        let from = before.saturating_sub(limits::QUOTED_LINE / 2);
        let quoted: String = line.chars().skip(from).take(limits::QUOTED_LINE).map(visible).collect();
        let room = quoted.chars().count().saturating_sub(before - from).max(1);
        Self {
            file: file.to_owned(),
            line: 1 + count_lines(&source[..start]),
            column: to_u32(before + 1),
            message: message.into().chars().map(visible).collect(),
            help: None,
            source_line: quoted,
            len: to_u32(marked.min(room)),
            offset: to_u32(before - from),
        }
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        let number = self.line.to_string();
        writeln!(f, "  {number} | {}", self.source_line)?;
        let (pad, offset) = (" ".repeat(number.len()), " ".repeat(self.offset as usize));
        write!(f, "  {pad} | {offset}{}", "^".repeat(self.len.max(1) as usize))?;
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Why files do not become code. Nothing here gets better by trying again; the files must change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read.
    #[error("cannot read {file}: {cause}")]
    Read {
        /// The path.
        file: String,
        /// What the system said, and what to do.
        cause: String,
    },
    /// Sources are not valid TypeScript or JavaScript, or use what is not supported.
    #[error("{}", list(.diagnostics))]
    Syntax {
        /// The complaints, by file and position.
        diagnostics: Vec<Diagnostic>,
    },
    /// Imports lead nowhere, or to what cannot be part of a program.
    #[error("{}", list(.diagnostics))]
    Import {
        /// The complaints, by file and position.
        diagnostics: Vec<Diagnostic>,
    },
    /// A kind of file that is not run.
    #[error("{file} cannot be run: {reason}")]
    Unsupported {
        /// The path.
        file: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// Too much of something.
    #[error("{file}: {what} is over the limit of {max}")]
    Limit {
        /// The path at which the limit was passed.
        file: String,
        /// What is too much, as the beginning of a sentence.
        what: String,
        /// The limit, with its unit.
        max: String,
    },
    /// A fault of the compiler.
    #[error("{file}: the compiler failed ({cause}); please report this with the file")]
    Internal {
        /// The path.
        file: String,
        /// What it said.
        cause: String,
    },
}

impl BundleError {
    /// The complaints with positions, if there are any.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Syntax { diagnostics } | Self::Import { diagnostics } => diagnostics,
            _ => &[],
        }
    }
}

fn list(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n\n")
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn width(source: &str, at: usize) -> usize {
    source[at..].chars().next().map_or(1, char::len_utf8)
}

/// Ends of lines, where CR LF is one.
fn count_lines(text: &str) -> u32 {
    let ends = text.chars().filter(|c| is_line_end(*c)).count();
    to_u32(ends - text.matches("\r\n").count())
}

/// What a terminal must not act upon is shown as a blank, one character wide like the original.
fn visible(c: char) -> char {
    if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        ' '
    } else {
        c
    }
}

fn floor(source: &str, mut at: usize) -> usize {
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
