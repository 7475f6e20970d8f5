//! Ours and the peers, side by side, in one run. `benches/run` installs the peers, builds, and starts this.

mod floors;
mod logs;
mod machine;
mod measure;
mod native;
mod ours;
mod page;
mod peers;
mod plan;
mod process;
mod results;
mod rows;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;

use crate::{ours::Ours, page::Stamp, peers::Peers, plan::Plan, results::Results};

/// Measures ours and the peers in turn and prints a table.
#[derive(Parser)]
struct Args {
    /// The benches folder.
    #[arg(long, default_value = "benches")]
    folder: PathBuf,
    /// The binary to measure.
    #[arg(long, default_value = "target/release/quicksave")]
    quicksave: PathBuf,
    /// Where files are made; on the disk that is to be measured.
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Only these groups of rows.
    #[arg(long, value_delimiter = ',', value_parser = rows::groups())]
    only: Vec<String>,
    /// Write what is measured into this page; what it holds of other groups stays.
    #[arg(long)]
    write: Option<PathBuf>,
    /// The commit that is measured.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// The day.
    #[arg(long, default_value = "unknown")]
    date: String,
    /// Holds so many waiting runs and prints the memory of this process: a row's own process.
    #[arg(long, hide = true)]
    waiting: Option<u64>,
    /// Serves S3 until standard input ends, and says the port: a row's other process.
    #[arg(long, hide = true)]
    serve_s3: bool,
}

fn main() -> ExitCode {
    match bench(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Names the file in its error.
fn at(what: &Path) -> impl FnOnce(std::io::Error) -> String {
    move |e| format!("{}: {e}", what.display())
}

fn bench(args: &Args) -> Result<(), String> {
    if args.serve_s3 {
        return ours::serve_s3();
    }
    let folder = args.folder.canonicalize().map_err(at(&args.folder))?;
    fs::create_dir_all(&args.scratch).map_err(at(&args.scratch))?;
    let parent = args.scratch.canonicalize().map_err(at(&args.scratch))?;
    let scratch = tempfile::Builder::new().prefix("bench-").tempdir_in(parent).map_err(at(&args.scratch))?;
    // Commands are started in the scratch folder.
    let quicksave = std::path::absolute(&args.quicksave).map_err(at(&args.quicksave))?;

    if let Some(runs) = args.waiting {
        println!("{}", ours::wait_here(scratch.path(), runs)?);
        return Ok(());
    }
    let mut plan = Plan {
        ours: Ours::new(&quicksave, &folder.join("programs"), scratch.path()),
        peers: Peers::new(&folder.join("peers"), scratch.path()),
        scratch: scratch.path(),
        results: Results::default(),
    };
    let groups =
        rows::groups().into_iter().filter(|group| args.only.is_empty() || args.only.iter().any(|only| only == group));
    let mut stamps = Vec::new();
    for group in groups {
        eprintln!("{group} …");
        let before = machine::load();
        plan.group(group)?;
        let (date, commit) = (args.date.clone(), args.commit.clone());
        stamps.push(Stamp { group, date, commit, load: (before, machine::load()) });
    }
    print!("{}", table::terminal(&args.only, &plan.results));
    if let Some(file) = &args.write {
        let old = fs::read_to_string(file).unwrap_or_default();
        let facts = machine::facts(scratch.path(), &plan.peers);
        fs::write(file, page::page(&old, &facts, &stamps, &plan.results)).map_err(at(file))?;
    }
    Ok(())
}
