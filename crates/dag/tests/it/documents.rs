//! What is wrong with a document, and where.

use dag::document::{Dag, Reference};
use dag::{CursorError, Registry};
use serde_json::{Value, json};

use crate::world::{compile, document, line, single};

/// Changes a good document and compares all that is reported.
fn check(change: impl FnOnce(&mut Value), wanted: &[&str]) {
    let mut nodes = json!([
        single("a", json!({ "success": "b", "error": null })),
        { "@type": "ParallelNode", "name": "b", "nodes": ["a", "other"], "combine": "all-success",
          "outputs": { "success": "c", "error": null }, "timeoutMs": 5, "retry": { "attempts": 2 } },
        { "@type": "FanOutNode", "name": "c", "node": "./score.nt#score", "source": "a.items", "itemKey": "it",
          "concurrency": 4, "fanIn": { "strategy": "append", "target": "out" },
          "outputs": { "all-success": "d", "partial": null, "all-error": null, "empty": null } },
        { "@type": "DeepDAGNode", "name": "d", "dag": "sub", "outputs": { "success": null, "error": null },
          "stateMapping": { "input": { "x": "a.x" }, "output": { "b.y": "y" } } },
    ]);
    nodes[0]["@id"] = "urn:a".into();
    let mut document = document("good", "a", nodes);
    document["@context"] = json!({ "@vocab": "urn:x:" });
    document["@id"] = "urn:good".into();
    change(&mut document);
    match Dag::from_json(&document) {
        Ok(checked) => {
            let warnings: Vec<_> = checked.warnings.iter().map(ToString::to_string).collect();
            assert_eq!(warnings, wanted);
            let again = Dag::from_json(&checked.dag.to_json()).unwrap();
            assert_eq!(again, checked, "what is written reads the same");
        }
        Err(problems) => {
            let found: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
            assert_eq!(found, wanted);
        }
    }
}

#[test]
fn a_good_document_has_nothing_wrong() {
    check(|_| {}, &[]);
}

