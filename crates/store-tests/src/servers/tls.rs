//! TLS in front of any server on this machine.

use std::{net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// A certificate that is its own authority.
pub struct Certificate {
    /// The certificate, in PEM.
    pub pem: String,
    /// Its private key, in PEM.
    pub key: String,
}

impl Certificate {
    /// For a server of this name or address.
    pub fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate can be made");
        Self { pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Writes the certificate to a file, for who is to trust it.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.pem).expect("the folder is ours");
    }
}

/// Takes TLS connections on 127.0.0.1 and passes on what they say to a server that speaks none; until it is dropped.
pub struct TlsDoor {
    port: u16,
    runtime: Option<Runtime>,
}

impl TlsDoor {
    /// To the port of a server on 127.0.0.1.
    pub fn to(port: u16, certificate: &Certificate) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(certificate)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        listener.set_nonblocking(true).expect("a socket can be made so");
        let own = listener.local_addr().expect("it is bound").port();
        runtime.spawn(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not trust the certificate hangs up here.
                    let Ok(mut outer) = acceptor.accept(stream).await else { return };
                    let inner = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
                    let Ok(mut inner) = inner else { return };
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        });
        Self { port: own, runtime: Some(runtime) }
    }

    /// The port that speaks TLS.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for TlsDoor {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn config(certificate: &Certificate) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem.as_bytes()).expect("it is PEM")];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("it is PEM");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key is the certificate's")
}
