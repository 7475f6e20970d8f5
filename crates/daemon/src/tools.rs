//! What programs may call: `tools.list`, `tools.call`, `photon.call`, `ncp.find` and `ncp.run`, over all sources of tools.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bundler::tools::nearest;
use executor::{CallContext, ExecError, Finished};
use host::Operations;
use run::{EffectClass, Failure, Outcome, Payload, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::children::Children;

/// A tool as programs and agents see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolInfo {
    /// Where it belongs: a photon's or a server's name.
    pub source: String,
    /// What it is called there.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub input_schema: Value,
    /// The same of its result, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

/// Tools by name: photons are one source, MCP servers another.
#[async_trait]
pub trait ToolSource: Send + Sync + 'static {
    /// The names under which it has tools, without asking anybody for them.
    fn names(&self) -> Vec<String>;

    /// The tools under one of its names.
    async fn list(&self, name: &str) -> Result<Vec<ToolInfo>, Failure>;

    /// Calls one of its tools for a run. May be dropped when the run is left, and called again, with the same context,
    /// when the run is taken up.
    async fn call(&self, context: &CallContext, name: &str, tool: &str, args: Map<String, Value>) -> Outcome;

    /// What calling a tool does to the world, if one of its names is meant and it knows; a write otherwise. Asks nobody.
    fn class(&self, name: &str, tool: &str) -> Option<EffectClass> {
        let _ = (name, tool);
        None
    }

    /// The run is not driven here any more; see [`executor::Host::left`].
    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        let _ = (run, how);
    }
}

/// All tools. The operations are registered before there is what performs them ([`Tools::serve`]), since calling a
/// photon needs the executor whose host they are part of.
#[derive(Default)]
pub struct Tools {
    served: OnceLock<Served>,
}

struct Served {
    children: Arc<Children>,
    sources: Vec<Arc<dyn ToolSource>>,
}

/// The beginnings of the names of the operations.
pub const PREFIXES: [&str; 3] = ["tools.", "photon.", "ncp."];

/// Tools that a search gives unless more are asked for.
const FOUND: usize = 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    source: Option<String>,
    tool: Option<String>,
    photon: Option<String>,
    method: Option<String>,
    instance: Option<String>,
    pick: bool,
    args: Map<String, Value>,
    params: Map<String, Value>,
    query: String,
    limit: Option<usize>,
}

impl Tools {
    /// Begins to answer: photons first, then the other sources in their order. Where two have one name, the earlier
    /// counts.
    pub fn serve(&self, children: Arc<Children>, others: impl IntoIterator<Item = Arc<dyn ToolSource>>) {
        let photons: Arc<dyn ToolSource> = children.clone();
        let sources = std::iter::once(photons).chain(others).collect();
        let _ = self.served.set(Served { children, sources });
    }

    /// The names of all photons and servers: the namespaces of snippets. Reads folders.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.served.get().iter().flat_map(|served| &served.sources).flat_map(|source| source.names()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// All tools, or those under one name. A source that fails shows as a value with its error, and hides nothing.
    pub async fn list(&self, name: Option<&str>) -> Vec<Result<ToolInfo, (String, Failure)>> {
        let mut all = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for source in self.served.get().iter().flat_map(|served| &served.sources) {
            for own in names_of(source).await {
                if seen.contains(&own) || name.is_some_and(|name| !same(&own, name)) {
                    continue;
                }
                match source.list(&own).await {
                    Ok(tools) => all.extend(tools.into_iter().map(Ok)),
                    Err(failure) => all.push(Err((own.clone(), failure))),
                }
                seen.push(own);
            }
        }
        all
    }

    /// Calls a tool for a run.
    pub async fn call(&self, context: &CallContext, name: &str, tool: &str, args: Map<String, Value>) -> Outcome {
        let mut names = Vec::new();
        for source in &self.served()?.sources {
            let own = names_of(source).await;
            let Some(found) = own.iter().find(|own| same(own, name)) else {
                names.extend(own);
                continue;
            };
            let tools = source.list(found).await?;
            let Some(info) = tools.iter().find(|info| info.name == tool).or_else(|| {
                // `search_repos` for `search-repos`, which is no name in programs.
                tools.iter().find(|info| same(&info.name, tool))
            }) else {
                return Err(no_tool(found, tool, &tools));
            };
            return source.call(context, found, &info.name, args).await;
        }
        let near = nearest(name, names.iter().map(String::as_str));
        let near = near.map_or_else(
            || "; a photon is a file NAME.photon.ts, a server is configured as [mcp.servers.NAME]".into(),
            |near| format!("; did you mean '{near}'?"),
        );
        let message = format!("there is no photon or server {:?}{near}", short(name));
        Err(Failure::with_code("Error", "ERR_UNKNOWN_TOOL", message))
    }

