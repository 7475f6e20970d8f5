//! How fast the dispatcher is, with nodes that do next to nothing: `cargo run --release -p quicksave-dag --example speed`.

use std::time::Instant;

use dag::document::Combine;
use dag::native::{Builder, NativeDag, NoTime, Running};

const LINE: [&str; 11] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "end"];

/// Ten nodes, the last of which leads back to the first, `rounds` times.
fn line(rounds: u64) -> NativeDag<u64> {
    let mut builder = Builder::new("line");
    for (name, next) in LINE.iter().zip(&LINE[1..]) {
        let step = |n: &mut u64, _: &dag::native::Context<'_>| {
            *n += 1;
            Ok("success")
        };
        builder = builder.node(name, step, [("success", Some(*next))]);
    }
    let last = move |n: &mut u64, _: &dag::native::Context<'_>| Ok(if *n < rounds * 10 { "again" } else { "success" });
    builder.node("end", last, [("again", Some("n0")), ("success", None)]).build().expect("the line is sound")
}

fn parallel() -> NativeDag<u64> {
    let mut builder = Builder::new("parallel").parallel(
        "group",
        &LINE[..10],
        Combine::AllSuccess,
        [("success", None), ("error", None)],
    );
    for name in &LINE[..10] {
        builder = builder.node(
            name,
            |n: &mut u64, _| {
                *n += 1;
                Ok("success")
            },
            [("success", None)],
        );
    }
    builder.build().expect("the group is sound")
}

fn fan_out() -> NativeDag<u64> {
    let each = |n: &mut u64, _: &dag::native::Context<'_>| {
        *n += 1;
        Ok("success")
    };
    Builder::new("fan").fan_out("fan", |_| 1_000, each, [None; 4]).build().expect("the fan-out is sound")
}

/// Runs `dag` so often that it takes a while, and takes the best of several such whiles.
fn measure(name: &str, dag: &NativeDag<u64>, times: u32) {
    let (mut best, mut nodes) = (f64::MAX, 0);
    for _ in 0..7 {
        let (began, mut count) = (Instant::now(), 0);
        for _ in 0..times {
            let mut n = 0;
            let mut running = Running::new(dag, 0, NoTime::default());
            running.start(None).expect("it starts");
            running.finish(&mut n).expect("it completes");
            count += std::hint::black_box(n);
        }
        best = best.min(began.elapsed().as_secs_f64());
        nodes = count;
    }
    let each = best * 1e9 / nodes as f64;
    let run = best * 1e6 / f64::from(times);
    println!("{name:<24} {:>8.2} M nodes/s  {each:>7.1} ns/node  {run:>10.2} µs/run", 1e3 / each);
}

fn main() {
    measure("line of 10, 100,000 times", &line(100_000), 1);
    measure("line of 10, from the start", &line(1), 20_000);
    measure("parallel 10", &parallel(), 20_000);
    measure("fan-out 1,000", &fan_out(), 500);
}
