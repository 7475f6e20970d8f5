//! Driving a run in the foreground: until it ends, must wait, or is interrupted.

use std::{io::IsTerminal, sync::Arc};

use daemon::Running;
use executor::{Control, Driver, ExecError, Finished, Opened};
use run::{Payload, RunId, entry::Waiting, program::ProgramError, time::iso};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot::Receiver,
};

use crate::{
    args::quote,
    handoff,
    output::{self, error_line, tame},
    report::{Error, exit, exit_code, exit_of},
    screen::Terminal,
    session::Session,
    shapes::Outcome,
};

/// Drives `driver` to where it stops, and says how that was.
pub async fn drive(session: &Session, driver: Driver, screen: &Terminal) -> Result<u8, Error> {
    let run = driver.run().clone();
    if session.globals.verbose > 0 {
        error_line(format!("run {run}"));
    }
    let control = driver.control();
    let finished = wait(driver.spawn(), &control, &run, session.globals.alone).await;
    settle(session, &run, &finished).await;
    told(session, run, finished, screen)
}

/// As [`drive`], of a run that is driven elsewhere in this process.
pub async fn follow(session: &Session, running: Running, screen: &Terminal) -> Result<u8, Error> {
    let (run, control) = (running.run.clone(), running.control().clone());
    if session.globals.verbose > 0 {
        error_line(format!("run {run}"));
    }
    let (tell, done) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let again = |cause: Arc<ExecError>| ExecError::Guest(run::GuestError::Engine(cause.to_string()));
        let ended = running.ended().await;
        // The other holder of the error has told nobody yet, or never will.
        let _ = tell.send(ended.map_err(|cause| Arc::try_unwrap(cause).unwrap_or_else(again)));
    });
    let finished = wait(done, &control, &run, session.globals.alone).await;
    settle(session, &run, &finished).await;
    told(session, run, finished, screen)
}

fn told(session: &Session, run: RunId, finished: Result<Finished, ExecError>, screen: &Terminal) -> Result<u8, Error> {
    screen.clear();
    match finished {
        Ok(finished) => tell(session, &run, &finished),
        // There is nothing to go on with.
        Err(cause) if session.globals.alone => Err(cause.into()),
        Err(cause) => Err(Error::Driving { run, again: session.globals.again(), cause }),
    }
}

/// Waits until events have reached the daemon, or the listeners here; unless somebody wants to go.
async fn settle(session: &Session, run: &RunId, finished: &Result<Finished, ExecError>) {
    if let Ok(Finished::Left) = finished {
        handoff::interrupted(session, run).await;
    }
    let Ok(mut stops) = Stops::new() else { return session.events.settle().await };
    tokio::select! {
        () = session.events.settle() => {}
        () = stops.next() => error_line("events were left: some listeners have not heard them"),
    }
}

/// What came of taking a run up: drives it, or tells how it has ended before.
pub async fn drive_opened(session: &Session, run: &RunId, opened: Opened, screen: &Terminal) -> Result<u8, Error> {
    match opened {
        Opened::Driver(driver) => drive(session, *driver, screen).await,
        Opened::Ended(finished) => {
            session.events.adopt(run);
            let finished = Ok(finished);
            settle(session, run, &finished).await;
            told(session, run.clone(), finished, screen)
        }
    }
}

