//! Connections: which addresses they may go to, TLS, and what went wrong.
//!
//! A name is resolved once per connection, here; each address is checked by [`Gate::address`]; and the client connects
//! to exactly the addresses that passed. So a name that resolves differently a moment later gains nothing. There is
//! one client for each port, because permissions are by port and a resolver is only told the name.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolving};
use run::Failure;

use super::request::failed;
use crate::gate::{Gate, denied};

/// Time to resolve, connect and shake hands.
const CONNECT: Duration = Duration::from_secs(30);
/// Longest silence in a response, before its head as well as within its body; as in Node.
const SILENCE: Duration = Duration::from_secs(300);
/// Ports that have a client at one time; beyond that all begin anew.
const MAX_CLIENTS: usize = 64;

/// Turns names into addresses.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `name`, the best first.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system.
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

pub(super) struct Clients {
    gate: Arc<Gate>,
    resolver: Arc<dyn Resolve>,
    clients: Mutex<HashMap<u16, Client>>,
}

impl Clients {
    pub fn new(gate: Arc<Gate>, resolver: Arc<dyn Resolve>) -> Self {
        Self { gate, resolver, clients: Mutex::default() }
    }

    /// The client for connections to this port.
    pub fn for_port(&self, port: u16) -> Result<Client, Failure> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&port) {
            return Ok(client.clone());
        }
        let checked = Checked { gate: self.gate.clone(), resolver: self.resolver.clone(), port };
        let client = Client::builder()
            .tls_backend_preconfigured(tls().map_err(failed)?)
            .dns_resolver(Arc::new(checked))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("quicksave/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| failed(format!("the HTTP client cannot be set up: {}", causes(&e))))?;
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(port, client.clone());
        Ok(client)
    }
}

/// The resolver of one client.
struct Checked {
    gate: Arc<Gate>,
    resolver: Arc<dyn Resolve>,
    port: u16,
}

/// No address of a name may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotFound(String);

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (gate, resolver, port) = (self.gate.clone(), self.resolver.clone(), self.port);
        Box::pin(async move {
            // As permissions have it: `example.com.` is `example.com`.
            let host = name.as_str().strip_suffix('.').unwrap_or(name.as_str());
            let found = match resolver.resolve(host).await {
                Ok(found) if !found.is_empty() => found,
                Ok(_) => return Err(NotFound("it has no address".into()).into()),
                Err(e) => return Err(NotFound(e.to_string()).into()),
            };
            let mut good = Vec::new();
            let mut refused = None;
            for ip in found {
                match gate.address(host, ip, port) {
                    Ok(()) => good.push(SocketAddr::new(ip, port)),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if good.is_empty() => Err(Refused(why).into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

/// A client for addresses that the user has configured: no program chooses them, so nothing is asked of the gate.
pub fn http_client() -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls()?)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .user_agent(concat!("quicksave/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| format!("the HTTP client cannot be set up: {}", causes(&e)))
}

/// The TLS side: ring, the machine's authorities, and Mozilla's where the machine has none.
fn tls() -> Result<rustls::ClientConfig, String> {
    static CONFIG: OnceLock<Result<rustls::ClientConfig, String>> = OnceLock::new();
    let make = || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        // The client leaves a configuration that it is given as it is.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    };
    CONFIG.get_or_init(make).clone()
}

/// What went wrong on the way to `host:port`, in words.
pub(super) fn failure(error: &reqwest::Error, host: &str, port: u16) -> Failure {
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let with = |code: &str, text: String| Failure { code: Some(code.into()), ..failed(text) };
    if let Some(Refused(why)) = find::<Refused>(error) {
        return denied(format!("network access to {place} is not allowed: {why}"));
    }
    if let Some(NotFound(why)) = find::<NotFound>(error) {
        return with("ENOTFOUND", format!("the name {host} (of {place}) was not found: {why}"));
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return with("ERR_TLS", format!("TLS with {place} failed: {tls}"));
    }
    if error.is_connect() && error.is_timeout() {
        return with("UND_ERR_CONNECT_TIMEOUT", format!("{place} did not take the connection in {CONNECT:?}"));
    }
    if error.is_timeout() {
        return with("UND_ERR_BODY_TIMEOUT", format!("{place} was silent for {SILENCE:?}"));
    }
    if error.is_decode() {
        return with("Z_DATA_ERROR", format!("the body from {place} cannot be decompressed: {}", causes(error)));
    }
    let io = find::<io::Error>(error).map(io::Error::kind);
    match io {
        Some(io::ErrorKind::ConnectionRefused) => {
            with("ECONNREFUSED", format!("connection to {place} was refused: nothing listens there"))
        }
        Some(io::ErrorKind::ConnectionReset) => with("ECONNRESET", format!("{place} reset the connection")),
        Some(io::ErrorKind::HostUnreachable) => with("EHOSTUNREACH", format!("no way leads to {place}")),
        Some(io::ErrorKind::NetworkUnreachable) => with("ENETUNREACH", format!("no network leads to {place}")),
        _ => with("UND_ERR_SOCKET", format!("talking to {place} failed: {}", causes(error))),
    }
}

/// The cause of this type; those within an `io::Error` are looked at too.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// All causes but the first, which names the URL and so what may be secret in it.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many errors repeat what is beneath them.
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    if texts.is_empty() { "no cause was given".into() } else { texts.join(": ") }
}
