//! anyorm
