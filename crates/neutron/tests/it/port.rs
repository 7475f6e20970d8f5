//! A world in memory: files, clock, answers; what the program prints is kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use run::{Effect, Failure, Outcome, Payload, Port, Stop};
use serde_json::{Value as Tree, json};

#[derive(Clone, Debug, PartialEq)]
enum Node {
    File(Vec<u8>, u32),
    Dir,
}

/// What a program is given and what it does.
#[derive(Clone, Debug)]
pub struct World {
    nodes: BTreeMap<String, Node>,
    pub out: Vec<String>,
    /// Lines for `sys.input`.
    pub lines: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Effects that wait for their results, by number.
    pub waiting: BTreeMap<u64, Effect>,
    next: u64,
    pub now: u64,
    /// Writes fail from now on.
    pub full: bool,
}

impl World {
    pub fn new() -> Self {
        let mut nodes = BTreeMap::new();
        for dir in ["/", "/here", "/tmp"] {
            nodes.insert(dir.to_owned(), Node::Dir);
        }
        let env = [("HOME".to_owned(), "/home/u".to_owned())].into();
        let lines = vec!["first line".into(), "second line".into()];
        Self { nodes, out: vec![], lines, env, waiting: BTreeMap::new(), next: 0, now: 1_772_793_000_000, full: false }
    }

    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.nodes.get(path) {
            Some(Node::File(bytes, _)) => Some(bytes),
            _ => None,
        }
    }

    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        self.nodes.insert(path.to_owned(), Node::File(bytes.to_vec(), 0o644));
    }

    /// The result of the effect that is due first, and its number.
    pub fn next_result(&mut self) -> Option<(u64, Outcome)> {
        let due = |effect: &Effect| match effect {
            Effect::Timer { due } => *due,
            _ => 0,
        };
        let (n, _) = self.waiting.iter().min_by_key(|(n, e)| (due(e), **n))?;
        let n = *n;
        let effect = self.waiting.remove(&n)?;
        let outcome = match effect {
            Effect::Timer { due } => {
                self.now = self.now.max(due);
                Ok(Payload::null())
            }
            Effect::Ask(_) if self.lines.is_empty() => Ok(Payload::null()),
            Effect::Ask(_) => Ok(json!(self.lines.remove(0)).into()),
            Effect::Call { op, args } => self.slow(&op, &args),
            _ => Ok(Payload::null()),
        };
        Some((n, outcome))
    }

    /// Requests and commands: they say what they were asked.
    fn slow(&mut self, op: &str, args: &Payload) -> Outcome {
        let tree = args.json.value();
        if op == "process.exec" {
            let command = tree["command"].as_str().map_or_else(|| tree["argv"].to_string(), str::to_owned);
            let status = i32::from(command.contains("false"));
            let stderr = if status == 0 { "" } else { "it said no" };
            return Ok(json!({ "status": status, "stdout": format!("ran {command}\n"), "stderr": stderr }).into());
        }
        let url = tree["url"].as_str().unwrap_or("");
        if url.contains("down") {
            return Err(Failure::with_code("TypeError", "ECONNREFUSED", format!("fetch: {url}: connection refused")));
        }
        let body = args.bytes.as_ref().map_or_else(Default::default, |b| String::from_utf8_lossy(b));
        let status = if url.contains("missing") { 404 } else { 200 };
        let text = format!("{} {url} {} {body}", tree["method"].as_str().unwrap(), tree["headers"]);
        let json = json!({ "url": url, "status": status, "statusText": "OK", "headers": [["X-Test", "yes"]] });
        Ok(Payload { json: json.into(), bytes: Some(text.into()) })
    }

    fn parent(path: &str) -> String {
        match path.rsplit_once('/') {
            Some(("", _)) | None => "/".into(),
            Some((parent, _)) => parent.into(),
        }
    }

    fn perform(&mut self, op: &str, args: &Tree, bytes: Option<Bytes>) -> Outcome {
        let path = args["path"].as_str().unwrap_or("").to_owned();
        let fail =
            |code: &str, what: &str| Err(Failure::with_code("Error", code, format!("{code}: {what}, {op} '{path}'")));
        let missing = || fail("ENOENT", "no such file or directory");
        assert!(path.is_empty() || path.starts_with('/'), "{op} {path} is not absolute");
        match op {
            "process.info" => Ok(json!({ "cwd": "/here", "tmpdir": "/tmp", "platform": "linux", "arch": "x86_64",
                "hostname": "host", "homedir": "/home/u", "pid": 1 })
            .into()),
            "env.get" => Ok(json!(self.env.get(args["name"].as_str().unwrap())).into()),
            "env.list" => Ok(json!(self.env).into()),
            "fs.readFile" => match self.nodes.get(&path) {
                Some(Node::File(content, _)) => {
                    Ok(Payload { json: run::Json::null(), bytes: Some(content.clone().into()) })
                }
                Some(Node::Dir) => fail("EISDIR", "illegal operation on a directory"),
                None => missing(),
            },
            "fs.writeFile" => {
                if self.full {
                    return fail("ENOSPC", "no space left on device");
                }
                if path.starts_with("/forbidden") {
                    return Err(Failure::with_code("PermissionDenied", "EPERM", "allow it with --allow-write"));
                }
                if self.nodes.get(&Self::parent(&path)) != Some(&Node::Dir) {
                    return missing();
                }
                let mut content = bytes.unwrap_or_default().to_vec();
                let mut mode = 0o644;
                match self.nodes.get(&path) {
                    Some(Node::Dir) => return fail("EISDIR", "illegal operation on a directory"),
                    Some(Node::File(old, old_mode)) => {
                        mode = *old_mode;
                        match args["flag"].as_str() {
                            Some("wx") => return fail("EEXIST", "file already exists"),
                            Some("a") => content.splice(0..0, old.iter().copied()).for_each(drop),
                            _ => {}
                        }
                    }
                    None => {}
                }
                self.nodes.insert(path.clone(), Node::File(content, mode));
                Ok(Payload::null())
            }
            "fs.stat" => match self.nodes.get(&path) {
                Some(Node::File(content, mode)) => {
                    Ok(json!({ "kind": "file", "size": content.len(), "mode": 0o100_000 | mode, "mtimeMs": 5 }).into())
                }
                Some(Node::Dir) => Ok(json!({ "kind": "dir", "size": 0, "mode": 0o40755, "mtimeMs": 5 }).into()),
                None => missing(),
            },
            "fs.readdir" => {
                if self.nodes.get(&path) != Some(&Node::Dir) {
                    return missing();
                }
                let inside = self.nodes.keys().filter(|p| **p != path && Self::parent(p) == path);
                let names: Vec<_> = inside.map(|p| json!({ "name": p.rsplit_once('/').unwrap().1 })).collect();
                Ok(json!(names).into())
            }
            "fs.mkdir" => {
                self.nodes.insert(path, Node::Dir);
                Ok(Payload::null())
            }
            "fs.rmdir" | "fs.unlink" => {
                if op == "fs.rmdir" && self.nodes.keys().any(|p| *p != path && Self::parent(p) == path) {
                    return fail("ENOTEMPTY", "directory not empty");
                }
                match self.nodes.remove(&path) {
                    Some(_) => Ok(Payload::null()),
                    None => missing(),
                }
            }
            "fs.rename" | "fs.copyFile" => {
                let (from, to) = (args["from"].as_str().unwrap(), args["to"].as_str().unwrap());
                let Some(node) = self.nodes.get(from).cloned() else {
                    return Err(Failure::with_code("Error", "ENOENT", format!("ENOENT: no such file, {op} '{from}'")));
                };
                if op == "fs.rename" {
                    self.nodes.remove(from);
                }
                self.nodes.insert(to.to_owned(), node);
                Ok(Payload::null())
            }
            "fs.chmod" => match self.nodes.get_mut(&path) {
                Some(Node::File(_, mode)) => {
                    *mode = args["mode"].as_u64().unwrap() as u32;
                    Ok(Payload::null())
                }
                _ => missing(),
            },
            other => panic!("the program asked for {other}"),
        }
    }
}

impl Port for World {
    fn effect(&mut self, effect: Effect) -> Result<u64, Stop> {
        let n = self.next;
        self.next += 1;
        match effect {
            Effect::Emit { message, data, .. } => {
                let level = data.map(|d| d.value()["level"].as_str().unwrap().to_owned()).unwrap();
                let message = message.unwrap();
                self.out.push(if level == "error" && message.starts_with("process") {
                    message.lines().next().unwrap().to_owned()
                } else {
                    message
                });
            }
            Effect::Abort { n } => {
                self.waiting.remove(&n);
            }
            other => {
                self.waiting.insert(n, other);
            }
        }
        Ok(n)
    }

    fn call(&mut self, op: String, args: Payload) -> Result<(u64, Outcome), Stop> {
        let n = self.next;
        self.next += 1;
        Ok((n, self.perform(&op, &args.json.value(), args.bytes)))
    }

    fn interrupted(&mut self) -> Option<Stop> {
        None
    }
}
