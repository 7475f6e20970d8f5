//! The server: what it offers, and one call of a tool.

#![expect(deprecated, reason = "clients of the protocols in use take log messages")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bundler::BundleError;
use executor::{Control, ExecError, Executor, Finished, NewRun, Retry};
use host::Permissions;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelledNotificationParam, ErrorData, Implementation,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, RequestId, ServerCapabilities, ServerConfig,
    SetLevelRequestParams, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ServerHandler, model::LoggingLevel};
use run::{Json, RunId};
use serde_json::json;
use store::{Owner, StoreError};

use super::follow::{self, Seen};
use super::screen::{Followed, Level, Screens};
use super::{code, cursor, photons, resources, results, rounds};
use crate::code::Imports;
use crate::{Calls, Running, Supervisor, Tools};

const INSTRUCTIONS: &str = "Tools of photons, and code mode: code_run runs TypeScript as a durable run, in which every \
    connected tool is a function. Runs survive crashes. A run that waits for an answer is continued with \
    code_resume_run. Logs of runs are resources: run://{runId}.";

/// How often, and after which time each, a run is tried again that another call is taking up.
const TRIES: usize = 100;
const SOON: Duration = Duration::from_millis(20);

/// What is kept of a client's name and of its version, in characters.
const NAME: usize = 100;

/// What all sessions of a server share.
pub struct Shared {
    /// Calls photons, and drives the runs.
    pub calls: Calls,
    /// What programs call: photons and servers.
    pub tools: Arc<Tools>,
    /// Where runs show and ask; the screen of the supervisor's host.
    pub screens: Arc<Screens>,
    /// What programs may reach.
    pub permissions: Permissions,
    /// The folder to which a snippet's imports are relative.
    pub folder: PathBuf,
    /// Photons that are tools.
    pub photons: Arc<photons::Offered>,
}

/// One session.
pub struct Server {
    shared: Arc<Shared>,
    /// Calls that follow a run now: a client that cancels one ends the run.
    calls: Mutex<HashMap<RequestId, Arc<Control>>>,
    /// The least important lines that the client wants.
    level: Mutex<Level>,
    /// The client has shown the server's token.
    token: bool,
}

/// One call of a tool.
pub struct Call<'a> {
    server: &'a Server,
    /// The request.
    pub context: &'a RequestContext<RoleServer>,
}

/// What a tool gives for a run that has stopped, and what it printed.
pub type Shape<'a> = dyn Fn(&RunId, &Finished, Option<String>) -> CallToolResult + Sync + 'a;

/// A run that was taken up.
pub enum Taken {
    /// It is driven here.
    Here(Running, Followed),
    /// It has ended before.
    Ended(Finished),
    /// Somebody else drives it, who has what was posted to it.
    Elsewhere(Owner),
}

impl Shared {
    /// What drives the runs.
    pub fn supervisor(&self) -> &Supervisor {
        self.calls.supervisor()
    }

    /// A run of a snippet, in which every photon and server is a namespace.
    pub async fn snippet(&self, source: String, run: RunId) -> Result<NewRun, BundleError> {
        let (tools, folder, permissions) = (self.tools.clone(), self.folder.clone(), self.permissions.clone());
        let compiled = tokio::task::spawn_blocking(move || {
            crate::code::snippet(&source, &folder, Imports::Packages, &tools.names(), Some(run), &permissions)
        });
        let failed = |e: tokio::task::JoinError| BundleError::Internal { file: "code.ts".into(), cause: e.to_string() };
        compiled.await.unwrap_or_else(|e| Err(failed(e)))
    }
}

impl Server {
    /// A session of the server. `token`: clients are let in by a token only.
    pub fn new(shared: Arc<Shared>, token: bool) -> Self {
        Self { shared, calls: Mutex::default(), level: Mutex::new(Level::Info), token }
    }

