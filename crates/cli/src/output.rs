//! Standard output. A reader that goes away (`quicksave log … | head`) is no error; a full disk behind it is.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

/// What became of standard output.
#[derive(Default)]
struct State {
    closed: bool,
    failed: Option<io::Error>,
    in_line: bool,
}

static STATE: Mutex<State> = Mutex::new(State { closed: false, failed: None, in_line: false });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes `bytes` as they are.
pub fn raw(bytes: &[u8]) {
    let mut state = state();
    if state.closed || bytes.is_empty() {
        return;
    }
    state.in_line = bytes.last() != Some(&b'\n');
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        state.closed = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            state.failed = Some(error);
        }
    }
}

/// Writes a line.
pub fn line(text: impl AsRef<str>) {
    raw(format!("{}\n", text.as_ref()).as_bytes());
}

/// Writes `value` as JSON: for people on a terminal, on one line elsewhere.
pub fn json(value: &impl Serialize) {
    let text =
        if io::stdout().is_terminal() { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    // Everything that is written has a JSON form.
    line(text.unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
}

/// Ends a line that the program left open.
pub fn fresh_line() {
    if state().in_line {
        raw(b"\n");
    }
}

/// Whether nobody reads any more.
pub fn is_closed() -> bool {
    state().closed
}

/// The exit code, once it is known whether everything was written.
pub fn close(code: u8) -> u8 {
    match state().failed.take() {
        Some(error) => {
            error_line(format!("error: standard output cannot be written: {error}"));
            code.max(crate::report::exit::USAGE)
        }
        None => code,
    }
}

/// Writes a line on standard error. Nobody can be told if that fails.
pub fn error_line(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Makes text of a program harmless where it stands in a line of ours: what moves the cursor or changes the order of
/// letters is shown as an escape.
pub fn tame(text: &str) -> String {
    let tricky = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if tricky(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Cuts `text` at `most` characters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_escaped() {
        assert_eq!(tame("a\u{1b}[2Jb\nc\u{202e}ä"), "a\\u{1b}[2Jb\\nc\\u{202e}ä");
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äö", 2), "äö");
    }
}
