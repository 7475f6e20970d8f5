//! Photons' methods as tools.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bundler::tools::{Photon, Tool as Method, Visibility};
use executor::Finished;
use rmcp::model::{CallToolResponse, CallToolResult, JsonObject, Tool, ToolAnnotations};
use run::{RunId, Summary};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::names::Names;
use super::outputs::Output;
use super::results;
use super::server::Call as Served;
use crate::{Call, CallError, Catalog, save};

/// How often the folders of photons are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The name of the argument that chooses an instance, where a method has none of that name.
const INSTANCE: &str = "instance";

/// What a client that may call again says of a call: calls with the same key are one run. Ours says it, too.
const KEY: &str = "idempotencyKey";

/// The tools of the photons in some folders.
pub struct Offered {
    catalog: Arc<Catalog>,
    /// What was offered last, and when it changed.
    last: Mutex<Arc<Offers>>,
    changes: watch::Sender<u64>,
}

/// The tools at one time.
#[derive(Default)]
struct Offers {
    names: Names,
    offers: Vec<Arc<Offer>>,
}

/// One method of a photon.
pub struct Offer {
    photon: String,
    method: String,
    /// It takes an instance beside its own arguments.
    instance: bool,
    output: Option<Output>,
    tool: Tool,
}

impl Offered {
    /// The photons of `catalog`.
    pub fn new(catalog: Arc<Catalog>) -> Arc<Self> {
        Arc::new(Self { catalog, last: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// What is offered now.
    pub async fn tools(&self) -> Vec<Tool> {
        self.look().await.offers.iter().map(|offer| offer.tool.clone()).collect()
    }

    /// The tool that a client means by `name`.
    pub async fn find(&self, name: &str) -> Option<Arc<Offer>> {
        // As long as nothing changes nobody need look: a tool that is new may be called before the next look.
        let known = self.lock().clone();
        if let Some(at) = known.names.find(name) {
            return known.offers.get(at).cloned();
        }
        let now = self.look().await;
        now.offers.get(now.names.find(name)?).cloned()
    }

    /// The tool that a run is a call of, if it is still offered.
    pub async fn of_run(&self, summary: &Summary) -> Option<Arc<Offer>> {
        let photon = summary.photon.as_deref()?;
        let is = |offer: &&Arc<Offer>| offer.photon == photon && offer.method == summary.tool;
        self.look().await.offers.iter().find(is).cloned()
    }

    /// Fires when other tools are offered.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks at the folders now and then, for as long as somebody wants to know of changes.
    pub async fn keep_looking(self: Arc<Self>) {
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self) -> Arc<Offers> {
        let catalog = self.catalog.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || offers(&catalog)).await else { return self.lock().clone() };
        let mut last = self.lock();
        let same = last.offers.len() == now.offers.len()
            && last.offers.iter().zip(&now.offers).all(|(last, now)| last.tool == now.tool);
        if !same {
            *last = Arc::new(now);
            self.changes.send_modify(|count| *count += 1);
        }
        last.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Offers>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn offers(catalog: &Catalog) -> Offers {
    let mut all = Offers::default();
    // The tools of code mode come first: nothing else may have their names.
    for name in super::code::NAMES {
        all.names.add(name, usize::MAX);
    }
    for entry in catalog.list() {
        // One that cannot be used is said to be so by `quicksave photon list`, and hides nothing.
        let Ok(photon) = entry.photon() else { continue };
        for method in photon.tools.iter().filter(|method| method.visibility == Visibility::Public) {
            let name = all.names.add(&format!("{}_{}", entry.name, method.name), all.offers.len());
            all.offers.push(Arc::new(offer(name, &entry.name, photon, method)));
        }
    }
    all
}

fn offer(name: String, photon_name: &str, photon: &Photon, method: &Method) -> Offer {
    let mut schema = match &method.input_schema {
        Value::Object(map) => map.clone(),
        _ => JsonObject::default(),
    };
    let mut instance = false;
    if let Some(properties) = schema.entry("properties").or_insert_with(|| json!({})).as_object_mut()
        && !properties.contains_key(INSTANCE)
    {
        instance = true;
        // Where there is no state, an instance makes no difference, and would only distract.
        let state = photon.header.stateful || photon.lifecycle.iter().any(|name| name == "getState");
        if state {
            let about = "Which instance, each with a state of its own; the default one if it is left out.";
            properties.insert(INSTANCE.into(), json!({ "type": "string", "description": about }));
        }
    }
    let tags = &method.tags;
    let mut description = match method.description.as_str() {
        "" if photon.description.is_empty() => format!("{} of the photon {photon_name}.", method.name),
        "" => photon.description.clone(),
        own => own.to_owned(),
    };
    if let Some(deprecated) = &tags.deprecated {
        description = format!("{description}\nDeprecated. {deprecated}").trim_end().to_owned();
    }
    let mut hints = ToolAnnotations::new();
    hints.read_only_hint = tags.read_only.then_some(true);
    hints.destructive_hint = tags.destructive.then_some(true);
    hints.idempotent_hint = tags.idempotent.then_some(true);
    hints.open_world_hint = tags.open_world;
    hints.title.clone_from(&tags.title);
    let mut tool = Tool::new(name, description, schema).with_annotations(hints);
    tool.title.clone_from(&tags.title);
    let output = method.output_schema.as_ref().and_then(Output::of);
    tool.output_schema = output.as_ref().map(|output| output.schema.clone());
    Offer { photon: photon_name.to_owned(), method: method.name.clone(), instance, output, tool }
}

/// Calls a photon's method as a durable run.
pub async fn call(
    served: &Served<'_>,
    offer: &Offer,
    mut args: JsonObject,
) -> Result<CallToolResponse, CallToolResult> {
    let of_meta = |name: &str| served.context.meta.0.0.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut instance = of_meta(INSTANCE);
    if offer.instance
        && let Some(Value::String(named)) = args.remove(INSTANCE)
    {
        instance = Some(named);
    }
    let call = Call {
        photon: offer.photon.clone(),
        method: Some(offer.method.clone()),
        instance,
        args,
        key: of_meta(KEY),
        caller: Some(served.caller()),
        ..Call::default()
    };
    let failed = |error: CallError| match &error {
        CallError::Exec(cause) => results::exec_error(cause),
        _ => results::error(error.to_string()),
    };
    let calls = &served.shared().calls;
    let mut prepared = calls.prepare(call).await.map_err(failed)?;
    let run = prepared.keyed_id().unwrap_or_else(|| served.fresh_id());
    prepared.new.id = Some(run.clone());
    let mut followed = served.follow(&run);
    let running = calls.start_prepared(prepared).await.map_err(failed)?;
    Ok(served.see(&running, &mut followed, &[], &result(Some(offer))).await)
}

/// How the runs of a method end, as results of its tool: logs are for `code_run`.
pub fn result(offer: Option<&Offer>) -> impl Fn(&RunId, &Finished, Option<String>) -> CallToolResult + Sync {
    move |run, finished, _| results::of_tool(run, finished, offer.and_then(|offer| offer.output.as_ref()))
}

/// Saves the code of a run that completed as a photon, which a person enables.
pub async fn save(
    served: &Served<'_>,
    run: &RunId,
    name: &str,
    description: Option<&str>,
) -> Result<CallToolResult, CallToolResult> {
    let catalog = served.shared().calls.catalog();
    let saved = save::save_as_photon(served.executor(), catalog, run, name, description).await;
    let entry = saved.map_err(|error| results::error(error.to_string()))?;
    let schema = entry.methods().next().map(|method| method.input_schema.clone());
    let next = format!("it is a tool once a person has looked at it: quicksave photon enable {}", entry.name);
    Ok(results::value(json!({
        "name": entry.name,
        "file": entry.file,
        "tool": format!("{}_{}", entry.name, bundler::save::METHOD),
        "inputSchema": schema,
        "enabled": false,
        "next": next,
    })))
}
