//! HTTP: what is sent, what is followed, what is refused.

use std::sync::Arc;

use host::{LocalHost, Reply};
use run::{Failure, Outcome};
use serde_json::{Value, json};

use crate::server::{Names, Server, header, response};
use crate::support::{Person, call, call_bytes, fails, permissions, value};

const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90,
    0x00, 0x80, 0x88, 0xf9, 0xe5, 0x11, 0x00, 0x00, 0x00,
];

/// A host with these flags, to which the names a.test, b.test and c.test lead to this machine.
fn host(flags: &[&str]) -> Arc<LocalHost> {
    let near: &[&str] = &["127.0.0.1"];
    let names = Names::of(&[("a.test", near), ("b.test", near), ("c.test", near), ("x.wild.test", near)]);
    let granted = permissions(flags, "/".as_ref());
    Arc::new(LocalHost::builder("/nowhere").permissions(granted).resolver(names).value_limit(1 << 20).build())
}

async fn text(outcome: Outcome) -> (Value, String) {
    let payload = outcome.unwrap();
    (payload.json.value(), String::from_utf8(payload.bytes.unwrap().to_vec()).unwrap())
}

async fn get(host: &Arc<LocalHost>, url: &str) -> (Value, String) {
    text(call(host, "fetch", json!({"url": url})).await).await
}

async fn refused(host: &Arc<LocalHost>, args: Value) -> Failure {
    fails(host, "fetch", args).await
}

#[tokio::test]
async fn a_response_comes_back_whole() {
    let server = Server::start(|_| response("404 Not Found", "X-A: 1\r\nX-A: 2\r\nX-L: caf\u{e9}\r\n", b"body")).await;
    let url = format!("http://a.test:{}/p?q=1#f", server.port);
    let (head, body) = get(&host(&["--allow-net=a.test"]), &url).await;
    assert_eq!(body, "body");
    assert_eq!(
        (&head["status"], &head["statusText"], &head["redirected"]),
        (&json!(404), &json!("Not Found"), &json!(false))
    );
    assert_eq!(head["url"], json!(url));
    let headers = head["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-a", "1"])) && headers.contains(&json!(["x-a", "2"])), "{headers:?}");
    let seen = &server.requests()[0];
    assert!(seen.starts_with("GET /p?q=1 HTTP/1.1\r\n"), "{seen}");
    assert_eq!(header(seen, "accept").unwrap(), "*/*");
    assert!(header(seen, "accept-encoding").unwrap().contains("gzip"));
    assert!(header(seen, "user-agent").unwrap().starts_with("quicksave/"));
    assert!(header(seen, "idempotency-key").is_none() && header(seen, "referer").is_none());
}

#[tokio::test]
async fn writes_carry_a_stable_key() {
    let server = Server::start(|_| response("200 OK", "", b"")).await;
    let host = host(&["--allow-net=a.test"]);
    let url = format!("http://a.test:{}/", server.port);
    for method in ["POST", "put", "PATCH", "DELETE", "POST", "OPTIONS", "HEAD"] {
        call(&host, "fetch", json!({"url": url, "method": method})).await.unwrap();
    }
    let own = json!({"url": url, "method": "POST", "headers": [["idempotency-key", "mine"]]});
    call_bytes(&host, "fetch", own, b"data").await.unwrap();
    let seen = server.requests();
    let keys: Vec<_> = seen.iter().map(|r| header(r, "idempotency-key")).collect();
    let ours = Some("run_1/7".to_owned());
    assert_eq!(keys, [&ours, &ours, &ours, &ours, &ours, &None, &None, &Some("mine".into())].map(Clone::clone));
    assert!(seen[1].starts_with("PUT / "), "methods are in capitals");
    assert_eq!(header(&seen[0], "content-length").unwrap(), "0");
    assert!(seen[7].ends_with("\r\n\r\ndata"));
}

