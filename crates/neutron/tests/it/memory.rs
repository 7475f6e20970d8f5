//! A program that wants more memory than it may have gets an error that it can catch; the process never notices.

use run::{Guest, Outcome, Port, Stop, TurnEnd};

use crate::drive;
use crate::port::World;

/// Runs with 16 MiB; every piece of code must end in a `MemoryError`.
fn fails(pieces: &[&str]) {
    for piece in pieces {
        let source = format!(
            "use sys; use arrays; use strings; use json; use fmt; use regex; use process; use async; use log;
             fun dag(leaf) {{ var d = [leaf]; for (var i = 0; i < 60; i++) d = [d, d]; return d; }}
             var mega = 'x' * 1000000;
             try {{ {piece}; say('no error'); }} catch (e) {{ say(e.kind); }}
             say('goes on');"
        );
        let limits = run::limits::Limits { memory: 16 << 20, ..Default::default() };
        let mut world = World::new();
        let mut program = neutron::Neutron.load(&drive::code(&source), &limits).unwrap();
        let end = drive::finish(&mut *program, &mut world);
        assert_eq!(world.out, ["MemoryError", "goes on"], "{piece}: {end:?}");
    }
}

#[test]
fn what_is_shared_may_print_longer_than_any_memory() {
    fails(&[
        "say(dag('x'))",
        "var s = '' + dag('x')",
        "var s = dag('x') + ''",
        "var s = \"${dag('x')}\"",
        "fmt.to_str(dag('x'))",
        "arrays.to_string(dag('x'))",
        "dag('x').join('')",
        "[dag('x')].join()",
        "json.stringify(dag('x'))",
        "json.stringify(dag('x'), 2)",
        "json.writeFile('f', dag('x'))",
        "sys.write('f', dag('x'))",
        "log.info(dag('x'))",
        "fmt.pad_left(dag('x'), 5)",
        "'{}'.format(dag('x'))",
        "'{:.5}'.format(dag('x'))",
        "sys.input(dag('x'))",
        "arrays.flat(dag('x'), 100)",
        "var f = say; f(dag('x'))",
        "sys.exec([dag('x')])",
    ]);
}

#[test]
fn large_results_are_refused_before_they_are_made() {
    fails(&[
        "arrays.range(100000000)",
        "arrays.new(10000000)",
        "sys.alloc(16000000); var b = [sys.alloc(9000000), sys.alloc(9000000)]",
        "fmt.pad_left('x', 16000000, '😀')",
        "mega.repeat(1000)",
        "mega * 20",
        "mega.replace('x', mega)",
        "mega.replace('', mega)",
        "strings.replace(mega, 'x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')",
        "regex.replace(mega, 'x', mega)",
        "regex.replace(mega, 'x*', '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')",
        "('{0}' * 100).format(mega)",
        "var s = mega; while (true) s = \"${s}${s}\"",
        "arrays.fill(arrays.new(100), mega).join()",
        "mega.split('')",
        "mega.chars",
        "for (c in mega) { }",
        "[...mega]",
        "json.parse('[' + '[],' * 3000000 + '1]')",
        "json.parse('[' + '1,' * 4000000 + '1]')",
        "json.parse('{' + '\"a\":[[]],' * 700000 + '\"b\":1}'); json.parse('[' + '[[]],' * 700000 + '1]')",
        "('\u{fdfa}' * 400000).normalize('NFKD')",
        "var s = 'x'; while (true) s += s",
        "var s = 'x'; while (true) s = s + 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'",
        "var a = []; while (true) a.push(...[1, 2, 3, 4, 5])",
        "var o = {}; var i = 0; while (true) { o['k' + i] = i; i++; }",
        "class A { } var a = A(); var i = 0; while (true) { a['k' + i] = i; i++; }",
        "var l = nil; while (true) { var before = l; l = fun () { return before; }; }",
        "var l = []; while (true) { l.push('abc'.upper); }",
    ]);
}

#[test]
fn tasks_and_their_stacks_count() {
    fails(&[
        "while (true) process.spawn(fun () { process.receive(); })",
        "while (true) async.run(fun () { async.sleep(1000); })",
        "fun deep(n) { if (n > 0) return deep(n - 1); async.sleep(100000); }
         var all = []; while (true) { all.push(async.run(deep, 5000)); async.sleep(0); }",
    ]);
}

/// A world that ends the turn at the tenth look.
struct Impatient(World, u32);

impl Port for Impatient {
    fn effect(&mut self, effect: run::Effect) -> Result<u64, Stop> {
        self.0.effect(effect)
    }

    fn call(&mut self, op: String, args: run::Payload) -> Result<(u64, Outcome), Stop> {
        self.0.call(op, args)
    }

    fn interrupted(&mut self) -> Option<Stop> {
        self.1 += 1;
        (self.1 >= 10).then(|| Stop(run::program::ProgramError::new("limit", "too long")))
    }
}

#[test]
fn no_loop_escapes_the_limit_of_a_turn() {
    for source in [
        "while (true) { }",
        "for (;;) { }",
        "do { } while (true);",
        "fun f() { g(); } fun g() { } while (true) f();",
        "while (true) { try { throw 1; } catch (e) { } }",
        "while (true) { try { nil.x; } finally { continue; } }",
        "use process; var a = process.spawn(fun () { while (true) process.send(process.receive(), 1); });
         while (true) { process.send(a, process.self()); process.receive(); }",
        "use async; fun f() { async.run(f); } f();",
        "retry (1e300) { throw 1; }",
        "var a = [1]; while (true) { a = a.map(fun (x) { return x + 1; }); }",
        "var a = [1]; for (i in a) { a.push(1); if (a.length > 1000) a = [1]; } while (true) { for (c in 'abc') { } }",
        "fun f(n) { if (n > 0) { f(n - 1); f(n - 1); } } f(60);",
    ] {
        let mut world = Impatient(World::new(), 0);
        let wake = drive::start(&world.0);
        let mut program = drive::load(&drive::code(source));
        let ended = program.turn(wake, &mut world);
        assert!(matches!(&ended, Err(stop) if stop.0.kind == "limit"), "{source}: {:?}", ended.ok());
    }
}

#[test]
fn a_memory_error_that_nobody_catches_ends_the_program_cleanly() {
    let limits = run::limits::Limits { memory: 16 << 20, ..Default::default() };
    let mut world = World::new();
    let source = "var a = []; while (true) a.push([a]);";
    let mut program = neutron::Neutron.load(&drive::code(source), &limits).unwrap();
    let TurnEnd::Failed(error) = drive::finish(&mut *program, &mut world) else { panic!("it went on") };
    assert!(error.message.starts_with("MemoryError: "), "{}", error.message);
    assert!(error.stack.unwrap().contains("test.nt:1"));
}
