//! The users' own examples, as they wrote them. `*.ts` are files, `*.code.ts` snippets, `*.body.ts` parts of a class.

use std::path::Path;

use bundler::{MemoryFiles, bundle, snippet};

macro_rules! seeds {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("seeds/", $name)))),*] };
}

const SEEDS: &[(&str, &str)] = seeds![
    "000-assume.body.ts",
    "000-checkpoints.code.ts",
    "000-compact.body.ts",
    "000-counter.ts",
    "000-delete-run.code.ts",
    "000-get-run.code.ts",
    "000-handle.body.ts",
    "000-huge.body.ts",
    "000-list-runs.code.ts",
    "000-listener.ts",
    "000-long-running.ts",
    "000-my-photon.ts",
    "000-notification.ts",
    "000-params.body.ts",
    "000-restoration.code.ts",
    "000-secrets.body.ts",
    "000-state.body.ts",
    "001-stateful.ts",
    "002-contract.ts",
    "002-persist.code.ts",
    "002-pipeline.ts",
    "002-postgres.ts",
    "002-testing.code.ts",
    "003-archivist.body.ts",
    "003-cancel.code.ts",
    "003-resume.code.ts",
];

#[test]
fn every_example_compiles() {
    // What the examples import besides built-ins: a package, and two files that 001 shows the types of.
    let surroundings = MemoryFiles::new()
        .with("/app/generator.ts", "export type PhotonYield = 1; export type AskYield = 1; export const isAskYield = 1, isEmitYield = 1, isAsyncGenerator = 1;")
        .with("/app/types.ts", "export interface StateLogEntry {}")
        .with("/app/node_modules/@noocodex/dagonizer/package.json", r#"{"exports": {"./checkpoint": "./c.js"}}"#)
        .with("/app/node_modules/@noocodex/dagonizer/c.js", "export class Checkpoint {} export class MemoryCheckpointStore {}");
    for (name, text) in SEEDS {
        let code = if name.ends_with(".code.ts") {
            snippet(&surroundings, text, Path::new("/app"))
        } else {
            let text = if name.ends_with(".body.ts") {
                format!("export default class extends Base {{\n{text}}}")
            } else {
                (*text).to_owned()
            };
            let path = Path::new("/app").join(name);
            bundle(&surroundings.clone().with(&path, text), &path)
        };
        let code = code.unwrap_or_else(|error| panic!("{name}: {error}"));
        let source = &code.modules[&code.entry].source;
        assert!(!source.contains("interface ") && !source.contains("import type"), "{name}: {source}");
        if *name == "000-checkpoints.code.ts" {
            assert!(source.contains("export default async function* ()"), "{source}");
        }
    }
}
