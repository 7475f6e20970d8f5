//! A person at a terminal: questions of programs, and of permissions.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Home, until};

/// A command on a terminal of its own.
struct Typist {
    child: Child,
    keys: File,
    seen: Arc<Mutex<String>>,
}

impl Typist {
    fn new(home: &Home, args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("named").into_string().expect("text");
        let open = || Stdio::from(File::options().read(true).write(true).open(&name).expect("opened"));
        let child = home.command(args).stdin(open()).stdout(open()).stderr(open()).env("TERM", "xterm").spawn();
        let keys = File::from(master);
        let (mut screen, seen) = (keys.try_clone().expect("cloned"), Arc::new(Mutex::new(String::new())));
        let shown = seen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error when the command's side is closed.
            while let Ok(n @ 1..) = screen.read(&mut bytes) {
                shown.lock().expect("whole").push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        });
        Self { child: child.expect("started"), keys, seen }
    }

    fn seen(&self) -> String {
        self.seen.lock().expect("whole").clone()
    }

    /// Types `keys` once `text` is on the screen behind what was there before.
    #[track_caller]
    fn at(&mut self, text: &str, keys: &str) -> &mut Self {
        until(&format!("{text:?} on the terminal: {}", self.seen()), || self.seen().contains(text));
        self.seen.lock().expect("whole").clear();
        // The prompt reads keys one by one, once it has switched the terminal over.
        std::thread::sleep(std::time::Duration::from_millis(150));
        self.keys.write_all(keys.as_bytes()).expect("typed");
        self
    }

    #[track_caller]
    fn end(mut self, code: i32) -> String {
        let status = self.child.wait().expect("ended");
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(status.code(), Some(code), "{}", self.seen());
        self.seen()
    }
}

#[test]
fn questions_by_kind() {
    let home = Home::new();
    home.write(
        "asks.ts",
        "export default async function* asks() {
  const text = yield { ask: 'text', message: 'Name?', minLength: 2 };
  const secret = yield { ask: 'password', message: 'Secret?' };
  const sure = yield { ask: 'confirm', message: 'Sure?' };
  const which = yield { ask: 'select', message: 'Which?', options: [{ value: 1, label: 'one' }, { value: 2, label: 'two' }] };
  const form = yield { ask: 'form', message: 'Form', schema: { type: 'object', properties: { age: { type: 'number' } } } };
  return JSON.stringify([text, secret.length, sure, which, form.content.age]);
}",
    );
    let mut person = Typist::new(&home, &["run", "asks.ts", "--id", "q1"]);
    person.at("Name?", "x\r").at("at least 2 characters", "Al\r").at("Secret?", "hunter2\r").at("Sure?", "n");
    person.at("Which?", "\u{1b}[B\r").at("age", "12\r");
    let shown = person.end(0);
    assert!(shown.contains("[\"Al\",7,false,2,12]"), "{shown}");
    assert!(!std::fs::read_to_string(home.journal("q1")).expect("read").contains("hunter2"));
}

#[test]
fn a_question_left_open_is_asked_by_answer() {
    let home = Home::new();
    home.write("one.ts", "export default async function* one() { return yield { ask: 'text', message: 'Name?' } }");
    home.run(&["run", "one.ts", "--id", "q2"]).expect(4);
    let mut person = Typist::new(&home, &["answer", "q2"]);
    person.at("Name?", "Zed\r");
    let shown = person.end(0);
    assert!(shown.contains("Zed"), "{shown}");
}

#[test]
fn an_answer_on_the_command_line_is_not_asked_for_again() {
    let home = Home::new();
    home.write("one.ts", "export default async function* one() { return yield { ask: 'text', message: 'Name?' } }");
    home.run(&["run", "one.ts", "--id", "q3"]).expect(4);
    let shown = Typist::new(&home, &["answer", "q3", "Yoa"]).end(0);
    assert!(shown.contains("Yoa") && !shown.contains("Name?"), "{shown}");
}

#[test]
fn permissions_are_asked_for() {
    let home = Home::new();
    home.write("a.txt", "A");
    home.write("b.txt", "B");
    let code = "import { readFile } from 'node:fs/promises';
        const read = (name) => readFile(name, 'utf8').catch((e) => e.name);
        return [await read('a.txt'), await read('a.txt'), await read('b.txt')].join()";
    let mut person = Typist::new(&home, &["code", code]);
    person.at("[n] no:", "A\r").at("b.txt", "n\r");
    let shown = person.end(0);
    assert!(shown.contains("A,A,PermissionDenied"), "{shown}");
    let shown = Typist::new(&home, &["code", code, "--no-prompt"]).end(0);
    assert!(shown.contains("PermissionDenied,PermissionDenied,PermissionDenied"), "{shown}");
}
