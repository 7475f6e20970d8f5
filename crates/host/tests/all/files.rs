//! Files: what operations do, and that nothing leads out of what was granted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use host::LocalHost;
use serde_json::{Value, json};

use crate::support::{call, call_bytes, code, fails, host, permissions, value};

/// Both ways of working: with everything granted, and with one folder.
fn hosts(folder: &Path) -> [Arc<LocalHost>; 2] {
    [host(&["-A"], folder), host(&["--allow-read=.", "--allow-write=."], folder)]
}

fn folder() -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    (dir, move |name: &str| root.join(name).to_str().unwrap().to_owned())
}

async fn read(host: &Arc<LocalHost>, path: &str) -> Vec<u8> {
    call(host, "fs.readFile", json!({"path": path})).await.unwrap().bytes.unwrap().to_vec()
}

async fn write(host: &Arc<LocalHost>, path: &str, flag: &str, text: &str) -> Result<(), String> {
    let args = json!({"path": path, "flag": flag});
    call_bytes(host, "fs.writeFile", args, text.as_bytes()).await.map(drop).map_err(|e| e.message)
}

#[tokio::test]
async fn everyday_operations() {
    for which in 0..2 {
        let (dir, p) = folder();
        let host = &hosts(dir.path())[which];
        let path = p("f.txt");
        write(host, &path, "w", "one").await.unwrap();
        write(host, &path, "a", "+two").await.unwrap();
        assert_eq!(read(host, &path).await, b"one+two");
        assert_eq!(
            write(host, &path, "wx", "x").await.unwrap_err(),
            format!("EEXIST: file already exists, open '{path}'")
        );
        write(host, &path, "w", "x").await.unwrap();
        assert_eq!(read(host, &path).await, b"x", "cut before it is written");
        assert!(write(host, &path, "q", "x").await.is_err());

        let stat = value(host, "fs.stat", json!({"path": path, "follow": true})).await;
        assert_eq!((&stat["kind"], &stat["size"]), (&json!("file"), &json!(1)));
        assert!(stat["mtimeMs"].as_f64().unwrap() > 1.6e12 && stat["ino"].as_u64().unwrap() > 0);

        assert_eq!(value(host, "fs.mkdir", json!({"path": p("a/b/c"), "recursive": true})).await, json!(p("a")));
        assert!(value(host, "fs.mkdir", json!({"path": p("a/b/c"), "recursive": true})).await.is_null());
        assert_eq!(code(host, "fs.mkdir", json!({"path": p("a")})).await, "EEXIST");
        assert_eq!(code(host, "fs.mkdir", json!({"path": path, "recursive": true})).await, "EEXIST");
        assert_eq!(code(host, "fs.mkdir", json!({"path": p("f.txt/x"), "recursive": true})).await, "ENOTDIR");
        assert_eq!(code(host, "fs.mkdir", json!({"path": p("no/x")})).await, "ENOENT");
        call(host, "fs.mkdir", json!({"path": p("m"), "mode": 0o700})).await.unwrap();
        assert_eq!(fs::metadata(p("m")).unwrap().permissions().mode() & 0o777, 0o700);

        call(host, "fs.copyFile", json!({"from": path, "to": p("a/g")})).await.unwrap();
        assert_eq!(code(host, "fs.copyFile", json!({"from": path, "to": p("a/g"), "exclusive": true})).await, "EEXIST");
        call(host, "fs.copyFile", json!({"from": path, "to": path})).await.unwrap();
        assert_eq!(read(host, &path).await, b"x", "onto itself");
        call(host, "fs.rename", json!({"from": p("a/g"), "to": p("a/h")})).await.unwrap();
        let gone = fails(host, "fs.rename", json!({"from": p("a/g"), "to": p("a/i")})).await;
        let text = format!("ENOENT: no such file or directory, rename '{}' -> '{}'", p("a/g"), p("a/i"));
        assert_eq!(gone.message, text);

        call(host, "fs.symlink", json!({"target": "h", "path": p("a/link")})).await.unwrap();
        assert_eq!(value(host, "fs.readlink", json!({"path": p("a/link")})).await, json!("h"));
        assert_eq!(value(host, "fs.realpath", json!({"path": p("a/link")})).await, json!(p("a/h")));
        assert_eq!(code(host, "fs.readlink", json!({"path": p("a/h")})).await, "EINVAL");
        assert_eq!(read(host, &p("a/link")).await, b"x");
        write(host, &p("a/link"), "w", "through").await.unwrap();
        assert_eq!(read(host, &p("a/h")).await, b"through");
        let link = value(host, "fs.stat", json!({"path": p("a/link"), "follow": false})).await;
        assert_eq!(link["kind"], json!("symlink"));
        let names = value(host, "fs.readdir", json!({"path": p("a")})).await;
        let expected =
            json!([{"name": "b", "kind": "dir"}, {"name": "h", "kind": "file"}, {"name": "link", "kind": "symlink"}]);
        assert_eq!(names, expected);

        call(host, "fs.chmod", json!({"path": path, "mode": 0o600})).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        call(host, "fs.truncate", json!({"path": p("a/h"), "len": 3})).await.unwrap();
        assert_eq!(read(host, &p("a/h")).await, b"thr");
        call(host, "fs.utimes", json!({"path": path, "atimeMs": 1500.0, "mtimeMs": 2500.0})).await.unwrap();
        let stat = value(host, "fs.stat", json!({"path": path})).await;
        assert_eq!((&stat["atimeMs"], &stat["mtimeMs"]), (&json!(1500.0), &json!(2500.0)));
        call(host, "fs.access", json!({"path": path, "mode": 4})).await.unwrap();
        assert_eq!(code(host, "fs.access", json!({"path": path, "mode": 1})).await, "EACCES");
        assert_eq!(code(host, "fs.access", json!({"path": p("no")})).await, "ENOENT");

        let made = value(host, "fs.mkdtemp", json!({"prefix": p("t-")})).await;
        let made = made.as_str().unwrap();
        assert!(made.starts_with(&p("t-")) && made.len() == p("t-").len() + 6 && Path::new(made).is_dir());

        call(host, "fs.unlink", json!({"path": p("a/link")})).await.unwrap();
        assert_eq!(code(host, "fs.rmdir", json!({"path": p("a")})).await, "ENOTEMPTY");
        assert_eq!(code(host, "fs.rm", json!({"path": p("a")})).await, "ERR_FS_EISDIR");
        call(host, "fs.rm", json!({"path": p("a"), "recursive": true})).await.unwrap();
        assert_eq!(code(host, "fs.rm", json!({"path": p("a"), "recursive": true})).await, "ENOENT");
        call(host, "fs.rm", json!({"path": p("a"), "force": true})).await.unwrap();
        call(host, "fs.rm", json!({"path": p("a/b/c"), "force": true})).await.unwrap();
        call(host, "fs.rmdir", json!({"path": p("m")})).await.unwrap();
        call(host, "fs.rm", json!({"path": path})).await.unwrap();
    }
}

