//! Keys and values on the server.

use std::{io, time::Duration};

use ::redis::{Value, cmd};
use bytes::{Bytes, BytesMut};

use super::{Connection, Failure, Inner, MAX_VALUE};
use crate::{Expect, SaveOptions, StoreError, Version};

/// The longest chunk, in bytes: a server is busy with one for some milliseconds.
const CHUNK: usize = 4 << 20;

/// How long chunks may lie without becoming a value, in seconds.
const GATHERING: u64 = 3600;

/// How often a value may change while it is read in chunks.
const RACES: u32 = 30;

/// Stores under a condition. Keys: the value's, and the gathered chunks' if there is more than one. Arguments: the
/// condition (`any`, `absent`, `is`), its version, the new version, the milliseconds to live (0 for ever), the number of
/// chunks, the only chunk. Answers `done`; `conflict` and what is there; or `gone` if chunks are missing.
const SAVE: &str = "
local found = redis.call('HGET', KEYS[1], 'v')
local want, expected, version, ttl, n = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if found == version then
  -- A save again, whose answer was lost. It writes, since WAITAOF waits for what its own connection wrote.
  if KEYS[2] then redis.call('UNLINK', KEYS[2]) end
  redis.call('HSET', KEYS[1], 'v', version)
  return {'done'}
end
if (want == 'absent' and found) or (want == 'is' and found ~= expected) then
  if KEYS[2] then redis.call('UNLINK', KEYS[2]) end
  return {'conflict', found or ''}
end
if KEYS[2] then
  if redis.call('HLEN', KEYS[2]) ~= n then return {'gone'} end
  redis.call('UNLINK', KEYS[1])
  redis.call('RENAME', KEYS[2], KEYS[1])
  redis.call('PERSIST', KEYS[1])
  redis.call('HSET', KEYS[1], 'v', version, 'n', n)
else
  -- The first write of a script is refused when the memory is full, and later ones are not: it has to be the one that
  -- needs memory.
  local chunks = tonumber(redis.call('HGET', KEYS[1], 'n') or 0)
  redis.call('HSET', KEYS[1], 'v', version, 'n', n, '0', ARGV[6])
  for i = 1, chunks - 1 do redis.call('HDEL', KEYS[1], i) end
  redis.call('PERSIST', KEYS[1])
end
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
return {'done'}";

/// A value on its way.
pub(super) struct Save<'a> {
    key: &'a str,
    name: String,
    bytes: Bytes,
    how: &'a SaveOptions,
    /// Random, so that a save whose answer was lost knows itself again.
    version: Version,
    ttl: u64,
}

impl<'a> Save<'a> {
    pub(super) fn new(key: &'a str, name: String, bytes: Bytes, how: &'a SaveOptions) -> Result<Self, StoreError> {
        let failed = |kind, cause: String| StoreError::Io {
            what: format!("cannot save {key} on a Redis server"),
            source: io::Error::new(kind, cause),
        };
        if bytes.len() > MAX_VALUE {
            let cause = format!("it has {} bytes, and Redis keeps at most {MAX_VALUE}; use another store", bytes.len());
            return Err(failed(io::ErrorKind::FileTooLarge, cause));
        }
        let mut version = [0; 16];
        getrandom::fill(&mut version)
            .map_err(|error| failed(io::ErrorKind::Other, format!("no random numbers: {error}")))?;
        let version = Version::new(format!("{:032x}", u128::from_le_bytes(version)));
        let ttl = how.ttl.map_or(0, millis);
        Ok(Self { key, name, bytes, how, version, ttl })
    }

    fn chunks(&self) -> usize {
        self.bytes.len().div_ceil(CHUNK).max(1)
    }
}

/// At least one, and no more than Redis can count.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 48)
}

impl Inner {
    pub(super) async fn save(&self, connection: &mut Connection, save: &Save<'_>) -> Result<Version, Failure> {
        let waits = self.waits(save.how.durable);
        // A server that knows WAITAOF says itself if it cannot keep it any more.
        if waits && connection.waits_for_disk != Some(true) {
            self.check_disk(connection).await?;
        }
        let gathered = match save.chunks() {
            1 => None,
            _ => Some(self.gather(connection, save).await?),
        };
        let (want, expected) = match &save.how.expect {
            Expect::Anything => ("any", ""),
            Expect::Absent => ("absent", ""),
            Expect::Version(version) => ("is", version.as_str()),
        };
        let mut script = cmd("EVAL");
        script.arg(SAVE).arg(1 + usize::from(gathered.is_some())).arg(&save.name).arg(&gathered);
        script.arg(want).arg(expected).arg(save.version.as_str()).arg(save.ttl).arg(save.chunks());
        if gathered.is_none() {
            script.arg(&save.bytes[..]);
        }
        let answer: Vec<String> = script.query_async(&mut connection.wire).await?;
        match (answer.first().map(String::as_str), answer.get(1)) {
            (Some("done"), _) => {}
            (Some("conflict"), found) => {
                let found = found.filter(|found| !found.is_empty()).map(|found| Version::new(found.as_str()));
                return Err(StoreError::Conflict { key: save.key.into(), found }.into());
            }
            _ => return Err(self.lost("its chunks are gone from the server, which was restarted or is out of memory")),
        }
        if waits {
            self.wait_for_disk(connection).await?;
        }
        Ok(save.version.clone())
    }