#[tokio::test]
async fn headers_cannot_smuggle() {
    let server = Server::start(|_| response("200 OK", "", b"")).await;
    let host = host(&["--allow-net=a.test"]);
    let url = format!("http://a.test:{}/", server.port);
    for (name, bad) in [
        ("x", "a\r\nHost: evil"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", "a\u{2028}b"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("", "a"),
        ("x:", "a"),
        ("x\u{e9}", "a"),
        ("x", "snow \u{2603}"),
    ] {
        let failure = refused(&host, json!({"url": url, "headers": [[name, bad]]})).await;
        assert_eq!(failure.name, "TypeError", "{name:?} {bad:?}");
        assert!(!failure.message.contains(bad) || bad.len() == 1, "values are not shown: {failure}");
    }
    for method in ["GET /x HTTP/1.1\r\nX: y", "CONNECT", "TRACE", "track", "", "A B"] {
        assert_eq!(refused(&host, json!({"url": url, "method": method})).await.name, "TypeError", "{method:?}");
    }
    assert!(server.requests().is_empty());
    let dropped = [
        ("Host", "evil.org"),
        ("Content-Length", "99"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "x-keep"),
        ("Keep-Alive", "1"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Expect", "100-continue"),
        ("Proxy-Authorization", "p"),
        ("Proxy-Connection", "p"),
        ("HTTP2-Settings", "p"),
    ];
    let mut headers: Vec<_> = dropped.iter().map(|(k, v)| json!([k, v])).collect();
    headers.push(json!(["X-Keep", " kept\u{e9} "]));
    headers.push(json!(["Authorization", "Bearer t"]));
    call_bytes(&host, "fetch", json!({"url": url, "method": "POST", "headers": headers}), b"four").await.unwrap();
    let seen = &server.requests()[0];
    assert_eq!(header(seen, "host").unwrap(), format!("a.test:{}", server.port));
    assert_eq!(header(seen, "content-length").unwrap(), "4");
    assert_eq!(header(seen, "authorization").unwrap(), "Bearer t");
    assert!(header(seen, "x-keep").unwrap().starts_with("kept"));
    for (name, value) in &dropped[2..] {
        assert_ne!(header(seen, name).as_deref(), Some(*value), "{name}");
    }
}

#[tokio::test]
async fn each_hop_needs_its_own_permission() {
    let inner = Server::start(|_| response("200 OK", "", b"secret")).await;
    let target = format!("http://b.test:{}/", inner.port);
    let outer = Server::start(move |_| response("302 Found", &format!("Location: {target}\r\n"), b"")).await;
    let url = format!("http://a.test:{}/", outer.port);
    let denied = refused(&host(&["--allow-net=a.test"]), json!({"url": url})).await;
    assert_eq!((&*denied.name, denied.code.as_deref()), ("PermissionDenied", Some("EPERM")));
    let flag = format!("--allow-net=b.test:{}", inner.port);
    assert!(denied.message.starts_with("a redirect leads to b.test") && denied.message.contains(&flag), "{denied}");
    assert!(inner.requests().is_empty());
    let (head, body) = get(&host(&["--allow-net=a.test,b.test"]), &url).await;
    assert_eq!((body.as_str(), &head["redirected"]), ("secret", &json!(true)));
    let to_ip = Server::start(|_| response("301 Moved", "Location: http://169.254.169.254/latest\r\n", b"")).await;
    let url = format!("http://a.test:{}/", to_ip.port);
    assert_eq!(refused(&host(&["--allow-net=a.test,:80"]), json!({"url": url})).await.name, "PermissionDenied");
    for bad in ["file:///etc/passwd", "ftp://a.test/", "data:,x", "javascript:1", "http://u:p@a.test/", "http://[::1"] {
        let server = Server::start(move |_| response("302 Found", &format!("Location: {bad}\r\n"), b"")).await;
        let failure = refused(&host(&["-A"]), json!({"url": format!("http://a.test:{}/", server.port)})).await;
        assert!(failure.name == "TypeError" && !failure.message.contains("u:p"), "{bad}: {failure}");
    }
}

#[tokio::test]
async fn redirects_follow_the_standard() {
    // (status, method, method after, whether the body stays)
    for (status, method, after, body) in [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (301, "PUT", "PUT", true),
        (307, "POST", "POST", true),
        (308, "PUT", "PUT", true),
    ] {
        let server = Server::start(move |request| match request.contains(" /to ") {
            true => response("200 OK", "", b"end"),
            false => response(&format!("{status} Moved"), "Location: /to\r\n", b"ignored"),
        })
        .await;
        let url = format!("http://a.test:{}/from#frag", server.port);
        let args =
            json!({"url": url, "method": method, "headers": [["Content-Type", "text/x"], ["Authorization", "s"]]});
        let (head, text) = text(call_bytes(&host(&["--allow-net=a.test"]), "fetch", args, b"data").await).await;
        assert_eq!((text.as_str(), &head["url"]), ("end", &json!(format!("http://a.test:{}/to#frag", server.port))));
        let second = &server.requests()[1];
        assert!(second.starts_with(&format!("{after} /to ")), "{status} {method}: {second}");
        assert_eq!(second.ends_with("data"), body, "{status} {method}");
        assert_eq!(header(second, "content-type").is_some(), body, "{status} {method}");
        assert_eq!(header(second, "idempotency-key").is_some(), body, "{status} {method}");
        assert_eq!(header(second, "authorization").as_deref(), Some("s"), "the same origin");
    }
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let inner = Server::start(|_| response("200 OK", "", b"")).await;
    let target = format!("http://b.test:{}/", inner.port);
    let outer =
        Server::start(move |_| response("307 Go", &format!("Location: {target}\r\nSet-Cookie: c=1\r\n"), b"")).await;
    let headers = json!([["Authorization", "s"], ["Cookie", "s"], ["X-Api-Key", "s"], ["X-Other", "kept"]]);
    let url = format!("http://a.test:{}/", outer.port);
    call(&host(&["--allow-net=a.test,b.test"]), "fetch", json!({"url": url, "headers": headers})).await.unwrap();
    let seen = &inner.requests()[0];
    for name in ["authorization", "cookie", "x-api-key", "referer"] {
        assert!(header(seen, name).is_none(), "{name}: {seen}");
    }
    assert_eq!(header(seen, "x-other").unwrap(), "kept");
}

#[tokio::test]
async fn redirects_can_be_kept_or_refused_and_end() {
    let server = Server::start(|_| response("302 Found", "Location: /again\r\n", b"here")).await;
    let host = host(&["--allow-net=a.test"]);
    let url = format!("http://a.test:{}/", server.port);
    let (head, body) = text(call(&host, "fetch", json!({"url": url, "redirect": "manual"})).await).await;
    assert_eq!((&head["status"], body.as_str()), (&json!(302), "here"));
    let failure = refused(&host, json!({"url": url, "redirect": "error"})).await;
    assert!(failure.message.starts_with("fetch failed: unexpected redirect"), "{failure}");
    let before = server.requests().len();
    let failure = refused(&host, json!({"url": url})).await;
    assert!(failure.message.contains("redirect count exceeded"), "{failure}");
    assert_eq!(server.requests().len() - before, 21);
}

#[tokio::test]
async fn a_name_that_is_bound_anew_gains_nothing() {
    let server = Server::start(|_| response("200 OK", "", b"inside")).await;
    let url = format!("http://x.wild.test:{}/", server.port);
    let denied = refused(&host(&["--allow-net=*.wild.test"]), json!({"url": url})).await;
    assert_eq!(denied.name, "PermissionDenied");
    assert!(denied.message.contains("x.wild.test resolves to 127.0.0.1"), "{denied}");
    assert!(denied.message.contains(&format!("--allow-net=127.0.0.1:{}", server.port)), "{denied}");
    let port_only = format!("--allow-net=:{}", server.port);
    assert_eq!(refused(&host(&[&port_only]), json!({"url": url})).await.name, "PermissionDenied");
    let literal = format!("http://127.1:{}/", server.port);
    assert_eq!(refused(&host(&[&port_only]), json!({"url": literal})).await.name, "PermissionDenied");
    let denied = refused(&host(&["--allow-net", "--deny-net=127.0.0.1"]), json!({"url": url})).await;
    assert!(denied.message.contains("--deny-net forbids"), "{denied}");
    assert!(server.requests().is_empty());
    for flags in ["--allow-net", "--allow-net=x.wild.test", "--allow-net=*.wild.test,127.0.0.1"] {
        assert_eq!(get(&host(&[flags]), &url).await.1, "inside", "{flags}");
    }
    // Of several addresses only the good ones are tried, and the name is looked up once.
    let names = Names::of(&[("x.wild.test", &["10.0.0.1 127.0.0.1", "10.0.0.2"])]);
    let granted = permissions(&["--allow-net=*.wild.test,127.0.0.0/8"], "/".as_ref());
    let host = Arc::new(LocalHost::builder("/nowhere").permissions(granted).resolver(names.clone()).build());
    assert_eq!(get(&host, &url).await.1, "inside");
    assert_eq!(names.looks.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_person_can_let_a_host_through() {
    let server = Server::start(|_| response("200 OK", "", b"ok")).await;
    let person = Person::saying(&[Reply::Once, Reply::Deny]);
    let names = Names::of(&[("a.test", &["127.0.0.1"])]);
    let host = Arc::new(LocalHost::builder("/nowhere").screen(person.clone()).resolver(names).build());
    let url = format!("http://a.test:{}/", server.port);
    assert_eq!(get(&host, &url).await.1, "ok");
    assert_eq!(refused(&host, json!({"url": url})).await.name, "PermissionDenied");
    assert_eq!(person.asked.lock().unwrap()[0], format!("network access to a.test:{}", server.port));
}

#[tokio::test]
async fn bodies_are_unpacked_and_have_a_longest() {
    let server = Server::start(|request| {
        let gzip = "Content-Encoding: gzip\r\n";
        match request.split(' ').nth(1).unwrap() {
            "/gzip" => response("200 OK", gzip, GZIP),
            "/broken" => response("200 OK", gzip, b"not gzip at all"),
            "/long" => response("200 OK", "", &vec![b'x'; (1 << 20) + 1]),
            "/full" => response("200 OK", "", &vec![b'x'; 1 << 20]),
            "/claim" => b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx".to_vec(),
            "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort".to_vec(),
            "/endless" => [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 2 << 20]].concat(),
            "/204" => b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
            _ => b"nonsense\r\n\r\n".to_vec(),
        }
    })
    .await;
    let host = host(&["--allow-net=a.test"]);
    let url = |path: &str| format!("http://a.test:{}{path}", server.port);
    assert_eq!(get(&host, &url("/gzip")).await.1, "hello hello hello");
    assert_eq!(get(&host, &url("/full")).await.1.len(), 1 << 20);
    assert_eq!(get(&host, &url("/204")).await.1, "");
    for path in ["/long", "/claim", "/endless"] {
        let failure = refused(&host, json!({"url": url(path)})).await;
        assert!(failure.message.contains("longer than one value may be (1 MiB)"), "{path}: {failure}");
    }
    for path in ["/broken", "/cut", "/nonsense"] {
        let failure = refused(&host, json!({"url": url(path)})).await;
        assert!(
            failure.message.starts_with("fetch failed: ") && failure.message.contains("a.test"),
            "{path}: {failure}"
        );
    }
}

#[tokio::test]
async fn failures_name_host_port_and_reason() {
    let all = host(&["-A"]);
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let plain = Server::start(|_| response("200 OK", "", b"")).await;
    for (url, code, part) in [
        (
            format!("http://127.0.0.1:{closed}/?token=t"),
            Some("ECONNREFUSED"),
            format!("127.0.0.1:{closed} was refused"),
        ),
        (
            "http://nowhere.test/?token=t".into(),
            Some("ENOTFOUND"),
            "nowhere.test (of nowhere.test:80) was not found".into(),
        ),
        (format!("https://a.test:{}/", plain.port), Some("ERR_TLS"), format!("TLS with a.test:{}", plain.port)),
        ("file:///etc/passwd".into(), None, "file: URLs are not supported".into()),
        ("nonsense".into(), None, "is not a URL".into()),
        ("http://u:secret@a.test/".into(), None, "a user or password".into()),
        ("http://a.test:0/".into(), None, "bad port".into()),
    ] {
        let failure = refused(&all, json!({"url": url})).await;
        assert_eq!((&*failure.name, failure.code.as_deref()), ("TypeError", code), "{url}: {failure}");
        assert!(failure.message.starts_with("fetch failed: ") && failure.message.contains(&part), "{url}: {failure}");
        assert!(!failure.message.contains("token") && !failure.message.contains("secret"), "{failure}");
    }
    let body = call_bytes(&all, "fetch", json!({"url": "http://a.test/"}), b"x").await.unwrap_err();
    assert!(body.message.contains("GET/HEAD"), "{body}");
    let denied = refused(&host(&[]), json!({"url": "https://example.com/"})).await;
    assert_eq!(
        denied.message,
        "network access to example.com:443 is not allowed: run again with --allow-net=example.com"
    );
}

#[tokio::test]
async fn data_urls_need_no_network() {
    let none = host(&[]);
    for (url, kind, body) in [
        ("data:,a%20b", "text/plain;charset=US-ASCII", "a b"),
        ("data:text/html,<b>#f", "text/html", "<b>"),
        ("data:text/plain;base64,aGk=", "text/plain", "hi"),
        ("data:application/json; base64,e30", "application/json", "{}"),
        ("data:;charset=utf-8,%C3%A9", "text/plain;charset=utf-8", "\u{e9}"),
        ("data:,%zz%4", "text/plain;charset=US-ASCII", "%zz%4"),
    ] {
        let (head, text) = get(&none, url).await;
        assert_eq!((text.as_str(), &head["headers"][0][1]), (body, &json!(kind)), "{url}");
    }
    for bad in ["data:nothing", "data:;base64,a", "data:;base64,!!!!"] {
        assert!(refused(&none, json!({"url": bad})).await.message.contains("data: URL"), "{bad}");
    }
}

#[tokio::test]
async fn a_withdrawn_request_ends() {
    let server = Server::start(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        response("200 OK", "", b"")
    })
    .await;
    let host = host(&["-A"]);
    let url = format!("http://a.test:{}/", server.port);
    let long = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(long, value(&host, "fetch", json!({"url": url}))).await.is_err());
    assert_eq!(get(&host, &url).await.0["status"], json!(200), "and the next one goes on");
}

#[test]
fn secret_headers_do_not_reach_the_journal() {
    let home = tempfile::tempdir().unwrap();
    let host = host::LocalHost::builder(home.path()).build();
    let args =
        serde_json::json!({ "url": "https://a.org", "headers": [["Authorization", "Bearer s3cret"], ["X-A", "1"]] });
    let recorded = executor::Host::recorded(&host, "fetch", &args.into());
    assert!(!recorded.json.get().contains("s3cret") && recorded.json.get().contains("X-A"), "{recorded:?}");
}
