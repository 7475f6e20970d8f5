//! What is reached over TLS: only who shows a certificate that the machine trusts, for the name that was asked for.

use std::path::{Path, PathBuf};

use serde_json::json;
use store_tests::servers::{Certificate, Postgres, PostgresSetup, S3Server, TlsDoor, s3};

use crate::support::{ASKER, Home, Output, finish, serve};

/// A home whose machine trusts `certificate` and nobody else.
fn trusting(certificate: &Certificate) -> (Home, PathBuf) {
    let home = Home::new();
    let file = home.work().join("authorities.pem");
    certificate.write(&file);
    (home, file)
}

fn run(home: &Home, authorities: &Path, args: &[&str]) -> Output {
    let mut command = home.command(args);
    command.env("SSL_CERT_FILE", authorities).env_remove("SSL_CERT_DIR");
    command.env("AWS_ACCESS_KEY_ID", s3::KEY_ID).env("AWS_SECRET_ACCESS_KEY", s3::SECRET);
    finish(command.spawn().expect("started"))
}

/// The error names the certificate, and neither a key nor a signature.
#[track_caller]
fn assert_refused(output: &Output) {
    assert_ne!(output.code, 0, "{output:?}");
    assert!(output.err.contains("certificate"), "{output:?}");
    assert!(!output.err.contains(s3::SECRET) && !output.err.contains("Signature="), "{output:?}");
}

#[test]
fn checkpoints_go_to_s3_over_tls() {
    let (server, certificate) = (S3Server::start(), Certificate::of("localhost"));
    let door = TlsDoor::to(server.port(), &certificate);
    let (home, good) = trusting(&certificate);
    let (_other, bad) = trusting(&Certificate::of("localhost"));
    home.write("asker.ts", ASKER);
    let place =
        |host: &str| format!("--checkpoints=s3://{}/runs?endpoint=https%3A%2F%2F{host}%3A{}", s3::BUCKET, door.port());
    let kept = place("localhost");
    let begun = run(&home, &good, &["run", "asker.ts", "--id", "a1", "--snapshot=always", &kept]).expect(4);
    assert!(server.objects().names().iter().any(|name| name.starts_with("runs/")), "{:?}", server.objects().names());
    // What it says to do next names the same service.
    assert!(begun.err.contains("endpoint=https"), "{begun:?}");
    let asked = server.objects().requests.load(std::sync::atomic::Ordering::SeqCst);
    // An authority that did not sign; a name that is not in the certificate.
    assert_refused(&run(&home, &bad, &["answer", "a1", "yes", &kept]));
    assert_refused(&run(&home, &good, &["answer", "a1", "yes", &place("127.0.0.1")]));
    assert_eq!(server.objects().requests.load(std::sync::atomic::Ordering::SeqCst), asked, "nothing came through");
    run(&home, &good, &["answer", "a1", "yes", &kept]).expect(4);
    let end = run(&home, &good, &["answer", "a1", "b", &kept]).expect(0);
    assert!(end.out.contains("\"color\": \"b\""), "{end:?}");
}

#[test]
fn pg_talks_tls_and_checks_the_certificate() {
    let certificate = Certificate::of("localhost");
    let tls = Some((certificate.pem.clone(), certificate.key.clone()));
    let server = Postgres::start(PostgresSetup { tls, ..PostgresSetup::default() });
    let (home, good) = trusting(&certificate);
    let (_other, bad) = trusting(&Certificate::of("localhost"));
    home.write(
        "main.ts",
        "import { Client } from 'pg';
         export default async function main({ host, port, ca }) {
           const client = new Client({ host, port, user: 'app', database: 'postgres', ssl: ca === undefined ? true : { ca } });
           await client.connect();
           const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
           await client.end();
           return rows;
         }",
    );
    let port = format!("port={}", server.port());
    let ask = |authorities: &Path, host: &str, more: &[&str]| {
        let (grant, host) = (format!("--allow-net={host}:{}", server.port()), format!("host={host}"));
        let args = [&["--json", "run", "main.ts", "-p", &host, "-p", &port, &grant], more].concat();
        run(&home, authorities, &args)
    };
    let encrypted = json!([{ "ssl": true }]);
    assert_eq!(ask(&good, "localhost", &[]).expect(0).json()["result"], encrypted);
    // An authority that the program names stands in for the machine's.
    let own = format!("ca={}", certificate.pem);
    assert_eq!(ask(&bad, "localhost", &["-p", &own]).expect(0).json()["result"], encrypted);
    for refused in [ask(&bad, "localhost", &[]), ask(&good, "127.0.0.1", &[])] {
        assert_eq!(refused.code, 1, "{refused:?}");
        let error = refused.json()["error"].to_string();
        assert!(error.contains("certificate"), "{error}");
    }
}

#[test]
fn fetch_talks_tls_and_checks_the_certificate() {
    let plain = serve(|_, _| (200, "hello".to_owned()));
    let certificate = Certificate::of("localhost");
    let door = TlsDoor::to(plain, &certificate);
    let (home, good) = trusting(&certificate);
    let (_other, bad) = trusting(&Certificate::of("localhost"));
    let ask = |authorities: &Path, host: &str| {
        let address = format!("https://{host}:{}/x", door.port());
        let code =
            format!("try {{ return await (await fetch('{address}')).text() }} catch (e) {{ return `${{e.cause}}` }}");
        let output =
            run(&home, authorities, &["--json", "code", &code, &format!("--allow-net={host}:{}", door.port())]);
        output.expect(0).json()["result"].as_str().expect("a text").to_owned()
    };
    assert_eq!(ask(&good, "localhost"), "hello");
    for refused in [ask(&bad, "localhost"), ask(&good, "127.0.0.1")] {
        assert!(refused.contains("certificate"), "{refused}");
    }
}
