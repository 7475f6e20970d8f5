//! Commands: a program of this machine is run to its end, and what it printed is given.
//!
//! A command without characters that mean something to a shell is started directly, and needs the grant for its
//! program. Everything else is for `sh`, which must itself be granted: a grant for `ls` must not run `ls; rm`.

use std::path::Path;
use std::process::Stdio;

use executor::CallContext;
use run::{Failure, Outcome, Payload};
use serde::Deserialize;
use serde_json::json as tree;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::args::{self, json};
use crate::gate::Gate;
use crate::permissions::Access;

#[derive(Deserialize)]
struct Args {
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    cwd: Option<String>,
}

/// The words of a command that needs no shell.
fn words(command: &str) -> Option<Vec<String>> {
    let plain = |c: char| c.is_alphanumeric() || " -_./:=,@%+".contains(c);
    let words: Vec<String> = command.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    // `a=b cmd` sets a variable in a shell.
    let starts = words.first().is_some_and(|first| !first.contains('='));
    (starts && command.chars().all(plain)).then_some(words)
}

/// Runs a command: `{status, stdout, stderr}`. Of what it prints at most `limit` bytes may come.
pub(crate) async fn exec(gate: &Gate, context: &CallContext, args: &Payload, limit: usize) -> Outcome {
    let a: Args = args::read("process.exec", args)?;
    let argv = match a.command {
        Some(command) => words(&command).unwrap_or_else(|| vec!["sh".into(), "-c".into(), command]),
        None => a.argv,
    };
    let (Some(program), false) = (argv.first(), argv.iter().any(|word| word.contains('\0'))) else {
        return Err(Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", "process.exec: there is no command"));
    };
    gate.check(&context.run, Access::Run(program.clone())).await?;
    let mut command = Command::new(program);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(cwd) = a.cwd.filter(|cwd| Path::new(cwd).is_absolute()) {
        command.current_dir(cwd);
    }
    let failed = |what: &str, e: std::io::Error| {
        let code = if e.kind() == std::io::ErrorKind::NotFound { "ENOENT" } else { "EIO" };
        Failure::with_code("Error", code, format!("{program}: {what}: {e}"))
    };
    let mut child = command.spawn().map_err(|e| failed("it cannot be started", e))?;
    let (out, err) = tokio::join!(read(child.stdout.take(), limit), read(child.stderr.take(), limit));
    let (out, err) = (out.map_err(|e| failed("its output", e))?, err.map_err(|e| failed("its output", e))?);
    if out.len().saturating_add(err.len()) > limit {
        let limit = args::size(limit);
        let text = format!("{program} prints more than one value may hold ({limit}); send its output to a file");
        return Err(Failure::new("RangeError", text));
    }
    let status = child.wait().await.map_err(|e| failed("it was lost", e))?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    // As shells give it.
    let status = status.code().or(signal.map(|n| 128 + n)).unwrap_or(1);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    json(&tree!({ "status": status, "stdout": text(out), "stderr": text(err) }))
}

/// Reads all, or one byte more than `limit`.
async fn read(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_need_no_shell() {
        assert_eq!(words("ls  -l a.txt").expect("plain"), ["ls", "-l", "a.txt"]);
        for command in
            ["ls; rm x", "ls | wc", "echo $HOME", "ls *", "A=1 ls", "ls \"a b\"", "", "ls > x", "a\nb", "~/x"]
        {
            assert_eq!(words(command), None, "{command}");
        }
    }
}
