//! One MCP server: started when it is first needed, and again when it has died.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation, JsonObject,
    PaginatedRequestParams, RequestMetaObject, Tool,
};
use rmcp::service::{NotificationContext, Peer, RoleClient, RunningService, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ServiceExt};
use run::{EffectClass, Failure, Outcome};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::sync::Mutex;

use super::config::ServerConfig;
use super::listing::Listing;
use super::value::{self, failure};

/// How long a server may take to begin, and to name its tools: one that is installed first needs its time.
const BEGIN: Duration = Duration::from_secs(60);

/// A server that did not begin is not tried again before this time has passed.
const AGAIN: Duration = Duration::from_secs(2);

/// Pages of tools that are read.
const PAGES: usize = 100;

/// Tools of one server that are known.
const TOOLS: usize = 5_000;

/// Variables that a server inherits.
const INHERITED: [&str; 9] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER"];

/// What a server wrote on its standard error last, for the message when it does not begin: at most this, in bytes.
const LAST_WORDS: usize = 2_000;

/// One server.
pub struct Server {
    /// Its name.
    pub name: String,
    config: ServerConfig,
    listing: Listing,
    up: Mutex<State>,
    client: reqwest::Client,
}

#[derive(Default)]
struct State {
    service: Option<RunningService<RoleClient, Handler>>,
    /// The tools that it names may be others than those that are known.
    stale: Arc<AtomicBool>,
    failed: Option<(Instant, Failure)>,
}

/// Our end of the session.
struct Handler {
    stale: Arc<AtomicBool>,
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let name = Implementation::new("quicksave", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), name)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.stale.store(true, Ordering::Release);
    }
}

impl Server {
    /// A server that is not started yet. `client` is for those that are reached over HTTP.
    pub fn new(name: &str, config: ServerConfig, listing: Listing, client: reqwest::Client) -> Self {
        Self { name: name.into(), config, listing, up: Mutex::default(), client }
    }

    /// What calling a tool does to the world.
    pub fn class(&self, tool: &str) -> EffectClass {
        self.listing.class(tool)
    }

    /// Its tools: those that are known, or else the server is asked.
    pub async fn tools(&self) -> Result<Arc<Vec<Tool>>, Failure> {
        let fresh = {
            let up = self.up.lock().await;
            !up.stale.load(Ordering::Acquire)
        };
        match self.listing.tools().filter(|_| fresh) {
            Some(tools) => Ok(tools),
            None => {
                self.peer(true).await?;
                self.listing.tools().ok_or_else(|| self.failure("ERR_TOOL", "it names no tools"))
            }
        }
    }

