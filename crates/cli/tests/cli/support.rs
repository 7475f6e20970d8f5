//! A home of its own for each test, and the real binary in it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Home {
    folder: TempDir,
}

#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Output {
    /// The one JSON value on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("work")).expect("made");
        Self { folder }
    }

    /// One with photons in it, by name and text.
    pub fn with_photons(photons: &[(&str, &str)]) -> Self {
        let home = Self::new();
        std::fs::create_dir_all(home.home()).expect("made");
        for (name, text) in photons {
            std::fs::write(home.home().join(format!("{name}.photon.ts")), text).expect("written");
        }
        home
    }

    /// Where commands run.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The home of runs.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn journal(&self, run: &str) -> PathBuf {
        self.home().join("runs").join(format!("{run}.jsonl"))
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quicksave"));
        command.args(args).current_dir(self.work()).env("QUICKSAVE_HOME", self.home()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The binary under its other name.
    pub fn neutron_command(&self, args: &[&str]) -> Command {
        let link = self.folder.path().join("neutron");
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quicksave"), &link).expect("linked");
        }
        let mut command = Command::new(link);
        command.args(args).current_dir(self.work()).env("HOME", self.folder.path()).env_remove("QUICKSAVE_HOME");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `neutron` to its end.
    #[track_caller]
    pub fn neutron(&self, args: &[&str]) -> Output {
        finish(self.neutron_command(args).spawn().expect("started"))
    }

    /// Runs `neutron` to its end, with `input` on its standard input.
    #[track_caller]
    pub fn neutron_fed(&self, args: &[&str], input: &str) -> Output {
        fed(self.neutron_command(args), input)
    }

    /// Runs a command to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Output {
        finish(self.spawn(args))
    }

    #[track_caller]
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("started")
    }

    /// Runs a command to its end, with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        self.run(&all).json()
    }

    pub fn status(&self, run: &str) -> String {
        self.json(&["show", run])["status"].as_str().expect("a status").to_owned()
    }

    /// Waits until the journal of `run` holds `text`.
    #[track_caller]
    pub fn wait_for(&self, run: &str, text: &str) {
        let path = self.journal(run);
        until(&format!("{text:?} in the journal of {run}"), || read(&path).contains(text));
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Answers requests on a port of 127.0.0.1 as long as the tests run; `answer` is given path and body, and gives status
/// and body.
pub fn serve(answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> u16 {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("bound").port();
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                let (mut request, mut line, mut length) = (String::new(), String::new(), 0);
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap_or(0);
                    }
                    request.push_str(&line);
                    line.clear();
                }
                let mut body = vec![0; length];
                let _ = reader.read_exact(&mut body);
                let path = request.split(' ').nth(1).unwrap_or_default();
                let (status, body) = answer(path, &String::from_utf8_lossy(&body));
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = (&stream).write_all((head + &body).as_bytes());
            });
        }
    });
    port
}

/// Waits until `done`.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "waited for {what} in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end, with `input` on its standard input.
#[track_caller]
pub fn fed(mut command: Command, input: &str) -> Output {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).spawn().expect("started");
    // Who does not read it to its end closes it.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    finish(child)
}

#[track_caller]
pub fn finish(child: Child) -> Output {
    let output = child.wait_with_output().expect("ended");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    // A signal's number is negative.
    use std::os::unix::process::ExitStatusExt;
    let code = output.status.code().or_else(|| output.status.signal().map(|n| -n)).expect("a code");
    Output { code, out: text(output.stdout), err: text(output.stderr) }
}

pub fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("sent");
}

/// Counts to `n`, with a checkpoint and a short sleep for each.
pub const COUNTER: &str = "export default async function* counter({ n = 3, pause = 20 }) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += i;
    yield { checkpoint: { i, sum } };
    await new Promise((wake) => setTimeout(wake, pause));
    yield { emit: 'log', message: `step ${i}` };
  }
  return { sum };
}
";

/// Asks, then gives the answer back.
pub const ASKER: &str = "export default async function* asker() {
  const sure = yield { ask: 'confirm', id: 'sure', message: 'Sure?' };
  const color = yield { ask: 'select', message: 'Which?', options: ['red', { value: 'b', label: 'blue' }] };
  return { sure, color };
}
";
