//! JSON text straight into the heap, so that no text takes more memory than the program may have.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::heap::{Heap, Map};
use crate::value::Value;

pub(super) struct Reader<'a> {
    pub heap: &'a mut Heap,
    /// Fails when the heap has grown beyond this, in bytes.
    pub limit: usize,
    /// Set when it did.
    pub full: &'a Cell<bool>,
}

impl Reader<'_> {
    fn inner(&mut self) -> Reader<'_> {
        Reader { heap: self.heap, limit: self.limit, full: self.full }
    }

    fn fits<E: Error>(&self, more: usize) -> Result<(), E> {
        let fits = self.heap.bytes.saturating_add(more) <= self.limit;
        self.full.set(!fits);
        if fits { Ok(()) } else { Err(E::custom("it is too large")) }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::NIL)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Value, E> {
        Ok(Value::bool(b))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Value, E> {
        Ok(Value::number(n as f64))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Value, E> {
        Ok(Value::number(n as f64))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Value, E> {
        Ok(Value::foreign_number(n))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.fits(text.len())?;
        Ok(self.heap.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            out.push(item);
            self.fits(out.len() * 8)?;
        }
        Ok(self.heap.array(out))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut out = Map::default();
        while let Some(key) = members.next_key::<std::borrow::Cow<'_, str>>()? {
            let value = members.next_value_seed(self.inner())?;
            out.set(self.heap.intern(&key), value);
            self.fits(out.size())?;
        }
        Ok(self.heap.map(out))
    }
}
