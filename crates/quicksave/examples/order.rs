//! A durable workflow as an async function. Kill it at any time and run it again with the same order number: it goes
//! on where it was, and the card is charged once.
//!
//! ```text
//! cargo run --release -p quicksave --example order -- 17
//! ```

use std::time::Duration;

use quicksave::{Context, Error, Quicksave, RunId};

async fn order(cx: Context, number: u32) -> Result<String, Error> {
    let total: u32 = cx.query("price", async move { Ok(number * 3) }).await?;
    cx.emit("status", format!("order {number}: {total} to pay"));
    let receipt: String = cx
        .step("charge", async move {
            println!("charging {total} …");
            Ok(format!("receipt-{number}"))
        })
        .await?;
    cx.checkpoint(&receipt).await?;
    cx.sleep(Duration::from_secs(2)).await;
    cx.step("ship", async move {
        println!("shipping order {number}");
        Ok(())
    })
    .await?;
    Ok(receipt)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let number: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let quicksave = Quicksave::builder()
        .workflow("order", "1", order)
        .on_emit(|_, effect| {
            if let quicksave::model::Effect::Emit { message: Some(message), .. } = effect {
                println!("{message}");
            }
        })
        .open()?;
    let id: RunId = format!("order-{number}").parse().map_err(Error::new)?;
    let handle = match quicksave.start_as(Some(id.clone()), "order", &number).await {
        Ok(handle) => handle,
        // It began in an earlier life.
        Err(Error::Executor(quicksave::executor::ExecError::Store(quicksave::store::StoreError::Exists(_)))) => {
            quicksave.resume(&id).await?
        }
        Err(error) => return Err(error),
    };
    println!("done: {}", handle.result::<String>().await?);
    Ok(())
}
