//! Number literals: `12`, `1.5`, `1e6`, `0xff`, `0b101`, `1_000`.

use super::{Lexer, Tok};

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Tok {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let radix = match bytes.get(start + 1) {
            Some(b'x' | b'X') if bytes[start] == b'0' => 16,
            Some(b'b' | b'B') if bytes[start] == b'0' => 2,
            Some(b'o' | b'O') if bytes[start] == b'0' => 8,
            _ => 10,
        };
        if radix != 10 {
            self.at += 2;
            self.digits(|b| b.is_ascii_alphanumeric());
            let digits = self.text[start + 2..self.at].replace('_', "");
            let mut value = 0f64;
            for digit in digits.chars() {
                match digit.to_digit(radix) {
                    Some(d) => value = value * f64::from(radix) + f64::from(d),
                    None => {
                        self.problem(start, format!("{digit} is no digit of a number in base {radix}"));
                        return Tok::Number(0.0);
                    }
                }
            }
            if digits.is_empty() {
                self.problem(start, format!("a number in base {radix} needs digits"));
            }
            return Tok::Number(value);
        }
        self.digits(|b| b.is_ascii_digit());
        if self.byte(0) == Some(b'.') && self.byte(1).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
            self.digits(|b| b.is_ascii_digit());
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            if self.byte(1 + sign).is_some_and(|b| b.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits(|b| b.is_ascii_digit());
            }
        }
        let text = self.text[start..self.at].replace('_', "");
        if self.byte(0).is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
            self.digits(|b| b.is_ascii_alphanumeric());
            let word = &self.text[start..self.at];
            let message = format!("{word} is neither a number nor a name");
            self.problem(start, message).hint = Some("names begin with a letter or _".into());
        }
        Tok::Number(text.parse().unwrap_or(0.0))
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn digits(&mut self, is: fn(u8) -> bool) {
        while self.byte(0).is_some_and(|b| is(b) || b == b'_') {
            self.at += 1;
        }
    }
}
