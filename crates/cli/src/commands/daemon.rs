//! `quicksave daemon`

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use daemon::{
    Events, Setup,
    broker::{ClientError, Connection, Limits, Place},
};
use serde_json::{Value, json};

use crate::{
    args::{Cli, quote},
    drive::Stops,
    handoff,
    output::{self, error_line},
    report::{Error, exit},
    session::Session,
};

/// Keep runs going in the background, and carry events between programs
///
/// Without a word behind it the daemon works in the foreground, until it is interrupted. It resumes what was
/// interrupted, wakes runs whose time has come, and takes on what `run --detach`, `answer`, `signal` and `resume` hand
/// over. There is one for a home. Its options hold for all runs that it drives: give it what they may reach.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Begin in the background, and return when the daemon answers
    Start,
    /// End the daemon; its runs are left resumable
    Stop {
        /// How long to wait for it
        #[arg(long, value_name = "TIME", value_parser = crate::units::duration, default_value = "30s")]
        wait: Duration,
    },
    /// Say how the daemon is: exit code 4 if there is none
    Status,
    /// Show what the daemon has noted
    Logs {
        /// Go on until interrupted
        #[arg(short, long)]
        follow: bool,
        /// The last lines only
        #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
        lines: usize,
    },
    /// What `start` starts
    #[command(hide = true)]
    Serve,
}

/// How long a daemon may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long a daemon that does not answer may still be there.
const GOING: Duration = Duration::from_secs(5);
/// How long runs may take to be left.
const LEAVE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// Runs and troubles that are shown of each kind; `--json` has more.
const SHOWN: usize = 10;
/// The log of a detached daemon is put aside when it is longer, in bytes.
const LOG: u64 = 4 << 20;

impl Args {
    /// Whether this is the daemon itself.
    pub fn works(&self) -> bool {
        matches!(self.action, None | Some(Action::Serve))
    }
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let place = Place::new(&session.home);
    match args.action {
        None => serve(session, place, false).await,
        Some(Action::Serve) => serve(session, place, true).await,
        Some(Action::Start) => start(session, &place).await,
        Some(Action::Stop { wait }) => stop(session, &place, wait).await,
        Some(Action::Status) => status(session, &place).await,
        Some(Action::Logs { follow, lines }) => logs(&place, follow, lines).await,
    }
}

