//! The interactive Neutron session: lines in, values out. The session's program asks for effects as any other does; here
//! they are done at once and recorded nowhere.

use std::{
    collections::HashMap,
    io::{BufRead, IsTerminal},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use ::neutron::{Input, Step};
use executor::{CallContext, Host, World};
use run::{Effect, Outcome, Payload, Port, RunId, Stop, program::ProgramError};
use rustyline::{DefaultEditor, error::ReadlineError};

use crate::{
    output::{self, error_line},
    report::{Error, exit},
    screen::Terminal,
    script,
    session::Session,
    world::System,
};

const HELP: &str = "\
:help            this
:vars            the names of the session's variables
:save FILE.snap  save the session; go on with it later: neutron --resume FILE.snap
:load FILE       run the script FILE here (.nt), or go on with a saved session (.snap)
:quit            leave, as Ctrl-D does
Ctrl-C stops what runs. An input goes on over several lines until its brackets are closed; an empty line ends it.";

/// Lines that are remembered from session to session.
const HISTORY: usize = 1_000;

/// A saved session; `None` if the file is a program's checkpoint.
pub fn saved(file: &Path) -> Result<Option<::neutron::Session>, Error> {
    let bytes = script::bytes(file)?;
    let memory = run::limits::Limits::default().memory;
    ::neutron::Session::restore(&bytes, memory).map_err(|cause| script::refused(file, cause.to_string()))
}

/// Reads and runs until the input ends.
pub fn run(session: &Session, restored: Option<::neutron::Session>) -> Result<u8, Error> {
    // The machine recurses over what it parses and shows, so it needs more stack than a main thread may have.
    std::thread::scope(|scope| {
        let work = move || Repl::new(session, restored)?.talk();
        let thread = std::thread::Builder::new().stack_size(executor::STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|e| Error::io("cannot start threads", e))?;
        thread.join().unwrap_or_else(|_| Err(Error::io("the session ended", std::io::ErrorKind::Other.into())))
    })
}

struct Repl<'a> {
    session: &'a Session,
    program: ::neutron::Session,
    world: Outside,
    lines: Lines,
    /// A script is being run from a file: it is not shown what its last expression gives.
    quiet: bool,
}

enum Lines {
    Typed(Box<DefaultEditor>, Option<PathBuf>),
    Piped,
}

enum Line {
    Text(String),
    Interrupted,
    End,
}

impl Lines {
    fn new(home: &Path) -> Self {
        if !std::io::stdin().is_terminal() {
            return Self::Piped;
        }
        let config = rustyline::Config::builder().max_history_size(HISTORY).map(|c| c.auto_add_history(true).build());
        let Ok(mut editor) = config.and_then(DefaultEditor::with_config) else { return Self::Piped };
        let file = home.is_dir().then(|| home.join("neutron-history"));
        if let Some(file) = &file {
            // The first session has none.
            let _ = editor.load_history(file);
        }
        Self::Typed(Box::new(editor), file)
    }

    fn next(&mut self, prompt: &str) -> Result<Line, Error> {
        let failed = |e: std::io::Error| Error::io("cannot read what is typed", e);
        match self {
            Self::Typed(editor, file) => match editor.readline(prompt) {
                Ok(text) => {
                    if let Some(file) = file {
                        // A history that cannot be kept is no reason to stop.
                        let _ = editor.append_history(file);
                    }
                    Ok(Line::Text(text))
                }
                Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(ReadlineError::Io(e)) => Err(failed(e)),
                Err(other) => Err(failed(std::io::Error::other(other.to_string()))),
            },
            Self::Piped => {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_until(b'\n', &mut bytes).map_err(failed)?;
                if bytes.is_empty() {
                    return Ok(Line::End);
                }
                let text = String::from_utf8_lossy(&bytes);
                Ok(Line::Text(text.trim_end_matches(['\n', '\r']).to_owned()))
            }
        }
    }
}

impl<'a> Repl<'a> {
    fn new(session: &'a Session, restored: Option<::neutron::Session>) -> Result<Self, Error> {
        let screen = Terminal::new(&session.globals);
        let mut world = Outside::new(session, session.host(screen)?);
        let program = match restored {
            Some(program) => program,
            None => {
                let memory = session.settings.limits.memory;
                let now = System.now();
                ::neutron::Session::new(memory, &::neutron::params(&[]), System.seed(), now, &mut world)
                    .map_err(|stop| Error::usage(stop.0.message, "try again"))?
            }
        };
        Ok(Self { session, program, world, lines: Lines::new(&session.home), quiet: false })
    }

