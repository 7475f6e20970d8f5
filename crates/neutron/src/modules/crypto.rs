//! `crypto`: encodings, hashes, random bytes. Takes strings and buffers; what decodes to no text stays a buffer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Cx, Native};
use crate::fault::{R, fail, kind};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Native] = &[
    Native::new("crypto.base64_encode", 1, 1, base64_encode),
    Native::new("crypto.base64_decode", 1, 1, base64_decode),
    Native::new("crypto.sha256", 1, 1, hash::<Sha256>),
    Native::new("crypto.md5", 1, 1, hash::<Md5>),
    Native::new("crypto.random_bytes", 1, 1, random_bytes),
    Native::new("crypto.random_string", 1, 2, random_string),
    Native::new("crypto.hex_encode", 1, 1, hex_encode),
    Native::new("crypto.hex_decode", 1, 1, hex_decode),
    Native::new("crypto.xor_cipher", 2, 2, xor_cipher),
];

/// Random bytes of one call.
const MAX_RANDOM: usize = 1 << 20;

fn text_or_bytes(cx: &mut Cx<'_>, bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => cx.new_text(text),
        Err(error) => cx.heap.bytes_value(error.into_bytes()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn base64_encode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = cx.bytes(args, 0, "what is encoded")?;
    Ok(cx.new_text(STANDARD.encode(bytes)))
}

fn base64_decode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?.trim();
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(text_or_bytes(cx, bytes)),
        Err(reason) => fail(kind::VALUE, format!("the text is not base64: {reason}")),
    }
}

fn hash<D: Digest>(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = cx.bytes(args, 0, "what is hashed")?;
    Ok(cx.new_text(hex(&D::digest(bytes))))
}

fn random(cx: &mut Cx<'_>, args: &[Value]) -> R<Vec<u8>> {
    let n = cx.count(args, 0, "the length")?;
    if n > MAX_RANDOM {
        return fail(kind::VALUE, format!("at most {MAX_RANDOM} random bytes at a time, not {n}"));
    }
    let mut bytes = vec![0; n];
    cx.world.random_bytes(&mut bytes);
    Ok(bytes)
}

fn random_bytes(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = random(cx, args)?;
    Ok(cx.heap.bytes_value(bytes))
}

/// `(length, alphabet?)`; each character equally likely.
fn random_string(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let alphabet = if args.len() > 1 {
        cx.owned(args, 1, "the alphabet")?
    } else {
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".into()
    };
    let alphabet: Vec<char> = alphabet.chars().take(1 << 16).collect();
    if alphabet.is_empty() {
        return fail(kind::VALUE, "the alphabet is empty");
    }
    let n = random(cx, args)?.len();
    // Numbers that would favour the first letters are thrown away.
    let limit = u32::MAX - u32::MAX % alphabet.len() as u32;
    let mut text = String::with_capacity(n);
    let mut left = n;
    while left > 0 {
        let mut bytes = vec![0; left * 4 + 16];
        cx.world.random_bytes(&mut bytes);
        for four in bytes.chunks_exact(4).take(left) {
            let draw = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            if draw < limit {
                text.push(alphabet[draw as usize % alphabet.len()]);
                left -= 1;
            }
        }
    }
    Ok(cx.new_text(text))
}

fn hex_encode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let bytes = cx.bytes(args, 0, "what is encoded")?;
    Ok(cx.new_text(hex(&bytes)))
}

fn hex_decode(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let text = cx.text(args, 0, "the text")?.trim();
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
            Ok(text_or_bytes(cx, bytes))
        }
        _ => fail(kind::VALUE, "the text is not hexadecimal: it needs an even number of digits 0-9 and a-f"),
    }
}

/// Each byte exclusive-or the key's, which repeats. Hides text from glances, not from readers.
fn xor_cipher(cx: &mut Cx<'_>, args: &[Value]) -> R<Value> {
    let mut bytes = cx.bytes(args, 0, "what is hidden")?;
    let key = cx.bytes(args, 1, "the key")?;
    if key.is_empty() {
        return fail(kind::VALUE, "the key is empty");
    }
    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok(text_or_bytes(cx, bytes))
}
