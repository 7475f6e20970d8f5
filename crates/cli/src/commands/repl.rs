//! `quicksave repl`

use std::path::PathBuf;

use crate::{repl, report::Error, script, session::Session};

/// Start an interactive Neutron session
///
/// What is typed is run at once; variables stay. An expression shows its value, an error does not end the session. The
/// session's own commands begin with a colon: see :help.
#[derive(clap::Args)]
pub struct Args {
    /// Go on with a session that was saved with :save
    #[arg(value_name = "FILE.snap")]
    file: Option<PathBuf>,
}

pub fn run(session: &Session, args: &Args) -> Result<u8, Error> {
    let restored = match &args.file {
        None => None,
        Some(file) => Some(repl::saved(file)?.ok_or_else(|| {
            let what = format!("{} is the checkpoint of a program, not a session", file.display());
            Error::usage(what, format!("go on with it: quicksave resume {}", script::shown(file)))
        })?),
    };
    repl::run(session, restored)
}
