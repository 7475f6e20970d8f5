//! Plain files.
