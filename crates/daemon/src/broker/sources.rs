//! Which events the log holds already, so that one that is published again is not another event.

use std::collections::HashMap;

use executor::EmittedAt;

/// The sources that are known at least: of those that published last.
pub(super) const SOURCES: usize = 65_536;

/// Of each source the last event. A source publishes in order, so that everything before it is there too.
pub(super) struct Sources {
    last: HashMap<String, Last>,
    least: usize,
}

struct Last {
    at: EmittedAt,
    seq: u64,
}

impl Sources {
    /// None. At least `least` sources are remembered, and at most twice as many.
    pub fn new(least: usize) -> Self {
        Self { last: HashMap::new(), least }
    }

    /// Whether this event of `from` was there before.
    pub fn has(&self, from: &str, at: EmittedAt) -> bool {
        self.last.get(from).is_some_and(|last| last.at.begun == at.begun && at.position <= last.at.position)
    }

    /// An event of `from` has got the number `seq`.
    pub fn add(&mut self, from: &str, at: EmittedAt, seq: u64) {
        match self.last.get_mut(from) {
            // What had the name before, and is late, does not take the place of what has it now.
            Some(last) if at < last.at => {}
            Some(last) => *last = Last { at, seq },
            None => {
                self.last.insert(from.to_owned(), Last { at, seq });
                if self.last.len() >= 2 * self.least {
                    self.forget();
                }
            }
        }
    }

    /// Forgets the older half.
    fn forget(&mut self) {
        let mut seqs: Vec<u64> = self.last.values().map(|last| last.seq).collect();
        let (_, median, _) = seqs.select_nth_unstable(self.least);
        let median = *median;
        self.last.retain(|_, last| last.seq >= median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_known_and_the_oldest_are_forgotten() {
        let at = |begun, position| EmittedAt { begun, position };
        let mut sources = Sources::new(4);
        sources.add("a", at(5, 10), 1);
        for (from, when, known) in [
            ("a", at(5, 10), true),
            ("a", at(5, 3), true),
            ("a", at(5, 11), false),
            ("b", at(5, 10), false),
            // A run was deleted, and another one has its name.
            ("a", at(6, 3), false),
        ] {
            assert_eq!(sources.has(from, when), known, "{from} {when:?}");
        }
        sources.add("a", at(6, 3), 2);
        sources.add("a", at(5, 12), 3);
        assert!(sources.has("a", at(6, 3)) && !sources.has("a", at(5, 10)));
        for n in 0..20 {
            sources.add(&format!("s{n}"), at(1, 1), 10 + n);
            assert!(sources.last.len() < 8 && sources.has(&format!("s{n}"), at(1, 1)));
        }
        for n in 16..20 {
            assert!(sources.has(&format!("s{n}"), at(1, 1)), "{n}");
        }
        assert!(!sources.has("a", at(6, 3)));
    }
}
