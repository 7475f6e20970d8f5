//! Drawings: what they say, and that nothing in a document can break out of them.

use dag::Dag;
use dag::render::{cytoscape, json_ld, mermaid, svg};
use serde_json::{Value, json};

use crate::random::{Random, documents};
use crate::world::{document, single};

fn sample() -> Dag {
    let nodes = json!([
        single("a", json!({ "success": "g", "again": "a" })),
        { "@type": "ParallelNode", "name": "g", "nodes": ["m", "./n.ts#f"], "combine": "collect", "outputs": { "success": "d" } },
        single("m", json!({ "success": null })),
        { "@type": "DeepDAGNode", "name": "d", "dag": "inner", "outputs": { "success": null, "error": "a" } },
    ]);
    Dag::from_json(&document("sample", "a", nodes)).unwrap().dag
}

#[test]
fn mermaid_draws_a_flowchart() {
    let wanted = "\
flowchart TD
  n0[\"a\"]
  subgraph n1[\"g<br/>collect\"]
    n3[\"m\"]
    n4[\"f<br/>./n.ts#35;f\"]
  end
  n2[[\"d<br/>inner\"]]
  n5([\"end\"])
  n0 -->|\"success\"| n1
  n0 -->|\"again\"| n0
  n1 -->|\"success\"| n2
  n2 -->|\"success\"| n5
  n2 -->|\"error\"| n0
  style n0 stroke-width:3px
";
    assert_eq!(mermaid(&sample()), wanted);
}

#[test]
fn cytoscape_has_elements() {
    let drawn = cytoscape(&sample());
    assert_eq!(
        drawn["elements"]["nodes"][0],
        json!({ "data": { "id": "a", "label": "a", "type": "SingleNode", "entrypoint": true } })
    );
    assert_eq!(
        drawn["elements"]["nodes"][4],
        json!({ "data": { "id": "g/f", "label": "f", "type": "SingleNode", "detail": "./n.ts#f", "parent": "g" } })
    );
    assert_eq!(
        drawn["elements"]["edges"][3],
        json!({ "data": { "id": "d:success", "source": "d", "target": "/end", "label": "success" } })
    );
    assert_eq!(drawn["elements"]["edges"].as_array().unwrap().len(), 5);
}

#[test]
fn json_ld_names_everything_and_reads_back() {
    let dag = sample();
    let drawn = json_ld(&dag);
    assert_eq!((&drawn["@id"], &drawn["nodes"][3]["@id"]), (&json!("urn:dag:sample"), &json!("urn:dag:sample#d")));
    assert!(drawn["@context"].is_object());
    let again = Dag::from_json(&drawn).unwrap().dag;
    assert_eq!(json_ld(&again), drawn, "what has names keeps them");
    let bare = |dag: &Dag| {
        let mut dag = dag.clone();
        (dag.context, dag.id) = (None, None);
        dag.nodes.iter_mut().for_each(|placement| placement.id = None);
        dag
    };
    assert_eq!(bare(&again), dag);
}

/// Tags in order, each closed; a reader for this test alone.
fn well_formed(svg: &str) -> usize {
    let (mut open, mut count, mut rest) = (Vec::new(), 0, svg);
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > in {:?}", &rest[..at]);
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        assert!(tag.matches('"').count() % 2 == 0 && !tag.contains('<'), "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name.to_owned())),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap().to_owned()),
        }
        count += 1;
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    count
}

#[test]
fn svg_is_well_formed_whatever_names_hold() {
    let nasty = "<script>alert(\"1\")</script>&amp;'";
    let name = nasty.replace('/', "-");
    let nodes = json!([single(&name, json!({ (name.as_str()): null }))]);
    let document = document(&name, &name, nodes);
    let dag = Dag::from_json(&document).unwrap().dag;
    let drawn = svg(&dag);
    well_formed(&drawn);
    assert!(!drawn.contains("<script") && drawn.contains("&lt;script&gt;"), "{drawn}");
    assert!(!mermaid(&dag).contains("<script"));
    assert!(well_formed(&svg(&sample())) > 30);
}

#[test]
fn boxes_do_not_overlap() {
    for seed in 0..300 {
        for document in documents(&mut Random(seed)) {
            let drawn = svg(&Dag::from_json(&document).unwrap().dag);
            well_formed(&drawn);
            let attribute = |tag: &str, name: &str| -> f64 {
                let at = tag.split(&format!(" {name}=\"")).nth(1).unwrap();
                at.split('"').next().unwrap().parse().unwrap()
            };
            let boxes: Vec<(bool, [f64; 4])> = drawn
                .lines()
                .filter(|line| line.starts_with("<rect"))
                .map(|tag| {
                    let group = tag.split('"').nth(1).unwrap().contains("group");
                    (group, ["x", "y", "width", "height"].map(|name| attribute(tag, name)))
                })
                .collect();
            for (i, (group, a)) in boxes.iter().enumerate() {
                for (_, b) in boxes[i + 1..].iter().filter(|(other, _)| !group && !other) {
                    let apart = a[0] + a[2] <= b[0] + 0.1
                        || b[0] + b[2] <= a[0] + 0.1
                        || a[1] + a[3] <= b[1] + 0.1
                        || b[1] + b[3] <= a[1] + 0.1;
                    assert!(apart, "seed {seed}: {a:?} and {b:?}\n{}", Value::to_string(&document));
                }
            }
        }
    }
}
