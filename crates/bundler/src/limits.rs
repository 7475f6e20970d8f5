//! What a program's code may be at most. Generous for programs, small enough that a mistake (a wrong path, a data file
//! taken for code) ends quickly and says so.

/// Bytes of one source file.
pub const FILE: u64 = 16 << 20;
/// Bytes of all source files together.
pub const TOTAL: u64 = 64 << 20;
/// Modules of one program.
pub const MODULES: usize = 10_000;
/// Levels of brackets and the like within each other. The JavaScript engine's own parser gives up a little later.
pub const NESTING: usize = 1_000;
/// Complaints that are collected before giving up.
pub const DIAGNOSTICS: usize = 50;
/// Characters of a source line that a complaint quotes.
pub const QUOTED_LINE: usize = 160;
/// Steps of looking at the types of one photon.
pub const TYPE_STEPS: usize = 200_000;
/// Types within each other that are looked at.
pub const TYPE_DEPTH: usize = 256;
/// Members of one union, or of one tuple.
pub const TYPE_UNION: usize = 2_000;
/// Levels of schemas within each other.
pub const SCHEMA_DEPTH: usize = 48;
/// Schemas within one tool's schema.
pub const SCHEMA_NODES: usize = 20_000;
