//! A DAG with its sub-DAGs, made ready to run: every placement has a number, every port too.
//!
//! Each use of a sub-DAG gets placements (here: sites) of its own, so that a machine's state is one row of slots. The
//! sites of a flow and of all flows inside it lie next to each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::document::{
    Combine, Dag, ERROR, FAN_OUT_PORTS, FanIn, Kind, Mapping, Placement, Problem, Problems, Retry, SUCCESS,
    member_names,
};
use crate::limits;

/// No site, no flow, no item.
pub const NONE: u32 = u32::MAX;

/// The number of a port's name in a compiled DAG.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct PortId(pub u16);

impl PortId {
    /// `success`.
    pub const SUCCESS: Self = Self(0);
    /// `error`.
    pub const ERROR: Self = Self(1);
    pub(crate) const ALL_SUCCESS: Self = Self(2);
    pub(crate) const PARTIAL: Self = Self(3);
    pub(crate) const ALL_ERROR: Self = Self(4);
    pub(crate) const EMPTY: Self = Self(5);
    /// A name that the DAG wires nowhere.
    pub const OTHER: Self = Self(u16::MAX);
}

/// DAG documents by name.
#[derive(Clone, Default, Debug)]
pub struct Registry {
    dags: BTreeMap<String, Arc<Dag>>,
}

impl Registry {
    /// Adds a document. Gives the one of the same name that stood there, which keeps its place in what was compiled.
    pub fn add(&mut self, dag: Dag) -> Option<Arc<Dag>> {
        self.dags.insert(dag.name.clone(), Arc::new(dag))
    }

    /// The document of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Dag>> {
        self.dags.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.dags.keys().map(String::as_str)
    }

    /// Makes the DAG of this name ready to run, with the sub-DAGs that it uses.
    pub fn compile(&self, name: &str) -> Result<Compiled, Problems> {
        Compiled::new(self, name)
    }
}

/// A DAG that is ready to run.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(crate) sites: Vec<Site>,
    pub(crate) flows: Vec<Flow>,
    ports: Vec<Box<str>>,
    port_ids: HashMap<Box<str>, PortId>,
    fingerprint: u64,
    name: String,
}

/// One use of a DAG: 0 is the DAG itself.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The DAG's name.
    pub dag: Arc<Dag>,
    /// The site that runs it, or [`NONE`].
    pub parent: u32,
    /// The site to begin with.
    pub entry: u32,
    /// Its sites and those inside them.
    pub sites: std::ops::Range<u32>,
    /// The flows inside it, and itself.
    pub flows: std::ops::Range<u32>,
}

/// One use of a placement.
#[derive(Clone, Debug)]
pub struct Site {
    /// The placement's name.
    pub name: Box<str>,
    /// The names from the outermost flow on, joined by `/`: its cursor.
    pub path: Box<str>,
    /// The reference to its node; empty for groups and sub-DAGs.
    pub node: Box<str>,
    /// The flow that it belongs to.
    pub flow: u32,
    /// The parallel group whose member it is, or [`NONE`].
    pub owner: u32,
    /// What it does.
    pub kind: SiteKind,
    /// How long one attempt may take, in milliseconds; 0 for any time.
    pub timeout_ms: u64,
    /// When it is tried again.
    pub retry: Option<Retry>,
    /// Port → the site that follows, or [`NONE`] for the end.
    pub(crate) routes: Box<[(PortId, u32)]>,
}

/// What a site does.
#[derive(Clone, Debug)]
pub enum SiteKind {
    /// Runs its node.
    Single,
    /// Runs the members.
    Parallel {
        /// Their sites, in the document's order.
        members: Box<[u32]>,
        /// How their ports become one.
        combine: Combine,
    },
    /// Runs its node for each item.
    FanOut {
        /// Where the array is.
        source: Box<str>,
        /// Where the node finds its item.
        item_key: Box<str>,
        /// How many at one time.
        concurrency: u32,
        /// What becomes of the results.
        fan_in: FanIn,
    },
    /// Runs a flow.
    Deep {
        /// Its number.
        flow: u32,
        /// What passes between the states.
        mapping: Option<Mapping>,
    },
}

