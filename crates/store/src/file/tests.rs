//! Tests of what only files have.
