//! MCP servers whose tools programs call.
//!
//! `config` says which there are, `server` is one of them, `listing` keeps what tools it has, `value` turns their
//! results into values. A server is started when it is first needed. Whoever configured it lets programs reach it.

mod config;
mod listing;
mod server;
mod value;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use executor::CallContext;
use run::{EffectClass, Failure, Outcome};
use serde_json::{Map, Value};

pub use config::{BadServer, ServerConfig, from_file};
pub use server::Server;

use listing::Listing;

use crate::tools::{ToolInfo, ToolSource, same};

/// All configured servers.
#[derive(Default)]
pub struct Clients {
    /// By namespace: the name as programs write it.
    servers: BTreeMap<String, Arc<Server>>,
}

impl Clients {
    /// The servers in `configs`. `folder` is where their lists of tools are kept; `client` reaches those over HTTP.
    pub fn new(
        configs: &BTreeMap<String, ServerConfig>,
        folder: &Path,
        client: &reqwest::Client,
    ) -> Result<Self, BadServer> {
        let mut servers = BTreeMap::<String, Arc<Server>>::new();
        for (name, config) in configs.iter().filter(|(_, config)| !config.disabled) {
            config.check(name)?;
            let server = Server::new(name, config.clone(), Listing::open(folder, name), client.clone());
            if let Some(other) = servers.insert(namespace(name), Arc::new(server)) {
                return Err(BadServer::Twice(other.name.clone(), name.clone()));
            }
        }
        Ok(Self { servers })
    }

    /// The server of a namespace, by its own name too.
    pub fn get(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.values().find(|server| same(&server.name, name))
    }

    /// Ends all sessions.
    pub async fn close(&self) {
        futures::future::join_all(self.servers.values().map(|server| server.close())).await;
    }
}

#[async_trait]
impl ToolSource for Clients {
    fn names(&self) -> Vec<String> {
        self.servers.values().map(|server| server.name.clone()).collect()
    }

    async fn list(&self, name: &str) -> Result<Vec<ToolInfo>, Failure> {
        let Some(server) = self.get(name) else { return Ok(Vec::new()) };
        let tools = server.tools().await?;
        let info = |tool: &rmcp::model::Tool| ToolInfo {
            source: server.name.clone(),
            name: tool.name.to_string(),
            description: tool.description.as_deref().unwrap_or_default().to_owned(),
            input_schema: Value::Object(tool.input_schema.as_ref().clone()),
            output_schema: tool.output_schema.as_deref().cloned().map(Value::Object),
        };
        Ok(tools.iter().map(info).collect())
    }

    fn class(&self, name: &str, tool: &str) -> Option<EffectClass> {
        Some(self.get(name)?.class(tool))
    }

    async fn call(&self, context: &CallContext, name: &str, tool: &str, args: Map<String, Value>) -> Outcome {
        match self.get(name) {
            Some(server) => server.call(tool, args, &context.idempotency_key()).await,
            None => Err(value::failure("ERR_UNKNOWN_TOOL", format!("there is no MCP server {name}"))),
        }
    }
}

/// The name of a server as a program writes it.
fn namespace(name: &str) -> String {
    name.replace('-', "_")
}
