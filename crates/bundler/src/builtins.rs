//! The modules that the platform itself provides: their list belongs to the prelude.

use std::collections::BTreeSet;
use std::sync::LazyLock;

static PROVIDED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let list: Vec<String> = serde_json::from_str(include_str!("../../typescript/prelude/builtins.json"))
        .expect("builtins.json is an array of names");
    list.iter().map(|name| canonical(name)).collect()
});

/// Node's own modules, so that one which is not provided is told from a package that is not installed.
const NODE: &[&str] = &[
    "assert",
    "assert/strict",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "dns/promises",
    "domain",
    "events",
    "fs",
    "fs/promises",
    "http",
    "http2",
    "https",
    "inspector",
    "inspector/promises",
    "module",
    "net",
    "os",
    "path",
    "path/posix",
    "path/win32",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "readline/promises",
    "repl",
    "stream",
    "stream/consumers",
    "stream/promises",
    "stream/web",
    "string_decoder",
    "sys",
    "timers",
    "timers/promises",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "util/types",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// Node's modules that go by `node:` only; the bare name is a package.
const PREFIXED: &[&str] = &["test", "test/reporters", "sea", "sqlite"];

/// What a specifier means, if it is not a file.
pub(crate) enum Builtin {
    /// Provided, by this name.
    Provided(String),
    /// Node has it, and programs here do not.
    Missing(String),
}

/// Looks a specifier up.
pub(crate) fn find(specifier: &str) -> Option<Builtin> {
    let name = canonical(specifier);
    // `import 'test'` means a package; so the list's bare "test" is `node:test`.
    if PREFIXED.contains(&specifier) {
        return None;
    }
    if PROVIDED.contains(&name) {
        return Some(Builtin::Provided(name));
    }
    name.starts_with("node:").then_some(Builtin::Missing(name))
}

/// What to use instead of a module that is not provided.
pub(crate) fn instead(name: &str) -> &'static str {
    match name {
        "node:http" | "node:https" | "node:http2" | "node:net" | "node:tls" | "node:dns" | "node:dgram" => {
            "a program reaches the network with fetch()"
        }
        "node:child_process" | "node:cluster" => {
            "a program starts no processes: let a tool of an MCP server do it, or a `shell:` node of a DAG"
        }
        "node:worker_threads" | "node:vm" => {
            "a program has one thread and one world: call another photon for work of its own, which is a run of its own"
        }
        "node:sqlite" => "keep state in the program's own variables: they survive",
        _ => "see the list of provided modules in docs; most of what needs the system goes through fetch and fs",
    }
}

fn canonical(specifier: &str) -> String {
    if NODE.contains(&specifier) || PREFIXED.contains(&specifier) {
        format!("node:{specifier}")
    } else {
        specifier.to_owned()
    }
}