    /// Tools that fit a search, best first: by words in their names, descriptions and parameters.
    pub async fn find(&self, query: &str, limit: usize) -> Vec<ToolInfo> {
        let words: Vec<String> = words(query);
        let all = self.list(None).await.into_iter().flatten();
        let mut found: Vec<(usize, ToolInfo)> =
            all.map(|info| (score(&info, &words), info)).filter(|(score, _)| words.is_empty() || *score > 0).collect();
        found.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| (&x.source, &x.name).cmp(&(&y.source, &y.name))));
        found.into_iter().take(limit).map(|(_, info)| info).collect()
    }

    fn served(&self) -> Result<&Served, Failure> {
        self.served.get().ok_or_else(|| Failure::new("Error", "there are no tools here"))
    }

    async fn answer(&self, context: &CallContext, op: &str, args: &Payload) -> Outcome {
        let bad = |message: String| Failure::with_code("TypeError", "ERR_INVALID_ARG_VALUE", message);
        let asked: Asked = args.json.to().map_err(|e| bad(format!("{op}: {e}")))?;
        let missing = |what: &str| bad(format!("{op}: {what} is missing"));
        match op {
            "tools.list" => {
                let all = self.list(asked.source.as_deref()).await;
                let shapes = all.into_iter().map(|one| match one {
                    Ok(info) => json!(info),
                    Err((name, failure)) => json!({ "source": name, "error": failure.message }),
                });
                Ok(Value::from_iter(shapes).into())
            }
            "tools.call" => {
                let (name, tool) =
                    (asked.source.ok_or_else(|| missing("source"))?, asked.tool.ok_or_else(|| missing("tool"))?);
                self.call(context, &name, &tool, asked.args).await
            }
            "photon.call" => {
                let photon = asked.photon.ok_or_else(|| missing("photon"))?;
                let (method, instance, args) = (asked.method, asked.instance, asked.params);
                let call = Call { photon, method, instance, args, pick: asked.pick, ..Call::default() };
                self.served()?.children.call(context, call).await
            }
            "ncp.find" => {
                let found = self.find(&asked.query, asked.limit.unwrap_or(FOUND)).await;
                let tools: Vec<Value> = found
                    .into_iter()
                    .map(|info| {
                        let tool = format!("{}.{}", info.source, info.name);
                        json!({ "tool": tool, "description": info.description, "inputSchema": info.input_schema })
                    })
                    .collect();
                Ok(json!({ "tools": tools }).into())
            }
            "ncp.run" => {
                let target = asked.tool.ok_or_else(|| missing("tool"))?;
                let parts = target.split_once(['.', ':']).filter(|(name, tool)| !name.is_empty() && !tool.is_empty());
                let (name, tool) = parts
                    .ok_or_else(|| bad(format!("{op}: {:?} is no tool: 'name.tool' is needed", short(&target))))?;
                self.call(context, name, tool, asked.params).await
            }
            op => Err(bad(format!("{op:?} is not an operation on tools"))),
        }
    }
}

/// Reading folders may take a moment.
async fn names_of(source: &Arc<dyn ToolSource>) -> Vec<String> {
    let source = source.clone();
    tokio::task::spawn_blocking(move || source.names()).await.unwrap_or_default()
}

/// Whether a program that writes `written` means `name`: what cannot stand in a name of JavaScript is an underscore.
pub(crate) fn same(name: &str, written: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let as_written = || name.chars().map(|c| if plain(c) { c } else { '_' });
    name == written || as_written().eq(written.chars()) || std::iter::once('_').chain(as_written()).eq(written.chars())
}

fn no_tool(name: &str, tool: &str, tools: &[ToolInfo]) -> Failure {
    let names: Vec<&str> = tools.iter().map(|info| info.name.as_str()).collect();
    let help = match nearest(tool, names.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None if names.is_empty() => "it has none".into(),
        None => format!("there are {}", names.join(", ")),
    };
    Failure::with_code("TypeError", "ERR_UNKNOWN_TOOL", format!("{name} has no tool {:?}; {help}", short(tool)))
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    split.map(str::to_lowercase).take(32).collect()
}

/// How well a tool fits: a word in its name counts more than one in what is said of it.
fn score(info: &ToolInfo, words: &[String]) -> usize {
    let name = format!("{} {}", info.source, info.name).to_lowercase();
    let mut about = info.description.to_lowercase();
    for key in info.input_schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        about.push(' ');
        about.push_str(&key.to_lowercase());
    }
    words.iter().map(|word| 3 * usize::from(name.contains(word)) + usize::from(about.contains(word))).sum()
}

#[async_trait]
impl Operations for Tools {
    fn class(&self, op: &str, args: &Payload) -> EffectClass {
        if matches!(op, "tools.list" | "ncp.find") {
            return EffectClass::Read;
        }
        let asked: Asked = args.json.to().unwrap_or_default();
        let named = match (op, &asked.source, &asked.tool) {
            ("tools.call", Some(name), Some(tool)) => Some((name.as_str(), tool.as_str())),
            ("ncp.run", _, Some(tool)) => tool.split_once(['.', ':']),
            _ => None,
        };
        let sources = || self.served.get().into_iter().flat_map(|served| &served.sources);
        let known = named.and_then(|(name, tool)| sources().find_map(|source| source.class(name, tool)));
        known.unwrap_or(EffectClass::Write)
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        self.answer(&context, &op, &args).await
    }

    fn left(&self, run: &RunId, how: &Result<Finished, ExecError>) {
        self.served.get().iter().flat_map(|served| &served.sources).for_each(|source| source.left(run, how));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_programs_write_them() {
        for (name, written, expected) in [
            ("github", "github", true),
            ("my-server", "my_server", true),
            ("my-server", "my-server", true),
            ("my_server", "my-server", false),
            ("2do", "_2do", true),
            ("2do", "2do", true),
            ("github", "gitlab", false),
        ] {
            assert_eq!(same(name, written), expected, "{name} {written}");
        }
    }

    #[test]
    fn a_search_counts_words() {
        let info = ToolInfo {
            source: "notes".into(),
            name: "add".into(),
            description: "Writes a line down".into(),
            input_schema: json!({"properties": {"text": {}}}),
            output_schema: None,
        };
        for (query, expected) in [("notes", 3), ("add a line", 3 + 1 + 3 + 1 + 1), ("TEXT", 1), ("other", 0)] {
            assert!((score(&info, &words(query)) > 0) == (expected > 0), "{query}");
        }
        assert!(score(&info, &words("add")) > score(&info, &words("line")));
    }
}
