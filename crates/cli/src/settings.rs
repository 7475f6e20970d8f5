//! The configuration: flags before files, files before defaults.
//!
//! ```toml
//! durability = "disk"      # or "process"
//! snapshot = "auto"        # or "always", "never"
//! park-after = "60s"
//! idle-programs = 32       # that keep their memory while they wait; that of others is swapped out
//! store = "sqlite:runs.db"           # file:, memory:, postgres:
//! checkpoints = "s3://bucket/prefix" # where snapshots and long values go, if not there: redis: too
//! photons = ["photons"]   # folders of photons beside the home, relative to this file
//!
//! [seal]                   # how those are protected
//! key-file = "keys"        # or key-env; also compress, accept-plain
//!
//! [limits]
//! cpu = "60s"              # also wall, memory, output, value, pending
//!
//! [daemon]                 # docs/daemon.md
//! http = "127.0.0.1:8787"  # where webhooks are served; also webhook-secret-file, webhook-secret-env, unsigned-webhooks
//!
//! [mcp.servers.github]     # MCP servers whose tools programs call: docs/mcp.md
//! command = "github-mcp"
//!
//! [permissions]
//! net = ["api.example.com"]
//! read = ["./data"]
//! ```
//!
//! Without `--config`, `quicksave.toml` in the home is read, then the one in the current folder. What the latter says of
//! permissions, stores, photons, MCP servers and the daemon does not count: it may have come with a program that nobody has
//! looked at yet.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use daemon::clients::ServerConfig;
use executor::SnapshotPolicy;
use host::{Grants, Permissions};
use run::limits::Limits;
use serde::{Deserialize, Deserializer, de};
use store::StoreUrl;

use crate::{
    args::{Durability, Globals, Snapshot},
    kept::Seal,
    report::Error,
    units,
};

const NAME: &str = "quicksave.toml";

/// A run that can only wait is left when nothing is due within this time.
const PARK_AFTER: Duration = Duration::from_secs(60);

/// How programs are run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub durability: Durability,
    pub snapshots: SnapshotPolicy,
    pub park_after: Duration,
    pub idle_programs: usize,
    pub limits: Limits,
    /// Where runs are kept, if not in the home.
    pub store: Option<StoreUrl>,
    /// Where checkpoints are kept, if not with the runs.
    pub checkpoints: Option<StoreUrl>,
    pub seal: Seal,
    /// Of the daemon.
    pub daemon: FileDaemon,
    /// Where photons are looked for, in this order.
    pub photons: Vec<PathBuf>,
    /// MCP servers, by name.
    pub servers: BTreeMap<String, ServerConfig>,
    grants: Grants,
}

#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    durability: Option<Durability>,
    snapshot: Option<Snapshot>,
    #[serde(deserialize_with = "duration")]
    park_after: Option<Duration>,
    idle_programs: Option<usize>,
    limits: FileLimits,
    permissions: Grants,
    #[serde(deserialize_with = "store_url")]
    store: Option<StoreUrl>,
    #[serde(deserialize_with = "store_url")]
    checkpoints: Option<StoreUrl>,
    seal: Seal,
    photons: Vec<PathBuf>,
    mcp: FileMcp,
    daemon: FileDaemon,
}

/// `[daemon]`: where webhooks are served, and what signs them.
#[derive(Deserialize, Default, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FileDaemon {
    http: Option<std::net::SocketAddr>,
    webhook_secret_file: Option<PathBuf>,
    webhook_secret_env: Option<String>,
    unsigned_webhooks: bool,
}

impl FileDaemon {
    /// What the webhooks' server needs, if there is to be one.
    pub fn webhooks(&self) -> Result<Option<daemon::webhooks::Config>, Error> {
        let Some(address) = self.http else { return Ok(None) };
        let text = match (&self.webhook_secret_file, &self.webhook_secret_env) {
            (Some(path), _) => {
                let what = || format!("cannot read the secret of webhooks in {}", path.display());
                Some(std::fs::read_to_string(path).map_err(|e| Error::io(what(), e))?)
            }
            (None, Some(name)) => Some(std::env::var(name).map_err(|_| {
                let what = format!("the environment variable {name}, the secret of webhooks, is not set");
                Error::usage(what, "set it, or name a file with webhook-secret-file")
            })?),
            (None, None) => None,
        };
        let bad = |what| Error::usage(what, "make one with: openssl rand -hex 32");
        let secret = text.map(|text| daemon::webhooks::Secret::new(&text).map_err(bad)).transpose()?;
        Ok(Some(daemon::webhooks::Config { address, secret, unsigned: self.unsigned_webhooks }))
    }
}

