//! What docblocks say of methods and parameters.

use serde_json::{Value, json};

use super::{named, of, tool};

/// The schema of `v`, from a type and what `@param v` says.
#[track_caller]
fn param(ty: &str, doc: &str) -> Value {
    tool(&format!("/** @param v {doc} */\nt(v: {ty}, w?: 1) {{}}")).input_schema["properties"]["v"].clone()
}

#[test]
fn constraints() {
    for (ty, doc, expected) in [
        (
            "number",
            "How many {@min 1} {@max 10}",
            json!({"type": "number", "description": "How many", "minimum": 1, "maximum": 10}),
        ),
        ("string", "{@min 1} {@max 10}", json!({"type": "string", "minLength": 1, "maxLength": 10})),
        (
            "string[]",
            "{@min 1} {@max 10}",
            json!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 10}),
        ),
        (
            "number[]",
            "{@minItems 1} {@maxItems 2} {@unique}",
            json!({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2, "uniqueItems": true}),
        ),
        ("number", "{@min -1.5}{@multipleOf 0.5}", json!({"type": "number", "minimum": -1.5, "multipleOf": 0.5})),
        (
            "string",
            "A zip {@pattern ^[0-9]{5}$} code",
            json!({"type": "string", "description": "A zip code", "pattern": "^[0-9]{5}$"}),
        ),
        ("string", r"{@pattern ^\{\d+\}$}", json!({"type": "string", "pattern": r"^\{\d+\}$"})),
        ("string", "{@format email}", json!({"type": "string", "format": "email"})),
        ("string", "{@choice a, b,c}", json!({"type": "string", "enum": ["a", "b", "c"]})),
        ("number", "{@choice 1,2}", json!({"type": "number", "enum": [1, 2]})),
        ("string[]", "{@choice a,b}", json!({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}})),
        ("string", "{@choice-from list.name}", json!({"type": "string", "x-choiceFrom": "list.name"})),
        ("number", "{@default 5}", json!({"type": "number", "default": 5})),
        ("string", "{@default 5}", json!({"type": "string", "default": "5"})),
        ("boolean", "{@default true}", json!({"type": "boolean", "default": true})),
        ("string[]", r#"{@default ["a"]}"#, json!({"type": "array", "items": {"type": "string"}, "default": ["a"]})),
        ("string", "{@example one} {@example two}", json!({"type": "string", "examples": ["one", "two"]})),
        (
            "{ a: string }",
            r#"{@example {"a": "}"}} text"#,
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "examples": [{"a": "}"}], "description": "text"}),
        ),
        (
            "string",
            "{@label Your name} {@placeholder Ann} {@hint First} {@hidden} {@accept .ts,.js}",
            json!({"type": "string", "title": "Your name", "placeholder": "Ann", "hint": "First", "hidden": true, "accept": ".ts,.js"}),
        ),
        ("string", "{@readOnly}", json!({"type": "string", "readOnly": true})),
        ("string", "{@readOnly} {@writeOnly}", json!({"type": "string", "writeOnly": true})),
        ("string", "{@deprecated use w}", json!({"type": "string", "x-deprecated": "use w", "deprecated": true})),
        ("number", "{@field integer}", json!({"type": "integer", "field": "integer"})),
        ("number | null", "{@min 1}", json!({"type": ["number", "null"], "minimum": 1})),
        (
            "number | string",
            "{@min 1} either",
            json!({"anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "minLength": 1}], "description": "either"}),
        ),
        (
            "string",
            "- see {@link https://a.b the docs} now",
            json!({"type": "string", "description": "see the docs now"}),
        ),
        (
            "string",
            "Goes on\n   in the next\n   line.",
            json!({"type": "string", "description": "Goes on in the next line."}),
        ),
        ("any", "{@min 1}", json!({"minimum": 1})),
    ] {
        let found = param(ty, doc);
        assert_eq!(found, expected, "{ty} {doc}");
        jsonschema::meta::validate(&found).unwrap_or_else(|error| panic!("{ty} {doc}: {error}"));
    }
}

