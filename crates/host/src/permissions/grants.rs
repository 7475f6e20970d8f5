//! Permissions as text: flags of the command line, and the section of the configuration file.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Family, Kind, NetRule, Permissions, Scope, paths};

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {entry:?} cannot be used: {why}")]
pub struct BadGrant {
    /// The flag, without dashes: `allow-net`.
    pub flag: String,
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub why: String,
}

/// What one flag, or one key of the configuration, says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Setting {
    /// Nothing (`false`).
    #[default]
    None,
    /// These entries (a list, or one text).
    Some(Vec<String>),
    /// Everything (`true`).
    All,
}

impl Setting {
    fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Widens it by what `other` says.
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) | (_, Self::None) => {}
            (Self::Some(own), Self::Some(more)) => own.extend(more),
            (_, other) => *self = other,
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false, or a list of entries is expected")]
        enum Form {
            Whole(bool),
            List(Vec<String>),
            One(String),
        }
        Ok(match Form::deserialize(d)? {
            Form::Whole(true) => Self::All,
            Form::Whole(false) => Self::None,
            Form::List(list) => Self::Some(list),
            Form::One(entry) => Self::Some(vec![entry]),
        })
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_bool(false),
            Self::Some(list) => list.serialize(s),
            Self::All => s.serialize_bool(true),
        }
    }
}

/// The section `permissions` of the configuration, to which flags add:
///
/// ```toml
/// [permissions]
/// net = ["api.example.com", "*.example.org:443"]
/// read = ["./data"]
/// env = ["HOME", "APP_*"]
/// deny-write = ["./data/golden"]
/// run = false                     # as if it were not written
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the flag of its name")]
pub struct Grants {
    /// Everything (`-A`, `--allow-all`); denials still hold.
    pub all: bool,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub net: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub read: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub write: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub env: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub run: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub deny_net: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub deny_read: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub deny_write: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub deny_env: Setting,
    #[serde(skip_serializing_if = "Setting::is_none")]
    pub deny_run: Setting,
}

impl Grants {
    /// Adds `--allow-KIND[=list]`; `None` stands for the bare flag, which grants the whole family.
    pub fn allow(&mut self, kind: Kind, list: Option<&str>) {
        self.slot(kind, false).add(setting(list));
    }

    /// Adds `--deny-KIND[=list]`.
    pub fn deny(&mut self, kind: Kind, list: Option<&str>) {
        self.slot(kind, true).add(setting(list));
    }

    /// Adds a flag as it is typed (`-A`, `--allow-net=example.com`). `false` if it is not one of permissions.
    pub fn flag(&mut self, text: &str) -> bool {
        let (name, list) = match text.split_once('=') {
            Some((name, list)) => (name, Some(list)),
            None => (text, None),
        };
        if matches!(text, "-A" | "--allow-all") {
            self.all = true;
            return true;
        }
        for kind in Kind::ALL {
            match name.strip_suffix(kind.name()) {
                Some("--allow-") => self.allow(kind, list),
                Some("--deny-") => self.deny(kind, list),
                _ => continue,
            }
            return true;
        }
        false
    }

    /// Checks every entry. Paths are taken from `cwd`, and links in them are followed now, so that a link which a
    /// program makes later moves no grant.
    pub fn permissions(&self, cwd: &Path) -> Result<Permissions, BadGrant> {
        let path = |entry: &str| match entry {
            "" => Err("it is empty; write . for the current folder".to_owned()),
            entry if entry.contains('\0') => Err("it holds a NUL".to_owned()),
            entry => paths::walk(&cwd.join(entry), true).map_err(|e| e.to_string()),
        };
        let variable = |entry: &str| match entry.strip_suffix('*').unwrap_or(entry) {
            name if entry.is_empty() || name.contains(['=', '\0', '*']) => Err("it is not a name".to_owned()),
            _ => Ok(entry.to_owned()),
        };
        let program = |entry: &str| match entry {
            "" => Err("it is empty".to_owned()),
            entry => Ok(entry.to_owned()),
        };
        let net = NetRule::parse;
        Ok(Permissions {
            net: self.family("net", &self.net, &self.deny_net, net)?,
            read: self.family("read", &self.read, &self.deny_read, path)?,
            write: self.family("write", &self.write, &self.deny_write, path)?,
            env: self.family("env", &self.env, &self.deny_env, variable)?,
            run: self.family("run", &self.run, &self.deny_run, program)?,
            checkpoints: None,
        })
    }

    fn family<R>(
        &self,
        name: &str,
        allow: &Setting,
        deny: &Setting,
        parse: impl Fn(&str) -> Result<R, String>,
    ) -> Result<Family<R>, BadGrant> {
        let scope = |flag: &str, setting: &Setting| match setting {
            Setting::None => Ok(Scope::Nothing),
            Setting::All => Ok(Scope::All),
            Setting::Some(list) if list.iter().any(|entry| entry == "*") && name != "read" && name != "write" => {
                Ok(Scope::All)
            }
            Setting::Some(list) => list
                .iter()
                .map(|entry| {
                    parse(entry).map_err(|why| BadGrant { flag: format!("{flag}-{name}"), entry: entry.clone(), why })
                })
                .collect::<Result<_, _>>()
                .map(Scope::Some),
        };
        let allowed = scope("allow", allow)?;
        Ok(Family { allow: if self.all { Scope::All } else { allowed }, deny: scope("deny", deny)? })
    }

    fn slot(&mut self, kind: Kind, deny: bool) -> &mut Setting {
        match (kind, deny) {
            (Kind::Net, false) => &mut self.net,
            (Kind::Read, false) => &mut self.read,
            (Kind::Write, false) => &mut self.write,
            (Kind::Env, false) => &mut self.env,
            (Kind::Run, false) => &mut self.run,
            (Kind::Net, true) => &mut self.deny_net,
            (Kind::Read, true) => &mut self.deny_read,
            (Kind::Write, true) => &mut self.deny_write,
            (Kind::Env, true) => &mut self.deny_env,
            (Kind::Run, true) => &mut self.deny_run,
        }
    }
}

/// `a,b` → two entries; `a,,b` → one that holds a comma.
fn setting(list: Option<&str>) -> Setting {
    let Some(list) = list else { return Setting::All };
    let mut entries = vec![String::new()];
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        let last = entries.len() - 1;
        match c {
            ',' if chars.peek() == Some(&',') => {
                chars.next();
                entries[last].push(',');
            }
            ',' => entries.push(String::new()),
            c => entries[last].push(c),
        }
    }
    Setting::Some(entries)
}