async fn serve(session: &Session, place: Place, detached: bool) -> Result<u8, Error> {
    let lock = place.lock()?;
    crate::world::more_files();
    let folder = place.folder().to_owned();
    if detached {
        // The terminal that it was started from may go.
        let _ = rustix::process::setsid();
    }
    let events = Events::of_daemon(session.events_of());
    let work = session.work_with("daemon", Arc::new(host::NoScreen), &events)?;
    let setup = Setup {
        home: session.home.clone(),
        store: session.store(),
        calls: work.calls,
        events,
        webhooks: session.settings.daemon.webhooks()?,
        policy: daemon::Policy::default(),
        limits: Limits::default(),
    };
    let mut daemon = daemon::Daemon::start(setup, lock).await?;
    if detached {
        daemon.also(session.runtime.spawn(keep_short(place.file("log"))));
    }
    tracing::info!("the daemon works: process {}, socket {}", std::process::id(), place.socket().display());
    let stops = Stops::new();
    let interrupted = async {
        match stops {
            Ok(mut stops) => stops.next().await,
            // A signal ends the process at once then, which every run survives.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupted => {}
        () = daemon.asked_to_stop() => {}
    }
    let removed = !daemon.is_in_place();
    tracing::info!("the daemon ends: its runs are left, resumable");
    if !daemon.end(LEAVE).await {
        tracing::warn!("some runs did not leave within {} s; they are left at once, and resumable", LEAVE.as_secs());
    }
    tracing::info!("the daemon has ended");
    if removed {
        let what = format!("the daemon has ended: its folder {} was removed", folder.display());
        return Err(Error::usage(what, "begin again with: quicksave daemon start"));
    }
    Ok(exit::COMPLETED)
}

async fn start(session: &Session, place: &Place) -> Result<u8, Error> {
    let began = Instant::now();
    while let Some(pid) = place.running() {
        // One that was killed, or that is about to end, holds its lock for a while.
        if Connection::open(place, &handoff::who()).await.is_ok() || began.elapsed() > GOING {
            return Err(daemon::broker::PlaceError::Running { pid }.into());
        }
        tokio::time::sleep(LOOK).await;
    }
    place.make()?;
    let path = place.file("log");
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let log = log.map_err(|e| Error::io(format!("cannot write {}", path.display()), e))?;
    let begin = log.metadata().map_or(0, |data| data.len());
    let mut child = detached(log)?;
    let began = Instant::now();
    loop {
        if let Ok(connection) = Connection::open(place, &handoff::who()).await
            && connection.hello["pid"] == child.id()
        {
            break;
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || began.elapsed() > START {
            let what = match ended {
                Some(status) => format!("the daemon did not start: {status}"),
                None => format!("the daemon does not answer after {} s", START.as_secs()),
            };
            let said = read_from(&path, begin);
            let last: Vec<&str> = said.lines().rev().take(10).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            let next = match last.as_slice() {
                [] => format!("it has noted nothing in {}", path.display()),
                lines => format!("it has noted in {}:\n  {}", path.display(), lines.join("\n  ")),
            };
            return Err(Error::usage(what, next));
        }
        tokio::time::sleep(LOOK).await;
    }
    if session.globals.json {
        output::json(&json!({ "pid": child.id(), "status": "running" }));
    } else if !session.globals.quiet {
        error_line(format!("the daemon works: process {}", child.id()));
    }
    Ok(exit::COMPLETED)
}

/// This very command, as the daemon itself, writing to `log`.
fn detached(log: File) -> Result<Child, Error> {
    let mut args: Vec<_> = std::env::args_os().collect();
    // `start` may also be the value of an option: it is the one without which this is another command.
    let serve = (1..args.len()).rev().filter(|at| args[*at] == "start").find(|at| {
        let mut args = args.clone();
        args[*at] = "serve".into();
        Cli::try_parse_from(args).is_ok_and(|cli| match cli.command {
            super::Command::Daemon(args) => args.works(),
            _ => false,
        })
    });
    let at = serve.ok_or_else(|| Error::usage("cannot find my own arguments", "start it with: quicksave daemon &"))?;
    args[at] = "serve".into();
    let bad = |e| Error::io("cannot start the daemon", e);
    let program = std::env::current_exe().map_err(bad)?;
    let error = log.try_clone().map_err(bad)?;
    let mut command = Command::new(program);
    command.args(&args[1..]).stdin(Stdio::null()).stdout(log).stderr(error);
    command.spawn().map_err(bad)
}

async fn stop(session: &Session, place: &Place, wait: Duration) -> Result<u8, Error> {
    let mut connection = Connection::open(place, &handoff::who()).await?;
    let pid = connection.hello["pid"].clone();
    connection.request(json!({ "t": "stop" })).await?;
    let began = Instant::now();
    while place.running().is_some_and(|running| pid == running) {
        if began.elapsed() > wait {
            let what = format!("the daemon (process {pid}) was asked to end, and has not within {wait:?}");
            return Err(Error::usage(
                what,
                format!("wait longer, or end it at once: kill -9 {pid}; runs survive that"),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
    if session.globals.json {
        output::json(&json!({ "pid": pid, "status": "stopped" }));
    } else if !session.globals.quiet {
        error_line(format!("the daemon (process {pid}) has ended; its runs are resumable"));
    }
    Ok(exit::COMPLETED)
}

async fn status(session: &Session, place: &Place) -> Result<u8, Error> {
    let status = match Connection::open(place, &handoff::who()).await {
        Ok(mut connection) => connection.value(json!({ "t": "status" })).await?,
        Err(ClientError::NoDaemon) => {
            if session.globals.json {
                output::json(&json!({ "status": "stopped" }));
            } else {
                output::line(format!(
                    "no daemon is running; begin one with: quicksave daemon start{}",
                    session.globals.again()
                ));
            }
            return Ok(exit::WAITING);
        }
        Err(error) => return Err(error.into()),
    };
    if session.globals.json {
        let mut shape = json!({ "status": "running" });
        if let (Some(shape), Some(status)) = (shape.as_object_mut(), status.as_object()) {
            shape.extend(status.clone());
        }
        output::json(&shape);
    } else {
        show(&status);
    }
    Ok(exit::COMPLETED)
}

fn show(status: &Value) {
    let seconds = Duration::from_secs(status["uptimeMs"].as_u64().unwrap_or_default() / 1_000);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), output::tame);
    let (runs, events) = (&status["runs"], &status["events"]);
    let up = if seconds.is_zero() { "less than a second".into() } else { format!("{seconds:?}") };
    output::line(format!("process {}, version {}, for {up}", status["pid"], text(&status["version"])));
    output::line(format!("runs are kept in {}", text(&status["store"])));
    output::line(format!(
        "{} runs driven, {} will be, {} sleep; {} were taken up",
        runs["driven"], runs["queued"], runs["sleeping"], runs["resumed"]
    ));
    output::line(format!(
        "{} clients, {} of them listen; {} locks are held",
        status["clients"], status["subscribers"], status["locks"]
    ));
    output::line(format!("{} events are kept, the last is number {}", events["kept"], events["last"]));
    if let Some(memory) = status["memory"].as_u64() {
        output::line(format!("{} MiB of memory", memory >> 20));
    }
    let named = |list: &str, time: &str, word: &str| {
        for one in runs[list].as_array().into_iter().flatten().take(SHOWN) {
            output::line(format!("{word} {}: {}", text(&one[time]), text(&one["runId"])));
        }
    };
    named("drives", "since", "driven since");
    named("sleeps", "until", "sleeps until");
    for (run, why) in runs["leftAlone"].as_object().into_iter().flatten() {
        output::line(format!("left alone: {} {}", quote(run), text(why)));
    }
    let troubles = runs["troubles"].as_array().map_or(&[][..], Vec::as_slice);
    for trouble in &troubles[troubles.len().saturating_sub(SHOWN)..] {
        let run = trouble["runId"].as_str().map_or_else(String::new, |run| format!(" {}", quote(run)));
        output::line(format!("trouble at {}:{run} {}", text(&trouble["at"]), text(&trouble["message"])));
    }
}

async fn logs(place: &Place, follow: bool, lines: usize) -> Result<u8, Error> {
    let path = place.file("log");
    let mut text = read_from(&path, 0);
    let mut at = text.len() as u64;
    let begin = text.trim_end().rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
    output::raw(text.split_off(begin).as_bytes());
    while follow && !output::is_closed() {
        tokio::time::sleep(LOOK * 5).await;
        // It was put aside, and begun again.
        if std::fs::metadata(&path).is_ok_and(|data| data.len() < at) {
            at = 0;
        }
        let more = read_from(&path, at);
        at += more.len() as u64;
        output::raw(more.as_bytes());
    }
    Ok(exit::COMPLETED)
}

/// What is in a log behind `from`; nothing if it cannot be read.
fn read_from(path: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(2 * LOG).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    // Up to the last whole letter: the next one may be on its way.
    let bytes = read().unwrap_or_default();
    let whole = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    match std::str::from_utf8(&bytes[..whole]) {
        Ok(text) if bytes.len() - whole < 4 => text.to_owned(),
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// Puts the log aside when it has grown long. It is written to at its end, so it can be emptied while it is open.
async fn keep_short(path: std::path::PathBuf) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if std::fs::metadata(&path).is_ok_and(|data| data.len() > LOG) {
            let aside = path.with_extension("1");
            let done = std::fs::copy(&path, &aside).and_then(|_| File::options().write(true).open(&path)?.set_len(0));
            if let Err(error) = done {
                tracing::warn!(%error, "the daemon's log cannot be put aside");
            }
        }
        let _ = std::io::stderr().flush();
    }
}
