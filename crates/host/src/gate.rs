//! Lets an access through, or says which flag would: first the permissions, then what a person said before, then the
//! person, if one is there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use run::{Failure, RunId};

use crate::permissions::{Access, Decision, Permissions, paths};
use crate::screen::{PermissionRequest, Reply, Screen};

/// Runs whose answers are remembered; beyond that the oldest are asked again.
const MAX_RUNS: usize = 1_000;

/// The one place where accesses are decided. Shared by everything that performs operations.
pub struct Gate {
    permissions: Permissions,
    screen: Arc<dyn Screen>,
    /// Each photon has a folder of its own below it.
    data: Option<PathBuf>,
    /// What was said for a whole run, and when the run was last added to.
    said: Mutex<Said>,
    /// Names that a person let through for requests that are under way, and how many.
    vouched: Mutex<HashMap<(String, u16), usize>>,
    /// One question at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Said {
    runs: HashMap<RunId, (u64, Vec<(Access, bool)>)>,
    clock: u64,
}

/// How an access was let through.
pub(crate) enum Pass {
    /// By the permissions.
    Granted,
    /// By a person, who was asked about exactly this.
    Vouched,
}

impl Gate {
    /// Decides by `permissions`, and asks on `screen` about what they do not grant.
    pub fn new(permissions: Permissions, screen: Arc<dyn Screen>) -> Self {
        let (said, vouched, asking) = Default::default();
        Self { permissions, screen, data: None, said, vouched, asking }
    }

    /// Gives each photon the folder with its name below `data`.
    #[must_use]
    pub fn with_data(self, data: PathBuf) -> Self {
        Self { data: Some(data), ..self }
    }

