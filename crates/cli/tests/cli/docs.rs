//! What the documents show was printed by the program, and still is. Every block that begins with `$ ` is run, command
//! by command, in a folder with a copy of `examples`; what is below a command is what it prints.
//!
//! Ids, times and process numbers differ, and `…` stands for anything. A comment of the document says what a reader is
//! told in words: `<!-- test: COMMAND -->` is run before the next block, `<!-- test: skip, WHY -->` leaves it out.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
};

use crate::support::{Home, PATIENCE};

/// Where the repository is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One command of a document.
#[derive(Debug)]
struct Step {
    line: usize,
    command: String,
    printed: String,
}

/// The commands of a document, in their order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut block, mut skip, mut open) = (false, false, false);
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            if block {
                skip = false;
            }
            (block, open) = (!block && line == "```text", false);
        } else if let Some(said) = line.strip_prefix("<!-- test: ") {
            let said = said.trim_end_matches("-->").trim();
            match said.starts_with("skip, ") {
                true => skip = true,
                false => steps.push(Step { line: at + 1, command: said.to_owned(), printed: String::new() }),
            }
        } else if block && !skip {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { line: at + 1, command: command.to_owned(), printed: String::new() });
            } else if let Some(step) = steps.last_mut().filter(|_| open) {
                let into = if quoted(&step.command) { &mut step.command } else { &mut step.printed };
                into.push('\n');
                into.push_str(line);
                continue;
            }
            open = line.starts_with("$ ") || open;
        }
    }
    steps
}

/// A command that goes on in the next line, inside quotes.
fn quoted(command: &str) -> bool {
    command.matches('\'').count() % 2 == 1
}

/// Whether the program printed what the document shows.
fn same(shown: &str, printed: &str) -> bool {
    let pattern = masked(shown.trim());
    let mut parts = pattern.split('…');
    let Some(mut rest) = printed.trim().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// With `…` for what differs from time to time.
fn masked(shown: &str) -> String {
    let time = ("dddd-dd-ddTdd:dd:dd.dddZ", "…");
    let forms = [time, ("dddddddd_aaaaaaaaaaaa", "…"), ("(process dddd on ", "(process …,")];
    let mut out = String::new();
    let mut rest = shown;
    'next: while let Some(c) = rest.chars().next() {
        for (form, with) in forms {
            let len = rest.chars().zip(form.chars()).take_while(|(c, f)| fits(*c, *f)).count();
            if len == form.len() {
                out.push_str(with);
                // Of a process, the machine's name differs too.
                rest = &rest[len..];
                if form.starts_with('(') {
                    rest = rest.split_once(',').map_or("", |(_, rest)| rest);
                }
                continue 'next;
            }
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && rest[digits..].starts_with(" bytes") {
            out.push('…');
            rest = &rest[digits..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn fits(c: char, form: char) -> bool {
    match form {
        'd' => c.is_ascii_digit(),
        'a' => c.is_ascii_alphanumeric(),
        form => c == form,
    }
}

/// A document's folder: the examples, and the command by its name.
struct Place {
    home: Home,
    path: String,
}

impl Place {
    fn new() -> Self {
        let home = Home::new();
        copy(&root().join("examples"), &home.work().join("examples"));
        let bin = home.work().join("../bin");
        std::fs::create_dir(&bin).expect("made");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quicksave"), bin.join("quicksave")).expect("linked");
        let bin = bin.canonicalize().expect("there");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Self { home, path }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1; {command}")]).current_dir(self.home.work());
        shell.env("PATH", &self.path).env("QUICKSAVE_HOME", self.home.home()).env("HOME", self.home.home().join(".."));
        shell.stdin(Stdio::null()).stdout(Stdio::piped());
        shell
    }

    /// Runs a step; gives what it printed.
    fn run(&self, step: &Step) -> String {
        // `COMMAND & sleep 2; kill -9 $!`: on a busy machine the time is another, what is printed until then is not.
        if let Some((command, _)) = step.command.split_once(" & sleep ") {
            return self.killed(command, &step.printed);
        }
        let done = self.shell(&step.command).output().expect("a shell");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Runs a command until it has printed all of `shown`, and kills it then.
    fn killed(&self, command: &str, shown: &str) -> String {
        let mut child = self.shell(&format!("exec {command}")).spawn().expect("a shell");
        let mut output = child.stdout.take().expect("piped");
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(len @ 1..) = output.read(&mut piece) {
                let _ = send.send(piece[..len].to_vec());
            }
        });
        let mut printed = Vec::new();
        while !same(shown, &String::from_utf8_lossy(&printed)) {
            match receive.recv_timeout(PATIENCE) {
                Ok(piece) => printed.extend(piece),
                Err(_) => break,
            }
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        String::from_utf8_lossy(&printed).into_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a kind").is_dir() {
            true if entry.file_name() == "node_modules" => {}
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// Runs the blocks of a document, of which there are at least `least` commands.
fn check(document: &str, least: usize) {
    let text = std::fs::read_to_string(root().join(document)).expect("a document");
    let steps = steps(&text);
    assert!(steps.len() >= least, "{document} has {} commands", steps.len());
    let place = Place::new();
    let mut wrong = Vec::new();
    for step in &steps {
        let printed = place.run(step);
        let good = match step.printed.trim() {
            // Nothing is shown: then nothing may be wrong.
            "" => !printed.contains("error:"),
            shown => same(shown, &printed),
        };
        if !good {
            wrong.push(format!(
                "{document}:{}: $ {}\n{}\n— but it prints:\n{printed}",
                step.line, step.command, step.printed
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_readme_is_true() {
    check("README.md", 5);
}

#[test]
fn the_guide_is_true() {
    check("docs/guide.md", 45);
}

#[test]
fn the_page_on_stores_is_true() {
    check("docs/stores.md", 2);
}

#[test]
fn documents_are_compared_as_they_should_be() {
    let text = "```text\nno command\n$ one 'a\nb'\nx\ny\n$ two\n```\n<!-- test: three -->\n<!-- test: skip, why -->\n```text\n$ four\n```\n```text\n$ five\n```";
    let found: Vec<(String, String)> = steps(text).into_iter().map(|step| (step.command, step.printed)).collect();
    let expected = [("one 'a\nb'", "\nx\ny"), ("two", ""), ("three", ""), ("five", "")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    for (shown, printed, expected) in [
        ("a", "a\n", true),
        ("a", "ab", false),
        ("a\n…\nc", "a\nb\nb\nc", true),
        ("a…c", "a b", false),
        ("at 2026-11-21T10:29:32.771Z!", "at 2027-01-02T00:00:00.000Z!", true),
        ("run 20261121_0lyabpg8v9tz goes", "run 20270101_000000000000 goes", true),
        ("of 11101 bytes.", "of 99 bytes.", true),
        ("of 11101 bits.", "of 99 bits.", false),
        ("by x (process 6356 on vm, since", "by x (process 12 on other, since", true),
        ("by x (process 6356 on vm, since", "by y (process 12 on other, since", false),
    ] {
        assert_eq!(same(shown, printed), expected, "{shown:?} {printed:?}");
    }
}
