//! orm-exec
