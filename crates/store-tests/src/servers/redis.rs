//! A Redis server of one's own.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use store::redis::{RedisOptions, RedisStore};
use tempfile::TempDir;

/// Settings of a server that puts each write on its disk before it answers.
pub const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

/// Runs until it is dropped, or this process ends.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    args: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts `redis-server`, or what `QUICKSAVE_TEST_REDIS` names, with settings.
    pub fn start(args: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut server = Self { folder, port, args, child: None };
        server.go();
        server
    }

    /// Starts it (again), with what is on its disk.
    pub fn go(&mut self) {
        let program = std::env::var("QUICKSAVE_TEST_REDIS").unwrap_or_else(|_| "redis-server".into());
        let port = self.port.to_string();
        // Its own end comes with ours, even if we are killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", &program, "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        if !self.args.iter().any(|arg| arg == "--tls-port") {
            command.args(["--port", &port]);
        }
        let args = self.args.iter().map(|arg| if arg == "PORT" { &port } else { arg });
        let child = command.args(args).arg("--dir").arg(self.folder.path()).stdout(Stdio::null()).spawn();
        self.child = Some(child.expect("setpriv and redis-server are installed (scripts/install-deps)"));
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < Duration::from_secs(20), "the Redis server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it has its data and talks to clients, or at least takes their connections where it talks TLS only.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        if self.args.iter().any(|arg| arg == "--tls-port") {
            return true;
        }
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut answer = [0; 5];
        let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer));
        asked.is_ok() && (answer == *b"+PONG" || answer == *b"-NOAU")
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops it without ending it.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// The contrary of `pause`.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().expect("the server runs")), signal).unwrap();
    }

    /// A store on it, by a port that leads there.
    pub fn store_by(port: u16, options: RedisOptions) -> RedisStore {
        RedisStore::open(&format!("redis://127.0.0.1:{port}"), options).unwrap()
    }

    /// A store on it.
    pub fn store(&self) -> RedisStore {
        Self::store_by(self.port, RedisOptions::default())
    }

    /// Says something to the server past our own client; its whole answer to a short command.
    pub fn say(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
