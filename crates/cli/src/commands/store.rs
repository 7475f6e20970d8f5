//! `quicksave store`

use std::time::Duration;

use ::store::{StoreUrl, Stores, check, copy, sealed::Rotated};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
    output,
    report::{Error, exit},
    session::Session,
    world::owner,
};

/// Copy, check and re-encrypt what is kept
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

// Addresses are taken as text: the parser of arguments would print one that is wrong, with its password.
#[derive(clap::Subcommand)]
enum What {
    /// Copy all runs and checkpoints from one store to another
    ///
    /// What is there already is not copied again, so that a copy which was interrupted goes on. Runs that somebody drives
    /// are left out, and named.
    Copy {
        /// From here: file:DIR, sqlite:FILE, postgres://…, redis://…, s3://…
        from: String,
        /// To here
        to: String,
    },
    /// Read a whole store, and say what is damaged
    ///
    /// Checks the checksum of every line of every journal, and the hash of every snapshot, long value and pinned code.
    Check {
        /// Which: file:DIR, sqlite:FILE, postgres://…, redis://…, s3://…
        // Not `store`, which is the name of a global option.
        url: String,
    },
    /// Encrypt all checkpoints under the current key of the configuration
    ///
    /// Afterwards older keys are needed no more.
    Rotate,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    match args.what {
        What::Copy { from, to } => copy_all(session, &from.parse()?, &to.parse()?).await,
        What::Check { url } => check_all(session, &url.parse()?).await,
        What::Rotate => rotate(session).await,
    }
}

/// Progress on a terminal: `done` of `all`.
struct Bar(ProgressBar);

