//! Nothing is reached that was not granted.

use crate::support::Home;

const READ: &str = "import { readFileSync } from 'node:fs'; return readFileSync('data.txt', 'utf8')";

#[test]
fn what_is_not_granted_is_refused_with_its_flag() {
    let home = Home::new();
    home.write("data.txt", "the data");
    for (code, flag) in [
        (
            READ,
            "--allow-read=".to_owned()
                + home.work().canonicalize().expect("there").join("data.txt").to_str().expect("text"),
        ),
        ("import { writeFileSync } from 'node:fs'; writeFileSync('new.txt', '')", "--allow-write=".into()),
        ("await fetch('http://127.0.0.1:9/')", "--allow-net=127.0.0.1:9".into()),
        ("return process.env.HOME.length", "--allow-env=HOME".into()),
    ] {
        let refused = home.run(&["code", code]);
        // A variable that may not be read is as if it were not set.
        let env = code.contains("env") && refused.code == 1;
        assert!(env || (refused.code == 1 && refused.err.contains(&flag)), "{code}: {refused:?}");
    }
    assert!(!home.work().join("new.txt").exists());
}

#[test]
fn flags_and_configuration_grant() {
    let home = Home::new();
    home.write("data.txt", "the data");
    for flag in ["--allow-read", "--allow-read=.", "--allow-read=data.txt,other", "-A"] {
        assert_eq!(home.run(&["code", READ, flag]).expect(0).out, "the data\n", "{flag}");
    }
    home.run(&["code", READ, "-A", "--deny-read=data.txt"]).expect(1);
    home.run(&["code", READ, "--allow-read=elsewhere"]).expect(1);
    home.write("my.toml", "[permissions]\nread = [\".\"]\n");
    assert_eq!(home.run(&["code", READ, "--config", "my.toml"]).expect(0).out, "the data\n");
}

#[test]
fn a_folder_cannot_grant_its_own_programs_anything() {
    let home = Home::new();
    home.write("data.txt", "the data");
    home.write("quicksave.toml", "[permissions]\nall = true\n");
    let refused = home.run(&["code", READ]).expect(1);
    assert!(refused.err.starts_with("warning: the permissions in ./quicksave.toml do not count"), "{}", refused.err);
    home.run(&["code", READ, "--config", "quicksave.toml"]).expect(0);
}