    /// Where input is typed, people see what goes on; where it is piped, only what the program prints.
    fn talk(mut self) -> Result<u8, Error> {
        let typed = matches!(self.lines, Lines::Typed(..));
        if typed && !self.session.globals.quiet {
            output::line(format!("Neutron in Quicksave {}; :help tells more", env!("CARGO_PKG_VERSION")));
        }
        let mut input = String::new();
        loop {
            let prompt = if input.is_empty() { "> " } else { "… " };
            match self.lines.next(prompt)? {
                Line::Interrupted => input.clear(),
                Line::End if input.is_empty() => return Ok(exit::COMPLETED),
                Line::End => {
                    if let Some(code) = self.input(&std::mem::take(&mut input), true) {
                        return Ok(code);
                    }
                }
                Line::Text(line) if input.is_empty() && line.trim_start().starts_with(':') => {
                    match self.command(line.trim()) {
                        Ok(Some(code)) => return Ok(code),
                        Ok(None) => {}
                        Err(error) => {
                            error.show(false);
                        }
                    }
                }
                Line::Text(line) => {
                    // On a terminal an empty line ends what would else wait for more.
                    let last = typed && line.is_empty() && !input.is_empty();
                    input.push_str(&line);
                    if input.trim().is_empty() {
                        input.clear();
                        continue;
                    }
                    let before = input.clone();
                    input.push('\n');
                    match self.fed(&before, last) {
                        Fed::More => {}
                        Fed::Done => input.clear(),
                        Fed::Leave(code) => return Ok(code),
                    }
                }
            }
        }
    }

    fn input(&mut self, text: &str, last: bool) -> Option<u8> {
        match self.fed(text, last) {
            Fed::Leave(code) => Some(code),
            Fed::More | Fed::Done => None,
        }
    }

    fn fed(&mut self, text: &str, last: bool) -> Fed {
        match self.program.feed(text, last, &script::Files::default()) {
            Input::Incomplete => Fed::More,
            Input::Wrong(problems) => {
                problems.iter().for_each(|problem| error_line(problem.render()));
                Fed::Done
            }
            Input::Ready(warnings) => {
                crate::warn(&self.session.globals, &warnings);
                self.evaluate()
            }
        }
    }

    fn evaluate(&mut self) -> Fed {
        self.world.interrupt.store(false, Ordering::Relaxed);
        let mut step = self.program.go(System.now(), &mut self.world);
        loop {
            match step {
                Ok(Step::Waits) => {
                    step = match self.world.next() {
                        Some((n, outcome)) => self.program.deliver(n, outcome, System.now(), &mut self.world),
                        None => Err(stopped()),
                    };
                }
                Ok(Step::Value(value)) => {
                    if let (Some(value), false) = (value, self.quiet) {
                        output::fresh_line();
                        output::line(value);
                    }
                    return Fed::Done;
                }
                Ok(Step::Failed(report)) => {
                    error_line(report);
                    return Fed::Done;
                }
                Ok(Step::Exit(code)) => return Fed::Leave(u8::try_from(code).unwrap_or(exit::FAILED)),
                Err(stop) => {
                    self.world.forget();
                    self.program.abandon();
                    error_line(if stop.0.message.is_empty() { "interrupted".into() } else { stop.0.message });
                    return Fed::Done;
                }
            }
        }
    }

    fn command(&mut self, line: &str) -> Result<Option<u8>, Error> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let file = Path::new(rest.trim());
        match (name, rest.trim()) {
            (":help" | ":h" | ":?", _) => output::line(HELP),
            (":quit" | ":q" | ":exit", _) => return Ok(Some(exit::COMPLETED)),
            (":vars", _) => output::line(self.program.names().join(" ")),
            (":save", "") => return Err(Error::usage(":save needs a file", ":save FILE.snap")),
            (":load", "") => return Err(Error::usage(":load needs a file", ":load FILE.nt, or :load FILE.snap")),
            (":save", _) => {
                let bytes = self.program.save().map_err(|e| Error::usage(e.to_string(), "free some of its memory"))?;
                let path = std::path::absolute(file).map_err(|e| Error::io(format!("cannot find {rest}"), e))?;
                let args = serde_json::json!({ "path": path, "flag": "w", "atomic": true });
                let payload = Payload { json: args.into(), bytes: Some(bytes.into()) };
                let (_, saved) = self
                    .world
                    .call("fs.writeFile".into(), payload)
                    .map_err(|stop| Error::usage(stop.0.message, "try again"))?;
                saved
                    .map_err(|e| Error::usage(format!("{rest} was not saved: {}", e.message), "choose another file"))?;
            }
            (":load", _) if file.extension().is_some_and(|ending| ending == "snap") => {
                self.program = saved(file)?.ok_or_else(|| {
                    let next = format!("go on with it: quicksave resume {rest}");
                    Error::usage(format!("{rest} is the checkpoint of a program, not a session"), next)
                })?;
            }
            (":load", rest) => {
                // A path as a string of the language.
                let path = rest.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
                self.quiet = true;
                let code = self.input(&format!("using \"{path}\";"), true);
                self.quiet = false;
                return Ok(code);
            }
            (other, _) => return Err(Error::usage(format!("{other} is no command of a session"), "see :help")),
        }
        Ok(None)
    }
}

