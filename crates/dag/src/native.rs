//! DAGs of Rust closures, run in memory on one thread.
//!
//! ```
//! use dag::native::Builder;
//!
//! let dag = Builder::new("double")
//!     .node("load", |n: &mut u64, _| { *n = 21; Ok("success") }, [("success", Some("double"))])
//!     .node("double", |n, _| { *n *= 2; Ok("success") }, [("success", None)])
//!     .entrypoint("load")
//!     .build()?;
//! let mut n = 0;
//! assert_eq!(dag.run(&mut n), Ok(()));
//! assert_eq!(n, 42);
//! # Ok::<(), dag::Problems>(())
//! ```
//!
//! All closures of a DAG and its sub-DAGs work on one state. Members of a group and items of a fan-out run one after
//! the other, so that nothing is shared between threads; what they compute they put into the state themselves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::compiled::{Compiled, NONE, PortId, Registry, SiteKind};
use crate::document::{Combine, Dag, FAN_OUT_PORTS, FanIn, Kind, Placement, Problems, Retry};
use crate::machine::{Action, BadState, Call, End, Event, Machine, Role, StepError, TimerKind};

/// What a closure is told.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The placement's path.
    pub path: &'a str,
    /// Counts from 1.
    pub attempt: u32,
    /// The item of a fan-out.
    pub item: Option<usize>,
}

/// Why a closure failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct NodeError {
    /// What went wrong.
    pub message: String,
    /// Trying again cannot help.
    pub fatal: bool,
}

impl<T: Into<String>> From<T> for NodeError {
    fn from(message: T) -> Self {
        Self { message: message.into(), fatal: false }
    }
}

