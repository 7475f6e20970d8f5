//! Room for a recursive parser, whatever it is given.

/// Stack that one byte of source can cost at most: each level of nesting needs a byte or more (`!`, `(`, `[`), and
/// passes through a dozen functions of the parser. Measured, with a margin.
const PER_BYTE: usize = if cfg!(debug_assertions) { 32 << 10 } else { 8 << 10 };
/// What an ordinary file needs.
const LEAST: usize = 32 << 20;
/// What is reserved at most. Address space only: pages are used as the parser gets deeper.
const MOST: usize = 1 << 30;

/// Runs `work` on a stack that fits a source of `len` bytes. A panic in it is an error, with its message.
pub(crate) fn with_room<T: Send>(len: usize, work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let size = len.saturating_mul(PER_BYTE).clamp(LEAST, MOST);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("bundler".into()).stack_size(size);
        let handle = thread.spawn_scoped(scope, work).map_err(|error| format!("no thread for the parser: {error}"))?;
        handle.join().map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_else(|| "a panic".into())
        })
    })
}

/// Where brackets, or chains of operators and keywords without an end of statement, are nested more than `most` deep.
///
/// A rough reading of the text: strings, comments and regular expressions are told apart well enough for what people
/// write. Where it is fooled, `with_room` still holds for sources up to `MOST / PER_BYTE` bytes.
pub(crate) fn too_deep(text: &str, most: usize) -> Option<usize> {
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        brackets: Vec::new(),
        last: Last::Operator,
        line_began: true,
        chain: 0,
        outer: 0,
    };
    reader.find(most)
}

/// What the last token was, to tell a division from a regular expression, and where a statement ends.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Value,
    Operator,
    /// A `}`.
    Block,
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Open brackets, each with the chain that goes on after it.
    brackets: Vec<(u8, usize)>,
    last: Last,
    /// Whether a line end stood before this token.
    line_began: bool,
    /// Operators, prefixes and the like since the last separator at this level.
    chain: usize,
    /// The same of all levels around it.
    outer: usize,
}

/// A chain costs less than brackets do, and long ones are written by machines (`"a" + "b" + …`).
const CHAIN_FACTOR: usize = 8;

/// Words after which an expression or a statement goes on.
const PREFIXES: &[&str] = &[
    "if",
    "else",
    "await",
    "yield",
    "typeof",
    "void",
    "delete",
    "new",
    "return",
    "for",
    "while",
    "do",
    "with",
    "in",
    "of",
    "case",
    "throw",
    "instanceof",
    "extends",
    "keyof",
    "infer",
    "unique",
    "readonly",
    "asserts",
    "is",
    "as",
    "satisfies",
    "async",
    "class",
    "function",
];

/// Words that do not begin a statement, wherever they stand.
const CONTINUING: &[&str] = &[
    "else",
    "in",
    "of",
    "instanceof",
    "extends",
    "implements",
    "keyof",
    "infer",
    "unique",
    "readonly",
    "asserts",
    "is",
    "as",
    "satisfies",
    "typeof",
];

impl Reader<'_> {
    fn find(&mut self, most: usize) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            match byte {
                b'\n' => {
                    self.line_began = true;
                    continue;
                }
                _ if byte.is_ascii_whitespace() => continue,
                b'/' if self.comment() => continue,
                b'"' | b'\'' => self.string(byte),
                b'`' => self.template(),
                b'/' => self.slash(),
                b'(' | b'[' | b'{' => self.open(byte),
                b')' | b']' | b'}' => self.close(byte),
                b';' | b',' => (self.chain, self.last) = (0, Last::Operator),
                _ if is_word(byte) || byte == b'\\' => self.word(start),
                _ => self.operator(),
            }
            self.line_began = false;
            if self.brackets.len() > most || self.outer + self.chain > most * CHAIN_FACTOR {
                return Some(start);
            }
        }
        None
    }

    fn operator(&mut self) {
        self.chain += 1;
        self.last = Last::Operator;
    }

    fn open(&mut self, byte: u8) {
        self.brackets.push((byte, self.chain));
        self.outer += self.chain;
        (self.chain, self.last) = (0, Last::Operator);
    }

    fn close(&mut self, byte: u8) {
        let (open, chain) = self.brackets.pop().unwrap_or_default();
        self.outer -= chain;
        self.chain = chain;
        if open == b'`' {
            // The end of `${…}`: the template goes on.
            return self.template();
        }
        self.last = if byte == b'}' { Last::Block } else { Last::Value };
    }

    fn word(&mut self, start: usize) {
        while self.bytes.get(self.at).is_some_and(|byte| is_word(*byte)) {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        // A word after a block, or after a value on a line before, begins a statement, semicolon or not.
        let begins = self.last == Last::Block || self.last == Last::Value && self.line_began;
        if begins && !CONTINUING.contains(&word) {
            self.chain = 0;
        } else if self.last == Last::Value {
            self.chain += 1;
        }
        self.last = Last::Value;
        if PREFIXES.contains(&word) {
            self.operator();
        }
    }

    fn string(&mut self, quote: u8) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => break,
                _ if byte == quote => break,
                _ => {}
            }
        }
        self.last = Last::Value;
    }

    fn template(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => break,
                b'$' if self.bytes.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    return self.open(b'`');
                }
                _ => {}
            }
        }
        self.last = Last::Value;
    }

    /// After a `/`: passes a comment, if it is one.
    fn comment(&mut self) -> bool {
        match self.bytes.get(self.at) {
            Some(b'/') => {
                self.skip_to(b"\n");
                self.line_began = true;
            }
            Some(b'*') => {
                self.at += 1;
                self.skip_to(b"*/");
            }
            _ => return false,
        }
        true
    }

    fn slash(&mut self) {
        if self.last == Last::Value { self.operator() } else { self.regex() }
    }

    fn regex(&mut self) {
        let mut class = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' => break,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => break,
                _ => {}
            }
        }
        self.last = Last::Value;
    }

    fn skip_to(&mut self, end: &[u8]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.windows(end.len()).position(|window| window == end);
        self.at = found.map_or(self.bytes.len(), |at| self.at + at + end.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | b'@') || byte >= 0x80
}
