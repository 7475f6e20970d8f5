//! Servers of back-ends, of one's own, from the machine's installed packages.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A Redis server that puts each write on its disk before it answers. It ends with this value, or this process.
pub struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    /// Starts `redis-server` with its files in `folder`.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("redis-server could not be started ({e}); install redis-server");
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let listener = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = listener.map_err(|e| e.to_string())?.port();
        // Whether it is there is asked first: what starts it would start all the same.
        Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().map_err(failed)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-server", "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--loglevel", "warning", "--appendonly", "yes", "--appendfsync", "always"]);
        command.args(["--port", &port.to_string(), "--dir"]).arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
        let server = Self { port, child: command.spawn().map_err(failed)? };
        let started = Instant::now();
        while !server.answers() {
            if started.elapsed() > Duration::from_secs(20) {
                return Err("redis-server does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut answer = [0; 5];
        let patient = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let asked = patient.and_then(|()| stream.write_all(b"PING\r\n")).and_then(|()| stream.read_exact(&mut answer));
        asked.is_ok() && answer == *b"+PONG"
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
