//! Nothing of the language is without a case: names of the library, instructions, messages. What is new and has no
//! case fails here.

use std::collections::BTreeSet;

use neutron::stepping::{self, Stepper};
use regex::Regex;
use run::TurnEnd;

use crate::conformance::{files, folder, programs};
use crate::drive::{self, Files};
use crate::port::World;

/// The specification's lists.
const LIBRARY: &[(&str, &str)] = &[
    ("array", "push pop slice map filter find indexOf join reverse sort reduce every some contains"),
    (
        "string",
        "contains split substring find rfind index rindex strip lstrip rstrip replace upper lower capitalize title \
         swapcase casefold isalnum isalpha isdigit islower isupper isspace istitle slice normalize encode isunicode \
         format startsWith endsWith repeat",
    ),
    ("buffer", "slice toString"),
    (
        "sys",
        "checkpoint alloc read write append cp mv rm exists mkdir rmdir listdir stat chmod tmpfile cwd chdir env args \
         info input sleep exit exec",
    ),
    (
        "fmt",
        "to_int to_str to_bin to_float to_hex to_oct type is_int is_float is_string is_bool is_nil is_array is_object \
         is_callable pad_left pad_right",
    ),
    ("json", "stringify parse readFile writeFile get set has delete keys values merge clone"),
    ("math", "add subtract multiply divide sqrt pow abs ceil floor round sin cos tan log exp min max random PI E"),
    ("time", "now format sleep"),
    (
        "arrays",
        "new length push pop at set slice join reverse sort index_of contains remove remove_at clear clone to_string \
         flat fill range shuffle map filter find reduce every some flat_map",
    ),
    (
        "strings",
        "split join trim trim_left trim_right upper lower replace replace_first contains starts_with ends_with \
         index_of last_index_of substring repeat reverse length count char_at char_code from_char_code is_empty \
         is_alpha is_digit is_alnum",
    ),
    (
        "collections",
        "set_new set_add set_has set_remove set_size set_to_array set_union set_intersection set_difference stack_new \
         stack_push stack_pop stack_peek stack_size stack_is_empty queue_new queue_enqueue queue_dequeue queue_peek \
         queue_size queue_is_empty",
    ),
    ("regex", "test search find findAll replace split isValid escape"),
    ("crypto", "base64_encode base64_decode sha256 md5 random_bytes random_string hex_encode hex_decode xor_cipher"),
    ("path", "join split dirname basename extname isabs normalize resolve relative sep delimiter toUnix toWindows"),
    ("random", "random uniform randint choice shuffle sample seed gauss expovariate triangular getrandbits"),
    ("log", "debug info warn error set_level get_level set_file set_color set_timestamp DEBUG INFO WARN ERROR"),
    ("http", "get post put delete head patch request urlEncode urlDecode parseQuery"),
    ("async", "run await sleep timer"),
    ("process", "spawn send receive self is_alive kill process_count process_sleep"),
];

fn sources() -> String {
    programs().into_iter().map(|(_, source)| source + "\n").collect()
}

