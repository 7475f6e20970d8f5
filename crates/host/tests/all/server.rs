//! A small HTTP/1.1 server that answers as a test says, and names that lead to it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use host::Resolve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Server {
    pub port: u16,
    /// What came in: heads and bodies as they were.
    pub seen: Arc<Mutex<Vec<String>>>,
}

/// From the request (head and body) to the raw response.
type Answer = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

impl Server {
    pub async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer): (_, Answer) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), log.clone()));
            }
        });
        Self { port, seen }
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, log: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    let mut part = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if read.first() == Some(&0x16) {
            // A TLS hello: this server knows nothing of it.
            let _ = stream.write_all(&answer(&text)).await;
            return;
        }
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let length = header(&text, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if read.len() >= end + 4 + length {
                log.lock().unwrap().push(text.clone());
                if stream.write_all(&answer(&text)).await.is_err() {
                    return;
                }
                let _ = stream.shutdown().await;
                return;
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(n) => read.extend_from_slice(&part[..n]),
        }
    }
}

pub fn header(request: &str, name: &str) -> Option<String> {
    let lines = request.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(": ")).find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.into())
}

pub fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Names and their addresses; each further look at a name gives the next entry, and the last for good.
pub struct Names {
    names: HashMap<&'static str, Vec<&'static str>>,
    pub looks: AtomicUsize,
}

impl Names {
    pub fn of(names: &[(&'static str, &[&'static str])]) -> Arc<Self> {
        let names = names.iter().map(|(name, ips)| (*name, ips.to_vec())).collect();
        Arc::new(Self { names, looks: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        let Some(ips) = self.names.get(name) else { return Err(io::Error::other("no such name")) };
        let ip = ips.get(look).or(ips.last()).unwrap();
        Ok(ip.split(' ').map(|ip| ip.parse().unwrap()).collect())
    }
}
