//! A password in the address of a store is in nothing that the command says or writes.

use std::{
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
};

use store_tests::servers::{DURABLE, RedisServer, S3Server, s3};

use crate::support::{ASKER, Home, Output, finish};

/// Part of every password here; also as it stands in an address, and as a signature's key.
const SECRET: &str = "hush-hush";

/// Addresses that hold it: of a server that refuses it, and mistakes that people make.
fn addresses(port: u16) -> Vec<String> {
    let fill = |text: &str| text.replace("PORT", &port.to_string()).replace("SECRET", SECRET);
    [
        "postgres://app:SECRET@127.0.0.1:PORT/postgres",
        "postgres://app:SECRET@127.0.0.1:PORT/postgres?sslmode=require&schema=x",
        "postgres:///d?user=u&host=127.0.0.1&port=PORT&password=SECRET",
        "postgres://app:SECRET@127.0.0.1:PORT/postgres?sslmode=prefer",
        "postgres://app:SECRET@127.0.0.1:notaport/x",
        "postgres://app:SECRET@/x y",
        "postgres:SECRET",
        "redis://:SECRET@127.0.0.1:PORT",
        "redis://me:SECRET@127.0.0.1:PORT/0?prefix=p",
        "redis://:SECRET@127.0.0.1:PORT/notanumber",
        "s3://me:SECRET@bucket/x",
        "s3://bucket/x?endpoint=http://me:SECRET@127.0.0.1:PORT",
        "s3://bucket/x?secret=SECRET",
        "SECRET://x",
        "SECRET",
        "sqlite://me:SECRET@x/y",
        "file://me:SECRET@host/y",
    ]
    .map(fill)
    .into()
}

/// A port on which a server of Postgres and Redis refuses whoever comes, at once: quicker than one that is not there,
/// which is waited for.
fn refuses() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut piece) {
                    // A command of Redis, a wish for TLS (8 bytes), or who comes to Postgres with which words.
                    let commands = piece[..n].iter().filter(|byte| **byte == b'*').count();
                    let answer: Vec<u8> = match (piece[0], n) {
                        (b'*', _) => {
                            b"-WRONGPASS invalid username-password pair or user is disabled.\r\n".repeat(commands)
                        }
                        (_, 8) => b"N".to_vec(),
                        _ => b"E\0\0\0\x2bSFATAL\0C28P01\0Mauthentication refused\0\0".to_vec(),
                    };
                    if stream.write_all(&answer).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

#[track_caller]
fn assert_hushed(what: &str, output: &Output) {
    assert!(!holds(output.out.as_bytes()) && !holds(output.err.as_bytes()), "{what}: {output:#?}");
    assert!(!output.err.contains("panicked"), "{what}: {output:#?}");
}

/// No file below `folder` holds it, but for those that the test wrote.
#[track_caller]
fn assert_no_file_holds_it(folder: &Path, but: &[PathBuf]) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_file_holds_it(&path, but);
        } else if !but.contains(&path) {
            assert!(!holds(&std::fs::read(&path).unwrap_or_default()), "{}", path.display());
        }
    }
}

