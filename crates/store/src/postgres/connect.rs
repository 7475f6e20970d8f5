//! Connections: from a URL to a pool, TLS, the tables, and what errors mean.

use std::{io, path::Path, sync::Arc};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use futures::FutureExt;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    PostgresOptions, Tls,
    client::{Client, Failure},
};
use crate::StoreError;

const SCHEMA: &str = include_str!("schema.sql");

/// The newest form of the tables that this release knows.
const VERSION: i32 = 1;

fn bad(server: &str, cause: impl Into<String>) -> StoreError {
    StoreError::BadUrl { store: server.into(), cause: cause.into() }
}

/// A pool for a server, and the server's name for people. Nothing is connected yet.
pub(super) fn pool(url: &str, options: &PostgresOptions) -> Result<(Pool, String), StoreError> {
    // The parser's own errors name options, never values.
    let mut config: Config = url.parse().map_err(|error| bad("postgres:", format!("{error}")))?;
    let server = name(&config);
    let schema = &options.schema;
    if !is_schema(schema) {
        let expected = "letters in lower case, digits and '_' are expected, beginning with a letter";
        return Err(bad(&server, format!("schema {schema:?} is no name: {expected}")));
    }
    let own = format!("-c search_path={schema} -c synchronous_commit=off");
    let all = config.get_options().map_or(own.clone(), |theirs| format!("{theirs} {own}"));
    config.options(all).connect_timeout(options.connect_timeout).keepalives(true);
    if config.get_application_name().is_none() {
        config.application_name("quicksave");
    }
    let encrypted = match &options.tls {
        Tls::Off => false,
        Tls::On { .. } => true,
        Tls::Remote => !config.get_hosts().iter().all(is_this_machine),
    };
    config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
    let authorities = match &options.tls {
        Tls::On { authorities } => authorities.as_deref(),
        _ => None,
    };
    let tls = MakeRustlsConnect::new(tls(&server, authorities, encrypted)?);
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let timeouts = Timeouts {
        wait: Some(options.answer_timeout),
        create: Some(options.connect_timeout),
        recycle: Some(options.connect_timeout),
    };
    let pool = Pool::builder(manager)
        .max_size(options.connections.max(2))
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| bad(&server, error.to_string()))?;
    Ok((pool, server))
}

fn is_schema(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
    }
}

/// Hosts, ports and database, without user and password.
fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let host = |(i, host): (usize, &Host)| {
        let host = match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        format!("{host}:{}", ports.get(i).or(ports.first()).unwrap_or(&5432))
    };
    let hosts: Vec<_> = config.get_hosts().iter().enumerate().map(host).collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{database}", hosts.join(","))
}

fn tls(server: &str, authorities: Option<&Path>, needed: bool) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authorities {
        let unreadable = |cause: String| bad(server, format!("cannot read sslrootcert {}: {cause}", path.display()));
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unreadable("there is no certificate in it".into()));
        }
    } else if needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| bad(server, format!("TLS cannot be used: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Makes the schema and its tables if they are not there. Two processes may do so at once.
pub(super) async fn migrate(client: &Client) -> Result<(), StoreError> {
    let schema = client.options().schema.clone();
    let version = client.call("look for the tables".into(), 0, true, move |connection, _| {
        let schema = schema.clone();
        async move {
            // Most often all is there, and nobody has to wait for anybody.
            // (`to_regclass` would answer from a cache that a lock does not renew.)
            let found =
                "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'format')";
            if !connection.query_one(found, &[&schema]).await?.get::<_, bool>(0) {
                let transaction = connection.transaction().await?;
                let lock = "SELECT pg_advisory_xact_lock(hashtextextended('quicksave tables ' || $1, 0))";
                transaction.execute(lock, &[&schema]).await?;
                if !transaction.query_one(found, &[&schema]).await?.get::<_, bool>(0) {
                    transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}; {SCHEMA}")).await?;
                }
                transaction.commit().await?;
            }
            let row = connection.query_one("SELECT max(version) FROM format", &[]).await?;
            Ok::<Option<i32>, Failure>(row.get(0))
        }
        .boxed()
    });
    match version.await? {
        Some(VERSION) => Ok(()),
        found => {
            let cause = format!(
                "schema {} has tables of version {}, this release knows {VERSION}: use the release that made them",
                client.options().schema,
                found.map_or("none".into(), |version| version.to_string())
            );
            Err(bad(client.server(), cause))
        }
    }
}

/// The error with all its causes, and the kind that says whether trying again can help.
pub(super) fn io_error(error: &tokio_postgres::Error, connecting: bool) -> io::Error {
    use io::ErrorKind::*;
    if let Some(db) = error.as_db_error() {
        let code = db.code().code();
        let kind = match code {
            // The server ends, starts or has ended the session.
            "57P01" | "57P02" | "57P03" | "57P05" => ConnectionAborted,
            "53300" => ResourceBusy,
            "53100" => StorageFull,
            "53200" => OutOfMemory,
            "40001" | "40P01" => Interrupted,
            "55P03" => WouldBlock,
            "57014" => TimedOut,
            "42501" => PermissionDenied,
            "25006" => ReadOnlyFilesystem,
            _ if code.starts_with("08") => ConnectionReset,
            _ if code.starts_with("28") => PermissionDenied,
            _ if code.starts_with("3D") => NotFound,
            _ => Other,
        };
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return io::Error::new(kind, format!("{}{detail} [{code}]", db.message()));
    }
    let (mut text, mut kind) = (error.to_string(), None);
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        kind = kind.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind));
        cause = error.source();
    }
    let kind = match kind {
        // The server's socket is not there while it is down.
        Some(NotFound) if connecting => ConnectionRefused,
        Some(UnexpectedEof) => ConnectionReset,
        Some(kind) => kind,
        None if error.is_closed() => ConnectionReset,
        None => Other,
    };
    io::Error::new(kind, text)
}

/// Whether the connection is of no more use.
pub(super) fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        TimedOut | ConnectionReset | ConnectionAborted | ConnectionRefused | NotConnected | BrokenPipe
    )
}
