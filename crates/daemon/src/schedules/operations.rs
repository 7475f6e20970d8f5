//! What programs do with schedules: `schedule.create` … of `ABI.md`. Each photon sees its own.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bundler::tools::CatchUp;
use executor::CallContext;
use host::Operations;
use run::{EffectClass, Failure, Outcome, Payload};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::shelf::Shelf;
use super::task::{Status, Task};
use super::times::Pattern;
use crate::broker::now;

/// Performs `schedule.*`.
pub struct Schedules {
    shelf: Shelf,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    id: Option<String>,
    status: Option<Status>,
    /// What a new task is made of, or an old one is changed to.
    #[serde(flatten)]
    task: Wanted,
}

#[derive(Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    name: Option<String>,
    description: Option<String>,
    #[serde(alias = "cron")]
    schedule: Option<String>,
    timezone: Option<String>,
    method: Option<String>,
    params: Option<Map<String, Value>>,
    fire_once: Option<bool>,
    max_executions: Option<u64>,
    catch_up: Option<CatchUp>,
}

impl Schedules {
    /// Schedules of `home`.
    pub fn new(home: &Path) -> Self {
        Self { shelf: Shelf::new(home) }
    }

    fn answer(&self, context: &CallContext, op: &str, asked: &Asked) -> Result<Value, String> {
        let photon = context.photon.as_deref().ok_or("only photons have schedules")?;
        let find = |shelf: &Shelf| {
            let wanted = |task: &Task| match (&asked.id, &asked.task.name) {
                (Some(id), _) => task.id == *id,
                (None, Some(name)) => task.name == *name,
                (None, None) => false,
            };
            shelf.of(photon).into_iter().find(wanted)
        };
        let missing = || {
            let what = asked.id.as_deref().or(asked.task.name.as_deref()).unwrap_or_default();
            format!("{photon} has no schedule {what:?}")
        };
        let changed = |change: &dyn Fn(&mut Task) -> Result<(), String>| {
            self.shelf.change(|shelf| {
                let mut task = find(shelf).ok_or_else(missing)?;
                change(&mut task)?;
                shelf.put(&task)?;
                Ok(json!(task))
            })
        };
        match op {
            "schedule.list" => {
                let mut all = self.shelf.of(photon);
                all.retain(|task| asked.status.is_none_or(|status| task.status == status));
                Ok(json!(all))
            }
            "schedule.get" => Ok(find(&self.shelf).map_or(Value::Null, |task| json!(task))),
            "schedule.has" => Ok(find(&self.shelf).is_some().into()),
            "schedule.create" => {
                let task = create(context, photon, asked.task.clone())?;
                self.shelf.change(|shelf| {
                    // The same call once more, after a crash: it was made.
                    if let Some(made) = shelf.of(photon).into_iter().find(|made| made.id == task.id) {
                        return Ok(json!(made));
                    }
                    shelf.add(&task)?;
                    Ok(json!(task))
                })
            }
            "schedule.update" => changed(&|task| update(task, &asked.task)),
            "schedule.pause" => changed(&|task| set(task, Status::Active, Status::Paused)),
            "schedule.resume" => changed(&|task| {
                set(task, Status::Paused, Status::Active)?;
                // What was missed on purpose is not made up for.
                task.last_execution_at = Some(run::time::iso(now()));
                Ok(())
            }),
            "schedule.cancel" => self.shelf.change(|shelf| match find(shelf) {
                Some(task) => Ok(shelf.remove(&task.id)?.into()),
                None => Ok(false.into()),
            }),
            other => Err(format!("{other:?} is not an operation on schedules")),
        }
    }
}

fn create(context: &CallContext, photon: &str, wanted: Wanted) -> Result<Task, String> {
    let name = wanted.name.ok_or("a schedule needs a name")?;
    if name.is_empty() || name.len() > 200 {
        return Err("the name of a schedule has 1 to 200 bytes".into());
    }
    let cron = wanted.schedule.ok_or("a schedule needs its times: schedule: '0 9 * * *'")?;
    let pattern = Pattern::new(&cron, wanted.timezone.as_deref())?;
    pattern.next(now()).ok_or_else(|| format!("{cron:?} is never: it has no next time"))?;
    // The same for every attempt at this call.
    let digest = Sha256::digest(context.idempotency_key().as_bytes());
    let id = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Task {
        id,
        name,
        description: wanted.description,
        cron,
        timezone: wanted.timezone,
        photon_id: photon.to_owned(),
        instance: None,
        method: wanted.method.ok_or("a schedule needs the method that it calls")?,
        params: wanted.params.unwrap_or_default(),
        fire_once: wanted.fire_once.unwrap_or(false),
        max_executions: wanted.max_executions.unwrap_or(0),
        catch_up: wanted.catch_up.unwrap_or_default(),
        status: Status::Active,
        created_at: run::time::iso(now()),
        last_execution_at: None,
        execution_count: 0,
        error_message: None,
    })
}

fn update(task: &mut Task, wanted: &Wanted) -> Result<(), String> {
    if wanted.name.as_ref().is_some_and(|name| *name != task.name) {
        return Err("a schedule keeps its name: cancel it, and create another".into());
    }
    let timed = wanted.schedule.is_some() || wanted.timezone.is_some();
    if let Some(cron) = &wanted.schedule {
        task.cron.clone_from(cron);
    }
    task.timezone = wanted.timezone.clone().or(task.timezone.take());
    task.description = wanted.description.clone().or(task.description.take());
    if let Some(method) = &wanted.method {
        task.method.clone_from(method);
    }
    if let Some(params) = &wanted.params {
        task.params.clone_from(params);
    }
    task.fire_once = wanted.fire_once.unwrap_or(task.fire_once);
    task.max_executions = wanted.max_executions.unwrap_or(task.max_executions);
    task.catch_up = wanted.catch_up.unwrap_or(task.catch_up);
    if timed {
        task.pattern()?;
        // The new times count from now on.
        task.last_execution_at = Some(run::time::iso(now()));
    }
    Ok(())
}

fn set(task: &mut Task, from: Status, to: Status) -> Result<(), String> {
    if task.status != from && task.status != to {
        return Err(format!("the schedule {:?} has ended: create another", task.name));
    }
    task.status = to;
    Ok(())
}

#[async_trait]
impl Operations for Schedules {
    fn class(&self, op: &str, _: &Payload) -> EffectClass {
        match op {
            "schedule.list" | "schedule.get" | "schedule.has" => EffectClass::Read,
            _ => EffectClass::Write,
        }
    }

    async fn perform(self: Arc<Self>, context: CallContext, op: String, args: Payload) -> Outcome {
        let bad = |message: String| Failure::with_code("Error", "ERR_SCHEDULE", message);
        let asked: Option<Asked> = args.json.to().map_err(|e| bad(format!("{op}: {e}")))?;
        let asked = asked.unwrap_or_default();
        let done = tokio::task::spawn_blocking(move || self.answer(&context, &op, &asked)).await;
        let done = done.unwrap_or_else(|error| Err(error.to_string()));
        done.map(Payload::from).map_err(bad)
    }
}
