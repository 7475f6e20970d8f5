//! Runs a program to its end, with a time limit, and says how long it took.

use std::{
    fs::File,
    io::{Read, Seek},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A program that ended.
pub struct Finished {
    /// From its start to its end.
    pub time: Duration,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

/// Runs `command` to its end. Output goes to files, so that nobody waits on a full pipe while the clock runs.
pub fn run(command: &mut Command, limit: Duration) -> Result<Finished, String> {
    // Reasons are published: they name programs, not folders.
    let name =
        std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| format!("{name}: {e}");
    let (out, err) = (tempfile::tempfile().map_err(failed)?, tempfile::tempfile().map_err(failed)?);
    command.stdin(Stdio::null());
    command.stdout(out.try_clone().map_err(failed)?).stderr(err.try_clone().map_err(failed)?);
    let start = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let pid = Pid::from_child(&child);
    let (ended, watch) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        // Asked first, so that a peer can end its server; then ended.
        for (wait, signal) in [(limit, Signal::TERM), (Duration::from_secs(2), Signal::KILL)] {
            if watch.recv_timeout(wait) != Err(mpsc::RecvTimeoutError::Timeout) {
                return false;
            }
            let _ = kill_process(pid, signal);
        }
        true
    });
    let status = child.wait().map_err(failed)?;
    let time = start.elapsed();
    drop(ended);
    let _ = watchdog.join();
    if time >= limit {
        return Err(format!("{name} took longer than {} s", limit.as_secs()));
    }
    Ok(Finished { time, stdout: text(out), stderr: text(err), code: status.code() })
}

fn text(mut file: File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Finished {
    /// The program's own word on why it failed: the first line that names an error, else the last.
    pub fn complaint(&self) -> String {
        let lines = || self.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines().find(|line| line.contains("Error")).or_else(|| lines().next_back());
        let code = self.code.map_or("a signal".into(), |code| format!("exit code {code}"));
        line.map_or(code, |line| line.chars().take(200).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_output_code_and_time() {
        let done =
            run(Command::new("sh").args(["-c", "echo out; echo Error: why >&2; exit 3"]), Duration::from_secs(10));
        let done = done.expect("sh runs");
        assert_eq!((done.stdout.as_str(), done.code), ("out\n", Some(3)));
        assert_eq!(done.complaint(), "Error: why");
    }

    #[test]
    fn ends_what_takes_too_long() {
        let start = Instant::now();
        assert!(run(Command::new("sleep").arg("30"), Duration::from_millis(100)).is_err());
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
