//! Programs continued from the files that `sys.checkpoint` writes.

use run::TurnEnd;

use crate::conformance::{files, folder};
use crate::drive;
use crate::port::World;

/// Runs a source to its end; the world holds what it wrote.
fn first(source: &str) -> World {
    let mut world = World::new();
    drive::finish(&mut *drive::load(&drive::code_with(source, files())), &mut world);
    world
}

/// Continues from a file of a world, in a world that has the same files.
fn resumed(world: &World, file: &str) -> (World, TurnEnd) {
    let bytes = world.file(file).unwrap_or_else(|| panic!("no {file}")).to_vec();
    let mut there = world.clone();
    there.out.clear();
    there.waiting.clear();
    there.now += 86_400_000;
    let end = drive::finish(&mut *drive::load_snapshot(&bytes), &mut there);
    (there, end)
}

fn check(source: &str, before: &str, after: &str) {
    let world = first(source);
    assert_eq!(world.out.join("\n"), before);
    let (there, end) = resumed(&world, "/here/c");
    assert_eq!(drive::text(&there, &end), format!("{after}\n"));
}

fn example(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.nt"))).unwrap()
}

#[test]
fn the_basic_program_of_the_seed() {
    let world = first(&example("seed_basic"));
    let (there, end) = resumed(&world, "/here/backup.snap");
    assert_eq!(drive::text(&there, &end), "Finished!\n");
}

#[test]
fn the_pipeline_of_the_seed_does_not_download_again() {
    let world = first(&example("seed_pipeline"));
    let (there, end) = resumed(&world, "/here/after_download.snap");
    assert_eq!(drive::text(&there, &end), "uploaded [2, 4, 6]\n");
}

#[test]
fn the_monitor_of_the_seed_wakes_up_each_day() {
    let mut world = first(&example("seed_monitor"));
    for day in 2..5 {
        let (there, end) = resumed(&world, "/here/monitor.snap");
        let expected = format!("Waking up for next day!\nchecking\nDay {day} complete. Hibernating...\n");
        assert_eq!(drive::text(&there, &end), expected);
        world = there;
    }
}

#[test]
fn an_exit_after_something_observable_is_an_exit() {
    check("use sys; sys.checkpoint('c'); say('seen'); sys.exit(0); say('never');", "seen", "seen");
    check("use sys; sys.checkpoint('c'); sys.exit(0); sys.exit(0); say('never');", "", "");
    check("use sys; sys.checkpoint('c'); sys.exit(4); say('passed'); sys.exit(5);", "", "passed\nexit 5");
    check("use sys; sys.checkpoint('c'); var x = 0; while (x < 9) x++; sys.exit(0); say(x);", "", "9");
    check("use sys; sys.checkpoint('c'); sys.write('f', 'x'); sys.exit(0); say('never');", "", "");
    check("use sys; if (sys.checkpoint('c')) say('woke'); sys.exit(0); say('never');", "", "woke");
}

#[test]
fn it_returns_true_when_resumed() {
    check("use sys; say(sys.checkpoint('c'));", "false", "true");
    check("use sys; say(1 + (sys.checkpoint('c') ? 10 : 20) * 2);", "41", "21");
    check(
        "use sys; say([1, 2, 3].map(fun (x) { if (x == 2) return sys.checkpoint('c'); return x; }));",
        "[1, false, 3]",
        "[1, true, 3]",
    );
    check(
        "use sys; var r = []; try { r.push(sys.checkpoint('c')); throw 'x'; } catch (e) { r.push(e); } finally { say(r); }",
        "[false, x]",
        "[true, x]",
    );
}

