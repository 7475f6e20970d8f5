//! Attempts to get out of the sandbox, or to exhaust the machine: each ends in a clear error within its limits. What
//! needs other names or addresses than this machine has (DNS rebinding, link-local addresses) is tested in `host`.

use crate::support::Home;

/// Code, options, and what its error or result says.
type Attempt = (&'static str, &'static [&'static str], &'static str);

fn refused(home: &Home, attempts: &[Attempt]) {
    for (code, options, text) in attempts {
        let mut args = vec!["code", code];
        args.extend(*options);
        let ended = home.run(&args);
        assert!(ended.code == 1 || ended.code == 2, "{code}: {ended:?}");
        assert!(ended.err.contains(text) && !ended.err.contains("panicked"), "{code}: {ended:?}");
        assert!(!ended.out.contains("SECRET") && !ended.err.contains("SECRET"), "{code}: {ended:?}");
    }
}

fn with_secrets() -> Home {
    let home = Home::new();
    let outside = home.home().parent().expect("a folder").join("outside");
    std::fs::create_dir(&outside).expect("made");
    for name in ["secret.json", "secret.txt", "secret.ts", "secret"] {
        std::fs::write(outside.join(name), "\"SECRET\"").expect("written");
    }
    let link =
        |to: &str, from: &str| std::os::unix::fs::symlink(outside.join(to), home.work().join(from)).expect("linked");
    link("secret.json", "link.json");
    link("", "folder");
    home
}

#[test]
fn code_imports_nothing_that_it_may_not_read() {
    let home = with_secrets();
    let outside = home.work().parent().expect("a folder").join("outside").canonicalize().expect("there");
    let outside = outside.to_str().expect("text");
    for specifier in ["../outside/secret.json", "../outside/secret", "./link.json", "./folder/secret.ts"]
        .into_iter()
        .map(str::to_owned)
        .chain(["secret.json", "secret.ts", "secret", "nothing.ts"].map(|name| format!("{outside}/{name}")))
        .chain([format!("file://{outside}/secret.json"), "/etc/passwd".into(), "/proc/self/environ".into()])
    {
        for code in [format!("import x from '{specifier}'; return x"), format!("return await import('{specifier}')")] {
            let ended = home.run(&["code", &code]).expect(2);
            assert!(
                ended.err.contains("may not be imported") && ended.err.contains("--allow-read="),
                "{code}: {ended:?}"
            );
            assert!(!ended.err.contains("SECRET") && !ended.err.contains("root:"), "{code}: {ended:?}");
        }
        let hidden = format!("const name = '{specifier}'; return await import(name)");
        let ended = home.run(&["code", &hidden]).expect(1);
        assert!(!ended.err.contains("SECRET") && !ended.err.contains("root:"), "{hidden}: {ended:?}");
    }
    let code = format!("import x from '{outside}/secret.json'; return x");
    let granted = home.run(&["code", &code, &format!("--allow-read={outside}")]).expect(0);
    assert_eq!(granted.out, "SECRET\n");
    home.run(&["code", &code, "--allow-read", &format!("--deny-read={outside}")]).expect(2);
    home.write("own.ts", "export default 'own'");
    assert_eq!(home.run(&["code", "import x from './own'; return x"]).expect(0).out, "own\n");
}

#[test]
fn polluted_prototypes_reach_nothing() {
    let home = with_secrets();
    let read = "const fs = await import('node:fs'); return fs.readFileSync('../outside/secret.txt', 'utf8')";
    for pollution in [
        "for (const key of ['allow', 'all', 'granted', 'read', 'path', 'permissions']) Object.prototype[key] = true;",
        "Object.defineProperty(Object.prototype, 'path', { get: () => 'own.txt', set() {} });",
        "String.prototype.startsWith = () => true; Array.prototype.includes = () => true;",
        "JSON.stringify = () => '{\"path\":\"own.txt\"}'; JSON.parse = () => ({ granted: true });",
        "Array.prototype.push = function () { return 0 }; Promise.prototype.then = function () { return this };",
        "globalThis.Error.prepareStackTrace = (_, frames) => frames;",
    ] {
        let code = format!("{pollution} {read}");
        let ended = home.run(&["code", &code, "--limit-cpu=5s"]);
        assert!(!ended.out.contains("SECRET") && !ended.err.contains("SECRET"), "{code}: {ended:?}");
        assert_ne!(ended.code, 101, "{code}: {ended:?}");
    }
    // The next run is another's: nothing of it is left.
    assert_eq!(
        home.run(&["code", "return [typeof ({}).allow, [1].includes(2)]"]).expect(0).json().to_string(),
        "[\"undefined\",false]"
    );
}

#[test]
fn constructors_lead_to_the_same_world() {
    let home = Home::new();
    for made in [
        "(() => {}).constructor.constructor",
        "Object.getPrototypeOf(async () => {}).constructor",
        "console.log.constructor",
        "fetch.constructor.constructor",
    ] {
        let seen =
            "return [typeof native, typeof require, typeof Deno, typeof globalThis.native, typeof module].join()";
        let code = format!("return await ({made})(\"{seen}\")()");
        let ended = home.run(&["code", &code]).expect(0);
        assert_eq!(ended.out, "undefined,undefined,undefined,undefined,undefined\n", "{made}");
    }
    // What it makes may as little as what made it.
    refused(
        &home,
        &[(
            "return await (() => {}).constructor('return fetch(\"http://127.0.0.1:9/\")')()",
            &[],
            "--allow-net=127.0.0.1:9",
        )],
    );
}

#[test]
fn files_are_reached_by_no_other_way() {
    let home = with_secrets();
    home.write("own.txt", "mine");
    let all: &[&str] = &["--allow-read=.", "--allow-write=."];
    refused(
        &home,
        &[
            ("return (await import('node:fs')).readFileSync('folder/secret.txt', 'utf8')", all, "by a link"),
            ("return (await import('node:fs')).readFileSync('../outside/secret.txt', 'utf8')", all, "is not allowed"),
            ("return (await import('node:fs')).readFileSync('folder/../../outside/secret.txt')", all, "is not allowed"),
            (
                "const fs = await import('node:fs'); fs.symlinkSync('../outside/secret.txt', 'l'); return fs.readFileSync('l', 'utf8')",
                all,
                "is not allowed",
            ),
            (
                "const fs = await import('node:fs'); fs.renameSync('../outside/secret.txt', 'own2')",
                all,
                "is not allowed",
            ),
            (
                "const fs = await import('node:fs'); fs.copyFileSync('../outside/secret.txt', 'own3')",
                all,
                "is not allowed",
            ),
            ("const fs = await import('node:fs'); fs.writeFileSync('../outside/new', '')", all, "is not allowed"),
            ("return (await import('node:fs')).readFileSync('/proc/self/environ')", &["--allow-read"], "not allowed"),
            ("return (await import('node:fs')).readFileSync('own.txt\\0/../../outside/secret.txt')", all, "null bytes"),
            ("return (await import('node:child_process')).execSync('id')", &[], "not available to programs"),
        ],
    );
}

#[test]
fn requests_say_nothing_but_what_fetch_says() {
    let home = Home::new();
    let net: &[&str] = &["--allow-net=127.0.0.1:9"];
    refused(
        &home,
        &[
            (
                "await fetch('http://127.0.0.1:9/', { headers: { 'x-a': 'b\\r\\nHost: evil' } })",
                net,
                "invalid header value",
            ),
            ("await fetch('http://127.0.0.1:9/', { headers: { 'x-a\\r\\nb': 'c' } })", net, "invalid header name"),
            (
                "await fetch('http://127.0.0.1:9/', { method: 'GET / HTTP/1.1\\r\\nX: y' })",
                net,
                "not a valid HTTP method",
            ),
            ("await fetch('http://127.0.0.1:9/', { headers: { host: 'evil' } })", net, "fetch failed"),
            ("await fetch('http://127.0.0.1:9@10.0.0.1/')", net, ""),
            ("await fetch('http://2130706433:9/')", &["--allow-net=example.com"], "--allow-net=127.0.0.1:9"),
            ("await fetch('http://0x7f.1:9/')", &["--allow-net=example.com"], "--allow-net=127.0.0.1:9"),
            ("await fetch('http://[::ffff:127.0.0.1]:9/')", &["--allow-net=example.com"], "is not allowed"),
            ("await fetch('http://169.254.169.254/')", &["--allow-net=*.internal"], "is not allowed"),
            ("await fetch('file:///etc/passwd')", net, ""),
        ],
    );
}

#[test]
fn bombs_end_at_a_limit() {
    let home = Home::new();
    let cpu: &[&str] = &["--limit-cpu=300ms"];
    let memory: &[&str] = &["--limit-memory=48MiB", "--limit-cpu=20s"];
    refused(
        &home,
        &[
            ("return /^(a+)+$/.test('a'.repeat(40) + 'b')", cpu, "computed for more than"),
            (
                "const again = () => Promise.resolve().then(again); await again()",
                &["--limit-cpu=300ms", "--limit-memory=256MiB"],
                "exceeded a limit",
            ),
            ("[2, 1].sort(() => { for (;;); })", cpu, "computed for more than"),
            ("return { toJSON() { for (;;); } }", cpu, "computed for more than"),
            ("return new Proxy({}, { ownKeys() { for (;;); } })", cpu, "computed for more than"),
            ("let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a", cpu, "exceeded a limit"),
            ("return String((2n ** 10_000_000n) ** 10n)", &["--limit-cpu=2s"], "BigInt is too large"),
            ("let s = '['; for (let i = 0; i < 24; i++) s += s; JSON.parse(s)", memory, "call stack"),
            ("const a = []; for (;;) a.push(new Uint8Array(1e6))", memory, "limit of 48 MiB"),
            ("const a = new ArrayBuffer(8, { maxByteLength: 1e9 }); a.resize(9e8)", memory, "limit of 48 MiB"),
            ("let s = 'x'; for (;;) s += s", memory, ""),
            ("return 'a'.repeat(1e6).match(/(a|b|ab)*c/)", memory, ""),
            ("await Promise.all(Array.from({ length: 1e6 }, async () => {}))", memory, "limit of 48 MiB"),
            ("for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e9)", &["--limit-memory=256MiB"], "exceeded a limit"),
            ("return { get a() { throw new Error('from a getter') } }", &[], "from a getter"),
        ],
    );
}
