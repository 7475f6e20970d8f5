//! Tags of methods, and what is wrong with them.

use bundler::tools::{Cache, CatchUp, CircuitBreaker, Middleware, Rate, Retry, Tags, Validation, Visibility};
use serde_json::json;

use super::{named, of, tool};

fn tags(doc: &str) -> Tags {
    tool(&format!("/**\n * Text.\n * {doc}\n */\nasync t(p: {{ a: string, email: string }}) {{}}")).tags
}

#[test]
fn values_of_tags() {
    let rate = |count, window_ms| Some(Rate { count, window_ms });
    for (doc, expected) in [
        ("@timeout 30s", Tags { timeout_ms: Some(30_000), ..Tags::default() }),
        ("@timeout 500ms", Tags { timeout_ms: Some(500), ..Tags::default() }),
        ("@timeout 1.5h for slow ones", Tags { timeout_ms: Some(5_400_000), ..Tags::default() }),
        ("@timeout 2day", Tags { timeout_ms: Some(172_800_000), ..Tags::default() }),
        ("@retryable", Tags { retryable: Some(Retry { count: 3, delay_ms: 1_000 }), ..Tags::default() }),
        ("@retryable 5", Tags { retryable: Some(Retry { count: 5, delay_ms: 1_000 }), ..Tags::default() }),
        ("@retryable 5 2s", Tags { retryable: Some(Retry { count: 5, delay_ms: 2_000 }), ..Tags::default() }),
        ("@cached", Tags { cached: Some(Cache { ttl_ms: 300_000, key: None }), ..Tags::default() }),
        ("@Cached 1h", Tags { cached: Some(Cache { ttl_ms: 3_600_000, key: None }), ..Tags::default() }),
        ("@throttled 10/min", Tags { throttled: rate(10, 60_000), ..Tags::default() }),
        ("@throttled 100/h", Tags { throttled: rate(100, 3_600_000), ..Tags::default() }),
        ("@debounced", Tags { debounced_ms: Some(500), ..Tags::default() }),
        ("@debounced 1s", Tags { debounced_ms: Some(1_000), ..Tags::default() }),
        ("@locked", Tags { locked: Some("t".into()), ..Tags::default() }),
        ("@locked board:write", Tags { locked: Some("board:write".into()), ..Tags::default() }),
        ("@queued", Tags { queued: Some(1), ..Tags::default() }),
        ("@queued 3", Tags { queued: Some(3), ..Tags::default() }),
        ("@fallback []", Tags { fallback: Some(json!([])), ..Tags::default() }),
        ("@fallback null", Tags { fallback: Some(json!(null)), ..Tags::default() }),
        ("@fallback nothing", Tags { fallback: Some(json!("nothing")), ..Tags::default() }),
        ("@logged", Tags { logged: Some("info".into()), ..Tags::default() }),
        ("@logged debug", Tags { logged: Some("debug".into()), ..Tags::default() }),
        (
            "@circuitBreaker 5 30s",
            Tags { circuit_breaker: Some(CircuitBreaker { threshold: 5, reset_ms: 30_000 }), ..Tags::default() },
        ),
        ("@scheduled 0 9 * * 1-5", Tags { scheduled: Some("0 9 * * 1-5".into()), ..Tags::default() }),
        (
            r"@cron *\/10 0,12 1 jan-mar sun",
            Tags { scheduled: Some("*/10 0,12 1 jan-mar sun".into()), ..Tags::default() },
        ),
        (
            "@scheduled 0 9 * * *\n * @timezone Europe/Berlin\n * @catchUp latest",
            Tags {
                scheduled: Some("0 9 * * *".into()),
                timezone: Some("Europe/Berlin".into()),
                catch_up: Some(CatchUp::Once),
                ..Tags::default()
            },
        ),
        ("@webhook", Tags { webhook: Some("t".into()), ..Tags::default() }),
        ("@webhook stripe/paid", Tags { webhook: Some("stripe/paid".into()), ..Tags::default() }),
        (
            "@notify-on mentions, deadlines",
            Tags { notify_on: vec!["mentions".into(), "deadlines".into()], ..Tags::default() },
        ),
        (
            "@validate params.email must be a valid email",
            Tags {
                validations: vec![Validation { field: "email".into(), rule: "must be a valid email".into() }],
                ..Tags::default()
            },
        ),
        ("@deprecated use u", Tags { deprecated: Some("use u".into()), ..Tags::default() }),
        ("@deprecated", Tags { deprecated: Some(String::new()), ..Tags::default() }),
        ("@title Make a\n * note", Tags { title: Some("Make a note".into()), ..Tags::default() }),
        ("@icon 🧮", Tags { icon: Some("🧮".into()), ..Tags::default() }),
        ("@ui board", Tags { ui: Some("board".into()), ..Tags::default() }),
        ("@readOnly", Tags { read_only: true, ..Tags::default() }),
        ("@destructive", Tags { destructive: true, ..Tags::default() }),
        ("@idempotent", Tags { idempotent: true, ..Tags::default() }),
        ("@idempotent as always", Tags { idempotent: true, ..Tags::default() }),
        (
            "@idempotent params.email",
            Tags { idempotent: true, idempotency_key: Some("email".into()), ..Tags::default() },
        ),
        ("@openWorld", Tags { open_world: Some(true), ..Tags::default() }),
        ("@closedWorld", Tags { open_world: Some(false), ..Tags::default() }),
        ("@stateful", Tags { stateful: true, ..Tags::default() }),
        ("@autorun", Tags { autorun: true, ..Tags::default() }),
        ("@async", Tags { background: true, ..Tags::default() }),
        ("@audience user assistant", Tags { audience: vec!["user".into(), "assistant".into()], ..Tags::default() }),
        ("@priority 0.8", Tags { priority: Some(0.8), ..Tags::default() }),
        (
            "@returns {@label Count} How many",
            Tags { button_label: Some("Count".into()), returns: Some("How many".into()), ..Tags::default() },
        ),
        ("@example\n * t({ a: 1 })", Tags { examples: vec!["t({ a: 1 })".into()], ..Tags::default() }),
        (
            "@use cached {@ttl 5m} {@key params.a}",
            Tags { cached: Some(Cache { ttl_ms: 300_000, key: Some("params.a".into()) }), ..Tags::default() },
        ),
        ("@use throttled {@rate 5/s}", Tags { throttled: rate(5, 1_000), ..Tags::default() }),
        ("@use queued {@concurrency 2}", Tags { queued: Some(2), ..Tags::default() }),
        ("@unheard of", Tags::default()),
    ] {
        assert_eq!(tags(doc), expected, "{doc}");
    }
    let found = tags("@use audit {@level info} {@tags api,db}\n * @use cache-control");
    let config = json!({"level": "info", "tags": "api,db"}).as_object().cloned().unwrap_or_default();
    assert_eq!(
        found.middleware,
        [
            Middleware { name: "audit".into(), config },
            Middleware { name: "cache-control".into(), config: Default::default() },
        ]
    );
    let found = tags("@format list {@title name, @subtitle email}").format.expect("a format");
    assert_eq!((found.name.as_str(), json!(found.hints)), ("list", json!({"title": "name", "subtitle": "email"})));
    assert_eq!(tags("@format code:typescript").format.expect("a format").name, "code:typescript");
}

