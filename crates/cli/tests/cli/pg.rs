//! The module `pg` of programs, against a real server.

use std::{path::Path, process::Command};

use rustix::process::Signal;
use serde_json::{Value, json};
use store_tests::servers::{Postgres, PostgresSetup};

use crate::support::{Home, Output, finish, signal, until};

const PASSWORD: &str = "geheim-4711";

/// A server whose user `app` needs a password over TCP.
fn server() -> Postgres {
    let server = Postgres::start(PostgresSetup::default());
    let hba = server.sql("SHOW hba_file");
    server.sql(&format!("SET password_encryption = 'scram-sha-256'; ALTER ROLE app PASSWORD '{PASSWORD}'"));
    server.sql("GRANT CREATE ON SCHEMA public TO app");
    let rules = "VALUES ('local all all trust'), ('host all all 127.0.0.1/32 scram-sha-256')";
    server.sql(&format!("COPY ({rules}) TO '{hba}'"));
    let loaded = server.sql("SELECT pg_conf_load_time()");
    server.sql("SELECT pg_reload_conf()");
    until("the new rules", || server.sql("SELECT pg_conf_load_time()") != loaded);
    server
}

fn with_password(mut command: Command) -> Output {
    command.env("PGPASSWORD", PASSWORD);
    finish(command.spawn().expect("started"))
}

/// The whole home holds no password: journals, snapshots, logs.
#[track_caller]
fn assert_no_password(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_password(&path);
        } else if let Ok(bytes) = std::fs::read(&path) {
            let found = bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
            assert!(!found, "the password is in {}", path.display());
        }
    }
}

/// Runs the body of a program that has `pool`, and gives back what it returns.
#[track_caller]
fn result(server: &Postgres, body: &str) -> Value {
    let home = Home::new();
    let text = format!(
        "import pg, {{ Pool, Client, DatabaseError, types }} from 'pg';
         export default async function main({{ port }}) {{
           const pool = new Pool({{ host: '127.0.0.1', port, user: 'app', database: 'postgres' }});
           {body}
         }}"
    );
    let source = home.write("main.ts", &text);
    let grant = format!("--allow-net=127.0.0.1:{}", server.port());
    let port = format!("port={}", server.port());
    let args = ["--json", "run", source.to_str().expect("text"), "-p", &port, &grant, "--allow-env=PGPASSWORD"];
    let output = with_password(home.command(&args)).expect(0);
    assert_no_password(&home.home());
    output.json()["result"].clone()
}

#[test]
fn values_have_the_types_of_node_postgres() {
    let server = server();
    let found = result(
        &server,
        r#"
        const show = (value) => value === null ? null : Array.isArray(value) ? value.map(show)
          : Buffer.isBuffer(value) ? `bytes ${value.toString('hex')}`
          : value instanceof Date ? `date ${value.toISOString()}`
          : typeof value === 'object' ? value : `${typeof value} ${value}`;
        const { rows, fields, command, rowCount } = await pool.query(`SELECT 1::int2 a, -2::int4 b, 9007199254740993 c,
          12345.6780::numeric d, -0.00012::numeric e, 1e20::numeric f, 'NaN'::numeric g, true h, '{"x":[1]}'::jsonb i,
          '[2]'::json j, '2024-02-29 12:34:56.789+02'::timestamptz k, '0044-03-15 BC'::date l, 'infinity'::timestamp m,
          'ä' n, '\\xff00'::bytea o, ARRAY[[1,2],[3,NULL]] p, ARRAY['a"b', 'NULL', NULL] q, null r, 0.1::float4 s,
          '-infinity'::float8 t, 'c9a646d3-9c61-4cb7-bfcd-ee2522c8f633'::uuid u, '01:02:03.4'::time v, '{}'::int[] w`);
        const given = (await pool.query({ text: `SELECT $1::int + 1 a, $2::text b, $3::jsonb c, $4::timestamptz d,
          $5::bytea e, $6::text[] f, $7::bool g, $8::text h, $9::int8 i`, values: [1, 'it\'s', { k: [1] }, new Date(5),
          Buffer.from('hi'), ['a', null, 'b"\\'], false, undefined, 2n ** 60n] })).rows[0];
        const shown = (row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, show(v)]));
        return { row: shown(rows[0]), given: shown(given), command, rowCount, field: fields[0], count: fields.length };
        "#,
    );
    assert_eq!(
        found,
        json!({
            "row": {
                "a": "number 1", "b": "number -2", "c": "string 9007199254740993", "d": "string 12345.6780",
                "e": "string -0.00012", "f": "string 100000000000000000000", "g": "string NaN", "h": "boolean true",
                "i": {"x": [1]}, "j": ["number 2"], "k": "date 2024-02-29T10:34:56.789Z",
                "l": "date -000043-03-15T00:00:00.000Z", "m": "number Infinity", "n": "string ä", "o": "bytes ff00",
                "p": [["number 1", "number 2"], ["number 3", null]], "q": ["string a\"b", "string NULL", null],
                "r": null, "s": "number 0.1", "t": "number -Infinity",
                "u": "string c9a646d3-9c61-4cb7-bfcd-ee2522c8f633", "v": "string 01:02:03.4", "w": [],
            },
            "given": {
                "a": "number 2", "b": "string it's", "c": {"k": [1]}, "d": "date 1970-01-01T00:00:00.005Z",
                "e": "bytes 6869", "f": ["string a", null, "string b\"\\"], "g": "boolean false", "h": null,
                "i": "string 1152921504606846976",
            },
            "command": "SELECT", "rowCount": 1, "field": {"name": "a", "dataTypeID": 21}, "count": 23,
        })
    );
}

