//! Whole photons: the users' own, and everything that the head of one can say.

use bundler::tools::Binding;
use serde_json::json;

use super::{named, of, try_photon};

#[test]
fn the_seeds() {
    for (name, text, tools, lifecycle) in [
        ("000-counter.ts", include_str!("../seeds/000-counter.ts"), vec!["run"], vec!["getState", "setState"]),
        ("000-listener.ts", include_str!("../seeds/000-listener.ts"), vec![], vec!["onNotification"]),
        ("000-long-running.ts", include_str!("../seeds/000-long-running.ts"), vec!["run"], vec![]),
        ("000-my-photon.ts", include_str!("../seeds/000-my-photon.ts"), vec!["run"], vec!["getState", "setState"]),
        ("000-notification.ts", include_str!("../seeds/000-notification.ts"), vec!["run"], vec![]),
    ] {
        let photon = try_photon(&[(name, text)]).expect("a photon").expect("a class");
        assert_eq!(photon.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), tools, "{name}");
        assert_eq!(photon.lifecycle, lifecycle, "{name}");
        assert_eq!((&photon.errors, &photon.warnings), (&vec![], &vec![]), "{name}");
        let listens = if name == "000-listener.ts" { vec!["data_processed"] } else { vec![] };
        assert_eq!(photon.header.notify_on, listens, "{name}");
        for tool in &photon.tools {
            assert_eq!(tool.input_schema, json!({"type": "object", "properties": {}}), "{name}");
        }
    }
    let photon = of(include_str!("../seeds/000-long-running.ts"));
    let run = named(&photon, "run");
    assert!(run.is_generator && run.is_async);
    let counter = of(include_str!("../seeds/000-counter.ts"));
    assert_eq!(named(&counter, "run").binding, Binding::Object { param: "params".into(), optional: false });
}