#[tokio::test]
async fn errors_are_nodes() {
    for which in 0..2 {
        let (dir, p) = folder();
        let host = &hosts(dir.path())[which];
        fs::write(p("f"), "x").unwrap();
        symlink("round", p("round")).unwrap();
        let long = p(&"n".repeat(300));
        let table: Vec<(&str, Value, &str)> = vec![
            ("fs.readFile", json!({"path": p("no")}), "ENOENT: no such file or directory, open"),
            ("fs.readFile", json!({"path": p("f/x")}), "ENOTDIR: not a directory, open"),
            ("fs.readFile", json!({"path": p("")}), "EISDIR: illegal operation on a directory, read"),
            ("fs.readFile", json!({"path": long}), "ENAMETOOLONG: name too long, open"),
            ("fs.readFile", json!({"path": p("round")}), "ELOOP: too many symbolic links encountered, open"),
            ("fs.writeFile", json!({"path": p("no/x")}), "ENOENT: no such file or directory, open"),
            ("fs.writeFile", json!({"path": p("")}), "EISDIR: illegal operation on a directory, open"),
            ("fs.stat", json!({"path": p("no")}), "ENOENT: no such file or directory, stat"),
            ("fs.stat", json!({"path": p("no"), "follow": false}), "ENOENT: no such file or directory, lstat"),
            ("fs.readdir", json!({"path": p("f")}), "ENOTDIR: not a directory, scandir"),
            ("fs.rmdir", json!({"path": p("f")}), "ENOTDIR: not a directory, rmdir"),
            ("fs.unlink", json!({"path": p("no")}), "ENOENT: no such file or directory, unlink"),
            ("fs.symlink", json!({"target": "x", "path": p("f")}), "EEXIST: file already exists, symlink 'x' -> "),
            ("fs.readFile", json!({"path": ""}), "ENOENT: no such file or directory, open ''"),
            ("fs.readFile", json!({"path": "a\0b"}), "without null bytes"),
            ("fs.readFile", json!({"path": "relative"}), "is not absolute"),
            ("fs.copyFile", json!({"from": p(""), "to": p("x")}), "EISDIR"),
        ];
        for (op, args, text) in table {
            let failure = fails(host, op, args.clone()).await;
            assert!(failure.message.contains(text), "{op} {args}: {failure}");
        }
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_access() {
    let (dir, p) = folder();
    fs::write(p("f"), "secret").unwrap();
    let path = json!({"path": p("f"), "recursive": true, "force": true, "target": p("f"), "prefix": p("t"), "from": p("f"), "to": p("g")});
    for op in [
        "readFile",
        "writeFile",
        "stat",
        "readdir",
        "mkdir",
        "rm",
        "rmdir",
        "unlink",
        "rename",
        "copyFile",
        "symlink",
        "readlink",
        "realpath",
        "chmod",
        "truncate",
        "utimes",
        "access",
        "mkdtemp",
    ] {
        let nothing = host(&[], dir.path());
        let failure = fails(&nothing, &format!("fs.{op}"), path.clone()).await;
        assert_eq!((&*failure.name, failure.code.as_deref()), ("PermissionDenied", Some("EPERM")), "{op}");
        assert!(failure.message.contains("run again with --allow-"), "{op}: {failure}");
    }
    assert_eq!(fs::read_to_string(p("f")).unwrap(), "secret");
    let reader = host(&["--allow-read=."], dir.path());
    assert!(write(&reader, &p("f"), "w", "x").await.unwrap_err().contains("--allow-write="));
    let writer = host(&["--allow-write=."], dir.path());
    assert!(fails(&writer, "fs.rename", path.clone()).await.message.contains("--allow-read="), "moving gives a sight");
}

#[tokio::test]
async fn nothing_leads_out_of_the_granted_folder() {
    let (dir, p) = folder();
    fs::create_dir_all(p("in/sub")).unwrap();
    fs::create_dir_all(p("out/deep")).unwrap();
    fs::write(p("out/secret"), "secret").unwrap();
    fs::write(p("in/f"), "f").unwrap();
    symlink(p("out"), p("in/out")).unwrap();
    symlink("../out/secret", p("in/secret")).unwrap();
    symlink("../out/new", p("in/dangling")).unwrap();
    symlink("chain2", p("in/chain")).unwrap();
    symlink("secret", p("in/chain2")).unwrap();
    symlink(p("in"), p("back")).unwrap();
    let host = host(&["--allow-read=in", "--allow-write=in"], dir.path());
    for path in [
        "in/out/secret",
        "in/secret",
        "in/chain",
        "in/../out/secret",
        "in/sub/../../out/secret",
        "in/out/../out/secret",
        "in/no/../../out/secret",
        "in/f/../../out/secret",
        "in/dangling",
        "out/secret",
        "in2",
        "in/out/deep/../secret",
    ] {
        for op in [
            "fs.readFile",
            "fs.writeFile",
            "fs.stat",
            "fs.truncate",
            "fs.chmod",
            "fs.utimes",
            "fs.realpath",
            "fs.access",
        ] {
            let failure = fails(&host, op, json!({"path": p(path), "mode": 0})).await;
            assert_eq!(failure.name, "PermissionDenied", "{op} {path}: {failure}");
        }
    }
    for (op, args) in [
        ("fs.readdir", json!({"path": p("in/out")})),
        ("fs.mkdir", json!({"path": p("in/out/x")})),
        ("fs.mkdir", json!({"path": p("in/out/x/y"), "recursive": true})),
        ("fs.mkdir", json!({"path": p("in/dangling"), "recursive": true})),
        ("fs.rm", json!({"path": p("in/out/deep"), "recursive": true})),
        ("fs.unlink", json!({"path": p("in/out/secret")})),
        ("fs.rename", json!({"from": p("in/out/secret"), "to": p("in/s")})),
        ("fs.rename", json!({"from": p("in/f"), "to": p("in/out/f")})),
        ("fs.copyFile", json!({"from": p("in/secret"), "to": p("in/s")})),
        ("fs.copyFile", json!({"from": p("in/f"), "to": p("in/dangling")})),
        ("fs.symlink", json!({"target": p("out"), "path": p("in/new")})),
        ("fs.symlink", json!({"target": "../out", "path": p("in/new")})),
        ("fs.symlink", json!({"target": "out/x", "path": p("in/new")})),
        ("fs.symlink", json!({"target": "f", "path": p("in/out/l")})),
        ("fs.mkdtemp", json!({"prefix": p("in/out/t")})),
    ] {
        let failure = fails(&host, op, args.clone()).await;
        assert_eq!(failure.name, "PermissionDenied", "{op} {args}: {failure}");
    }
    assert!(!Path::new(&p("out/new")).exists() && !Path::new(&p("out/x")).exists());
    let failure = fails(&host, "fs.readFile", json!({"path": p("in/secret")})).await;
    assert!(failure.message.contains("it leads to") && failure.message.contains(&p("out/secret")), "{failure}");
    let outside = fails(&host, "fs.readFile", json!({"path": p("back/no")})).await;
    assert_eq!(outside.code.as_deref(), Some("ENOENT"), "a way in from outside is a way in");
    // The links themselves are in the folder: they may be looked at and removed.
    assert_eq!(value(&host, "fs.readlink", json!({"path": p("in/secret")})).await, json!("../out/secret"));
    call(&host, "fs.rm", json!({"path": p("in"), "recursive": true})).await.unwrap();
    assert_eq!(fs::read_to_string(p("out/secret")).unwrap(), "secret");
    assert!(Path::new(&p("out/deep")).exists());
}

#[tokio::test]
async fn a_grant_by_a_link_is_for_where_it_led() {
    let (dir, p) = folder();
    fs::create_dir_all(p("real")).unwrap();
    fs::write(p("real/f"), "f").unwrap();
    fs::write(p("other"), "o").unwrap();
    symlink("real", p("link")).unwrap();
    let host = host(&["--allow-read=link,later", "--allow-write=."], dir.path());
    assert_eq!(read(&host, &p("link/f")).await, b"f");
    assert_eq!(read(&host, &p("real/f")).await, b"f");
    symlink("other", p("later")).unwrap();
    assert_eq!(fails(&host, "fs.readFile", json!({"path": p("later")})).await.name, "PermissionDenied");
}

#[tokio::test]
async fn denials_protect_what_is_below() {
    let (dir, p) = folder();
    fs::create_dir_all(p("a/golden")).unwrap();
    fs::write(p("a/golden/f"), "f").unwrap();
    let host = host(&["-A", "--deny-write=a/golden"], dir.path());
    assert_eq!(read(&host, &p("a/golden/f")).await, b"f");
    for (op, args) in [
        ("fs.writeFile", json!({"path": p("a/golden/f")})),
        ("fs.rm", json!({"path": p("a"), "recursive": true})),
        ("fs.rename", json!({"from": p("a"), "to": p("b")})),
        ("fs.rm", json!({"path": p("a/golden"), "recursive": true})),
    ] {
        assert_eq!(fails(&host, op, args.clone()).await.name, "PermissionDenied", "{op} {args}");
    }
    assert!(Path::new(&p("a/golden/f")).exists());
}

#[tokio::test]
async fn a_link_that_is_swapped_in_gains_nothing() {
    let (dir, p) = folder();
    fs::create_dir_all(p("in/d")).unwrap();
    fs::create_dir_all(p("out")).unwrap();
    fs::write(p("in/d/f"), "good").unwrap();
    fs::write(p("out/f"), "secret").unwrap();
    let host = host(&["--allow-read=in", "--allow-write=in"], dir.path());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stopped, d, side, link, out) = (stop.clone(), p("in/d"), p("in/side"), p("in/l"), p("out"));
    let swapper = std::thread::spawn(move || {
        symlink(out, &link).unwrap();
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = (fs::rename(&d, &side), fs::rename(&link, &d));
            let _ = (fs::rename(&d, &link), fs::rename(&side, &d));
        }
    });
    let end = std::time::Instant::now() + std::time::Duration::from_millis(500);
    let mut good = 0;
    while std::time::Instant::now() < end {
        if let Ok(read) = call(&host, "fs.readFile", json!({"path": p("in/d/f")})).await {
            assert_eq!(&read.bytes.unwrap()[..], b"good");
            good += 1;
        }
        let _ = write(&host, &p("in/d/new"), "w", "x").await;
        tokio::task::yield_now().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(good > 0 && !Path::new(&p("out/new")).exists());
}

#[tokio::test]
async fn values_have_a_longest() {
    let (dir, p) = folder();
    let granted = permissions(&["-A"], dir.path());
    let host = Arc::new(LocalHost::builder(dir.path()).permissions(granted).value_limit(1 << 20).build());
    fs::write(p("good"), vec![1; 1 << 20]).unwrap();
    fs::write(p("long"), vec![1; (1 << 20) + 1]).unwrap();
    assert_eq!(read(&host, &p("good")).await.len(), 1 << 20);
    let failure = fails(&host, "fs.readFile", json!({"path": p("long")})).await;
    assert!(failure.message.contains("longer than one value may be (1 MiB)"), "{failure}");
    assert!(
        fails(&host, "fs.readFile", json!({"path": "/dev/zero"})).await.message.contains("1 MiB"),
        "without an end"
    );
    let big = "b".repeat(300 << 10);
    write(&host, &p("big"), "w", &big).await.unwrap();
    assert_eq!(read(&host, &p("big")).await, big.as_bytes());
}
