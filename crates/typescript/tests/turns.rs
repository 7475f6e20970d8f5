//! Programs run, end, fail and are stopped as they should.

mod common;

use common::*;
use run::{Guest, Port, TurnEnd, Wake, limits::Limits};
use serde_json::json;

#[test]
fn returns_a_value() {
    assert_eq!(value("export default () => 1 + 1"), json!(2));
    assert_eq!(
        value("export default async () => { const { x } = await { x: [1, 'é', null] }; return x }"),
        json!([1, "é", null])
    );
}

#[test]
fn throws() {
    let (end, _) = run_code(&code("export default () => { throw new TypeError('no') }"), Limits::default());
    let error = failed(end);
    assert_eq!(error.message, "TypeError: no");
    assert!(error.stack.as_deref().unwrap_or_default().contains("main.ts:1:"), "{error:?}");
    let (end, _) = run_code(&code("export default () => { null.x }"), Limits::default());
    assert!(failed(end).message.starts_with("TypeError"));
    let (end, _) = run_code(&code("export default () => { syntax error }"), Limits::default());
    assert!(failed(end).message.starts_with("SyntaxError"));
}

#[test]
fn an_unhandled_rejection_fails() {
    let source = "export default async () => { Promise.reject(new Error('lost')); await new Promise(r => setTimeout(r, 5)); return 1 }";
    let (end, _) = run_code(&code(source), Limits::default());
    assert_eq!(failed(end).message, "lost");
    assert_eq!(
        value("export default async () => { const p = Promise.reject(1); await 0; return p.catch(x => x + 1) }"),
        json!(2)
    );
}

#[test]
fn a_program_that_waits_for_nothing_is_told() {
    let (end, _) = run_code(
        &code("export default async () => { await (globalThis.kept = new Promise(() => {})) }"),
        Limits::default(),
    );
    let error = failed(end);
    assert_eq!(error.kind, "deadlock");
    assert!(error.message.contains("main.ts:1:"), "{error:?}");
}

