//! A world for machines: nodes are functions, time is a number, and the process can die between any two steps.

use std::collections::{BTreeMap, BTreeSet};

use dag::state::NodeResult;
use dag::{Action, Call, Compiled, Dag, End, Event, Held, Machine, NONE, Registry, Role, TimerKind};
use serde_json::{Value, json};

/// What a node does: (path, item, attempt, state) → what it gives, or an error.
pub type Node = Box<dyn Fn(&str, u32, u32, &Value) -> Result<Value, String>>;

pub fn compile(documents: &[Value]) -> Compiled {
    let mut registry = Registry::default();
    for document in documents {
        registry.add(Dag::from_json(document).unwrap_or_else(|e| panic!("{e}")).dag);
    }
    registry.compile(documents[0]["name"].as_str().unwrap()).unwrap_or_else(|e| panic!("{e}"))
}

/// A document around placements.
pub fn document(name: &str, entrypoint: &str, nodes: Value) -> Value {
    json!({ "@type": "DAG", "name": name, "version": "1", "entrypoint": entrypoint, "nodes": nodes })
}

pub fn single(name: &str, outputs: Value) -> Value {
    json!({ "@type": "SingleNode", "name": name, "node": name, "outputs": outputs })
}

/// A line of placements that go on by `success`.
pub fn line(name: &str, names: &[&str]) -> Value {
    let nodes = names.iter().enumerate().map(|(i, node)| single(node, json!({ "success": names.get(i + 1) })));
    document(name, names[0], nodes.collect())
}

pub struct World<'d> {
    pub dag: &'d Compiled,
    pub machine: Machine,
    pub held: Held,
    pub node: Node,
    /// Runs that are out, in the order in which they began.
    pub out: Vec<(Call, u32, Role)>,
    /// Timers: due time and kind.
    pub timers: BTreeMap<Call, (u64, TimerKind)>,
    pub now: u64,
    /// Runs that ended well, by place; the process's journal.
    pub completions: BTreeMap<(String, u32), u32>,
    pub hooks: Vec<String>,
    pub most: usize,
    asked: BTreeSet<Call>,
}

impl<'d> World<'d> {
    pub fn new(dag: &'d Compiled, state: Value, node: Node) -> Self {
        Self {
            dag,
            machine: Machine::new(dag, 7),
            held: Held::new(state),
            node,
            out: Vec::new(),
            timers: BTreeMap::new(),
            now: 0,
            completions: BTreeMap::new(),
            hooks: Vec::new(),
            most: 0,
            asked: BTreeSet::new(),
        }
    }

    pub fn event(&mut self, event: Event) -> bool {
        let mut actions = Vec::new();
        let taken = self.machine.step(self.dag, &event, &mut actions).unwrap_or_else(|e| panic!("{event:?}: {e}"));
        self.act(actions);
        taken
    }

    pub fn start(&mut self) -> &mut Self {
        self.event(Event::Start { cursor: None });
        self
    }

    fn path(&self, site: u32, item: u32) -> String {
        let path = &self.dag.sites()[site as usize].path;
        if item == NONE { path.to_string() } else { format!("{path}[{item}]") }
    }

