//! `quicksave mcp`

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use daemon::{
    Policy, Scope, Supervision,
    broker::Place,
    mcp::{Http, HttpError, Offered, Screens, Shared, serve_stdio},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    output::error_line,
    report::{Error, exit},
    session::Session,
    units,
};

/// Serve photons and code mode as tools to an MCP client
///
/// The client is on standard input and output, or with --http there may be several. Runs that were interrupted when an
/// earlier server was killed go on at once, and those that sleep when their time has come. A client that goes away leaves
/// its runs to finish or to wait.
#[derive(clap::Args)]
pub struct Args {
    /// Listen here for clients over HTTP; a port alone is one of this machine, 0 is any
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    http: Option<SocketAddr>,
    /// The file of the token that clients over HTTP must show; needed where other machines reach the address
    #[arg(long, value_name = "FILE", requires = "http")]
    token_file: Option<PathBuf>,
    /// How long runs may go on when the client on standard input has gone
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "60s")]
    linger: Duration,
}

/// How runs that this command begins are noted.
const NAME: &str = "mcp";

/// Where the token may be instead of a file.
const TOKEN: &str = "QUICKSAVE_MCP_TOKEN";

/// `8080`, `:8080`, `127.0.0.1:8080`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    match port {
        Ok(port) => Ok(SocketAddr::from(([127, 0, 0, 1], port))),
        Err(_) => {
            text.parse().map_err(|_| "a port, or an address with a port such as 127.0.0.1:8080, is expected".into())
        }
    }
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    crate::world::more_files();
    let token = token(&args)?;
    // Before anything is taken up: an address that cannot be had should change nothing.
    let http = match args.http {
        Some(address) => Some(Http::bind(address, token.as_deref()).await.map_err(|e| refused(&e))?),
        None => None,
    };
    let screens = Arc::new(Screens::default());
    let work = session.work(NAME, screens.clone())?;
    let folder = std::env::current_dir().map_err(|e| Error::io("cannot find the current folder", e))?;
    let photons = Offered::new(work.calls.catalog().clone());
    let shared = Arc::new(Shared {
        calls: work.calls.clone(),
        tools: work.tools.clone(),
        screens,
        permissions: session.permissions()?,
        folder,
        photons: photons.clone(),
    });
    tokio::spawn(photons.keep_looking());
    let events = session.events.clone();
    tokio::spawn(async move { events.keep_settling(NAME).await });
    let scope = Scope::BegunBy(NAME.into(), Place::new(&session.home));
    let supervision = Supervision::new(work.calls.supervisor().clone(), scope, Policy::default());
    tokio::spawn(async move { supervision.work().await });
    let calls = work.calls.clone();
    tokio::spawn(async move { calls.take_up_retries(Some(NAME)).await });
    let stop = stops()?;
    match http {
        Some(http) => {
            error_line(format!("listening on {}", http.url()));
            let served = http.serve(shared, stop).await;
            work.leave().await;
            served.map_err(|e| refused(&e))?;
        }
        None => {
            let served = serve_stdio(shared, args.linger, stop).await;
            work.leave().await;
            let next = "this command is started by an MCP client; see docs/mcp.md for how";
            served.map_err(|e| Error::usage(e.to_string(), next))?;
        }
    }
    Ok(exit::COMPLETED)
}

fn token(args: &Args) -> Result<Option<String>, Error> {
    let text = match &args.token_file {
        Some(file) => {
            Some(std::fs::read_to_string(file).map_err(|e| Error::io(format!("cannot read {}", file.display()), e))?)
        }
        None => std::env::var(TOKEN).ok(),
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn refused(error: &HttpError) -> Error {
    let next = match error {
        HttpError::Open(_) => format!("put a token into a file and name it with --token-file, or into {TOKEN}"),
        HttpError::ShortToken | HttpError::BadToken => "make one with: openssl rand -hex 32".into(),
        HttpError::Listen { .. } | HttpError::Serve(_) => "choose another address with --http".into(),
    };
    Error::usage(error.to_string(), next)
}

/// Done when the process is asked to stop.
fn stops() -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let failed = |e| Error::io("cannot wait for signals", e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(address("8080").expect("good").to_string(), "127.0.0.1:8080");
        assert_eq!(address(":0").expect("good").to_string(), "127.0.0.1:0");
        assert_eq!(address("0.0.0.0:1").expect("good").to_string(), "0.0.0.0:1");
        assert_eq!(address("[::1]:1").expect("good").to_string(), "[::1]:1");
        for bad in ["", "x", "localhost", "70000", "1.2.3.4"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
