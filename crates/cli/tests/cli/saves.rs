//! Checkpoints that cannot be saved, or cannot be loaded: a failed save raises and leaves the last good file whole; a
//! file that is not good is refused with one line and exit code 3.

use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Home, finish, until};

/// Saves itself for ever; what it says when it is resumed shows whether its memory is whole.
const SAVER: &str = "use sys;
var n = 0;
var data = [];
while (true) {
    n = n + 1;
    data.push({\"n\": n, \"text\": \"x\" * 200});
    if (data.length > 400) { data = data.slice(200); }
    if (sys.checkpoint(\"k.snap\")) {
        var good = data.every(fun (d) { return d.text.length == 200; });
        say(\"${n} ${data[data.length - 1].n} ${good}\");
        sys.exit(0);
    }
}
";

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[test]
fn a_killed_save_leaves_the_last_good_one() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let mut random = Random(seed);
    let home = Home::new();
    home.write("saver.nt", SAVER);
    let (file, aside) = (home.work().join("k.snap"), home.work().join(".k.snap.saving"));
    let mut cut_off = 0;
    let mut newest = 0;
    for kill in 0..120 {
        let mut child = home.neutron_command(&["saver.nt"]).spawn().expect("started");
        if kill == 0 {
            until("the first save", || file.exists());
        }
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        child.kill().expect("killed");
        child.wait().expect("ended");
        cut_off += u32::from(aside.exists());
        let resumed = home.neutron(&["--resume", "k.snap"]).expect(0);
        let words: Vec<&str> = resumed.out.split_whitespace().collect();
        assert!(
            words.len() == 3 && words[0] == words[1] && words[2] == "true",
            "seed {seed}, kill {kill}: {resumed:?}"
        );
        newest = newest.max(words[0].parse().unwrap_or(0));
        let names = std::fs::read_dir(home.work()).expect("read").count();
        assert!(names <= 3, "seed {seed}: what is left behind does not add up");
    }
    println!("{cut_off} of 120 saves were cut off in the middle; the newest was number {newest}");
    assert!(cut_off > 0 && newest > 1, "the kills did not hit a save");
    // The next save takes over what a killed one left.
    home.write("once.nt", "use sys; sys.checkpoint(\"k.snap\");");
    home.neutron(&["once.nt"]).expect(0);
    assert!(!aside.exists());
}

/// Saves a small state, then tries to save a large one into the same file, and says how that went.
const GROWS: &str = "use sys;
var file = sys.args()[0];
var big = [];
sys.checkpoint(file);
say(\"small \" + big.length);
for (var i = 0; i < 40000; i++) { big.push(\"text number \" + i); }
try { sys.checkpoint(file); say(\"saved\"); } catch (e) { say(e.kind + \" \" + e.message); }
";

/// After a save that failed: the earlier one is whole, and nothing else is there.
#[track_caller]
fn still_whole(home: &Home, file: &Path) {
    let resumed = home.neutron(&["-A", "--resume", file.to_str().expect("text")]).expect(0);
    assert!(resumed.out.starts_with("small 0\n"), "{resumed:?}");
    let aside = file.with_file_name(".g.snap.saving");
    assert!(!aside.exists(), "the file aside is removed");
}

#[test]
fn a_file_that_may_not_grow() {
    let home = Home::new();
    home.write("grows.nt", GROWS);
    let mut command = home.neutron_command(&[]);
    let program = command.get_program().to_owned();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 100; exec \"$0\" grows.nt g.snap"]).arg(program).current_dir(home.work());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let output = finish(limited.spawn().expect("started")).expect(0);
    assert!(output.out.starts_with("small 0\nIOError checkpoint "), "{output:?}");
    assert!(output.out.contains("was not saved: EFBIG"), "{output:?}");
    still_whole(&home, &home.work().join("g.snap"));
    command.args(["-A", "grows.nt", "g.snap"]);
    assert_eq!(finish(command.spawn().expect("started")).out, "small 0\nsaved\n", "without the limit");
}

/// A file system of its own, as long as it lives.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk() {
    let home = Home::new();
    home.write("grows.nt", GROWS);
    let small = home.work().join("small");
    std::fs::create_dir(&small).expect("made");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(&small).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: no file system may be mounted here; a_file_that_may_not_grow tests the same path");
        return;
    }
    let _small = Small(&small);
    let output = home.neutron(&["grows.nt", "small/g.snap"]).expect(0);
    assert!(output.out.starts_with("small 0\nIOError checkpoint "), "{output:?}");
    assert!(output.out.contains("was not saved: ENOSPC"), "{output:?}");
    still_whole(&home, &small.join("g.snap"));
}

#[test]
fn places_where_nothing_can_be_saved() {
    let home = Home::new();
    std::fs::create_dir(home.work().join("folder.snap")).expect("made");
    home.write("plain.txt", "");
    let say = "use sys;\ntry { sys.checkpoint(sys.args()[0]); say(\"saved\"); } catch (e) { say(e.kind + \" \" + e.message); }";
    home.write("s.nt", say);
    for (path, what) in [
        ("no/x.snap", "IOError checkpoint "),
        ("plain.txt/x.snap", "IOError checkpoint "),
        ("", "ValueError "),
        (&format!("{}.snap", "x".repeat(300)), "IOError checkpoint "),
        ("a\\0.snap", "saved"),
    ] {
        let output = home.neutron(&["s.nt", path]).expect(0);
        assert!(output.out.starts_with(what), "{path}: {output:?}");
    }
    let output = home.neutron(&["-A", "s.nt", "folder.snap"]).expect(0);
    assert!(output.out.contains("EISDIR"), "{output:?}");
    // Uncaught, it ends the program.
    home.write("u.nt", "use sys;\nsys.checkpoint(\"no/x.snap\");\nsay(\"never\");");
    let output = home.neutron(&["u.nt"]).expect(1);
    assert!(output.out.is_empty() && output.err.contains("was not saved: ENOENT") && output.err.contains("u.nt:2"));
    // Somebody else's file in the way is not touched.
    home.write("precious", "keep me");
    std::os::unix::fs::symlink("precious", home.work().join(".y.snap.saving")).expect("linked");
    let output = home.neutron(&["s.nt", "y.snap"]).expect(0);
    assert!(output.out.starts_with("IOError"), "{output:?}");
    assert_eq!(std::fs::read_to_string(home.work().join("precious")).expect("read"), "keep me");
}

#[test]
fn a_folder_that_may_not_be_written() {
    let home = Home::new();
    home.write("s.nt", "use sys;\ntry { sys.checkpoint(\"x.snap\"); say(\"saved\"); } catch (e) { say(e.kind); }");
    let mut command = home.neutron_command(&["s.nt"]);
    let folders = [home.work(), home.work().join("..")];
    std::fs::set_permissions(&folders[0], PermissionsExt::from_mode(0o555)).expect("set");
    std::fs::set_permissions(&folders[1], PermissionsExt::from_mode(0o755)).expect("set");
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere.
        command.uid(65_534);
    }
    match command.spawn() {
        Ok(child) => assert_eq!(finish(child).expect(0).out, "PermissionError\n"),
        Err(error) => println!("SKIPPED: the command cannot be started as somebody else: {error}"),
    }
    std::fs::set_permissions(&folders[0], PermissionsExt::from_mode(0o755)).expect("set");
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let home = Home::new();
    home.write("s.nt", "use sys;\nvar a = [1, {\"k\": \"v\"}];\nsys.checkpoint(\"good.snap\");\nsay(a);\n");
    home.neutron(&["s.nt"]).expect(0);
    let good = std::fs::read(home.work().join("good.snap")).expect("saved");
    let mut random = Random(7);
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("foreign".into(), b"#!/bin/sh\necho hello\n".to_vec()),
        ("zeros".into(), vec![0; 4096]),
        ("with more behind it".into(), [&good[..], b"more"].concat()),
        ("newer".into(), {
            let mut bytes = good.clone();
            bytes[8..12].copy_from_slice(&99u32.to_le_bytes());
            bytes
        }),
    ];
    for length in [1, 7, 8, 20, 55, 56, 57, good.len() / 2, good.len() - 1] {
        cases.push((format!("cut off at {length}"), good[..length].to_vec()));
    }
    for _ in 0..40 {
        let (at, bit) = (random.below(good.len() as u64) as usize, random.below(8));
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        cases.push((format!("bit {bit} of byte {at} is another"), bytes));
    }
    for (i, (what, bytes)) in cases.iter().enumerate() {
        std::fs::write(home.work().join("bad.snap"), bytes).expect("written");
        let began = Instant::now();
        let output = match i % 3 {
            0 => home.neutron(&["--resume", "bad.snap"]),
            1 => home.run(&["resume", "bad.snap"]),
            _ => home.run(&["inspect", "bad.snap"]),
        };
        assert_eq!((output.code, output.out.as_str()), (3, ""), "{what}: {output:?}");
        assert!(
            output.err.starts_with("error: bad.snap is refused: ") && output.err.lines().count() == 1,
            "{what}: {output:?}"
        );
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
    }
    std::fs::create_dir(home.work().join("folder.snap")).expect("made");
    let output = home.neutron(&["--resume", "folder.snap"]).expect(3);
    assert!(output.err.contains("not a plain file"), "{}", output.err);
    assert_eq!(home.neutron(&["--resume", "good.snap"]).expect(0).out, "[1, {k: v}]\n");
}
