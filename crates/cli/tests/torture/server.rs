//! A server that counts, by idempotency key, what it is asked to do.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

#[derive(Default)]
pub struct Counts {
    pub by_key: Mutex<BTreeMap<String, u32>>,
}

pub struct Server {
    pub url: String,
    pub counts: Arc<Counts>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = shared.clone();
                // A client that was killed leaves a broken connection: that is the point of it.
                std::thread::spawn(move || serve(stream, &counts));
            }
        });
        Self { url, counts }
    }
}

fn serve(stream: TcpStream, counts: &Counts) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut out = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split_whitespace().nth(1)?.to_owned();
        let (mut length, mut key) = (0, None);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "idempotency-key" => key = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        *counts.by_key.lock().unwrap().entry(key?).or_default() += 1;
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let reply = format!("{{\"value\":{}}}", hasher.finish() % 1000);
        write!(out, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{reply}", reply.len()).ok()?;
    }
}