#[test]
fn every_fault_names_its_path() {
    check(|d| drop(d.as_object_mut().unwrap().remove("name")), &["name: is missing; add it"]);
    check(|d| d["name"] = 3.into(), &["name: must be a string, not a number"]);
    check(
        |d| d["name"] = "a/b".into(),
        &["name: may not hold `/` or control characters, since cursors are made of names"],
    );
    check(|d| d["@type"] = "Dag".into(), &["@type: must be \"DAG\", not \"Dag\""]);
    check(
        |d| d["extra"] = 1.into(),
        &["extra: is not known here; remove it (known: @context, @id, @type, name, version, entrypoint, nodes)"],
    );
    check(|d| d["nodes"] = json!([]), &["nodes: is empty; a DAG has at least one placement"]);
    check(|d| d["nodes"] = json!({}), &["nodes: must be an array of placements, not an object"]);
    check(|d| d["entrypoint"] = "aa".into(), &["entrypoint: no placement is named \"aa\" (did you mean \"a\"?)"]);
    check(
        |d| d["nodes"][0]["@type"] = "Node".into(),
        &["nodes[0].@type: must be SingleNode, ParallelNode, FanOutNode or DeepDAGNode, not \"Node\""],
    );
    check(
        |d| d["nodes"][0]["outputs"]["success"] = "zebra".into(),
        &["nodes[0].outputs.success: no placement is named \"zebra\"; name one, or write null for the end"],
    );
    check(
        |d| d["nodes"][0]["outputs"]["a b"] = 1.into(),
        &["nodes[0].outputs[\"a b\"]: must be a placement's name or null, not a number"],
    );
    check(|d| d["nodes"][0]["outputs"] = json!({}), &["nodes[0].outputs: must wire 1 to 256 ports, not 0"]);
    check(
        |d| d["nodes"][3]["name"] = "a".into(),
        &[
            "nodes[3].name: \"a\" is the name of nodes[0] already; names must be unique",
            "nodes[2].outputs.all-success: no placement is named \"d\" (did you mean \"a\"?); name one, or write null for \
            the end",
        ],
    );
    check(
        |d| d["nodes"][0]["node"] = "".into(),
        &[
            "nodes[0].node: is empty; name a node, a file's export (./nodes.ts#name), shell:COMMAND, photon:NAME.METHOD or an http URL",
        ],
    );
    check(|d| d["nodes"][0]["node"] = "shell: ".into(), &["nodes[0].node: names no command; write it behind `shell:`"]);
    check(
        |d| d["nodes"][0]["node"] = "./n.ts#".into(),
        &["nodes[0].node: names no export behind `#`; name one or drop the `#`"],
    );
    check(
        |d| d["nodes"][1]["nodes"] = json!(["a", "a"]),
        &["nodes[1].nodes[1]: \"a\" is a member of this group already; remove one"],
    );
    check(
        |d| d["nodes"][1]["nodes"] = json!(["b"]),
        &["nodes[1].nodes[0]: \"b\" is a parallel group itself; put it into a sub-DAG"],
    );
    check(
        |d| drop(d["nodes"][1]["outputs"].as_object_mut().unwrap().remove("error")),
        &["nodes[1].outputs.error: a parallel group has this port; wire it to a placement, or to null for the end"],
    );
    check(
        |d| d["nodes"][1]["outputs"]["partial"] = Value::Null,
        &["nodes[1].outputs.partial: a parallel group has no such port; remove it (its ports: success, error)"],
    );
    check(
        |d| d["nodes"][2]["source"] = "a..b".into(),
        &["nodes[2].source: is not a dotted path; write names joined by single dots, as in order.items"],
    );
    check(
        |d| d["nodes"][2]["source"] = "a.__proto__.b".into(),
        &["nodes[2].source: may not pass through `__proto__`; name the field otherwise"],
    );
    check(
        |d| d["nodes"][2]["concurrency"] = 0.into(),
        &["nodes[2].concurrency: must be a whole number from 1 to 10000, not 0"],
    );
    check(
        |d| d["nodes"][2]["fanIn"] = json!({ "strategy": "all" }),
        &["nodes[2].fanIn.strategy: must be append, partition or custom, not \"all\""],
    );
    check(
        |d| d["nodes"][2]["fanIn"] = json!({ "strategy": "partition", "partitions": { "a": 1 } }),
        &["nodes[2].fanIn.partitions.a: must be a dotted path, not a number"],
    );
    check(
        |d| d["nodes"][2]["fanIn"]["customNode"] = "x".into(),
        &["nodes[2].fanIn.customNode: is not known here; remove it (known: strategy, target)"],
    );
    check(
        |d| d["nodes"][3]["stateMapping"]["input"] = json!([]),
        &["nodes[3].stateMapping.input: must be names to dotted paths, an object, not an array"],
    );
    check(
        |d| d["nodes"][1]["timeoutMs"] = json!(-1),
        &["nodes[1].timeoutMs: must be a whole number from 1 to 31622400000, not -1"],
    );
    check(
        |d| d["nodes"][1]["retry"] = json!({ "attempts": 0 }),
        &["nodes[1].retry.attempts: must be a whole number from 1 to 1000, not 0"],
    );
    check(
        |d| d["nodes"][1]["retry"] = json!({}),
        &["nodes[1].retry.attempts: is missing; say how often the node is tried in all"],
    );
    check(
        |d| d["nodes"][1]["retry"] = json!({ "attempts": 2, "baseMs": 9, "maxMs": 3, "jitter": 2, "backoff": "x" }),
        &[
            "nodes[1].retry.backoff: must be constant, linear, exponential or decorrelated-jitter, not \"x\"",
            "nodes[1].retry.maxMs: is 3, less than baseMs (9); raise it",
            "nodes[1].retry.jitter: must be true, false or a number from 0 to 1, not 2",
        ],
    );
    check(
        |d| d["nodes"][0]["outputs"]["success"] = "c".into(),
        &["nodes[1]: nothing leads to \"b\" from the entrypoint; wire it or remove it"],
    );
}

#[test]
fn all_faults_are_reported_at_once() {
    let change = |d: &mut Value| {
        d["version"] = 1.into();
        d["nodes"][0]["node"] = 1.into();
        d["nodes"][1]["combine"] = "".into();
        d["nodes"][2]["timeoutMs"] = 0.into();
    };
    check(
        change,
        &[
            "version: must be a string, not a number",
            "nodes[0].node: must be a string, not a number",
            "nodes[1].combine: is empty; name a node, a file's export (./nodes.ts#name), shell:COMMAND, photon:NAME.METHOD or an http URL",
            "nodes[2].timeoutMs: must be a whole number from 1 to 31622400000, not 0",
        ],
    );
}

