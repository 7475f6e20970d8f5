//! `quicksave answer`

use std::io::IsTerminal;

use ::run::{Json, RunId, Status, Summary, entry::Waiting, status::OpenAsk};
use executor::Request;
use serde_json::Value;

use crate::{message, output::tame, prompts, report::Error, session::Session};

/// Answer a question of a run, and drive it on
///
/// Without a value, and on a terminal, the question is put to you. The answer is checked against the question.
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
    /// The answer: yes or no, an option or its number, a date, JSON for a form
    #[arg(allow_hyphen_values = true)]
    answer: Option<String>,
    /// Which question, where several are open [default: the oldest]
    #[arg(long, value_name = "ASK")]
    id: Option<String>,
    /// Give your word on a call that was perhaps done and must not be repeated unasked
    #[arg(long, value_name = "N", conflicts_with_all = ["answer", "id"])]
    call: Option<u64>,
    /// Do the call again
    #[arg(long, requires = "call", conflicts_with = "value")]
    repeat: bool,
    /// Take this as the call's result
    #[arg(long, requires = "call", value_name = "JSON")]
    value: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let summary = session.reader().summary(&args.run).await?;
    if summary.status().is_final() {
        let what = format!("run {} waits for no answer: it is {}", args.run, summary.status());
        return Err(Error::usage(what, format!("see: quicksave show {}", args.run)));
    }
    if let Some(n) = args.call {
        let request = settle(&args, &summary, n)?;
        return message::send(session, &args.run, &request, "answer", None).await;
    }
    let ask = find(&args, &summary)?;
    let value = answer(&args, ask).await?;
    let request = Request::Answer { n: ask.n, id: Some(ask.id.clone()), value: value.into() };
    message::send(session, &args.run, &request, "answer", ask.n).await
}

fn find<'a>(args: &Args, summary: &'a Summary) -> Result<&'a OpenAsk, Error> {
    let run = &args.run;
    let open = &summary.open_asks;
    let found = open.iter().find(|ask| args.id.as_ref().is_none_or(|id| ask.id == *id));
    found.ok_or_else(|| match (open.is_empty(), &args.id) {
        (false, Some(id)) => {
            let ids: Vec<String> = open.iter().map(|ask| tame(&ask.id)).collect();
            Error::usage(format!("run {run} has no open question {id:?}"), format!("open are: {}", ids.join(", ")))
        }
        _ => {
            let next = match summary.status() {
                Status::Waiting => format!("see what it waits for: quicksave show {run}"),
                _ => format!("drive it on first: quicksave resume {run}"),
            };
            Error::usage(format!("run {run} has no open question"), next)
        }
    })
}

async fn answer(args: &Args, ask: &OpenAsk) -> Result<Value, Error> {
    let question = ask.ask.clone();
    match &args.answer {
        Some(typed) => host::answers::parse(&question, typed).map_err(|expected| {
            let what = format!("{typed:?} does not answer {}: {expected}", tame(&ask.id));
            Error::usage(what, format!("the question is: {}", tame(&question.message)))
        }),
        None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
            let answered = tokio::task::spawn_blocking(move || prompts::ask(&question)).await.ok().flatten();
            answered.ok_or_else(|| {
                Error::usage("nothing was answered", format!("the run waits on: quicksave answer {} VALUE", args.run))
            })
        }
        None => Err(Error::usage(
            "the answer is missing, and there is no terminal to ask on",
            format!("give it: quicksave answer {} VALUE; the question is: {}", args.run, tame(&question.message)),
        )),
    }
}

fn settle(args: &Args, summary: &Summary, n: u64) -> Result<Request, Error> {
    let run = &args.run;
    let held = |waiting: &Waiting| matches!(waiting, Waiting::Call { n: held, .. } if *held == n);
    if summary.status() == Status::Waiting && !summary.waiting_for.iter().any(held) {
        let next = format!("see what it waits for: quicksave show {run}");
        return Err(Error::usage(format!("run {run} does not wait for a word on call {n}"), next));
    }
    let value = match (&args.value, args.repeat) {
        (Some(text), _) => Some(Json::parse(text.clone()).map_err(|e| {
            Error::usage(format!("--value is not JSON: {e}"), "texts are written in quotes: --value '\"done\"'")
        })?),
        (None, true) => None,
        (None, false) => {
            let next = "say --repeat to do it again, or --value JSON to take that as its result";
            return Err(Error::usage(format!("what is to become of call {n}?"), next));
        }
    };
    Ok(Request::Settle { n, value })
}
