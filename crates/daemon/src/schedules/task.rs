//! One scheduled call.

use bundler::tools::CatchUp;
use run::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::times::Pattern;

/// A scheduled call, as it is kept and as programs see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its id.
    pub id: String,
    /// What the program calls it; one of a photon's tasks has each name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When, as a cron pattern.
    pub cron: String,
    /// Where those times are; the machine's zone if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The photon.
    pub photon_id: String,
    /// Its instance; the default one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Its method.
    pub method: String,
    /// The method's arguments.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// It is done when it has fired once.
    #[serde(default)]
    pub fire_once: bool,
    /// It is done when it has fired so often; 0: never.
    #[serde(default)]
    pub max_executions: u64,
    /// What becomes of firings that nobody was there for.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Whether it fires.
    #[serde(default)]
    pub status: Status,
    /// When it was made (ISO 8601).
    pub created_at: String,
    /// When it fired last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_execution_at: Option<String>,
    /// How often it has fired.
    #[serde(default)]
    pub execution_count: u64,
    /// Why it did not start the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Whether a task fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// Not until it is resumed.
    Paused,
    /// It has fired as often as it was to.
    Completed,
    /// It cannot: the pattern means nothing any more.
    Error,
}

/// A firing that is younger is on time.
const ON_TIME: Millis = 60_000;

/// Firings that are made up for at most.
const MOST: usize = 100;

impl Task {
    /// The pattern.
    pub fn pattern(&self) -> Result<Pattern, String> {
        Pattern::new(&self.cron, self.timezone.as_deref())
    }

    /// Up to when its firings have been dealt with.
    pub(super) fn settled(&self) -> Millis {
        let last = self.last_execution_at.as_deref().and_then(run::time::parse_iso);
        last.or_else(|| run::time::parse_iso(&self.created_at)).unwrap_or(0)
    }

    /// The times for which it is to fire now, in order.
    pub(super) fn due(&self, pattern: &Pattern, now: Millis) -> Vec<Millis> {
        if self.status != Status::Active {
            return Vec::new();
        }
        due(pattern, self.settled(), now, self.catch_up)
    }

    /// It has fired for the time `at`.
    pub(super) fn fired(&mut self, at: Millis, error: Option<String>) {
        self.last_execution_at = Some(run::time::iso(at));
        self.execution_count += 1;
        self.error_message = error;
        if self.fire_once || (self.max_executions > 0 && self.execution_count >= self.max_executions) {
            self.status = Status::Completed;
        }
    }
}

/// The times after `settled` for which something is to fire now.
pub(super) fn due(pattern: &Pattern, settled: Millis, now: Millis, catch_up: CatchUp) -> Vec<Millis> {
    match catch_up {
        CatchUp::Once => pattern.between(settled, now, 1),
        CatchUp::All => pattern.between(settled, now, MOST),
        CatchUp::None => pattern.between(settled.max(now.saturating_sub(ON_TIME)), now, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_firings_by_rule() {
        let hourly = Pattern::new("0 * * * *", Some("UTC")).expect("good");
        let at = |text: &str| run::time::parse_iso(text).expect("a time");
        let (settled, now) = (at("2026-11-21T08:00:00Z"), at("2026-11-21T12:30:00Z"));
        assert_eq!(due(&hourly, settled, now, CatchUp::Once), [at("2026-11-21T12:00:00Z")]);
        assert_eq!(due(&hourly, settled, now, CatchUp::All).len(), 4);
        assert_eq!(due(&hourly, settled, now, CatchUp::None), [0; 0]);
        assert_eq!(due(&hourly, settled, at("2026-11-21T12:00:20Z"), CatchUp::None), [at("2026-11-21T12:00:00Z")]);
        assert_eq!(due(&hourly, at("2026-11-21T12:00:00Z"), now, CatchUp::All), [0; 0]);
    }
}