    /// Whether `access` stays in the photon's own folder, and nothing forbids it. The path must be without links.
    pub(crate) fn is_own(&self, photon: Option<&str>, access: &Access) -> bool {
        let (Some(data), Some(photon), Access::Read(path) | Access::Write(path)) = (&self.data, photon, access) else {
            return false;
        };
        let plain = matches!(Path::new(photon).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        plain
            // The last part is not followed: a photon might put a link there.
            && paths::walk(data, true).is_ok_and(|data| path.starts_with(data.join(photon)))
            && self.permissions.decide(access) != Decision::Forbidden
    }

    /// What is granted from the start.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Lets `access` through, or fails with name `PermissionDenied` and a message that names the flag. Asks nobody
    /// (and does not wait) where the permissions decide.
    pub async fn check(&self, run: &RunId, access: Access) -> Result<(), Failure> {
        self.pass(run, access, None).await.map(|_| ())
    }

    /// As `check`; `written` is the access as the program wrote it, where a link led elsewhere.
    pub(crate) async fn pass(&self, run: &RunId, access: Access, written: Option<&Path>) -> Result<Pass, Failure> {
        match self.permissions.decide(&access) {
            Decision::Granted => return Ok(Pass::Granted),
            Decision::Forbidden => return Err(forbidden(&access)),
            Decision::Ungranted => {}
        }
        let _one = self.asking.lock().await;
        let said = self.remembered(run, &access);
        let reply = match said {
            Some(true) => Some(Reply::Run),
            Some(false) => Some(Reply::Deny),
            None => {
                let request = PermissionRequest { run: run.clone(), access: access.clone() };
                self.screen.permission(&request).await
            }
        };
        if said.is_none() {
            match reply {
                Some(Reply::Run) => self.remember(run, &access, true),
                Some(Reply::Deny) => self.remember(run, &access, false),
                Some(Reply::Once) | None => {}
            }
        }
        match reply {
            Some(Reply::Once | Reply::Run) => Ok(Pass::Vouched),
            Some(Reply::Deny) => Err(denied(format!("{access} was not allowed by the person who was asked"))),
            None => Err(self.ungranted(&access, written)),
        }
    }

    /// What `--allow-…` would help, and why a path inside a granted folder may still need it.
    fn ungranted(&self, access: &Access, written: Option<&Path>) -> Failure {
        let flag = access.flag();
        if let (Some(written), Access::Read(real) | Access::Write(real)) = (written, access) {
            let again = match access {
                Access::Read(_) => Access::Read(written.into()),
                _ => Access::Write(written.into()),
            };
            // Only for a link inside what is granted: where a link elsewhere leads is not the program's to know.
            if written != real.as_path() && self.permissions.decide(&again) == Decision::Granted {
                return denied(format!(
                    "{again} is not allowed: it leads to {} by a link, which is not granted: run again with {flag}",
                    real.display()
                ));
            }
            return denied(format!("{again} is not allowed: run again with {}", again.flag()));
        }
        denied(format!("{access} is not allowed: run again with {flag}"))
    }

    /// Whether a connection of a request to `host:port` may go to `ip`; an error says why not.
    pub(crate) fn address(&self, host: &str, ip: IpAddr, port: u16) -> Result<(), String> {
        let vouched = lock(&self.vouched).contains_key(&(host.to_owned(), port));
        match self.permissions.address(host, ip, port, vouched) {
            Decision::Granted => Ok(()),
            Decision::Forbidden => Err(format!("{host} resolves to {ip}, which --deny-net forbids")),
            Decision::Ungranted => {
                let access = Access::Net { host: ip.to_string(), port };
                Err(format!(
                    "{host} resolves to {ip}, a local address that the grant for this name does not reach: if that is \
                     meant, run again with {}",
                    access.flag()
                ))
            }
        }
    }

    /// Notes that a person let this host through, until the guard is dropped.
    pub(crate) fn vouch(self: &Arc<Self>, host: &str, port: u16) -> Vouch {
        let key = (host.to_owned(), port);
        *lock(&self.vouched).entry(key.clone()).or_default() += 1;
        Vouch { gate: self.clone(), key }
    }

    fn remembered(&self, run: &RunId, access: &Access) -> Option<bool> {
        let said = lock(&self.said);
        let (_, answers) = said.runs.get(run)?;
        answers.iter().rev().find(|(earlier, _)| covers(earlier, access)).map(|(_, good)| *good)
    }

    fn remember(&self, run: &RunId, access: &Access, good: bool) {
        let mut said = lock(&self.said);
        said.clock += 1;
        let now = said.clock;
        if said.runs.len() >= MAX_RUNS
            && !said.runs.contains_key(run)
            && let Some(oldest) = said.runs.iter().min_by_key(|(_, (used, _))| *used).map(|(run, _)| run.clone())
        {
            said.runs.remove(&oldest);
        }
        let (used, answers) = said.runs.entry(run.clone()).or_default();
        *used = now;
        answers.push((access.clone(), good));
    }
}

/// A person's yes to one host, while a request to it is under way.
pub(crate) struct Vouch {
    gate: Arc<Gate>,
    key: (String, u16),
}

impl Drop for Vouch {
    fn drop(&mut self) {
        let mut vouched = lock(&self.gate.vouched);
        if let Some(count) = vouched.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                vouched.remove(&self.key);
            }
        }
    }
}

/// Whether an answer to `earlier` holds for `access` too: a folder stands for what is in it.
fn covers(earlier: &Access, access: &Access) -> bool {
    let below = |folder: &PathBuf, path: &PathBuf| path.starts_with(folder);
    match (earlier, access) {
        (Access::Read(folder), Access::Read(path)) | (Access::Write(folder), Access::Write(path)) => {
            below(folder, path)
        }
        (earlier, access) => earlier == access,
    }
}

/// A failure of a permission, as programs see it.
pub(crate) fn denied(message: String) -> Failure {
    Failure::with_code("PermissionDenied", "EPERM", message)
}

fn forbidden(access: &Access) -> Failure {
    let flag = access.kind().name();
    match access {
        Access::Read(path) | Access::Write(path) if crate::permissions::paths::is_back_door(path) => {
            denied(format!("{access} is not allowed: it opens the system to the program: only --allow-all grants it"))
        }
        _ => denied(format!("{access} is not allowed: --deny-{flag} forbids it")),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole after each statement, so a panic elsewhere leaves nothing torn.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
