//! The TypeScript guest.
