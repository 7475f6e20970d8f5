//! What a run may reach: nothing, unless it was granted.
//!
//! Five families (network, reading, writing, environment, processes) are each denied, granted for a list, or granted
//! whole. A denial (`--deny-…`) beats every grant. The syntax of the lists is Deno's:
//!
//! | flag | entries |
//! |---|---|
//! | `--allow-net` | `host`, `host:port`, `:port`, `*.host`, IPv4, `[IPv6]`, `10.0.0.0/8` |
//! | `--allow-read`, `--allow-write` | paths; a folder grants all that is below it |
//! | `--allow-env` | names; `AWS_*` grants all names that begin so |
//! | `--allow-run` | names of programs, or paths |
//!
//! Entries are separated by commas; a comma that belongs to an entry is written twice.

mod grants;
mod net;
pub(crate) mod paths;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use grants::{BadGrant, Grants, Setting};
pub use net::NetRule;

use net::{Reach, reach};

/// A family of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Network connections.
    Net,
    /// Reading files and folders.
    Read,
    /// Changing files and folders.
    Write,
    /// Environment variables.
    Env,
    /// Starting processes.
    Run,
}

impl Kind {
    /// All families, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Net, Self::Read, Self::Write, Self::Env, Self::Run];

    /// As in the flags: `net` in `--allow-net`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Read => "read",
            Self::Write => "write",
            Self::Env => "env",
            Self::Run => "run",
        }
    }
}

/// One thing that a run wants to reach.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// A connection to this host (a name in lower case, or an address without brackets) and port.
    Net {
        /// The name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Reading this path, which must be free of symbolic links.
    Read(PathBuf),
    /// Changing this path, which must be free of symbolic links.
    Write(PathBuf),
    /// Reading this environment variable.
    Env(String),
    /// Starting this program.
    Run(String),
}

impl Access {
    /// Its family.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Net { .. } => Kind::Net,
            Self::Read(_) => Kind::Read,
            Self::Write(_) => Kind::Write,
            Self::Env(_) => Kind::Env,
            Self::Run(_) => Kind::Run,
        }
    }

    /// The flag that would grant it.
    pub fn flag(&self) -> String {
        let entry = match self {
            Self::Net { host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                if matches!(port, 80 | 443) { host } else { format!("{host}:{port}") }
            }
            Self::Read(path) | Self::Write(path) => plain(&path.to_string_lossy()).replace(',', ",,"),
            Self::Env(name) | Self::Run(name) => plain(name).replace(',', ",,"),
        };
        format!("--allow-{}={entry}", self.kind().name())
    }
}

/// The thing, as a message names it: `network access to example.com:443`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net { host, port } if host.contains(':') => write!(f, "network access to [{host}]:{port}"),
            Self::Net { host, port } => write!(f, "network access to {host}:{port}"),
            Self::Read(path) => write!(f, "reading {}", plain(&path.to_string_lossy())),
            Self::Write(path) => write!(f, "writing {}", plain(&path.to_string_lossy())),
            Self::Env(name) => write!(f, "the environment variable {}", plain(name)),
            Self::Run(name) => write!(f, "starting {}", plain(name)),
        }
    }
}

/// A program chooses these texts, and a person reads them in a question: nothing in them may move the cursor, begin a
/// line or turn the direction of writing.
fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// What is granted, or denied, of one family.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope<R> {
    /// Nothing.
    #[default]
    Nothing,
    /// What one of the rules matches.
    Some(Vec<R>),
    /// Everything.
    All,
}

impl<R> Scope<R> {
    fn has(&self, matches: impl Fn(&R) -> bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some(rules) => rules.iter().any(matches),
            Self::All => true,
        }
    }
}

/// Grants and denials of one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family<R> {
    /// What is granted.
    pub allow: Scope<R>,
    /// What is denied in spite of any grant.
    pub deny: Scope<R>,
}

impl<R> Default for Family<R> {
    fn default() -> Self {
        Self { allow: Scope::Nothing, deny: Scope::Nothing }
    }
}

/// What the permissions say of an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It may be.
    Granted,
    /// Nothing grants it; a person may be asked.
    Ungranted,
    /// A denial forbids it; nobody is asked.
    Forbidden,
}

/// What a run may reach. The default is nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    /// Network connections.
    pub net: Family<NetRule>,
    /// Reading files: paths without symbolic links.
    pub read: Family<PathBuf>,
    /// Changing files: paths without symbolic links.
    pub write: Family<PathBuf>,
    /// Environment variables; an entry that ends in `*` is a prefix.
    pub env: Family<String>,
    /// Programs that may be started.
    pub run: Family<String>,
    /// Where programs may save themselves without a grant.
    pub checkpoints: Option<Checkpoints>,
}

