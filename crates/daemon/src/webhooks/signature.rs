//! Whether a request comes from somebody who knows the secret, and is no old one sent again.
//!
//! Two forms are read: `Webhook-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 of `SECONDS.BODY`; and
//! `X-Hub-Signature-256: sha256=HEX`, of the body alone, which needs an id of the delivery against replays.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What signs requests.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Requests that are older, or as much newer, are refused: seconds.
const WINDOW: u64 = 300;

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

impl Secret {
    /// A secret, without the newline that files end with. Errors say what is wrong, never the secret.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.len() < SHORTEST {
            return Err(format!("the secret of webhooks has {} bytes; at least {SHORTEST} are needed", text.len()));
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// Checks a request at `now` (seconds since the epoch), and gives the id of its delivery.
    pub(super) fn check(&self, headers: &HeaderMap, body: &[u8], now: u64) -> Result<String, String> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(signed) = header("webhook-signature") {
            let part = |name: &str| signed.split(',').find_map(|part| part.trim().strip_prefix(name));
            let time =
                part("t=").and_then(|t| t.parse::<u64>().ok()).ok_or("Webhook-Signature has no time: t=SECONDS")?;
            let hex = part("v1=").ok_or("Webhook-Signature has no signature: v1=HEX")?;
            self.matches(&[time.to_string().as_bytes(), b".", body], hex)?;
            if time.abs_diff(now) > WINDOW {
                return Err(format!("the request is not of now: its time is off by {} s", time.abs_diff(now)));
            }
            // The same bytes at the same time are the same delivery.
            return Ok(id_of(header("webhook-id").map_or_else(|| hex.to_ascii_lowercase().into_bytes(), Vec::from)));
        }
        if let Some(signed) = header("x-hub-signature-256") {
            let hex = signed.strip_prefix("sha256=").ok_or("X-Hub-Signature-256 has no signature: sha256=HEX")?;
            self.matches(&[body], hex)?;
            let id = header("x-github-delivery").or(header("webhook-id"));
            return Ok(id_of(id.ok_or("the delivery has no id: X-GitHub-Delivery or Webhook-Id")?.into()));
        }
        Err("it is not signed: Webhook-Signature or X-Hub-Signature-256 is expected".into())
    }

    fn matches(&self, parts: &[&[u8]], hex: &str) -> Result<(), String> {
        let wrong = || "the signature is wrong".to_owned();
        let signature = unhex(hex).ok_or_else(wrong)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| wrong())?;
        parts.iter().for_each(|part| mac.update(part));
        // In a time that does not depend on where they differ.
        mac.verify_slice(&signature).map_err(|_| wrong())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// An id for runs and files out of whatever names a delivery.
pub(super) fn id_of(name: Vec<u8>) -> String {
    Sha256::digest(&name)[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32).map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| ((*name).parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn who_knows_the_secret() {
        let secret = Secret::new("it is a long secret\n").expect("long enough");
        assert!(Secret::new("short").is_err());
        // printf '1000.{"a":1}' | openssl dgst -sha256 -hmac 'it is a long secret'
        let sign = |text: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(b"it is a long secret").expect("any key");
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let body = br#"{"a":1}"#;
        let good = format!("t=1000,v1={}", sign("1000.{\"a\":1}"));
        let check = |all: &[(&'static str, &str)], now| secret.check(&headers(all), body, now);
        let id = check(&[("webhook-signature", &good)], 1_100).expect("good");
        assert_eq!(check(&[("webhook-signature", &good)], 900).expect("good"), id);
        let hub = format!("sha256={}", sign("{\"a\":1}"));
        check(&[("x-hub-signature-256", &hub), ("x-github-delivery", "d1")], 0).expect("good");
        let table: [(&[(&'static str, &str)], &str); 7] = [
            (&[], "not signed"),
            (&[("webhook-signature", "v1=00")], "no time"),
            (&[("webhook-signature", "t=1000")], "no signature"),
            (&[("webhook-signature", "t=1000,v1=00")], "is wrong"),
            (&[("webhook-signature", &good.replace("t=1000", "t=1001"))], "is wrong"),
            (&[("x-hub-signature-256", "sha256=zz")], "is wrong"),
            (&[("x-hub-signature-256", &hub)], "has no id"),
        ];
        for (all, cause) in table {
            let error = check(all, 1_000).expect_err(cause);
            assert!(error.contains(cause), "{error}");
        }
        assert!(check(&[("webhook-signature", &good)], 1_301).expect_err("old").contains("off by 301 s"));
    }
}
