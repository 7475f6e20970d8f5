//! What is wrong with a source text, as plain data; rendered once, by whoever shows it.

use std::fmt::Write;

use crate::source::{Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program cannot run.
    Error,
    /// The program can run, and will fail if it gets there.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file's name.
    pub file: String,
    /// The place.
    pub span: Span,
    /// Line and column of the place, both from 1.
    pub position: (u32, u32),
    /// What to do about it.
    pub hint: Option<String>,
    /// The source line, for showing.
    pub line: String,
}

/// What is wrong, before it is known in which file.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub severity: Severity,
    pub message: String,
    pub span: Span,
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), span, hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    pub fn at(self, source: &Source) -> Diagnostic {
        let position = source.position(self.span.start);
        Diagnostic {
            severity: self.severity,
            message: self.message,
            file: source.name.clone(),
            span: self.span,
            position,
            hint: self.hint,
            line: source.line(position.0).to_owned(),
        }
    }
}

/// A source line with a mark under a place.
pub(crate) fn excerpt(line_number: u32, line: &str, mark: Option<(u32, usize)>) -> String {
    // Of a long line, the part around the mark.
    let column = mark.map_or(1, |(column, _)| column as usize);
    let cut = if column > 120 { column - 60 } else { 0 };
    let shown: String = line.chars().skip(cut).take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let gutter = line_number.to_string();
    let mut out = format!("  {gutter} | {shown}");
    if let Some((_, length)) = mark {
        let column = column - cut;
        let room = shown.chars().count().saturating_sub(column - 1).max(1);
        let (pad, before) = (" ".repeat(gutter.len()), " ".repeat(column - 1));
        let _ = write!(out, "\n  {pad} | {before}{}", "^".repeat(length.clamp(1, room)));
    }
    out
}

impl Diagnostic {
    /// The text for people: message, place, source line, mark, hint.
    pub fn render(&self) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (line, column) = self.position;
        let mut out = format!("{word}: {}\n --> {}:{line}:{column}\n", self.message, self.file);
        out += &excerpt(line, &self.line, Some((column, (self.span.end - self.span.start) as usize)));
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\n  hint: {hint}");
        }
        out
    }
}

/// The nearest of some names, if one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    candidates.filter(|c| *c != name).map(|c| (distance(name, c), c)).filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}