#[test]
fn it_goes_on_inside_of_everything() {
    check(
        "use sys; class A { fun init(n) { this.n = n; this.r = sys.checkpoint('c'); } fun get() { return this.n; } }
         class B extends A { fun init() { super.init(5); say('built'); } }
         var b = B(); say(b.get()); say(b.r);",
        "built\n5\nfalse",
        "built\n5\ntrue",
    );
    check(
        "use sys; say([3, 1, 2].sort(fun (a, b) { if (a == 2 and b == 3) sys.checkpoint('c'); return a - b; }));",
        "[1, 2, 3]",
        "[1, 2, 3]",
    );
    check(
        "use sys; fun f(n) { if (n == 0) { sys.checkpoint('c'); return 0; } return 1 + f(n - 1); } say(f(9000));",
        "9000",
        "9000",
    );
    check(
        "use sys; try { try { throw 'pending'; } finally { sys.checkpoint('c'); say('cleanup'); } } catch (e) { say(e); }",
        "cleanup\npending",
        "cleanup\npending",
    );
    check(
        "use sys; retry (3) { say('try'); sys.checkpoint('c'); throw 'no'; } catch (e) { say(e); }",
        "try\ntry\ntry\nno",
        "no",
    );
    check("use sys; fun f() { static var n = 0; n++; return n; } f(); f(); sys.checkpoint('c'); say(f());", "3", "3");
    check(
        "use sys; var o = {}; for (var k in {'a': 1, 'b': 2}) { if (k == 'b') sys.checkpoint('c'); o[k] = 1; say(k); } say(o);",
        "a\nb\n{a: 1, b: 1}",
        "b\n{a: 1, b: 1}",
    );
}

#[test]
fn aliasing_cycles_closures_and_strange_texts_survive() {
    check(
        "use sys; var a = [1]; var b = a; var o = {'me': nil}; o.me = o; a.push(o);
         fun pair() { var n = 0; return [fun () { n++; return n; }, fun () { return n; }]; }
         var [up, get] = pair(); up();
         var s = 'nul \\0 and ünï 😀'; var long = s * 50; var piece = long + 'x'; var other = piece + 'y';
         var buf = sys.alloc(3); buf[1] = 200; var view = buf;
         class P { var x = 1; fun m() { return this.x; } } var p = P(); var m = p.m; var f = 'abc'.upper;
         sys.checkpoint('c');
         b.push(3); say(a.length); say(a[1] == a[1].me); say(o); up(); say(get()); say(s); say(piece.length); say(other == piece + 'y');
         view[0] = 1; say(buf[0] + buf[1]); p.x = 7; say(m()); say(f()); say(p); say(P);",
        "3\ntrue\n{me: {...}}\n2\nnul \0 and ünï 😀\n751\ntrue\n201\n7\nABC\n<P instance>\n<class P>",
        "3\ntrue\n{me: {...}}\n2\nnul \0 and ünï 😀\n751\ntrue\n201\n7\nABC\n<P instance>\n<class P>",
    );
}

#[test]
fn modules_work_after_a_resume_and_keep_their_state() {
    let source = "use sys; use random; use log; use json; use math; use regex; use crypto; use time;
        random.seed(5); random.random(); random.gauss(); log.set_level('warn'); var before = time.now();
        sys.checkpoint('c');
        say(random.random()); say(random.gauss()); log.info('hidden'); log.warn('shown');
        say(json.stringify({'k': math.sqrt(16)})); say(regex.findAll('a1b2', '[0-9]')); say(crypto.md5('x'));
        sys.write('f', 'x'); say(sys.read('f')); say(sys.args()); say(time.now() >= before);";
    let world = first(source);
    let (there, end) = resumed(&world, "/here/c");
    assert_eq!(drive::text(&there, &end), world.out.join("\n") + "\n");
}

#[test]
fn secrets_do_not_repeat_in_a_new_run() {
    let source = "use sys; use crypto; sys.checkpoint('c'); say(crypto.random_string(20));";
    let world = first(source);
    let code = neutron::resume(world.file("/here/c").unwrap(), "c.snap").unwrap();
    let mut there = World::new();
    let run::Wake::Start { method, params, run, now, .. } = drive::start(&there) else { panic!() };
    let wake = run::Wake::Start { method, params, run, instance: None, now, seed: run::Seed([8; 32]) };
    drive::load(&std::sync::Arc::new(code)).turn(wake, &mut there).unwrap();
    assert_ne!(there.out, world.out);
}

#[test]
fn tasks_go_on_from_any_task() {
    check(
        "use sys; use async; use process;
         var main = process.self();
         process.spawn(fun () { for (var i = 0; i < 3; i++) { process.send(main, i); async.sleep(10); } });
         var t = async.run(fun () { async.sleep(15); sys.checkpoint('c'); async.sleep(30); return 'task'; });
         say(process.receive()); say(process.receive()); say(process.receive()); say(async.await(t));",
        "0\n1\n2\ntask",
        "2\ntask",
    );
}

