//! What photons emit reaches the photons that listen: in one process, and across processes.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, wait_until},
    support::{Home, finish, signal, until},
};

/// Seed 000's two photons, as they are written there.
fn seeds(home: &Home) {
    for name in ["notification.photon.ts", "listener.photon.ts"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/seeds").join(name);
        std::fs::copy(from, home.work().join(name)).expect("copied");
    }
}

const ITEMS: &str = "{\"items\":[\"a\",\"b\",\"c\"]}";

/// The ids of the runs of a photon, oldest first.
fn runs_of(home: &Home, photon: &str) -> Vec<String> {
    let list = home.json(&["list", "--limit", "1000"]);
    let mut runs: Vec<&Value> =
        list["runs"].as_array().expect("runs").iter().filter(|r| r["photon"] == photon).collect();
    runs.reverse();
    runs.iter().map(|run| run["runId"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn without_a_daemon_events_stay_in_the_process() {
    let home = Home::new();
    seeds(&home);
    let ran = home.run(&["run", "notification.photon.ts", "--params", ITEMS]).expect(0);
    assert!(ran.out.contains("Data processing complete: 3 items"), "{ran:?}");
    let [run] = &runs_of(&home, "listener")[..] else { panic!("one run is expected") };
    let shown = home.json(&["show", run]);
    assert_eq!((&shown["status"], &shown["tool"]), (&json!("completed"), &json!("onNotification")));
    assert_eq!(shown["params"]["payload"]["count"], 3);
}

#[test]
fn with_a_daemon_they_reach_other_processes() {
    let home = Home::new();
    seeds(&home);
    let daemon = Daemon::start(&home, &["--photons", "."]);
    // A listener hears what comes once the daemon knows it.
    until("the listener", || home.home().join("daemon/listeners.json").exists());
    let ran = home.run(&["run", "notification.photon.ts", "--params", ITEMS]).expect(0);
    assert!(!ran.out.contains("Data processing"), "{ran:?}");
    until("the delivery", || runs_of(&home, "listener").len() == 1);
    let delivery = &runs_of(&home, "listener")[0];
    wait_until(&home, delivery, "completed");
    let log = home.run(&["log", delivery]).expect(0).out;
    assert!(log.contains("Data processing complete: 3 items"), "{log}");
    // The daemon dies, and what is published meanwhile stays where it is; then it goes on behind what it knows.
    daemon.kill();
    assert!(home.run(&["run", "notification.photon.ts", "--params", ITEMS]).expect(0).out.contains("3 items"));
    home.run(&["daemon", "start", "--photons", "."]).expect(0);
    home.run(&["run", "notification.photon.ts"]).expect(0);
    until("the delivery", || runs_of(&home, "listener").len() == 3);
    wait_until(&home, &runs_of(&home, "listener")[2], "completed");
}

#[test]
fn a_listener_that_was_interrupted_goes_on_and_none_is_called_twice() {
    let home = Home::new();
    let slow = "/** @notify-on tick* */
        export default class Slow extends Photon {
            async onNotification(type, payload) {
                await new Promise((wake) => setTimeout(wake, 300));
                console.log(`heard ${type} ${payload}`);
            }
        }";
    home.write("slow.photon.ts", slow);
    let daemon = Daemon::start(&home, &["--photons", "."]);
    until("the listener", || home.home().join("daemon/listeners.json").exists());
    for n in 1..=6 {
        home.run(&["emit", &format!("tick{n}"), &n.to_string()]).expect(0);
    }
    for n in [2, 4] {
        until("a delivery", || home.journal(&format!("ev1-{n}-slow")).exists());
        daemon.kill();
        home.run(&["daemon", "start", "--photons", "."]).expect(0);
    }
    until("the last one", || home.journal("ev1-6-slow").exists());
    wait_until(&home, "ev1-6-slow", "completed");
    assert_eq!(runs_of(&home, "slow"), (1..=6).map(|n| format!("ev1-{n}-slow")).collect::<Vec<_>>());
    for n in 1..=6 {
        let log = home.run(&["log", &format!("ev1-{n}-slow")]).expect(0).out;
        assert_eq!(log.matches(&format!("heard tick{n} {n}")).count(), 1, "{log}");
    }
}

#[test]
fn listeners_that_cause_each_other_come_to_an_end() {
    let home = Home::new();
    let echo = "/** @notify-on ping */
        export default class Echo extends Photon {
            async run() { await this.emit('ping', 0); }
            async onNotification(type, n) { await this.emit({ type: 'ping', data: n + 1 }); }
        }";
    home.write("echo.photon.ts", echo);
    let ran = home.run(&["run", "echo.photon.ts", "run"]).expect(0);
    assert!(ran.err.contains("it comes from 16 listeners in a row"), "{}", ran.err);
    assert_eq!(runs_of(&home, "echo").len(), 17);
}

#[test]
fn a_listener_that_fails_is_told_and_stops_nothing() {
    let home = Home::new();
    let bad = "/** @notify-on data_processed */
        export default class Bad extends Photon { onNotification() { throw new Error('boom'); } }";
    seeds(&home);
    home.write("bad.photon.ts", bad);
    let ran = home.run(&["run", "notification.photon.ts"]).expect(0);
    assert!(ran.err.contains("bad failed with an event: boom"), "{}", ran.err);
    assert!(ran.out.contains("Data processing complete: 0 items"), "{ran:?}");
}

const CLOCK: &str = "export default class Clock extends Photon {
    async plan({ missed = false } = {}) {
        const task = await this.schedule.create({
            name: 'often', schedule: '* * * * * *', method: 'tick', params: { by: 'plan' }, maxExecutions: missed ? 1 : 2,
        });
        if (!(await this.schedule.has('often'))) throw new Error('it is not there');
        return task;
    }
    async stop() { return this.schedule.cancelByName('often'); }
    async tasks() { return this.schedule.list(); }
    /** @internal */
    async tick({ by = 'tag' } = {}) { console.log(`tick by ${by}`); }
    /** @scheduled 0 0 * * * */
    async nightly() { return 'done'; }
}";

#[test]
fn what_is_scheduled_is_called() {
    let home = Home::new();
    home.write("clock.photon.ts", CLOCK);
    let task = home.json(&["run", "clock.photon.ts", "plan", "-p", "missed=true"])["result"].clone();
    assert_eq!((&task["status"], &task["executionCount"]), (&json!("active"), &json!(0)));
    let again = home.run(&["run", "clock.photon.ts", "plan"]).expect(1);
    assert!(again.err.contains("has a schedule \"often\" already"), "{}", again.err);
    // Some firings are missed: one makes up for them.
    std::thread::sleep(Duration::from_millis(2_500));
    std::fs::create_dir_all(home.home().join("daemon")).expect("made");
    // As if the daemon had been away since 2020; the other one is new.
    let last = json!({ "clock.nightly": 1_577_836_800_000u64 });
    std::fs::write(home.home().join("daemon/scheduled.json"), last.to_string()).expect("written");
    let _daemon = Daemon::start(&home, &["--photons", "."]);
    let tool = |tool: &str| -> Vec<Value> {
        let list = home.json(&["list", "--limit", "1000"]);
        let runs = list["runs"].as_array().expect("runs").clone();
        runs.into_iter().filter(|run| run["tool"] == tool && run["status"] == "completed").collect()
    };
    until("the firings", || tool("tick").len() == 1 && tool("nightly").len() == 1);
    let tasks = || home.json(&["run", "clock.photon.ts", "tasks"])["result"].clone();
    until("the word on it", || tasks()[0]["status"] == "completed");
    assert_eq!(home.json(&["run", "clock.photon.ts", "stop"])["result"], true);
    home.run(&["run", "clock.photon.ts", "plan"]).expect(0);
    until("two more", || tool("tick").len() == 3);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!((tool("tick").len(), tool("nightly").len()), (3, 1));
}

const HOOK: &str = "export default class Shop extends Photon {
    /**
     * @webhook orders/paid
     * @param order The number
     */
    async paid({ order }: { order: number }) {
        await new Promise((wake) => setTimeout(wake, 200));
        return { order };
    }
}";

/// Sends a request, and gives the status and the body.
fn post(address: &str, path: &str, headers: &[String], body: &str) -> (u16, Value) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connected");
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn a_webhook_is_signed_kept_and_run_once() {
    let home = Home::new();
    home.write("shop.photon.ts", HOOK);
    home.write("secret", "a secret that is long enough\n");
    home.write("daemon.toml", "[daemon]\nhttp = \"127.0.0.1:0\"\nwebhook-secret-file = \"secret\"\n");
    let daemon = Daemon::start(&home, &["--photons", ".", "--config", "daemon.toml"]);
    let address = || daemon.status()["http"].as_str().expect("an address").to_owned();
    let body = "{\"order\":7}";
    let sign = |body: &str, secret: &str| {
        let code = format!(
            "const {{ createHmac }} = await import('node:crypto');
             const t = Math.floor(Date.now() / 1000);
             return `Webhook-Signature: t=${{t}},v1=${{createHmac('sha256', '{secret}').update(`${{t}}.{body}`).digest('hex')}}`;"
        );
        home.json(&["code", &code])["result"].as_str().expect("a header").to_owned()
    };
    let good = sign(body, "a secret that is long enough");
    let at = address();
    assert_eq!(post(&at, "/webhooks/shop/orders/paid", &[], body).0, 401);
    assert_eq!(post(&at, "/webhooks/shop/orders/paid", &[sign(body, "another secret, as long")], body).0, 401);
    assert_eq!(post(&at, "/webhooks/shop/orders/paid", std::slice::from_ref(&good), "{\"order\":8}").0, 401);
    assert_eq!(post(&at, "/webhooks/shop/orders/none", std::slice::from_ref(&good), body).0, 404);
    let wrong = "{\"order\":\"many\"}";
    let (status, said) = post(&at, "/webhooks/shop/orders/paid", &[sign(wrong, "a secret that is long enough")], wrong);
    assert!(status == 422 && said["error"].as_str().is_some_and(|error| error.contains("order")), "{status} {said}");
    let (status, taken) = post(&at, "/webhooks/shop/orders/paid", std::slice::from_ref(&good), body);
    assert_eq!(status, 202, "{taken}");
    let run = taken["runId"].as_str().expect("an id").to_owned();
    // Killed at once: what was accepted is on disk.
    daemon.kill();
    home.run(&["daemon", "start", "--photons", ".", "--config", "daemon.toml"]).expect(0);
    until("the run", || home.journal(&run).exists());
    wait_until(&home, &run, "completed");
    assert_eq!(home.json(&["show", &run])["result"], json!({ "order": 7 }));
    // Sent once more, it is the same.
    let (status, again) = post(&address(), "/webhooks/shop/orders/paid", &[good], body);
    assert_eq!((status, &again["runId"]), (202, &json!(run)));
    let list = home.json(&["list"]);
    let runs = list["runs"].as_array().expect("runs");
    assert_eq!(runs.iter().filter(|run| run["tool"] == "paid").count(), 1);
}

#[test]
fn a_command_that_is_killed_has_published() {
    let home = Home::new();
    let long = "export default class Long extends Photon {
        async run() {
            await this.emit('begun', 1);
            await new Promise((wake) => setTimeout(wake, 60000));
        }
    }";
    home.write("long.photon.ts", long);
    let _daemon = Daemon::start(&home, &[]);
    let child = home.spawn(&["run", "long.photon.ts"]);
    until("the event", || home.run(&["events"]).out.contains("begun"));
    signal(&child, rustix::process::Signal::KILL);
    finish(child);
}
