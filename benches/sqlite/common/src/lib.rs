//! What the peers and the runner agree on. It knows no peer, and has no dependencies.

mod checksum;
mod lap;
mod rows;
mod run;
mod schema;
mod tasks;
pub mod ten;
mod work;

pub use checksum::{Checksum, light};
pub use lap::{Lap, Laps};
pub use rows::{
    Account, Audit, Child, NewUser, Parent, User, account, amount, child, diamonds, older, parent, user,
    users,
};
pub use run::Run;
pub use schema::{PRAGMAS, SCHEMA};
pub use tasks::{poll_once, slowest_of_a_hundred};
pub use work::{CHILDREN, CONNECTIONS, PATIENCE, Size, Work, slow_in};

/// Whatever went wrong: there is nobody to tell but the terminal.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
