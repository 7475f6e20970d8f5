//! A Postgres server.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Starts the server as its child, says its process id, and stops it and removes the folder when its own standard
/// input ends before the server does: when whoever started it dies.
const WATCH: &str = r#"
trap '' INT TERM
"$@" </dev/null >>"$LOG" 2>&1 &
echo $!
cat >/dev/null
if kill -s QUIT $! 2>/dev/null; then
    wait $!
    rm -rf "$FOLDER"
fi
"#;

const PATIENCE: Duration = Duration::from_secs(60);

/// What a server is started with.
#[derive(Clone, Debug, Default)]
pub struct PostgresSetup {
    /// Whether it syncs; without, tests are quicker.
    pub fsync: bool,
    /// Certificate and key in PEM, for TLS.
    pub tls: Option<(String, String)>,
}

/// A Postgres server of one's own. Its superuser is `admin`; a role `app` may only make schemas of its own.
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    /// Whom the server runs as, since it refuses to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    setup: PostgresSetup,
    running: Option<Running>,
    _keep: tempfile::TempDir,
}

struct Running {
    watch: Child,
    server: Pid,
}

impl Postgres {
    /// Starts a server. Panics, and says what is missing, if that cannot be done.
    pub fn start(setup: PostgresSetup) -> Self {
        let keep = tempfile::Builder::new().prefix("pg-").tempdir().expect("a temporary folder is made");
        let folder = keep.path().to_owned();
        let user = if rustix::process::geteuid().is_root() { Some(unprivileged()) } else { None };
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("root may give the folder away");
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free").port();
        let mut server = Self { folder, binaries: binaries(), user, port, setup, running: None, _keep: keep };
        server.initialise();
        server.run();
        server.sql("CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE postgres TO app");
        server
    }

    /// `postgres://app@127.0.0.1:…/postgres`.
    pub fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port)
    }

    /// The same through the socket in the server's folder.
    pub fn socket_url(&self) -> String {
        format!("postgres:///postgres?user=app&host={}&port={}", self.folder.display(), self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as the superuser; what they print.
    pub fn sql(&self, statements: &str) -> String {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "admin", "-d", "postgres", "-c", statements]);
        let done = psql.arg("-h").arg(&self.folder).arg("-p").arg(self.port.to_string()).output();
        let done = done.expect("psql is installed with the server");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Ends the server at once, as a crash does; everything that it had not written is lost.
    pub fn crash(&mut self) {
        self.end(Signal::QUIT);
    }

    /// Ends the server in an orderly way; sessions are cut.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        self.end(Signal::INT);
        self.run();
    }

    /// Stops all its processes for a moment (SIGSTOP): it answers nothing, and connections stay.
    pub fn pause(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal_all(Signal::CONT);
    }

    /// Cuts the sessions of everybody but the superuser; how many those were.
    pub fn cut_connections(&self) -> usize {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename <> 'admin'";
        self.sql(cut).parse().unwrap_or_default()
    }

    fn command(&self, program: &Path) -> Command {
        match self.user {
            None => Command::new(program),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
                command.arg("--").arg(program);
                command
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn initialise(&self) {
        let mut initdb = self.command(&self.binaries.join("initdb"));
        initdb.args(["-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
        let done = initdb.arg(self.data()).current_dir(&self.folder).output().expect("initdb starts");
        assert!(done.status.success(), "initdb failed: {}", String::from_utf8_lossy(&done.stderr));
        if let Some((certificate, key)) = &self.setup.tls {
            for (name, text) in [("server.crt", certificate), ("server.key", key)] {
                let path = self.data().join(name);
                fs::write(&path, text).expect("the folder is ours");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
                if let Some((uid, gid)) = self.user {
                    chown(&path, Some(uid), Some(gid)).expect("root may give the file away");
                }
            }
        }
    }

    fn run(&mut self) {
        let mut watch = self.command(Path::new("sh"));
        watch.args(["-c", WATCH, "sh"]).arg(self.binaries.join("postgres")).arg("-D").arg(self.data());
        watch.arg("-k").arg(&self.folder).args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        watch.args(["-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "max_wal_size=1GB"]);
        watch.args(["-c", if self.setup.fsync { "fsync=on" } else { "fsync=off" }]);
        if self.setup.tls.is_some() {
            watch.args(["-c", "ssl=on"]);
        }
        watch.env("LOG", self.folder.join("log")).env("FOLDER", &self.folder);
        watch.current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut watch = watch.spawn().expect("a shell starts");
        let mut line = String::new();
        let said = BufReader::new(watch.stdout.take().expect("its output is a pipe")).read_line(&mut line);
        let server = line.trim().parse().ok().and_then(Pid::from_raw);
        let server = said.ok().and(server).expect("the shell says the server's process id");
        self.running = Some(Running { watch, server });
        let start = Instant::now();
        while !self.is_ready() {
            assert!(start.elapsed() < PATIENCE, "the server does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let mut ready = Command::new(self.binaries.join("pg_isready"));
        ready.arg("-q").arg("-h").arg(&self.folder).arg("-p").arg(self.port.to_string());
        ready.status().is_ok_and(|status| status.success())
    }

    /// What the server has written down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut running) = self.running.take() else { return };
        let _ = kill_process(running.server, signal);
        let start = Instant::now();
        // Its process id is free only once the shell has waited for it.
        while is_running(running.server) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(running.watch.stdin.take());
        let _ = running.watch.wait();
    }

    fn signal_all(&self, signal: Signal) {
        let Some(running) = &self.running else { return };
        let _ = kill_process(running.server, signal);
        for child in children(running.server) {
            let _ = kill_process(child, signal);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.resume();
        self.end(Signal::QUIT);
    }
}

/// State and parent of a process, as the system shows them.
fn stat(pid: Pid) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn is_running(pid: Pid) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

fn children(parent: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent.as_raw_nonzero().get())).collect()
}

/// The newest installed server.
fn binaries() -> PathBuf {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    found.sort_by_key(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    let of_path = std::env::var_os("PATH").unwrap_or_default();
    let of_path = std::env::split_paths(&of_path).filter(|folder| folder.join("initdb").exists());
    let found = found.into_iter().rev().map(|entry| entry.path().join("bin")).chain(of_path);
    let mut found = found.filter(|folder| folder.join("postgres").exists());
    found.next().expect("a Postgres server is installed (Debian's package postgresql; scripts/install-deps)")
}

/// User and group of a user without rights: the package's own, or nobody.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody")).expect("there is a user without rights to run the server as")
}
