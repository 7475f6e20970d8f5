//! Questions to clients that are not asked while they wait, but call again with the answers (since 2026-07-28).
//!
//! Between two calls the run waits, like any run that waits for an answer: it may leave memory, and the server may be
//! started again. What the client brings back is the run's id, which anybody may name; nothing of it is trusted.

use executor::{Finished, Request, Retry};
use rmcp::model::{
    CallToolResponse, ElicitRequest, ElicitResult, ErrorData, InputRequest, InputRequests, InputRequiredResult,
    InputResponses,
};
use run::{RunId, Status, entry::Waiting, status::OpenAsk};

use super::elicit::{self, Answer};
use super::server::{Call, Shape};
use super::{code, follow, photons, results};
use crate::shapes;

/// What a run that waits asks of this client; `None` if it waits for nothing that this client can be asked.
pub async fn asks(call: &Call<'_>, run: &RunId, finished: &Finished) -> Option<InputRequiredResult> {
    let Finished::Waiting(waiting) = finished else { return None };
    if !follow::asks_by_calls(call.context) || !waiting.iter().any(|one| matches!(one, Waiting::Ask { .. })) {
        return None;
    }
    let summary = call.executor().summary(run).await.ok()?;
    required(call, run, &summary.open_asks, None)
}

/// What a run asks that is still driven.
pub async fn open(call: &Call<'_>, run: &RunId) -> CallToolResponse {
    match call.executor().summary(run).await {
        Ok(summary) => match required(call, run, &summary.open_asks, None) {
            Some(required) => required.into(),
            None => results::waiting(run, Vec::new()).into(),
        },
        Err(error) => results::exec_error(&error).into(),
    }
}

fn required(call: &Call<'_>, run: &RunId, asks: &[OpenAsk], hint: Option<(u64, &str)>) -> Option<InputRequiredResult> {
    let client = follow::client(call.context);
    let mut requests = InputRequests::new();
    for open in asks {
        let Some(n) = open.n else { continue };
        let hint = hint.filter(|(of, _)| *of == n).map(|(_, hint)| hint);
        if let Some(params) = elicit::request(&open.ask, &open.id, client, hint) {
            requests.insert(key(n), InputRequest::Elicitation(ElicitRequest::new(params)));
        }
    }
    (!requests.is_empty()).then(|| InputRequiredResult::new(Some(requests), Some(run.to_string())))
}

fn key(n: u64) -> String {
    format!("ask-{n}")
}

/// A client has called again: `state` names the run, `responses` are the answers.
pub async fn answered(call: &Call<'_>, state: &str, responses: InputResponses) -> Result<CallToolResponse, ErrorData> {
    let run: RunId = state.parse().map_err(|_| ErrorData::invalid_params("requestState is not one of ours", None))?;
    let executor = call.executor();
    let summary = match executor.summary(&run).await {
        Ok(summary) => summary,
        Err(error) => return Ok(results::exec_error(&error).into()),
    };
    let mut given = Vec::new();
    let mut declined = false;
    for open in &summary.open_asks {
        let Some((n, response)) = open.n.and_then(|n| Some((n, responses.get(&key(n))?))) else { continue };
        let reply: Result<ElicitResult, _> = serde_json::from_value(response.clone());
        let Ok(reply) = reply else {
            return Err(ErrorData::invalid_params(format!("{} is not the result of an elicitation", key(n)), None));
        };
        match elicit::answer(&open.ask, reply) {
            Answer::Given(value) => given.push((n, open.id.clone(), value)),
            Answer::Wrong(expected) => {
                let again = required(call, &run, &summary.open_asks, Some((n, &expected)));
                return Ok(again.map_or_else(|| results::error(expected).into(), CallToolResponse::from));
            }
            Answer::None => declined = true,
        }
    }
    if declined && given.is_empty() && summary.status() == Status::Waiting {
        return Ok(results::waiting(&run, shapes::waiting_for(&summary.waiting_for)).into());
    }
    let mut numbers = Vec::new();
    for (n, id, value) in given {
        let request = Request::Answer { n: Some(n), id: Some(id), value: value.into() };
        if let Err(error) = executor.post(&run, &request).await {
            return Ok(results::exec_error(&error).into());
        }
        numbers.push(n);
    }
    // The same as if the client had waited: a method's result, or all that there is to say of a snippet.
    let offer = call.shared().photons.of_run(&summary).await;
    let of_tool = photons::result(offer.as_deref());
    let result: &Shape<'_> = if summary.photon.is_some() { &of_tool } else { &code::of_code };
    let taken = code::take_up(call, &run, &summary, "answer", Retry::No, &numbers, result).await;
    Ok(taken.unwrap_or_else(CallToolResponse::from))
}