/// Saves of programs that need no grant: new files, or files that are such saves themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoints {
    /// In this folder (a path without symbolic links) and below.
    pub folder: PathBuf,
    /// The ending of their names, without its point.
    pub ending: String,
    /// What they begin with.
    pub magic: Vec<u8>,
}

impl Permissions {
    /// Nothing is granted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything is granted (`--allow-all`).
    pub fn all() -> Self {
        fn whole<R>() -> Family<R> {
            Family { allow: Scope::All, deny: Scope::Nothing }
        }
        Self { net: whole(), read: whole(), write: whole(), env: whole(), run: whole(), checkpoints: None }
    }

    /// Whether everything is granted and nothing denied, so that no path needs a check.
    pub fn is_everything(&self) -> bool {
        fn whole<R>(family: &Family<R>) -> bool {
            matches!((&family.allow, &family.deny), (Scope::All, Scope::Nothing))
        }
        whole(&self.net) && whole(&self.read) && whole(&self.write) && whole(&self.env) && whole(&self.run)
    }

    /// What is said of `access`. For a name on the network this is the word on the name; the addresses behind it are
    /// for [`Permissions::address`].
    pub fn decide(&self, access: &Access) -> Decision {
        match access {
            Access::Net { host, port } => match host.parse::<IpAddr>() {
                Ok(ip) => self.literal(ip, *port),
                Err(_) => decide(&self.net, |rule| rule.matches_name(host, *port)),
            },
            Access::Read(path) | Access::Write(path) => {
                let family = if access.kind() == Kind::Read { &self.read } else { &self.write };
                let decision = decide(family, |granted| path.starts_with(granted));
                // Through these files a program gets at memory, environment and devices.
                if decision == Decision::Granted && !self.is_everything() && paths::is_back_door(path) {
                    return Decision::Forbidden;
                }
                decision
            }
            Access::Env(name) => decide(&self.env, |rule| match rule.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => rule == name,
            }),
            Access::Run(name) => decide(&self.run, |rule| {
                rule == name
                    || (!rule.contains('/') && Path::new(name).file_name().is_some_and(|file| file == rule.as_str()))
            }),
        }
    }

    /// An address that the program itself wrote. Rules without a host (`:8080`) reach public addresses only.
    fn literal(&self, ip: IpAddr, port: u16) -> Decision {
        let ip = ip.to_canonical();
        if self.net.deny.has(|rule| rule.matches_address(ip, port) || rule.matches_any_host(port)) {
            return Decision::Forbidden;
        }
        let public = reach(ip) == Reach::Public;
        let granted =
            self.net.allow.has(|rule| rule.matches_address(ip, port) || (public && rule.matches_any_host(port)));
        if granted { Decision::Granted } else { Decision::Ungranted }
    }

    /// Whether `ip`, which the granted name `host` resolved to, may be connected to.
    ///
    /// 1. An address that a denial names is refused.
    /// 2. A public address, and any address under a whole grant (`--allow-net`), is good.
    /// 3. A loopback or private address is good only if a rule names the address or exactly this name; a rule such as
    ///    `*.example.com` or `:8080` is not enough. `vouched` says that a person granted exactly this name.
    /// 4. A link-local address (the metadata services of clouds) is good only if a rule names the address.
    pub fn address(&self, host: &str, ip: IpAddr, port: u16, vouched: bool) -> Decision {
        let ip = ip.to_canonical();
        if self.net.deny.has(|rule| rule.matches_address(ip, port)) {
            return Decision::Forbidden;
        }
        let good = match reach(ip) {
            Reach::Public => true,
            Reach::Private => {
                vouched || self.net.allow.has(|rule| rule.matches_address(ip, port) || rule.is_exactly(host, port))
            }
            Reach::LinkLocal => self.net.allow.has(|rule| rule.matches_address(ip, port)),
        };
        if good { Decision::Granted } else { Decision::Ungranted }
    }

    /// Whether a denial lies at or below `path`: then a folder may not be removed or moved as a whole.
    pub(crate) fn denied_below(&self, path: &Path) -> bool {
        let below = |family: &Family<PathBuf>| match &family.deny {
            Scope::Some(rules) => rules.iter().any(|rule| rule.starts_with(path)),
            Scope::Nothing | Scope::All => false,
        };
        below(&self.write) || below(&self.read)
    }
}

fn decide<R>(family: &Family<R>, matches: impl Fn(&R) -> bool) -> Decision {
    if family.deny.has(&matches) {
        Decision::Forbidden
    } else if family.allow.has(&matches) {
        Decision::Granted
    } else {
        Decision::Ungranted
    }
}