impl Site {
    /// The ports that lead somewhere or to the end, with the number of the next site or [`NONE`].
    pub fn routes(&self) -> &[(PortId, u32)] {
        &self.routes
    }

    /// `Some(NONE)` for the end, `None` for a port that is not wired.
    #[inline]
    pub(crate) fn route(&self, port: PortId) -> Option<u32> {
        self.routes.iter().find(|(wired, _)| *wired == port).map(|(_, to)| *to)
    }
}

/// Why a cursor names no place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CursorError {
    /// No placement has this name.
    #[error("no placement of {dag:?} is named {cursor:?}; name one, or a path such as outer/inner")]
    Unknown {
        /// What was given.
        cursor: String,
        /// The DAG.
        dag: String,
    },
    /// Several have it.
    #[error("{cursor:?} could be any of {}; write the whole path", .candidates.join(", "))]
    Ambiguous {
        /// What was given.
        cursor: String,
        /// The paths that fit.
        candidates: Vec<String>,
    },
}

impl Compiled {
    /// Makes the DAG `name` of `registry` ready to run. Every sub-DAG must be registered; none may contain itself.
    pub fn new(registry: &Registry, name: &str) -> Result<Self, Problems> {
        let Some(dag) = registry.get(name) else {
            return Err(Problems(vec![Problem::new(
                "",
                format!("no DAG is registered as {name:?}; register it first"),
            )]));
        };
        let mut compiled = Self {
            sites: Vec::new(),
            flows: Vec::new(),
            ports: Vec::new(),
            port_ids: HashMap::new(),
            fingerprint: 0,
            name: name.to_owned(),
        };
        for port in [SUCCESS, ERROR].into_iter().chain(FAN_OUT_PORTS) {
            compiled.intern(port);
        }
        let mut build = Build { registry, compiled, stack: Vec::new(), used: BTreeMap::new(), problems: Vec::new() };
        build.flow(dag.clone(), NONE, "");
        let Build { mut compiled, used, mut problems, .. } = build;
        if compiled.ports.len() >= usize::from(u16::MAX) {
            problems
                .push(Problem::new("", "the DAG and its sub-DAGs wire more than 65,000 different ports; use fewer"));
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes());
        for dag in used.values() {
            hasher.update(dag.to_json().to_string().as_bytes());
        }
        let hash = hasher.finalize();
        compiled.fingerprint = hash.as_bytes()[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(compiled)
    }

    /// The name of the outermost DAG.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Identifies the DAG and its sub-DAGs by content. A machine's state fits only the DAG that it was made for.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// All sites; their numbers are their positions.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// A site by its number.
    pub fn site(&self, site: u32) -> Option<&Site> {
        self.sites.get(site as usize)
    }

    /// All flows; their numbers are their positions.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// The number of a port's name, or [`PortId::OTHER`].
    pub fn port(&self, name: &str) -> PortId {
        match name {
            SUCCESS => PortId::SUCCESS,
            ERROR => PortId::ERROR,
            name => self.port_ids.get(name).copied().unwrap_or(PortId::OTHER),
        }
    }

    /// The name of a port, or `?` for one that is wired nowhere.
    pub fn port_name(&self, port: PortId) -> &str {
        self.ports.get(usize::from(port.0)).map_or("?", |name| name)
    }

    /// All ports' names; their numbers are their positions.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.ports.iter().map(|name| &**name)
    }

