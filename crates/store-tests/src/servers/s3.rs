//! An S3 service of one's own. Signatures, headers and XML are the work of `s3s`; the objects are kept here, in memory,
//! and outlive a stop of the service as those of a real one do.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::SystemTime,
};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use md5::{Digest, Md5};
use s3s::{S3, S3Request, S3Response, S3Result, auth::SimpleAuth, dto::*, s3_error, service::S3ServiceBuilder};
use store::s3::{S3Credentials, S3Options, S3Store};
use tokio::{net::TcpListener, runtime::Runtime};

/// The only bucket.
pub const BUCKET: &str = "checkpoints";
/// Who may come in.
pub const KEY_ID: &str = "TESTKEYID00000000001";
/// Their secret.
pub const SECRET: &str = "secret/of+the=tests";

/// Runs until it is dropped.
pub struct S3Server {
    objects: Objects,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What the service keeps, and how it misbehaves.
#[derive(Clone, Default)]
pub struct Objects {
    state: Arc<Mutex<State>>,
    /// So many requests are still to be refused.
    pub slow_downs: Arc<AtomicU64>,
    /// Requests so far.
    pub requests: Arc<AtomicU64>,
    /// More than 0: conditions are not looked at.
    pub heedless: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: HashMap<String, Upload>,
    count: u64,
}

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    etag: String,
    metadata: Option<Metadata>,
}

struct Upload {
    key: String,
    metadata: Option<Metadata>,
    parts: BTreeMap<i32, (Bytes, [u8; 16])>,
}

impl S3Server {
    /// Starts it on a free port of 127.0.0.1, without objects.
    pub fn start() -> Self {
        let mut server =
            Self { objects: Objects::default(), address: SocketAddr::from(([127, 0, 0, 1], 0)), runtime: None };
        server.go();
        server
    }

    /// Starts it (again), at the same address.
    pub fn go(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut builder = S3ServiceBuilder::new(self.objects.clone());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let address = self.address;
        // On a thread of its own, since a runtime cannot be waited for inside another.
        let handle = runtime.handle().clone();
        let bound = std::thread::spawn(move || {
            handle.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                let address = listener.local_addr().unwrap();
                tokio::spawn(async move {
                    loop {
                        let Ok((stream, _)) = listener.accept().await else { continue };
                        stream.set_nodelay(true).unwrap();
                        let service = service.clone();
                        tokio::spawn(async move {
                            let http = auto::Builder::new(TokioExecutor::new());
                            let _ = http.serve_connection(TokioIo::new(stream), service).await;
                        });
                    }
                });
                address
            })
        });
        self.address = bound.join().unwrap();
        self.runtime = Some(runtime);
    }

    /// Stops it: connections are cut, requests under way come to nothing.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            std::thread::spawn(move || drop(runtime)).join().unwrap();
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it keeps.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Options for a store on it, by a port that leads there.
    pub fn options_by(port: u16) -> S3Options {
        S3Options {
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            credentials: Some(S3Credentials::new(KEY_ID, SECRET, None)),
            ..S3Options::new(BUCKET)
        }
    }

    /// A store on it.
    pub fn store(&self) -> S3Store {
        S3Store::open(Self::options_by(self.port())).unwrap()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Objects {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The names of all objects.
    pub fn names(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Uploads in parts that are neither done nor given up.
    pub fn uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Changes an object's bytes, and nothing else.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let object = state.objects.get_mut(name).unwrap();
        let mut bytes = object.bytes.to_vec();
        change(&mut bytes);
        object.bytes = bytes.into();
    }

    /// Every request comes by here.
    fn enter(&self, bucket: &str) -> S3Result<()> {
        self.requests.fetch_add(1, SeqCst);
        if self.slow_downs.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(s3_error!(SlowDown, "Please reduce your request rate."));
        }
        if bucket != BUCKET { Err(s3_error!(NoSuchBucket)) } else { Ok(()) }
    }

    /// Checks a write's conditions and does it, in one step.
    fn write(
        &self,
        key: &str,
        object: Object,
        is: Option<&ETagCondition>,
        is_not: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let mut state = self.state();
        let found = state.objects.get(key);
        if self.heedless.load(SeqCst) == 0 {
            if is_not.is_some_and(|is_not| matches!(is_not, ETagCondition::Any)) && found.is_some() {
                return Err(s3_error!(PreconditionFailed));
            }
            match (is, found) {
                (Some(_), None) => return Err(s3_error!(NoSuchKey)),
                (Some(ETagCondition::ETag(etag)), Some(found)) if etag.value() != found.etag => {
                    return Err(s3_error!(PreconditionFailed));
                }
                _ => {}
            }
        }
        state.objects.insert(key.to_owned(), object);
        Ok(())
    }
}

