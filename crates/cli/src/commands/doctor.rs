//! `quicksave doctor`

use std::{
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ::run::{Guest, Status, limits::Limits};
use serde::Serialize;
use serde_json::json;

use crate::{
    output,
    report::{Error, exit},
    session::Session,
    source,
};

/// Check that everything works, and say what to do where it does not
///
/// Looks at the home, at how fast the disk syncs, at the engine, at every run, and for what crashes left behind.
#[derive(clap::Args)]
pub struct Args {
    /// Remove what crashes left half written
    #[arg(long)]
    fix: bool,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    /// Works, and something can be done about it.
    Note,
    Bad,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, found: found.into(), next: None }
    }

    fn note(name: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Note, found: found.into(), next: Some(next.into()) }
    }

    fn bad(name: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, found: found.into(), next: Some(next.into()) }
    }
}

/// A sync that takes longer than this makes every durable step slow.
const SLOW_SYNC: Duration = Duration::from_millis(20);
const SYNCS: u32 = 16;

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let mut checks = vec![Check::good(
        "version",
        format!("quicksave {} on {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH),
    )];
    checks.push(engine());
    let home = session.files.as_ref().map(store::FileStore::home);
    let mut code = exit::COMPLETED;
    match home {
        None => checks.push(Check::good("home", "runs are kept in memory (--store memory:)")),
        Some(home) => {
            let check = disk(home);
            if check.verdict == Verdict::Bad {
                code = exit::USAGE;
            }
            checks.push(check);
            checks.push(leftovers(session, home, args.fix)?);
        }
    }
    let runs = runs(session).await?;
    if runs.iter().any(|check| check.verdict == Verdict::Bad) {
        code = exit::REFUSED;
    }
    checks.extend(runs);
    if checks.iter().any(|check| check.verdict == Verdict::Bad) {
        code = code.max(exit::USAGE);
    }
    show(session, &checks, code);
    Ok(code)
}

fn show(session: &Session, checks: &[Check], code: u8) {
    if session.globals.json {
        output::json(&json!({ "ok": code == exit::COMPLETED, "checks": checks }));
        return;
    }
    for check in checks {
        let mark = match check.verdict {
            Verdict::Good => "ok  ",
            Verdict::Note => "note",
            Verdict::Bad => "BAD ",
        };
        output::line(format!("{mark}  {:10} {}", check.name, check.found));
        if let Some(next) = &check.next {
            output::line(format!("      {:10} → {next}", ""));
        }
    }
}

/// Loads the engine, and loads a program into it.
fn engine() -> Check {
    let began = Instant::now();
    let broken =
        |cause: String| Check::bad("engine", cause, "this build of quicksave does not fit this machine: build it here");
    let guest = match typescript::TypeScript::new() {
        Ok(guest) => guest,
        Err(error) => return broken(error.to_string()),
    };
    let loaded = match source::snippet("return 1 + 1", &[], None, &host::Permissions::none()) {
        Ok(new) => guest.load(&new.code, &Limits::default()).map(drop).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match loaded {
        Ok(()) => {
            let id = output::cut(&guest.engine().to_string(), 12);
            Check::good(
                "engine",
                format!("TypeScript, engine {id}, ready in {:.1} ms", began.elapsed().as_secs_f64() * 1e3),
            )
        }
        Err(cause) => broken(cause),
    }
}

/// Writes into the home and measures what a sync costs.
fn disk(home: &Path) -> Check {
    let home_is = home.display();
    match syncs(home) {
        Ok(took) if took > SLOW_SYNC => Check::note(
            "home",
            format!("{home_is} can be written; a sync takes {:.1} ms", took.as_secs_f64() * 1e3),
            "durable steps wait for syncs: a faster disk helps, or --durability process for runs that may be lost in a power cut",
        ),
        Ok(took) => {
            Check::good("home", format!("{home_is} can be written; a sync takes {:.2} ms", took.as_secs_f64() * 1e3))
        }
        Err(error) => Check::bad(
            "home",
            format!("{home_is}: {error}"),
            "choose a folder that you may write to with --home, or change its permissions",
        ),
    }
}

/// The median of some syncs of small appends.
fn syncs(home: &Path) -> std::io::Result<Duration> {
    std::fs::create_dir_all(home)?;
    // A name that `cleanup` knows as left behind, should this process be killed.
    let path = home.join(format!("~{}-0-d0c", std::process::id()));
    let measured = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
        let mut times = Vec::new();
        for _ in 0..SYNCS {
            let began = Instant::now();
            file.write_all(&[b'x'; 256])?;
            file.sync_data()?;
            times.push(began.elapsed());
        }
        times.sort();
        Ok(times[times.len() / 2])
    })();
    let _ = std::fs::remove_file(&path);
    measured
}

fn leftovers(session: &Session, home: &Path, fix: bool) -> Result<Check, Error> {
    if let (true, Some(files)) = (fix, &session.files) {
        let removed = files.sweep(super::cleanup::LEFTOVER)?;
        return Ok(Check::good("leftovers", format!("{removed} were removed")));
    }
    Ok(match count_aside(home, 0) {
        0 => Check::good("leftovers", "none"),
        count => Check::note(
            "leftovers",
            format!("{count} files or folders that are being written, or that a crash left"),
            "those older than an hour are removed by: quicksave doctor --fix",
        ),
    })
}

/// Files that the store writes aside before it renames them begin with `~`.
fn count_aside(folder: &Path, depth: usize) -> u64 {
    // Runs' own folders are two levels below the home, with a level for each kind of thing in them.
    if depth > 4 {
        return 0;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b"~") {
                1
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != "node_modules" {
                count_aside(&entry.path(), depth + 1)
            } else {
                0
            }
        })
        .sum()
}

/// What state the runs are in; one line for each that needs somebody.
async fn runs(session: &Session) -> Result<Vec<Check>, Error> {
    let executor = Arc::new(session.reader());
    let runs = executor.list().await?;
    let count = |status: Status| runs.iter().filter(|info| info.status == status).count();
    let counts: Vec<String> = [
        Status::Running,
        Status::Waiting,
        Status::Paused,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
        Status::TimedOut,
        Status::Corrupt,
    ]
    .into_iter()
    .filter(|status| count(*status) > 0)
    .map(|status| format!("{} {status}", count(status)))
    .collect();
    let mut checks = vec![Check::good("runs", if counts.is_empty() { "none yet".into() } else { counts.join(", ") })];
    for info in &runs {
        let run = &info.run;
        if info.status == Status::Corrupt {
            let error = info.error.clone().unwrap_or_default();
            let next = format!(
                "what precedes that line: quicksave log {run}; put a copy of the file back, or: quicksave delete {run}"
            );
            checks.push(Check::bad("run", output::tame(&error), next));
        } else if info.status == Status::Running && executor.owner(run).await?.is_none() {
            checks.push(Check::note(
                "run",
                format!("{run} was interrupted: nobody drives it"),
                format!("go on with it: quicksave resume {run}"),
            ));
        }
    }
    Ok(checks)
}