#[test]
fn no_address_shows_its_password_whatever_goes_wrong() {
    let urls = addresses(refuses());
    // Each address with some commands; all commands are tried with some address.
    let commands: [&[&str]; 8] = [
        &["list"],
        &["run", "asker.ts", "-vv"],
        &["show", "x", "--json"],
        &["doctor", "--json"],
        &["store", "check", "URL"],
        &["store", "copy", "URL", "sqlite:copy.db", "--json"],
        &["resume", "x"],
        &["cleanup", "--older-than", "1d", "-v"],
    ];
    std::thread::scope(|scope| {
        for (n, url) in urls.iter().enumerate() {
            let commands = &commands;
            scope.spawn(move || {
                let home = Home::new();
                home.write("asker.ts", ASKER);
                for step in 0..3 {
                    let command = commands[(n + step * 3) % commands.len()];
                    let args: Vec<&str> = command.iter().map(|arg| if *arg == "URL" { url } else { *arg }).collect();
                    let place = ["--store", "--checkpoints"][step % 2];
                    let output = home.run(&[&args[..], &[place, url]].concat());
                    assert_hushed(&format!("{args:?} {place} {url}"), &output);
                    let mut command = home.command(&args);
                    command.env(["QUICKSAVE_STORE", "QUICKSAVE_CHECKPOINTS"][(step + 1) % 2], url);
                    assert_hushed(
                        &format!("{args:?} by the environment, {url}"),
                        &finish(command.spawn().expect("started")),
                    );
                }
                let config = home.work().join("named.toml");
                std::fs::write(&config, format!("store = {url:?}\nstor = {url:?}\n")).expect("written");
                assert_hushed(url, &home.run(&["list", "--config", "named.toml"]));
                std::fs::write(&config, format!("store = {url:?}\ncheckpoints = [{url:?}]\n")).expect("written");
                assert_hushed(url, &home.run(&["list", "--config", "named.toml"]));
                std::fs::write(&config, format!("store = {url:?}\n")).expect("written");
                assert_hushed(url, &home.run(&["run", "asker.ts", "--config", "named.toml", "-vv"]));
                assert_no_file_holds_it(home.home().parent().expect("a folder"), &[config]);
            });
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    // Bound and free again: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port is free").port();
    std::thread::scope(|scope| {
        for url in
            [format!("postgres://app:{SECRET}@127.0.0.1:{port}/x"), format!("redis://me:{SECRET}@127.0.0.1:{port}")]
        {
            scope.spawn(move || {
                let home = Home::new();
                home.write("asker.ts", ASKER);
                let place = if url.starts_with("redis") { "--checkpoints" } else { "--store" };
                let output = home.run(&["run", "asker.ts", "-vv", place, &url]);
                assert_hushed(&url, &output);
                assert!(output.code == 2 && output.err.contains(&port.to_string()), "{output:?}");
            });
        }
    });
}

#[test]
fn what_is_proposed_next_has_the_address_without_its_password() {
    let home = Home::new();
    home.write("asker.ts", ASKER);
    // A run in a file; its checkpoints are wanted at a server only once there are some to save.
    let url = format!("redis://me:{SECRET}@127.0.0.1:{}/0?prefix=p", refuses());
    home.run(&["run", "asker.ts", "--id", "a1"]).expect(4);
    for args in [&["show", "a1"][..], &["resume", "a1"], &["answer", "a1", "yes"], &["log", "a1"], &["inspect", "a1"]] {
        for more in [&[][..], &["--json"], &["-vv"]] {
            assert_hushed(&format!("{args:?}"), &home.run(&[args, more, &["--checkpoints", &url]].concat()));
        }
    }
    // Help says where an option comes from, and not what the environment holds.
    for args in [&["--help"][..], &["run", "--help"], &["store", "copy", "--help"], &["run", "--no-such-option"]] {
        let mut command = home.command(args);
        command.env("QUICKSAVE_STORE", &url).env("QUICKSAVE_CHECKPOINTS", &url);
        assert_hushed(&format!("{args:?}"), &finish(command.spawn().expect("started")));
    }
    assert_no_file_holds_it(home.home().parent().expect("a folder"), &[]);
}

#[test]
fn keys_of_s3_stay_in_the_environment() {
    let server = S3Server::start();
    let home = Home::new();
    home.write("asker.ts", ASKER);
    let place = format!("s3://{}/x?endpoint=http%3A%2F%2F127.0.0.1%3A{}", s3::BUCKET, server.port());
    let run = |args: &[&str], secret: &str| {
        let mut command = home.command(args);
        command.env("AWS_ACCESS_KEY_ID", s3::KEY_ID).env("AWS_SECRET_ACCESS_KEY", secret);
        command.env("AWS_SESSION_TOKEN", format!("token-{SECRET}"));
        finish(command.spawn().expect("started"))
    };
    // The wrong key: refused by the service, which tells what was signed.
    for more in [&[][..], &["--json"], &["-vv"]] {
        let args = [&["run", "asker.ts", "--snapshot=always", "--checkpoints", &place], more].concat();
        let refused = run(&args, SECRET);
        assert_ne!(refused.code, 4, "{refused:?}");
        assert_hushed("a wrong key", &refused);
        assert_hushed("a wrong key", &run(&[&["store", "check", &place], more].concat(), SECRET));
        assert_hushed("a wrong key", &run(&[&["doctor", "--checkpoints", &place], more].concat(), SECRET));
    }
    // The right one.
    let args = ["run", "asker.ts", "--id", "a1", "--snapshot=always", "--checkpoints", &place, "-vv"];
    let mut command = home.command(&args);
    command.env("AWS_ACCESS_KEY_ID", s3::KEY_ID).env("AWS_SECRET_ACCESS_KEY", s3::SECRET);
    let waits = finish(command.spawn().expect("started")).expect(4);
    assert!(!waits.err.contains(s3::SECRET) && !waits.out.contains(s3::SECRET), "{waits:?}");
    assert!(waits.err.contains("endpoint="), "it says how to go on: {waits:?}");
    assert_no_file_holds_it(home.home().parent().expect("a folder"), &[]);
}

#[test]
fn a_password_that_the_server_refuses_is_not_shown() {
    // A server of Redis that wants another password.
    let server = RedisServer::start(&[DURABLE, &["--requirepass", "another"]].concat());
    let home = Home::new();
    home.write("asker.ts", ASKER);
    let url = format!("redis://:{SECRET}@127.0.0.1:{}/0", server.port());
    for more in [&[][..], &["--json"], &["-vv"]] {
        for args in [&["run", "asker.ts"][..], &["doctor"]] {
            let refused = home.run(&[args, more, &["--checkpoints", &url]].concat());
            assert_ne!(refused.code, 4, "{refused:?}");
            assert_hushed("a wrong password", &refused);
        }
    }
    let good = url.replace(SECRET, "another");
    let waits =
        home.run(&["run", "asker.ts", "--id", "a1", "--snapshot=always", "--checkpoints", &good, "-vv"]).expect(4);
    for text in [&waits.out, &waits.err] {
        assert!(!text.contains(":another@"), "{waits:?}");
    }
    assert!(waits.err.contains("--checkpoints=redis://127.0.0.1"), "{waits:?}");
}