/// The signals that ask a process to stop; and the one for a file that grows beyond its limit, which must fail the
/// write and not end the process.
pub struct Stops([Signal; 3], #[expect(dead_code, reason = "held, so that it is not acted upon")] Signal);

impl Stops {
    pub fn new() -> std::io::Result<Self> {
        let too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        let stops = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
        Ok(Self(stops, too_large))
    }

    /// The next one.
    pub async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

async fn wait(
    mut done: Receiver<Result<Finished, ExecError>>,
    control: &Arc<Control>,
    run: &RunId,
    alone: bool,
) -> Result<Finished, ExecError> {
    // Without handlers a signal ends the process at once, which every run survives.
    let Ok(mut stops) = Stops::new() else { return ended(done.await) };
    loop {
        tokio::select! {
            finished = &mut done => return ended(finished),
            () = stops.next() => {
                if control.leaving() && alone {
                    std::process::exit(exit::INTERRUPTED.into());
                }
                if control.leaving() {
                    error_line(format!("run {run} was left at once; it can be resumed"));
                    std::process::exit(exit::INTERRUPTED.into());
                }
                control.leave();
            }
        }
    }
}

fn ended(
    finished: Result<Result<Finished, ExecError>, tokio::sync::oneshot::error::RecvError>,
) -> Result<Finished, ExecError> {
    let lost = |_| ExecError::Guest(run::GuestError::Engine("the thread of the run ended unexpectedly".into()));
    finished.map_err(lost)?
}

/// Shows how driving ended: the result on standard output, everything else on standard error.
pub fn tell(session: &Session, run: &RunId, finished: &Finished) -> Result<u8, Error> {
    let again = session.globals.again();
    if session.globals.json {
        output::json(&Outcome::new(run, finished));
    }
    let quiet = session.globals.quiet;
    match finished {
        Finished::Completed(payload) if !quiet && !session.globals.json => result(payload),
        Finished::Completed(_) => {}
        // What a program says itself when it exits is enough.
        Finished::Failed(error) if exit_code(error).is_some() => {}
        Finished::Failed(error) if session.globals.alone => error_line(reason(error).trim_end()),
        Finished::Failed(error) => error_line(failed(run, error, &again)),
        Finished::Cancelled(reason) => {
            let why = if reason.is_empty() { String::new() } else { format!(": {}", tame(reason)) };
            error_line(format!("run {run} was cancelled{why}"));
        }
        Finished::Waiting(waiting) => error_line(waits(run, waiting, &again)),
        Finished::Left => {
            if session.globals.alone {
                error_line("interrupted");
                return Ok(exit_of(finished));
            }
            // The terminal has shown ^C, or a question that was not answered.
            let fresh = if std::io::stderr().is_terminal() { "\n" } else { "" };
            error_line(format!("{fresh}run {run} was interrupted; go on with: quicksave resume {run}{again}"));
        }
    }
    Ok(exit_of(finished))
}

fn result(payload: &Payload) {
    let value = payload.json.value();
    if payload.bytes.is_none() && value.is_null() {
        return;
    }
    output::fresh_line();
    if let Some(bytes) = &payload.bytes {
        if std::io::stdout().is_terminal() {
            output::line(format!("({} bytes; redirect standard output to keep them)", bytes.len()));
        } else {
            output::raw(bytes);
        }
        return;
    }
    match value {
        serde_json::Value::String(text) => output::line(text),
        value => output::line(serde_json::to_string_pretty(&value).unwrap_or_else(|_| payload.json.get().to_owned())),
    }
}

/// The error and where it came from.
fn reason(error: &ProgramError) -> String {
    let message = if error.message.is_empty() { "an error without a message" } else { &error.message };
    match &error.stack {
        // A stack begins with the error's class and message.
        Some(stack) if stack.contains(message) => stack.clone(),
        Some(stack) => format!("{message}\n{stack}"),
        None => message.to_owned(),
    }
}

fn failed(run: &RunId, error: &ProgramError, again: &str) -> String {
    let word = match error.kind.as_str() {
        "timed_out" => "ran out of time",
        "limit" => "exceeded a limit",
        "deadlock" => "cannot go on",
        _ => "failed",
    };
    let what = reason(error);
    let message = error.message.as_str();
    // What the host says would grant the access belongs to the command that tries again.
    let grant = message.lines().next().and_then(|line| line.rsplit_once(": run again with --allow-"));
    let grant = grant.map_or_else(String::new, |(_, flag)| format!(" --allow-{}", tame(flag)));
    format!(
        "run {run} {word}: {}\n  try again, from its last checkpoint if it has one: \
         quicksave resume {run} --retry{grant}{again}",
        what.strip_prefix("error: ").unwrap_or(&what).trim_end()
    )
}

/// For what a run waits, and how it is given that.
fn waits(run: &RunId, waiting: &[Waiting], again: &str) -> String {
    let mut text = format!("run {run} waits");
    for one in waiting {
        let (what, how) = match one {
            Waiting::Ask { id, ask, message, .. } => {
                let message = tame(message);
                (
                    format!("for an answer ({}): {message}", tame(ask)),
                    format!("quicksave answer {run} VALUE --id={}{again}", quote(id)),
                )
            }
            Waiting::Signal { name } => (
                format!("for the signal {}", tame(name)),
                format!("quicksave signal {run} {} [JSON]{again}", quote(name)),
            ),
            Waiting::Timer { due } => (format!("until {}", iso(*due)), format!("quicksave resume {run}{again}")),
            Waiting::Run { run: called, .. } => (
                format!("for run {called}, which it called"),
                format!("quicksave show {called}{again}; then: quicksave resume {run}{again}"),
            ),
            Waiting::Call { n, op } => (
                format!(
                    "for your word on call {n} ({}), which was perhaps done and must not be repeated unasked",
                    tame(op)
                ),
                format!("quicksave answer {run} --call={n} --repeat{again}, or with its result: --value=JSON"),
            ),
        };
        text.push_str(&format!("\n  {what}\n    {how}"));
    }
    text
}