    /// The site that a cursor names: a whole path, or the end of one path. The outermost that fits is meant.
    pub fn resolve(&self, cursor: &str) -> Result<u32, CursorError> {
        let fits = |site: &&Site| {
            site.path.strip_suffix(cursor).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let depth = |site: &Site| site.path.bytes().filter(|byte| *byte == b'/').count();
        let found: Vec<_> = self.sites.iter().filter(fits).collect();
        let Some(least) = found.iter().map(|site| depth(site)).min().filter(|_| !cursor.is_empty()) else {
            return Err(CursorError::Unknown { cursor: cursor.into(), dag: self.name.clone() });
        };
        let best: Vec<_> = found.into_iter().filter(|site| depth(site) == least).collect();
        match best.as_slice() {
            [one] => Ok(self.sites.iter().position(|site| site.path == one.path).map_or(NONE, |i| i as u32)),
            _ => Err(CursorError::Ambiguous {
                cursor: cursor.into(),
                candidates: best.iter().map(|site| site.path.to_string()).collect(),
            }),
        }
    }

    /// The flow that a site runs, if it runs one.
    pub fn flow_of(&self, site: u32) -> Option<u32> {
        match self.site(site)?.kind {
            SiteKind::Deep { flow, .. } => Some(flow),
            _ => None,
        }
    }

    fn intern(&mut self, name: &str) -> PortId {
        if let Some(id) = self.port_ids.get(name) {
            return *id;
        }
        let id = PortId(u16::try_from(self.ports.len()).unwrap_or(u16::MAX));
        if id != PortId::OTHER {
            self.ports.push(name.into());
            self.port_ids.insert(name.into(), id);
        }
        id
    }
}

struct Build<'a> {
    registry: &'a Registry,
    compiled: Compiled,
    stack: Vec<String>,
    used: BTreeMap<String, Arc<Dag>>,
    problems: Vec<Problem>,
}

