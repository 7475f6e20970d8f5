//! Connections to addresses that passed the gate, TLS, and what errors mean.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use run::Failure;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{Client, Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, Tls};
use crate::fetch::Resolve;
use crate::gate::{Gate, denied};

/// Time to resolve, connect, shake hands and log in.
const CONNECT: Duration = Duration::from_secs(30);

/// Connects. A name is resolved here, and only addresses that pass the gate are connected to.
pub(super) async fn connect(gate: &Gate, resolver: &dyn Resolve, address: &Address) -> Result<Client, Failure> {
    let late = || {
        let text = format!("{} did not take the connection in {CONNECT:?}", address.place());
        Failure::with_code("Error", "ETIMEDOUT", text)
    };
    tokio::time::timeout(CONNECT, at_leisure(gate, resolver, address)).await.map_err(|_| late())?
}

async fn at_leisure(gate: &Gate, resolver: &dyn Resolve, address: &Address) -> Result<Client, Failure> {
    let mut config = Config::new();
    config.user(&address.user).dbname(&address.database).port(address.port).keepalives(true);
    config.application_name("quicksave");
    if let Some(password) = &address.password {
        config.password(password);
    }
    for ip in addresses(gate, resolver, address).await? {
        config.host(&address.host).hostaddr(ip);
    }
    config.ssl_mode(if address.tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
    let tls = MakeRustlsConnect::new(tls(&address.tls)?);
    let (client, connection) = config.connect(tls).await.map_err(|error| failure(&error, &address.place()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to Postgres ended");
        }
    });
    Ok(client)
}

async fn addresses(gate: &Gate, resolver: &dyn Resolve, address: &Address) -> Result<Vec<IpAddr>, Failure> {
    let (host, place) = (&address.host, address.place());
    // The gate has decided on it as it is written.
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let found = resolver.resolve(host).await.unwrap_or_default();
    let (mut good, mut refused) = (Vec::new(), None);
    for ip in found {
        match gate.address(host, ip, address.port) {
            Ok(()) => good.push(ip),
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        _ if !good.is_empty() => Ok(good),
        Some(why) => Err(denied(format!("network access to {place} is not allowed: {why}"))),
        None => Err(Failure::with_code("Error", "ENOTFOUND", format!("the name {host} (of {place}) was not found"))),
    }
}

fn tls(tls: &Tls) -> Result<ClientConfig, Failure> {
    let bad = |cause: String| Failure::with_code("Error", "ERR_TLS", cause);
    let mut roots = RootCertStore::empty();
    match tls {
        Tls::Off => {}
        Tls::On => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
        Tls::By(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let unreadable = |cause: String| bad(format!("pg: ssl.ca cannot be read as PEM: {cause}"));
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(bad("pg: there is no certificate in ssl.ca".into()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| bad(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What the server said was wrong, or what went wrong on the way to it, in words.
pub(super) fn failure(error: &tokio_postgres::Error, place: &str) -> Failure {
    if let Some(db) = error.as_db_error() {
        let detail = db.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return Failure::with_code("DatabaseError", db.code().code(), format!("{}{detail}", db.message()));
    }
    let (mut text, mut kind) = (error.to_string(), None);
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        kind = kind.or_else(|| error.downcast_ref::<io::Error>().map(io::Error::kind));
        cause = error.source();
    }
    use io::ErrorKind::*;
    let (code, text) = match kind {
        Some(ConnectionRefused) => {
            ("ECONNREFUSED", format!("connection to {place} was refused: nothing listens there"))
        }
        Some(HostUnreachable) => ("EHOSTUNREACH", format!("no way leads to {place}")),
        Some(NetworkUnreachable) => ("ENETUNREACH", format!("no network leads to {place}")),
        Some(TimedOut) => ("ETIMEDOUT", format!("{place} does not answer")),
        Some(ConnectionReset | BrokenPipe | UnexpectedEof) => ("ECONNRESET", lost(place)),
        _ if error.is_closed() => ("ECONNRESET", lost(place)),
        _ => ("PG_FAILED", format!("talking to {place} failed: {text}")),
    };
    Failure::with_code("Error", code, text)
}

fn lost(place: &str) -> String {
    format!("the connection to {place} was lost: whether the query was done is not known")
}