    /// Sends a long value in chunks. Gives back the key under which they are gathered.
    async fn gather(&self, connection: &mut Connection, save: &Save<'_>) -> Result<String, Failure> {
        let name = format!("{}~{}", self.options.prefix, save.version);
        for (i, chunk) in save.bytes.chunks(CHUNK).enumerate() {
            cmd("HSET").arg(&name).arg(i).arg(chunk).query_async::<u64>(&mut connection.wire).await?;
            if i == 0 {
                cmd("EXPIRE").arg(&name).arg(GATHERING).query_async::<u64>(&mut connection.wire).await?;
            }
        }
        Ok(name)
    }

    pub(super) async fn load(
        &self,
        connection: &mut Connection,
        key: &str,
        name: &str,
    ) -> Result<Option<(Bytes, Version)>, Failure> {
        for _ in 0..RACES {
            let mut first = cmd("HMGET");
            first.arg(name).arg("v").arg("n").arg("0");
            let (version, n, chunk): (Option<String>, Option<usize>, Option<Value>) =
                first.query_async(&mut connection.wire).await?;
            let Some(version) = version else { return Ok(None) };
            let foreign = || self.foreign(key);
            let (Some(n), Some(Value::BulkString(chunk))) = (n, chunk) else { return Err(foreign()) };
            if n > MAX_VALUE.div_ceil(CHUNK) {
                return Err(foreign());
            }
            let bytes = match n {
                1 => Some(chunk.into()),
                _ => self.load_rest(connection, name, &version, n, chunk).await?,
            };
            if let Some(bytes) = bytes {
                return Ok(Some((bytes, Version::new(version))));
            }
        }
        Err(self.lost("it changes faster than it can be read"))
    }

    /// All chunks; nothing if the value was replaced meanwhile.
    async fn load_rest(
        &self,
        connection: &mut Connection,
        name: &str,
        version: &str,
        n: usize,
        first: Vec<u8>,
    ) -> Result<Option<Bytes>, Failure> {
        let mut bytes = BytesMut::with_capacity(n * CHUNK);
        bytes.extend_from_slice(&first);
        for i in 1..n {
            let mut next = cmd("HMGET");
            next.arg(name).arg("v").arg(i);
            let (now, chunk): (Option<String>, Option<Value>) = next.query_async(&mut connection.wire).await?;
            match (now, chunk) {
                (Some(now), Some(Value::BulkString(chunk))) if now == version => bytes.extend_from_slice(&chunk),
                _ => return Ok(None),
            }
        }
        Ok(Some(bytes.freeze()))
    }

    pub(super) async fn keys(&self, connection: &mut Connection, prefix: &str) -> Result<Vec<String>, Failure> {
        let mut pattern = String::new();
        for c in self.options.prefix.chars().chain(prefix.chars()) {
            if matches!(c, '*' | '?' | '[' | ']' | '^' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('*');
        let (mut keys, mut cursor) = (Vec::new(), 0u64);
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(1000);
            let (next, names): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection.wire).await?;
            let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
            let ours = names.filter_map(|name| name.strip_prefix(&self.options.prefix).map(str::to_owned));
            keys.extend(ours.filter(|key| crate::keep::check_key(key).is_ok()));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A scan may show a key twice.
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    fn lost(&self, cause: &str) -> Failure {
        let what = format!("a value on the Redis server {} was lost on its way", self.place);
        StoreError::Io { what, source: io::Error::new(io::ErrorKind::Interrupted, cause) }.into()
    }

    fn foreign(&self, key: &str) -> Failure {
        let what = format!("cannot load {key} from the Redis server {}", self.place);
        let cause = "what is there was not written by this program; use another prefix, or delete it";
        StoreError::Io { what, source: io::Error::new(io::ErrorKind::InvalidData, cause) }.into()
    }
}
