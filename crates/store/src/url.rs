//! Addresses of stores: what `--store` takes.
//!
//! ```text
//! file:PATH    sqlite:PATH    memory:
//! postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=PATH&schema=NAME&connections=N&lease=SECONDS
//! redis://…  rediss://…  redis+unix:///SOCKET          ?prefix=TEXT
//! s3://BUCKET/PREFIX?endpoint=URL&region=NAME
//! ```
//! `sslmode` is `disable`, or `require` (or `verify-full`), which checks the server's certificate and name; without it,
//! `require` holds for every host but this machine. Credentials of S3 are not part of an address.
//!
//! Neither an error nor what is printed of an address holds a password.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use url::{Url, form_urlencoded};

use crate::StoreError;

const EXPECTED: &str = "file:PATH, sqlite:PATH, memory:, postgres://…, redis://…, rediss://… or s3://BUCKET/PREFIX is \
    expected";

/// A checked address of a store.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Plain files in a folder.
    File(PathBuf),
    /// The memory of this process.
    Memory,
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A Postgres server.
    Postgres(PostgresUrl),
    /// A Redis server; for checkpoints only.
    Redis(RedisUrl),
    /// A bucket of S3; for checkpoints only.
    S3(S3Url),
}

/// A Postgres server and what to use there. What is not given is left to the store.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// The server, without our own options. It may hold a password.
    pub(crate) server: Secret,
    /// Whether the connection has to be encrypted, if that was said.
    pub encrypted: Option<bool>,
    /// Authorities that may have signed the server's certificate, in a PEM file.
    pub authorities: Option<PathBuf>,
    /// The schema of the tables.
    pub schema: Option<String>,
    /// The most connections at once.
    pub connections: Option<usize>,
    /// How long a driver that says nothing is taken to be alive.
    pub lease: Option<Duration>,
}

/// A Redis server.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    /// The server, without our own options. It may hold a password.
    pub(crate) server: Secret,
    /// What every key begins with there.
    pub prefix: Option<String>,
}

/// A bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: String,
    /// What every object's name begins with: nothing, or ending with a `/`.
    pub prefix: String,
    /// The service's address, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// An address that may hold a password: printed without it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Url);

impl Secret {
    /// The address with its password.
    #[allow(dead_code, reason = "only the servers' back-ends need it")]
    pub(crate) fn reveal(&self) -> &str {
        self.0.as_str()
    }
}

impl Secret {
    /// The address without its password, and with our own options put back.
    fn again(&self, options: &[(&str, Option<String>)]) -> String {
        let mut url = self.0.clone();
        // Cannot fail for an address that has a place for a password.
        let _ = url.set_password(None);
        let kept = url.query_pairs().filter(|(name, _)| !is_secret(name));
        let mut pairs: Vec<(String, String)> = kept.map(|(name, value)| (name.into(), value.into())).collect();
        pairs.extend(options.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?))));
        url.set_query(None);
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url.into()
    }
}

/// Whether an option of a server's address is a password.
fn is_secret(name: &str) -> bool {
    matches!(name, "password" | "pass" | "pwd" | "sslpassword")
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() {
            // Cannot fail where there is a password already.
            let _ = shown.set_password(Some("***"));
        }
        if shown.query_pairs().any(|(name, _)| is_secret(&name)) {
            let pairs: Vec<_> = shown.query_pairs().into_owned().collect();
            let pairs = pairs.iter().map(|(name, value)| (name, if is_secret(name) { "***" } else { value.as_str() }));
            let pairs: Vec<_> = pairs.map(|(name, value)| (name.clone(), value.to_owned())).collect();
            shown.query_pairs_mut().clear().extend_pairs(pairs);
        }
        f.write_str(shown.as_str())
    }
}

