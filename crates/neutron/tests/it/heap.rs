//! Large and deep heaps, saved and resumed.

use crate::drive;
use crate::port::World;

/// Runs, resumes from the file, and gives what each printed last.
fn both(source: &str) -> (Vec<String>, Vec<String>, usize) {
    let mut world = World::new();
    drive::finish(&mut *drive::load(&drive::code(source)), &mut world);
    let bytes = world.file("/here/c").unwrap().to_vec();
    let mut there = World::new();
    drive::finish(&mut *drive::load_snapshot(&bytes), &mut there);
    (world.out, there.out, bytes.len())
}

#[test]
fn a_million_objects() {
    let (first, second, _) = both(
        "use sys; var all = []; for (var i = 0; i < 1000000; i++) all.push({'i': i});
         sys.checkpoint('c'); var s = 0; for (var i in all) s += all[i].i; say(s);",
    );
    assert_eq!(first, ["499999500000"]);
    assert_eq!(second, first);
}

#[test]
fn a_million_numbers_are_eight_bytes_each() {
    let (first, second, size) = both(
        "use sys; var a = []; for (var i = 0; i < 1000000; i++) a.push(i / 3);
         sys.checkpoint('c'); say(a[999999]);",
    );
    assert_eq!(second, first);
    assert!(size < 8_100_000, "{size}");
}

#[test]
fn ten_thousand_calls() {
    let (first, second, _) =
        both("use sys; fun f(n) { if (n == 0) { sys.checkpoint('c'); return 0; } return f(n - 1) + 1; } say(f(9990));");
    assert_eq!(first, ["9990"]);
    assert_eq!(second, first);
}

#[test]
fn a_list_of_a_hundred_thousand_links() {
    let (first, second, _) = both(
        "use sys; class Node { fun init(next, v) { this.next = next; this.v = v; } }
         var list = nil; for (var i = 0; i < 100000; i++) list = Node(list, i);
         sys.checkpoint('c'); var s = 0; while (list != nil) { s += list.v; list = list.next; } say(s);",
    );
    assert_eq!(first, ["4999950000"]);
    assert_eq!(second, first);
}

#[test]
fn only_what_lives_is_saved() {
    let (_, _, size) = both(
        "use sys; fun work() { var garbage = []; for (var i = 0; i < 100000; i++) garbage.push('text ' + i); return garbage.length; }
         work(); sys.checkpoint('c'); say('end');",
    );
    assert!(size < 30_000, "{size}");
}

#[test]
fn a_program_beyond_its_memory_gets_an_error() {
    use run::Guest;
    let source =
        "var a = []; try { while (true) a.push('x' * 10000); } catch (e) { a = nil; say(e.kind); } say('after');
        var b = []; try { while (true) b.push([b]); } catch (e) { b = nil; say(e.kind); }
        var s = 'x'; try { while (true) s = s + s; } catch (e) { s = ''; say(e.kind); }";
    let limits = run::limits::Limits { memory: 20 << 20, ..Default::default() };
    let mut world = World::new();
    let mut program = neutron::Neutron.load(&drive::code(source), &limits).unwrap();
    drive::finish(&mut *program, &mut world);
    assert_eq!(world.out, ["MemoryError", "after", "MemoryError", "MemoryError"]);
}