#[test]
fn what_is_wrong_with_constraints() {
    for (ty, doc, column, message) in [
        ("number", "{@min x}", 17, "'@min x': this is not a number"),
        ("string", "{@min -1}", 17, "'@min -1': this is not a whole number from 0"),
        ("boolean", "{@max 1}", 17, "'@max' is for numbers, strings and arrays, and this is boolean"),
        ("number", "{@pattern a}", 17, "'@pattern' is for a value of type string, and this is number"),
        ("string", "text {@pattern a(}", 22, "'a(' is not a regular expression"),
        ("number", "{@multipleOf 0}", 17, "'@multipleOf 0': only a number above 0 has multiples"),
        ("number", "{@choice a,b}", 17, "'@choice a,b': this is a number, and not all of these are"),
        ("number", "{@min 5} {@max 1}", 26, "no value fits: the least is 5 and the most is 1"),
        ("string", "{@format}", 17, "'@format' needs a value"),
        ("string", "{@min 1", 17, "'{@min' is not closed"),
        ("number", "{@unique}", 17, "'@unique' is for a value of type array, and this is number"),
    ] {
        let photon = of(&format!("export default class A {{\n  /** @param v {doc} */\n  t(v: {ty}, w: 1) {{}}\n}}"));
        let [error] = photon.errors.as_slice() else { panic!("{doc}: {:?}", photon.errors) };
        assert_eq!((error.message.as_str(), error.line, error.column), (message, 2, column - 1), "{error}");
    }
    let photon =
        of("export default class A {\n  /** @param v {@mim 1}\n * @param x nobody */\n  t(v: number, w: 1) {}\n}");
    let messages: Vec<_> = photon.warnings.iter().map(|warning| (warning.line, warning.message.as_str())).collect();
    assert_eq!(messages, [(2, "'{@mim}' is not known and has no effect"), (3, "@param: there is no parameter 'x'")]);
    assert_eq!(photon.errors, []);
}

#[test]
fn names_in_param_tags() {
    let schema = tool(
        r"/**
           * Saves.
           * @param {string} params.title - The title
           * @param params.place The place
           * @param params.place.city {@min 2} City
           * @param [params.count=3] Count {@default 3}
           * @param params.tags[] Tags
           * @param params All of it
           */
          t(params: { title: string, place: { city: string }, count: number, tags: string[] }) {}",
    )
    .input_schema;
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "The title"},
                "place": {"type": "object", "properties": {"city": {"type": "string", "minLength": 2, "description": "City"}}, "required": ["city"], "description": "The place"},
                "count": {"type": "number", "description": "Count", "default": 3},
                "tags": {"type": "array", "items": {"type": "string"}, "description": "Tags"},
            },
            "required": ["title", "place", "tags"],
        })
    );
    // One text and one parameter belong together.
    let photon = of("export default class A { /** @param nmae The name */ t(name: string) {} }");
    assert_eq!(named(&photon, "t").input_schema["properties"]["name"]["description"], "The name");
    assert_eq!(photon.warnings.len(), 1);
}

#[test]
fn members_have_docblocks_of_their_own() {
    let photon = of(r"
        /** A place on earth. */
        interface Place {
          /** North {@min -90} {@max 90} */
          lat: number;
          /**
           * East.
           * @min -180
           * @max 180
           * @default 0
           */
          lon: number;
          // Not a docblock.
          name?: string;
          /** @format date */
          seen?: string;
        }
        export default class A { t(a: Place, b: { /** Radius */ r: number }) {} }");
    assert_eq!((&photon.errors, &photon.warnings), (&vec![], &vec![]));
    let schema = named(&photon, "t").input_schema;
    assert_eq!(
        schema["properties"]["a"],
        json!({
            "type": "object",
            "properties": {
                "lat": {"type": "number", "description": "North", "minimum": -90, "maximum": 90},
                "lon": {"type": "number", "description": "East.", "minimum": -180, "maximum": 180, "default": 0},
                "name": {"type": "string"},
                "seen": {"type": "string", "format": "date"},
            },
            "required": ["lat"],
            "description": "A place on earth.",
        })
    );
    assert_eq!(schema["properties"]["b"]["properties"]["r"]["description"], "Radius");
}

#[test]
fn descriptions() {
    for (doc, expected) in [
        ("/** One line. */", "One line."),
        ("/**\n * Two\n * lines.\n */", "Two lines."),
        ("/**\n * First.\n *\n * Second.\n *\n * @see x\n */", "First.\n\nSecond."),
        ("/**\n * Before.\n * ## Details\n * Long.\n */", "Before."),
        ("/** Mail a@b.c. */", "Mail a@b.c."),
        ("/** @description Said so. */", "Said so."),
        ("/**\n * Code:\n * ```ts\n * @timeout 5s\n * ```\n */", "Code: ```ts @timeout 5s ```"),
        ("/** first */ /** second */", "second"),
        ("/* no docblock */", ""),
        ("// no docblock", ""),
        ("/***/", ""),
        ("/****/", ""),
        ("", ""),
        ("/** ä\r\n * ö\r\n */", "ä ö"),
    ] {
        let found = tool(&format!("{doc}\nasync t() {{}}"));
        assert_eq!(found.description, expected, "{doc}");
        assert_eq!(found.tags, Default::default(), "{doc}");
    }
    // What stands before the first member belongs to it, whatever modifiers it has.
    for modifiers in ["public async ", "static ", "override ", "async *", "public static async *"] {
        assert_eq!(tool(&format!("/** Text. */ {modifiers}t() {{}}")).description, "Text.", "{modifiers}");
    }
}
