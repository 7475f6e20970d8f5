//! Where boxes go: layers from top to bottom by the longest way from the entrypoint, those that belong together near
//! each other.

use super::Graph;

/// The position of a box.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub layer: usize,
}

const LETTER: f64 = 7.2;
const GAP: f64 = 36.0;
const LAYER_GAP: f64 = 64.0;
const MARGIN: f64 = 24.0;
/// Labels longer than this are cut where they are drawn.
pub(super) const LETTERS: usize = 40;

/// The places of all nodes, and the size of the whole. Members lie in their groups.
pub(super) fn places(graph: &Graph<'_>) -> (Vec<Place>, f64, f64) {
    let count = graph.nodes.len();
    let mut places: Vec<Place> = graph
        .nodes
        .iter()
        .map(|node| {
            let letters = node.label.chars().count().max(node.detail.chars().count()).min(LETTERS);
            let height = if node.detail.is_empty() { 34.0 } else { 50.0 };
            Place { width: (letters as f64 * LETTER + 28.0).max(64.0), height, ..Place::default() }
        })
        .collect();
    for group in 0..count {
        let members: Vec<usize> = (0..count).filter(|m| graph.nodes[*m].group == Some(group)).collect();
        if !members.is_empty() {
            let inner: f64 = members.iter().map(|m| places[*m].width + 12.0).sum();
            let tall = members.iter().map(|m| places[*m].height).fold(0.0, f64::max);
            places[group].width = places[group].width.max(inner + 12.0);
            places[group].height = tall + 62.0;
        }
    }
    let layers = layers(graph);
    let (mut y, mut widest) = (MARGIN, 0f64);
    for (number, layer) in layers.iter().enumerate() {
        let tall = layer.iter().map(|node| places[*node].height).fold(0.0, f64::max);
        let mut x = 0.0;
        for node in layer {
            let place = &mut places[*node];
            (place.x, place.y, place.layer) = (x, y + (tall - place.height) / 2.0, number);
            x += place.width + GAP;
        }
        widest = widest.max(x - GAP);
        y += tall + LAYER_GAP;
    }
    for layer in &layers {
        let width = layer.iter().map(|node| places[*node].width + GAP).sum::<f64>() - GAP;
        layer.iter().for_each(|node| places[*node].x += MARGIN + (widest - width) / 2.0);
    }
    for group in 0..count {
        let mut x = places[group].x + 12.0;
        for member in (0..count).filter(|m| graph.nodes[*m].group == Some(group)) {
            (places[member].x, places[member].y) = (x, places[group].y + 50.0);
            x += places[member].width + 12.0;
        }
    }
    // Edges that go back need room at the right.
    (places, widest + 2.0 * MARGIN + 60.0, y - LAYER_GAP + MARGIN)
}

/// The nodes of each layer, from left to right.
fn layers(graph: &Graph<'_>) -> Vec<Vec<usize>> {
    let count = graph.nodes.len();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        next[edge.from].push(edge.to);
    }
    let entry = graph.nodes.iter().position(|node| node.name.is_some()).into_iter();
    // A depth-first order; edges against it go back, and do not count.
    let (mut state, mut order) = (vec![0u8; count], Vec::new());
    for root in entry.chain(0..count).filter(|node| graph.nodes[*node].group.is_none()) {
        let mut stack = vec![(root, 0)];
        if std::mem::replace(&mut state[root], 1) != 0 {
            continue;
        }
        while let Some((node, at)) = stack.last_mut() {
            match next[*node].get(*at).copied() {
                Some(to) => {
                    *at += 1;
                    if state[to] == 0 {
                        state[to] = 1;
                        stack.push((to, 0));
                    }
                }
                None => {
                    order.push(*node);
                    stack.pop();
                }
            }
        }
    }
    order.reverse();
    let mut rank = vec![0; count];
    order.iter().enumerate().for_each(|(i, node)| rank[*node] = i);
    let mut depth = vec![0; count];
    for node in &order {
        for to in next[*node].iter().filter(|to| rank[**to] > rank[*node]) {
            depth[*to] = depth[*to].max(depth[*node] + 1);
        }
    }
    let mut layers = vec![Vec::new(); order.iter().map(|node| depth[*node] + 1).max().unwrap_or(0)];
    order.iter().for_each(|node| layers[depth[*node]].push(*node));
    // Each node goes near the middle of those that lead to it.
    let mut place = vec![0f64; count];
    for layer in &mut layers {
        for node in layer.iter() {
            let before = graph.edges.iter().filter(|edge| edge.to == *node && rank[edge.from] < rank[*node]);
            let (sum, n) = before.fold((0.0, 0.0), |(sum, n), edge| (sum + place[edge.from], n + 1.0));
            place[*node] = if n > 0.0 { sum / n } else { 0.5 };
        }
        layer.sort_by(|a, b| place[*a].total_cmp(&place[*b]).then(rank[*a].cmp(&rank[*b])));
        let most = layer.len() as f64;
        for (i, node) in layer.iter().enumerate() {
            place[*node] = (i as f64 + 0.5) / most;
        }
    }
    layers
}