enum Fed {
    More,
    Done,
    Leave(u8),
}

fn stopped() -> Stop {
    Stop(ProgramError::new("left", ""))
}

/// What came of the effect with this number.
type Ended = (u64, Outcome);

/// The world of a session: what its program asks for is done here and now.
struct Outside {
    host: Arc<dyn Host>,
    runtime: tokio::runtime::Handle,
    run: RunId,
    next: u64,
    tasks: HashMap<u64, tokio::task::AbortHandle>,
    results: (mpsc::Sender<Ended>, mpsc::Receiver<Ended>),
    interrupt: Arc<AtomicBool>,
}

/// How often a wait looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(50);

impl Outside {
    fn new(session: &Session, host: Arc<dyn Host>) -> Self {
        let interrupt = Arc::new(AtomicBool::new(false));
        let flag = interrupt.clone();
        session.runtime.spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, Ordering::Relaxed);
            }
        });
        let random = u64::from_le_bytes(System.seed().0[..8].try_into().unwrap_or_default());
        Self {
            host,
            runtime: session.runtime.handle().clone(),
            run: RunId::generate(System.now(), random),
            next: 0,
            tasks: HashMap::new(),
            results: mpsc::channel(),
            interrupt,
        }
    }

    fn context(&mut self) -> CallContext {
        let n = self.next;
        self.next += 1;
        CallContext { run: self.run.clone(), n, photon: None, instance: None, caller: None }
    }

    /// The next result; none if the wait was interrupted.
    fn next(&mut self) -> Option<(u64, Outcome)> {
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                return None;
            }
            if let Ok((n, outcome)) = self.results.1.recv_timeout(LOOK) {
                // What was withdrawn may have come all the same.
                if self.tasks.remove(&n).is_some() {
                    return Some((n, outcome));
                }
            }
        }
    }

    /// Withdraws what is under way.
    fn forget(&mut self) {
        self.tasks.drain().for_each(|(_, task)| task.abort());
    }

    fn begin(&mut self, n: u64, work: impl Future<Output = Outcome> + Send + 'static) {
        let results = self.results.0.clone();
        let task = self.runtime.spawn(async move {
            // Nobody hears it after the session's end.
            let _ = results.send((n, work.await));
        });
        self.tasks.insert(n, task.abort_handle());
    }
}

impl Port for Outside {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let context = self.context();
        let n = context.n;
        let host = self.host.clone();
        match effect {
            Effect::Emit { .. } => host.show(&self.run, &effect),
            Effect::Abort { n } => {
                if let Some(task) = self.tasks.remove(&n) {
                    task.abort();
                }
            }
            Effect::Checkpoint { .. } => self.begin(n, async { Ok(Payload::null()) }),
            Effect::Timer { due } => {
                let wait = Duration::from_millis(due.saturating_sub(System.now()));
                self.begin(n, async move {
                    tokio::time::sleep(wait).await;
                    Ok(Payload::null())
                });
            }
            Effect::Call { op, args } => self.begin(n, async move { host.perform(context, op, args).await }),
            Effect::Ask(ask) => self.begin(n, async move {
                let nobody = || run::Failure::new("Error", "there is no more input");
                host.ask(context, ask).await.unwrap_or_else(|| Err(nobody()))
            }),
            Effect::Signal { name } => {
                let failure =
                    run::Failure::new("Error", format!("a session gets no signals, and so none called {name}"));
                self.begin(n, async move { Err(failure) });
            }
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        let context = self.context();
        let n = context.n;
        let performed = self.host.clone().perform(context, op, args);
        Ok((n, self.runtime.block_on(performed)))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.interrupt.load(Ordering::Relaxed).then(stopped)
    }
}