/// How a run ended that did not complete.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// A node failed and nothing took its error.
    #[error("{path}: {message}")]
    Failed {
        /// The placement's path: the cursor.
        path: String,
        /// What went wrong.
        message: String,
    },
    /// It was cancelled before the placement.
    #[error("cancelled at {path}: {reason}")]
    Cancelled {
        /// The placement's path: the cursor.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What a node gives: its port, or an error.
pub type Outcome = Result<&'static str, NodeError>;
type Run<S> = Arc<dyn Fn(&mut S, &Context<'_>) -> Outcome + Send + Sync>;
type Count<S> = Arc<dyn Fn(&S) -> usize + Send + Sync>;
type Hook<'d> = Box<dyn FnMut(&Compiled, &Action) + 'd>;
type Choose<S> = Arc<dyn Fn(&mut S, &[(&str, bool)]) -> &'static str + Send + Sync>;

/// The closures of a placement.
struct Node<S> {
    run: Option<Run<S>>,
    count: Option<Count<S>>,
    fan_in: Option<Run<S>>,
    combine: Option<Choose<S>>,
}

impl<S> Clone for Node<S> {
    fn clone(&self) -> Self {
        let Self { run, count, fan_in, combine } = self;
        Self { run: run.clone(), count: count.clone(), fan_in: fan_in.clone(), combine: combine.clone() }
    }
}

impl<S> Default for Node<S> {
    fn default() -> Self {
        Self { run: None, count: None, fan_in: None, combine: None }
    }
}

/// Makes a DAG of closures, placement by placement.
pub struct Builder<S> {
    dag: Dag,
    nodes: BTreeMap<(String, String), Node<S>>,
    inner: Vec<Dag>,
}

impl<S> Builder<S> {
    /// A DAG without placements.
    pub fn new(name: &str) -> Self {
        let (version, entrypoint) = ("1".into(), String::new());
        let dag = Dag { context: None, id: None, name: name.into(), version, entrypoint, nodes: Vec::new() };
        Self { dag, nodes: BTreeMap::new(), inner: Vec::new() }
    }

    fn place<'a>(
        mut self,
        name: &str,
        kind: Kind,
        outputs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        node: Node<S>,
    ) -> Self {
        if self.dag.entrypoint.is_empty() {
            self.dag.entrypoint = name.into();
        }
        let outputs = outputs.into_iter().map(|(port, to)| (port.into(), to.map(Into::into))).collect();
        self.dag.nodes.push(Placement { id: None, name: name.into(), kind, outputs, timeout_ms: None, retry: None });
        self.nodes.insert((self.dag.name.clone(), name.into()), node);
        self
    }

    /// A single node. `outputs` wires each of its ports to a placement, or to the end.
    pub fn node<'a>(
        self,
        name: &str,
        run: impl Fn(&mut S, &Context<'_>) -> Outcome + Send + Sync + 'static,
        outputs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Self {
        let node = Node { run: Some(Arc::new(run)), ..Node::default() };
        self.place(name, Kind::Single { node: name.into() }, outputs, node)
    }

    /// A group of placements of this DAG, which end when their nodes end. For [`Combine::Custom`], use
    /// [`Builder::combine`] too.
    pub fn parallel<'a>(
        self,
        name: &str,
        members: &[&str],
        combine: Combine,
        outputs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Self {
        let members = members.iter().map(ToString::to_string).collect();
        self.place(name, Kind::Parallel { members, combine }, outputs, Node::default())
    }

    /// The function that chooses the port of the last placed group: it gets each member's port, and whether it threw.
    pub fn combine(mut self, choose: impl Fn(&mut S, &[(&str, bool)]) -> &'static str + Send + Sync + 'static) -> Self {
        if let Some(node) = self.last() {
            node.combine = Some(Arc::new(choose));
        }
        self
    }

    /// Runs a node for each of as many items as `count` says. `outputs`: where all-success, partial, all-error and
    /// empty lead.
    pub fn fan_out(
        self,
        name: &str,
        count: impl Fn(&S) -> usize + Send + Sync + 'static,
        each: impl Fn(&mut S, &Context<'_>) -> Outcome + Send + Sync + 'static,
        outputs: [Option<&str>; 4],
    ) -> Self {
        let kind = Kind::FanOut {
            node: name.into(),
            source: "native".into(),
            item_key: "native".into(),
            concurrency: None,
            fan_in: FanIn::Append { target: "native".into() },
        };
        let node = Node { run: Some(Arc::new(each)), count: Some(Arc::new(count)), ..Node::default() };
        self.place(name, kind, FAN_OUT_PORTS.into_iter().zip(outputs), node)
    }

    /// What is done once all items of the last placed fan-out have ended.
    pub fn fan_in(mut self, run: impl Fn(&mut S, &Context<'_>) -> Outcome + Send + Sync + 'static) -> Self {
        if let Some(Placement { name, kind: Kind::FanOut { fan_in, .. }, .. }) = self.dag.nodes.last_mut() {
            *fan_in = FanIn::Custom { node: name.clone() };
        }
        if let Some(node) = self.last() {
            node.fan_in = Some(Arc::new(run));
        }
        self
    }

    /// Another DAG as a placement, on the same state. `outputs`: where success and error lead.
    pub fn deep_dag(mut self, name: &str, inner: Builder<S>, outputs: [Option<&str>; 2]) -> Self {
        let kind = Kind::Deep { dag: inner.dag.name.clone(), mapping: None };
        self.nodes.extend(inner.nodes);
        self.inner.extend(inner.inner);
        self.inner.push(inner.dag);
        self.place(name, kind, ["success", "error"].into_iter().zip(outputs), Node::default())
    }

    /// When the last placed placement is tried again.
    pub fn retry(mut self, retry: Retry) -> Self {
        if let Some(placement) = self.dag.nodes.last_mut() {
            placement.retry = Some(retry);
        }
        self
    }

    /// How long an attempt of the last placed placement may take, by the clock that the run is given.
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        if let Some(placement) = self.dag.nodes.last_mut() {
            placement.timeout_ms = Some(timeout_ms);
        }
        self
    }

    /// The placement to begin with; the first that was placed if this is not called.
    pub fn entrypoint(mut self, name: &str) -> Self {
        self.dag.entrypoint = name.into();
        self
    }

    fn last(&mut self) -> Option<&mut Node<S>> {
        let name = self.dag.nodes.last()?.name.clone();
        self.nodes.get_mut(&(self.dag.name.clone(), name))
    }

    /// Checks the DAG as a document is checked, and makes it ready to run.
    pub fn build(self) -> Result<NativeDag<S>, Problems> {
        let mut registry = Registry::default();
        let name = self.dag.name.clone();
        for dag in self.inner.into_iter().chain([self.dag]) {
            registry.add(Dag::from_json(&dag.to_json())?.dag);
        }
        let compiled = registry.compile(&name)?;
        let nodes = compiled.sites().iter().map(|site| {
            let dag = compiled.flows()[site.flow as usize].dag.name.clone();
            self.nodes.get(&(dag, site.name.to_string())).cloned().unwrap_or_default()
        });
        let nodes = nodes.collect();
        Ok(NativeDag { compiled, nodes })
    }
}

/// A DAG of closures.
pub struct NativeDag<S> {
    compiled: Compiled,
    nodes: Vec<Node<S>>,
}

impl<S> NativeDag<S> {
    /// The DAG without its closures.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Runs it from the beginning; delays of retries take no time, and timeouts are not looked at.
    pub fn run(&self, state: &mut S) -> Result<(), RunError> {
        let mut running = Running::new(self, 0, NoTime::default());
        running.start(None).map_err(|e| RunError::Failed { path: String::new(), message: e.to_string() })?;
        running.finish(state)
    }
}

/// Time, for delays and timeouts.
pub trait Clock {
    /// Milliseconds since any moment.
    fn now(&self) -> u64;
    /// Waits.
    fn sleep(&mut self, ms: u64);
}

/// Time that passes only by waiting, at once.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoTime(u64);

impl Clock for NoTime {
    fn now(&self) -> u64 {
        self.0
    }

    fn sleep(&mut self, ms: u64) {
        self.0 += ms;
    }
}

/// A DAG of closures on its way.
pub struct Running<'d, S, C: Clock = NoTime> {
    dag: &'d NativeDag<S>,
    machine: Machine,
    clock: C,
    queue: VecDeque<(Call, u32, Role)>,
    timers: Vec<(u64, Call)>,
    out: Vec<Action>,
    hooks: Option<Hook<'d>>,
    error: String,
}

impl<'d, S, C: Clock> Running<'d, S, C> {
    /// A run that has not begun. `seed` decides the chance in delays.
    pub fn new(dag: &'d NativeDag<S>, seed: u64, clock: C) -> Self {
        Self::of(dag, Machine::new(&dag.compiled, seed), clock)
    }

    /// A run that was saved; what was under way is begun again.
    pub fn load(dag: &'d NativeDag<S>, bytes: &[u8], clock: C) -> Result<Self, BadState> {
        let machine = Machine::load(&dag.compiled, bytes)?;
        let mut running = Self::of(dag, machine, clock);
        running.machine.outstanding(&dag.compiled, &mut running.out);
        running.act();
        Ok(running)
    }

    fn of(dag: &'d NativeDag<S>, machine: Machine, clock: C) -> Self {
        let (queue, timers, out) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { dag, machine, clock, queue, timers, out, hooks: None, error: String::new() }
    }

    /// Calls `hook` with every action, in order.
    pub fn hooks(mut self, hook: impl FnMut(&Compiled, &Action) + 'd) -> Self {
        self.hooks = Some(Box::new(hook));
        self
    }

    /// The machine, to look at.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The run as bytes, to be loaded with the same DAG; the user's state is the caller's to save.
    pub fn save(&self) -> Vec<u8> {
        self.machine.save()
    }

    /// Begins, at the entrypoint or a cursor.
    pub fn start(&mut self, cursor: Option<&str>) -> Result<(), StepError> {
        self.event(&Event::Start { cursor: cursor.map(str::to_owned) })
    }

    /// Goes on after a failure or cancellation, where it stood or at a cursor.
    pub fn resume(&mut self, cursor: Option<&str>) -> Result<(), StepError> {
        self.event(&Event::Resume { cursor: cursor.map(str::to_owned) })
    }

    /// Ends the run between two nodes.
    pub fn cancel(&mut self, reason: &str) -> Result<(), StepError> {
        self.event(&Event::Cancel { reason: reason.to_owned() })?;
        // Nothing is under way between two nodes: what waits was not begun.
        while let Some((call, ..)) = self.queue.pop_front() {
            self.event(&Event::Aborted { call })?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<(), StepError> {
        self.out.clear();
        self.machine.step(&self.dag.compiled, event, &mut self.out)?;
        self.act();
        Ok(())
    }

    fn act(&mut self) {
        for action in &self.out {
            if let Some(hook) = &mut self.hooks {
                hook(&self.dag.compiled, action);
            }
            match action {
                Action::Run { call, attempt, role } => self.queue.push_back((*call, *attempt, *role)),
                // A timeout is looked at when its node has ended: a closure cannot be cut short.
                Action::StartTimer { call, ms, kind: TimerKind::Backoff } => {
                    self.timers.push((self.clock.now() + ms, *call));
                }
                Action::StopTimer { call } => self.timers.retain(|(_, timer)| timer != call),
                _ => {}
            }
        }
    }

    /// Runs the next node. Gives whether there was one.
    pub fn step(&mut self, state: &mut S) -> bool {
        let Some((call, attempt, role)) = self.queue.pop_front() else { return self.wait() };
        let dag = self.dag;
        let (site, node) = (&dag.compiled.sites[call.site as usize], &dag.nodes[call.site as usize]);
        let item = (call.item != NONE).then_some(call.item as usize);
        let context = Context { path: &site.path, attempt, item };
        let began = if site.timeout_ms > 0 { self.clock.now() } else { 0 };
        self.out.clear();
        let outcome = match role {
            Role::Node => node.run.as_ref().map(|run| run(state, &context)),
            Role::FanIn => node.fan_in.as_ref().map(|run| run(state, &context)),
            Role::Combine => {
                let ports = self.ports(call.site);
                node.combine.as_ref().map(|choose| Ok(choose(state, &ports)))
            }
            Role::Items => {
                let count = node.count.as_ref().map_or(0, |count| count(state));
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                self.machine.items(&dag.compiled, call, count, &mut self.out);
                self.act();
                return true;
            }
        };
        if site.timeout_ms > 0 && self.clock.now() - began > site.timeout_ms {
            self.error = format!("took longer than {} ms", site.timeout_ms);
            self.machine.timer(&dag.compiled, call, &mut self.out);
            self.act();
            return true;
        }
        match outcome.unwrap_or_else(|| Err("there is no function of this name".into())) {
            Ok(port) => {
                let id = dag.compiled.port(port);
                if id == PortId::OTHER {
                    self.error = format!("its port {port:?} is not wired");
                }
                self.machine.finished(&dag.compiled, call, id, &mut self.out)
            }
            Err(error) => {
                self.error = error.message;
                self.machine.failed(&dag.compiled, call, error.fatal, &mut self.out)
            }
        };
        self.act();
        true
    }

    fn ports(&self, group: u32) -> Vec<(&'d str, bool)> {
        let dag: &'d Compiled = &self.dag.compiled;
        let SiteKind::Parallel { members, .. } = &dag.sites[group as usize].kind else { return Vec::new() };
        let port = |member: &u32| match self.machine.outcome(*member, NONE) {
            Some(Ok(port)) => (dag.port_name(port), false),
            _ => ("error", true),
        };
        members.iter().map(port).collect()
    }

    fn wait(&mut self) -> bool {
        let Some(next) = (0..self.timers.len()).min_by_key(|at| self.timers[*at]) else { return false };
        let (due, call) = self.timers.swap_remove(next);
        self.clock.sleep(due.saturating_sub(self.clock.now()));
        self.out.clear();
        self.machine.timer(&self.dag.compiled, call, &mut self.out);
        self.act();
        true
    }

    /// Runs to the end.
    pub fn finish(&mut self, state: &mut S) -> Result<(), RunError> {
        while self.step(state) {}
        let path = || self.machine.cursor(&self.dag.compiled).unwrap_or_default().to_owned();
        match self.machine.end() {
            Some(End::Completed) => Ok(()),
            Some(End::Cancelled | End::TimedOut) => {
                Err(RunError::Cancelled { path: path(), reason: self.machine.reason().to_owned() })
            }
            _ => Err(RunError::Failed { path: path(), message: self.error.clone() }),
        }
    }
}
