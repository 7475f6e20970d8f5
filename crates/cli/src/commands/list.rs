//! `quicksave list`

use ::run::{Status, time::iso};
use executor::RunInfo;

use crate::{
    output::{self, cut, tame},
    report::{Error, exit},
    session::Session,
    shapes, units,
};

/// List runs, newest first
#[derive(clap::Args)]
pub struct Args {
    /// At most this many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
    /// Only those that are running, waiting, paused, completed, failed, cancelled, timed_out or corrupt
    #[arg(long, value_name = "STATUS")]
    status: Option<Status>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let runs = session.reader().list().await?;
    if session.globals.json {
        output::json(&shapes::list(runs, args.limit, args.status));
        return Ok(exit::COMPLETED);
    }
    let runs = shapes::choose(runs, args.limit, args.status);
    if runs.is_empty() {
        output::error_line("there are no such runs");
        return Ok(exit::COMPLETED);
    }
    let wide = runs.iter().map(|run| run.run.as_str().len()).max().unwrap_or(0).max("RUN".len());
    output::line(format!("{:wide$}  {:10} {:20}  {:>8}  TOOL", "RUN", "STATUS", "STARTED", "TOOK"));
    for run in &runs {
        output::line(row(run, wide));
        if output::is_closed() {
            break;
        }
    }
    Ok(exit::COMPLETED)
}

fn row(info: &RunInfo, wide: usize) -> String {
    // To the second.
    let started = if info.started_at > 0 { iso(info.started_at / 1000 * 1000) } else { "-".into() };
    let took = info.completed_at.map_or_else(|| "-".into(), |at| units::rough(at.saturating_sub(info.started_at)));
    let tool = match &info.photon {
        Some(photon) if *photon != info.tool => format!("{photon}.{}", info.tool),
        _ => info.tool.clone(),
    };
    let error = info
        .error
        .as_deref()
        .filter(|error| !error.is_empty())
        .map_or_else(String::new, |error| format!("  {}", error.lines().next().unwrap_or_default()));
    let rest = cut(&tame(&format!("{tool}{error}")), 100);
    format!("{:wide$}  {:10} {started:20}  {took:>8}  {rest}", info.run.as_str(), info.status)
}