#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, default)]
struct FileMcp {
    servers: BTreeMap<String, ServerConfig>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct FileLimits {
    #[serde(deserialize_with = "duration")]
    cpu: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    wall: Option<Duration>,
    #[serde(deserialize_with = "size")]
    memory: Option<u64>,
    #[serde(deserialize_with = "size")]
    output: Option<u64>,
    #[serde(deserialize_with = "size")]
    value: Option<u64>,
    pending: Option<usize>,
}

impl Settings {
    /// Reads the files, and puts the flags on top.
    pub fn read(globals: &Globals, home: &Path) -> Result<Self, Error> {
        let mut settings = Self {
            durability: Durability::Disk,
            snapshots: SnapshotPolicy::default(),
            park_after: PARK_AFTER,
            idle_programs: run::limits::IDLE_PROGRAMS,
            limits: Limits::default(),
            store: None,
            checkpoints: None,
            seal: Seal::default(),
            photons: vec![home.to_owned()],
            daemon: FileDaemon::default(),
            servers: BTreeMap::new(),
            grants: Grants::default(),
        };
        match &globals.config {
            Some(path) => {
                let file = load(path)?.ok_or_else(|| {
                    Error::io(
                        format!("cannot read the configuration {}", path.display()),
                        std::io::ErrorKind::NotFound.into(),
                    )
                })?;
                settings.add(file);
            }
            None => {
                let at_home = home.join(NAME);
                if let Some(file) = load(&at_home)? {
                    settings.add(file);
                }
                let here = PathBuf::from(NAME);
                // Without a folder of its own (`--home .`) it is the same file.
                if std::path::absolute(&here).ok() != std::path::absolute(&at_home).ok()
                    && let Some(mut file) = load(&here)?
                {
                    if file.permissions != Grants::default() {
                        tracing::warn!("the permissions in ./{NAME} do not count unless you name it: --config {NAME}");
                        file.permissions = Grants::default();
                    }
                    if file.store.is_some() || file.checkpoints.is_some() || file.seal != Seal::default() {
                        tracing::warn!("the stores in ./{NAME} do not count unless you name it: --config {NAME}");
                        (file.store, file.checkpoints, file.seal) = (None, None, Seal::default());
                    }
                    if !file.photons.is_empty() {
                        tracing::warn!("the photons in ./{NAME} do not count unless you name it: --config {NAME}");
                        file.photons.clear();
                    }
                    if file.daemon != FileDaemon::default() {
                        tracing::warn!(
                            "what ./{NAME} says of the daemon does not count unless you name it: --config {NAME}"
                        );
                        file.daemon = FileDaemon::default();
                    }
                    if !file.mcp.servers.is_empty() {
                        tracing::warn!("the MCP servers in ./{NAME} do not count unless you name it: --config {NAME}");
                        file.mcp.servers.clear();
                    }
                    settings.add(file);
                }
            }
        }
        settings.flags(globals)?;
        Ok(settings)
    }

    /// What programs may reach. Resolves paths, so it is asked only before a program is driven.
    pub fn permissions(&self) -> Result<Permissions, Error> {
        let cwd = std::env::current_dir().map_err(|e| Error::io("cannot find the current folder", e))?;
        Ok(self.grants.permissions(&cwd)?)
    }

    fn add(&mut self, file: File) {
        let limits = &mut self.limits;
        put(&mut self.durability, file.durability);
        put(&mut self.snapshots, file.snapshot.map(policy));
        put(&mut self.park_after, file.park_after);
        put(&mut self.idle_programs, file.idle_programs);
        put(&mut limits.turn_cpu, file.limits.cpu);
        limits.wall = file.limits.wall.or(limits.wall);
        put(&mut limits.memory, file.limits.memory.map(clamp));
        put(&mut limits.output, file.limits.output);
        put(&mut limits.value, file.limits.value.map(clamp));
        put(&mut limits.pending, file.limits.pending);
        if file.permissions != Grants::default() {
            self.grants = file.permissions;
        }
        self.servers.extend(file.mcp.servers);
        self.store = file.store.or(self.store.take());
        self.checkpoints = file.checkpoints.or(self.checkpoints.take());
        if file.seal != Seal::default() {
            self.seal = file.seal;
        }
        self.photons.extend(file.photons);
        if file.daemon != FileDaemon::default() {
            self.daemon = file.daemon;
        }
    }

