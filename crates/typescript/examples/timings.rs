//! Prints how long the guest takes for what it does most: `cargo run --release -p quicksave-typescript --example timings`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::*;
use run::{Guest, Payload, Wake, limits::Limits};
use serde_json::json;

const GENERATOR: &str = "
    async function* steps(name) {
        let total = 0; const seen = [];
        for (let i = 0; i < 100; i++) {
            total += i; seen.push(`${name} ${i}`);
            await new Promise((r) => setTimeout(r, 10));
            yield { i, total };
        }
    }
    export default async () => { let last; for await (const step of steps('step')) last = step; return last }";

const LARGE: &str = "
    const rows = []; for (let i = 0; i < 150000; i++) rows.push({ id: i, n: i * 2 });
    export default async () => { for (;;) { for (let i = 0; i < 10; i++) rows.push({ id: i }); await new Promise((r) => setTimeout(r, 1)) } }";

/// The median of `times` runs.
fn median(times: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..times).map(|_| run()).collect();
    all.sort();
    all[times / 2]
}

fn timed<R>(run: impl FnOnce() -> R) -> (Duration, R) {
    let begin = Instant::now();
    let result = run();
    (begin.elapsed(), result)
}

fn row(what: &str, time: Duration) {
    println!("{what:44} {:>10.1} µs", time.as_secs_f64() * 1e6);
}

fn main() {
    let (first, _) = timed(|| typescript::TypeScript::new().is_ok());
    row("engine, once for a process", first);
    on_stack(|| {
        let one = code("export default () => 1 + 1");
        row("fresh program", median(1000, || timed(|| load(&one)).0));
        row(
            "fresh program, 1 + 1, end",
            median(1000, || timed(|| load(&one).turn(start(json!({})), &mut World::default())).0),
        );
        for (what, body) in [
            ("fib(25)", "const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2); return fib(25)"),
            ("loop of 1,000,000", "let s = 0; for (let i = 0; i < 1e6; i++) s += i; return s"),
            ("1,000,000 awaits", "let n = 0; for (let i = 0; i < 1e6; i++) n += await 1; return n"),
            (
                "JSON of 20,000 objects there and back",
                "return JSON.parse(JSON.stringify(Array.from({ length: 20000 }, (_, i) => ({ i, s: 'x' + i })))).length",
            ),
        ] {
            let code = code(&format!("export default async () => {{ {body} }}"));
            row(
                what,
                median(9, || {
                    let mut program = load(&code);
                    timed(|| program.turn(start(json!({})), &mut World::default())).0
                }),
            );
        }
        snapshots("suspended async generator", GENERATOR, 100);
        snapshots("heap of some MB", LARGE, 8);
    });
}

fn snapshots(what: &str, source: &str, times: usize) {
    let code = code(source);
    let mut world = World::default();
    let mut program = load(&code);
    program.turn(start(json!({})), &mut world).expect("it waits");
    let wake = |world: &mut World| Wake::Result {
        n: world.open.pop_front().expect("a timer").0,
        outcome: Ok(Payload::null()),
        now: START + 10,
    };
    row(
        &format!("{what}: turn"),
        median(times / 2, || {
            let wake = wake(&mut world);
            timed(|| program.turn(wake, &mut world)).0
        }),
    );
    let (whole, image) = timed(|| program.snapshot());
    let image = image.expect("a snapshot").expect("a snapshot").bytes;
    println!("{what}: {} bytes, memory {} KiB", image.len(), program.memory() >> 10);
    row(&format!("{what}: first snapshot"), whole);
    let mut sizes = Vec::new();
    row(
        &format!("{what}: snapshot"),
        median(times / 2 - 1, || {
            let wake = wake(&mut world);
            program.turn(wake, &mut world).expect("it waits");
            let (time, image) = timed(|| program.snapshot());
            sizes.push(image.expect("a snapshot").expect("a snapshot").bytes.len());
            time
        }),
    );
    println!("{what}: then {sizes:?} bytes");
    let images = [image];
    row(
        &format!("{what}: restore"),
        median(times, || timed(|| GUEST.restore(&code, &Limits::default(), &images).map(drop)).0),
    );
}