impl Bar {
    fn new(session: &Session, what: &'static str) -> Self {
        // indicatif itself shows nothing where standard error is no terminal.
        let bar = if session.globals.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    fn show(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn open(session: &Session, url: &StoreUrl) -> Result<Stores, Error> {
    Ok(url.open(session.settings.durability.kind()).await?)
}

async fn copy_all(session: &Session, from: &StoreUrl, to: &StoreUrl) -> Result<u8, Error> {
    if from == to {
        return Err(Error::usage("both stores are the same", "name another one to copy to"));
    }
    there(from)?;
    let (source, target) = (open(session, from).await?, open(session, to).await?);
    let bar = Bar::new(session, "copying");
    let step = |p: &copy::Progress| bar.show(p.runs_done + p.keys_done + p.failed, p.runs + p.keys);
    let copied = copy::copy(&source, &target, &owner("quicksave store copy"), step).await?;
    drop(bar);
    let p = &copied.progress;
    let code = if copied.failed.is_empty() { exit::COMPLETED } else { exit::FAILED };
    if session.globals.json {
        let failed: Vec<_> =
            copied.failed.iter().map(|(name, e)| json!({ "name": name, "error": e.to_string() })).collect();
        output::json(&json!({
            "from": source.name, "to": target.name, "runs": p.runs_done, "keys": p.keys_done, "bytes": p.bytes,
            "failed": failed,
        }));
        return Ok(code);
    }
    for (name, error) in &copied.failed {
        output::error_line(format!("not copied: {}: {error}", output::tame(name)));
    }
    if !session.globals.quiet {
        output::line(format!(
            "{} of {} runs and {} of {} other keys are in {}; {} bytes were written",
            p.runs_done, p.runs, p.keys_done, p.keys, target.name, p.bytes
        ));
        if !copied.failed.is_empty() {
            output::error_line("  copy again to go on, once what is named above is mended");
        }
    }
    Ok(code)
}

async fn check_all(session: &Session, url: &StoreUrl) -> Result<u8, Error> {
    there(url)?;
    let store = open(session, url).await?;
    let mut bad = Vec::new();
    let mut torn = 0u64;
    let bar = Bar::new(session, "checking");
    let mut done = 0;
    let sum = check::check(&store, |run| {
        done += 1;
        bar.show(done, done);
        torn += u64::from(run.torn > 0);
        if !run.is_good() {
            bad.push(run.clone());
        }
    })
    .await?;
    drop(bar);
    let good = sum.bad_runs == 0 && sum.bad_keys.is_empty();
    let code = if good { exit::COMPLETED } else { exit::REFUSED };
    let keys = |keys: &[(String, String)]| -> Vec<_> {
        keys.iter().map(|(key, cause)| json!({ "key": key, "error": cause })).collect()
    };
    if session.globals.json {
        let runs: Vec<_> = bad
            .iter()
            .map(|run| json!({ "runId": run.run, "error": run.damage, "lines": run.lines, "keys": keys(&run.bad_blobs) }))
            .collect();
        output::json(&json!({
            "store": store.name, "ok": good, "runs": sum.runs, "keys": sum.keys, "bytes": sum.bytes, "tornRuns": torn,
            "badRuns": runs, "badKeys": keys(&sum.bad_keys),
        }));
        return Ok(code);
    }
    for run in &bad {
        if let Some(damage) = &run.damage {
            output::line(format!("BAD  run {}: {damage}; {} lines before that are good", run.run, run.lines));
        }
        for (key, cause) in &run.bad_blobs {
            output::line(format!("BAD  run {}: {key}: {cause}", run.run));
        }
    }
    for (key, cause) in &sum.bad_keys {
        output::line(format!("BAD  {}: {cause}", output::tame(key)));
    }
    if !session.globals.quiet {
        let torn = match torn {
            0 => String::new(),
            n => format!("; {n} end in an append that was cut short, which the next driver cuts off"),
        };
        output::line(format!(
            "{}: {} runs, {} other keys, {} bytes read: {}{torn}",
            store.name,
            sum.runs,
            sum.keys,
            sum.bytes,
            if good { "all is good".into() } else { format!("{} damaged", sum.bad_runs + sum.bad_keys.len() as u64) }
        ));
    }
    Ok(code)
}

async fn rotate(session: &Session) -> Result<u8, Error> {
    let Some(sealed) = &session.sealed else {
        return Err(Error::usage(
            "nothing is encrypted here: the configuration has no [seal]",
            "name a key in quicksave.toml: [seal] key-file = \"FILE\", the new key first",
        ));
    };
    let bar = Bar::new(session, "sealing");
    let mut rotated = Rotated::default();
    // A home holds other files too: its configuration must stay as it is.
    for prefix in ["code/", "index/", "runs/"] {
        let part = sealed.rotate(prefix, |done, all| bar.show(done, all)).await?;
        rotated.sealed += part.sealed;
        rotated.kept += part.kept;
        rotated.failed.extend(part.failed);
    }
    drop(bar);
    let code = if rotated.failed.is_empty() { exit::COMPLETED } else { exit::FAILED };
    if session.globals.json {
        let failed: Vec<_> =
            rotated.failed.iter().map(|(key, e)| json!({ "key": key, "error": e.to_string() })).collect();
        output::json(&json!({ "sealed": rotated.sealed, "kept": rotated.kept, "failed": failed }));
        return Ok(code);
    }
    for (key, error) in &rotated.failed {
        output::error_line(format!("not sealed: {}: {error}", output::tame(key)));
    }
    if !session.globals.quiet {
        output::line(format!("{} sealed under the current key, {} were so already", rotated.sealed, rotated.kept));
    }
    Ok(code)
}

/// A store that is only read must be there: opening would make an empty one of a path that was mistyped.
fn there(url: &StoreUrl) -> Result<(), Error> {
    match url {
        StoreUrl::File(path) | StoreUrl::Sqlite(path) if !path.exists() => {
            Err(Error::usage(format!("{url}: there is nothing"), "check the path"))
        }
        StoreUrl::Memory => Err(Error::usage("memory: is empty", "name a store that outlives its process")),
        _ => Ok(()),
    }
}
