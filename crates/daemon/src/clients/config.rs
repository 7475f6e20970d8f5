//! Which MCP servers there are: tables of `quicksave.toml`, or the file that other clients use.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// How long a call may take, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The longest name of a server, in bytes.
const LONGEST_NAME: usize = 64;

/// A server: a command that speaks MCP on its standard input and output, or an address.
///
/// ```toml
/// [mcp.servers.github]
/// command = "github-mcp"
/// args = ["stdio"]
/// env = { GITHUB_TOKEN = "…" }
///
/// [mcp.servers.search]
/// url = "https://search.example/mcp"
/// headers = { Authorization = "Bearer …" }
/// timeout = 10000                     # milliseconds
/// ```
#[derive(Deserialize, Clone, PartialEq, Default)]
#[serde(default)]
pub struct ServerConfig {
    /// The program.
    pub command: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables of its environment, which else holds little more than `PATH` and `HOME`.
    pub env: BTreeMap<String, String>,
    /// The folder it is started in.
    pub cwd: Option<PathBuf>,
    /// The address, for a server that runs elsewhere.
    pub url: Option<String>,
    /// Headers of each request to it.
    pub headers: BTreeMap<String, String>,
    /// How long a call may take, in milliseconds.
    pub timeout: Option<u64>,
    /// It is not used.
    pub disabled: bool,
    /// What other clients call the transport: `stdio`, `http`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// What is wrong with the configuration of a server.
#[derive(Debug, thiserror::Error)]
pub enum BadServer {
    /// The name cannot be a namespace.
    #[error("{0:?} cannot name an MCP server: up to {LONGEST_NAME} letters, digits, '_' and '-' are expected")]
    Name(String),
    /// Two servers are one namespace.
    #[error("the MCP servers {0:?} and {1:?} would be one namespace in programs: rename one of them")]
    Twice(String, String),
    /// Neither or both are given.
    #[error("the MCP server {0:?} needs a command or a url, and not both")]
    Kind(String),
    /// An old transport.
    #[error("the MCP server {0:?} uses {1:?}, which is not spoken here: \"stdio\" and \"http\" are")]
    Transport(String, String),
    /// The file is not one.
    #[error("{file}: {cause}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong.
        cause: String,
    },
}

/// The file of other clients: `{"mcpServers": {"name": {…}}}`, in VS Code `{"servers": {…}}`.
#[derive(Deserialize)]
struct Other {
    #[serde(rename = "mcpServers", alias = "servers")]
    servers: BTreeMap<String, ServerConfig>,
}

/// Reads the form of file that other clients use.
pub fn from_file(file: &std::path::Path) -> Result<BTreeMap<String, ServerConfig>, BadServer> {
    let bad = |cause: String| BadServer::File { file: file.display().to_string(), cause };
    let text = std::fs::read_to_string(file).map_err(|e| bad(e.to_string()))?;
    let other: Other = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    Ok(other.servers)
}

impl ServerConfig {
    /// Checks what can be wrong.
    pub fn check(&self, name: &str) -> Result<(), BadServer> {
        let good = (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !good {
            return Err(BadServer::Name(name.chars().take(200).collect()));
        }
        if self.command.is_some() == self.url.is_some() {
            return Err(BadServer::Kind(name.into()));
        }
        match self.kind.as_deref() {
            None | Some("stdio" | "http" | "streamable-http" | "streamableHttp" | "local" | "remote") => Ok(()),
            Some(kind) => Err(BadServer::Transport(name.into(), kind.into())),
        }
    }

    /// How long a call may take.
    pub fn timeout(&self) -> Duration {
        self.timeout.map_or(TIMEOUT, Duration::from_millis)
    }
}

/// Secrets may be in arguments, variables and headers.
impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig").field("command", &self.command).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_other_clients() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("mcp.json");
        let text = r#"{"mcpServers": {"a": {"command": "x", "args": ["1"], "env": {"K": "v"}, "type": "stdio"},
            "b": {"url": "http://127.0.0.1:1/mcp", "disabled": true, "autoApprove": []}}, "other": 1}"#;
        std::fs::write(&file, text).expect("written");
        let servers = from_file(&file).expect("read");
        assert_eq!(servers["a"].args, ["1"]);
        assert!(servers["b"].disabled && servers.iter().all(|(name, server)| server.check(name).is_ok()));
        std::fs::write(&file, "{").expect("written");
        assert!(from_file(&file).expect_err("damaged").to_string().contains("mcp.json"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let command = ServerConfig { command: Some("x".into()), ..Default::default() };
        let both = ServerConfig { url: Some("u".into()), ..command.clone() };
        let sse = ServerConfig { kind: Some("sse".into()), ..command.clone() };
        assert!(command.check("a-b").is_ok());
        for (name, config) in
            [("", &command), ("a b", &command), ("a", &both), ("a", &sse), ("a", &ServerConfig::default())]
        {
            assert!(config.check(name).is_err(), "{name}");
        }
        assert!(!format!("{:?}", ServerConfig { args: vec!["secret".into()], ..command }).contains("secret"));
    }
}
