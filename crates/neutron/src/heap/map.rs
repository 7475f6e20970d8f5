//! An object's members, in the order of their insertion. Keys are handles of interned strings, so that equal keys are
//! equal numbers.

use crate::value::Value;

/// Up to this many members are searched one by one.
const SMALL: usize = 8;
const GONE: u32 = u32::MAX;

#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    /// Removed members stay as `GONE` until there are too many of them.
    entries: Vec<(u32, Value)>,
    /// Open addressing: position in `entries` plus one, or 0. Empty while the map is small.
    index: Vec<u32>,
    gone: usize,
}

impl Map {
    pub fn with_capacity(n: usize) -> Self {
        Self { entries: Vec::with_capacity(n), index: Vec::new(), gone: 0 }
    }

    /// A map of members whose keys differ; `None` if two have the same.
    pub fn from_entries(entries: Vec<(u32, Value)>) -> Option<Self> {
        let n = entries.len();
        let mut map = Self { entries, index: Vec::new(), gone: 0 };
        if n <= SMALL {
            let twice = |(at, (key, _)): (usize, &(u32, Value))| map.entries[..at].iter().any(|(k, _)| k == key);
            return if map.entries.iter().enumerate().any(twice) { None } else { Some(map) };
        }
        map.index.resize((n * 2).next_power_of_two(), 0);
        let mask = map.index.len() - 1;
        for (at, (key, _)) in map.entries.iter().enumerate() {
            let mut slot = Self::hash(*key) & mask;
            while map.index[slot] != 0 {
                if map.entries[map.index[slot] as usize - 1].0 == *key {
                    return None;
                }
                slot = (slot + 1) & mask;
            }
            map.index[slot] = at as u32 + 1;
        }
        Some(map)
    }

    pub fn len(&self) -> usize {
        self.entries.len() - self.gone
    }

    /// What its tables take, in bytes.
    pub fn size(&self) -> usize {
        self.entries.capacity() * 16 + self.index.capacity() * 4
    }

    /// Sixteen keys that were made one after the other share a line of the processor's cache.
    fn hash(key: u32) -> usize {
        let line = (key >> 4).wrapping_mul(0x9e37_79b1) >> 7;
        (line << 4 | key & 15) as usize
    }

    /// The position of a key, to be tried again with `at`.
    #[inline]
    pub fn position(&self, key: u32) -> Option<usize> {
        if self.index.is_empty() {
            return self.entries.iter().position(|(k, _)| *k == key);
        }
        let mask = self.index.len() - 1;
        let mut slot = Self::hash(key) & mask;
        loop {
            match self.index[slot] {
                0 => return None,
                found if self.entries[found as usize - 1].0 == key => return Some(found as usize - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// The value at a position, if the key is there.
    #[inline(always)]
    pub fn at(&self, position: u32, key: u32) -> Option<Value> {
        match self.entries.get(position as usize) {
            Some((k, v)) if *k == key => Some(*v),
            _ => None,
        }
    }

    #[inline(always)]
    pub fn at_mut(&mut self, position: u32, key: u32) -> Option<&mut Value> {
        match self.entries.get_mut(position as usize) {
            Some((k, v)) if *k == key => Some(v),
            _ => None,
        }
    }

    #[inline]
    pub fn get(&self, key: u32) -> Option<Value> {
        self.position(key).map(|at| self.entries[at].1)
    }

    pub fn set(&mut self, key: u32, value: Value) {
        match self.position(key) {
            Some(at) => self.entries[at].1 = value,
            None => self.push(key, value),
        }
    }

    fn push(&mut self, key: u32, value: Value) {
        self.entries.push((key, value));
        let n = self.entries.len();
        if n > SMALL && (self.index.is_empty() || n * 4 > self.index.len() * 3) {
            self.rebuild();
        } else if !self.index.is_empty() {
            self.enter(key, n as u32);
        }
    }

    fn enter(&mut self, key: u32, position: u32) {
        let mask = self.index.len() - 1;
        let mut slot = Self::hash(key) & mask;
        while self.index[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.index[slot] = position;
    }

    /// Drops what was removed and builds the index again.
    fn rebuild(&mut self) {
        if self.gone > 0 {
            self.entries.retain(|(k, _)| *k != GONE);
            self.gone = 0;
        }
        self.index.clear();
        if self.entries.len() > SMALL {
            self.index.resize((self.entries.len() * 2).next_power_of_two(), 0);
            for i in 0..self.entries.len() {
                self.enter(self.entries[i].0, i as u32 + 1);
            }
        }
    }

    pub fn remove(&mut self, key: u32) -> Option<Value> {
        let at = self.position(key)?;
        let value = self.entries[at].1;
        if self.index.is_empty() {
            self.entries.remove(at);
            return Some(value);
        }
        self.entries[at] = (GONE, Value::NIL);
        self.gone += 1;
        if self.gone > SMALL && self.gone * 2 > self.entries.len() {
            self.rebuild();
        }
        Some(value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, Value)> + '_ {
        self.entries.iter().copied().filter(|(k, _)| *k != GONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_a_map_unless_a_key_is_there_twice() {
        for n in [0u32, 1, 8, 9, 100, 1000] {
            let mut entries: Vec<_> = (0..n).map(|i| (i * 7, Value::number(f64::from(i)))).collect();
            let map = Map::from_entries(entries.clone()).expect("the keys differ");
            assert_eq!(map.iter().collect::<Vec<_>>(), entries);
            assert!(entries.iter().all(|(k, v)| map.get(*k) == Some(*v)) && map.get(3).is_none());
            if let Some(first) = entries.first().copied() {
                entries.push(first);
                assert!(Map::from_entries(entries).is_none(), "{n}");
            }
        }
    }

    /// Against a list of pairs, over a history that removes and adds.
    #[test]
    fn keeps_order_and_values() {
        let (mut map, mut list) = (Map::default(), Vec::<(u32, Value)>::new());
        let mut state = 1u32;
        for round in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (state >> 8) % 300;
            if state >> 30 == 0 {
                let expected = list.iter().position(|(k, _)| *k == key).map(|at| list.remove(at).1);
                assert_eq!(map.remove(key), expected);
            } else {
                let value = Value::number(f64::from(round));
                map.set(key, value);
                match list.iter_mut().find(|(k, _)| *k == key) {
                    Some(entry) => entry.1 = value,
                    None => list.push((key, value)),
                }
            }
            assert_eq!(map.len(), list.len());
        }
        assert_eq!(map.iter().collect::<Vec<_>>(), list);
        for key in 0..300 {
            assert_eq!(map.get(key), list.iter().find(|(k, _)| *k == key).map(|(_, v)| *v));
        }
    }
}
