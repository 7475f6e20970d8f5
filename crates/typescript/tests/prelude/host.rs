//! A world in memory for the prelude's tests: files, answers, and a network that echoes.

use std::collections::{BTreeMap, VecDeque};

use run::{Effect, Failure, Json, Outcome, Payload, Port, Stop};
use serde_json::{Value, json};

#[derive(Clone)]
enum Node {
    File(Vec<u8>),
    Dir,
    Link(String),
}

/// What programs reach.
pub struct Host {
    nodes: BTreeMap<String, Node>,
    pub states: BTreeMap<String, Value>,
    pub env: BTreeMap<String, String>,
    pub answers: VecDeque<Value>,
    /// One line for each thing that a program asked, in order.
    pub log: Vec<String>,
    /// What was printed.
    pub printed: Vec<String>,
    /// Effects that wait: number, time at which their result comes, result.
    pub open: Vec<(u64, Option<u64>, Option<Outcome>)>,
    next: u64,
    now: u64,
    made: u64,
}

impl Host {
    pub fn new(now: u64) -> Self {
        let nodes = ["/", "/tmp", "/tmp/runs", "/app"].map(|dir| (dir.to_owned(), Node::Dir)).into();
        Self {
            nodes,
            states: BTreeMap::new(),
            env: BTreeMap::new(),
            answers: VecDeque::new(),
            log: Vec::new(),
            printed: Vec::new(),
            open: Vec::new(),
            next: 0,
            now,
            made: 0,
        }
    }

