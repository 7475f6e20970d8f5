//! What native functions see, and the ways to take their arguments apart.

use bytes::Bytes;
use run::{Payload, Port};
use serde_json::Value as Tree;
use smol_str::SmolStr;

use crate::fault::{R, fail, kind};
use crate::heap::Heap;
use crate::number;
use crate::value::{Kind, Value};
use crate::vm::World;

pub(crate) struct Cx<'a> {
    pub heap: &'a mut Heap,
    pub world: &'a mut World,
    pub port: &'a mut dyn Port,
}

impl Cx<'_> {
    fn wrong<T>(&self, what: &str, wanted: &str, value: Value) -> R<T> {
        fail(kind::TYPE, format!("{what} must be {wanted}, not {}", self.heap.type_name(value)))
    }

    pub fn text<'s>(&'s self, args: &[Value], at: usize, what: &str) -> R<&'s str> {
        match args.get(at).and_then(|v| self.heap.as_str(*v)) {
            Some(text) => Ok(text),
            None => self.wrong(what, "a string", args.get(at).copied().unwrap_or(Value::NIL)),
        }
    }

    pub fn owned(&self, args: &[Value], at: usize, what: &str) -> R<String> {
        self.text(args, at, what).map(str::to_owned)
    }

    pub fn number(&self, args: &[Value], at: usize, what: &str) -> R<f64> {
        match args.get(at).and_then(|v| v.as_number()) {
            Some(n) => Ok(n),
            None => self.wrong(what, "a number", args.get(at).copied().unwrap_or(Value::NIL)),
        }
    }

    /// A whole number.
    pub fn integer(&self, args: &[Value], at: usize, what: &str) -> R<i64> {
        let n = self.number(args, at, what)?;
        match number::index(n) {
            Some(i) => Ok(i),
            None => fail(kind::VALUE, format!("{what} must be a whole number, not {}", number::text(n))),
        }
    }

    /// A whole number that is not negative and not huge.
    pub fn count(&self, args: &[Value], at: usize, what: &str) -> R<usize> {
        let n = self.integer(args, at, what)?;
        match usize::try_from(n) {
            Ok(n) if n <= self.heap.limit.max(1 << 20) => Ok(n),
            _ => fail(kind::VALUE, format!("{what} must be from 0 to {}, not {n}", self.heap.limit)),
        }
    }

    pub fn array(&self, args: &[Value], at: usize, what: &str) -> R<Value> {
        let value = args.get(at).copied().unwrap_or(Value::NIL);
        if value.is(Kind::Array) { Ok(value) } else { self.wrong(what, "an array", value) }
    }

    pub fn map(&self, args: &[Value], at: usize, what: &str) -> R<Value> {
        let value = args.get(at).copied().unwrap_or(Value::NIL);
        if value.is(Kind::Map) { Ok(value) } else { self.wrong(what, "an object", value) }
    }

    /// A string's or buffer's bytes.
    pub fn bytes(&self, args: &[Value], at: usize, what: &str) -> R<Vec<u8>> {
        let value = args.get(at).copied().unwrap_or(Value::NIL);
        match (self.heap.as_str(value), self.heap.as_bytes(value)) {
            (Some(text), _) => Ok(text.as_bytes().to_vec()),
            (_, Some(bytes)) => Ok(bytes.to_vec()),
            _ => self.wrong(what, "a string or a buffer", value),
        }
    }

    pub fn new_text(&mut self, text: impl Into<SmolStr>) -> Value {
        self.heap.text(text)
    }

    pub fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Value {
        let items = texts.map(|text| self.heap.text(text)).collect();
        self.heap.array(items)
    }

    /// Asks the host while the program stands still.
    pub fn operation(&mut self, op: &str, args: Tree) -> R<(Tree, Option<Bytes>)> {
        self.world.operation(op, args, None, self.port)
    }
}

/// The place in 0..=len that an index means, counted from the end if it is negative; out of range is cut.
pub(crate) fn cut(index: i64, len: usize) -> usize {
    let at = if index < 0 { index + len as i64 } else { index };
    at.clamp(0, len as i64) as usize
}

impl World {
    /// Asks the host while the program stands still; its failure is an error that programs can catch.
    pub fn operation(
        &mut self,
        op: &str,
        args: Tree,
        bytes: Option<Vec<u8>>,
        port: &mut dyn Port,
    ) -> R<(Tree, Option<Bytes>)> {
        self.observed = true;
        let payload = Payload { json: args.into(), bytes: bytes.map(Bytes::from) };
        let (_, outcome) = port.call(op.to_owned(), payload)?;
        match outcome {
            Ok(payload) => Ok((payload.json.value(), payload.bytes)),
            Err(failure) => {
                let permission = failure.name == "PermissionDenied" || failure.code.as_deref() == Some("EACCES");
                fail(if permission { kind::PERMISSION } else { kind::IO }, failure.message)
            }
        }
    }

    /// The folder of relative paths.
    pub fn folder(&mut self, port: &mut dyn Port) -> R<String> {
        if let Some(cwd) = &self.cwd {
            return Ok(cwd.clone());
        }
        let observed = self.observed;
        let (info, _) = self.operation("process.info", serde_json::json!({}), None, port)?;
        // Nobody can see that it was asked.
        self.observed = observed;
        let cwd = info.get("cwd").and_then(Tree::as_str).unwrap_or("/").to_owned();
        self.cwd = Some(cwd.clone());
        Ok(cwd)
    }

    /// A path as the host wants it.
    pub fn absolute(&mut self, path: &str, port: &mut dyn Port) -> R<String> {
        if path.is_empty() {
            return fail(kind::VALUE, "the path is empty");
        }
        if super::path::is_absolute(path) {
            return Ok(path.to_owned());
        }
        let folder = self.folder(port)?;
        Ok(super::path::normalize(&format!("{}/{path}", folder.trim_end_matches('/'))))
    }
}
