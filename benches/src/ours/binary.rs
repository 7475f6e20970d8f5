//! Rows that start the `quicksave` binary, as a user does.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

use super::Ours;
use crate::{
    measure::{Outcome, median},
    process,
};

/// No command here needs longer.
const LIMIT: Duration = Duration::from_secs(120);
/// How long programs/resume.js sleeps behind its last checkpoint.
const SLEEP: Duration = Duration::from_secs(1);

/// `quicksave code 'return 1'`, from start to end.
pub fn start(ours: &Ours) -> Outcome {
    let home = ours.scratch.join("start-home");
    let times: Result<Vec<_>, String> = (0..30)
        .map(|_| {
            let (json, time) = command(ours, &home, &["code", "return 1", "--json"])?;
            if json["result"] == 1 { Ok(time) } else { Err(format!("`return 1` gave {json}")) }
        })
        .collect();
    Ok(median(&times?))
}

/// Lists photon-core's logs, which this home has never seen.
pub fn list_cold(ours: &Ours) -> Outcome {
    // Whatever an earlier listing kept beside the logs would make this one warm.
    let home = ours.scratch.join("cold-home");
    copy(&ours.photon_home, &home).map_err(|e| e.to_string())?;
    let time = list(ours, &home);
    let _ = fs::remove_dir_all(&home);
    Ok(median(&[time?]))
}

/// Lists the same logs again.
pub fn list_warm(ours: &Ours) -> Outcome {
    list(ours, &ours.photon_home)?;
    let times: Result<Vec<_>, String> = (0..5).map(|_| list(ours, &ours.photon_home)).collect();
    Ok(median(&times?))
}

fn list(ours: &Ours, home: &Path) -> Result<Duration, String> {
    let wanted = fs::read_dir(ours.photon_home.join("runs")).map_err(|e| e.to_string())?.count();
    let (json, time) = command(ours, home, &["list", "--json", "--limit", &wanted.to_string()])?;
    let found = json["runs"].as_array().map_or(0, Vec::len);
    if found == wanted { Ok(time) } else { Err(format!("{found} of {wanted} runs were listed")) }
}

/// Kills a run behind its `checkpoints`th checkpoint and resumes copies of it.
pub fn resume(ours: &Ours, checkpoints: u64) -> Outcome {
    let home = ours.scratch.join(format!("resume-{checkpoints}"));
    let killed = interrupt(ours, &home, checkpoints)?;
    let mut times = Vec::new();
    for round in 0..7 {
        let copied = home.with_extension(round.to_string());
        copy(&home, &copied).map_err(|e| e.to_string())?;
        let (json, time) = command(ours, &copied, &["--durability", "process", "resume", &killed, "--json"])?;
        if json["result"] != checkpoints {
            return Err(format!("the resumed run gave {json}"));
        }
        times.push(time);
        let _ = fs::remove_dir_all(&copied);
    }
    Ok(median(&times))
}

/// Starts the run, kills it when it says that its checkpoints are behind it, and gives its id.
fn interrupt(ours: &Ours, home: &Path, checkpoints: u64) -> Result<String, String> {
    let flow = ours.programs.join("resume.js");
    let params = format!("{{\"n\":{checkpoints}}}");
    let mut run = quicksave(ours, home);
    run.args(["--durability", "process", "run"]).arg(flow).args(["--params", &params]);
    let mut child = run
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("quicksave: {e}"))?;
    let ready = wait_for_ready(&mut child);
    let _ = child.kill();
    let _ = child.wait();
    ready?;
    // The resumed run must not wait for the rest of its sleep.
    thread::sleep(SLEEP);
    let (json, _) = command(ours, home, &["list", "--json"])?;
    json["runs"][0]["runId"].as_str().map(str::to_owned).ok_or(format!("the killed run is not listed: {json}"))
}

fn wait_for_ready(child: &mut Child) -> Result<(), String> {
    let (say, heard) = mpsc::channel();
    let pipes: [Option<Box<dyn Read + Send>>; 2] =
        [child.stdout.take().map(|p| Box::new(p) as _), child.stderr.take().map(|p| Box::new(p) as _)];
    for pipe in pipes.into_iter().flatten() {
        let say = say.clone();
        thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let ready = line.contains("ready");
                last = line;
                if ready {
                    let _ = say.send(Ok(()));
                }
            }
            let _ = say.send(Err(last));
        });
    }
    drop(say);
    let mut last = String::new();
    loop {
        match heard.recv_timeout(LIMIT) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(line)) if line.is_empty() => {}
            Ok(Err(line)) => last = line,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(format!("the run was not ready within {} s", LIMIT.as_secs()));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(format!("the run ended before it was ready: {last}"));
            }
        }
    }
}

fn quicksave(ours: &Ours, home: &Path) -> Command {
    let mut command = Command::new(&ours.quicksave);
    command.arg("--home").arg(home).current_dir(&ours.scratch);
    command
}

/// Runs a command that prints JSON, and gives that and how long it took.
pub(super) fn command(ours: &Ours, home: &Path, args: &[&str]) -> Result<(Value, Duration), String> {
    let done = process::run(quicksave(ours, home).args(args), LIMIT)?;
    let what = args.iter().find(|arg| ["code", "list", "resume", "run"].contains(arg)).unwrap_or(&"");
    if done.code != Some(0) {
        return Err(format!("quicksave {what}: {}", done.complaint()));
    }
    let json = serde_json::from_str(&done.stdout).map_err(|_| format!("quicksave {what} printed no JSON"))?;
    Ok((json, done.time))
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