#[test]
fn text_that_is_no_document_is_refused() {
    for (text, wanted) in [
        ("{", "the document is not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "must be a DAG document, an object, not an array"),
    ] {
        assert_eq!(Dag::parse(text).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn a_key_that_stands_twice_is_a_fault() {
    let text = document("d", "a", json!([single("a", json!({ "success": null }))])).to_string();
    let text = text.replace("\"success\":null", "\"success\":null,\"success\":\"a\"").replacen('{', "{\"name\":1,", 1);
    assert_eq!(
        Dag::parse(&text).unwrap_err().to_string(),
        "name: stands twice in this object; remove one\n\
         nodes[0].outputs.success: stands twice in this object; remove one"
    );
}

#[test]
fn the_manual_shows_a_sound_document() {
    let manual = include_str!("../../../../docs/dag.md");
    let text = manual.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("there is an example");
    assert_eq!(Dag::parse(text).unwrap().warnings, []);
}

#[test]
fn the_ports_that_a_node_declares_are_all_wired() {
    let document = document("d", "a", json!([single("a", json!({ "success": null, "maybe": null, "error": null }))]));
    let problems = Dag::with_ports(&document, &|_| Some(vec!["success".into(), "empty".into()])).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "nodes[0].outputs.empty: the node \"a\" has this port; wire it to a placement, or to null for the end\n\
         nodes[0].outputs.maybe: the node \"a\" has no such port; remove it (its ports: success, empty)"
    );
}

#[test]
fn references_have_forms() {
    let cases = [
        ("score", Reference::Registered("score")),
        ("./a/b.ts#run", Reference::File { file: "./a/b.ts", name: Some("run") }),
        ("../n.nt", Reference::File { file: "../n.nt", name: None }),
        ("shell:wc -l", Reference::Shell("wc -l")),
        ("photon:notes.add", Reference::Photon { name: "notes", method: Some("add") }),
        ("photon:notes", Reference::Photon { name: "notes", method: None }),
        ("https://example.com/x#y", Reference::Http("https://example.com/x#y")),
    ];
    for (text, wanted) in cases {
        assert_eq!(Reference::parse(text), wanted);
    }
}

#[test]
fn sub_dags_must_be_there_and_not_contain_themselves() {
    let deep = |name: &str, dag: &str| {
        let node =
            json!({ "@type": "DeepDAGNode", "name": "d", "dag": dag, "outputs": { "success": null, "error": null } });
        Dag::from_json(&document(name, "d", json!([node]))).unwrap().dag
    };
    let mut registry = Registry::default();
    registry.add(deep("a", "b"));
    assert_eq!(
        registry.compile("a").unwrap_err().to_string(),
        "a: nodes[0].dag: no DAG is registered as \"b\"; register it first"
    );
    registry.add(deep("b", "a"));
    assert_eq!(
        registry.compile("a").unwrap_err().to_string(),
        "b: nodes[0].dag: the DAG contains itself (a → b → a); use a cycle inside one DAG instead"
    );
    assert_eq!(registry.compile("c").unwrap_err().to_string(), "no DAG is registered as \"c\"; register it first");
}

#[test]
fn sub_dags_cannot_multiply_without_bound() {
    let mut registry = Registry::default();
    for level in 0..24 {
        let deep = |name: &str| {
            json!({ "@type": "DeepDAGNode", "name": name, "dag": format!("d{}", level + 1),
                    "outputs": { "success": null, "error": null } })
        };
        registry.add(Dag::from_json(&document(&format!("d{level}"), "x", json!([deep("x"), deep("y")]))).unwrap().dag);
    }
    registry.add(Dag::from_json(&line("d24", &["end"])).unwrap().dag);
    let problems = registry.compile("d0").unwrap_err().to_string();
    assert_eq!(problems, "the DAG and its sub-DAGs come to more than 100000 placements; split it");
}

#[test]
fn cursors_name_the_outermost_that_fits() {
    let deep = |name: &str| json!({ "@type": "DeepDAGNode", "name": name, "dag": "inner", "outputs": { "success": "one", "error": null } });
    let nodes = json!([deep("x"), deep("y"), single("one", json!({ "success": "y" }))]);
    let dag = compile(&[document("top", "x", nodes), line("inner", &["one", "two"])]);
    let path = |cursor: &str| dag.resolve(cursor).map(|site| dag.sites()[site as usize].path.to_string());
    assert_eq!(path("one").unwrap(), "one");
    assert_eq!(path("x/one").unwrap(), "x/one");
    assert!(matches!(path("nowhere"), Err(CursorError::Unknown { .. })));
    assert!(matches!(path("ne"), Err(CursorError::Unknown { .. })));
    assert!(matches!(path(""), Err(CursorError::Unknown { .. })));
    assert_eq!(path("two").unwrap_err().to_string(), "\"two\" could be any of x/two, y/two; write the whole path");
}
