//! Docblocks: the text before the first tag, the tags, and the `{@name value}` inside of texts. Every part knows where
//! it stands in the file.

use std::collections::HashMap;
use std::rc::Rc;

use oxc_ast::Comment;

/// The docblocks of a file, by what they stand before.
#[derive(Debug, Default)]
pub(super) struct Comments {
    by_token: HashMap<u32, Vec<Rc<Doc>>>,
}

impl Comments {
    pub fn new(text: &str, comments: &[Comment]) -> Self {
        let mut by_token: HashMap<u32, Vec<Rc<Doc>>> = HashMap::new();
        for comment in comments {
            let (start, end) = (comment.span.start as usize, comment.span.end as usize);
            let inner = text.get(start..end).and_then(|c| c.strip_prefix("/**")?.strip_suffix("*/"));
            if let Some(inner) = inner {
                by_token.entry(comment.attached_to).or_default().push(Rc::new(Doc::new(inner, start + 3)));
            }
        }
        Self { by_token }
    }

    /// The docblock nearest before the token at `start`.
    pub fn before(&self, start: u32) -> Option<Rc<Doc>> {
        self.by_token.get(&start)?.last().cloned()
    }

    /// All docblocks before the token at `start`.
    pub fn all_before(&self, start: u32) -> &[Rc<Doc>] {
        self.by_token.get(&start).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A docblock, read.
#[derive(Debug, Default)]
pub(super) struct Doc {
    /// What stands before the first tag.
    pub lead: Text,
    pub tags: Vec<Tag>,
}

/// `@name text`
#[derive(Debug)]
pub(super) struct Tag {
    pub name: String,
    /// Where its `@` is in the file.
    pub at: usize,
    pub text: Text,
}

/// Lines of a docblock without what decorates them.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub text: String,
    /// Where each line begins: in `text`, and in the file.
    lines: Vec<(usize, usize)>,
}

/// `{@name value}`
#[derive(Debug)]
pub(super) struct Inline {
    pub name: String,
    pub value: String,
    /// Where its brace is in the file.
    pub at: usize,
    /// There was a brace that closes it.
    pub closed: bool,
}

impl Text {
    fn push(&mut self, line: &str, at: usize) {
        if !self.lines.is_empty() {
            self.text.push('\n');
        }
        self.lines.push((self.text.len(), at));
        self.text.push_str(line);
    }

    /// Where a byte of the text is in the file.
    pub fn position(&self, byte: usize) -> usize {
        let line = self.lines.iter().rev().find(|(start, _)| *start <= byte);
        line.map_or(0, |(start, at)| at + (byte - start))
    }

    pub fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default().trim()
    }

    /// The rest from `byte` on.
    pub fn from(&self, byte: usize) -> Text {
        let rest = self.text.get(byte..).unwrap_or_default();
        let mut out = Text::default();
        let mut start = byte;
        for line in rest.split('\n') {
            out.push(line, self.position(start));
            start += line.len() + 1;
        }
        out
    }

    /// The text without its inline tags, and these.
    pub fn inlines(&self) -> (String, Vec<Inline>) {
        let (mut plain, mut found, mut at) = (String::new(), Vec::new(), 0);
        while let Some(start) = self.text[at..].find("{@").map(|offset| at + offset) {
            plain.push_str(&self.text[at..start]);
            let rest = &self.text[start + 2..];
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
            let value_at = start + 2 + name.len();
            let end = closing(&self.text, value_at);
            let value_end =
                end.unwrap_or_else(|| self.text[value_at..].find('\n').map_or(self.text.len(), |n| value_at + n));
            let value = self.text[value_at..value_end].trim().to_owned();
            // `{@link x}` is text.
            if matches!(name.as_str(), "link" | "linkcode" | "linkplain") {
                plain.push_str(value.split_once(['|', ' ']).map_or(value.as_str(), |(_, label)| label.trim()));
            } else if !name.is_empty() {
                found.push(Inline { name, value, at: self.position(start), closed: end.is_some() });
            }
            at = end.map_or(value_end, |end| end + 1);
        }
        plain.push_str(&self.text[at..]);
        (plain, found)
    }
}

/// The brace that closes what is open at `from`: braces in braces, after backslashes and in JSON strings do not.
fn closing(text: &str, from: usize) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    let json = text[from..].trim_start().starts_with(['"', '[', '{']);
    let mut chars = text[from..].char_indices();
    while let Some((offset, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '"' if json => quoted = !quoted,
            _ if quoted => {}
            '{' => depth += 1,
            '}' if depth == 0 => return Some(from + offset),
            '}' => depth -= 1,
            _ => {}
        }
    }
    // A quote that is not JSON's: the first brace, then.
    if quoted { text[from..].find('}').map(|offset| from + offset) } else { None }
}

impl Doc {
    /// Reads what is between `/**` and `*/`, which begins at byte `at` of the file.
    pub fn new(inner: &str, at: usize) -> Self {
        let mut doc = Self::default();
        let (mut start, mut fenced) = (at, false);
        for raw in inner.split('\n') {
            let trimmed = raw.trim_start();
            let body = trimmed.strip_prefix('*').map_or(trimmed, |rest| rest.strip_prefix(' ').unwrap_or(rest));
            let line_at = start + (raw.len() - body.len());
            let line = body.trim_end();
            start += raw.len() + 1;
            let word = line.trim_start();
            if word.starts_with("```") {
                fenced = !fenced;
            }
            let name = word.strip_prefix('@').filter(|_| !fenced).map(tag_name).unwrap_or_default();
            if name.is_empty() {
                doc.tags.last_mut().map_or(&mut doc.lead, |tag| &mut tag.text).push(line, line_at);
                continue;
            }
            let tag_at = line_at + (line.len() - word.len());
            let rest = &word[1 + name.len()..];
            let text = rest.trim_start();
            let mut tag = Tag { name: name.to_owned(), at: tag_at, text: Text::default() };
            tag.text.push(text, tag_at + 1 + name.len() + (rest.len() - text.len()));
            doc.tags.push(tag);
        }
        doc
    }

    /// The first tag of a name; capitals do not matter.
    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.is(name))
    }

    /// What the docblock says in words: lines of a paragraph joined, paragraphs apart. Ends at a heading, where longer
    /// documentation begins. `@description` and `@summary` count.
    pub fn description(&self) -> String {
        let (plain, _) = self.lead.inlines();
        let lead = prose(&plain);
        if !lead.is_empty() {
            return lead;
        }
        let tag = self.tag("description").or_else(|| self.tag("summary"));
        tag.map(|tag| prose(&tag.text.inlines().0)).unwrap_or_default()
    }
}

impl Tag {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The text as prose, without inline tags.
    pub fn prose(&self) -> String {
        prose(&self.text.inlines().0)
    }
}

fn tag_name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(text.len());
    &text[..end]
}

/// Lines to paragraphs.
pub(super) fn prose(text: &str) -> String {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.starts_with("# ") || line.starts_with("##") {
            break;
        }
        match paragraphs.last_mut() {
            _ if line.is_empty() => open = false,
            Some(last) if open => {
                last.push(' ');
                last.push_str(&line);
            }
            _ => {
                paragraphs.push(line);
                open = true;
            }
        }
    }
    paragraphs.join("\n\n")
}
