//! Flags and what they grant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::permissions::{Decision, Kind, Scope};
use host::{Access, Gate, Grants, NoScreen, Permissions, Reply};

use crate::support::{Person, permissions};

fn net(host: &str, port: u16) -> Access {
    Access::Net { host: host.into(), port }
}

/// `+` granted, `-` not granted, `!` forbidden by a denial.
fn sign(decision: Decision) -> char {
    match decision {
        Decision::Granted => '+',
        Decision::Ungranted => '-',
        Decision::Forbidden => '!',
    }
}

#[test]
fn network_decisions() {
    type Case = (&'static str, u16, char);
    let table: &[(&str, &[Case])] = &[
        ("", &[("example.com", 443, '-'), ("127.0.0.1", 80, '-'), ("::1", 80, '-'), ("8.8.8.8", 53, '-')]),
        (
            "--allow-net",
            &[("example.com", 443, '+'), ("127.0.0.1", 1, '+'), ("::1", 80, '+'), ("169.254.169.254", 80, '+')],
        ),
        ("--allow-net=*", &[("example.com", 443, '+'), ("127.0.0.1", 80, '+')]),
        ("-A", &[("example.com", 443, '+'), ("127.0.0.1", 80, '+')]),
        ("--allow-all", &[("example.com", 443, '+')]),
        (
            "--allow-net=example.com",
            &[
                ("example.com", 443, '+'),
                ("example.com", 80, '+'),
                ("example.com", 8080, '+'),
                ("example.com.", 443, '+'),
                ("www.example.com", 443, '-'),
                ("badexample.com", 443, '-'),
                ("example.com.evil.org", 443, '-'),
                ("example.co", 443, '-'),
                ("93.184.216.34", 443, '-'),
            ],
        ),
        ("--allow-net=EXAMPLE.com.", &[("example.com", 443, '+')]),
        ("--allow-net=bücher.example", &[("xn--bcher-kva.example", 443, '+')]),
        (
            "--allow-net=example.com:443",
            &[("example.com", 443, '+'), ("example.com", 80, '-'), ("example.com", 4430, '-')],
        ),
        ("--allow-net=a.org,b.org:1", &[("a.org", 9, '+'), ("b.org", 1, '+'), ("b.org", 2, '-'), ("c.org", 1, '-')]),
        (
            "--allow-net=*.example.com",
            &[
                ("a.example.com", 443, '+'),
                ("a.b.example.com", 443, '+'),
                ("example.com", 443, '-'),
                (".example.com", 443, '-'),
                ("aexample.com", 443, '-'),
                ("10.0.0.1", 443, '-'),
            ],
        ),
        ("--allow-net=*.example.com:8443", &[("a.example.com", 8443, '+'), ("a.example.com", 443, '-')]),
        (
            "--allow-net=:8080",
            &[
                ("example.com", 8080, '+'),
                ("example.com", 80, '-'),
                ("8.8.8.8", 8080, '+'),
                ("127.0.0.1", 8080, '-'),
                ("10.1.2.3", 8080, '-'),
                ("169.254.169.254", 8080, '-'),
                ("::1", 8080, '-'),
            ],
        ),
        (
            "--allow-net=127.0.0.1",
            &[("127.0.0.1", 80, '+'), ("127.0.0.2", 80, '-'), ("localhost", 80, '-'), ("::ffff:127.0.0.1", 80, '+')],
        ),
        ("--allow-net=127.1:80", &[("127.0.0.1", 80, '+'), ("127.0.0.1", 81, '-')]),
        ("--allow-net=0x7f.1", &[("127.0.0.1", 80, '+')]),
        ("--allow-net=[::1]:8080", &[("::1", 8080, '+'), ("::1", 80, '-'), ("::2", 8080, '-')]),
        ("--allow-net=[::1]", &[("::1", 80, '+')]),
        ("--allow-net=::1", &[("::1", 80, '+')]),
        ("--allow-net=2001:db8::/32", &[("2001:db8:ffff::1", 80, '+'), ("2001:db9::1", 80, '-')]),
        ("--allow-net=10.0.0.0/8", &[("10.255.0.1", 80, '+'), ("11.0.0.1", 80, '-'), ("example.com", 80, '-')]),
        ("--allow-net=0.0.0.0/0", &[("127.0.0.1", 80, '+'), ("8.8.8.8", 80, '+'), ("::1", 80, '-')]),
        ("--allow-net=localhost", &[("localhost", 80, '+'), ("127.0.0.1", 80, '-')]),
        (
            "--allow-net --deny-net=evil.org",
            &[("evil.org", 443, '!'), ("www.evil.org", 443, '+'), ("good.org", 443, '+')],
        ),
        ("--allow-net=evil.org --deny-net=evil.org:80", &[("evil.org", 80, '!'), ("evil.org", 443, '+')]),
        ("--allow-net --deny-net=*.evil.org", &[("a.evil.org", 443, '!'), ("evil.org", 443, '+')]),
        ("--allow-net --deny-net=:22", &[("a.org", 22, '!'), ("10.0.0.1", 22, '!'), ("a.org", 23, '+')]),
        ("-A --deny-net=10.0.0.0/8", &[("10.0.0.1", 80, '!'), ("::ffff:10.0.0.1", 80, '!'), ("12.0.0.1", 80, '+')]),
        ("-A --deny-net", &[("a.org", 1, '!'), ("1.1.1.1", 1, '!')]),
        ("--allow-net=a.org --allow-net=b.org", &[("a.org", 1, '+'), ("b.org", 1, '+')]),
    ];
    for (flags, cases) in table {
        let flags: Vec<_> = flags.split_whitespace().collect();
        let granted = permissions(&flags, Path::new("/"));
        for (host, port, expected) in *cases {
            assert_eq!(sign(granted.decide(&net(host, *port))), *expected, "{flags:?} {host}:{port}");
        }
    }
}

#[test]
fn addresses_behind_names() {
    let table: &[(&str, &str, &str, char)] = &[
        ("--allow-net", "a.org", "127.0.0.1", '+'),
        ("--allow-net", "a.org", "169.254.169.254", '+'),
        ("--allow-net=a.org", "a.org", "93.184.216.34", '+'),
        ("--allow-net=a.org", "a.org", "10.0.0.1", '+'),
        ("--allow-net=a.org", "a.org", "127.0.0.1", '+'),
        ("--allow-net=a.org:80", "a.org", "127.0.0.1", '+'),
        ("--allow-net=a.org", "a.org", "169.254.169.254", '-'),
        ("--allow-net=a.org", "a.org", "fe80::1", '-'),
        ("--allow-net=a.org", "a.org", "fd00:ec2::254", '-'),
        ("--allow-net=a.org,169.254.169.254", "a.org", "169.254.169.254", '+'),
        ("--allow-net=*.a.org", "x.a.org", "93.184.216.34", '+'),
        ("--allow-net=*.a.org", "x.a.org", "2606:2800:220:1::1", '+'),
        ("--allow-net=*.a.org", "x.a.org", "127.0.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "0.0.0.0", '-'),
        ("--allow-net=*.a.org", "x.a.org", "10.9.8.7", '-'),
        ("--allow-net=*.a.org", "x.a.org", "172.16.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "172.32.0.1", '+'),
        ("--allow-net=*.a.org", "x.a.org", "192.168.1.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "100.64.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "198.18.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "224.0.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "255.255.255.255", '-'),
        ("--allow-net=*.a.org", "x.a.org", "::1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "::", '-'),
        ("--allow-net=*.a.org", "x.a.org", "::ffff:127.0.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "::127.0.0.1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "64:ff9b::7f00:1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "64:ff9b::a9fe:a9fe", '-'),
        ("--allow-net=*.a.org", "x.a.org", "64:ff9b::808:808", '+'),
        ("--allow-net=*.a.org", "x.a.org", "2002:7f00:1::", '-'),
        ("--allow-net=*.a.org", "x.a.org", "fd12::1", '-'),
        ("--allow-net=*.a.org", "x.a.org", "ff02::1", '-'),
        ("--allow-net=*.a.org,10.0.0.0/8", "x.a.org", "10.9.8.7", '+'),
        ("--allow-net=*.a.org,x.a.org", "x.a.org", "10.9.8.7", '+'),
        ("--allow-net=:80", "a.org", "127.0.0.1", '-'),
        ("--allow-net=:80", "a.org", "8.8.8.8", '+'),
        ("--allow-net --deny-net=127.0.0.0/8", "a.org", "127.0.0.1", '!'),
        ("--allow-net=a.org --deny-net=10.0.0.1:80", "a.org", "10.0.0.1", '!'),
        ("--allow-net=a.org --deny-net=10.0.0.1:81", "a.org", "10.0.0.1", '+'),
    ];
    for (flags, host, ip, expected) in table {
        let granted = permissions(&flags.split_whitespace().collect::<Vec<_>>(), Path::new("/"));
        let decision = granted.address(host, ip.parse().unwrap(), 80, false);
        assert_eq!(sign(decision), *expected, "{flags} {host} {ip}");
    }
}

#[test]
fn other_families() {
    let read = |path: &str| Access::Read(path.into());
    let write = |path: &str| Access::Write(path.into());
    let env = |name: &str| Access::Env(name.into());
    let run = |name: &str| Access::Run(name.into());
    let table = [
        ("", read("/a"), '-'),
        ("", write("/a"), '-'),
        ("", env("HOME"), '-'),
        ("", run("ls"), '-'),
        ("--allow-read=/a", read("/a"), '+'),
        ("--allow-read=/a", read("/a/b/c"), '+'),
        ("--allow-read=/a", read("/ab"), '-'),
        ("--allow-read=/a", read("/"), '-'),
        ("--allow-read=/a", write("/a/b"), '-'),
        ("--allow-read=/a/", read("/a"), '+'),
        ("--allow-read=/a/../b", read("/b"), '+'),
        ("--allow-read=/a/../b", read("/a"), '-'),
        ("--allow-read=x", read("/cwd/x/y"), '+'),
        ("--allow-read=.", read("/cwd/x"), '+'),
        ("--allow-read=.", read("/cwd"), '+'),
        ("--allow-read=..", read("/etc"), '+'),
        ("--allow-read=/a,,b", read("/a,b/c"), '+'),
        ("--allow-read=/a,/b", read("/b"), '+'),
        ("--allow-read", read("/etc/passwd"), '+'),
        ("--allow-read", read("/proc/self/environ"), '!'),
        ("--allow-read", read("/proc/1/mem"), '!'),
        ("--allow-read", read("/proc/cpuinfo"), '+'),
        ("--allow-write", write("/sys/power/state"), '!'),
        ("--allow-write", write("/dev/null"), '+'),
        ("--allow-write", write("/dev/sda"), '!'),
        ("-A", read("/proc/self/environ"), '+'),
        ("--allow-read=/a --deny-read=/a/s", read("/a/s/x"), '!'),
        ("--allow-read=/a --deny-read=/a/s", read("/a/sx"), '+'),
        ("-A --deny-write=/etc", write("/etc/passwd"), '!'),
        ("-A --deny-write=/etc", read("/etc/passwd"), '+'),
        ("--allow-env", env("ANY"), '+'),
        ("--allow-env=HOME,PATH", env("PATH"), '+'),
        ("--allow-env=HOME", env("HOM"), '-'),
        ("--allow-env=HOME", env("home"), '-'),
        ("--allow-env=AWS_*", env("AWS_KEY"), '+'),
        ("--allow-env=AWS_*", env("AWSKEY"), '-'),
        ("--allow-env=*", env("X"), '+'),
        ("--allow-env --deny-env=SECRET_*", env("SECRET_A"), '!'),
        ("--allow-run=git", run("git"), '+'),
        ("--allow-run=git", run("/usr/bin/git"), '+'),
        ("--allow-run=git", run("gitk"), '-'),
        ("--allow-run=/usr/bin/git", run("git"), '-'),
        ("--allow-run=/usr/bin/git", run("/usr/bin/git"), '+'),
        ("--allow-run --deny-run=rm", run("rm"), '!'),
        ("--allow-run", run("ls"), '+'),
    ];
    for (flags, access, expected) in table {
        let granted = permissions(&flags.split_whitespace().collect::<Vec<_>>(), Path::new("/cwd"));
        assert_eq!(sign(granted.decide(&access)), expected, "{flags} {access}");
    }
}

#[test]
fn entries_that_cannot_be_used_are_named() {
    for flag in [
        "--allow-net=https://a.org",
        "--allow-net=a.org/path",
        "--allow-net=",
        "--allow-net=a.org,,b.org",
        "--allow-net=a b",
        "--allow-net=a.org:0",
        "--allow-net=a.org:65536",
        "--allow-net=a.org:",
        "--allow-net=a.org:+80",
        "--allow-net=:x",
        "--allow-net=[::1",
        "--allow-net=[::1]80",
        "--allow-net=[a.org]",
        "--allow-net=10.0.0.0/33",
        "--allow-net=a*.org",
        "--allow-net=*.10.0.0.1",
        "--allow-net=*.",
        "--allow-net=u@a.org",
        "--allow-net=a.org,",
        "--deny-net=a%20b",
        "--allow-net=10.0.0.0/-1",
        "--allow-net=.a.org",
        "--allow-read=",
        "--allow-read=a,,,",
        "--allow-env=",
        "--allow-env=A=B",
        "--allow-env=A*B*",
        "--allow-run=",
    ] {
        let mut grants = Grants::default();
        assert!(grants.flag(flag), "{flag}");
        let error = grants.permissions(Path::new("/")).expect_err(flag);
        let name = flag[2..].split('=').next().unwrap();
        assert!(error.to_string().starts_with(&format!("--{name}: ")), "{flag}: {error}");
    }
    for other in ["--allow", "--allow-nets", "-a", "--deny-all", "allow-net", "--json"] {
        assert!(!Grants::default().flag(other), "{other}");
    }
}

#[test]
fn configuration_and_flags_add_up() {
    let mut grants: Grants = serde_json::from_value(serde_json::json!({
        "net": ["a.org"], "read": true, "write": false, "env": "HOME", "deny-net": ["b.org"]
    }))
    .unwrap();
    grants.allow(Kind::Net, Some("c.org"));
    grants.allow(Kind::Read, Some("/x"));
    let granted = grants.permissions(Path::new("/")).unwrap();
    assert_eq!(sign(granted.decide(&net("a.org", 1))), '+');
    assert_eq!(sign(granted.decide(&net("c.org", 1))), '+');
    assert_eq!(sign(granted.decide(&net("b.org", 1))), '!');
    assert_eq!(granted.read.allow, Scope::All);
    assert_eq!(granted.write.allow, Scope::Nothing);
    let again: Grants = serde_json::from_value(serde_json::to_value(&grants).unwrap()).unwrap();
    assert_eq!(again, grants);
    assert!(serde_json::from_str::<Grants>(r#"{"nett": true}"#).is_err());
    assert!(serde_json::from_str::<Grants>(r#"{"net": 1}"#).unwrap_err().to_string().contains("list of entries"));
    assert!(Permissions::all().is_everything() && !Permissions::none().is_everything());
}

#[tokio::test]
async fn refusals_name_the_flag() {
    let gate = Gate::new(permissions(&["--deny-env=S"], Path::new("/")), Arc::new(NoScreen));
    let run = "r".parse().unwrap();
    for (access, message) in [
        (
            net("example.com", 443),
            "network access to example.com:443 is not allowed: run again with --allow-net=example.com",
        ),
        (net("a.org", 81), "network access to a.org:81 is not allowed: run again with --allow-net=a.org:81"),
        (net("::1", 81), "network access to [::1]:81 is not allowed: run again with --allow-net=[::1]:81"),
        (Access::Read("/x,y".into()), "reading /x,y is not allowed: run again with --allow-read=/x,,y"),
        (Access::Write("/x".into()), "writing /x is not allowed: run again with --allow-write=/x"),
        (Access::Env("E".into()), "the environment variable E is not allowed: run again with --allow-env=E"),
        (Access::Env("S".into()), "the environment variable S is not allowed: --deny-env forbids it"),
        (Access::Run("ls".into()), "starting ls is not allowed: run again with --allow-run=ls"),
    ] {
        // What a message proposes must be a flag that works.
        let mut grants = Grants::default();
        assert!(grants.flag(&access.flag()));
        let proposed = grants.permissions(Path::new("/")).unwrap();
        assert_eq!(proposed.decide(&access), Decision::Granted, "{access}");
        let failure = gate.check(&run, access).await.unwrap_err();
        assert_eq!(
            (&*failure.name, failure.code.as_deref(), &*failure.message),
            ("PermissionDenied", Some("EPERM"), message)
        );
    }
}

#[test]
fn a_question_cannot_be_forged() {
    let access = Access::Read("/a\n\u{1b}[2J\u{202e}b\u{e9}".into());
    assert_eq!(access.to_string(), "reading /a\\u{a}\\u{1b}[2J\\u{202e}b\u{e9}");
    assert_eq!(access.flag(), "--allow-read=/a\\u{a}\\u{1b}[2J\\u{202e}b\u{e9}");
    assert_eq!(Access::Env("A\r\u{9b}".into()).to_string(), "the environment variable A\\u{d}\\u{9b}");
}

#[tokio::test]
async fn a_person_is_asked_once_for_a_run() {
    let person = Person::saying(&[Reply::Once, Reply::Run, Reply::Deny]);
    let gate = Gate::new(permissions(&["--deny-net=b.org"], Path::new("/")), person.clone());
    let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
    let file = |path: &str| Access::Read(PathBuf::from(path));
    assert!(gate.check(&one, file("/d")).await.is_ok(), "once");
    assert!(gate.check(&one, file("/d")).await.is_ok(), "for the run");
    assert!(gate.check(&one, file("/d/x")).await.is_ok(), "remembered, for what is below too");
    let denied = gate.check(&one, file("/e")).await.unwrap_err();
    assert!(denied.message.contains("was not allowed by the person"), "{denied}");
    assert!(gate.check(&one, file("/e")).await.is_err(), "remembered");
    assert!(gate.check(&one, net("b.org", 1)).await.is_err(), "a denial asks nobody");
    assert_eq!(person.asked.lock().unwrap().len(), 3);
    let nobody = gate.check(&two, file("/d")).await.unwrap_err();
    assert!(nobody.message.contains("--allow-read=/d"), "another run is asked anew: {nobody}");
}
