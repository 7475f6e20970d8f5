//! The locks of this home, as the middleware takes them.

use std::time::Duration;

use async_trait::async_trait;

use super::{Held, LockFailed, Locking};
use crate::locks::{LockError, Locks};

#[async_trait]
impl Locking for Locks {
    async fn take(&self, name: &str, patience: Option<Duration>) -> Result<Held, LockFailed> {
        match Locks::take(self, name, patience).await {
            Ok(guard) => Ok(Box::new(guard)),
            Err(LockError::Timeout(_)) => Err(LockFailed::Busy),
            Err(error) => Err(LockFailed::Broken(error.to_string())),
        }
    }
}
