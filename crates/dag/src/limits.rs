//! Every bound of a DAG, in one place. A document beyond one is refused with an error that names it.

/// The longest document, in bytes of JSON.
pub const DOCUMENT: usize = 16 << 20;
/// Placements of one document.
pub const PLACEMENTS: usize = 10_000;
/// Members of one parallel group.
pub const MEMBERS: usize = 1_000;
/// Outputs of one placement.
pub const OUTPUTS: usize = 256;
/// Placements of a compiled DAG, those of its sub-DAGs counted once for each use.
pub const SITES: usize = 100_000;
/// DAGs inside DAGs.
pub const DEPTH: usize = 32;
/// The longest name, in bytes.
pub const NAME: usize = 256;
/// The longest reference to a node (a command may be long), in bytes.
pub const REFERENCE: usize = 16 << 10;
/// The longest dotted path, in bytes.
pub const PATH: usize = 1_024;
/// The longest `timeoutMs`, `baseMs` and `maxMs`: 366 days.
pub const MILLIS: u64 = 366 * 24 * 3_600_000;
/// The most `attempts`.
pub const ATTEMPTS: u64 = 1_000;
/// The most items of a fan-out that run at one time.
pub const CONCURRENCY: u64 = 10_000;
/// The most items of a fan-out.
pub const ITEMS: u32 = 1_000_000;
/// Names that a machine's history keeps; beyond them the oldest are dropped and only counted.
pub const HISTORY: usize = 100_000;
/// The longest reason of a cancellation that is kept, in bytes.
pub const REASON: usize = 1_024;

/// Items of a fan-out that run at one time, where the document does not say.
pub const DEFAULT_CONCURRENCY: u32 = 10;
/// The first delay of a retry, where the document does not say, in milliseconds.
pub const DEFAULT_BASE_MS: u64 = 100;
/// The longest delay of a retry, where the document does not say, in milliseconds.
pub const DEFAULT_MAX_MS: u64 = 30_000;
