//! S3 back-end, for checkpoints: Amazon's, or any service that speaks its protocol.
//!
//! The value of a key is the object `{prefix}{key}`, as it is. Its metadata hold its BLAKE3 hash (`blake3`, compared when
//! it is loaded), a random name of the write (`write`, by which a write whose answer was lost knows itself again), and
//! when its time to live ends (`expires`, milliseconds since 1970). A save is durable when the service has answered.
//!
//! - **Conditions** are left to the service: `If-None-Match: *` and `If-Match`. Before the first of them the object
//!   `{prefix}~probe` is written to see whether the service heeds them; if not, conditional saves are refused.
//! - **Times to live** are kept by the readers: what has expired is neither loaded nor listed, but stays where it is
//!   until it is written or deleted, or a lifecycle rule of the bucket removes it. An empty object `{prefix}~ttl/{key}`
//!   marks keys of which a listing has to ask. The clocks of the machines should agree.
//! - **Long values** go up in parts. What a killed process leaves of them costs money until a lifecycle rule
//!   (AbortIncompleteMultipartUpload) removes it.

mod client;
mod credentials;
mod objects;
mod parts;

use std::{fmt, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use crate::{CheckpointStore, Clock, Expect, SaveOptions, StoreError, Version, keep::check_key};
use client::Client;
pub use credentials::S3Credentials;
use objects::{Condition, Object, Put};

/// The longest name of an object, prefix and key together, in bytes.
const MAX_NAME: usize = 1024;

/// Requests at once, where one call needs many.
const AT_ONCE: usize = 8;

/// Where an [`S3Store`] is and how it behaves.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The bucket, which has to exist.
    pub bucket: String,
    /// What every object's name begins with: nothing, or parts as keys have them. A `/` at its end may be left out.
    pub prefix: String,
    /// The service's address, `https://host[:port]`; Amazon's for the region without one.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` without one.
    pub region: Option<String>,
    /// Who asks; nobody in particular without.
    pub credentials: Option<S3Credentials>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a request may be without an answer, and an answer without going on. Requests carry up to 16 MiB.
    pub answer_timeout: Duration,
    /// How long a request is tried again while the service is away, or asks for patience.
    pub patience: Duration,
    /// Certificate authorities in PEM that are trusted in place of the machine's.
    pub authorities: Option<Vec<u8>>,
    /// Tells the time, for times to live.
    pub clock: Clock,
}

impl S3Options {
    /// The bucket `bucket`, and defaults.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            endpoint: None,
            region: None,
            credentials: None,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(60),
            patience: Duration::from_secs(30),
            authorities: None,
            clock: Clock::default(),
        }
    }
}

/// Checkpoints in a bucket. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    prefix: String,
    clock: Clock,
    /// Whether the service heeds conditions, once that was tried.
    heeds: OnceCell<bool>,
}

impl S3Store {
    /// The store in a bucket. Connects when it is first used. `BadUrl` if the endpoint or the prefix cannot be used.
    pub fn open(options: S3Options) -> Result<Self, StoreError> {
        let client = Client::new(&options)?;
        let S3Options { mut prefix, clock, .. } = options;
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        if !prefix.is_empty() && check_key(&format!("x/{prefix}x")).is_err() {
            let cause = "its prefix has to be parts of letters, digits, '.', '_' and '-', joined by '/'";
            return Err(StoreError::BadUrl { store: client.place().into(), cause: cause.into() });
        }
        Ok(Self { inner: Arc::new(Inner { client, prefix, clock, heeds: OnceCell::new() }) })
    }

    /// Asks the service whether the bucket is there and may be used.
    pub async fn check(&self) -> Result<(), StoreError> {
        let what = format!("cannot use the bucket {}", self.inner.client.place());
        self.inner.page(&what, &self.inner.prefix, None, 1).await.map(drop)
    }
}

impl Inner {
    fn name(&self, key: &str, what: &str) -> Result<String, StoreError> {
        check_key(key)?;
        self.short(format!("{}{key}", self.prefix), what)
    }

    /// The mark of a key with a time to live.
    fn marker(&self, key: &str, what: &str) -> Result<String, StoreError> {
        self.short(format!("{}~ttl/{key}", self.prefix), what)
    }

    fn short(&self, name: String, what: &str) -> Result<String, StoreError> {
        if name.len() > MAX_NAME {
            let cause = format!("the name of its object has {} bytes, and S3 allows {MAX_NAME}", name.len());
            return Err(self.failed(what, io::ErrorKind::InvalidInput, cause));
        }
        Ok(name)
    }

    fn failed(&self, what: &str, kind: io::ErrorKind, cause: impl Into<String>) -> StoreError {
        StoreError::Io { what: what.into(), source: io::Error::new(kind, cause.into()) }
    }

    fn is_over(&self, object: &Object) -> bool {
        object.expires.is_some_and(|expires| self.clock.now() >= expires)
    }

