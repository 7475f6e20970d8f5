//! `quicksave man`

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{
    args::Cli,
    output,
    report::{Error, exit},
};

/// Write the manual page (roff): of all, or of one command
#[derive(clap::Args)]
pub struct Args {
    /// The command
    command: Option<String>,
}

pub fn run(args: &Args) -> Result<u8, Error> {
    let mut cli = Cli::command();
    // So that options which hold for every command are in each page.
    cli.build();
    let page = match &args.command {
        None => cli,
        Some(name) => {
            let found = cli.find_subcommand(name).cloned();
            let found =
                found.ok_or_else(|| Error::usage(format!("there is no command {name:?}"), "see: quicksave --help"))?;
            found.name(format!("quicksave-{name}"))
        }
    };
    let mut roff = Vec::new();
    Man::new(page).render(&mut roff).map_err(|e| Error::io("cannot write the manual page", e))?;
    output::raw(&roff);
    Ok(exit::COMPLETED)
}