/// The whole body, which is what its sender says it is.
async fn whole(body: Option<StreamingBlob>, md5: Option<&str>) -> S3Result<(Bytes, [u8; 16])> {
    let mut bytes = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(piece) = body.try_next().await.map_err(|_| s3_error!(IncompleteBody))? {
            bytes.extend_from_slice(&piece);
        }
    }
    let hash: [u8; 16] = Md5::digest(&bytes).into();
    let sent = md5.and_then(|md5| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, md5).ok());
    if sent.as_deref() != Some(&hash[..]) {
        return Err(s3_error!(BadDigest));
    }
    Ok((bytes.freeze(), hash))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        self.enter(&input.bucket)?;
        let (bytes, hash) = whole(input.body, input.content_md5.as_deref()).await?;
        let object = Object { bytes, etag: hex(&hash), metadata: input.metadata };
        let e_tag = Some(ETag::Strong(object.etag.clone()));
        self.write(&input.key, object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.enter(&req.input.bucket)?;
        let found = self.state().objects.get(&req.input.key).cloned();
        let Object { bytes, etag, metadata } = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            body: Some(StreamingBlob::wrap(futures::stream::iter([Ok::<_, std::io::Error>(bytes)]))),
            e_tag: Some(ETag::Strong(etag)),
            metadata,
            ..Default::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.enter(&req.input.bucket)?;
        let found = self.state().objects.get(&req.input.key).cloned();
        let Object { bytes, etag, metadata } = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(bytes.len() as i64),
            e_tag: Some(ETag::Strong(etag)),
            metadata,
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.enter(&req.input.bucket)?;
        self.state().objects.remove(&req.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.enter(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = input.max_keys.unwrap_or(1000).clamp(0, 1000) as usize;
        let from = input.continuation_token.clone().unwrap_or_default();
        let state = self.state();
        let mut names = state.objects.keys().filter(|name| name.starts_with(&prefix) && **name > from);
        let page: Vec<String> = names.by_ref().take(most).cloned().collect();
        let more = names.next().is_some();
        let object = |key: &String| s3s::dto::Object {
            key: Some(key.clone()),
            last_modified: Some(SystemTime::now().into()),
            ..Default::default()
        };
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            max_keys: Some(most as i32),
            key_count: Some(page.len() as i32),
            is_truncated: Some(more),
            next_continuation_token: page.last().filter(|_| more).cloned(),
            contents: Some(page.iter().map(object).collect()),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        self.enter(&input.bucket)?;
        let mut state = self.state();
        state.count += 1;
        let id = format!("upload-{}", state.count);
        let upload = Upload { key: input.key.clone(), metadata: input.metadata, parts: BTreeMap::new() };
        state.uploads.insert(id.clone(), upload);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        self.enter(&input.bucket)?;
        let (bytes, hash) = whole(input.body, input.content_md5.as_deref()).await?;
        let mut state = self.state();
        let upload = state.uploads.get_mut(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(input.part_number, (bytes, hash));
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(ETag::Strong(hex(&hash))), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        self.enter(&input.bucket)?;
        let object = {
            let state = self.state();
            let upload = state.uploads.get(&input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
            let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
            let (mut bytes, mut hashes) = (BytesMut::new(), Md5::new());
            for (i, part) in parts.iter().enumerate() {
                let known = upload.parts.get(&part.part_number.unwrap_or(0)).ok_or_else(|| s3_error!(InvalidPart))?;
                if part.e_tag.as_ref().map(ETag::value) != Some(&hex(&known.1)) || upload.key != input.key {
                    return Err(s3_error!(InvalidPart));
                }
                if i + 1 < parts.len() && known.0.len() < 5 << 20 {
                    return Err(s3_error!(EntityTooSmall));
                }
                bytes.extend_from_slice(&known.0);
                hashes.update(known.1);
            }
            let etag = format!("{}-{}", hex(&hashes.finalize()), parts.len());
            Object { bytes: bytes.freeze(), etag, metadata: upload.metadata.clone() }
        };
        let e_tag = Some(ETag::Strong(object.etag.clone()));
        self.write(&input.key, object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        self.state().uploads.remove(&input.upload_id);
        let (bucket, key) = (Some(input.bucket), Some(input.key));
        Ok(S3Response::new(CompleteMultipartUploadOutput { bucket, key, e_tag, ..Default::default() }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.enter(&req.input.bucket)?;
        self.state().uploads.remove(&req.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
