//! `quicksave cancel`

use ::run::{RunId, Status};
use executor::{ExecError, Finished, Opened, Request, Retry};
use store::StoreError;

use crate::{
    message::{self, Handed},
    output::{self, error_line},
    report::{Error, exit},
    session::Session,
    shapes::Outcome,
};

/// End a run; nothing more of it is done
#[derive(clap::Args)]
pub struct Args {
    /// The run
    run: RunId,
    /// Why, for whoever reads its log
    #[arg(long, default_value = "")]
    reason: String,
}

pub async fn run(session: &Session, args: Args) -> Result<u8, Error> {
    let Args { run, reason } = args;
    let status = session.reader().summary(&run).await?.status();
    if status.is_final() {
        return Err(Error::usage(
            format!("run {run} has ended: it is {status}"),
            format!("remove it with: quicksave delete {run}"),
        ));
    }
    let executor = session.still("cancel")?;
    let request = Request::Cancel { reason: reason.clone() };
    executor.post(&run, &request).await?;
    loop {
        match executor.resume(&run, "cancel", Retry::No, false).await {
            Ok(Opened::Driver(driver)) => {
                // Before it is driven, so that nothing is begun again.
                driver.control().cancel(reason);
                let driven = driver.spawn().await;
                let lost =
                    |_| ExecError::Guest(::run::GuestError::Engine("the thread of the run ended unexpectedly".into()));
                return told(session, &run, driven.map_err(lost)??);
            }
            Ok(Opened::Ended(finished)) => return told(session, &run, finished),
            Err(ExecError::Store(StoreError::Held { owner, .. })) => {
                if let Handed::Over(taken) = message::hand_over(&executor, &run, &request).await? {
                    if executor.summary(&run).await?.status() == Status::Cancelled {
                        return told(session, &run, Finished::Cancelled(reason));
                    }
                    return Ok(message::handed_over(session, &run, &owner, taken));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Being cancelled is what was asked for; any other end came first.
fn told(session: &Session, run: &RunId, finished: Finished) -> Result<u8, Error> {
    if session.globals.json {
        output::json(&Outcome::new(run, &finished));
    } else {
        error_line(format!("run {run} is {}", crate::shapes::status(&finished)));
    }
    Ok(if matches!(finished, Finished::Cancelled(_)) { exit::COMPLETED } else { crate::report::exit_of(&finished) })
}
