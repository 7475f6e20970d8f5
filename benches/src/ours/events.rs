//! Rows on events: from a publisher through the process of a server to a subscriber, over Unix sockets. The same code
//! measures our daemon, which keeps each event in its log, and Redis, which keeps none.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::measure::{Measure, median, percentile};

/// Events that are published one after the other for the times, and all at once for the rate.
const ONE_BY_ONE: usize = 5_000;
const AT_ONCE: usize = 300_000;

/// The p50 and p99 from publishing to hearing, and events per second.
pub struct Delivery {
    pub p50: Measure,
    pub p99: Measure,
    pub rate: Measure,
}

/// A server of events that has been started. It ends with this value, or this process.
struct Server {
    child: Child,
    socket: PathBuf,
    wire: Wire,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy)]
enum Wire {
    Ours,
    Redis,
}

/// Our daemon.
pub fn ours(quicksave: &Path) -> Result<Delivery, String> {
    // Sockets have short paths.
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(quicksave).args(["daemon", "--home"]).arg(folder.path());
    let socket = folder.path().join("daemon/sock");
    Server::start(command, socket, Wire::Ours, folder)?.measure()
}

/// Redis.
pub fn redis() -> Result<Delivery, String> {
    let missing = |e: std::io::Error| format!("redis-server could not be started ({e}); install redis-server");
    Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().map_err(missing)?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let socket = folder.path().join("sock");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "redis-server", "--port", "0", "--save", "", "--appendonly", "no"]);
    command.args(["--loglevel", "warning", "--unixsocket"]).arg(&socket).arg("--dir").arg(folder.path());
    // What waits for a subscriber must not end its connection.
    command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
    Server::start(command, socket, Wire::Redis, folder)?.measure()
}

/// What two wake-ups take on this machine: another thread gets the bytes of an event and hands them on.
pub fn relayed() -> std::io::Result<Vec<Duration>> {
    let (mut publisher, mut hears) = UnixStream::pair()?;
    let (mut hands, mut subscriber) = UnixStream::pair()?;
    let relay = thread::spawn(move || -> std::io::Result<()> {
        let mut bytes = [0; 1024];
        loop {
            match hears.read(&mut bytes)? {
                0 => return Ok(()),
                read => hands.write_all(&bytes[..read])?,
            }
        }
    });
    let (mut times, mut bytes) = (Vec::with_capacity(ONE_BY_ONE), [0; 1024]);
    for n in 0..ONE_BY_ONE + 500 {
        let mut line = Vec::new();
        Wire::Ours.publish(&mut line, n);
        let began = Instant::now();
        publisher.write_all(&line)?;
        subscriber.read_exact(&mut bytes[..line.len()])?;
        if n >= 500 {
            times.push(began.elapsed());
        }
    }
    drop(publisher);
    relay.join().map_err(|_| std::io::Error::other("the relay's thread ended"))??;
    Ok(times)
}

impl Server {
    fn start(mut command: Command, socket: PathBuf, wire: Wire, folder: tempfile::TempDir) -> Result<Self, String> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|e| format!("the server could not be started: {e}"))?;
        let server = Self { child, socket, wire, _folder: folder };
        let began = Instant::now();
        while UnixStream::connect(&server.socket).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("the server does not answer".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    fn measure(&self) -> Result<Delivery, String> {
        let text = |e: std::io::Error| format!("the server ended the connection: {e}");
        let mut publisher = Client::open(&self.socket, self.wire).map_err(text)?;
        let mut subscriber = Client::open(&self.socket, self.wire).map_err(text)?;
        subscriber.subscribe().map_err(text)?;
        let mut times = Vec::with_capacity(ONE_BY_ONE);
        for n in 0..ONE_BY_ONE + 500 {
            let mut line = Vec::new();
            self.wire.publish(&mut line, n);
            let began = Instant::now();
            publisher.stream.write_all(&line).map_err(text)?;
            subscriber.hear(1).map_err(text)?;
            let took = began.elapsed();
            publisher.answered(1).map_err(text)?;
            // The first ones find nothing warm.
            if n >= 500 {
                times.push(took);
            }
        }
        let rate = self.rate(publisher, subscriber).map_err(text)?;
        Ok(Delivery { p50: median(&times), p99: percentile(&times, 0.99), rate })
    }

    /// All at once: the publisher does not wait for answers, which another thread reads.
    fn rate(&self, mut publisher: Client, mut subscriber: Client) -> std::io::Result<Measure> {
        let mut answers = publisher.stream.try_clone()?;
        let began = Instant::now();
        let heard = thread::spawn(move || subscriber.hear(AT_ONCE));
        let drained = thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while answers.read(&mut bytes).is_ok_and(|read| read > 0) {}
        });
        let mut lines = Vec::with_capacity(1 << 17);
        for n in 0..AT_ONCE {
            self.wire.publish(&mut lines, n);
            if lines.len() > 1 << 16 {
                publisher.stream.write_all(&lines)?;
                lines.clear();
            }
        }
        publisher.stream.write_all(&lines)?;
        heard.join().map_err(|_| std::io::Error::other("the subscriber's thread ended"))??;
        let took = began.elapsed();
        publisher.stream.shutdown(std::net::Shutdown::Both)?;
        let _ = drained.join();
        Ok(Measure::per_second(AT_ONCE as f64 / took.as_secs_f64()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    stream: UnixStream,
    wire: Wire,
    input: Vec<u8>,
    lines: usize,
}

impl Client {
    fn open(socket: &Path, wire: Wire) -> std::io::Result<Self> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        if let Wire::Ours = wire {
            stream.write_all(b"{\"t\":\"hello\",\"v\":1,\"client\":\"bench\"}\n")?;
        }
        let mut client = Self { stream, wire, input: vec![0; 1 << 18], lines: 0 };
        if let Wire::Ours = wire {
            client.read(1)?;
        }
        Ok(client)
    }

    fn subscribe(&mut self) -> std::io::Result<()> {
        let (line, answer): (&[u8], usize) = match self.wire {
            Wire::Ours => (b"{\"t\":\"subscribe\",\"id\":1,\"types\":[\"tick\"]}\n", 1),
            Wire::Redis => (b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\ntick\r\n", 6),
        };
        self.stream.write_all(line)?;
        self.read(answer)
    }

    /// Waits until so many events have come.
    fn hear(&mut self, events: usize) -> std::io::Result<()> {
        match self.wire {
            Wire::Ours => self.read(events),
            Wire::Redis => self.read(events * 7),
        }
    }

    fn answered(&mut self, publications: usize) -> std::io::Result<()> {
        self.read(publications)
    }

    /// Reads so many lines.
    fn read(&mut self, lines: usize) -> std::io::Result<()> {
        while self.lines < lines {
            let read = self.stream.read(&mut self.input)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.lines += self.input[..read].iter().filter(|byte| **byte == b'\n').count();
        }
        self.lines -= lines;
        Ok(())
    }
}

impl Wire {
    fn publish(self, out: &mut Vec<u8>, n: usize) {
        let data = format!("{{\"n\":{n},\"text\":\"what an event carries\",\"done\":true}}");
        match self {
            Self::Ours => {
                let line = format!("{{\"t\":\"publish\",\"id\":{n},\"type\":\"tick\",\"data\":{data}}}\n");
                out.extend_from_slice(line.as_bytes());
            }
            Self::Redis => {
                let line = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\ntick\r\n${}\r\n{data}\r\n", data.len());
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}
