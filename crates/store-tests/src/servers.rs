//! Real servers, started by the tests from the machine's installed packages, in a temporary folder and on a free port;
//! an S3 service in this process; and a way to any of them that speaks TLS. A server ends with whoever started it, even
//! if that is killed.

mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "tls")]
mod tls;

pub use postgres::{Postgres, PostgresSetup};
#[cfg(feature = "redis")]
pub use redis::{DURABLE, RedisServer};
#[cfg(feature = "s3")]
pub use s3::S3Server;
#[cfg(feature = "tls")]
pub use tls::{Certificate, TlsDoor};
