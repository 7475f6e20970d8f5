//! Objects: written, read, listed, removed.

use std::io;

use base64::Engine;
use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::Method;
use rusty_s3::actions::{DeleteObject, GetObject, HeadObject, ListObjectsV2, PutObject};

use super::{
    Inner,
    client::{Answer, Headers},
    parts,
};
use crate::StoreError;

/// What metadata of ours begin with.
const META: &str = "x-amz-meta-";

/// How often a value is loaded whose hash differs: it may have been damaged on its way.
const LOADS: u32 = 3;

/// What has to be there for a write to be done.
pub(super) enum Condition {
    /// Nothing in particular.
    None,
    /// No object.
    Absent,
    /// The object with this ETag.
    Is(String),
}

impl Condition {
    pub(super) fn headers(&self) -> Headers {
        match self {
            Self::None => Vec::new(),
            Self::Absent => vec![("if-none-match", "*".into())],
            Self::Is(etag) => vec![("if-match", etag.clone())],
        }
    }
}

/// A value on its way.
pub(super) struct Put {
    pub(super) bytes: Bytes,
    pub(super) metadata: Headers,
    write: String,
}

impl Put {
    pub(super) fn new(what: &str, bytes: Bytes, expires: Option<u64>) -> Result<Self, StoreError> {
        let random = getrandom::u64().map_err(|error| StoreError::Io {
            what: what.into(),
            source: io::Error::other(format!("no random numbers: {error}")),
        })?;
        let write = format!("{random:016x}");
        let mut metadata =
            vec![("x-amz-meta-blake3", blake3::hash(&bytes).to_string()), ("x-amz-meta-write", write.clone())];
        if let Some(expires) = expires {
            metadata.push(("x-amz-meta-expires", expires.to_string()));
        }
        Ok(Self { bytes, metadata, write })
    }

    /// The random name of this write.
    pub(super) fn write(&self) -> &str {
        &self.write
    }
}

/// What is known of an object without its bytes.
pub(super) struct Object {
    pub(super) etag: String,
    pub(super) expires: Option<u64>,
    pub(super) write: Option<String>,
    blake3: Option<String>,
}

impl Object {
    fn of(answer: &Answer) -> Option<Self> {
        let meta = |name: &str| answer.header(&format!("{META}{name}")).map(str::to_owned);
        let expires = meta("expires").and_then(|expires| expires.parse().ok());
        let etag = quoted(answer.header("etag")?);
        Some(Self { etag, expires, write: meta("write"), blake3: meta("blake3") })
    }
}

/// An ETag in one form: some services leave its quotes out here or there.
pub(super) fn quoted(etag: &str) -> String {
    if etag.starts_with("W/") { etag.to_owned() } else { format!("\"{}\"", etag.trim_matches('"')) }
}

/// A part of a listing.
pub(super) struct Page {
    pub(super) names: Vec<String>,
    pub(super) next: Option<String>,
}

/// Lets the service see whether it got what was sent.
pub(super) fn content_md5(bytes: &[u8]) -> (&'static str, String) {
    ("content-md5", base64::engine::general_purpose::STANDARD.encode(Md5::digest(bytes)))
}

impl Inner {
    /// Writes an object. Gives back its ETag; nothing if the condition does not hold.
    pub(super) async fn put(
        &self,
        what: &str,
        name: &str,
        put: &Put,
        condition: &Condition,
    ) -> Result<Option<String>, StoreError> {
        if put.bytes.len() > parts::PART {
            return self.put_in_parts(what, name, put, condition).await;
        }
        let mut headers = put.metadata.clone();
        headers.push(content_md5(&put.bytes));
        headers.extend(condition.headers());
        let action = || PutObject::new(&self.client.bucket, self.client.signer(), name);
        let answer = self.client.send(what, Method::PUT, action, &headers, &put.bytes).await?;
        self.written(what, &answer)
    }

    /// The ETag of what was written; nothing if a condition did not hold.
    pub(super) fn written(&self, what: &str, answer: &Answer) -> Result<Option<String>, StoreError> {
        if !answer.status.is_success() {
            return Ok(None);
        }
        match answer.header("etag") {
            Some(etag) => Ok(Some(quoted(etag))),
            None => Err(self.failed(what, io::ErrorKind::InvalidData, "the service gave no ETag for what it stored")),
        }
    }

    /// An object and its bytes, which are as they were written.
    pub(super) async fn get(&self, what: &str, name: &str) -> Result<Option<(Bytes, Object)>, StoreError> {
        for _ in 0..LOADS {
            let action = || GetObject::new(&self.client.bucket, self.client.signer(), name);
            let answer = self.client.send(what, Method::GET, action, &Vec::new(), &Bytes::new()).await?;
            if !answer.status.is_success() {
                return Ok(None);
            }
            let object = self.object(what, &answer)?;
            // What others put there may have no hash.
            if object.blake3.as_ref().is_none_or(|hash| *hash == *blake3::hash(&answer.body).to_hex()) {
                return Ok(Some((answer.body, object)));
            }
        }
        Err(self.failed(
            what,
            io::ErrorKind::InvalidData,
            "its bytes are not those that were stored: their hash differs",
        ))
    }

    /// What is known of an object.
    pub(super) async fn head(&self, what: &str, name: &str) -> Result<Option<Object>, StoreError> {
        let action = || HeadObject::new(&self.client.bucket, self.client.signer(), name);
        let answer = self.client.send(what, Method::HEAD, action, &Vec::new(), &Bytes::new()).await?;
        if answer.status.is_success() { self.object(what, &answer).map(Some) } else { Ok(None) }
    }

    fn object(&self, what: &str, answer: &Answer) -> Result<Object, StoreError> {
        Object::of(answer)
            .ok_or_else(|| self.failed(what, io::ErrorKind::InvalidData, "the service gave no ETag for what it holds"))
    }

    /// Removes an object; nothing happens if it is not there.
    pub(super) async fn remove(&self, what: &str, name: &str) -> Result<(), StoreError> {
        let action = || DeleteObject::new(&self.client.bucket, self.client.signer(), name);
        self.client.send(what, Method::DELETE, action, &Vec::new(), &Bytes::new()).await.map(drop)
    }

    /// At most `most` names that begin with `start`, from where another page ended.
    pub(super) async fn page(
        &self,
        what: &str,
        start: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let action = || {
            let mut action = ListObjectsV2::new(&self.client.bucket, self.client.signer());
            action.with_prefix(start.to_owned());
            action.with_max_keys(most);
            if let Some(from) = from {
                action.with_continuation_token(from.to_owned());
            }
            action
        };
        let answer = self.client.send(what, Method::GET, action, &Vec::new(), &Bytes::new()).await?;
        let unclear = |cause: String| self.failed(what, io::ErrorKind::InvalidData, format!("unclear answer: {cause}"));
        let text = std::str::from_utf8(&answer.body).map_err(|error| unclear(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(unclear(format!("status {}", answer.status.as_u16())));
        }
        let page = ListObjectsV2::parse_response(text).map_err(|error| unclear(error.to_string()))?;
        let names = page.contents.into_iter().map(|object| object.key).collect();
        Ok(Page { names, next: page.next_continuation_token })
    }
}
