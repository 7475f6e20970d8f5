//! Types and classes of other files.

use bundler::BundleError;
use serde_json::json;

use super::{named, try_photon};

#[test]
fn types_come_from_where_they_are_declared() {
    let photon = try_photon(&[
        (
            "notes.photon.ts",
            r"import type { A, Renamed as R } from './types';
              import * as all from './types.js';
              import Def from './default';
              import { Level, LEVELS } from './consts.ts';
              import type { FromPackage } from 'pack';
              export default class Notes {
                t(a: A, r: R, ns: all.A, d: Def, level: Level, one: typeof LEVELS[number], p: FromPackage, i: import('./types').A, deep: all.deep.X) {}
              }",
        ),
        ("types.ts", "export * from './more'; export { B as Renamed } from './more'; interface A { x: C } export type { A }; interface C { y: string } export * as deep from './deep'"),
        ("more/index.ts", "export type B = 'b'; import type { A } from '../types'; export type Back = A;"),
        ("default.d.ts", "export default interface Def { z: boolean }"),
        ("consts.ts", "export const LEVELS = ['low', 'high'] as const; export type Level = (typeof LEVELS)[number];"),
        ("deep.ts", "export type X = 1"),
        ("node_modules/pack/package.json", r#"{"main": "index.js"}"#),
        ("node_modules/pack/index.js", "exports.x = 1"),
        ("node_modules/pack/index.d.ts", "export interface FromPackage { packed: true }"),
    ])
    .expect("a photon")
    .expect("a class");
    assert_eq!(photon.warnings, []);
    let a = json!({"type": "object", "properties": {"x": {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]}}, "required": ["x"]});
    assert_eq!(
        named(&photon, "t").input_schema["properties"],
        json!({
            "a": a, "r": {"type": "string", "const": "b"}, "ns": a,
            "d": {"type": "object", "properties": {"z": {"type": "boolean"}}, "required": ["z"]},
            "level": {"type": "string", "enum": ["low", "high"]},
            "one": {"type": "string", "enum": ["low", "high"]},
            "p": {"type": "object", "properties": {"packed": {"type": "boolean", "const": true}}, "required": ["packed"]},
            "i": a,
            "deep": {"type": "number", "const": 1},
        })
    );
}

#[test]
fn methods_are_inherited_from_other_files() {
    let photon = try_photon(&[
        (
            "notes.photon.ts",
            "import { Base } from './base';\nexport default class Notes extends Base<{ id: number }> {\n  own() {}\n  hidden() {}\n  private taken() {}\n}",
        ),
        (
            "base.ts",
            "import { Root } from './root';\nexport abstract class Base<T> extends Root {\n  /** Saves. */ save(item: T) {}\n  hidden(x: string) {}\n  taken() {}\n  abstract later(): void;\n  protected inner() {}\n}",
        ),
        ("root.ts", "export class Root extends Photon { root() {} save() {} onInitialize() {} }"),
    ])
    .expect("a photon")
    .expect("a class");
    assert_eq!(
        photon.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["own", "hidden", "save", "root"]
    );
    assert_eq!(photon.lifecycle, ["onInitialize"]);
    assert_eq!(
        named(&photon, "save").input_schema,
        json!({"type": "object", "properties": {"id": {"type": "number"}}, "required": ["id"]})
    );
    assert_eq!(named(&photon, "save").description, "Saves.");
    assert_eq!(named(&photon, "hidden").input_schema["properties"], json!({}));
    assert_eq!((photon.errors, photon.warnings), (vec![], vec![]));
}

#[test]
fn circles_of_files_and_classes_end() {
    let photon = try_photon(&[
        ("notes.photon.ts", "export * from './a'; import { A } from './a'; export default class Notes extends A { t(x: A, y: Lost) {} } export type Own = 1"),
        ("a.ts", "export * from './notes.photon'; export * from './b'; import { B } from './b'; import { Own } from './notes.photon'; export class A extends B { own?: Own }"),
        ("b.ts", "export * from './a'; import { A } from './a'; export class B extends A { b() {} } export { Round } from './c'"),
        ("c.ts", "export { Round } from './b'"),
    ])
    .expect("a photon")
    .expect("a class");
    assert!(photon.tools.iter().any(|tool| tool.name == "b"));
}

#[test]
fn the_photon_is_the_default_export_wherever_it_is() {
    for (files, class) in [
        (vec![("n.photon.ts", "export default class A { t() {} }")], Some("A")),
        (vec![("n.photon.ts", "class A { t() {} } export default A")], Some("A")),
        (vec![("n.photon.ts", "class A { t() {} } class B {} export { A as default, B }")], Some("A")),
        (vec![("n.photon.ts", "export default class extends Photon { t() {} }")], None),
        (vec![("n.photon.ts", "const A = class { t() {} }; export default A")], None),
        (vec![("n.photon.ts", "class B {} export class A { t() {} }")], Some("A")),
        (vec![("n.photon.ts", "class A { t() {} }")], Some("A")),
        (vec![("n.photon.ts", "class A { t() {} } export = A")], Some("A")),
        (
            vec![("n.photon.ts", "export { default } from './x'"), ("x.ts", "export default class A { t() {} }")],
            Some("A"),
        ),
        (vec![("n.photon.ts", "export { A as default } from './x'"), ("x.js", "export class A { t() {} }")], Some("A")),
        (vec![("n.js", "export default class A { t() {} }")], Some("A")),
    ] {
        let photon = try_photon(&files).expect("a photon").unwrap_or_else(|| panic!("no class: {files:?}"));
        assert_eq!(photon.class_name.as_deref(), class, "{files:?}");
        assert_eq!((photon.name.as_str(), photon.tools.len()), ("n", 1), "{files:?}");
    }
    for text in ["export default async function run() {}", "export const x = 1", "", "class A {} class B {}"] {
        assert_eq!(try_photon(&[("n.ts", text)]), Ok(None), "{text}");
    }
}

#[test]
fn what_cannot_be_read() {
    let error = try_photon(&[("n.ts", "export default class {")]).expect_err("syntax");
    assert!(matches!(&error, BundleError::Syntax { diagnostics } if diagnostics[0].line == 1), "{error}");
    let files = bundler::MemoryFiles::new();
    let error = bundler::tools::photon(&files, std::path::Path::new("/app/n.ts")).expect_err("missing");
    assert_eq!(error.to_string(), "cannot read /app/n.ts: there is no such file; check the path");
    // What is wrong with an import is a warning here.
    let photon = try_photon(&[
        ("n.ts", "import { X } from './x'; export default class A { t(x: X) {} }"),
        ("x.ts", "export type X = {"),
    ]);
    let warnings = photon.expect("a photon").expect("a class").warnings;
    assert!(warnings[0].message.contains("'./x' has syntax errors"), "{warnings:?}");
}
