//! From an address to a store.

use std::sync::Arc;

use crate::{CheckpointStore, Durability, FileStore, JournalStore, MemoryStore, StoreError, url::StoreUrl};

/// What an address leads to.
#[derive(Clone)]
pub struct Stores {
    /// The address, without secrets.
    pub name: String,
    /// Journals, if they are kept there.
    pub journals: Option<Arc<dyn JournalStore>>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn CheckpointStore>,
    /// Whether it is a folder in which other files may lie: programs, configuration, states of photons.
    pub is_folder: bool,
}

impl Stores {
    fn both<S: JournalStore + CheckpointStore>(name: String, store: S) -> Self {
        let store = Arc::new(store);
        Self { name, journals: Some(store.clone()), checkpoints: store, is_folder: false }
    }

    /// The keys that belong to the store, of one that holds `runs` runs. Beside the runs of a home lie other files, and
    /// none of its keys but those of pinned code is ours.
    pub(crate) async fn keys(&self, runs: usize) -> Result<Vec<String>, StoreError> {
        if !self.is_folder || runs == 0 {
            return self.checkpoints.list("").await;
        }
        let mut keys = self.checkpoints.list("code/").await?;
        keys.extend(self.checkpoints.list("runs/").await?);
        Ok(keys)
    }

    /// The journals; an error that says where journals can be kept if there are none.
    pub fn journals(&self) -> Result<&Arc<dyn JournalStore>, StoreError> {
        self.journals.as_ref().ok_or_else(|| StoreError::BadUrl {
            store: self.name.clone(),
            cause: "it keeps checkpoints only; runs need file:, sqlite:, postgres: or memory:".into(),
        })
    }
}

#[allow(dead_code, reason = "nothing is left out if all back-ends are built")]
fn left_out(url: &StoreUrl, feature: &str) -> StoreError {
    let cause = format!("this program was built without it; build it with the feature `{feature}` of the store");
    StoreError::BadUrl { store: url.to_string(), cause }
}

impl StoreUrl {
    /// Opens the store. A folder or file is made if it is not there; a server of journals is connected to. Must be
    /// called on a runtime of tokio.
    pub async fn open(&self, durability: Durability) -> Result<Stores, StoreError> {
        let name = self.to_string();
        match self {
            Self::File(path) => {
                Ok(Stores { is_folder: true, ..Stores::both(name, FileStore::open(path, durability)?) })
            }
            Self::Memory => Ok(Stores::both(name, MemoryStore::new())),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => {
                let path = path.clone();
                let open = crate::blocking::run(move || crate::SqliteStore::open(&path, durability));
                Ok(Stores::both(name, open.await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                use crate::postgres::{PostgresOptions, PostgresStore, Tls};
                let default = PostgresOptions::default();
                let options = PostgresOptions {
                    durability,
                    schema: url.schema.clone().unwrap_or(default.schema),
                    tls: match url.encrypted {
                        None => Tls::Remote,
                        Some(false) => Tls::Off,
                        Some(true) => Tls::On { authorities: url.authorities.clone() },
                    },
                    connections: url.connections.unwrap_or(default.connections),
                    lease: url.lease.unwrap_or(default.lease),
                    ..default
                };
                Ok(Stores::both(name, PostgresStore::connect(url.server.reveal(), options).await?))
            }
            #[cfg(feature = "redis")]
            Self::Redis(url) => {
                use crate::redis::{RedisOptions, RedisStore};
                let default = RedisOptions::default();
                let prefix = url.prefix.clone().unwrap_or(default.prefix);
                let store = RedisStore::open(url.server.reveal(), RedisOptions { durability, prefix, ..default })?;
                // A server that throws keys away when it is full loses what it is given here.
                store.check().await?;
                Ok(Stores { name, journals: None, checkpoints: Arc::new(store), is_folder: false })
            }
            #[cfg(feature = "s3")]
            Self::S3(url) => {
                use crate::s3::{S3Credentials, S3Options, S3Store};
                let options = S3Options {
                    prefix: url.prefix.clone(),
                    endpoint: url.endpoint.clone(),
                    region: url.region.clone(),
                    credentials: S3Credentials::find()?,
                    ..S3Options::new(url.bucket.as_str())
                };
                Ok(Stores { name, journals: None, checkpoints: Arc::new(S3Store::open(options)?), is_folder: false })
            }
            #[cfg(not(feature = "sqlite"))]
            Self::Sqlite(_) => Err(left_out(self, "sqlite")),
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => Err(left_out(self, "postgres")),
            #[cfg(not(feature = "redis"))]
            Self::Redis(_) => Err(left_out(self, "redis")),
            #[cfg(not(feature = "s3"))]
            Self::S3(_) => Err(left_out(self, "s3")),
        }
    }
}
