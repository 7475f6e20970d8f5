//! The pure functions on the user's state.

use dag::state::{NodeResult, get, rebase, set, update};
use serde_json::{Value, json};

#[test]
fn dotted_paths_read_and_write() {
    let mut state = json!({ "a": { "b": [1, { "c": 2 }] }, "n": null });
    assert_eq!(get(&state, "a.b.1.c"), Some(&json!(2)));
    for missing in ["a.x", "a.b.2", "a.b.01", "a.b.1.c.d", "n.x"] {
        assert_eq!(get(&state, missing), None, "{missing}");
    }
    set(&mut state, "a.b.0", json!(9)).unwrap();
    set(&mut state, "n.x.y", json!(1)).unwrap();
    assert_eq!(state, json!({ "a": { "b": [9, { "c": 2 }] }, "n": { "x": { "y": 1 } } }));
    assert_eq!(
        set(&mut state, "a.b.1.c.d", json!(1)).unwrap_err().to_string(),
        "`a.b.1.c.d` cannot be set: `a.b.1.c` is a number, not an object; remove it or use another path"
    );
    assert_eq!(
        set(&mut state, "a.b.7", json!(1)).unwrap_err().to_string(),
        "`a.b.7` cannot be set: `a.b` is an array without it, not an object; remove it or use another path"
    );
}

#[test]
fn an_update_sets_whole_fields() {
    let mut state = json!({ "a": { "b": 1 }, "c": 1 });
    update(&mut state, json!({ "a": { "d": null } }).as_object().unwrap().clone());
    assert_eq!(state, json!({ "a": { "d": null }, "c": 1 }));
}

#[test]
fn changes_are_made_again_elsewhere() {
    // (base, changed, target, target afterwards)
    let cases = [
        (json!({ "a": 1 }), json!({ "a": 1 }), json!({ "a": 2 }), json!({ "a": 2 })),
        (json!({ "a": 1 }), json!({ "a": 3 }), json!({ "a": 2 }), json!({ "a": 3 })),
        (json!({ "a": 1, "b": 1 }), json!({ "b": 1 }), json!({ "a": 1, "b": 2 }), json!({ "b": 2 })),
        (json!({}), json!({ "a": null }), json!({ "b": 1 }), json!({ "b": 1, "a": null })),
        (
            json!({ "a": { "x": 1 } }),
            json!({ "a": { "x": 1, "y": 2 } }),
            json!({ "a": { "z": 3 } }),
            json!({ "a": { "z": 3, "y": 2 } }),
        ),
        (json!({}), json!({ "a": { "x": 1 } }), json!({ "a": { "y": 2 } }), json!({ "a": { "y": 2, "x": 1 } })),
        (json!({ "a": [1] }), json!({ "a": [1, 2] }), json!({ "a": [3] }), json!({ "a": [1, 2] })),
    ];
    for (base, changed, mut target, wanted) in cases {
        rebase(&mut target, &base, &changed);
        assert_eq!(target, wanted, "{base} → {changed}");
    }
}

#[test]
fn nodes_give_ports_states_and_results() {
    let read = |value: Value| NodeResult::read(value).map(|r| (r.port, Value::from(r.state), r.result));
    assert_eq!(read(Value::Null), Ok(("success".into(), json!({}), None)));
    assert_eq!(read(json!("found")), Ok(("found".into(), json!({}), None)));
    assert_eq!(read(json!({ "output": "x", "state": { "a": 1 } })), Ok(("x".into(), json!({ "a": 1 }), None)));
    assert_eq!(read(json!({ "result": null })), Ok(("success".into(), json!({}), Some(Value::Null))));
    for (wrong, why) in [
        (json!(3), "the node returned a number; return a port's name, {output, state}, or nothing"),
        (json!({ "output": 3 }), "the node's `output` must be a string, the name of a port"),
        (json!({ "state": [] }), "the node's `state` must be an object, the fields to set"),
        (json!({ "port": "x" }), "the node returned `port`; it may return output, state and result"),
    ] {
        assert_eq!(read(wrong).unwrap_err(), why);
    }
}