/// The scheme, so that an error names the address without what may be secret.
fn bad(store: &str, cause: impl Into<String>) -> StoreError {
    StoreError::BadUrl { store: store.into(), cause: cause.into() }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(bad("address", format!("it has no scheme; {EXPECTED}; for a folder write file:PATH")));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Ok(Self::File(path(text, "file:", rest)?)),
            "sqlite" => Ok(Self::Sqlite(path(text, "sqlite:", rest)?)),
            "memory" if rest.is_empty() || rest == "//" => Ok(Self::Memory),
            "memory" => Err(bad("memory:", "nothing may follow the colon")),
            "postgres" | "postgresql" => postgres(parse("postgres:", text)?).map(Self::Postgres),
            "redis" | "rediss" | "redis+unix" => redis(parse("redis:", text)?).map(Self::Redis),
            "s3" => s3(parse("s3:", text)?).map(Self::S3),
            // The text may be a password that was put in the wrong place.
            _ => Err(bad("address", format!("its scheme is not known; {EXPECTED}"))),
        }
    }
}

fn parse(store: &str, text: &str) -> Result<Url, StoreError> {
    let url = Url::parse(text).map_err(|error| bad(store, format!("the address cannot be read: {error}")))?;
    // Nobody knows which part of it would be a password, which must not be shown.
    if url.cannot_be_a_base() {
        return Err(bad(store, "the address cannot be read: // is expected after the colon"));
    }
    Ok(url)
}

fn path(text: &str, store: &str, rest: &str) -> Result<PathBuf, StoreError> {
    if rest.is_empty() || rest == "//" {
        return Err(bad(store, "a path is expected after the colon"));
    }
    if rest.contains('\0') {
        return Err(bad(store, "a path cannot hold a zero byte"));
    }
    let Some(after) = rest.strip_prefix("//") else { return Ok(rest.into()) };
    if !after.starts_with('/') {
        return Err(bad(
            store,
            format!("the address names a host; write {store}PATH, or {store}///PATH from the root on"),
        ));
    }
    // In this form, and only in it, `%20` is a space.
    let url = Url::parse(&format!("file:{rest}")).ok();
    let path = url.and_then(|url| url.to_file_path().ok());
    path.ok_or_else(|| bad(store, format!("{text:?} is no path")))
}

/// Takes our options out of an address; the others stay.
fn options(store: &str, url: &mut Url, ours: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
    let (mut found, mut rest): (Vec<(String, String)>, Vec<_>) = (Vec::new(), Vec::new());
    for (name, value) in url.query_pairs().into_owned() {
        if !ours.contains(&name.as_str()) {
            rest.push((name, value));
        } else if found.iter().any(|(other, _)| *other == name) {
            return Err(bad(store, format!("option {name} is there twice")));
        } else {
            found.push((name, value));
        }
    }
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
        // A plus sign is a space in forms only; Postgres takes it as it is.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
    }
    Ok(found)
}

fn number(store: &str, name: &str, value: &str, from: u64, to: u64) -> Result<u64, StoreError> {
    let number = value.parse().ok().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| bad(store, format!("option {name} is {value:?}; a number from {from} to {to} is expected")))
}

fn postgres(mut url: Url) -> Result<PostgresUrl, StoreError> {
    const STORE: &str = "postgres:";
    let ours = ["sslmode", "sslrootcert", "schema", "connections", "lease"];
    let options = options(STORE, &mut url, &ours)?;
    if url.fragment().is_some() {
        return Err(bad(STORE, "a '#' in it has to be written as %23"));
    }
    let (mut encrypted, mut authorities, mut schema) = (None, None, None);
    let (mut connections, mut lease) = (None, None);
    for (name, value) in options {
        match name.as_str() {
            "sslmode" => match value.as_str() {
                "disable" => encrypted = Some(false),
                "require" | "verify-full" => encrypted = Some(true),
                _ => {
                    let cause = format!(
                        "sslmode is {value:?}; disable, require or verify-full is expected: the modes in \
                        between do not protect"
                    );
                    return Err(bad(STORE, cause));
                }
            },
            "sslrootcert" => authorities = Some(PathBuf::from(value)),
            "schema" => schema = Some(value),
            "connections" => connections = Some(number(STORE, &name, &value, 2, 1000)? as usize),
            _ => lease = Some(Duration::from_secs(number(STORE, &name, &value, 1, 86_400)?)),
        }
    }
    if authorities.is_some() && encrypted != Some(true) {
        return Err(bad(STORE, "sslrootcert needs sslmode=require beside it"));
    }
    Ok(PostgresUrl { server: Secret(url), encrypted, authorities, schema, connections, lease })
}

