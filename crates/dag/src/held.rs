//! What a driver holds for a machine when the user's state is JSON: the states of flows, what the members of a group
//! changed so far, the results of items. Pure, and as JSON part of a snapshot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::compiled::{Compiled, NONE, SiteKind};
use crate::document::ERROR;
use crate::machine::{Action, Call, Role};
use crate::state::{self, ItemResult, NodeResult, PathError};

/// The user's state on its way through a DAG.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Held {
    root: Value,
    /// The states of sub-DAGs with a mapping, by flow.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    flows: BTreeMap<u32, Value>,
    /// The state as a member of a group sees it, by site; one that changed nothing sees its flow's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    views: BTreeMap<u32, Value>,
    /// Results of items, by site and item.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    results: BTreeMap<u32, BTreeMap<u32, ItemResult>>,
}

impl Held {
    /// Begins with a state.
    pub fn new(state: Value) -> Self {
        Self { root: state, flows: BTreeMap::new(), views: BTreeMap::new(), results: BTreeMap::new() }
    }

    /// Whether everything that is held has a place in the DAG: to be asked of what was read from outside.
    pub fn fits(&self, dag: &Compiled) -> bool {
        let (flows, sites) = (dag.flows().len() as u32, dag.sites().len() as u32);
        self.flows.keys().all(|flow| (1..flows).contains(flow))
            && self.views.keys().all(|site| *site < sites)
            && self.results.keys().all(|site| *site < sites)
    }

    /// The outermost state.
    pub fn state(&self) -> &Value {
        &self.root
    }

    /// Gives the outermost state back.
    pub fn into_state(self) -> Value {
        self.root
    }

    /// The state that a site reads.
    pub fn view(&self, dag: &Compiled, site: u32) -> &Value {
        let here = &dag.sites()[site as usize];
        if let Some(view) = self.views.get(&site).filter(|_| here.owner != NONE) {
            return view;
        }
        match here.flow {
            0 => &self.root,
            flow => self.flows.get(&flow).unwrap_or_else(|| self.view(dag, dag.flows()[flow as usize].parent)),
        }
    }

    /// The state that a site writes.
    fn view_mut(&mut self, dag: &Compiled, site: u32) -> &mut Value {
        let here = &dag.sites()[site as usize];
        if here.owner != NONE {
            if !self.views.contains_key(&site) {
                let copy = self.view(dag, site).clone();
                self.views.insert(site, copy);
            }
            return self.views.entry(site).or_insert(Value::Null);
        }
        match here.flow {
            0 => &mut self.root,
            flow if self.flows.contains_key(&flow) => self.flows.entry(flow).or_insert(Value::Null),
            flow => self.view_mut(dag, dag.flows()[flow as usize].parent),
        }
    }

    /// How many items a fan-out has.
    pub fn count(&self, dag: &Compiled, site: u32) -> Result<usize, PathError> {
        match &dag.sites()[site as usize].kind {
            SiteKind::FanOut { source, .. } => state::items(self.view(dag, site), source).map(<[Value]>::len),
            _ => Ok(0),
        }
    }

    /// The item of a call, for a node of a fan-out.
    pub fn item(&self, dag: &Compiled, call: Call) -> Option<&Value> {
        match &dag.sites()[call.site as usize].kind {
            SiteKind::FanOut { source, .. } if call.item != NONE => {
                state::items(self.view(dag, call.site), source).ok()?.get(call.item as usize)
            }
            _ => None,
        }
    }

    /// The state that a node is given: with its item in place, where it has one.
    pub fn input(&self, dag: &Compiled, call: Call) -> Result<Value, PathError> {
        let mut input = self.view(dag, call.site).clone();
        if let (Some(item), SiteKind::FanOut { item_key, .. }) =
            (self.item(dag, call), &dag.sites()[call.site as usize].kind)
        {
            state::set(&mut input, item_key, item.clone())?;
        }
        Ok(input)
    }

    /// The results of a fan-out as its custom fan-in gets them: `[{port, value, threw}]`, in the items' order.
    pub fn results(&self, site: u32) -> Value {
        self.results.get(&site).map_or_else(
            || json!([]),
            |results| results.values().map(|r| json!({ "port": r.port, "value": r.value, "threw": r.threw })).collect(),
        )
    }

    /// Takes what a node gave. Gives its port.
    pub fn accept(&mut self, dag: &Compiled, call: Call, role: Role, result: NodeResult) -> String {
        let NodeResult { port, state: fields, result } = result;
        match (&dag.sites()[call.site as usize].kind, role) {
            (SiteKind::FanOut { item_key, .. }, Role::Node) if call.item != NONE => {
                // Without a result, the item as the node left it is the result.
                let value = result.or_else(|| state::get(&Value::Object(fields), item_key).cloned());
                let value = value.unwrap_or_else(|| self.item(dag, call).cloned().unwrap_or_default());
                let taken = ItemResult { port: port.clone(), value, threw: false };
                self.results.entry(call.site).or_default().insert(call.item, taken);
            }
            _ if !fields.is_empty() => state::update(self.view_mut(dag, call.site), fields),
            _ => {}
        }
        port
    }

    /// Takes that a node threw, after its last attempt.
    pub fn threw(&mut self, call: Call, error: &str) {
        if call.item != NONE {
            let result = ItemResult { port: ERROR.into(), value: json!({ "error": error }), threw: true };
            self.results.entry(call.site).or_default().insert(call.item, result);
        }
    }

    /// Does what an action says of the state; all others are left to the driver.
    pub fn act(&mut self, dag: &Compiled, action: &Action) -> Result<(), PathError> {
        match *action {
            Action::Enter { flow } => {
                let parent = dag.flows()[flow as usize].parent;
                if let SiteKind::Deep { mapping: Some(mapping), .. } = &dag.sites()[parent as usize].kind {
                    let inner = state::enter(self.view(dag, parent), mapping)?;
                    self.flows.insert(flow, inner);
                }
            }
            Action::Leave { flow, completed } => {
                let inner = self.flows.remove(&flow);
                let parent = dag.flows()[flow as usize].parent;
                let Some(SiteKind::Deep { mapping: Some(mapping), .. }) = dag.site(parent).map(|site| &site.kind)
                else {
                    return Ok(());
                };
                if let Some(inner) = inner.filter(|_| completed) {
                    state::leave(self.view_mut(dag, parent), &inner, mapping)?;
                }
            }
            Action::Merge { site } => self.merge(dag, site)?,
            Action::Forget { site } => {
                self.results.remove(&site);
                if let SiteKind::Parallel { members, .. } = &dag.sites()[site as usize].kind {
                    for member in members {
                        self.views.remove(member);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn merge(&mut self, dag: &Compiled, site: u32) -> Result<(), PathError> {
        match &dag.sites()[site as usize].kind {
            SiteKind::Parallel { members, .. } => {
                let views: Vec<_> = members.iter().filter_map(|member| self.views.remove(member)).collect();
                if !views.is_empty() {
                    let base = self.view(dag, site).clone();
                    let target = self.view_mut(dag, site);
                    views.iter().for_each(|view| state::rebase(target, &base, view));
                }
            }
            SiteKind::FanOut { fan_in, .. } => {
                let results: Vec<_> = self.results.remove(&site).unwrap_or_default().into_values().collect();
                state::fan_in(self.view_mut(dag, site), fan_in, &results)?;
            }
            _ => {}
        }
        Ok(())
    }
}
