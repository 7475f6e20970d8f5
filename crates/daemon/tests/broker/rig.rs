//! A broker in a folder of its own, which can be ended and begun again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use daemon::broker::{Answer, Broker, Connection, EventLog, Limits, LogLimits, Place, Service};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Rig {
    folder: TempDir,
    pub limits: Limits,
    broker: Option<Broker>,
}

/// Does nothing but answer.
struct Nothing;

#[async_trait]
impl Service for Nothing {
    async fn take(&self, run: &str) -> Answer {
        match run {
            "held" => Err(("held", "run held is driven by somebody".into())),
            run => Ok(json!({ "runId": run, "driven": true })),
        }
    }

    async fn call(&self, op: &str, data: Value) -> Answer {
        if op == "slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(data)
    }

    async fn status(&self) -> Value {
        json!({ "fine": true })
    }

    fn stop(&self) {}
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with_log(log: LogLimits) -> Self {
        Self::with(Limits { log, ..Limits::default() })
    }

    pub fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut rig = Self { folder, limits, broker: None };
        rig.begin();
        rig
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    pub fn place(&self) -> Place {
        Place::new(self.home())
    }

    pub fn begin(&mut self) {
        let place = self.place();
        let lock = place.lock().expect("the only one");
        let log = Arc::new(EventLog::open(place.folder(), self.limits.log).expect("opened"));
        let io = tokio::runtime::Handle::current();
        let broker = Broker::start(place, lock, log, Arc::new(Nothing), self.limits, io).expect("started");
        self.broker = Some(broker);
    }

    pub fn end(&mut self) {
        self.broker.take().expect("running").stop();
    }

    pub fn counts(&self) -> daemon::broker::Counts {
        self.broker.as_ref().expect("running").counts()
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&self.place(), "test").await.expect("connected")
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited for {what} in vain"),
    }
}

/// Small random numbers, the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    /// A seed from the environment, or a new one.
    pub fn seed() -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now.as_nanos() as u64 >> 10)
    }
}