#[test]
fn the_head_of_a_photon() {
    let photon = try_photon(&[(
        "todo-list.photon.ts",
        r"/**
 * Todo lists.
 *
 * @version 1.2.0
 * @author Ann
 * @license MIT
 * @icon ✅
 * @runtime ^2.0.0
 * @tags tasks, lists
 * @dependencies @scope/pkg@^1.0.0, date-fns@^2, plain
 * @mcp github anthropics/mcp-server-github
 * @mcp fs npm:@modelcontextprotocol/server-filesystem
 * @photon feed rss-feed
 * @photon home todo:home
 * @photon chat ./chat.photon.ts
 * @cli git - https://git-scm.com/downloads
 * @cli ffmpeg
 * @ui board ./ui/board.html
 * @prompt plan ./prompts/plan.md
 * @resource schema ./schema.json
 */
import x from 'node:fs';

/**
 * The class itself.
 * @stateful
 * @notify-on a, b
 * @auth required
 */
export default class TodoList extends Photon {
  protected settings = {
    /** How many {@min 1} */
    limit: 10,
    theme: 'dark' as 'dark' | 'light',
    token: undefined as string | undefined,
  };
  constructor(
    private apiKey: string,
    private retries = 3,
    private github: any,
    private feed: Feed,
    private workChat: any,
    private items: string[] = [],
    private verbose?: boolean,
  ) { super(); }
  /** @notify-on c */
  async onNotification(event: string) {}
  async add(item: string) {}
  private helper() {}
  protected other() {}
  _hidden() {}
  #secret() {}
  get size() { return 1; }
  set size(v) {}
  field = () => 1;
  ['computed' + 1]() {}
  'quoted-name'() {}
}
interface Feed { read(): void }",
    )])
    .expect("a photon")
    .expect("a class");
    assert_eq!((photon.errors.as_slice(), photon.warnings.as_slice()), (&[][..], &[][..]));
    let json = json!(photon);
    for (pointer, expected) in [
        ("/name", json!("todo-list")),
        ("/className", json!("TodoList")),
        ("/description", json!("The class itself.")),
        ("/version", json!("1.2.0")),
        ("/author", json!("Ann")),
        ("/license", json!("MIT")),
        ("/icon", json!("✅")),
        ("/runtime", json!("^2.0.0")),
        ("/keywords", json!(["tasks", "lists"])),
        ("/stateful", json!(true)),
        ("/auth", json!("required")),
        ("/notifyOn", json!(["a", "b", "c"])),
        (
            "/dependencies",
            json!([{"name": "@scope/pkg", "source": "^1.0.0"}, {"name": "date-fns", "source": "^2"}, {"name": "plain", "source": ""}]),
        ),
        (
            "/mcp",
            json!([{"name": "github", "source": "anthropics/mcp-server-github"}, {"name": "fs", "source": "npm:@modelcontextprotocol/server-filesystem"}]),
        ),
        (
            "/photons",
            json!([{"name": "feed", "source": "rss-feed"}, {"name": "home", "source": "todo", "instance": "home"}, {"name": "chat", "source": "./chat.photon.ts"}]),
        ),
        ("/cli", json!([{"name": "git", "source": "https://git-scm.com/downloads"}, {"name": "ffmpeg", "source": ""}])),
        ("/ui", json!([{"id": "board", "path": "./ui/board.html"}])),
        ("/prompts", json!([{"id": "plan", "path": "./prompts/plan.md"}])),
        ("/assets", json!([{"id": "schema", "path": "./schema.json"}])),
        ("/lifecycle", json!(["onNotification"])),
    ] {
        assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
    }
    assert_eq!(
        photon.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["add", "quoted-name", "settings"]
    );
    // What is not given stays: nothing is needed, and nothing goes back to where it began.
    let settings = &photon.tools.last().expect("three").input_schema;
    assert_eq!((settings.get("required"), settings["properties"]["limit"].get("default")), (None, None));
    assert_eq!(settings["properties"]["limit"]["minimum"], 1);
    assert_eq!(
        json["constructor"],
        json!([
            {"name": "apiKey", "schema": {"type": "string"}, "required": true, "injection": {"kind": "environment", "variable": "TODO_LIST_API_KEY"}},
            {"name": "retries", "schema": {"type": "number"}, "required": false, "default": 3, "injection": {"kind": "environment", "variable": "TODO_LIST_RETRIES"}},
            {"name": "github", "schema": {}, "required": true, "injection": {"kind": "mcp", "name": "github"}},
            {"name": "feed", "schema": {"type": "object"}, "required": true, "injection": {"kind": "photon", "name": "feed"}},
            {"name": "workChat", "schema": {}, "required": true, "injection": {"kind": "photon", "name": "chat", "instance": "work"}},
            {"name": "items", "schema": {"type": "array", "items": {"type": "string"}}, "required": false, "default": [], "injection": {"kind": "state", "key": "items"}},
            {"name": "verbose", "schema": {"type": "boolean"}, "required": false, "injection": {"kind": "environment", "variable": "TODO_LIST_VERBOSE"}},
        ])
    );
    assert_eq!(
        json["settings"],
        json!({"type": "object", "properties": {
            "limit": {"type": "number", "default": 10, "description": "How many", "minimum": 1},
            "theme": {"type": "string", "enum": ["dark", "light"], "default": "dark"},
            "token": {"type": "string"},
        }, "required": ["token"]})
    );
}

#[test]
fn what_is_wrong_with_the_head() {
    for (tag, message) in [
        ("@mcp github", "@mcp: a name and where it comes from are needed"),
        ("@photon", "@photon: a name and where it comes from are needed"),
        ("@dependencies a b", "@dependencies: 'a b' is no package"),
        ("@cli", "@cli: the name of a command is missing"),
        ("@notify-on", "@notify-on: a name is missing"),
    ] {
        let photon = of(&format!("/**\n * {tag}\n */\nexport default class A {{ t() {{}} }}"));
        let [error] = photon.errors.as_slice() else { panic!("{tag}: {:?}", photon.errors) };
        assert_eq!((error.message.as_str(), error.line, error.column), (message, 2, 4), "{error}");
    }
}

#[test]
fn overloads_and_doubles() {
    let photon = of(r"export default class A {
        /** Adds. */
        add(a: string): void;
        add(a: number): void;
        add(a: any): void {}
        twice(a: string) {}
        twice(b: number) {}
        static twice(c: boolean) {}
    }");
    let names: Vec<_> = photon.tools.iter().map(|tool| (tool.name.as_str(), tool.is_static)).collect();
    assert_eq!(names, [("add", false), ("twice", false), ("twice", true)]);
    assert_eq!(photon.tools[0].description, "Adds.");
    assert_eq!(photon.tools[1].input_schema["properties"], json!({"b": {"type": "number"}}));
}
