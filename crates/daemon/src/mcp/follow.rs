//! A call that follows a run: what the run shows goes to the client, what it asks comes back from there.

#![expect(deprecated, reason = "clients of the protocols in use take log messages")]

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, ElicitRequest, ElicitResult, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken, ProtocolVersion, ServerRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestContext, RoleServer};
use tokio::time::Instant;

use super::elicit::{self, Answer};
use super::screen::{Event, Followed, Level, Question};
use crate::{Ended, Running};

/// How often a person is asked again whose answer does not fit.
const TRIES: usize = 3;

/// How long other questions may take to come once one has, before a client that must call again is told.
const GATHER: Duration = Duration::from_millis(300);

/// By how much progress grows where a run says what it does and not how far it is: the protocol wants it to grow.
const STEP: f64 = 1e-6;

/// How long a client may take to read a line. One that takes longer is told no more about the run: it reads nothing, or
/// has gone.
const SLOW: Duration = Duration::from_millis(500);

/// How long a client that wants progress is left without any. Many clients give a call up after a minute without.
const QUIET: Duration = Duration::from_secs(5);

/// How following ended.
pub enum Seen {
    /// The run has ended, waits or was left.
    Ended(Ended),
    /// It waits for answers, and this client gives answers by calling again.
    Asks,
    /// The client is gone, or does not wait any more. The run goes on.
    Gone,
}

/// Follows `running` to where it stops. `answered` is an ask whose answer is on its way already.
pub async fn follow(
    context: &RequestContext<RoleServer>,
    level: Option<Level>,
    running: &Running,
    followed: &mut Followed,
    answered: &[u64],
) -> Seen {
    let client = client(context);
    let by_calls = asks_by_calls(context);
    let mut line = Line::new(context, level, running);
    let mut asked = FuturesUnordered::new();
    let mut gathered: Option<Instant> = None;
    let mut ended = std::pin::pin!(running.clone().ended());
    let ended = loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => return Seen::Gone,
            Some(event) = followed.events.recv() => line.send(event).await,
            Some(question) = followed.questions.recv() => {
                let open = !answered.contains(&question.n)
                    && elicit::request(&question.ask, "", client, None).is_some();
                match (open, by_calls) {
                    // Without a reply the run waits, until this client calls again.
                    (true, true) => drop(gathered.get_or_insert_with(|| Instant::now() + GATHER)),
                    (true, false) => asked.push(put(context.peer.clone(), client, question)),
                    (false, _) => {}
                }
            }
            Some(()) = asked.next(), if !asked.is_empty() => {}
            () = until(line.quiet()) => line.send(Event::Progress { part: None, message: None }).await,
            ended = &mut ended => break ended,
            () = until(gathered), if gathered.is_some() => return Seen::Asks,
        }
    };
    // The run showed these before it ended.
    while let Ok(event) = followed.events.try_recv() {
        line.send(event).await;
    }
    Seen::Ended(ended)
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether this client answers questions by calling again (since 2026-07-28), and is not asked while it waits.
pub fn asks_by_calls(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// What this client can be asked.
pub fn client(context: &RequestContext<RoleServer>) -> elicit::Client {
    let titles = context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2025_11_25);
    let capability = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    match capability {
        None => elicit::Client { form: false, url: false, titles },
        Some(can) => {
            // A client that names neither shows forms.
            let form = can.form.is_some() || can.url.is_none();
            elicit::Client { form, url: can.url.is_some(), titles }
        }
    }
}

/// Puts a question to the person behind the client. Without a good answer the run waits.
async fn put(peer: Peer<RoleServer>, client: elicit::Client, question: Question) {
    let Question { n, ask, mut reply } = question;
    let mut hint: Option<String> = None;
    for _ in 0..TRIES {
        let Some(params) = elicit::request(&ask, &n.to_string(), client, hint.as_deref()) else { return };
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
        let sent = peer.send_request_with_option(request, PeerRequestOptions::no_options()).await;
        let Ok(handle) = sent.inspect_err(|e| tracing::debug!(error = %e, "a question was not put")) else { return };
        let id = handle.id.clone();
        let replied: ElicitResult = tokio::select! {
            replied = handle.await_response() => match replied {
                Ok(ClientResult::ElicitResult(result)) => result,
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "a question was not answered");
                    return;
                }
            },
            () = reply.closed() => {
                let withdrawn = CancelledNotificationParam::new(Some(id), Some("answered elsewhere".into()));
                let _ = peer.notify_cancelled(withdrawn).await;
                return;
            }
        };
        match elicit::answer(&ask, replied) {
            Answer::Given(value) => return drop(reply.send(value)),
            Answer::Wrong(expected) => hint = Some(expected),
            Answer::None => return,
        }
    }
}

/// Tells the client what the run shows.
struct Line {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    level: Option<Level>,
    logger: String,
    at: f64,
    /// When the client was told last.
    told: Instant,
    stuck: bool,
}

impl Line {
    fn new(context: &RequestContext<RoleServer>, level: Option<Level>, running: &Running) -> Self {
        let token = context.meta.get_progress_token();
        let (peer, logger) = (context.peer.clone(), format!("run {}", running.run));
        Self { peer, token, level, logger, at: 0.0, told: Instant::now(), stuck: false }
    }

    /// When the client must hear something, to know that the run goes on.
    fn quiet(&self) -> Option<Instant> {
        (self.token.is_some() && !self.stuck).then(|| self.told + QUIET)
    }

    async fn send(&mut self, event: Event) {
        if self.stuck {
            return;
        }
        let sending = async {
            match event {
                Event::Progress { part, message } => self.progress(part, message).await,
                Event::Log { level, data } => self.log(level, data).await,
            }
        };
        match tokio::time::timeout(SLOW, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a client was not told what a run shows"),
            Err(_) => self.stuck = true,
        }
    }

    async fn progress(&mut self, part: Option<f64>, message: Option<String>) -> Result<(), rmcp::ServiceError> {
        let Some(token) = self.token.clone() else { return Ok(()) };
        self.told = Instant::now();
        let part = part.map_or(0.0, |part| part.clamp(0.0, 1.0));
        // It must grow with each notification, whatever the program says.
        self.at = if part > self.at { part } else { self.at + STEP };
        let mut params = ProgressNotificationParam::new(token, self.at).with_total(1.0);
        params.message = message;
        self.peer.notify_progress(params).await
    }

    async fn log(&mut self, level: Level, data: serde_json::Value) -> Result<(), rmcp::ServiceError> {
        if self.level.is_none_or(|least| level < least) {
            return Ok(());
        }
        let level = match level {
            Level::Debug => LoggingLevel::Debug,
            Level::Info => LoggingLevel::Info,
            Level::Warning => LoggingLevel::Warning,
            Level::Error => LoggingLevel::Error,
        };
        let params = LoggingMessageNotificationParam::new(level, data).with_logger(self.logger.clone());
        self.peer.notify_logging_message(params).await
    }
}