fn redis(mut url: Url) -> Result<RedisUrl, StoreError> {
    let options = options("redis:", &mut url, &["prefix"])?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    if !has_host && url.scheme() != "redis+unix" {
        return Err(bad("redis:", "a host is expected after the //"));
    }
    Ok(RedisUrl { server: Secret(url), prefix: options.into_iter().next().map(|(_, prefix)| prefix) })
}

fn s3(mut url: Url) -> Result<S3Url, StoreError> {
    const STORE: &str = "s3:";
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(STORE, "credentials are not part of the address; see AWS_ACCESS_KEY_ID"));
    }
    let options = options(STORE, &mut url, &["endpoint", "region"])?;
    if let Some((name, _)) = url.query_pairs().next() {
        return Err(bad(STORE, format!("option {name:?} is not known; endpoint and region are")));
    }
    let bucket = url.host_str().filter(|host| !host.is_empty() && url.port().is_none());
    let bucket = bucket.ok_or_else(|| bad(STORE, "a bucket is expected: s3://BUCKET/PREFIX"))?.to_owned();
    let prefix = url.path().trim_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let mut found = S3Url { bucket, prefix, endpoint: None, region: None };
    for (name, value) in options {
        if name == "region" {
            found.region = Some(value);
            continue;
        }
        let endpoint = Url::parse(&value).ok();
        let good = endpoint.is_some_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
        });
        if !good {
            return Err(bad(STORE, "endpoint has to be http://… or https://… without credentials"));
        }
        found.endpoint = Some(value);
    }
    Ok(found)
}