    fn flags(&mut self, globals: &Globals) -> Result<(), Error> {
        let limits = &mut self.limits;
        if globals.alone {
            // A script alone has no journal to go on from: it waits where it is, and computes as long as it likes.
            self.park_after = Duration::MAX;
            self.snapshots = SnapshotPolicy::Never;
            limits.turn_cpu = Duration::MAX;
            limits.output = u64::MAX;
        }
        put(&mut self.durability, globals.durability);
        put(&mut self.snapshots, globals.snapshot.map(policy));
        put(&mut self.park_after, globals.park_after);
        put(&mut limits.turn_cpu, globals.limit_cpu);
        limits.wall = globals.limit_wall.or(limits.wall);
        put(&mut limits.memory, globals.limit_memory);
        put(&mut limits.output, globals.limit_output);
        for (slot, text) in [(&mut self.store, &globals.store), (&mut self.checkpoints, &globals.checkpoints)] {
            if let Some(text) = text {
                *slot = Some(text.parse()?);
            }
        }
        if !globals.photons.is_empty() {
            self.photons.clone_from(&globals.photons);
        }
        if let Some(file) = &globals.mcp_config {
            self.servers.extend(daemon::clients::from_file(file)?);
        }
        globals.add_to(&mut self.grants);
        Ok(())
    }
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn policy(snapshot: Snapshot) -> SnapshotPolicy {
    match snapshot {
        Snapshot::Always => SnapshotPolicy::Always,
        Snapshot::Auto => SnapshotPolicy::WhenItPays,
        Snapshot::Never => SnapshotPolicy::Never,
    }
}

fn clamp(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn load(path: &Path) -> Result<Option<File>, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io(format!("cannot read the configuration {}", path.display()), error)),
    };
    let config = |error: toml::de::Error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        Error::Config { file: format!("{}:{line}", path.display()), cause: error.message().to_owned() }
    };
    let mut file: File = toml::from_str(&text).map_err(config)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    file.photons.iter_mut().for_each(|photons| *photons = folder.join(&*photons));
    file.daemon.webhook_secret_file = file.daemon.webhook_secret_file.map(|path| folder.join(path));
    Ok(Some(file))
}

/// An address of a store. Its errors hold no password.
fn store_url<'de, D: Deserializer<'de>>(d: D) -> Result<Option<StoreUrl>, D::Error> {
    String::deserialize(d)?.parse().map(Some).map_err(de::Error::custom)
}

/// `"30s"`, or a number of seconds.
fn duration<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
    units::duration(&text(d, "a length of time such as \"30s\"")?).map(Some).map_err(de::Error::custom)
}

/// `"64M"`, or a number of bytes.
fn size<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    units::size(&text(d, "a size such as \"64M\"")?).map(Some).map_err(de::Error::custom)
}

/// A text, or a number as its text.
fn text<'de, D: Deserializer<'de>>(d: D, expected: &'static str) -> Result<String, D::Error> {
    struct Text(&'static str);
    impl de::Visitor<'_> for Text {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    d.deserialize_any(Text(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_go_before_files() {
        let home = tempfile::tempdir().expect("a folder");
        let text = "park-after = 5\n[limits]\ncpu = \"2s\"\nmemory = \"64M\"\n[permissions]\nnet = [\"a.example\"]\n";
        std::fs::write(home.path().join(NAME), text).expect("written");
        let globals = Globals { limit_cpu: Some(Duration::from_secs(9)), ..Globals::default() };
        let settings = Settings::read(&globals, home.path()).expect("read");
        assert_eq!(settings.park_after, Duration::from_secs(5));
        assert_eq!((settings.limits.turn_cpu, settings.limits.memory), (Duration::from_secs(9), 64 << 20));
        assert_ne!(settings.permissions().expect("good"), Permissions::none());
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("x.toml");
        for (text, line) in [("a = 1", 1), ("\n[limits]\ncpu = \"soon\"", 3), ("[limits]\nmemory = [1]", 2), ("x =", 1)]
        {
            std::fs::write(&path, text).expect("written");
            let globals = Globals { config: Some(path.clone()), ..Globals::default() };
            let error = Settings::read(&globals, home.path()).expect_err("refused").to_string();
            assert!(error.contains(&format!("x.toml:{line}: ")), "{text:?}: {error}");
        }
    }
}
