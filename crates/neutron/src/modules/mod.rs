//! The standard modules, and the methods of strings, arrays and buffers.
//!
//! A function here is native code that runs between two instructions: it sees its arguments, the heap and the world
//! behind `Port`, and never calls back into the program. What takes a function as an argument (`map`, `sort` …) is
//! written in the language itself, in `library.nt`, so that a program can be saved in the middle of it.

mod array_methods;
mod arrays;
mod asynchronous;
mod collections;
mod crypto;
mod cx;
mod files;
mod fmt;
mod format;
mod http;
pub(crate) mod json;
mod json_reader;
mod log;
mod math;
mod outcome;
mod path;
mod process;
mod random;
mod regex;
mod string_case;
mod string_methods;
mod strings;
mod sys;
mod time;

pub(crate) use cx::Cx;
pub(crate) use outcome::{CHECKPOINT, answer, question};

use crate::fault::R;
use crate::value::{Kind, Value};

/// The part of the library that is written in the language.
pub(crate) const LIBRARY: &str = include_str!("library.nt");

/// As many arguments as a call can have.
pub(crate) const MANY: u32 = 65_535;

/// A native function.
pub(crate) struct Native {
    /// `module.function`.
    pub name: &'static str,
    pub min: u32,
    pub max: u32,
    pub call: fn(&mut Cx<'_>, &[Value]) -> R<Value>,
    is_method: bool,
}

const fn begins_with(text: &str, beginning: &str) -> bool {
    match text.as_bytes().split_at_checked(beginning.len()) {
        Some((mut a, _)) => {
            let mut b = beginning.as_bytes();
            while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
                if *x != *y {
                    return false;
                }
                (a, b) = (more_a, more_b);
            }
            true
        }
        None => false,
    }
}

impl Native {
    pub const fn new(name: &'static str, min: u32, max: u32, call: fn(&mut Cx<'_>, &[Value]) -> R<Value>) -> Self {
        let is_method = begins_with(name, "string.") || begins_with(name, "array.") || begins_with(name, "buffer.");
        Self { name, min, max, call, is_method }
    }

    pub fn short_name(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, name)| name)
    }

    /// A method of built-in values, whose object is its first argument.
    pub fn is_method(&self) -> bool {
        self.is_method
    }
}

/// A constant of a module.
pub(crate) enum Constant {
    Number(f64),
    Text(&'static str),
}

pub(crate) struct Module {
    pub name: &'static str,
    pub functions: &'static [Native],
    pub constants: &'static [(&'static str, Constant)],
    /// Functions in `library.nt`, where they are called `module_function`.
    pub library: &'static [&'static str],
    /// Its place in `MODULES`.
    pub id: u32,
}

impl Module {
    pub fn has(&self, name: &str) -> bool {
        member(self.id, name).is_some()
    }
}

const fn module(id: u32, name: &'static str, functions: &'static [Native]) -> Module {
    Module { name, functions, constants: &[], library: &[], id }
}

/// `use`-able modules come first, then the tables of methods, then `say`.
static MODULES: [Module; 22] = [
    module(0, "sys", sys::FUNCTIONS),
    module(1, "fmt", fmt::FUNCTIONS),
    module(2, "json", json::FUNCTIONS),
    Module { constants: math::CONSTANTS, ..module(3, "math", math::FUNCTIONS) },
    module(4, "time", time::FUNCTIONS),
    Module { library: arrays::LIBRARY, ..module(5, "arrays", arrays::FUNCTIONS) },
    module(6, "strings", strings::FUNCTIONS),
    module(7, "collections", collections::FUNCTIONS),
    module(8, "regex", regex::FUNCTIONS),
    module(9, "crypto", crypto::FUNCTIONS),
    Module { constants: path::CONSTANTS, ..module(10, "path", path::FUNCTIONS) },
    module(11, "random", random::FUNCTIONS),
    Module { constants: log::CONSTANTS, ..module(12, "log", log::FUNCTIONS) },
    module(13, "http", http::FUNCTIONS),
    module(14, "async", asynchronous::FUNCTIONS),
    module(15, "process", process::FUNCTIONS),
    module(16, "string", string_methods::FUNCTIONS),
    module(17, "array", array_methods::FUNCTIONS),
    module(18, "buffer", array_methods::BUFFER_FUNCTIONS),
    module(19, "(say)", sys::SAY),
    module(20, "string ", string_case::FUNCTIONS),
    module(21, "library_internal", arrays::INTERNAL),
];

/// Modules that programs can name.
const USABLE: usize = 16;

/// Owners of cached methods: this plus the kind of the value.
pub(crate) const METHODS_OF: u32 = 1 << 16;

