//! A connection to the daemon: one request, one answer. What comes unasked is kept apart.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::Place;
use super::protocol::{MAX_LINE, VERSION, line};

/// Why the daemon did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// None is running for this home.
    #[error("no daemon is running for this home")]
    NoDaemon,
    /// It is there, but the connection is of no use; trying again can help.
    #[error("the daemon cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It says no.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

impl ClientError {
    /// Whether the same can succeed later without anybody doing something.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::NoDaemon | Self::Io(_) => true,
            Self::Refused { code, .. } => code == "busy",
        }
    }
}

/// An open connection, on which both sides have said who they are.
pub struct Connection {
    stream: Arc<UnixStream>,
    input: Vec<u8>,
    read: usize,
    next: u64,
    unasked: VecDeque<Vec<u8>>,
    /// What the daemon said of itself.
    pub hello: Value,
}

/// How long the daemon may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// Lines that come while an answer is waited for.
const MAX_UNASKED: usize = 10_000;

impl Connection {
    /// Connects to the daemon of `place`, as `who`.
    pub async fn open(place: &Place, who: &str) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(place.socket()).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoDaemon,
            _ => error.into(),
        })?;
        // Whoever listens there must be this user.
        if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "its socket is another user's").into());
        }
        let (input, unasked) = (Vec::new(), VecDeque::new());
        let mut this = Self { stream: Arc::new(stream), input, read: 0, next: 1, unasked, hello: Value::Null };
        let hello = this.request(json!({ "t": "hello", "v": VERSION, "client": who }));
        let slow = |_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
        this.hello = tokio::time::timeout(HELLO, hello).await.map_err(slow)??;
        Ok(this)
    }

    /// Sends a request, and waits for its answer: the line, which is no refusal.
    pub async fn request(&mut self, mut request: Value) -> Result<Value, ClientError> {
        let id = self.next;
        self.next += 1;
        request["id"] = id.into();
        self.send(&line(request)).await?;
        loop {
            let line = self.line().await?;
            let answer: Value = serde_json::from_slice(&line).map_err(io::Error::other)?;
            match answer["t"].as_str() {
                Some("error") if answer["id"].is_null() || answer["id"] == id => return Err(refused(&answer)),
                Some("bye") => return Err(closed().into()),
                _ if answer["id"] == id => return Ok(answer),
                _ if self.unasked.len() < MAX_UNASKED => self.unasked.push_back(line),
                _ => return Err(io::Error::other("it sends without end, and no answer").into()),
            }
        }
    }

    /// What a `call`, `take` or `status` gives.
    pub async fn value(&mut self, request: Value) -> Result<Value, ClientError> {
        Ok(self.request(request).await?["value"].take())
    }

    /// Sends bytes: whole lines.
    pub async fn send(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(lines) {
                Ok(sent) => lines = &lines[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What is written to it goes to the daemon: whole lines, when nobody is in `send`.
    pub(super) fn wire(&self) -> Arc<UnixStream> {
        self.stream.clone()
    }

    /// A line that came while an answer was waited for.
    pub(super) fn ready_unasked(&mut self) -> Option<Vec<u8>> {
        self.unasked.pop_front()
    }

    /// The next line that is no answer.
    pub async fn unasked(&mut self) -> Result<Value, ClientError> {
        let line = match self.ready_unasked() {
            Some(line) => line,
            None => self.line().await?,
        };
        Ok(serde_json::from_slice(&line).map_err(io::Error::other)?)
    }

    /// The next line, without its newline, if one is here whole.
    fn ready_line(&mut self) -> Option<Vec<u8>> {
        let rest = &self.input[self.read..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest[..end].to_vec();
        self.read += end + 1;
        Some(line)
    }

    /// The next line, without its newline. May be dropped while it waits; nothing is lost then.
    pub async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(line) = self.ready_line() {
                return Ok(line);
            }
            self.input.drain(..std::mem::take(&mut self.read));
            if self.input.len() > 2 * MAX_LINE {
                return Err(io::Error::other("it sends a line without end"));
            }
            self.input.reserve(64 << 10);
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => return Err(closed()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }
}

pub(super) fn refused(answer: &Value) -> ClientError {
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    ClientError::Refused { code: text("code"), message: text("message") }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it has closed the connection")
}
