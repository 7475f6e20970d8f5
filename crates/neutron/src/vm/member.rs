//! Members and elements: `a.b`, `a[b]`, and assignments to them.

use super::{Cache, Vm};
use crate::fault::{CHARACTER, R, fail, kind, room};
use crate::heap::{Heap, NONE, Obj};
use crate::modules::{self, Member};
use crate::number;
use crate::value::{Kind, Value};

impl Vm {
    /// `value.name`, where the name is the site's.
    pub(super) fn get_member(&mut self, value: Value, s: u32) -> R<Value> {
        let name = self.sites[s as usize].name;
        match value.kind() {
            Some(Kind::Map) => {
                let Some(map) = self.heap.as_map(value) else { return Ok(Value::NIL) };
                let Some(position) = map.position(name) else { return Ok(Value::NIL) };
                let found = map.at(position as u32, name);
                self.sites[s as usize].cache = Cache::Entry { position: position as u32 };
                Ok(found.unwrap_or(Value::NIL))
            }
            Some(Kind::Instance) => self.get_instance(value, name, Some(s)),
            Some(Kind::Module) => self.module_member(value.payload(), name),
            Some(Kind::Text) if name == self.known.length => Ok(Value::number(self.heap.chars(value) as f64)),
            Some(Kind::Text) if name == self.known.chars => {
                let n = self.heap.chars(value);
                room(&self.heap, n.saturating_mul(CHARACTER))?;
                let mut items = Vec::with_capacity(n);
                let text = self.heap.str(value).to_owned();
                for c in text.chars() {
                    items.push(self.heap.text(c.to_string()));
                }
                Ok(self.heap.array(items))
            }
            Some(Kind::Array) if name == self.known.length => Ok(Value::number(self.heap.items(value).len() as f64)),
            Some(Kind::Bytes) if name == self.known.length => {
                Ok(Value::number(self.heap.as_bytes(value).map_or(0, <[u8]>::len) as f64))
            }
            Some(k @ (Kind::Text | Kind::Array | Kind::Bytes)) => {
                if let Some(id) = modules::method(k, self.heap.str_at(name)) {
                    return Ok(self.heap.bound(value, modules::native_value(id)));
                }
                match self.array_method(k, name) {
                    Some(closure) => Ok(self.heap.bound(value, closure)),
                    None => self.no_member(value, name),
                }
            }
            _ => self.no_member(value, name),
        }
    }

    /// A method of arrays that is written in the language itself.
    pub(super) fn array_method(&self, kind: Kind, name: u32) -> Option<Value> {
        if kind != Kind::Array { None } else { self.heap.class(self.array_class)?.methods.get(name) }
    }

    fn get_instance(&mut self, value: Value, name: u32, site: Option<u32>) -> R<Value> {
        let Obj::Instance { class, fields } = &self.heap.slots[value.payload() as usize] else {
            return self.no_member(value, name);
        };
        let class_handle = *class;
        let Some(class) = self.heap.class(class_handle) else { return self.no_member(value, name) };
        if let Some(slot) = class.layout.get(name).and_then(Value::as_number) {
            let found = fields.get(slot as usize).copied().unwrap_or(Value::EMPTY);
            if found != Value::EMPTY {
                if let Some(s) = site {
                    self.sites[s as usize].cache = Cache::Field { class: class_handle, slot: slot as u32 };
                }
                return Ok(found);
            }
        }
        match class.methods.get(name) {
            Some(method) => Ok(self.heap.bound(value, method)),
            None => self.no_member(value, name),
        }
    }

    /// A function or constant of a standard module.
    pub(super) fn module_member(&mut self, module: u32, name: u32) -> R<Value> {
        match modules::member(module, self.heap.str_at(name)) {
            Some(Member::Native(id)) => Ok(modules::native_value(id)),
            Some(Member::Number(n)) => Ok(Value::number(n)),
            Some(Member::Text(text)) => Ok(self.heap.text(text)),
            Some(Member::Library) => {
                let full = format!("{}_{}", modules::name(module), self.heap.str_at(name));
                let slot = self.program.library(&full);
                Ok(slot.map_or(Value::NIL, |slot| self.globals[slot as usize]))
            }
            None => {
                let wanted = self.heap.str_at(name);
                let names = modules::members(module);
                let module = modules::name(module);
                let hint = match crate::diagnostic::nearest(wanted, names.into_iter()) {
                    Some(other) => format!("; did you mean {module}.{other}?"),
                    None => String::new(),
                };
                fail(kind::MEMBER, format!("the module {module} has no {wanted}{hint}"))
            }
        }
    }

    #[cold]
    pub(super) fn no_member<T>(&self, value: Value, name: u32) -> R<T> {
        let name = self.heap.str_at(name);
        let what = match value.kind() {
            Some(Kind::Instance) => format!("this {}", self.heap.class_name(value)),
            Some(Kind::Special) if value.is_nil() => "nil".into(),
            _ => format!("this {}", self.heap.type_name(value)),
        };
        fail(kind::MEMBER, format!("{what} has no member {name}"))
    }

    /// `object.name = value`.
    pub(super) fn set_member(&mut self, object: Value, s: u32, value: Value) -> R<()> {
        let name = self.sites[s as usize].name;
        match object.kind() {
            Some(Kind::Map) => {
                let mut grown = 0;
                if let Some(map) = self.heap.as_map_mut(object) {
                    let before = map.size();
                    map.set(name, value);
                    grown = map.size().saturating_sub(before);
                    if let Some(position) = map.position(name) {
                        self.sites[s as usize].cache = Cache::Entry { position: position as u32 };
                    }
                }
                self.heap.bytes += grown;
                Ok(())
            }
            Some(Kind::Instance) => {
                let (class, slot) = self.set_field(object, name, value);
                self.sites[s as usize].cache = Cache::Field { class, slot };
                Ok(())
            }
            _ => {
                let what = if object.is_nil() { "nil" } else { self.heap.type_name(object) };
                let name = self.heap.str_at(name);
                fail(kind::TYPE, format!("cannot set the member {name} of {what}"))
            }
        }
    }

