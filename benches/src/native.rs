//! QuickJS-ng as a native library: what the sandbox costs is the distance to it.

use std::time::{Duration, Instant};

use rquickjs::{Context, Runtime};

use crate::measure::{Outcome, median};

/// The same program text that every engine runs.
const CPU: &str = include_str!("../programs/cpu.js");

/// A fresh engine and `1+1`.
pub fn start() -> Outcome {
    timed(200, || {
        let context = fresh()?;
        let two: i32 = context.with(|cx| cx.eval("1+1"))?;
        if two == 2 { Ok(()) } else { Err(rquickjs::Error::Unknown) }
    })
}

/// One call in an engine that has the program loaded.
pub fn cpu(call: &str) -> Outcome {
    let context = fresh().map_err(|e| e.to_string())?;
    context.with(|cx| cx.eval::<(), _>(CPU)).map_err(|e| e.to_string())?;
    timed(15, || context.with(|cx| cx.eval::<i32, _>(call)).map(drop))
}

fn fresh() -> rquickjs::Result<Context> {
    Context::full(&Runtime::new()?)
}

fn timed(rounds: usize, mut work: impl FnMut() -> rquickjs::Result<()>) -> Outcome {
    let mut times: Vec<Duration> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        work().map_err(|e| e.to_string())?;
        times.push(start.elapsed());
    }
    Ok(median(&times))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_program_runs() {
        assert!(super::start().is_ok());
        assert!(super::cpu("fib(5)").is_ok());
        assert!(super::cpu("nothing()").is_err());
    }
}
