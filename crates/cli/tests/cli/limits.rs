//! Programs that want too much end once, with the limit's name.

use crate::support::Home;

#[test]
fn limits_end_a_run_with_their_name() {
    let home = Home::new();
    for (code, limit, text) in [
        ("while (true) {}", "--limit-cpu=200ms", "computed for more than 0.2 s"),
        ("const all = []; while (true) all.push(new Array(10_000).fill(1))", "--limit-memory=32M", "limit of 32 MiB"),
        (
            "while (true) console.log('x'.repeat(1000))",
            "--limit-output=5K",
            "printed more than the limit of 5120 bytes",
        ),
    ] {
        let ended = home.run(&["code", code, limit]).expect(1);
        assert!(ended.err.contains("exceeded a limit") && ended.err.contains(text), "{code}: {}", ended.err);
    }
    assert_eq!(home.json(&["list", "--status", "failed"])["runs"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_run_has_only_so_much_time() {
    let home = Home::new();
    let code = "while (true) await new Promise((wake) => setTimeout(wake, 20))";
    let ended = home.run(&["--json", "code", code, "--limit-wall=300ms", "--id", "t1"]).expect(1);
    assert_eq!(ended.json()["status"], "timed_out");
    assert_eq!(home.status("t1"), "timed_out");
}

#[test]
fn deep_recursion_is_an_error_of_the_program() {
    let home = Home::new();
    let code = "const deep = (n) => 1 + deep(n + 1); try { deep(0) } catch (e) { return e instanceof RangeError }";
    assert_eq!(home.run(&["code", code]).expect(0).out, "true\n");
}

#[test]
fn the_configuration_sets_limits() {
    let home = Home::new();
    std::fs::create_dir_all(home.home()).expect("made");
    std::fs::write(home.home().join("quicksave.toml"), "[limits]\ncpu = \"100ms\"\noutput = 10\n").expect("written");
    let ended = home.run(&["code", "while (true) {}"]).expect(1);
    assert!(ended.err.contains("more than 0.1 s"), "{}", ended.err);
    home.run(&["code", "console.log('x'.repeat(20))", "--limit-output=1K"]).expect(0);
}