    /// Calls a tool. `key` is the same for every attempt at this call, so that the server can tell.
    pub async fn call(&self, tool: &str, args: JsonObject, key: &str) -> Outcome {
        let whole = format!("{}.{tool}", self.name);
        let class = self.class(tool);
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args);
        let mut meta = RequestMetaObject::new();
        meta.0.0.insert("idempotencyKey".into(), key.into());
        params.meta = Some(meta);
        for attempt in 1.. {
            let peer = self.peer(false).await?;
            match self.once(&peer, params.clone()).await {
                Ok(response) => return value::outcome(&whole, response),
                // It died. What only reads may be asked of the next one.
                Err(Gone::Died) if class == EffectClass::Read && attempt == 1 => {}
                Err(Gone::Died) => {
                    let doubt = "the server ended in the middle of the call, which may have been carried out or not";
                    return Err(failure("ERR_TOOL_LOST", format!("{whole}: {doubt}")));
                }
                Err(Gone::Failed(failure)) => return Err(failure),
            }
        }
        Err(self.failure("ERR_TOOL_LOST", "it ended"))
    }

    async fn once(&self, peer: &Peer<RoleClient>, params: CallToolRequestParams) -> Result<CallToolResponse, Gone> {
        let tool = params.name.clone();
        let timeout = self.config.timeout();
        // When it is dropped, the server is told that nobody waits any more.
        match tokio::time::timeout(timeout, peer.call_tool_once(params)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(ServiceError::TransportClosed | ServiceError::TransportSend(_))) => Err(Gone::Died),
            Ok(Err(ServiceError::McpError(error))) => {
                Err(Gone::Failed(failure("ERR_TOOL", format!("{}.{tool}: {}", self.name, error.message))))
            }
            Ok(Err(error)) => Err(Gone::Failed(failure("ERR_TOOL", format!("{}.{tool}: {error}", self.name)))),
            Err(_) => {
                let message = format!("{}.{tool} did not answer within {} ms", self.name, timeout.as_millis());
                Err(Gone::Failed(failure("ERR_TOOL_TIMEOUT", message)))
            }
        }
    }

    fn failure(&self, code: &str, message: &str) -> Failure {
        failure(code, format!("the MCP server {}: {message}", self.name))
    }

    /// The session, begun if there is none. `list`: its tools are asked for, if they may have changed.
    async fn peer(&self, list: bool) -> Result<Peer<RoleClient>, Failure> {
        let mut up = self.up.lock().await;
        if let Some((at, failure)) = &up.failed
            && at.elapsed() < AGAIN
        {
            return Err(failure.clone());
        }
        let alive = up.service.as_ref().is_some_and(|service| !service.is_transport_closed() && !service.is_closed());
        if alive && !(list && up.stale.load(Ordering::Acquire)) && self.listing.tools().is_some() {
            return up
                .service
                .as_ref()
                .map(|service| service.peer().clone())
                .ok_or_else(|| self.failure("ERR_TOOL", "it ended"));
        }
        let begun = match tokio::time::timeout(BEGIN, self.begin(&mut up, alive)).await {
            Ok(begun) => begun,
            Err(_) => Err(self.failure("ERR_TOOL_TIMEOUT", &format!("it did not begin within {} s", BEGIN.as_secs()))),
        };
        up.failed = begun.as_ref().err().map(|failure| (Instant::now(), failure.clone()));
        if begun.is_err() {
            up.service = None;
        }
        begun
    }

    async fn begin(&self, up: &mut State, alive: bool) -> Result<Peer<RoleClient>, Failure> {
        if !alive {
            up.service = None;
            up.service = Some(self.connect(up.stale.clone()).await?);
        }
        let Some(service) = &up.service else { return Err(self.failure("ERR_TOOL", "it ended")) };
        let peer = service.peer().clone();
        up.stale.store(false, Ordering::Release);
        let tools =
            list(&peer).await.map_err(|e| self.failure("ERR_TOOL", &format!("it does not list its tools: {e}")))?;
        self.listing.set(tools);
        Ok(peer)
    }

    async fn connect(&self, stale: Arc<AtomicBool>) -> Result<RunningService<RoleClient, Handler>, Failure> {
        let handler = Handler { stale };
        if let Some(url) = &self.config.url {
            let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
            for (name, value) in &self.config.headers {
                let (Ok(name), Ok(value)) = (name.parse(), value.parse()) else {
                    return Err(self.failure("ERR_TOOL", &format!("the header {name:?} is not one")));
                };
                config.custom_headers.insert(name, value);
            }
            let transport = StreamableHttpClientTransport::with_client(self.client.clone(), config);
            let begun = handler.serve(transport).await;
            return begun.map_err(|e| self.failure("ERR_TOOL", &format!("{url} does not begin a session: {e}")));
        }
        let Some(program) = &self.config.command else { return Err(self.failure("ERR_TOOL", "it has no command")) };
        let mut command = Command::new(program);
        command.args(&self.config.args).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(&self.config.env);
        if let Some(folder) = &self.config.cwd {
            command.current_dir(folder);
        }
        let spawned = TokioChildProcess::builder(command).stderr(Stdio::piped()).spawn();
        let (process, error) =
            spawned.map_err(|e| self.failure("ERR_TOOL", &format!("{program:?} does not start: {e}")))?;
        let words = LastWords::default();
        if let Some(error) = error {
            tokio::spawn(words.clone().listen(self.name.clone(), error));
        }
        let begun = handler.serve(process).await;
        begun.map_err(|e| self.failure("ERR_TOOL", &format!("it does not begin a session: {e}{}", words.said())))
    }

    /// Ends the session, and with it the process.
    pub async fn close(&self) {
        let service = self.up.lock().await.service.take();
        if let Some(mut service) = service {
            let _ = service.close_with_timeout(Duration::from_secs(2)).await;
        }
    }
}

/// Why there is no answer.
enum Gone {
    Died,
    Failed(Failure),
}

/// All tools, page by page. A server that never ends its list is cut off.
async fn list(peer: &Peer<RoleClient>) -> Result<Vec<Tool>, ServiceError> {
    let (mut tools, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = peer.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor))).await?;
        tools.extend(page.tools);
        cursor = page.next_cursor;
        if cursor.is_none() || tools.len() >= TOOLS {
            break;
        }
    }
    tools.truncate(TOOLS);
    Ok(tools)
}

/// The end of what a server writes on its standard error.
#[derive(Clone, Default)]
struct LastWords(Arc<Lock<String>>);

impl LastWords {
    async fn listen(self, name: String, error: ChildStderr) {
        let mut lines = BufReader::new(error);
        let mut line = Vec::new();
        loop {
            line.clear();
            // A line may have no end.
            match (&mut lines).take(LAST_WORDS as u64).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            tracing::debug!("{name}: {}", text.trim_end());
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.push_str(&text);
            if held.len() > LAST_WORDS {
                let cut = held.len() - LAST_WORDS;
                let cut = (cut..held.len()).find(|at| held.is_char_boundary(*at)).unwrap_or(0);
                held.drain(..cut);
            }
        }
    }

    fn said(&self) -> String {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = held.trim();
        if text.is_empty() { String::new() } else { format!("; it wrote: {text}") }
    }
}
