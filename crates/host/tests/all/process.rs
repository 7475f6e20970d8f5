//! What a program learns of the process, and how operations find who performs them.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use executor::{CallContext, Host};
use host::{Facts, LocalHost, Operations};
use run::{EffectClass, Outcome, Payload};
use serde_json::json;

use crate::support::{call, fails, permissions, value};

fn host(flags: &[&str]) -> Arc<LocalHost> {
    let facts = Facts {
        cwd: "/work".into(),
        argv: vec!["quicksave".into()],
        env: [("HOME", "/home/u"), ("APP_A", "1"), ("SECRET", "s")].map(|(k, v)| (k.into(), v.into())).into(),
        hostname: "box".into(),
        tmpdir: "/tmp".into(),
        pid: 7,
    };
    let granted = permissions(flags, Path::new("/"));
    Arc::new(LocalHost::builder("/nowhere").permissions(granted).facts(facts).build())
}

#[tokio::test]
async fn only_granted_variables_are_seen() {
    let some = host(&["--allow-env=APP_*,NONE"]);
    assert_eq!(value(&some, "env.list", json!({})).await, json!({"APP_A": "1"}));
    assert_eq!(value(&some, "env.get", json!({"name": "APP_A"})).await, json!("1"));
    assert_eq!(value(&some, "env.get", json!({"name": "NONE"})).await, json!(null));
    let denied = fails(&some, "env.get", json!({"name": "SECRET"})).await;
    assert_eq!(denied.name, "PermissionDenied");
    assert!(!denied.message.contains("'s'"));
    assert_eq!(value(&host(&[]), "env.list", json!({})).await, json!({}));
    let info = value(&some, "process.info", json!({})).await;
    assert_eq!(
        (&info["homedir"], &info["hostname"], &info["cwd"]),
        (&json!("/"), &json!("localhost"), &json!("/work"))
    );
    let info = value(&host(&["-A"]), "process.info", json!({})).await;
    assert_eq!((&info["homedir"], &info["hostname"], &info["pid"]), (&json!("/home/u"), &json!("box"), &json!(7)));
}

#[test]
fn facts_do_not_show_the_environment() {
    let facts = Facts { env: [("K".into(), "hidden".into())].into(), ..Facts::default() };
    let shown = format!("{facts:?}");
    assert!(shown.contains('K') && !shown.contains("hidden"), "{shown}");
}

struct Runs;

#[async_trait]
impl Operations for Runs {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        if op == "runs.delete" { EffectClass::Write } else { EffectClass::Read }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, _: Payload) -> Outcome {
        Ok(json!([op, context.idempotency_key()]).into())
    }
}

#[tokio::test]
async fn operations_are_found_by_prefix() {
    let host = Arc::new(LocalHost::builder("/nowhere").operations("runs.", Arc::new(Runs)).build());
    assert_eq!(value(&host, "runs.list", json!({})).await, json!(["runs.list", "run_1/7"]));
    assert_eq!(fails(&host, "tools.x", json!({})).await.code.as_deref(), Some("ERR_UNKNOWN_OPERATION"));
    assert_eq!(
        fails(&host, "fs.frobnicate", json!({"path": "/"})).await.code.as_deref(),
        Some("ERR_UNKNOWN_OPERATION")
    );
    assert!(call(&host, "fs.stat", json!([])).await.unwrap_err().message.contains("arguments"));
    let null = json!({});
    for (op, args, class) in [
        ("fetch", json!({"url": "x"}), EffectClass::Read),
        ("fetch", json!({"url": "x", "method": "get"}), EffectClass::Read),
        ("fetch", json!({"url": "x", "method": "HEAD"}), EffectClass::Read),
        ("fetch", json!({"url": "x", "method": "OPTIONS"}), EffectClass::Read),
        ("fetch", json!({"url": "x", "method": "POST"}), EffectClass::Write),
        ("fetch", json!({"url": "x", "method": "DELETE"}), EffectClass::Write),
        ("fetch", json!({"url": "x", "method": 3}), EffectClass::Write),
        ("fs.readFile", null.clone(), EffectClass::Read),
        ("fs.stat", null.clone(), EffectClass::Read),
        ("fs.readdir", null.clone(), EffectClass::Read),
        ("fs.writeFile", null.clone(), EffectClass::Write),
        ("fs.mkdtemp", null.clone(), EffectClass::Write),
        ("env.get", null.clone(), EffectClass::Read),
        ("process.info", null.clone(), EffectClass::Read),
        ("state.load", null.clone(), EffectClass::Read),
        ("state.save", null.clone(), EffectClass::Write),
        ("runs.list", null.clone(), EffectClass::Read),
        ("runs.delete", null.clone(), EffectClass::Write),
        ("unknown", null.clone(), EffectClass::Write),
    ] {
        assert_eq!(host.class(op, &args.clone().into()), class, "{op} {args}");
    }
}
