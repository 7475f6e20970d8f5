//! `quicksave log`

use std::time::Duration;

use ::run::{
    Body, RunId,
    journal::{Chain, Corrupt, CorruptCause, Reader},
};
use executor::{ExecError, Executor};

use crate::{
    logview::View,
    output::{self, error_line},
    report::{Error, exit},
    session::Session,
};

/// Show what a run did, an entry a line
///
/// With --json the journal's own lines. A damaged line is reported with its number; what precedes it is shown.
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
    /// Go on until the run ends
    #[arg(short, long)]
    follow: bool,
    /// Do not cut long lines
    #[arg(long)]
    full: bool,
}

/// Read at one time; a longer line is read whole.
const CHUNK: u64 = 4 << 20;
const LOOK: Duration = Duration::from_millis(100);
const WIDE: usize = 200;

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let executor = session.reader();
    let wide = if args.full { usize::MAX } else { WIDE };
    let mut log = Log {
        executor,
        run: args.run,
        at: 0,
        lines: 0,
        chain: None,
        ended: false,
        raw: session.globals.json,
        view: View { wide },
    };
    loop {
        let torn = log.show().await?;
        if output::is_closed() || !args.follow {
            if torn > 0 && !output::is_closed() {
                error_line(format!(
                    "line {} is cut off after {torn} bytes: its writer was killed, or is writing it; it does not count",
                    log.lines + 1
                ));
            }
            return Ok(exit::COMPLETED);
        }
        if log.ended && log.executor.owner(&log.run).await?.is_none() {
            return Ok(exit::COMPLETED);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A journal that is being shown.
struct Log {
    executor: Executor,
    run: RunId,
    /// Shown so far: bytes and lines.
    at: u64,
    lines: u64,
    /// The running checksum there; none in logs of the photon ecosystem.
    chain: Option<Chain>,
    /// Whether the last entry ended the run.
    ended: bool,
    raw: bool,
    view: View,
}

impl Log {
    /// Shows what there is; gives the length of a line that has no end.
    async fn show(&mut self) -> Result<u64, Error> {
        let mut most = CHUNK;
        loop {
            let bytes = self.executor.parts().journals.read(&self.run, self.at, most).await?;
            let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            let all = (bytes.len() as u64) < most;
            if whole > 0 {
                self.print(&bytes[..whole])?;
            } else if !all {
                most = most.saturating_mul(4);
            }
            if all || output::is_closed() {
                return Ok(bytes.len() as u64 - whole as u64);
            }
        }
    }

    fn print(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut reader = match self.chain {
            Some(chain) => Reader::after(self.at, chain, bytes),
            None => Reader::new(bytes),
        };
        let mut shown = 0;
        let mut out = Vec::new();
        let mut fault = None;
        for line in reader.by_ref() {
            let read = match line {
                Ok(read) => read,
                Err(cause) => {
                    fault = Some(cause);
                    break;
                }
            };
            let end = (read.end - if self.chain.is_some() { self.at } else { 0 }) as usize;
            if self.raw {
                out.extend_from_slice(&bytes[shown..end]);
            }
            shown = end;
            let Some(entry) = read.entry else { continue };
            self.ended = match entry.body {
                Body::Return { .. } | Body::Error { .. } | Body::Cancel { .. } => true,
                Body::Resume { .. } => false,
                _ => self.ended,
            };
            if !self.raw {
                out.extend_from_slice(self.view.line(&entry).as_bytes());
                out.push(b'\n');
            }
        }
        output::raw(&out);
        if let Some(Corrupt { line, cause }) = fault {
            return Err(self.damaged(self.lines + line, cause));
        }
        // Zeros that a power cut left are no line; the reader stops before them.
        let read = reader.position() - if self.chain.is_some() { self.at } else { 0 };
        self.lines += bytes[..read as usize].iter().filter(|b| **b == b'\n').count() as u64;
        if reader.checked() == Some(true) {
            self.chain = Some(reader.checksum());
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn damaged(&self, line: u64, cause: CorruptCause) -> Error {
        ExecError::Corrupt { run: self.run.clone(), cause: Corrupt { line, cause } }.into()
    }
}