    /// The level of lines for this request: newer clients name it with each.
    fn level(&self, context: &RequestContext<RoleServer>) -> Option<Level> {
        if follow::asks_by_calls(context) {
            return context.meta.log_level().map(level);
        }
        Some(*self.level.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn level(theirs: LoggingLevel) -> Level {
    match theirs {
        LoggingLevel::Debug => Level::Debug,
        LoggingLevel::Info | LoggingLevel::Notice => Level::Info,
        LoggingLevel::Warning => Level::Warning,
        _ => Level::Error,
    }
}

impl<'a> Call<'a> {
    /// What all sessions share.
    pub fn shared(&self) -> &'a Shared {
        &self.server.shared
    }

    /// What drives runs.
    pub fn executor(&self) -> &'a Executor {
        self.server.shared.supervisor().executor()
    }

    /// The client, as programs see it (`this.caller`): what it calls itself, which anybody may say, and whether it has
    /// shown a token, which makes it more than anonymous.
    pub fn caller(&self) -> Json {
        let mut caller = match self.server.token {
            true => json!({ "id": "token", "anonymous": false }),
            false => json!({ "id": "anonymous", "anonymous": true }),
        };
        if let Some(client) = self.context.client_info() {
            let short = |text: String| text.chars().take(NAME).collect::<String>();
            caller["client"] = json!({ "name": short(client.name), "version": short(client.version) });
        }
        caller.into()
    }

    /// The id of a run that is about to begin.
    pub fn fresh_id(&self) -> RunId {
        self.executor().fresh_id()
    }

    /// Follows a run from before it is driven, so that nothing that it shows is missed.
    pub fn follow(&self, run: &RunId) -> Followed {
        self.server.shared.screens.follow(run)
    }

    /// Takes a run up again.
    pub async fn take_up(
        &self,
        run: &RunId,
        why: &str,
        retry: Retry,
        wall: Option<Duration>,
    ) -> Result<Taken, ExecError> {
        let followed = self.follow(run);
        let supervisor = self.server.shared.supervisor();
        let mut tries = 0;
        loop {
            match supervisor.resume_within(run, why, retry, wall).await {
                Ok(Ok(running)) => return Ok(Taken::Here(running, followed)),
                Ok(Err(finished)) => return Ok(Taken::Ended(finished)),
                // Another call takes it up at this moment: soon it is driven here.
                Err(ExecError::Store(StoreError::Held { owner, .. }))
                    if owner.pid == self.executor().config().owner.pid && tries < TRIES =>
                {
                    tries += 1;
                    tokio::time::sleep(SOON).await;
                }
                Err(ExecError::Store(StoreError::Held { owner, .. })) => return Ok(Taken::Elsewhere(*owner)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Follows a driven run to where it stops, and gives that as `result` says it.
    pub async fn see(
        &self,
        running: &Running,
        followed: &mut Followed,
        answered: &[u64],
        result: &Shape<'_>,
    ) -> CallToolResponse {
        let entry = Entry::new(self.server, self.context.id.clone(), running);
        let seen = follow::follow(self.context, self.server.level(self.context), running, followed, answered).await;
        let run = &running.run;
        match seen {
            Seen::Ended(Ok(finished)) => match rounds::asks(self, run, &finished).await {
                Some(required) => required.into(),
                None => result(run, &finished, followed.logs()).into(),
            },
            Seen::Ended(Err(error)) => results::exec_error(&error).into(),
            Seen::Asks => rounds::open(self, run).await,
            Seen::Gone => {
                entry.leave(running);
                results::error("the call was given up; the run goes on").into()
            }
        }
    }
}

/// A call in the table of those that can be cancelled.
struct Entry<'a> {
    server: &'a Server,
    id: Option<RequestId>,
}

impl<'a> Entry<'a> {
    fn new(server: &'a Server, id: RequestId, running: &Running) -> Self {
        server.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), running.control().clone());
        Self { server, id: Some(id) }
    }

    /// The client has given the call up: by cancelling it, of which the word may still be on its way here, or by
    /// going away. The entry stays.
    fn leave(mut self, running: &Running) {
        tracing::debug!(run = %running.run, "a call was given up");
        self.id = None;
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.server.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().enable_resources().enable_logging();
        let name = Implementation::new("quicksave", env!("CARGO_PKG_VERSION"))
            .with_title("Quicksave")
            .with_description("Runs programs that survive");
        ServerConfig::new(capabilities.build()).with_server_info(name).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools = code::tools();
        tools.extend(self.shared.photons.tools().await);
        cursor::paged!(ListToolsResult, tools, request)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = Call { server: self, context: &context };
        if let Some(state) = request.request_state {
            return rounds::answered(&call, &state, request.input_responses.unwrap_or_default()).await;
        }
        let args = request.arguments.unwrap_or_default();
        let spelled = super::names::canonical(&request.name);
        if let Some(name) = code::NAMES.into_iter().find(|name| *name == spelled) {
            return Ok(code::call(&call, name, args).await.unwrap_or_else(CallToolResponse::from));
        }
        match self.shared.photons.find(&request.name).await {
            Some(tool) => Ok(photons::call(&call, &tool, args).await.unwrap_or_else(CallToolResponse::from)),
            None => {
                let message = format!("there is no tool {:?}; tools/list lists those that there are", request.name);
                Err(ErrorData::invalid_params(message, None))
            }
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let all = resources::list(self.shared.supervisor().executor()).await?;
        cursor::paged!(ListResourcesResult, all, request)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(self.shared.supervisor().executor(), &request.uri).await.map(ReadResourceResponse::from)
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level(request.level);
        Ok(())
    }

    async fn on_cancelled(&self, cancelled: CancelledNotificationParam, _: NotificationContext<RoleServer>) {
        let Some(id) = cancelled.request_id else { return };
        let control = self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(control) = control {
            control.cancel(cancelled.reason.unwrap_or_else(|| "cancelled by the client".into()));
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        tokio::spawn(tell_of_changes(self.shared.clone(), context.peer));
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.shared.photons.changes();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => {
                    if changed.is_err() || context.sink().notify_tool_list_changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Tells a client of older protocols when there are other tools, as long as it is there.
async fn tell_of_changes(shared: Arc<Shared>, peer: Peer<RoleServer>) {
    let mut changes = shared.photons.changes();
    while changes.changed().await.is_ok() {
        if peer.is_transport_closed() || peer.notify_tool_list_changed().await.is_err() {
            return;
        }
    }
}
