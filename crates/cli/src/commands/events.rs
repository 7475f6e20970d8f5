//! `quicksave events` and `quicksave emit`

use daemon::broker::{ClientError, Connection, EventLog, Filter, Heard, Limits, Message, Place, Subscriber};
use serde_json::{Value, json};

use crate::{
    drive::Stops,
    handoff,
    output::{self, error_line, tame},
    report::{Error, exit},
    session::Session,
};

/// Show events that programs have published
#[derive(clap::Args)]
pub struct Args {
    /// Only these types; `order.*` is all that begin so [default: all]
    #[arg(value_name = "TYPE")]
    types: Vec<String>,
    /// Only what came behind this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Go on with what comes; without --after, with that alone
    #[arg(short, long)]
    follow: bool,
}

/// Publish an event
///
/// The daemon hands it to the photons that listen to its type.
#[derive(clap::Args)]
pub struct Emit {
    /// Its type
    #[arg(value_name = "TYPE")]
    kind: String,
    /// What it carries: JSON if it can be read as JSON, else text [default: null]
    #[arg(allow_hyphen_values = true)]
    data: Option<String>,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let filter = Filter::new(&args.types).map_err(|bad| Error::usage(bad, "name types as programs emit them"))?;
    let place = Place::new(&session.home);
    if !args.follow {
        kept(&place, &filter, &args, session.globals.json).await?;
        return Ok(exit::COMPLETED);
    }
    let mut listening = Subscriber::new(&place, &handoff::who(), args.types, args.after);
    listening.connect().await?;
    let mut stops = Stops::new().map_err(|e| Error::io("cannot wait for signals", e))?;
    while !output::is_closed() {
        tokio::select! {
            heard = listening.next() => match heard? {
                Heard::Event(message) => show(&message, session.globals.json),
                Heard::Lagged { after, first } => lagged(after, first),
            },
            () = stops.next() => break,
        }
    }
    Ok(exit::COMPLETED)
}

/// Shows what the log holds: the daemon tells it, or the file.
async fn kept(place: &Place, filter: &Filter, args: &Args, json: bool) -> Result<(), Error> {
    let after = args.after.unwrap_or(0);
    match Connection::open(place, &handoff::who()).await {
        Ok(connection) => {
            let last = connection.hello["seq"].as_u64().unwrap_or_default();
            drop(connection);
            // Everything, so that the last one is seen whatever its type is.
            let mut listening = Subscriber::new(place, &handoff::who(), Vec::new(), Some(after));
            let mut seen = after;
            while seen < last && !output::is_closed() {
                match listening.try_next().await? {
                    Heard::Event(message) => {
                        seen = message.seq;
                        if seen <= last && filter.wants(&message.kind) {
                            show(&message, json);
                        }
                    }
                    Heard::Lagged { after, first } if args.after.is_some() => lagged(after, first),
                    Heard::Lagged { .. } => {}
                }
            }
            Ok(())
        }
        Err(ClientError::NoDaemon) if place.file("events.jsonl").exists() => {
            let bad = |e| Error::io("cannot read the log of events", e);
            let _alone = place.lock()?;
            let log = EventLog::open(place.folder(), Limits::default().log).map_err(bad)?;
            let mut cursor = after;
            while cursor < log.last() && !output::is_closed() {
                let read = log.read(cursor, filter, 1 << 20).map_err(bad)?;
                if let (Some(first), Some(after)) = (read.lost, args.after) {
                    lagged(after, first);
                }
                read.events.iter().filter_map(|event| Message::read(event).ok()).for_each(|m| show(&m, json));
                cursor = read.cursor;
            }
            Ok(())
        }
        Err(ClientError::NoDaemon) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn lagged(after: u64, first: u64) {
    error_line(format!("warning: events behind {after} are not kept any more; the oldest is number {first}"));
}

fn show(message: &Message, json: bool) {
    let time = ::run::time::iso(message.ts);
    if json {
        let data: Value = serde_json::from_str(message.data.get()).unwrap_or_default();
        let (seq, kind, from) = (message.seq, &message.kind, &message.from);
        output::line(json!({ "seq": seq, "at": time, "type": kind, "from": from, "data": data }).to_string());
    } else {
        let data = output::cut(&tame(message.data.get()), 500);
        output::line(format!("{:>6}  {time}  {}  {data}", message.seq, tame(&message.kind)));
    }
}

pub async fn emit(session: &Session, args: Emit) -> Result<u8, Error> {
    let data = args.data.as_deref().map_or(Value::Null, crate::source::value);
    let place = Place::new(&session.home);
    let mut connection = Connection::open(&place, &handoff::who()).await?;
    let published = json!({ "t": "publish", "type": args.kind, "data": data });
    let ack = connection.request(published).await?;
    if session.globals.json {
        output::json(&json!({ "seq": ack["seq"], "type": args.kind }));
    } else if !session.globals.quiet {
        error_line(format!("event number {}", ack["seq"]));
    }
    Ok(exit::COMPLETED)
}
