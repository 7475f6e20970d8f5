//! The platform in JavaScript, tested inside the engine.
//!
//! * `prelude-tests/*.test.js` use `node:test`; each must end well. Most of them pass in Node too, which is how their
//!   expectations were checked.
//! * `prelude-tests/programs/NAME.js` are programs whose every request and end is compared with `NAME.txt`. Set
//!   `BLESS=1` to write those files anew, and read the difference. Their first lines may say `// params: {…}`,
//!   `// method: …`, `// answers: […]`, `// state: {…}`, `// env: {…}` and `// entry: name.ts`.

#[path = "../common/mod.rs"]
mod common;
mod host;

use std::{fs, path::PathBuf};

use common::{GUEST, START, modules, on_stack};
use host::Host;
use run::{Guest, Seed, Stop, TurnEnd, Wake, limits::Limits};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("prelude-tests")
}

fn files(folder: PathBuf, end: &str) -> Vec<PathBuf> {
    let list = fs::read_dir(folder).expect("the folder of tests is there").map(|entry| entry.unwrap().path());
    let mut list: Vec<_> = list.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    list.sort();
    assert!(!list.is_empty());
    list
}

/// `// name: {…}` in the first lines.
fn setting(source: &str, name: &str) -> Option<String> {
    let lines = source.lines().take_while(|line| line.starts_with("//"));
    lines.filter_map(|line| line.strip_prefix(&format!("// {name}: "))).next().map(str::to_owned)
}

fn run(entry: &str, source: &str, host: &mut Host) -> Result<TurnEnd, Stop> {
    let name = format!("file:///app/{entry}");
    let code = modules(&name, &[(&name, source, &[])]);
    let params = setting(source, "params").map_or(json!({}), |text| serde_json::from_str(&text).unwrap());
    on_stack(|| {
        let mut program = GUEST.load(&code, &Limits::default()).expect("the program loads");
        let wake = Wake::Start {
            method: setting(source, "method"),
            params: params.into(),
            seed: Seed([7; 32]),
            run: "run_1".into(),
            instance: None,
            now: START,
        };
        let mut end = program.turn(wake, host)?;
        while end == TurnEnd::Idle {
            let Some((n, outcome, now)) = host.deliver() else { return Ok(end) };
            end = program.turn(Wake::Result { n, outcome, now }, host)?;
        }
        Ok(end)
    })
}

#[test]
fn tests_in_javascript_pass() {
    let mut failed = Vec::new();
    for path in files(folder(), ".test.js") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut host = Host::new(START);
        let end = run(&name, &fs::read_to_string(&path).unwrap(), &mut host);
        if !matches!(end, Ok(TurnEnd::Done(_))) {
            let told = host
                .printed
                .iter()
                .filter(|line| !line.trim_start().starts_with(['✔', '▶']))
                .cloned()
                .collect::<Vec<_>>();
            failed.push(format!("{name}: {end:?}\n{}", told.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn programs_ask_for_what_is_written() {
    let mut wrong = Vec::new();
    for path in files(folder().join("programs"), ".js") {
        let source = fs::read_to_string(&path).unwrap();
        let read = |name: &str| setting(&source, name).map(|text| serde_json::from_str::<Value>(&text).unwrap());
        let mut host = Host::new(START);
        host.answers = read("answers").and_then(|list| list.as_array().cloned()).unwrap_or_default().into();
        if let Some(Value::Object(states)) = read("state") {
            host.states = states.into_iter().collect();
        }
        if let Some(Value::Object(env)) = read("env") {
            host.env = env.into_iter().map(|(name, value)| (name, value.as_str().unwrap().into())).collect();
        }
        let entry =
            setting(&source, "entry").unwrap_or_else(|| path.file_name().unwrap().to_string_lossy().into_owned());
        let end = match run(&entry, &source, &mut host) {
            Ok(TurnEnd::Idle) => "idle".into(),
            Ok(TurnEnd::Done(payload)) => {
                let bytes = payload.bytes.map_or(String::new(), |bytes| format!(" + {bytes:?}"));
                format!("done {}{bytes}", payload.json.get())
            }
            Ok(TurnEnd::Failed(error)) => {
                format!("failed {}: {}\n{}", error.kind, error.message, error.stack.unwrap_or_default())
                    .trim_end()
                    .into()
            }
            Err(Stop(error)) => format!("stopped {error:?}"),
        };
        host.log.push(end);
        let log = host.log.join("\n") + "\n";
        let expected = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(expected, log).unwrap();
        } else if fs::read_to_string(expected).unwrap_or_default() != log {
            wrong.push(format!("{}:\n{log}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "not as written (BLESS=1 writes):\n{}", wrong.join("\n"));
}

#[test]
fn every_built_in_module_is_there() {
    let list = include_str!("../../prelude/builtins.json");
    let names: Vec<String> = serde_json::from_str(list).unwrap();
    let mut source = String::new();
    for (i, name) in names.iter().enumerate() {
        let prefixes = if name.contains(['@']) || name == "quicksave" { &[""][..] } else { &["", "node:"] };
        for (j, prefix) in prefixes.iter().enumerate() {
            source += &format!("import m{i}_{j} from {:?};\n", format!("{prefix}{name}"));
            source += &format!("if (!m{i}_{j}) throw new Error({name:?});\n");
        }
    }
    source += "export default () => 'all';\n";
    let end = run("main.js", &source, &mut Host::new(START));
    assert!(matches!(&end, Ok(TurnEnd::Done(value)) if value.json.get() == "\"all\""), "{end:?}");
}
