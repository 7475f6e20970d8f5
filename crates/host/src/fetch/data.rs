//! `data:` URLs: the answer is in the URL.

use reqwest::Url;
use run::{Json, Outcome, Payload};

use super::Head;
use super::request::failed;
use crate::args::size;

pub(super) fn read(url: &Url, limit: usize) -> Outcome {
    // A fragment is not part of the data.
    let text = url.as_str().split('#').next().unwrap_or_default();
    let rest = text.strip_prefix("data:").unwrap_or_default();
    let (kind, data) =
        rest.split_once(',').ok_or_else(|| failed("the data: URL has no comma before its data".into()))?;
    if data.len() > limit {
        return Err(failed(format!("the data: URL is longer than one value may be ({})", size(limit))));
    }
    let mut bytes = unescape(data);
    let kind = kind.trim();
    let end = kind.len().saturating_sub("base64".len());
    let base64 = kind.is_char_boundary(end) && kind[end..].eq_ignore_ascii_case("base64");
    let before = if base64 { kind[..end].trim_end().strip_suffix(';') } else { None };
    if before.is_some() {
        bytes = base64_of(&bytes).ok_or_else(|| failed("the data: URL is not base64".into()))?;
    }
    let kind = match before.unwrap_or(kind).trim() {
        "" => "text/plain;charset=US-ASCII".to_owned(),
        kind if kind.starts_with(';') => format!("text/plain{kind}"),
        kind => kind.to_owned(),
    };
    let head = Head {
        url: text.to_owned(),
        status: 200,
        status_text: "OK".into(),
        headers: vec![("content-type".into(), kind)],
        redirected: false,
    };
    let json = Json::of(&head).map_err(|e| failed(format!("the response has no JSON form: {e}")))?;
    Ok(Payload { json, bytes: Some(bytes.into()) })
}

fn unescape(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], digit(bytes.get(i + 1)), digit(bytes.get(i + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                i += 1;
            }
        }
    }
    plain
}

/// Base64, forgiving as browsers are: white space and missing padding do not matter.
fn base64_of(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let dense: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(dense).ok()
}
