//! String literals: escapes, raw strings, interpolation.

use super::{Lexer, MAX_NESTING, Part, Tok};

impl Lexer<'_> {
    pub(super) fn raw_string(&mut self) -> Tok {
        let start = self.at;
        let quote = self.text.as_bytes()[start + 1] as char;
        self.at += 2;
        let Some(len) = self.rest().find(quote) else {
            self.unclosed(start, quote);
            return Tok::Text(Vec::new());
        };
        let text = self.rest()[..len].to_owned();
        self.at += len + 1;
        Tok::Text(vec![Part::Text(text)])
    }

    pub(super) fn string(&mut self, quote: char) -> Tok {
        let start = self.at;
        self.at += 1;
        let (mut parts, mut text) = (Vec::new(), String::new());
        loop {
            let Some(c) = self.peek() else {
                self.unclosed(start, quote);
                break;
            };
            if c == quote {
                self.at += 1;
                break;
            }
            if c == '\\' {
                self.escape(&mut text);
                if self.problems.len() >= super::MAX_PROBLEMS {
                    self.stopped = true;
                    self.at = self.text.len();
                }
            } else if self.rest().starts_with("${") {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                let opened = self.at;
                self.at += 2;
                if self.nesting == MAX_NESTING {
                    self.stopped = true;
                    self.problem(opened, "interpolations are nested too deeply").hint =
                        Some("give the inner text a name first".into());
                    self.at = self.text.len();
                    break;
                }
                self.nesting += 1;
                parts.push(Part::Code(self.until(Some(opened))));
                self.nesting -= 1;
            } else {
                text.push(c);
                self.at += c.len_utf8();
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Tok::Text(parts)
    }

    fn unclosed(&mut self, start: usize, quote: char) {
        if self.stopped {
            return;
        }
        self.at = start + 1;
        self.problem(start, "this string is never closed").hint = Some(format!("close it with {quote}"));
        self.at = self.text.len();
    }

    fn escape(&mut self, out: &mut String) {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.peek() else { return };
        self.at += c.len_utf8();
        let digits = match c {
            'n' => return out.push('\n'),
            't' => return out.push('\t'),
            'r' => return out.push('\r'),
            'a' => return out.push('\u{7}'),
            'b' => return out.push('\u{8}'),
            'f' => return out.push('\u{c}'),
            'v' => return out.push('\u{b}'),
            '0' => return out.push('\0'),
            '\\' | '"' | '\'' | '$' => return out.push(c),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                self.problem(start, format!("\\{c} is no escape")).hint =
                    Some("write \\\\ for a backslash, or a raw string: r\"…\"".into());
                return;
            }
        };
        let hex = self.rest().get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(hex) = hex.map(str::to_owned) else {
            self.problem(start, format!("\\{c} takes {digits} hexadecimal digits"));
            return;
        };
        self.at += digits;
        let mut code = u32::from_str_radix(&hex, 16).unwrap_or(u32::MAX);
        // A pair of \u escapes may spell one character, as in JSON.
        if (0xd800..0xdc00).contains(&code)
            && self.rest().starts_with("\\u")
            && let Some(low) = self.rest().get(2..6).and_then(|hex| u32::from_str_radix(hex, 16).ok())
            && (0xdc00..0xe000).contains(&low)
        {
            self.at += 6;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        match char::from_u32(code) {
            Some(c) => out.push(c),
            None => {
                self.problem(start, format!("there is no character {code:X}"));
            }
        }
    }
}