    pub fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.held.act(self.dag, &action).unwrap();
            match action {
                Action::FlowStart { flow } => {
                    self.hooks.push(format!("flow {}", self.dag.flows()[flow as usize].dag.name))
                }
                Action::FlowEnd { flow, end } => {
                    self.hooks.push(format!("end {} {end:?}", self.dag.flows()[flow as usize].dag.name));
                }
                Action::NodeStart { site, item } => self.hooks.push(format!("start {}", self.path(site, item))),
                Action::NodeEnd { site, item, port } => {
                    self.hooks.push(format!("done {} {}", self.path(site, item), self.dag.port_name(port)));
                }
                Action::NodeError { call, attempt, cause, retry_ms } => {
                    let path = self.path(call.site, call.item);
                    self.hooks.push(format!("error {path} #{attempt} {cause:?} {retry_ms:?}"));
                    if retry_ms.is_none() {
                        self.held.threw(call, "it threw");
                    }
                }
                Action::Run { call, attempt, role } => {
                    self.out.push((call, attempt, role));
                    self.most = self.most.max(self.out.iter().filter(|(_, _, role)| *role == Role::Node).count());
                }
                Action::StartTimer { call, ms, kind } => {
                    assert!(self.timers.insert(call, (self.now + ms, kind)).is_none(), "two timers of {call:?}");
                }
                Action::StopTimer { call } => {
                    assert!(self.timers.remove(&call).is_some(), "no timer of {call:?}");
                }
                Action::Cancel { call } => {
                    assert!(self.out.iter().any(|(out, ..)| *out == call), "{call:?} does not run");
                    if matches!(self.machine.status(), dag::Status::Stopping(_)) {
                        self.asked.insert(call);
                    } else {
                        self.out.retain(|(out, ..)| *out != call);
                    }
                }
                Action::Finished { .. } => {
                    assert!(self.out.is_empty(), "{:?} still run", self.out);
                    assert!(self.timers.is_empty(), "timers are left: {:?}", self.timers);
                    self.asked.clear();
                }
                Action::Enter { .. } | Action::Leave { .. } | Action::Merge { .. } | Action::Forget { .. } => {}
            }
        }
    }

    /// Ends the run at a position of `out`.
    pub fn end(&mut self, index: usize) {
        let (call, attempt, role) = self.out.remove(index);
        let site = &self.dag.sites()[call.site as usize];
        let event = match role {
            Role::Items => match self.held.count(self.dag, call.site) {
                Ok(count) => Event::Items { call, count: count as u32 },
                Err(_) => Event::Failed { call, fatal: true },
            },
            Role::Combine => Event::Finished { call, port: self.dag.port("success") },
            Role::Node | Role::FanIn => {
                let input = match role {
                    Role::Node => self.held.input(self.dag, call).unwrap(),
                    _ => json!({ "results": self.held.results(call.site) }),
                };
                let path = if role == Role::FanIn { format!("{}!", site.path) } else { site.path.to_string() };
                let given = (self.node)(&path, call.item, attempt, &input);
                match given.and_then(NodeResult::read) {
                    Ok(result) => {
                        *self.completions.entry((path, call.item)).or_default() += 1;
                        let port = self.held.accept(self.dag, call, role, result);
                        Event::Finished { call, port: self.dag.port(&port) }
                    }
                    Err(_) => Event::Failed { call, fatal: false },
                }
            }
        };
        assert!(self.event(event), "{call:?} was not wanted");
    }

    /// Cuts the run at a position of `out` short.
    pub fn abort(&mut self, index: usize) {
        let (call, ..) = self.out.remove(index);
        assert!(self.event(Event::Aborted { call }));
    }

    /// Lets the next timer fire.
    pub fn fire(&mut self) -> bool {
        let Some((call, (due, _))) = self.timers.iter().min_by_key(|(call, (due, _))| (*due, **call)) else {
            return false;
        };
        let (call, due) = (*call, *due);
        self.timers.remove(&call);
        self.now = self.now.max(due);
        assert!(self.event(Event::Timer { call }));
        true
    }

    /// The process dies; another begins with what is on disk.
    pub fn die(&mut self) {
        let (bytes, held) = (self.machine.save(), serde_json::to_string(&self.held).unwrap());
        self.machine = Machine::load(self.dag, &bytes).unwrap();
        assert_eq!(self.machine.save(), bytes);
        self.held = serde_json::from_str(&held).unwrap();
        let mut out = Vec::new();
        self.machine.outstanding(self.dag, &mut out);
        self.out.clear();
        self.timers.clear();
        self.asked.clear();
        self.act(out);
    }

    /// Runs to the end, the oldest run first.
    pub fn finish(&mut self) -> End {
        for _ in 0..100_000 {
            if let Some(end) = self.machine.end() {
                return end;
            }
            if self.out.is_empty() {
                assert!(self.fire(), "nothing runs and no timer is set: {:?}", self.machine);
            } else if self.asked.contains(&self.out[0].0) {
                self.abort(0);
            } else {
                self.end(0);
            }
        }
        panic!("it does not end");
    }

    pub fn executed(&self) -> Vec<&str> {
        self.machine.executed().map(|site| &*self.dag.sites()[site as usize].path).collect()
    }

    pub fn cursor(&self) -> Option<&str> {
        self.machine.cursor(self.dag)
    }

    /// The position of the run of a path (and item) in `out`.
    pub fn at(&self, path: &str, item: u32) -> usize {
        let is =
            |(call, ..): &(Call, u32, Role)| &*self.dag.sites()[call.site as usize].path == path && call.item == item;
        self.out.iter().position(is).unwrap_or_else(|| panic!("{path} does not run: {:?}", self.out))
    }
}