    /// The next result and the time at which it comes.
    pub fn deliver(&mut self) -> Option<(u64, Outcome, u64)> {
        let ready = self.open.iter().position(|(_, due, outcome)| due.is_none() && outcome.is_some());
        let timer = || {
            let timers = self.open.iter().enumerate().filter(|(_, (_, due, _))| due.is_some());
            timers.min_by_key(|(_, (n, due, _))| (*due, *n)).map(|(at, _)| at)
        };
        let (n, due, outcome) = self.open.remove(ready.or_else(timer)?);
        self.now = due.unwrap_or(self.now + 1).max(self.now);
        Some((n, outcome.expect("what is delivered has a result"), self.now))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn perform(&mut self, op: &str, args: &Payload) -> Option<Outcome> {
        let a: Value = args.json.value();
        let bytes = args.bytes.clone().unwrap_or_default();
        Some(match op {
            "fetch" => return self.fetch(&a, &bytes),
            "process.info" => Ok(json!({
                "cwd": "/app", "argv": ["quicksave", "/app/main.ts"], "platform": "linux", "arch": "x64", "pid": 7,
                "hostname": "host", "homedir": "/home/user", "tmpdir": "/tmp", "versions": {"quicksave": "0"},
            })
            .into()),
            "env.get" if a["name"] == "DENIED" => {
                Err(Failure::with_code("PermissionDenied", "EPERM", "needs --allow-env=DENIED"))
            }
            "env.get" => Ok(json!(self.env.get(a["name"].as_str().unwrap_or_default())).into()),
            "run.caller" => Ok(Payload::null()),
            "env.list" => Ok(json!(self.env).into()),
            "state.load" if a["hold"] == true => {
                let state = self.states.get(&key(&a)).cloned().unwrap_or_default();
                Ok(json!({"state": state, "version": "v1"}).into())
            }
            "state.load" => Ok(self.states.get(&key(&a)).cloned().unwrap_or_default().into()),
            "state.save" => {
                self.states.insert(key(&a), a["state"].clone());
                Ok(Payload::null())
            }
            "state.release" | "lock.take" | "lock.release" => Ok(Payload::null()),
            "runs.list" => Ok(json!({"runs": []}).into()),
            "tools.list" => {
                Ok(json!([{"name": "search_repos", "source": "github"}, {"name": "list_issues", "source": "github"}])
                    .into())
            }
            "photon.call" | "tools.call" | "schedule.create" => Ok(a.into()),
            _ if op.starts_with("fs.") => self.file(&op[3..], &a, &bytes),
            _ => Err(Failure::new("Error", format!("no operation {op}"))),
        })
    }

    fn fetch(&self, a: &Value, body: &[u8]) -> Option<Outcome> {
        let url = a["url"].as_str().unwrap_or_default();
        let path = url.split('/').skip(3).collect::<Vec<_>>().join("/");
        Some(match path.split('?').next().unwrap_or_default() {
            "never" => return None,
            "refused" => Err(Failure::with_code("Error", "ECONNREFUSED", "connect ECONNREFUSED host.test:80")),
            "denied" => {
                Err(Failure::with_code("PermissionDenied", "EPERM", "host.test: grant it with --allow-net=host.test"))
            }
            path => {
                let status = path.strip_prefix("status/").and_then(|s| s.parse().ok()).unwrap_or(200);
                let mut echo = a.clone();
                echo["body"] = if body.is_empty() { Value::Null } else { String::from_utf8_lossy(body).into() };
                let head = json!({"url": url, "status": status, "statusText": "", "headers": [["content-type", "application/json"]], "redirected": false});
                Ok(Payload { json: head.into(), bytes: Some(echo.to_string().into_bytes().into()) })
            }
        })
    }

    fn file(&mut self, call: &str, a: &Value, bytes: &[u8]) -> Outcome {
        let text = |name: &str| a[name].as_str().unwrap_or_default().to_owned();
        let (path, from, to) = (text("path"), text("from"), text("to"));
        let fail = |code: &str, words: &str, call: &str, path: &str| {
            Err(Failure::with_code("Error", code, format!("{code}: {words}, {call} '{path}'")))
        };
        let missing = |call: &str, path: &str| fail("ENOENT", "no such file or directory", call, path);
        let nothing = Ok(Payload::null());
        match call {
            "readFile" => match self.follow(&path) {
                Some((_, Node::File(data))) => Ok(Payload { json: Json::null(), bytes: Some(data.into()) }),
                Some(_) => Err(Failure::with_code("Error", "EISDIR", "EISDIR: illegal operation on a directory, read")),
                None => missing("open", &path),
            },
            "writeFile" => {
                let flag = text("flag");
                let old = self.follow(&path);
                if flag.ends_with('x') && old.is_some() {
                    return fail("EEXIST", "file already exists", "open", &path);
                }
                if !matches!(self.nodes.get(&parent(&path)), Some(Node::Dir)) {
                    return missing("open", &path);
                }
                let (name, mut data) = match old {
                    Some((name, Node::File(data))) => (name, data),
                    _ => (path, Vec::new()),
                };
                if flag.starts_with('w') {
                    data.clear();
                }
                data.extend_from_slice(bytes);
                self.nodes.insert(name, Node::File(data));
                nothing
            }
            "stat" => {
                let found = if a["follow"] == true {
                    self.follow(&path).map(|(_, node)| node)
                } else {
                    self.nodes.get(&path).cloned()
                };
                let (kind, size) = match found {
                    Some(Node::File(data)) => ("file", data.len()),
                    Some(Node::Dir) => ("dir", 0),
                    Some(Node::Link(_)) => ("symlink", 0),
                    None => return missing(if a["follow"] == true { "stat" } else { "lstat" }, &path),
                };
                Ok(json!({"kind": kind, "size": size, "mode": 0o644, "ino": 1, "nlink": 1, "uid": 0, "gid": 0,
                    "atimeMs": 1.5, "mtimeMs": 1.5, "ctimeMs": 1.5, "birthtimeMs": 1.5})
                .into())
            }
            "readdir" => {
                if !self.nodes.contains_key(&path) {
                    return missing("scandir", &path);
                }
                let inside = self.nodes.iter().filter(|(name, _)| **name != path && parent(name) == path);
                let entry = |(name, node): (&String, &Node)| {
                    let kind = match node {
                        Node::File(_) => "file",
                        Node::Dir => "dir",
                        Node::Link(_) => "symlink",
                    };
                    json!({"name": name.rsplit('/').next(), "kind": kind})
                };
                Ok(Value::from(inside.map(entry).collect::<Vec<_>>()).into())
            }
            "mkdir" => self
                .make_dir(&path, a["recursive"] == true)
                .map_or_else(|| fail("EEXIST", "file already exists", "mkdir", &path), |first| Ok(json!(first).into())),
            "rm" => {
                if !self.nodes.contains_key(&path) {
                    return if a["force"] == true { nothing } else { missing("rm", &path) };
                }
                self.nodes.retain(|name, _| *name != path && !name.starts_with(&format!("{path}/")));
                nothing
            }
            "rmdir" | "unlink" => {
                if self.nodes.keys().any(|name| name.starts_with(&format!("{path}/"))) {
                    return fail("ENOTEMPTY", "directory not empty", call, &path);
                }
                self.nodes.remove(&path).map_or_else(|| missing(call, &path), |_| nothing)
            }
            "rename" => match self.nodes.remove(&from) {
                Some(node) => {
                    self.nodes.insert(to, node);
                    nothing
                }
                None => missing("rename", &from),
            },
            "copyFile" => match self.follow(&from) {
                _ if a["exclusive"] == true && self.nodes.contains_key(&to) => {
                    fail("EEXIST", "file already exists", "copyfile", &format!("{from}' -> '{to}"))
                }
                Some((_, node)) => {
                    self.nodes.insert(to, node);
                    nothing
                }
                None => missing("copyfile", &from),
            },
            "symlink" => {
                self.nodes.insert(path, Node::Link(text("target")));
                nothing
            }
            "readlink" => match self.nodes.get(&path) {
                Some(Node::Link(target)) => Ok(json!(target).into()),
                _ => missing("readlink", &path),
            },
            "access" => {
                if self.follow(&path).is_some() {
                    nothing
                } else {
                    missing("access", &path)
                }
            }
            "truncate" => {
                if let Some(Node::File(data)) = self.nodes.get_mut(&path) {
                    data.resize(a["len"].as_u64().unwrap_or(0) as usize, 0);
                }
                nothing
            }
            "mkdtemp" => {
                self.made += 1;
                let name = format!("{}{:06}", text("prefix"), self.made);
                self.nodes.insert(name.clone(), Node::Dir);
                Ok(json!(name).into())
            }
            _ => Err(Failure::new("Error", format!("no operation fs.{call}"))),
        }
    }

    fn follow(&self, path: &str) -> Option<(String, Node)> {
        match self.nodes.get(path)? {
            Node::Link(target) => self.follow(target),
            node => Some((path.to_owned(), node.clone())),
        }
    }

    /// The first folder made, or `None` if one is in the way.
    fn make_dir(&mut self, path: &str, recursive: bool) -> Option<Option<String>> {
        if self.nodes.contains_key(path) {
            return recursive.then_some(None);
        }
        let above = if recursive { self.make_dir(&parent(path), true)? } else { None };
        self.nodes.insert(path.to_owned(), Node::Dir);
        Some(above.or_else(|| Some(path.to_owned())))
    }
}

fn parent(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".into(),
        Some(at) => path[..at].into(),
    }
}

