//! Long values, in parts.

use std::io;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Method;
use rusty_s3::actions::{
    AbortMultipartUpload, CompleteMultipartUpload, CompleteMultipartUploadResponse, CreateMultipartUpload, UploadPart,
};

use super::{
    Inner,
    objects::{Condition, Put, content_md5, quoted},
};
use crate::StoreError;

/// The length of a part, in bytes. Values up to this length go in one request.
pub(super) const PART: usize = 16 << 20;

/// The most parts that the protocol allows.
const MAX_PARTS: usize = 10_000;

/// Parts on their way at once.
const AT_ONCE: usize = 3;

impl Inner {
    /// Like `put`, for long values.
    pub(super) async fn put_in_parts(
        &self,
        what: &str,
        name: &str,
        put: &Put,
        condition: &Condition,
    ) -> Result<Option<String>, StoreError> {
        if put.bytes.len() > MAX_PARTS * PART {
            let cause = format!("it has {} bytes, and {} are the most", put.bytes.len(), MAX_PARTS * PART);
            return Err(self.failed(what, io::ErrorKind::FileTooLarge, cause));
        }
        let upload = self.begin(what, name, put).await?;
        let done = self.send_parts(what, name, &upload, put, condition).await;
        if !matches!(done, Ok(Some(_))) {
            // What was sent costs money until it is removed. If that fails, the first error is the one to tell.
            let action = || AbortMultipartUpload::new(&self.client.bucket, self.client.signer(), name, &upload);
            let _ = self.client.send(what, Method::DELETE, action, &Vec::new(), &Bytes::new()).await;
        }
        done
    }

    async fn begin(&self, what: &str, name: &str, put: &Put) -> Result<String, StoreError> {
        let action = || CreateMultipartUpload::new(&self.client.bucket, self.client.signer(), name);
        let answer = self.client.send(what, Method::POST, action, &put.metadata, &Bytes::new()).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let begun = CreateMultipartUpload::parse_response(&text).map_err(|error| {
            self.failed(what, io::ErrorKind::InvalidData, format!("unclear answer to the start of an upload: {error}"))
        })?;
        Ok(begun.upload_id().to_owned())
    }

    async fn send_parts(
        &self,
        what: &str,
        name: &str,
        upload: &str,
        put: &Put,
        condition: &Condition,
    ) -> Result<Option<String>, StoreError> {
        let parts = (1..).zip((0..put.bytes.len()).step_by(PART));
        let etags: Vec<String> = stream::iter(parts)
            .map(|(number, from)| async move {
                let part = put.bytes.slice(from..put.bytes.len().min(from + PART));
                let headers = vec![content_md5(&part)];
                let (bucket, signer) = (&self.client.bucket, self.client.signer());
                let action = || UploadPart::new(bucket, signer, name, number, upload);
                let answer = self.client.send(what, Method::PUT, action, &headers, &part).await?;
                match self.written(what, &answer)? {
                    Some(etag) => Ok(etag),
                    None => Err(self.failed(what, io::ErrorKind::Interrupted, "the service has dropped the upload")),
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let action = || {
            let etags = etags.iter().map(String::as_str);
            CompleteMultipartUpload::new(&self.client.bucket, self.client.signer(), name, upload, etags)
        };
        let body = Bytes::from(action().body());
        let answer = self.client.send(what, Method::POST, action, &condition.headers(), &body).await?;
        if !answer.status.is_success() {
            return self.after_refusal(what, name, put).await;
        }
        let text = String::from_utf8_lossy(&answer.body);
        let done = CompleteMultipartUploadResponse::parse(&text).map_err(|error| {
            self.failed(what, io::ErrorKind::InvalidData, format!("unclear answer to the end of an upload: {error}"))
        })?;
        Ok(Some(quoted(done.etag())))
    }

    /// The upload is not there, or its condition does not hold: it may have been ended by a try whose answer was lost.
    async fn after_refusal(&self, what: &str, name: &str, put: &Put) -> Result<Option<String>, StoreError> {
        let found = self.head(what, name).await?;
        Ok(found.filter(|found| found.write.as_deref() == Some(put.write())).map(|found| found.etag))
    }
}
