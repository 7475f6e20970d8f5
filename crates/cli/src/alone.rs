//! The command as `neutron`: a script runs in this process alone, as the language's own command runs it. Nothing is
//! recorded, so what a script keeps is what it saves with `sys.checkpoint`.

use std::path::PathBuf;

use clap::Parser;

use crate::{args::Globals, drive, repl, report::Error, screen::Terminal, script, session::Session, warn};

/// Runs Neutron programs, which can save themselves at any point and go on from there.
///
/// Without a script it starts an interactive session. Scripts may reach nothing unless it is granted; `sys.checkpoint`
/// may save to *.snap in the current folder and below.
#[derive(Parser)]
#[command(name = "neutron", version, max_term_width = 100, after_help = AFTER)]
pub struct Neutron {
    /// The script (.nt), and what `sys.args()` gives to it
    #[arg(value_name = "SCRIPT [ARGUMENT]…", trailing_var_arg = true, allow_hyphen_values = true)]
    script: Vec<String>,
    /// Go on from a checkpoint that a script saved; arguments behind it replace the script's own
    #[arg(long, value_name = "FILE.snap")]
    resume: Option<PathBuf>,
    /// Say what is wrong with the script, and do not run it
    #[arg(long, conflicts_with = "resume")]
    check: bool,
    #[command(flatten)]
    pub globals: Globals,
}

const AFTER: &str = "Exit codes: 0 completed, or what sys.exit says · 1 an error that nothing caught · 2 usage or syntax · \
    3 a checkpoint was refused · 130 interrupted\nRuns that survive being killed without any checkpoint: quicksave run SCRIPT";

impl Neutron {
    /// Does what was typed, and gives the exit code.
    pub fn run(mut self) -> Result<u8, Error> {
        self.globals.alone = true;
        if self.check {
            let [file] = self.script.as_slice() else {
                return Err(Error::usage("--check needs one script", "neutron --check SCRIPT"));
            };
            return crate::commands::check::files(&[PathBuf::from(file)], self.globals.json);
        }
        let new = match (&self.resume, self.script.split_first()) {
            (Some(file), _) => {
                if let Some(restored) = repl::saved(file)? {
                    let session = Session::new(self.globals)?;
                    return repl::run(&session, Some(restored));
                }
                script::snapshot(file, &self.script, None)?
            }
            (None, Some((file, args))) => {
                let (new, warnings) = script::file(&PathBuf::from(file), args, None)?;
                warn(&self.globals, &warnings);
                new
            }
            (None, None) => {
                let session = Session::new(self.globals)?;
                return repl::run(&session, None);
            }
        };
        let session = Session::new(self.globals)?;
        let screen = Terminal::new(&session.globals);
        session.runtime.block_on(async {
            let executor = session.driver("neutron", screen.clone())?;
            let driver = executor.start(new).await?;
            drive::drive(&session, driver, &screen).await
        })
    }
}

/// Whether this process was started under the name `neutron`.
pub fn is_called() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.as_ref().and_then(|name| name.file_stem()).is_some_and(|name| name == "neutron")
}