#[test]
fn malformed_tags_are_errors_with_a_place() {
    for (doc, message) in [
        ("@timeout", "@timeout: '' is no time"),
        ("@timeout 30", "@timeout: '30' is no time"),
        ("@timeout soon", "@timeout: 'soon' is no time"),
        ("@timeout -5s", "@timeout: '-5s' is no time"),
        ("@timeout 0s", "@timeout: '0s' is no time"),
        ("@timeout 99999999999d", "@timeout: '99999999999d' is no time"),
        ("@retryable -1", "@retryable: '-1' is no number of times"),
        ("@retryable 3 x", "@retryable: 'x' is no time"),
        ("@throttled often", "@throttled: 'often' is no rate"),
        ("@throttled 0/min", "@throttled: '0/min' is no rate"),
        ("@queued many", "@queued: 'many' is no number of times"),
        ("@cached forever", "@cached: 'forever' is no time"),
        ("@fallback {a", "@fallback: '{a' is not JSON"),
        ("@scheduled daily", "@scheduled: 'daily' is no schedule"),
        ("@scheduled 61 * * * *", "@scheduled: '61' is no minute"),
        ("@cron * 25 * * *", "@cron: '25' is no hour"),
        ("@cron * * 0 * *", "@cron: '0' is no day of the month"),
        ("@cron * * * foo *", "@cron: 'foo' is no month"),
        ("@cron * * * * 5-1", "@cron: '5-1' is no day of the week"),
        (r"@cron *\/0 * * * *", "@cron: '*/0' is no minute"),
        ("@timezone Moon/Sea", "@timezone: 'Moon/Sea' is no time zone"),
        ("@timezone", "@timezone: a time zone is missing"),
        ("@timezone Europe/Berlin", "@timezone: the method has no schedule"),
        ("@catchUp often", "@catchUp: 'often' is no rule"),
        ("@catchUp all", "@catchUp: the method has no schedule"),
        ("@idempotent params.nope", "@idempotent: there is no parameter 'nope'"),
        ("@webhook ../admin", "@webhook: '../admin' is no path"),
        ("@locked a;b", "@locked: 'a;b' is no name"),
        ("@notify-on", "@notify-on: a name is missing"),
        ("@notify-on a b", "@notify-on: 'a b' is no name"),
        ("@validate email", "@validate: a parameter and a rule is missing"),
        ("@validate nope must be", "@validate: there is no parameter 'nope'"),
        ("@audience robots", "@audience: 'robots' is no audience"),
        ("@priority 2", "@priority: '2' is no priority"),
        ("@use", "@use: a name is missing"),
        ("@use throttled {@rate x}", "@use: 'x' is no rate"),
    ] {
        let text = format!(
            "export default class A {{\n  /**\n   * Text.\n   *   {doc}\n   */\n  async t(email: string) {{}}\n}}"
        );
        let photon = of(&text);
        let [error] = photon.errors.as_slice() else { panic!("{doc}: {:?}", photon.errors) };
        assert_eq!(error.message, message);
        assert_eq!((error.file.as_str(), error.line, error.column), ("/app/notes.photon.ts", 4, 8), "{error}");
        assert!(error.help.is_some(), "{error}");
        assert_eq!(photon.tools.len(), 1);
    }
}

#[test]
fn who_sees_a_method_and_where_it_goes() {
    let photon = of(r"
        export default class A {
          /** @internal */
          hidden() {}
          /** A start. @notATag
           * @Template */
          prompt(p: { topic: string }) {}
          /** @Static notes://{id}
           * @mimeType text/markdown */
          note(id: string) {}
          /** @static */
          plain() {}
          static made() {}
          *gen() {}
          async *agen() {}
        }");
    assert_eq!(photon.errors, []);
    assert_eq!(named(&photon, "hidden").visibility, Visibility::Internal);
    assert_eq!(photon.templates.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["prompt"]);
    assert_eq!(photon.templates[0].description, "A start. @notATag");
    let resources: Vec<_> = photon.resources.iter().map(|tool| json!(tool.resource)).collect();
    assert_eq!(
        resources,
        [json!({"uri": "notes://{id}", "mimeType": "text/markdown"}), json!({"uri": "static://plain"})]
    );
    let flags = |name| {
        let tool = named(&photon, name);
        (tool.is_static, tool.is_async, tool.is_generator)
    };
    assert_eq!(flags("made"), (true, false, false));
    assert_eq!(flags("gen"), (false, false, true));
    assert_eq!(flags("agen"), (false, true, true));
}
