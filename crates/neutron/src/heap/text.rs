//! Strings: interning, appending without copying, places of characters.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use smol_str::SmolStr;

use super::{Heap, Kind, NONE, Obj, Value};
use crate::number;

/// Results shorter than this are copied; longer ones grow in place.
pub(crate) const GROW_FROM: usize = 128;

/// The room for texts that are put together that is kept for the next one, in bytes.
const SCRATCH: usize = 4096;

/// The longest string, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 30;

/// Characters of a text.
#[inline]
fn count(text: &str) -> u32 {
    if text.is_ascii() { text.len() as u32 } else { text.chars().count() as u32 }
}

/// Spreads 32 bits of a hash over the 64 that the table looks at.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Heap {
    /// A string of its own.
    pub fn text(&mut self, text: impl Into<SmolStr>) -> Value {
        let text = text.into();
        if text.len() == 1 {
            return self.letter(text.as_bytes()[0]);
        }
        let chars = count(&text);
        Value::new(Kind::Text, self.alloc(Obj::Text { text, chars, interned: false }))
    }

    /// A string of one ASCII character, of which there is one each.
    fn letter(&mut self, byte: u8) -> Value {
        let known = self.letters.get(byte as usize).copied().unwrap_or(NONE);
        if known != NONE {
            return Value::new(Kind::Text, known);
        }
        let handle = self.intern((byte as char).encode_utf8(&mut [0; 4]));
        if let Some(slot) = self.letters.get_mut(byte as usize) {
            *slot = handle;
        }
        Value::new(Kind::Text, handle)
    }

    pub(super) fn forget_letters(&mut self) {
        self.letters.fill(NONE);
    }

    /// The text of a string; empty for other values.
    #[inline]
    pub fn str(&self, value: Value) -> &str {
        match value.as_handle(Kind::Text) {
            Some(handle) => self.str_at(handle),
            None => "",
        }
    }

    pub fn str_at(&self, handle: u32) -> &str {
        match &self.slots[handle as usize] {
            Obj::Text { text, .. } => text,
            Obj::Beginning { growing, len, .. } => match &self.slots[*growing as usize] {
                Obj::Growing(s) => s.get(..*len as usize).unwrap_or(""),
                _ => "",
            },
            _ => "",
        }
    }

    pub fn as_str(&self, value: Value) -> Option<&str> {
        value.as_handle(Kind::Text).map(|handle| self.str_at(handle))
    }

    /// Characters of a string.
    pub fn chars(&self, value: Value) -> usize {
        match value.as_handle(Kind::Text).map(|h| &self.slots[h as usize]) {
            Some(Obj::Text { chars, .. } | Obj::Beginning { chars, .. }) => *chars as usize,
            _ => 0,
        }
    }

    /// The string's characters `from..to`.
    pub fn substring(&mut self, value: Value, from: usize, to: usize) -> Value {
        let all = self.chars(value);
        let text = self.str(value);
        let (from, to) = (from.min(all), to.min(all));
        if from >= to {
            return self.text("");
        }
        if from == 0 && to == all {
            return value;
        }
        let piece = if text.len() == all {
            &text[from..to]
        } else {
            let mut places = text.char_indices().map(|(i, _)| i).skip(from);
            let start = places.next().unwrap_or(text.len());
            let end = places.nth(to - from - 1).unwrap_or(text.len());
            &text[start..end]
        };
        let piece: Box<str> = piece.into();
        self.text(piece)
    }

    /// The place in characters of a byte of the text.
    pub fn char_place(text: &str, byte: usize) -> usize {
        text[..byte].chars().count()
    }

    #[inline]
    fn hash(&self, text: &str) -> u32 {
        self.hasher.hash_one(text) as u32
    }

    #[inline]
    fn find_hashed(&self, hash: u32, text: &str) -> Option<u32> {
        let same = |(other, handle): &(u32, u32)| *other == hash && self.str_at(*handle) == text;
        self.interned.find(spread(hash), same).map(|(_, handle)| *handle)
    }

    pub fn find_interned(&self, text: &str) -> Option<u32> {
        self.find_hashed(self.hash(text), text)
    }

    /// The one string with this text that keys are compared by.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = self.hash(text);
        if let Some(found) = self.find_hashed(hash, text) {
            return found;
        }
        let handle = self.alloc(Obj::Text { text: text.into(), chars: count(text), interned: true });
        self.interned.insert_unique(spread(hash), (hash, handle), |(hash, _)| spread(*hash));
        handle
    }

    /// The interned text of a number.
    pub fn intern_number(&mut self, n: f64) -> u32 {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        number::push(n, &mut text);
        let handle = self.intern(&text);
        self.scratch = text;
        handle
    }

    /// The interned twin of a string.
    pub fn intern_value(&mut self, value: Value) -> u32 {
        let handle = value.payload();
        if self.is_interned(handle) {
            return handle;
        }
        let Heap { interned, slots, hasher, .. } = self;
        if let Obj::Text { text, .. } = &slots[handle as usize] {
            let hash = hasher.hash_one(text.as_str()) as u32;
            let same = |(other, handle): &(u32, u32)| {
                *other == hash && matches!(&slots[*handle as usize], Obj::Text { text: other, .. } if other == text)
            };
            return match interned.entry(spread(hash), same, |(hash, _)| spread(*hash)) {
                Entry::Occupied(found) => found.get().1,
                Entry::Vacant(place) => {
                    place.insert((hash, handle));
                    if let Obj::Text { interned, .. } = &mut slots[handle as usize] {
                        *interned = true;
                    }
                    handle
                }
            };
        }
        let text = self.str_at(handle).to_owned();
        self.intern(&text)
    }

    pub fn is_interned(&self, handle: u32) -> bool {
        matches!(&self.slots[handle as usize], Obj::Text { interned: true, .. })
    }

    /// Takes dead strings out of the table; `live` tells the living.
    pub(super) fn forget_interned(&mut self, live: impl Fn(u32) -> bool) {
        self.interned.retain(|(_, handle)| live(*handle));
    }

    /// Makes room for so many names.
    pub fn reserve_names(&mut self, n: usize) {
        self.interned.reserve(n, |(hash, _)| spread(*hash));
    }

    /// A string of a snapshot, in the next slot. False if it is a name, by which keys are compared, and there is one
    /// with this text already.
    #[inline]
    pub fn adopt_text(&mut self, text: &str, is_name: bool) -> bool {
        let handle = self.slots.len() as u32;
        if is_name {
            let hash = self.hash(text);
            if self.find_hashed(hash, text).is_some() {
                return false;
            }
            self.interned.insert_unique(spread(hash), (hash, handle), |(hash, _)| spread(*hash));
        }
        let obj = Obj::Text { text: SmolStr::new(text), chars: count(text), interned: is_name };
        self.bytes += 32 + obj.size();
        self.slots.push(obj);
        true
    }

    /// The texts of values, one after the other. `None` if that would be too long.
    #[inline(never)]
    pub fn join(&mut self, parts: &[Value]) -> Option<Value> {
        if let [one] = parts
            && one.is(Kind::Text)
        {
            return Some(*one);
        }
        if let [first, rest @ ..] = parts
            && !rest.is_empty()
            && self.str(*first).len() >= GROW_FROM
        {
            // It may be a text that grows.
            let rest = self.join(rest)?;
            return self.concat(*first, rest);
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        for part in parts {
            match part.as_number() {
                Some(n) => number::push(n, &mut text),
                None => match self.as_str(*part) {
                    Some(piece) => text.push_str(piece),
                    None => text.push_str(&self.show(*part)),
                },
            }
            if text.len() > MAX_TEXT.min(self.limit) {
                return None;
            }
        }
        let value = self.text(text.as_str());
        if text.capacity() <= SCRATCH {
            self.scratch = text;
        }
        Some(value)
    }

    /// `a` followed by `b`. `None` if that would be too long.
    pub fn concat(&mut self, a: Value, b: Value) -> Option<Value> {
        let (len_a, len_b) = (self.str(a).len(), self.str(b).len());
        if len_a + len_b > MAX_TEXT.min(self.limit) {
            return None;
        }
        if len_b == 0 {
            return Some(a);
        }
        if len_a == 0 {
            return Some(b);
        }
        if len_a + len_b < GROW_FROM {
            return self.join(&[a, b]);
        }
        let chars = (self.chars(a) + self.chars(b)) as u32;
        let longest = match &self.slots[a.payload() as usize] {
            Obj::Beginning { growing, len, .. } => match &self.slots[*growing as usize] {
                Obj::Growing(s) if s.len() == *len as usize => Some(*growing),
                _ => None,
            },
            _ => None,
        };
        let growing = match longest {
            Some(growing) => growing,
            None => {
                let mut text = String::with_capacity((len_a + len_b) * 2);
                text.push_str(self.str(a));
                self.alloc(Obj::Growing(text))
            }
        };
        // Taken out of the heap while it grows: `b` may be a beginning of the same text.
        let Obj::Growing(mut text) = std::mem::replace(&mut self.slots[growing as usize], Obj::Free) else {
            return None;
        };
        let before = text.capacity();
        match &self.slots[b.payload() as usize] {
            Obj::Text { text: piece, .. } => text.push_str(piece),
            Obj::Beginning { growing: other, len, .. } if *other == growing => {
                text.extend_from_within(..*len as usize);
            }
            _ => text.push_str(self.str(b)),
        }
        self.bytes += text.capacity() - before;
        let len = text.len() as u32;
        self.slots[growing as usize] = Obj::Growing(text);
        Some(Value::new(Kind::Text, self.alloc(Obj::Beginning { growing, len, chars })))
    }
}