#[test]
fn deep_recursion_is_a_range_error() {
    let mut wrong = Vec::new();
    for body in [
        "const f = (n) => f(n + 1) + 1; f(0)",
        "const f = (...a) => [1].map(() => f(...a)); f(1, 2, 3)",
        "let s = '['.repeat(1e6); JSON.parse(s)",
        "let a = []; for (let i = 0; i < 2e4; i++) a = [a]; JSON.stringify(a)",
        "let o = {}; o.toString = () => '' + o; '' + o",
        "class A { get x() { return this.x } } new A().x",
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        "let f = () => 1; for (let i = 0; i < 1e4; i++) f = f.bind(null); f()",
        "new Function('('.repeat(1e5) + ')'.repeat(1e5))",
        "new Function('[['.repeat(1e5))",
        "new Function('x=>'.repeat(1e5) + '1')",
        "new Function('a?'.repeat(1e5) + '1')",
        "new Function('-'.repeat(2e5).replace(/--/g, '- ') + '1')",
        "new Function('{'.repeat(1e5) + '}'.repeat(1e5))",
        "new Function('if(1)'.repeat(1e5) + ';')",
        "new Function('function f(){'.repeat(2e3) + '}'.repeat(2e3))",
        "new Function('`${'.repeat(1e4) + '1' + '}`'.repeat(1e4))",
        "new RegExp('('.repeat(1e6) + ')'.repeat(1e6))",
        "new RegExp('(?:'.repeat(1e6) + ')'.repeat(1e6))",
        "let a = []; a[0] = a; let b = []; for (let i = 0; i < 1e5; i++) b = [b]; b.flat(Infinity)",
        "let b = []; for (let i = 0; i < 1e5; i++) b = [b]; String(b)",
        "const g = function* (n) { yield* g(n + 1) }; [...g(0)]",
        "const a = async (n) => { await a(n + 1) }; return a(0)",
        "const s = [3, 2, 1]; const c = () => { s.toSorted(c); return 0 }; c()",
        "const r = () => 'a'.replace(/a/, r); r()",
        "let v; const o = { toJSON() { return JSON.stringify(o) } }; JSON.stringify(o)",
        "const o = { valueOf() { return o + 1 } }; o + 1",
        "class A { constructor() { new A() } } new A()",
        "const t = Reflect.construct; class A { constructor() { t(A, []) } } new A()",
        "const h = { get: (t, k, r) => r[k] }; new Proxy({}, h).x",
    ] {
        let source = format!(
            "export default async () => {{ try {{ await (async () => {{ {body} }})(); return 'fine' }} catch (e) {{ return e.name + ': ' + e.message }} }}"
        );
        let (end, _) = run_code(&code(&source), Limits::default());
        let text = match &end {
            Ok(TurnEnd::Done(payload)) => payload.json.value().as_str().unwrap().to_string(),
            other => format!("{other:?}"),
        };
        println!("{text:60} {body}");
        let good = ["RangeError", "InternalError", "SyntaxError", "fine"];
        if !good.iter().any(|start| text.starts_with(start)) {
            wrong.push(format!("{body}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_endless_loop_is_stopped() {
    for body in [
        "while (true) {}",
        "for (;;) await 0",
        "for (;;) JSON.parse('[]')",
        "const f = () => Promise.resolve().then(f); await f()",
        "/(a+)+b/.test('a'.repeat(40))",
        "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)",
        "Array.prototype.fill.call({ set length(x) {}, get length() { return 2 ** 53 - 1 }, __proto__: null }, 1, 2 ** 52)",
        "'a'.repeat(1e8).indexOf('a'.repeat(1e5) + 'b')",
        "'a'.repeat(1e8).lastIndexOf('b' + 'a'.repeat(1e5))",
        "'a'.repeat(1e8).split('a'.repeat(1e5) + 'b')",
        "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
        "Array.prototype.sort.call({ length: 2 ** 53 - 1 })",
        "Array.prototype.forEach.call({ length: 2 ** 53 - 1 }, () => {})",
    ] {
        let source = format!("export default async () => {{ {body} }}");
        let error = on_stack(|| {
            let mut world =
                World { until: std::time::Instant::now() + std::time::Duration::from_millis(50), ..World::default() };
            stopped(drive(load(&code(&source)), &mut world, json!({}), &mut |p| p))
        });
        assert_eq!(error.message, "too long", "{body}");
    }
}

#[test]
fn memory_is_limited() {
    let limits = Limits { memory: 32 << 20, ..Limits::default() };
    for body in [
        "const a = []; for (;;) a.push({ x: a.length })",
        "let s = 'x'; for (;;) s += s",
        "const a = []; for (;;) a.push(new Uint8Array(1 << 20))",
        "new Uint8Array(1 << 30)",
        "const a = []; for (;;) a.push(new Promise(() => {}))",
    ] {
        let source = format!("export default () => {{ {body} }}");
        let (end, _) = run_code(&code(&source), limits.clone());
        let error = match end {
            Ok(TurnEnd::Failed(error)) => error,
            Err(stop) => stop.0,
            other => panic!("{body}: {other:?}"),
        };
        println!("{error:?} {body}");
        assert!(
            error.message.contains("32 MiB")
                || error.message.contains("string too long")
                || error.message.contains("ength"),
            "{body}: {error:?}"
        );
    }
    // What fits, fits; and an error that is caught is survived.
    let source = "export default () => { let n = 0; try { const a = []; for (;;) { a.push(new Uint8Array(1 << 20)); n++ } } catch (e) { return [n > 10, e.name] } }";
    let (end, _) = run_code(&code(source), limits);
    assert_eq!(done(end)[0], json!(true));
}

#[test]
fn a_million_promises() {
    let source = "export default async () => { let n = 0; for (let i = 0; i < 1e6; i++) n += await 1; return n }";
    assert_eq!(value(source), json!(1_000_000));
    let source = "export default async () => { const all = []; for (let i = 0; i < 1e6; i++) all.push(Promise.resolve(i)); let n = 0; for (const p of all) n += (await p) >= 0; return n }";
    assert_eq!(value(source), json!(1_000_000));
    let source = "export default async () => { const all = []; for (let i = 0; i < 1e5; i++) all.push(Promise.reject(i)); return (await Promise.allSettled(all)).length }";
    assert_eq!(value(source), json!(100_000));
}

#[test]
fn clock_and_random_numbers_are_the_runs_own() {
    let source = "export default async () => {
            const out = [Date.now(), Math.random(), performance.now(), crypto.randomUUID?.()];
            await new Promise((r) => setTimeout(r, 1000));
            out.push(Date.now() - out[0], Math.random(), new Date().toISOString());
            const t = Date.now(); while (Date.now() < t + 20); // a busy wait ends
            return out;
        }";
    let first = value(source);
    assert_eq!(first, value(source));
    assert_eq!(first[0], json!(START));
    assert_eq!(first[4], json!(1000));
    assert_ne!(first[1], first[5]);
    // Another seed, other numbers; the same clock.
    let other = on_stack(|| {
        let mut world = World::default();
        let mut program = load(&code(source));
        let wake = Wake::Start {
            method: None,
            params: json!({}).into(),
            seed: run::Seed([8; 32]),
            run: "r".into(),
            instance: None,
            now: START,
        };
        assert_eq!(program.turn(wake, &mut world).unwrap(), TurnEnd::Idle);
        let n = world.open.pop_front().unwrap().0;
        let wake = Wake::Result { n, outcome: Ok(run::Payload::null()), now: START + 1000 };
        done(program.turn(wake, &mut world))
    });
    assert_eq!(first[0], other[0]);
    assert_ne!(first[1], other[1]);
}

#[test]
fn a_fork_draws_other_numbers() {
    let source = "export default async () => { const a = Math.random(); await new Promise((r) => setTimeout(r, 1)); return [a, Math.random()] }";
    let run = |fork: bool| {
        on_stack(|| {
            let mut world = World::default();
            let code = code(source);
            let mut program = load(&code);
            program.turn(start(json!({})), &mut world).unwrap();
            if fork {
                let wake = Wake::Reseed { seed: run::Seed([9; 32]), run: "run_2".into() };
                assert_eq!(program.turn(wake, &mut world).unwrap(), TurnEnd::Idle);
            }
            let n = world.open.pop_front().unwrap().0;
            done(program.turn(Wake::Result { n, outcome: Ok(run::Payload::null()), now: START + 1 }, &mut world))
        })
    };
    let (plain, fork) = (run(false), run(true));
    assert_eq!(plain[0], fork[0]);
    assert_ne!(plain[1], fork[1]);
}

#[test]
fn modules_are_found() {
    let list: &[Source] = &[
        (
            "file:///app/main.ts",
            "import { a } from './a'; import data from './data.json'; import * as path from 'node:path';
             export default async () => {
                 const b = await import('./b');
                 const missing = await import('./missing').catch((e) => e.code);
                 return [a, data.x, b.default, missing, import.meta.url, import.meta.main, b.main, import.meta.dirname,
                     typeof path.join, b.self === await import('./b')];
             }",
            &[("./a", "file:///app/lib/a.ts"), ("./data.json", "file:///app/data.json"), ("./b", "file:///app/b.ts")],
        ),
        ("file:///app/lib/a.ts", "export let a = 1; import '../b'; a++", &[("../b", "file:///app/b.ts")]),
        (
            "file:///app/b.ts",
            "import * as self from './b'; export default 'b'; export const main = import.meta.main; export { self }",
            &[("./b", "file:///app/b.ts")],
        ),
        ("file:///app/data.json", r#"{"x": [1, 2]}"#, &[]),
    ];
    let (end, _) = run_code(&modules("file:///app/main.ts", list), Limits::default());
    assert_eq!(
        done(end),
        json!([2, [1, 2], "b", "ERR_MODULE_NOT_FOUND", "file:///app/main.ts", true, false, "/app", "function", true])
    );
}

#[test]
fn what_the_world_says_is_an_error_ends_the_turn() {
    struct Refuses;
    impl Port for Refuses {
        fn effect(&mut self, effect: run::Effect) -> Result<u64, run::Stop> {
            Err(run::Stop(run::program::ProgramError::new("diverged", effect.kind())))
        }
        fn call(&mut self, op: String, _: run::Payload) -> Result<(u64, run::Outcome), run::Stop> {
            Err(run::Stop(run::program::ProgramError::new("diverged", op)))
        }
        fn interrupted(&mut self) -> Option<run::Stop> {
            None
        }
    }
    on_stack(|| {
        let mut program = load(&code("export default async () => { try { console.log(1) } catch {} }"));
        let stop = program.turn(start(json!({})), &mut Refuses).unwrap_err();
        assert_eq!((stop.0.kind.as_str(), stop.0.message.as_str()), ("diverged", "emit"));
        assert!(program.turn(start(json!({})), &mut Refuses).is_err());
        assert!(program.snapshot().is_err());
    });
}

#[test]
fn more_programs_than_the_pool_holds() {
    let code = code("export default async () => { await new Promise((r) => setTimeout(r, 1)); return 1 }");
    on_stack(|| {
        let mut programs: Vec<_> = (0..400).map(|_| (load(&code), World::default())).collect();
        for (program, world) in &mut programs {
            assert_eq!(program.turn(start(json!({})), world).unwrap(), TurnEnd::Idle);
        }
        for (program, world) in &mut programs {
            let wake = Wake::Result { n: 0, outcome: Ok(run::Payload::null()), now: START + 1 };
            assert_eq!(done(program.turn(wake, world)), json!(1));
        }
    });
    assert_eq!(GUEST.name(), "typescript");
}
