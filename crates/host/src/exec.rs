//! Commands: a program of this machine is run to its end, and what it printed is given.
//!
//! A command without characters that mean something to a shell is started directly, and needs the grant for its
//! program. Everything else is for `sh`, which must itself be granted: a grant for `ls` must not run `ls; rm`.
//! The bytes beside the arguments are the command's standard input; without any it is empty.

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use executor::CallContext;
use run::{Failure, Outcome, Payload};
use serde::Deserialize;
use serde_json::json as tree;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};

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
    let input = if args.bytes.is_some() { Stdio::piped() } else { Stdio::null() };
    command.args(&argv[1..]).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if let Some(cwd) = a.cwd.filter(|cwd| Path::new(cwd).is_absolute()) {
        command.current_dir(cwd);
    }
    let failed = |what: &str, e: std::io::Error| {
        let code = if e.kind() == std::io::ErrorKind::NotFound { "ENOENT" } else { "EIO" };
        Failure::with_code("Error", code, format!("{program}: {what}: {e}"))
    };
    let mut child = command.spawn().map_err(|e| failed("it cannot be started", e))?;
    let feed = feed(child.stdin.take(), args.bytes.clone().unwrap_or_default());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        let (out, err) = tokio::join!(read(out, limit), read(err, limit));
        let (out, err) = (out.map_err(|e| failed("its output", e))?, err.map_err(|e| failed("its output", e))?);
        if out.len().saturating_add(err.len()) > limit {
            let limit = args::size(limit);
            let text = format!("{program} prints more than one value may hold ({limit}); send its output to a file");
            return Err(Failure::new("RangeError", text));
        }
        let status = child.wait().await.map_err(|e| failed("it was lost", e))?;
        Ok((status, out, err))
    };
    let (status, out, err) = tokio::select! {
        ended = ended => ended?,
        never = feed => match never {},
    };
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    // As shells give it.
    let status = status.code().or(signal.map(|n| 128 + n)).unwrap_or(1);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    json(&tree!({ "status": status, "stdout": text(out), "stderr": text(err) }))
}

/// Gives `bytes` to a command, then the end. Does not end itself: how long a command lives is for it to say, however
/// much of its input it reads.
async fn feed(stream: Option<ChildStdin>, bytes: Bytes) -> Infallible {
    if let Some(mut stream) = stream {
        // A command that closes its input early wants no more.
        let _ = stream.write_all(&bytes).await;
    }
    std::future::pending().await
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
    use std::sync::Arc;

    use run::Json;

    use super::*;
    use crate::permissions::{Permissions, Scope};
    use crate::screen::NoScreen;

    #[test]
    fn only_plain_words_need_no_shell() {
        assert_eq!(words("ls  -l a.txt").expect("plain"), ["ls", "-l", "a.txt"]);
        for command in
            ["ls; rm x", "ls | wc", "echo $HOME", "ls *", "A=1 ls", "ls \"a b\"", "", "ls > x", "a\nb", "~/x"]
        {
            assert_eq!(words(command), None, "{command}");
        }
    }

    /// Runs `command` with a grant for `program` alone.
    async fn granted(program: &str, command: &str, bytes: Option<Bytes>) -> Outcome {
        let mut permissions = Permissions::none();
        permissions.run.allow = Scope::Some(vec![program.into()]);
        let gate = Gate::new(permissions, Arc::new(NoScreen));
        let context =
            CallContext { run: "r".parse().expect("an id"), n: 0, photon: None, instance: None, caller: None };
        let args = Payload { json: Json::of(&tree!({ "command": command })).expect("JSON"), bytes };
        exec(&gate, &context, &args, 1 << 20).await
    }

    #[tokio::test]
    async fn the_bytes_are_the_input() {
        let said = |outcome: Outcome| outcome.expect("ran").json.value()["stdout"].as_str().expect("text").to_owned();
        let state = Bytes::from_static(br#"{"n":1}"#);
        assert_eq!(said(granted("cat", "cat", Some(state.clone())).await), r#"{"n":1}"#);
        assert_eq!(said(granted("sh", "cat; echo !", Some(state.clone())).await), "{\"n\":1}!\n");
        assert_eq!(said(granted("cat", "cat", None).await), "");
        // More than a pipe holds: what is printed meanwhile must be read meanwhile.
        let long = Bytes::from(vec![b'x'; 500_000]);
        assert_eq!(said(granted("cat", "cat", Some(long.clone())).await).len(), long.len());
        // Nor does it matter who reads it, or whether what was started in the background keeps it open.
        assert_eq!(said(granted("true", "true", Some(long.clone())).await), "");
        assert_eq!(said(granted("sh", "sleep 9 0<&0 >/dev/null 2>&1 & echo on", Some(long)).await), "on\n");
        let denied = granted("cat", "cat | wc", Some(state)).await.expect_err("denied");
        assert!(denied.to_string().contains("--allow-run=sh"), "{denied}");
    }
}
