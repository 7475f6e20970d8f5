//! The code of runs, stored by its hash.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use run::{Code, Hash};

use crate::{ExecError, Executor};

/// Codes whose hashes are remembered.
const MOST: usize = 64;

/// Hashes of codes that runs began with lately: a large one is not written out and hashed anew for each run.
#[derive(Default)]
pub(crate) struct Pins(Mutex<VecDeque<(Weak<Code>, Hash)>>);

impl Pins {
    fn hash(&self, code: &Arc<Code>) -> Hash {
        let is_it = |known: &Weak<Code>| known.upgrade().is_some_and(|known| Arc::ptr_eq(&known, code));
        // Each holder leaves the list whole.
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hash)) = known().iter().find(|(known, _)| is_it(known)) {
            return *hash;
        }
        let hash = code.hash();
        let mut known = known();
        known.retain(|(known, _)| known.strong_count() > 0);
        known.truncate(MOST - 1);
        known.push_front((Arc::downgrade(code), hash));
        hash
    }
}

pub(crate) fn key(hash: &Hash) -> String {
    format!("code/{hash}")
}

impl Executor {
    /// Stores code, unless it is there.
    pub(crate) async fn pin(&self, code: &Arc<Code>) -> Result<Hash, ExecError> {
        let hash = self.pins.hash(code);
        let key = key(&hash);
        if self.parts.keep.load(&key).await?.is_none_or(|held| Hash::of(&held) != hash) {
            self.parts.keep.save(&key, code.to_bytes().into(), self.config.durable).await?;
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(entry: &str) -> Arc<Code> {
        Arc::new(Code { guest: "g".into(), entry: entry.into(), modules: Default::default(), about: None })
    }

    #[test]
    fn hashes_are_those_of_the_codes() {
        let pins = Pins::default();
        let all: Vec<_> = (0..MOST + 10).map(|n| code(&n.to_string())).collect();
        for code in all.iter().chain(&all) {
            assert_eq!(pins.hash(code), code.hash());
        }
        assert_eq!(pins.0.lock().expect("not poisoned").len(), MOST);
        // Another code in the place of one that is gone has its own.
        drop(all);
        for n in 0..100 {
            let code = code(&format!("other {n}"));
            assert_eq!(pins.hash(&code), code.hash());
        }
    }
}
