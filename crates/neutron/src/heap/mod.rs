//! The heap: objects in slots, named by handles. Collected by mark and sweep, between instructions only, so that
//! nothing that native code holds can vanish.

mod collect;
mod map;
mod object;
mod show;
mod text;

use hashbrown::{DefaultHashBuilder, HashTable};

pub(crate) use map::Map;
pub(crate) use object::{Asked, Class, Closure, Frame, FrameKind, NONE, Obj, Task, Waits};

pub(crate) use text::MAX_TEXT;

use crate::value::{Kind, Value};

/// Collect at the latest when this many bytes were allocated.
const FIRST_COLLECTION: usize = 8 << 20;

/// What native code must know of a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proto {
    pub name: Box<str>,
}

pub(crate) struct Heap {
    pub slots: Vec<Obj>,
    free: Vec<u32>,
    /// Hash and handle of each interned string.
    interned: HashTable<(u32, u32)>,
    hasher: DefaultHashBuilder,
    /// Bytes in use and garbage, about.
    pub bytes: usize,
    threshold: usize,
    /// Beyond this many bytes in use, programs get an error.
    pub limit: usize,
    pub protos: Vec<Proto>,
    /// One-character strings of ASCII, made when first needed.
    letters: Vec<u32>,
    /// Where texts are put together.
    scratch: String,
}

impl Heap {
    pub fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            interned: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            threshold: FIRST_COLLECTION.min(limit),
            limit,
            protos: Vec::new(),
            letters: vec![NONE; 128],
            scratch: String::new(),
        }
    }

    #[inline]
    pub fn alloc(&mut self, obj: Obj) -> u32 {
        self.bytes += 32 + obj.size();
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = obj;
                slot
            }
            None => {
                self.slots.push(obj);
                (self.slots.len() - 1) as u32
            }
        }
    }

    /// Time to collect?
    #[inline(always)]
    pub fn full(&self) -> bool {
        self.bytes >= self.threshold
    }

    pub fn array(&mut self, items: Vec<Value>) -> Value {
        Value::new(Kind::Array, self.alloc(Obj::Array(items)))
    }

    pub fn map(&mut self, map: Map) -> Value {
        Value::new(Kind::Map, self.alloc(Obj::Map(Box::new(map))))
    }

    pub fn bytes_value(&mut self, bytes: Vec<u8>) -> Value {
        Value::new(Kind::Bytes, self.alloc(Obj::Bytes(bytes)))
    }

    pub fn cell(&mut self, value: Value) -> Value {
        Value::new(Kind::Cell, self.alloc(Obj::Cell(value)))
    }

    pub fn bound(&mut self, this: Value, method: Value) -> Value {
        Value::new(Kind::Bound, self.alloc(Obj::Bound { this, method }))
    }

    /// An array's items; none for other values.
    pub fn items(&self, array: Value) -> &[Value] {
        match array.as_handle(Kind::Array).map(|h| &self.slots[h as usize]) {
            Some(Obj::Array(items)) => items,
            _ => &[],
        }
    }

    pub fn items_mut(&mut self, array: Value) -> Option<&mut Vec<Value>> {
        match &mut self.slots[array.as_handle(Kind::Array)? as usize] {
            Obj::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn push(&mut self, array: Value, value: Value) {
        let mut grown = 0;
        if let Some(items) = self.items_mut(array) {
            let before = items.capacity();
            items.push(value);
            grown = items.capacity() - before;
        }
        self.bytes += grown * 8;
    }

    pub fn as_map(&self, value: Value) -> Option<&Map> {
        match &self.slots[value.as_handle(Kind::Map)? as usize] {
            Obj::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_map_mut(&mut self, value: Value) -> Option<&mut Map> {
        match &mut self.slots[value.as_handle(Kind::Map)? as usize] {
            Obj::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_bytes(&self, value: Value) -> Option<&[u8]> {
        match &self.slots[value.as_handle(Kind::Bytes)? as usize] {
            Obj::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_bytes_mut(&mut self, value: Value) -> Option<&mut Vec<u8>> {
        match &mut self.slots[value.as_handle(Kind::Bytes)? as usize] {
            Obj::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn class(&self, handle: u32) -> Option<&Class> {
        match self.slots.get(handle as usize) {
            Some(Obj::Class(class)) => Some(class),
            _ => None,
        }
    }

    pub fn class_mut(&mut self, handle: u32) -> Option<&mut Class> {
        match self.slots.get_mut(handle as usize) {
            Some(Obj::Class(class)) => Some(class),
            _ => None,
        }
    }

    pub fn closure(&self, handle: u32) -> Option<&Closure> {
        match self.slots.get(handle as usize) {
            Some(Obj::Closure(closure)) => Some(closure),
            _ => None,
        }
    }

    pub fn task(&self, handle: u32) -> Option<&Task> {
        match self.slots.get(handle as usize) {
            Some(Obj::Task(task)) => Some(task),
            _ => None,
        }
    }

    pub fn task_mut(&mut self, handle: u32) -> Option<&mut Task> {
        match self.slots.get_mut(handle as usize) {
            Some(Obj::Task(task)) => Some(task),
            _ => None,
        }
    }

    /// Sets a member by a name that need not be interned yet.
    pub fn set_member(&mut self, map: Value, name: &str, value: Value) {
        let key = self.intern(name);
        self.set_entry(map, key, value);
    }

    /// Sets a member by its interned name.
    pub fn set_entry(&mut self, map: Value, key: u32, value: Value) {
        let mut grown = 0;
        if let Some(map) = self.as_map_mut(map) {
            let before = map.size();
            map.set(key, value);
            grown = map.size().saturating_sub(before);
        }
        self.bytes += grown;
    }

    pub fn member(&self, map: Value, name: &str) -> Option<Value> {
        let key = self.find_interned(name)?;
        self.as_map(map)?.get(key)
    }

    /// The word for a value's type, as `fmt.type` gives it.
    pub fn type_name(&self, value: Value) -> &'static str {
        match value.kind() {
            None => "number",
            Some(Kind::Special) if value.as_bool().is_some() => "bool",
            Some(Kind::Special) => "nil",
            Some(Kind::Text | Kind::Growing) => "string",
            Some(Kind::Array) => "array",
            Some(Kind::Map) => "object",
            Some(Kind::Closure | Kind::Native | Kind::Bound) => "function",
            Some(Kind::Class) => "class",
            Some(Kind::Instance) => "instance",
            Some(Kind::Module) => "module",
            Some(Kind::Bytes) => "buffer",
            Some(Kind::Cell) => "variable",
            Some(Kind::Task) => "task",
        }
    }

    pub fn is_callable(&self, value: Value) -> bool {
        matches!(value.kind(), Some(Kind::Closure | Kind::Native | Kind::Bound | Kind::Class))
    }
}
