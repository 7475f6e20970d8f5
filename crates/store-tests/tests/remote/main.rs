//! Checkpoints on servers, real ones where they can be had: Redis from the system's packages, and an S3 service whose
//! protocol is another project's (`s3s`). Both are started here, and end with their test.

mod figures;
mod proxy;
mod redis;
mod s3;
mod sealed;

use store::StoreError;

/// Says whether `error` is one after which a retry helps, and that it shows none of `secrets`.
#[track_caller]
fn assert_failed<T: std::fmt::Debug>(result: Result<T, StoreError>, retry: bool, secrets: &[&str]) -> String {
    let error = result.expect_err("this should fail");
    assert_eq!(error.can_retry(), retry, "{error}");
    let text = format!("{error} {error:?}");
    for secret in secrets {
        assert!(!text.contains(secret), "an error shows {secret}: {text}");
    }
    text
}

/// Bytes that cannot be compressed, and differ by `seed`.
fn noise(len: usize, seed: u64) -> bytes::Bytes {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}
