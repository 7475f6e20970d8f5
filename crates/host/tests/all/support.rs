//! Hosts for tests, and calls on them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use executor::{CallContext, Host};
use host::{Grants, LocalHost, PermissionRequest, Permissions, Reply, Screen};
use run::{Failure, Outcome, Payload};
use serde_json::Value;

pub fn permissions(flags: &[&str], cwd: &Path) -> Permissions {
    let mut grants = Grants::default();
    for flag in flags {
        assert!(grants.flag(flag), "{flag}");
    }
    grants.permissions(cwd).unwrap()
}

pub fn host(flags: &[&str], cwd: &Path) -> Arc<LocalHost> {
    Arc::new(LocalHost::builder(cwd.join("home")).permissions(permissions(flags, cwd)).build())
}

pub fn context() -> CallContext {
    CallContext { run: "run_1".parse().unwrap(), n: 7, photon: Some("counter".into()), instance: None, caller: None }
}

pub async fn call(host: &Arc<LocalHost>, op: &str, args: Value) -> Outcome {
    host.clone().perform(context(), op.into(), args.into()).await
}

pub async fn call_bytes(host: &Arc<LocalHost>, op: &str, args: Value, bytes: &[u8]) -> Outcome {
    let args = Payload { bytes: Some(Bytes::copy_from_slice(bytes)), ..args.into() };
    host.clone().perform(context(), op.into(), args).await
}

/// The JSON of a result that must be good.
pub async fn value(host: &Arc<LocalHost>, op: &str, args: Value) -> Value {
    call(host, op, args).await.unwrap().json.value()
}

/// The failure of a call that must fail.
pub async fn fails(host: &Arc<LocalHost>, op: &str, args: Value) -> Failure {
    call(host, op, args.clone()).await.expect_err(&format!("{op} {args}"))
}

pub async fn code(host: &Arc<LocalHost>, op: &str, args: Value) -> String {
    fails(host, op, args).await.code.unwrap_or_default()
}

/// Gives the replies one after the other, and keeps what it was asked.
#[derive(Default)]
pub struct Person {
    pub replies: Mutex<Vec<Reply>>,
    pub asked: Mutex<Vec<String>>,
}

impl Person {
    pub fn saying(replies: &[Reply]) -> Arc<Self> {
        let replies = replies.iter().rev().copied().collect();
        Arc::new(Self { replies: Mutex::new(replies), asked: Mutex::default() })
    }
}

#[async_trait]
impl Screen for Person {
    async fn permission(&self, request: &PermissionRequest) -> Option<Reply> {
        self.asked.lock().unwrap().push(request.access.to_string());
        self.replies.lock().unwrap().pop()
    }
}