pub(crate) enum Member {
    Native(u32),
    Number(f64),
    Text(&'static str),
    Library,
}

/// The module with a name.
pub(crate) fn find(name: &str) -> Option<&'static Module> {
    MODULES[..USABLE].iter().find(|m| m.name == name).or_else(|| {
        // The library itself uses what users cannot name.
        (name == MODULES[21].name).then_some(&MODULES[21])
    })
}

pub(crate) fn names() -> Vec<&'static str> {
    MODULES[..USABLE].iter().map(|m| m.name).collect()
}

pub(crate) fn name(id: u32) -> &'static str {
    MODULES.get(id as usize).map_or("", |m| m.name)
}

fn native_in(module: &Module, name: &str) -> Option<u32> {
    module.functions.iter().position(|f| f.short_name() == name).map(|at| module.id << 16 | at as u32)
}

/// A native function by its number.
#[inline]
pub(crate) fn native(id: u32) -> Option<&'static Native> {
    MODULES.get((id >> 16) as usize)?.functions.get((id & 0xffff) as usize)
}

/// A native function by its full name, as snapshots name it.
pub(crate) fn native_by_name(full: &str) -> Option<u32> {
    MODULES.iter().find_map(|m| m.functions.iter().position(|f| f.name == full).map(|at| m.id << 16 | at as u32))
}

pub(crate) fn native_value(id: u32) -> Value {
    Value::new(Kind::Native, id)
}

/// `say` as a value.
pub(crate) fn say() -> Value {
    native_value(19 << 16)
}

/// A member of a module.
pub(crate) fn member(id: u32, name: &str) -> Option<Member> {
    let module = MODULES.get(id as usize)?;
    if let Some(id) = native_in(module, name) {
        return Some(Member::Native(id));
    }
    if module.library.contains(&name) {
        return Some(Member::Library);
    }
    module.constants.iter().find(|(n, _)| *n == name).map(|(_, constant)| match constant {
        Constant::Number(n) => Member::Number(*n),
        Constant::Text(text) => Member::Text(text),
    })
}

/// Whether this is `push` of arrays, which the machine does itself where it can.
pub(crate) fn is_push(id: u32) -> bool {
    id == MODULES[17].id << 16
}

/// The names of a module's members.
pub(crate) fn members(id: u32) -> Vec<&'static str> {
    let Some(module) = MODULES.get(id as usize) else { return Vec::new() };
    let functions = module.functions.iter().map(Native::short_name);
    let mut names: Vec<_> = functions.chain(module.library.iter().copied()).collect();
    names.extend(module.constants.iter().map(|(name, _)| name));
    names.sort_unstable();
    names
}

/// `module.name` for everything that programs can name, methods too.
pub(crate) fn everything() -> Vec<String> {
    let of = |m: &Module| members(m.id).into_iter().map(|name| format!("{}.{name}", m.name)).collect::<Vec<_>>();
    let mut all: Vec<String> = MODULES[..USABLE].iter().flat_map(of).collect();
    for (kind, word) in [(Kind::Text, "string"), (Kind::Array, "array"), (Kind::Bytes, "buffer")] {
        all.extend(method_names(Some(kind)).into_iter().map(|name| format!("{word}.{name}")));
    }
    // The methods of arrays that are written in the language.
    let class = LIBRARY.lines().skip_while(|l| !l.starts_with("class Array")).take_while(|l| *l != "}");
    let methods = class.filter_map(|l| l.strip_prefix("    fun ")?.split_once('('));
    all.extend(methods.map(|(name, _)| format!("array.{name}")));
    all
}

fn method_tables(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Text => &[16, 20],
        Kind::Array => &[17],
        Kind::Bytes => &[18],
        _ => &[],
    }
}

/// A method of a built-in kind of value.
pub(crate) fn method(kind: Kind, name: &str) -> Option<u32> {
    method_tables(kind).iter().find_map(|table| native_in(&MODULES[*table], name))
}

pub(crate) fn method_names(kind: Option<Kind>) -> Vec<&'static str> {
    let tables = kind.map_or(&[][..], method_tables);
    tables.iter().flat_map(|table| MODULES[*table].functions.iter().map(Native::short_name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_know_their_places_and_names_are_unique() {
        let mut names = std::collections::HashSet::new();
        for (at, module) in MODULES.iter().enumerate() {
            assert_eq!(module.id as usize, at);
            for native in module.functions {
                assert!(names.insert(native.name), "{}", native.name);
                assert!(native.min <= native.max);
            }
        }
        assert_eq!(native(say().payload()).map(|n| n.name), Some("say"));
        assert!(native_by_name("array.push").is_some_and(is_push));
    }
}