fn key(a: &Value) -> String {
    format!("{}/{}", a["photon"].as_str().unwrap_or_default(), a["instance"].as_str().unwrap_or_default())
}

fn shown(payload: &Payload) -> String {
    let bytes = payload.bytes.as_ref().map_or(String::new(), |b| format!(" + {:?}", String::from_utf8_lossy(b)));
    format!("{}{bytes}", payload.json.get())
}

impl Port for Host {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let n = self.number();
        match effect {
            Effect::Emit { kind, message, data } => {
                if kind == "log" {
                    self.printed.push(message.clone().unwrap_or_default());
                }
                let data = data.map_or(String::new(), |data| format!(" {}", data.get()));
                self.log.push(format!("emit {kind} {message:?}{data}"));
            }
            Effect::Checkpoint { id, state, .. } => {
                self.log.push(format!("checkpoint {id:?} {}", state.get()));
                self.open.push((n, None, Some(Ok(Payload::null()))));
            }
            Effect::Ask(ask) => {
                self.log.push(format!("ask {:?} {} {:?} {}", ask.id, ask.kind, ask.message, ask.spec.get()));
                let answer = self.answers.pop_front().unwrap_or("answer".into());
                let outcome = match answer.get("fail") {
                    Some(fail) => Err(serde_json::from_value(fail.clone()).expect("a failure")),
                    None => Ok(answer.into()),
                };
                self.open.push((n, None, Some(outcome)));
            }
            Effect::Timer { due } => {
                self.log.push(format!("timer +{}", due.saturating_sub(self.now)));
                self.open.push((n, Some(due), Some(Ok(Payload::null()))));
            }
            Effect::Signal { name } => {
                self.log.push(format!("signal {name}"));
                self.open.push((n, None, Some(Ok(json!({"signal": name}).into()))));
            }
            Effect::Call { op, args } => {
                self.log.push(format!("call {op} {}", shown(&args)));
                let outcome = self.perform(&op, &args);
                self.open.push((n, None, outcome));
            }
            Effect::Abort { n: which } => {
                self.log.push(format!("abort {which}"));
                self.open.retain(|(m, ..)| *m != which);
            }
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        let n = self.number();
        self.log.push(format!("sync {op} {}", shown(&args)));
        let outcome = self.perform(&op, &args).expect("an operation that ends");
        Ok((n, outcome))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}