#[test]
fn transactions_hold_on_one_client_and_errors_have_their_codes() {
    let server = server();
    let found = result(
        &server,
        r#"
        const code = (promise) => promise.then(() => 'no error', (error) => [error.code, error instanceof DatabaseError]);
        const made = await pool.query('CREATE TABLE t (n int PRIMARY KEY); CREATE TABLE u (n int)');
        const client = await pool.connect();
        await client.query('BEGIN');
        await Promise.all([1, 2, 3].map((n) => client.query('INSERT INTO t VALUES ($1)', [n])));
        const inside = (await client.query('SELECT count(*) FROM t')).rows[0].count;
        const outside = (await pool.query('SELECT count(*) FROM t')).rows[0].count;
        const twice = await code(client.query('INSERT INTO t VALUES (1)'));
        await client.query('ROLLBACK');
        await client.query('BEGIN');
        const inserted = await client.query('INSERT INTO t VALUES (7) RETURNING n');
        await client.query('COMMIT');
        await client.query('BEGIN');
        await client.query('INSERT INTO t VALUES (8)');
        client.release();
        const after = await client.query('SELECT 1').catch((error) => error.message);
        const own = new Client(pool.options);
        await own.connect();
        await own.query('DELETE FROM t WHERE n > 100');
        await own.end();
        const lists = await pool.query({ text: 'SELECT n FROM t ORDER BY n', rowMode: 'array' });
        await pool.end();
        return { made: made.length, inside, outside, twice, command: inserted.command, row: inserted.rows, after,
          lists: lists.rows, begin: await code(new Pool(pool.options).query('BEGIN')),
          missing: await code(new Pool(pool.options).query('SELECT * FROM nowhere')),
          values: await code(new Pool(pool.options).query('SELECT $1::int')),
          type: await code(new Pool(pool.options).query("SELECT '1 day'::interval AS i")),
          ended: await pool.query('SELECT 1').catch((error) => error.message) };
        "#,
    );
    assert_eq!(
        found,
        json!({
            "made": 2, "inside": "3", "outside": "0", "twice": ["23505", true], "command": "INSERT",
            "row": [{"n": 7}], "after": "Client was released and cannot be queried", "lists": [[7]],
            "begin": ["PG_TRANSACTION", false], "missing": ["42P01", true], "values": ["08P01", true],
            "type": ["PG_TYPE", false], "ended": "Cannot use a pool after calling end on the pool",
        })
    );
}

