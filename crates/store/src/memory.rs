//! Memory back-end: for tests, and for runs that need not survive.
