//! Numbers and texts as bytes, little endian. Reading checks every length against what is left.

use super::{Read, damaged};
use crate::value::Value;

#[derive(Default)]
pub(super) struct Writer {
    pub out: Vec<u8>,
}

impl Writer {
    pub fn u8(&mut self, n: u8) {
        self.out.push(n);
    }

    pub fn bool(&mut self, b: bool) {
        self.out.push(u8::from(b));
    }

    pub fn u32(&mut self, n: u32) {
        self.out.extend_from_slice(&n.to_le_bytes());
    }

    pub fn u64(&mut self, n: u64) {
        self.out.extend_from_slice(&n.to_le_bytes());
    }

    pub fn f64(&mut self, n: f64) {
        self.u64(n.to_bits());
    }

    /// A length. The heap's limits keep lengths below 2^32; `save` checks the total.
    pub fn len(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn option(&mut self, text: Option<&str>) {
        self.bool(text.is_some());
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// A section: number, reserved, length, content.
    pub fn section(&mut self, number: u32, write: impl FnOnce(&mut Self)) {
        self.u32(number);
        self.u32(0);
        let at = self.out.len();
        self.u64(0);
        write(self);
        let length = (self.out.len() - at - 8) as u64;
        self.out[at..at + 8].copy_from_slice(&length.to_le_bytes());
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn take(&mut self, n: usize) -> Read<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => damaged("a length goes beyond the end"),
        }
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn bool(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            n => damaged(format!("{n} stands where 0 or 1 should")),
        }
    }

    pub fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn f64(&mut self) -> Read<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// A number of things of at least `size` bytes each, so that it cannot be more than the bytes that are left hold.
    pub fn len(&mut self, size: usize) -> Read<usize> {
        let n = self.u32()? as usize;
        if n > self.rest.len() / size.max(1) {
            return damaged("a number of things goes beyond the end");
        }
        Ok(n)
    }

    pub fn bytes(&mut self) -> Read<&'a [u8]> {
        let n = self.len(1)?;
        self.take(n)
    }

    pub fn text(&mut self) -> Read<&'a str> {
        match std::str::from_utf8(self.bytes()?) {
            Ok(text) => Ok(text),
            Err(_) => damaged("a text is not UTF-8"),
        }
    }

    pub fn option(&mut self) -> Read<Option<String>> {
        Ok(if self.bool()? { Some(self.text()?.to_owned()) } else { None })
    }

    /// A value whose place in the heap is not checked yet.
    pub fn raw_value(&mut self) -> Read<Value> {
        match Value::from_bits(self.u64()?) {
            Some(value) => Ok(value),
            None => damaged("a value has unknown bits"),
        }
    }

    pub fn list<T>(&mut self, size: usize, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let n = self.len(size)?;
        let mut out = Vec::with_capacity(n);
        for _ in 0..n {
            out.push(read(self)?);
        }
        Ok(out)
    }

    pub fn section(&mut self, number: u32) -> Read<Reader<'a>> {
        if self.u32()? != number || self.u32()? != 0 {
            return damaged(format!("section {number} is not where it should be"));
        }
        let length = self.u64()?;
        let Ok(length) = usize::try_from(length) else { return damaged("a section is too long") };
        Ok(Reader::new(self.take(length)?))
    }

    pub fn end(&self, what: &str) -> Read<()> {
        if self.rest.is_empty() { Ok(()) } else { damaged(format!("{what} has bytes behind its end")) }
    }
}