#[test]
fn the_library_has_what_the_specification_lists_and_every_name_has_a_case() {
    let listed: BTreeSet<String> =
        LIBRARY.iter().flat_map(|(m, names)| names.split_whitespace().map(move |n| format!("{m}.{n}"))).collect();
    let known: BTreeSet<String> = stepping::library().into_iter().collect();
    assert_eq!(known.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the specification");
    assert_eq!(listed.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
    let sources = sources();
    let without: Vec<&String> = known
        .iter()
        .filter(|full| {
            let (module, name) = full.split_once('.').unwrap();
            let is_method = ["array", "string", "buffer"].contains(&module);
            let wanted = if is_method { format!(r"\.{name}\b") } else { format!(r"\b{module}\.{name}\b") };
            !Regex::new(&wanted).unwrap().is_match(&sources)
        })
        .collect();
    assert!(without.is_empty(), "without a case: {without:?}");
}

#[test]
fn every_instruction_is_run_by_some_case() {
    let mut seen = [false; 256];
    for (_, source) in programs() {
        let Ok(checked) = neutron::compile(&source, "test.nt", &Files(files())) else { continue };
        let mut world = World::new();
        let mut machine = Stepper::new(&checked.code);
        machine.limit(1);
        let wake = drive::start(&world);
        let mut end = machine.start(wake, &mut world).unwrap();
        for _ in 0..3_000 {
            end = match end {
                None => {
                    if let Some(number) = machine.next_instruction() {
                        seen[number as usize] = true;
                    }
                    machine.limit(1);
                    machine.go(&mut world).unwrap()
                }
                Some(TurnEnd::Idle) => {
                    let (n, outcome) = world.next_result().unwrap();
                    let now = world.now;
                    machine.limit(1);
                    machine.deliver(n, outcome, now, &mut world).unwrap()
                }
                Some(_) => break,
            };
        }
    }
    let without: Vec<&str> =
        stepping::instructions().into_iter().filter(|(n, ..)| !seen[*n as usize]).map(|(_, name, _)| name).collect();
    assert!(without.is_empty(), "no case runs {without:?}");
}

/// Messages that other tests see, or that nothing but a damaged machine can give.
const ELSEWHERE: &[&str] = &[
    // The tests of memory.
    "this needs more memory than the program may have, {limit} MiB",
    "this string would be longer than 1 GiB",
    "this string would be longer than the program may use memory",
    "the program holds more than {limit} MiB; free something or raise its limit",
    "the program is too large for a snapshot",
    // Runs of one function.
    "{name} is to be called as a function, and it is a value of type {what}",
    // A hundred thousand tasks.
    "there are {MAX_TASKS} tasks already",
    // Damaged machines.
    "there is no such task",
    "this is no class",
    "there is no such function",
];

/// Every text that is given to a function that reports something, out of the sources.
fn messages() -> Vec<(String, String)> {
    let call = Regex::new(
        r#"(?s)(?:fail\(\s*kind::\w+,|problem\(\s*[\w.()]+,|Problem::new\(\s*[\w.()]+,)\s*(?:format!\(\s*)?"((?:[^"\\]|\\.)*)""#,
    )
    .unwrap();
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let source = std::fs::read_to_string(&path).unwrap();
            found.extend(
                call.captures_iter(&source).map(|c| (name.clone(), c[1].replace("\\\"", "\"").replace("\\\\", "\\"))),
            );
        }
    }
    found
}

#[test]
fn every_message_is_printed_by_some_case() {
    let printed: String = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "out"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let hole = Regex::new(r"\{[^{}]*\}").unwrap();
    let messages = messages();
    assert!(messages.len() > 120, "{}", messages.len());
    let without: Vec<String> = messages
        .into_iter()
        .filter(|(_, message)| !ELSEWHERE.contains(&message.as_str()) && !printed.contains(message.as_str()))
        .filter(|(_, message)| {
            let plain = message.replace("{{", "\u{1}").replace("}}", "\u{2}");
            let parts: Vec<String> = hole
                .split(&plain)
                .map(|part| regex::escape(&part.replace('\u{1}', "{").replace('\u{2}', "}")))
                .collect();
            !Regex::new(&parts.join(".*")).unwrap().is_match(&printed)
        })
        .map(|(file, message)| format!("{file}: {message}"))
        .collect();
    assert!(without.is_empty(), "{} messages without a case:\n{}", without.len(), without.join("\n"));
}

#[test]
fn every_kind_of_error_is_caught_by_some_case() {
    let kinds = std::fs::read_to_string(folder().join("../../src/fault.rs")).unwrap();
    let kind = Regex::new(r#"pub const \w+: &str = "(\w+)";"#).unwrap();
    let printed: String = programs()
        .iter()
        .map(|(name, _)| std::fs::read_to_string(folder().join(format!("{name}.out"))).unwrap())
        .collect();
    let without: Vec<&str> =
        kind.captures_iter(&kinds).map(|c| c.get(1).unwrap().as_str()).filter(|k| !printed.contains(k)).collect();
    assert!(without.is_empty(), "{without:?}");
}