impl StoreUrl {
    /// The address as somebody may give it again: with all its options, and without a password.
    pub fn again(&self) -> String {
        match self {
            Self::Postgres(url) => {
                let mode = url.encrypted.map(|on| if on { "require" } else { "disable" }.to_owned());
                let authorities = url.authorities.as_ref().map(|path| path.to_string_lossy().into_owned());
                url.server.again(&[
                    ("sslmode", mode),
                    ("sslrootcert", authorities),
                    ("schema", url.schema.clone()),
                    ("connections", url.connections.map(|n| n.to_string())),
                    ("lease", url.lease.map(|lease| lease.as_secs().to_string())),
                ])
            }
            Self::Redis(url) => url.server.again(&[("prefix", url.prefix.clone())]),
            Self::S3(url) => {
                let mut options = form_urlencoded::Serializer::new(String::new());
                for (name, value) in [("endpoint", &url.endpoint), ("region", &url.region)] {
                    if let Some(value) = value {
                        options.append_pair(name, value);
                    }
                }
                let options = options.finish();
                format!("{self}{}{options}", if options.is_empty() { "" } else { "?" })
            }
            plain => plain.to_string(),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.server.fmt(f),
            Self::Redis(url) => url.server.fmt(f),
            Self::S3(url) => write!(f, "s3://{}/{}", url.bucket, url.prefix),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> StoreUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn addresses_are_read() {
        for (text, path) in
            [("file:a b/c", "a b/c"), ("file:/a%20b", "/a%20b"), ("file:///a%20b", "/a b"), ("FILE:x", "x")]
        {
            assert_eq!(read(text), StoreUrl::File(path.into()), "{text}");
        }
        assert_eq!(read("sqlite:../runs.db"), StoreUrl::Sqlite("../runs.db".into()));
        assert_eq!(read("memory:"), StoreUrl::Memory);
        let all = "postgres://u:p%40ss@db.example:5433/app?sslmode=verify-full&sslrootcert=%2Fca.pem&schema=s1\
            &connections=4&lease=60&application_name=a%20b";
        let StoreUrl::Postgres(url) = read(all) else { panic!("not Postgres") };
        assert_eq!(url.server.reveal(), "postgres://u:p%40ss@db.example:5433/app?application_name=a%20b");
        assert_eq!((url.encrypted, url.schema.as_deref(), url.connections), (Some(true), Some("s1"), Some(4)));
        assert_eq!((url.authorities, url.lease), (Some("/ca.pem".into()), Some(Duration::from_secs(60))));
        let StoreUrl::S3(url) = read("s3://bucket/a/b?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu") else {
            panic!()
        };
        assert_eq!((url.bucket.as_str(), url.prefix.as_str()), ("bucket", "a/b/"));
        assert_eq!((url.endpoint.as_deref(), url.region.as_deref()), (Some("http://127.0.0.1:9000"), Some("eu")));
        let StoreUrl::Redis(url) = read("rediss://:secret@h:1/3?prefix=x%3A") else { panic!("not Redis") };
        assert_eq!((url.server.reveal(), url.prefix.as_deref()), ("rediss://:secret@h:1/3", Some("x:")));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is() {
        let cases = [
            ("runs", "no scheme"),
            ("hunter2:x", "scheme is not known"),
            ("file:", "a path is expected"),
            ("file://host/x", "names a host"),
            ("sqlite://x.db", "names a host"),
            ("memory:x", "nothing may follow"),
            ("postgres://u:hunter2@h:99999/d", "port"),
            ("postgres://u:hunter2@h/d?sslmode=prefer", "sslmode"),
            ("postgres://u:hunter2@h/d?sslrootcert=x", "sslmode=require"),
            ("postgres://u:hunter2@h/d?connections=0", "connections"),
            ("postgres://u:hunter2@h/d?lease=1&lease=2", "twice"),
            ("redis://", "host"),
            ("s3:///x", "bucket"),
            ("s3://u:hunter2@b/x", "credentials"),
            ("s3://b/x?secret=hunter2", "secret"),
            ("s3://b/x?endpoint=ftp://h", "endpoint"),
        ];
        for (text, part) in cases {
            let error = text.parse::<StoreUrl>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        for text in [
            "postgres://u:hunter2@h/d",
            "postgres:///d?user=u&password=hunter2",
            "redis://:hunter2@h",
            "rediss://u:hunter2@h:1/0?prefix=p",
        ] {
            let url = read(text);
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{url}");
            assert!(url.to_string().contains("***"), "{url}");
        }
        assert_eq!(read("postgres://u:hunter2@h:1/d?schema=s").to_string(), "postgres://u:***@h:1/d");
    }

    #[test]
    fn an_address_given_again_is_the_same_but_for_its_password() {
        for (text, again) in [
            ("postgres://u:hunter2@h:1/d", "postgres://u@h:1/d"),
            (
                "postgres://u:hunter2@h/d?application_name=a&sslmode=require&sslrootcert=/ca.pem&schema=s&lease=60",
                "postgres://u@h/d?application_name=a&sslmode=require&sslrootcert=/ca.pem&schema=s&lease=60",
            ),
            ("postgres:///d?user=u&password=hunter2", "postgres:///d?user=u"),
            ("rediss://u:hunter2@h:1/0?prefix=p", "rediss://u@h:1/0?prefix=p"),
            (
                "s3://b/p/?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu",
                "s3://b/p/?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu",
            ),
            ("s3://b/p", "s3://b/p/"),
            ("file:a b", "file:a b"),
            ("sqlite:x.db", "sqlite:x.db"),
        ] {
            let said = read(text).again();
            assert!(!said.contains("hunter2"), "{said}");
            assert!(read(&said) == read(again), "{text}: {said}");
        }
    }
}
