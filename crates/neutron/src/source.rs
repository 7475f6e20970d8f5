//! Source files and places in them.

/// One source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as errors show it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A range of bytes in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn to(self, end: Span) -> Self {
        Self { start: self.start, end: end.end.max(self.start) }
    }
}

impl Source {
    /// Line and column (in characters), both from 1.
    pub fn position(&self, at: u32) -> (u32, u32) {
        let mut at = (at as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() as u32 + 1, before[start..].chars().count() as u32 + 1)
    }

    /// The text of a line, counted from 1.
    pub fn line(&self, line: u32) -> &str {
        self.text.lines().nth((line as usize).saturating_sub(1)).unwrap_or("")
    }
}

/// Where each line of a text begins, for many look-ups.
pub(crate) struct Lines(Vec<u32>);

impl Lines {
    pub fn of(text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
        Self(std::iter::once(0).chain(starts).collect())
    }

    pub fn line(&self, at: u32) -> u32 {
        self.0.partition_point(|start| *start <= at) as u32
    }
}
