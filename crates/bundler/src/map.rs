//! Source maps, revision 3: finding a position, and moving the first line.

use run::program::Module;

#[derive(serde::Deserialize)]
struct Map {
    mappings: String,
}

/// Where a position of `module.source` is in the author's text: line and column, both from 1, columns in UTF-16 units.
/// `None` if the module has no source map, or the map says nothing about that line up to there.
pub fn position(module: &Module, line: u32, column: u32) -> Option<(u32, u32)> {
    let map: Map = serde_json::from_str(module.map.as_deref()?).ok()?;
    let (mut original_line, mut original_column, mut found) = (0_i64, 0_i64, None);
    for (index, row) in map.mappings.split(';').enumerate() {
        let wanted = index as u64 + 1 == u64::from(line);
        let mut generated = 0_i64;
        for segment in row.split(',').filter(|segment| !segment.is_empty()) {
            let mut fields = Fields(segment.bytes());
            generated = generated.checked_add(fields.next()?)?;
            let Some(_source) = fields.next() else { continue };
            original_line = original_line.checked_add(fields.next()?)?;
            original_column = original_column.checked_add(fields.next()?)?;
            if wanted && generated < i64::from(column) {
                found = Some((original_line, original_column));
            }
        }
        if wanted {
            break;
        }
    }
    let (line, column) = found?;
    Some((u32::try_from(line + 1).ok()?, u32::try_from(column + 1).ok()?))
}

/// The map after `by` UTF-16 units were put in front of the first line. A map that is not understood stays as it is.
pub(crate) fn shift_first_line(map: &str, by: usize) -> String {
    let shifted = || {
        let mut value: serde_json::Value = serde_json::from_str(map).ok()?;
        let mappings = value.get("mappings")?.as_str()?.to_owned();
        let end = mappings.find([',', ';']).unwrap_or(mappings.len());
        let (first, rest) = mappings.split_at(end);
        // Columns are differences: moving the first segment of the line moves all.
        let mut fields: Vec<i64> = Fields(first.bytes()).collect();
        let column = fields.first_mut()?;
        *column = column.checked_add(i64::try_from(by).ok()?)?;
        let first: String = fields.into_iter().map(encode).collect();
        value["mappings"] = format!("{first}{rest}").into();
        Some(value.to_string())
    };
    shifted().unwrap_or_else(|| map.to_owned())
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The numbers of one segment, in base 64 with a continuation bit. Ends at anything that is not one.
struct Fields<I>(I);

impl<I: Iterator<Item = u8>> Iterator for Fields<I> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_i64, 0);
        loop {
            let byte = self.0.next()?;
            let digit = DIGITS.iter().position(|digit| *digit == byte)? as i64;
            if shift > 40 {
                return None;
            }
            value |= (digit & 31) << shift;
            shift += 5;
            if digit & 32 == 0 {
                return Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            }
        }
    }
}

fn encode(value: i64) -> String {
    let mut rest = value.unsigned_abs() << 1 | u64::from(value < 0);
    let mut out = String::new();
    loop {
        let digit = (rest & 31) as usize;
        rest >>= 5;
        out.push(char::from(DIGITS[digit | if rest > 0 { 32 } else { 0 }]));
        if rest == 0 {
            return out;
        }
    }
}
