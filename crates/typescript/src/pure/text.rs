//! TextDecoder's encodings, and base64.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use encoding_rs::Encoding;
use run::Failure;
use serde::Deserialize;

use super::Answer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decode {
    #[serde(default = "utf8")]
    label: String,
    #[serde(default)]
    fatal: bool,
    #[serde(default, rename = "ignoreBOM")]
    ignore_bom: bool,
}

fn utf8() -> String {
    "utf-8".into()
}

pub fn decode(arguments: Decode, data: &[u8]) -> Result<Answer, Failure> {
    let Decode { label, fatal, ignore_bom } = arguments;
    let encoding = Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        Failure::with_code(
            "RangeError",
            "ERR_ENCODING_NOT_SUPPORTED",
            format!("The \"{label}\" encoding is not supported; see the WHATWG Encoding Standard for those that are"),
        )
    })?;
    let (text, wrong) =
        if ignore_bom { encoding.decode_without_bom_handling(data) } else { encoding.decode_with_bom_removal(data) };
    if wrong && fatal {
        return Err(Failure::with_code(
            "TypeError",
            "ERR_ENCODING_INVALID_ENCODED_DATA",
            format!("The encoded data was not valid for encoding {}", encoding.name().to_ascii_lowercase()),
        ));
    }
    Answer::of(&*text)
}

pub fn base64_encode(data: &[u8]) -> Result<Answer, Failure> {
    Answer::of(&STANDARD.encode(data))
}

#[derive(Deserialize)]
pub struct Base64 {
    text: String,
    /// Accept the alphabet of URLs beside the standard one, as Node's Buffer does.
    #[serde(default)]
    url: bool,
}

/// Padding is optional, and white space is passed over; anything else that is not base64 is a failure.
pub fn base64_decode(arguments: Base64) -> Result<Answer, Failure> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text: Vec<u8> = arguments
        .text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| match b {
            b'-' if arguments.url => b'+',
            b'_' if arguments.url => b'/',
            b => b,
        })
        .collect();
    LENIENT.decode(text).map(Answer::bytes).map_err(|e| {
        Failure::new("InvalidCharacterError", format!("The string to be decoded is not correctly encoded: {e}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(label: &str, fatal: bool, ignore_bom: bool, data: &[u8]) -> Option<String> {
        let answer = decode(Decode { label: label.into(), fatal, ignore_bom }, data).ok()?;
        serde_json::from_str(&answer.json).ok()
    }

    #[test]
    fn decodes() {
        assert_eq!(text("utf-8", true, false, b"\xef\xbb\xbfa").as_deref(), Some("a"));
        assert_eq!(text("utf8", true, true, b"\xef\xbb\xbfa").as_deref(), Some("\u{feff}a"));
        assert_eq!(text("latin1", true, false, b"\xe9").as_deref(), Some("é"));
        assert_eq!(text("utf-16le", true, false, b"a\0b\0").as_deref(), Some("ab"));
        assert_eq!(text("utf-8", false, false, b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(text("utf-8", true, false, b"\xff"), None);
        assert_eq!(text("klingon", false, false, b""), None);
    }

    #[test]
    fn base64() {
        let of = |text: &str, url| base64_decode(Base64 { text: text.into(), url }).ok().and_then(|a| a.bytes);
        assert_eq!(of("aGk=", false).as_deref(), Some(&b"hi"[..]));
        assert_eq!(of("aG k", false).as_deref(), Some(&b"hi"[..]));
        assert_eq!(of("_-8", true).as_deref(), Some(&b"\xff\xef"[..]));
        assert_eq!(of("_-8", false), None);
        assert_eq!(base64_encode(b"\xff\xef").unwrap().json, "\"/+8=\"");
    }
}