#[test]
fn the_users_own_store_goes_on_after_a_kill() {
    let server = server();
    let home = Home::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dagonizer/postgres.ts");
    let source = source.to_str().expect("text");
    let (port, grant) = (format!("port={}", server.port()), format!("--allow-net=127.0.0.1:{}", server.port()));
    let run = ["run", source, "--id", "r", "-p", &port, "-p", "pause=3000", "--allow-env=PGPASSWORD"];

    let denied = with_password(home.command(&["run", source, "-p", &port, "-p", "pause=0"])).expect(1);
    assert!(denied.err.contains(&grant) && !denied.err.contains(PASSWORD), "{denied:?}");
    let mut command = home.command(&["run", source, "-p", &port, "-p", "pause=0", &grant, "--allow-env=PGPASSWORD"]);
    let wrong = finish(command.env("PGPASSWORD", "wrong-0815").spawn().expect("started")).expect(1);
    assert!(wrong.err.contains("password authentication failed"), "{wrong:?}");
    assert!(!wrong.err.contains("wrong-0815"), "{wrong:?}");

    let mut command = home.command(&[&run[..], &[&grant]].concat());
    let child = command.env("PGPASSWORD", PASSWORD).spawn().expect("started");
    let kept = "SELECT count(*) FROM pg_tables WHERE tablename = 'checkpoints'";
    until("a checkpoint", || server.sql(kept) == "1" && server.sql("SELECT count(*) FROM checkpoints") == "1");
    signal(&child, Signal::KILL);
    finish(child);
    let output = with_password(home.command(&["resume", "r", &grant, "--allow-env=PGPASSWORD", "--json"])).expect(0);
    let expected = json!({ "none": null, "cursor": "second", "processed": ["first", "second"], "left": null });
    assert_eq!(output.json()["result"], expected);
    assert_eq!(server.sql("SELECT count(*) FROM checkpoints"), "0");
    assert_no_password(&home.home());
    for args in [&["list", "--json"][..], &["log", "r"], &["show", "r"]] {
        let output = home.run(args).expect(0);
        assert!(!output.out.contains(PASSWORD) && !output.err.contains(PASSWORD), "{args:?}: {output:?}");
    }
}

#[test]
fn a_session_does_not_outlive_its_process_and_no_journal_holds_a_password() {
    let server = server();
    let home = Home::new();
    // The password is in the program's text here, and so in its pinned code; nowhere else.
    let source = home.write(
        "main.ts",
        &format!(
            "import {{ Pool }} from 'pg';
             export default async function main({{ port }}) {{
               const pool = new Pool(`postgres://app:{PASSWORD}@127.0.0.1:${{port}}/postgres`);
               await pool.query('CREATE TABLE t (n int)');
               const client = await pool.connect();
               await client.query('BEGIN');
               await client.query('INSERT INTO t VALUES (1)');
               await pool.query('CREATE TABLE ready ()');
               await new Promise((wake) => setTimeout(wake, 3000));
               const gone = await client.query('COMMIT').catch((error) => error);
               client.release(gone);
               const {{ rows }} = await pool.query('SELECT count(*) FROM t');
               return {{ code: gone.code, message: gone.message, count: rows[0].count, options: pool.options }};
             }}"
        ),
    );
    let (port, grant) = (format!("port={}", server.port()), format!("--allow-net=127.0.0.1:{}", server.port()));
    let child = home.spawn(&["run", source.to_str().expect("text"), "--id", "r", "-p", &port, &grant]);
    until("the transaction", || server.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'ready'") == "1");
    // The table is there before its result is in the journal; that one query may be made again and then fails.
    home.wait_for("r", "CREATE TABLE ready");
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, Signal::KILL);
    finish(child);
    let output = home.run(&["resume", "r", &grant, "--json"]).expect(0);
    let found = output.json()["result"].clone();
    assert_eq!((&found["code"], &found["count"]), (&json!("PG_SESSION_GONE"), &json!("0")), "{found}");
    assert!(found["message"].as_str().is_some_and(|text| text.contains("pool.connect()")), "{found}");
    assert_eq!(found["options"], json!({}));
    let journal = std::fs::read_to_string(home.journal("r")).expect("read");
    assert!(journal.contains("postgres://app@127.0.0.1") && !journal.contains(PASSWORD), "{journal}");
    for args in [&["list", "--json"][..], &["log", "r"], &["show", "r"]] {
        let output = home.run(args).expect(0);
        assert!(!output.out.contains(PASSWORD) && !output.err.contains(PASSWORD), "{args:?}: {output:?}");
    }
}
