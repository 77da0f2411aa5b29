//! What types promise: misuse does not compile, futures are `Send`, handles are small and plain.

mod misuse;
mod send;