    /// Sets a field of an instance; gives its class and the field's place.
    fn set_field(&mut self, object: Value, name: u32, value: Value) -> (u32, u32) {
        let class_handle = match &self.heap.slots[object.payload() as usize] {
            Obj::Instance { class, .. } => *class,
            _ => NONE,
        };
        let Some(class) = self.heap.class_mut(class_handle) else { return (NONE, 0) };
        let slot = match class.layout.get(name).and_then(Value::as_number) {
            Some(slot) => slot as usize,
            None => {
                let slot = class.layout.len();
                class.layout.set(name, Value::number(slot as f64));
                if class.methods.get(name).is_some() {
                    // Cached methods may be hidden by this field from now on.
                    self.sites.iter_mut().for_each(|site| site.cache = Cache::Empty);
                }
                slot
            }
        };
        let mut grown = 0;
        if let Obj::Instance { fields, .. } = &mut self.heap.slots[object.payload() as usize] {
            let before = fields.capacity();
            if fields.len() <= slot {
                fields.resize(slot + 1, Value::EMPTY);
            }
            fields[slot] = value;
            grown = (fields.capacity() - before) * 8;
        }
        self.heap.bytes += grown;
        (class_handle, slot as u32)
    }

    /// `object[index]`.
    pub(super) fn get_index(&mut self, object: Value, index: Value) -> R<Value> {
        match object.kind() {
            Some(Kind::Array) => {
                let at = place(&self.heap, index, self.heap.items(object).len(), "array")?;
                Ok(self.heap.items(object)[at])
            }
            Some(Kind::Text) => {
                let at = place(&self.heap, index, self.heap.chars(object), "string")?;
                Ok(self.heap.substring(object, at, at + 1))
            }
            Some(Kind::Bytes) => {
                let bytes = self.heap.as_bytes(object).unwrap_or_default();
                let at = place(&self.heap, index, bytes.len(), "buffer")?;
                Ok(Value::number(f64::from(bytes[at])))
            }
            Some(Kind::Map) => {
                let key = map_key(&mut self.heap, index)?;
                Ok(self.heap.as_map(object).and_then(|map| map.get(key)).unwrap_or(Value::NIL))
            }
            Some(Kind::Instance) if index.is(Kind::Text) => {
                let name = self.heap.intern_value(index);
                self.get_instance(object, name, None)
            }
            Some(Kind::Module) if index.is(Kind::Text) => {
                let name = self.heap.intern_value(index);
                self.module_member(object.payload(), name)
            }
            _ => fail(kind::TYPE, format!("cannot index {}", self.heap.type_name(object))),
        }
    }

    /// `object[index] = value`.
    pub(super) fn set_index(&mut self, object: Value, index: Value, value: Value) -> R<()> {
        match object.kind() {
            Some(Kind::Array) => {
                let at = place(&self.heap, index, self.heap.items(object).len(), "array")?;
                if let Some(items) = self.heap.items_mut(object) {
                    items[at] = value;
                }
                Ok(())
            }
            Some(Kind::Map) => {
                let key = map_key(&mut self.heap, index)?;
                self.heap.set_entry(object, key, value);
                Ok(())
            }
            Some(Kind::Bytes) => {
                let len = self.heap.as_bytes(object).map_or(0, <[u8]>::len);
                let at = place(&self.heap, index, len, "buffer")?;
                let byte = value.as_number().filter(|n| (0.0..256.0).contains(n) && *n == n.trunc());
                let Some(byte) = byte else {
                    let shown = self.heap.show_short(value);
                    return fail(kind::VALUE, format!("a byte is a whole number from 0 to 255, not {shown}"));
                };
                if let Some(bytes) = self.heap.as_bytes_mut(object) {
                    bytes[at] = byte as u8;
                }
                Ok(())
            }
            Some(Kind::Instance) if index.is(Kind::Text) => {
                let name = self.heap.intern_value(index);
                self.set_field(object, name, value);
                Ok(())
            }
            Some(Kind::Text) => fail(kind::TYPE, "a string cannot be changed; make a new one"),
            _ => fail(kind::TYPE, format!("cannot set an element of {}", self.heap.type_name(object))),
        }
    }
}

/// The place that an index means in something of `len` elements.
fn place(heap: &Heap, index: Value, len: usize, what: &str) -> R<usize> {
    let Some(n) = index.as_number() else {
        return fail(kind::TYPE, format!("the index of {what} must be a number, not {}", heap.type_name(index)));
    };
    let at = number::index(n).map(|i| if i < 0 { i + len as i64 } else { i });
    match at {
        Some(at) if (0..len as i64).contains(&at) => Ok(at as usize),
        _ => {
            let article = if what == "array" { "an" } else { "a" };
            let n = number::text(n);
            fail(kind::INDEX, format!("index {n} is out of range for {article} {what} of length {len}"))
        }
    }
}

/// The key that a value means in an object: a string; numbers and bools by their text.
pub(crate) fn map_key(heap: &mut Heap, index: Value) -> R<u32> {
    if index.is(Kind::Text) {
        return Ok(heap.intern_value(index));
    }
    if let Some(n) = index.as_number() {
        return Ok(heap.intern_number(n));
    }
    if index.as_bool().is_some() {
        let text = heap.show(index);
        return Ok(heap.intern(&text));
    }
    fail(kind::TYPE, format!("the key of an object must be a string, not {}", heap.type_name(index)))
}
