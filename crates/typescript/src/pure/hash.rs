//! Hashes and message authentication codes, under the names that Node and WebCrypto give them.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use run::Failure;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use super::Answer;

#[derive(Deserialize)]
pub struct Hash {
    algorithm: String,
}

#[derive(Deserialize)]
pub struct Keyed {
    algorithm: String,
    key: String,
}

/// `SHA-256`, `sha256` and `RSA-SHA256` are one.
fn name(algorithm: &str) -> String {
    let lower = algorithm.to_ascii_lowercase();
    let lower = lower.strip_prefix("rsa-").unwrap_or(&lower);
    let short = lower.replace("sha-", "sha");
    if short.starts_with("sha512") { short.replace('/', "-") } else { short }
}

macro_rules! by_name {
    ($algorithm:expr, $function:ident ( $($argument:expr),* )) => {
        match name($algorithm).as_str() {
            "md5" => $function!(Md5, $($argument),*),
            "sha1" => $function!(Sha1, $($argument),*),
            "sha224" => $function!(Sha224, $($argument),*),
            "sha256" => $function!(Sha256, $($argument),*),
            "sha384" => $function!(Sha384, $($argument),*),
            "sha512" => $function!(Sha512, $($argument),*),
            "sha512-224" => $function!(Sha512_224, $($argument),*),
            "sha512-256" => $function!(Sha512_256, $($argument),*),
            _ => return Err(Failure::with_code(
                "Error",
                "ERR_OSSL_EVP_UNSUPPORTED",
                format!("Digest method not supported: {}. There are md5, sha1, sha224, sha256, sha384 and sha512", $algorithm),
            )),
        }
    };
}

macro_rules! digest {
    ($hash:ty, $data:expr) => {
        <$hash>::digest($data).to_vec()
    };
}

macro_rules! authenticate {
    ($hash:ty, $key:expr, $data:expr) => {{
        let mut mac = Hmac::<$hash>::new_from_slice($key).map_err(|e| Failure::new("Error", e.to_string()))?;
        mac.update($data);
        mac.finalize().into_bytes().to_vec()
    }};
}

pub fn hash(arguments: Hash, data: &[u8]) -> Result<Answer, Failure> {
    Ok(Answer::bytes(by_name!(&arguments.algorithm, digest(data))))
}

pub fn hmac(arguments: Keyed, data: &[u8]) -> Result<Answer, Failure> {
    let key = STANDARD
        .decode(&arguments.key)
        .map_err(|e| Failure::new("TypeError", format!("hmac: the key is not base64: {e}")))?;
    Ok(Answer::bytes(by_name!(&arguments.algorithm, authenticate(&key, data))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(answer: Result<Answer, Failure>) -> String {
        answer.unwrap().bytes.unwrap().iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn known_values() {
        let of = |algorithm: &str| hex(hash(Hash { algorithm: algorithm.into() }, b"abc"));
        assert_eq!(of("md5"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(of("SHA-1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of("SHA-256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(of("RSA-SHA256"), of("sha256"));
        assert!(hash(Hash { algorithm: "whirlpool".into() }, b"").is_err());
        let keyed = Keyed { algorithm: "sha256".into(), key: STANDARD.encode("key") };
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hex(hmac(keyed, text)), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    }
}