#[test]
fn two_tasks_may_save_at_once() {
    check(
        "use sys; use async;
         var t = async.run(fun () { return sys.checkpoint('a'); }); var u = async.run(fun () { return sys.checkpoint('c'); });
         say(async.await(t)); say(async.await(u));",
        "false\nfalse",
        "false\ntrue",
    );
}

#[test]
fn an_error_on_waking_names_the_line_that_waited() {
    check(
        "use sys; use async; use http;
         var t = async.run(fun () {
             try { return http.get('http://h/x').status; } catch (e) { return e.line; }
         });
         var u = async.run(fun () { sys.checkpoint('c'); });
         async.await(u); say(async.await(t));",
        "200",
        "3",
    );
}

#[test]
fn a_request_under_way_is_reported_lost() {
    check(
        "use sys; use async; use http;
         var t = async.run(fun () { try { return http.get('http://h/x').status; } catch (e) { return e.kind; } });
         async.sleep(0); var u = async.run(fun () { return 1; });
         async.await(u); sys.checkpoint('c'); say(async.await(t));",
        "200",
        "200",
    );
    let source = "use sys; use async; use http;
         var t = async.run(fun () { try { return http.get('http://h/x').status; } catch (e) { return e.message; } });
         var u = async.run(fun () { sys.checkpoint('c'); });
         async.await(u); say(async.await(t));";
    check(source, "200", "http GET http://h/x was under way when the program was saved; its result is not known");
}

#[test]
fn a_question_is_asked_again() {
    let source = "use sys; use async; var t = async.run(fun () { return sys.input('name?'); });
        async.await(async.run(fun () { sys.checkpoint('c'); })); say(async.await(t));";
    check(source, "first line", "second line");
}

#[test]
fn a_resumed_program_saves_and_resumes_again() {
    let source = "use sys; var n = 0; while (n < 4) { n++; sys.checkpoint('c'); say(n); }";
    let mut world = first(source);
    assert_eq!(world.out, ["1", "2", "3", "4"]);
    // Always the last checkpoint.
    for _ in 0..3 {
        let (there, end) = resumed(&world, "/here/c");
        assert_eq!(drive::text(&there, &end), "4\n");
        world = there;
        world.put("/here/other", b"");
    }
}

#[test]
fn a_failed_save_leaves_the_program_and_the_last_file() {
    let source = "use sys; sys.checkpoint('c'); say('saved'); sys.input('now full');
        try { sys.checkpoint('c'); say('not reached'); } catch (e) { say(e.kind + ' ' + e.message); }";
    let mut world = World::new();
    let mut program = drive::load(&drive::code(source));
    let wake = drive::start(&world);
    let end = program.turn(wake, &mut world).unwrap();
    let good = world.file("/here/c").unwrap().to_vec();
    world.full = true;
    let end = drive::wait(&mut *program, &mut world, end);
    assert_eq!(end, TurnEnd::Done(run::Payload::null()));
    assert_eq!(
        world.out[1],
        "IOError checkpoint \"/here/c\" was not saved: ENOSPC: no space left on device, fs.writeFile '/here/c'"
    );
    assert_eq!(world.file("/here/c").unwrap(), good);
}

#[test]
fn equal_machines_have_equal_bytes() {
    let source = "use sys; use async; var a = []; for (var i = 0; i < 50; i++) a.push({'i': i, 's': 'x' * i});
        var f = fun (x) { return x + a.length; }; async.sleep(5); sys.checkpoint('c'); say(f(1));";
    let one = first(source);
    // The twin was restored by the executor in between, as after a crash.
    let mut world = World::new();
    let code = drive::code(source);
    let mut program = drive::load(&code);
    let wake = drive::start(&world);
    assert_eq!(program.turn(wake, &mut world).unwrap(), TurnEnd::Idle);
    let image = program.snapshot().unwrap().unwrap();
    let guest: &dyn run::Guest = &neutron::Neutron;
    let mut twin = guest.restore(&code, &run::limits::Limits::default(), &[image.bytes]).unwrap();
    drive::wait(&mut *twin, &mut world, TurnEnd::Idle);
    assert!(one.file("/here/c") == world.file("/here/c"));
}
