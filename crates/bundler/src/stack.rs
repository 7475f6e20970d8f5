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

/// Where brackets, or chains of operators without an end of statement, are nested more than `most` deep.
///
/// A rough reading of the text: strings, comments and regular expressions are told apart well enough for what people
/// write. Where it is fooled, `with_room` still holds for sources up to `MOST / PER_BYTE` bytes.
pub(crate) fn too_deep(text: &str, most: usize) -> Option<usize> {
    Reader { bytes: text.as_bytes(), at: 0, brackets: Vec::new(), last: Last::Start, chain: 0 }.find(most)
}

/// What the last token was, to tell a division from a regular expression.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Start,
    Value,
    Operator,
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// Open brackets, each with the chain that went on outside it.
    brackets: Vec<(u8, usize)>,
    last: Last,
    /// Prefix operators and the like since the last separator at this level.
    chain: usize,
}

/// A chain costs less than brackets do, and long ones are written by machines (`"a" + "b" + …`).
const CHAIN_FACTOR: usize = 8;

impl Reader<'_> {
    fn find(mut self, most: usize) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            match byte {
                b'"' | b'\'' => self.string(byte),
                b'`' => self.template(),
                b'/' => self.slash(),
                b'(' | b'[' | b'{' => self.open(byte),
                b')' | b']' | b'}' => self.close(byte),
                b';' | b',' => (self.chain, self.last) = (0, Last::Operator),
                _ if byte.is_ascii_whitespace() => {}
                _ if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#' | b'@' | b'\\') || byte >= 0x80 => {
                    self.word(start);
                }
                _ => {
                    self.chain += 1;
                    self.last = Last::Operator;
                }
            }
            if self.brackets.len() > most || self.chain > most * CHAIN_FACTOR {
                return Some(start);
            }
        }
        None
    }

    fn open(&mut self, byte: u8) {
        self.brackets.push((byte, self.chain));
        (self.chain, self.last) = (0, Last::Operator);
    }

    fn close(&mut self, byte: u8) {
        let (open, chain) = self.brackets.pop().unwrap_or_default();
        if open == b'`' {
            // The end of `${…}`: the template goes on.
            self.chain = chain;
            return self.template();
        }
        // A block ends a statement, but `else` may continue it; so only what is around it counts again.
        self.chain = chain;
        self.last = if byte == b'}' { Last::Operator } else { Last::Value };
    }

    fn word(&mut self, start: usize) {
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || *b >= 0x80) {
            self.at += 1;
        }
        self.last = match &self.bytes[start..self.at] {
            b"if" | b"else" | b"await" | b"yield" | b"typeof" | b"void" | b"delete" | b"new" | b"return" | b"for"
            | b"while" | b"do" | b"with" | b"in" | b"of" | b"case" | b"throw" | b"instanceof" | b"extends" => {
                self.chain += 1;
                Last::Operator
            }
            b"const" | b"let" | b"var" | b"function" | b"class" | b"import" | b"export" | b"interface" => {
                self.chain = 0;
                Last::Operator
            }
            _ => Last::Value,
        };
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

    fn slash(&mut self) {
        match self.bytes.get(self.at) {
            Some(b'/') => self.skip_to(b"\n"),
            Some(b'*') => {
                self.at += 1;
                self.skip_to(b"*/");
            }
            _ if self.last == Last::Value => {
                self.chain += 1;
                self.last = Last::Operator;
            }
            _ => self.regex(),
        }
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