impl Build<'_> {
    fn flow(&mut self, dag: Arc<Dag>, parent: u32, prefix: &str) -> u32 {
        let number = self.compiled.flows.len() as u32;
        let first = self.compiled.sites.len() as u32;
        self.stack.push(dag.name.clone());
        self.used.insert(dag.name.clone(), dag.clone());
        self.compiled.flows.push(Flow {
            dag: dag.clone(),
            parent,
            entry: NONE,
            sites: first..first,
            flows: number..number,
        });

        // A placement that is only ever a member needs no site of its own.
        let members: BTreeSet<&str> = dag
            .nodes
            .iter()
            .filter_map(|p| match &p.kind {
                Kind::Parallel { members, .. } => Some(members.iter().map(String::as_str)),
                _ => None,
            })
            .flatten()
            .collect();
        let routed: BTreeSet<&str> = dag
            .nodes
            .iter()
            .flat_map(|p| p.outputs.iter().filter_map(|(_, to)| to.as_deref()))
            .chain([dag.entrypoint.as_str()])
            .collect();
        let mut by_name: HashMap<&str, u32> = HashMap::new();
        let own: Vec<&Placement> = dag
            .nodes
            .iter()
            .filter(|p| routed.contains(p.name.as_str()) || !members.contains(p.name.as_str()))
            .collect();
        for placement in &own {
            by_name.insert(&placement.name, self.compiled.sites.len() as u32);
            self.site(placement, &placement.name, number, NONE, prefix);
        }
        for placement in &own {
            let site = by_name[placement.name.as_str()];
            let routes = placement.outputs.iter().map(|(port, to)| {
                let to = to.as_deref().and_then(|to| by_name.get(to).copied()).unwrap_or(NONE);
                (self.compiled.intern(port), to)
            });
            let routes = routes.collect();
            self.compiled.sites[site as usize].routes = routes;
            if let Kind::Parallel { members, combine } = &placement.kind {
                self.group(&dag, placement, site, members, combine.clone(), prefix);
            }
        }
        self.compiled.flows[number as usize].entry = by_name.get(dag.entrypoint.as_str()).copied().unwrap_or(NONE);
        self.children(number, first);
        let (sites, flows) = (self.compiled.sites.len() as u32, self.compiled.flows.len() as u32);
        let flow = &mut self.compiled.flows[number as usize];
        flow.sites = first..sites;
        flow.flows = number..flows;
        self.stack.pop();
        number
    }

    /// Adds a site without its routes, members and flow.
    fn site(&mut self, placement: &Placement, name: &str, flow: u32, owner: u32, prefix: &str) -> u32 {
        let (node, kind) = match &placement.kind {
            Kind::Single { node } => (node.as_str(), SiteKind::Single),
            Kind::Parallel { combine, .. } => ("", SiteKind::Parallel { members: [].into(), combine: combine.clone() }),
            Kind::FanOut { node, source, item_key, concurrency, fan_in } => {
                if let FanIn::Partition { partitions } = fan_in {
                    for (port, _) in partitions {
                        self.compiled.intern(port);
                    }
                }
                let kind = SiteKind::FanOut {
                    source: source.as_str().into(),
                    item_key: item_key.as_str().into(),
                    concurrency: concurrency.unwrap_or(limits::DEFAULT_CONCURRENCY).max(1),
                    fan_in: fan_in.clone(),
                };
                (node.as_str(), kind)
            }
            Kind::Deep { mapping, .. } => ("", SiteKind::Deep { flow: NONE, mapping: mapping.clone() }),
        };
        let number = self.compiled.sites.len() as u32;
        self.compiled.sites.push(Site {
            name: name.into(),
            path: format!("{prefix}{name}").into(),
            node: node.into(),
            flow,
            owner,
            kind,
            timeout_ms: placement.timeout_ms.unwrap_or(0),
            retry: placement.retry,
            routes: [].into(),
        });
        number
    }

    fn group(&mut self, dag: &Dag, group: &Placement, site: u32, names: &[String], combine: Combine, prefix: &str) {
        let flow = self.compiled.sites[site as usize].flow;
        let prefix = format!("{prefix}{}/", group.name);
        if self.compiled.sites.len() + names.len() > limits::SITES {
            return self.too_many();
        }
        let members = names.iter().zip(member_names(names)).map(|(name, shown)| {
            let single;
            let placement = match dag.placement(name) {
                Some(placement) => placement,
                None => {
                    single = Placement {
                        id: None,
                        name: name.clone(),
                        kind: Kind::Single { node: name.clone() },
                        outputs: Vec::new(),
                        timeout_ms: None,
                        retry: None,
                    };
                    &single
                }
            };
            let member = self.site(placement, &shown, flow, site, &prefix);
            // What the group says holds for members that say nothing.
            let slot = &mut self.compiled.sites[member as usize];
            slot.timeout_ms = placement.timeout_ms.or(group.timeout_ms).unwrap_or(0);
            slot.retry = placement.retry.or(group.retry);
            member
        });
        let members = members.collect();
        self.compiled.sites[site as usize].kind = SiteKind::Parallel { members, combine };
    }

    fn too_many(&mut self) {
        let message = format!("the DAG and its sub-DAGs come to more than {} placements; split it", limits::SITES);
        let problem = Problem::new("", message);
        if self.problems.last() != Some(&problem) {
            self.problems.push(problem);
        }
    }

    /// Adds the flows that the sites from `first` on run.
    fn children(&mut self, flow: u32, first: u32) {
        for site in first..self.compiled.sites.len() as u32 {
            let (name, path) = {
                let site = &self.compiled.sites[site as usize];
                if !matches!(site.kind, SiteKind::Deep { .. }) || site.flow != flow {
                    continue;
                }
                (site.name.clone(), site.path.clone())
            };
            let dag = self.compiled.flows[flow as usize].dag.clone();
            let Some((index, placement)) = dag.nodes.iter().enumerate().find(|(_, p)| *p.name == *name) else {
                continue;
            };
            let Kind::Deep { dag: inner, .. } = &placement.kind else { continue };
            let at = |outer: &str| format!("{outer}: nodes[{index}].dag");
            if let Some(start) = self.stack.iter().position(|name| name == inner) {
                let circle = [&self.stack[start..], std::slice::from_ref(inner)].concat().join(" → ");
                let message = format!("the DAG contains itself ({circle}); use a cycle inside one DAG instead");
                self.problems.push(Problem::new(at(&dag.name), message));
            } else if self.stack.len() >= limits::DEPTH {
                let message = format!("DAGs inside DAGs go deeper than {}; flatten them", limits::DEPTH);
                self.problems.push(Problem::new(at(&dag.name), message));
            } else if self.compiled.sites.len() > limits::SITES {
                return self.too_many();
            } else if let Some(inner) = self.registry.get(inner) {
                let child = self.flow(inner.clone(), site, &format!("{path}/"));
                if let SiteKind::Deep { flow, .. } = &mut self.compiled.sites[site as usize].kind {
                    *flow = child;
                }
            } else {
                let message = format!("no DAG is registered as {inner:?}; register it first");
                self.problems.push(Problem::new(at(&dag.name), message));
            }
        }
    }
}
