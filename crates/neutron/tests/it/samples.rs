//! Snapshots of earlier releases, which every later one resumes. `NEUTRON_WRITE_SAMPLE=1` writes this release's.

use std::path::PathBuf;

use crate::drive;
use crate::port::World;

const SOURCE: &str = "use sys; use random; use async;
class Animal { var legs = 4; fun init(name) { this.name = name; } fun text() { return this.name + ' ' + this.legs; } }
class Bird extends Animal { fun init(name) { super.init(name); this.legs = 2; } }
fun counter() { var n = 0; return fun () { n++; return n; }; }
var birds = [Bird('wren'), Animal('cat')]; var next = counter(); next();
var o = {'k': [1, 2.5, nil, true, 'ünï \\0'], 'o': nil}; o.o = o;
var long = 'long ' * 40 + 'x'; var m = birds[0].text; var buf = sys.alloc(4); buf[2] = 9;
random.seed(3); random.random();
var t = async.run(fun () { async.sleep(50); return 'task'; });
async.sleep(0);
say([3, 1, 2].sort(fun (a, b) {
    try { if (a == 1) sys.checkpoint('c'); } finally { buf[0] = buf[0] + 1; }
    return a - b;
}));
say(birds.map(fun (b) { return b.text(); })); say(next()); say(o); say(long.length); say(m()); say(buf[0] + buf[2]);
say(random.randint(1, 1000)); say(async.await(t));
try { nil.x; } catch (e) { say(e.line); }
";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

#[test]
fn snapshots_of_all_releases_resume() {
    let mut world = World::new();
    let end = drive::finish(&mut *drive::load(&drive::code(SOURCE)), &mut world);
    let expected = drive::text(&world, &end);
    crate::document::read_by_the_page(world.file("/here/c").unwrap());
    if std::env::var("NEUTRON_WRITE_SAMPLE").is_ok() {
        let name = format!("format-{}.snap", neutron::snapshot::FORMAT);
        std::fs::write(folder().join(name), world.file("/here/c").unwrap()).unwrap();
    }
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        crate::document::read_by_the_page(&bytes);
        let mut there = World::new();
        let end = drive::finish(&mut *drive::load_snapshot(&bytes), &mut there);
        assert_eq!(drive::text(&there, &end), expected, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 1, "there is no sample");
}

#[test]
fn a_snapshot_can_be_looked_at() {
    let mut world = World::new();
    drive::finish(&mut *drive::load(&drive::code(SOURCE)), &mut world);
    let seen = neutron::describe(world.file("/here/c").unwrap()).unwrap().value();
    assert_eq!(seen["file"], "test.nt");
    assert_eq!(seen["format"], 1);
    let main = &seen["tasks"][0];
    assert_eq!(main["id"], 0);
    assert_eq!(main["state"], "ready");
    assert_eq!(main["calls"][0]["function"], "(function)");
    assert_eq!(main["calls"][0]["line"], 12);
    assert_eq!(main["calls"][0]["variables"], serde_json::json!({ "a": 1, "b": 3 }));
    assert_eq!(main["calls"][1]["function"], "Array.sort");
    assert_eq!(seen["tasks"][1]["state"], "sleeping");
    assert_eq!(seen["heap"]["kinds"]["instance"], 2);
}
