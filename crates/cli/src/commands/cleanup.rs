//! `quicksave cleanup`

use std::time::Duration;

use serde_json::json;

use crate::{
    output,
    report::{Error, exit},
    session::Session,
    units,
};

/// Remove runs that have ended and were not touched for some time
///
/// Runs that are running, waiting or damaged stay. Files that crashes left half written go too.
#[derive(clap::Args)]
pub struct Args {
    /// Those that were last touched longer ago than this: 7d, 12h, 30m
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    older_than: Duration,
    /// Only say which
    #[arg(long)]
    dry_run: bool,
}

/// Nobody writes a file for longer than this.
pub const LEFTOVER: Duration = Duration::from_secs(3600);

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let removed = session.reader().cleanup(args.older_than, args.dry_run).await?;
    let leftovers = match &session.files {
        Some(files) if !args.dry_run => files.sweep(LEFTOVER)?,
        _ => 0,
    };
    if session.globals.json {
        output::json(&json!({ "removed": removed, "leftovers": leftovers, "dryRun": args.dry_run }));
        return Ok(exit::COMPLETED);
    }
    for run in &removed {
        output::line(run.as_str());
    }
    if !session.globals.quiet {
        let word = if args.dry_run { "would be removed" } else { "removed" };
        let runs = if removed.len() == 1 { "run" } else { "runs" };
        output::error_line(format!("{} {runs} {word}", removed.len()));
    }
    Ok(exit::COMPLETED)
}