    async fn save(&self, key: &str, bytes: Bytes, how: &SaveOptions) -> Result<Version, StoreError> {
        let what = format!("cannot save {key} in the bucket {}", self.client.place());
        let name = self.name(key, &what)?;
        let conflict = |found: Option<&Object>| StoreError::Conflict {
            key: key.into(),
            found: found.map(|found| Version::new(found.etag.as_str())),
        };
        if how.expect != Expect::Anything {
            self.check_conditions(&what).await?;
        }
        let mut condition = match &how.expect {
            Expect::Anything => Condition::None,
            Expect::Absent => Condition::Absent,
            Expect::Version(version) => match self.head(&what, &name).await?.filter(|found| !self.is_over(found)) {
                Some(found) if found.etag == version.as_str() => Condition::Is(found.etag),
                found => return Err(conflict(found.as_ref())),
            },
        };
        let expires = how.ttl.map(|ttl| self.clock.after(ttl));
        if expires.is_some() {
            // Before the value, so that there is none without its mark.
            let marker = Put::new(&what, Bytes::new(), None)?;
            self.put(&what, &self.marker(key, &what)?, &marker, &Condition::None).await?;
        }
        let put = Put::new(&what, bytes, expires)?;
        loop {
            if let Some(etag) = self.put(&what, &name, &put, &condition).await? {
                return Ok(Version::new(etag));
            }
            match self.head(&what, &name).await? {
                // The answer to an earlier try was lost.
                Some(found) if found.write.as_deref() == Some(put.write()) => return Ok(Version::new(found.etag)),
                Some(found) if how.expect == Expect::Absent && self.is_over(&found) => {
                    condition = Condition::Is(found.etag);
                }
                // An upload that went missing; there was no condition to fail.
                _ if how.expect == Expect::Anything => {
                    return Err(self.failed(&what, io::ErrorKind::Interrupted, "the service has dropped the upload"));
                }
                found => return Err(conflict(found.filter(|found| !self.is_over(found)).as_ref())),
            }
        }
    }

    /// That the service refuses writes whose condition does not hold. Some accept the headers and heed them not.
    async fn check_conditions(&self, what: &str) -> Result<(), StoreError> {
        let heeds = self.heeds.get_or_try_init(|| async {
            let name = format!("{}~probe", self.prefix);
            let probe = || Put::new(what, Bytes::from_static(b"Whether conditions are heeded is tried here.\n"), None);
            self.put(what, &name, &probe()?, &Condition::None).await?;
            let over = self.put(what, &name, &probe()?, &Condition::Absent).await?;
            let other = Condition::Is(format!("\"{:032x}\"", 0));
            Ok(over.is_none() && self.put(what, &name, &probe()?, &other).await?.is_none())
        });
        if *heeds.await? {
            return Ok(());
        }
        let cause = "the service does not heed conditions (If-Match, If-None-Match), so another writer's value could be \
                     overwritten; use a service that does, or another store";
        Err(self.failed(what, io::ErrorKind::Unsupported, cause))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let what = format!("cannot list the keys in the bucket {}", self.client.place());
        // Also, some of these cannot be put into the answer's XML.
        if !prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b)) || prefix.len() > MAX_NAME {
            return Ok(Vec::new());
        }
        let mut keys = self.names(&what, &format!("{}{prefix}", self.prefix)).await?;
        let marked = self.names(&what, &format!("{}~ttl/{prefix}", self.prefix)).await?;
        let marked = marked.into_iter().filter_map(|name| name.strip_prefix("~ttl/").map(str::to_owned));
        keys.retain(|key| check_key(key).is_ok());
        keys.sort_unstable();
        let marked: Vec<String> = marked.filter(|key| keys.binary_search(key).is_ok()).collect();
        let over: Vec<Option<String>> = stream::iter(marked)
            .map(|key| async {
                let found = self.head(&what, &format!("{}{key}", self.prefix)).await?;
                Ok::<_, StoreError>(Some(key).filter(|_| found.is_none_or(|found| self.is_over(&found))))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let over: std::collections::HashSet<String> = over.into_iter().flatten().collect();
        keys.retain(|key| !over.contains(key));
        Ok(keys)
    }

    /// The names of all objects that begin with `start`, without the store's prefix.
    async fn names(&self, what: &str, start: &str) -> Result<Vec<String>, StoreError> {
        let (mut names, mut from) = (Vec::new(), None);
        loop {
            let page = self.page(what, start, from.as_deref(), 1000).await?;
            names.extend(page.names.iter().filter_map(|name| name.strip_prefix(&self.prefix)).map(str::to_owned));
            match page.next {
                None => return Ok(names),
                next => from = next,
            }
        }
    }
}

#[async_trait]
impl CheckpointStore for S3Store {
    async fn save(&self, key: &str, bytes: Bytes, durable: bool) -> Result<(), StoreError> {
        self.save_with(key, bytes, SaveOptions { durable, ..SaveOptions::default() }).await.map(drop)
    }

    async fn load(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.load_versioned(key).await?.map(|(bytes, _)| bytes))
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let inner = &self.inner;
        let what = format!("cannot delete {key} in the bucket {}", inner.client.place());
        let name = inner.name(key, &what)?;
        // A key that is too long for one has no marker.
        let Ok(marker) = inner.marker(key, &what) else { return inner.remove(&what, &name).await };
        let deleting = futures::future::join(inner.remove(&what, &name), inner.remove(&what, &marker)).await;
        deleting.0.and(deleting.1)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn load_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        let inner = &self.inner;
        let what = format!("cannot load {key} from the bucket {}", inner.client.place());
        let found = inner.get(&what, &inner.name(key, &what)?).await?;
        let found = found.filter(|(_, object)| !inner.is_over(object));
        Ok(found.map(|(bytes, object)| (bytes, Version::new(object.etag))))
    }

    async fn save_with(&self, key: &str, bytes: Bytes, how: SaveOptions) -> Result<Version, StoreError> {
        self.inner.save(key, bytes, &how).await
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({}/{})", self.inner.client.place(), self.inner.prefix)
    }
}
