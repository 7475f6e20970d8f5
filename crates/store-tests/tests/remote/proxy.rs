//! A way to a server that can be cut, slowed down, and lose answers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Goes on until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    cut: watch::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Milliseconds that each piece of an answer takes.
    delay: AtomicU64,
    /// How many answers are still to be lost.
    losses: AtomicU64,
    /// Connections taken so far.
    connections: AtomicU64,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, cut) = (Arc::new(State::default()), watch::Sender::new(()));
        let (shared, cuts) = (state.clone(), cut.clone());
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                shared.connections.fetch_add(1, SeqCst);
                let (state, mut cut) = (shared.clone(), cuts.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(client, server, &state) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, state, cut, task }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts every connection there is.
    pub fn cut(&self) {
        self.cut.send_replace(());
    }

    /// Lets each piece of an answer take so long.
    pub fn delay(&self, time: Duration) {
        self.state.delay.store(time.as_millis() as u64, SeqCst);
    }

    /// Cuts the connection in place of the next answers, once the server has given them.
    pub fn lose_answers(&self, count: u64) {
        self.state.losses.store(count, SeqCst);
    }

    /// How many answers are still to be lost.
    pub fn losses(&self) -> u64 {
        self.state.losses.load(SeqCst)
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, server: u16, state: &State) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let requests = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let answers = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let Ok(len @ 1..) = from_server.read(&mut buffer).await else { return };
            let lost = state.losses.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            let delay = state.delay.load(SeqCst);
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            if lost || to_client.write_all(&buffer[..len]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = requests => {}
        () = answers => {}
    }
}
