//! orm-session
