//! What `inspect` shows, and stacks in positions of the author's files.

mod common;

use std::sync::Arc;

use common::*;
use run::{Code, Guest, Program, limits::Limits, program::Module};
use serde_json::{Value, json};

const SOURCE: &str = "
    import { shared } from './shared';
    const outside = { list: [1, 2, 3] };
    async function* inner(limit) {
        let step = 40 + limit;
        const name = 'inner';
        await new Promise((r) => setTimeout(r, 5));
        yield step;
    }
    export default async function main({ n }) {
        const name = 'main';
        const kept = new Map([['a', 1]]);
        for await (const x of inner(n)) outside.list.push(x);
        return outside.list;
    }";

fn waiting() -> Box<dyn Program> {
    let main = "file:///app/main.ts";
    let code = modules(
        main,
        &[
            (main, SOURCE, &[("./shared", "file:///app/shared.ts")]),
            ("file:///app/shared.ts", "export const shared = 'from elsewhere'; const hidden = 5;", &[]),
        ],
    );
    let mut program = load(&code);
    program.turn(start(json!({"n": 2})), &mut World::default()).unwrap();
    let image = program.snapshot().unwrap().unwrap().bytes;
    GUEST.restore(&code, &Limits::default(), &[image]).unwrap()
}

fn eval(expression: &str) -> Value {
    on_stack(|| waiting().inspect(Some(expression)).unwrap().value())
}

#[test]
fn shows_frames_and_locals() {
    let shown: Value = on_stack(|| waiting().inspect(None).unwrap().value());
    let frames = shown["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2, "{shown}");
    assert_eq!(frames[0]["function"], "inner");
    assert_eq!(frames[0]["locals"]["step"], 42);
    assert_eq!(frames[0]["line"], 7);
    assert_eq!(frames[1]["function"], "main");
    assert_eq!(frames[1]["file"], "file:///app/main.ts");
    assert_eq!(frames[1]["locals"]["name"], "main");
    assert_eq!(shown["pending"].as_array().unwrap().len(), 1);
}

#[test]
fn evaluates_with_everything_in_sight() {
    assert_eq!(eval("step + outside.list.length")["value"], 45);
    assert_eq!(eval("name")["value"], "inner");
    assert_eq!(eval("kept.get('a')")["value"], 1);
    assert_eq!(eval("[shared, hidden]")["value"], json!(["from elsewhere", 5]));
    assert!(eval("nowhere.x")["error"]["message"].as_str().unwrap().contains("nowhere"));
    assert!(eval("1 +")["error"]["name"].as_str().unwrap().contains("SyntaxError"));
    let failed = on_stack(|| waiting().inspect(Some("(() => { while (true); })()")));
    assert!(failed.is_err());
}

#[test]
fn stacks_are_the_authors() {
    // The code's line 2, columns 21 and on, stand for line 12 of the source.
    let source = "export default async () => {\n    await 0; const f = () => { throw new Error('mapped') }; f();\n};";
    let map = r#"{"version":3,"sources":["main.ts"],"names":[],"mappings":"AAAA;IAWA"}"#;
    let module = Module { source: source.into(), original: None, imports: Default::default(), map: Some(map.into()) };
    let entry = "file:///app/main.ts";
    let code = Arc::new(Code {
        guest: "typescript".into(),
        entry: entry.into(),
        modules: [(entry.to_string(), module)].into(),
        about: None,
    });
    let (end, _) = run_code(&code, Limits::default());
    let stack = failed(end).stack.unwrap();
    assert!(stack.contains("file:///app/main.ts:12:"), "{stack}");
}
