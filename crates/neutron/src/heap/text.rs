//! Strings: interning, appending without copying, places of characters.

use std::hash::BuildHasher;

use super::{Heap, Kind, NONE, Obj, Text, Value};

/// Results shorter than this are copied; longer ones grow in place.
const GROW_FROM: usize = 128;

/// The longest string, in bytes.
pub(crate) const MAX_TEXT: usize = 1 << 30;

fn count(text: &str) -> u32 {
    text.chars().count() as u32
}

impl Heap {
    /// A string of its own.
    pub fn text(&mut self, text: impl Into<Box<str>>) -> Value {
        let text = text.into();
        if text.len() == 1 {
            return self.letter(text.as_bytes()[0]);
        }
        let chars = count(&text);
        Value::new(Kind::Text, self.alloc(Obj::Text(Text { text, chars, interned: false })))
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
            Obj::Text(t) => &t.text,
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
            Some(Obj::Text(t)) => t.chars as usize,
            Some(Obj::Beginning { chars, .. }) => *chars as usize,
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

    pub fn find_interned(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.interned.find(hash, |handle| self.str_at(*handle) == text).copied()
    }

    /// The one string with this text that keys are compared by.
    pub fn intern(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        let found = self.interned.find(hash, |handle| self.str_at(*handle) == text).copied();
        found.unwrap_or_else(|| {
            let obj = Obj::Text(Text { text: text.into(), chars: count(text), interned: true });
            let handle = self.alloc(obj);
            self.enter(hash, handle);
            handle
        })
    }

    /// The interned twin of a string.
    pub fn intern_value(&mut self, value: Value) -> u32 {
        let handle = value.payload();
        if self.is_interned(handle) {
            return handle;
        }
        let hash = self.hasher.hash_one(self.str_at(handle));
        let text = self.str_at(handle);
        if let Some(found) = self.interned.find(hash, |other| self.str_at(*other) == text) {
            return *found;
        }
        if let Obj::Text(t) = &mut self.slots[handle as usize] {
            t.interned = true;
            self.enter(hash, handle);
            return handle;
        }
        let text = self.str_at(handle).to_owned();
        self.intern(&text)
    }

    pub fn is_interned(&self, handle: u32) -> bool {
        matches!(&self.slots[handle as usize], Obj::Text(t) if t.interned)
    }

    fn enter(&mut self, hash: u64, handle: u32) {
        let Heap { interned, slots, hasher, .. } = self;
        interned.insert_unique(hash, handle, |other| match &slots[*other as usize] {
            Obj::Text(t) => hasher.hash_one(&*t.text),
            _ => 0,
        });
    }

    /// Takes dead strings out of the table; `live` tells the living.
    pub(super) fn forget_interned(&mut self, live: impl Fn(u32) -> bool) {
        self.interned.retain(|handle| live(*handle));
    }

    /// Enters a string from a snapshot. False if there is one with this text already.
    pub fn adopt_interned(&mut self, handle: u32) -> bool {
        let hash = self.hasher.hash_one(self.str_at(handle));
        let text = self.str_at(handle);
        if self.interned.find(hash, |other| self.str_at(*other) == text).is_some() {
            return false;
        }
        self.enter(hash, handle);
        true
    }

    /// `a` followed by `b`. `None` if that would be too long.
    pub fn concat(&mut self, a: Value, b: Value) -> Option<Value> {
        let (len_a, len_b) = (self.str(a).len(), self.str(b).len());
        if len_a + len_b > MAX_TEXT {
            return None;
        }
        if len_b == 0 {
            return Some(a);
        }
        if len_a == 0 {
            return Some(b);
        }
        if len_a + len_b < GROW_FROM {
            let mut text = String::with_capacity(len_a + len_b);
            text.push_str(self.str(a));
            text.push_str(self.str(b));
            return Some(self.text(text));
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
            Obj::Text(t) => text.push_str(&t.text),
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
