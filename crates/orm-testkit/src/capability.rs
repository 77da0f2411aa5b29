//! What databases can do, where they differ: the only reasons for which a behaviour may be left out, or be another one.

use crate::backend::Backend;

/// What one database can do and another cannot. A behaviour that needs it is left out elsewhere, and counted: see
/// [`behaviours!`](crate::behaviours). One that only looks different asks [`Backend::has`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Several connections have one database, and what one of them has not committed yet is hidden from the others and in
    /// nobody's way who only reads.
    SeveralConnections,
    /// The database runs in the process: on its worker threads, on a file or in memory.
    InTheProcess,
    /// One connection writes, and all others wait in line for it.
    OneWriter,
    /// A key that the database gives follows the largest one that is stored, whoever gave that.
    KeysFollowTheLargest,
    /// A key that the database gave in a transaction that was rolled back is given again.
    KeysAreGivenAgain,
    /// A column takes a value of any type.
    AnyTypeInAColumn,
    /// A float may be NaN.
    StoresNan,
    /// The error of a foreign key names its columns.
    ForeignKeysAreNamed,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SeveralConnections,
        Self::InTheProcess,
        Self::OneWriter,
        Self::KeysFollowTheLargest,
        Self::KeysAreGivenAgain,
        Self::AnyTypeInAColumn,
        Self::StoresNan,
        Self::ForeignKeysAreNamed,
    ];

    /// What it means, for who reads why something was left out.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::SeveralConnections => {
                "several connections have one database, and writing hides from reading"
            }
            Self::InTheProcess => "the database runs in the process, on its worker threads",
            Self::OneWriter => "one connection writes, and all others wait in line for it",
            Self::KeysFollowTheLargest => {
                "a key that the database gives follows the largest one that is stored"
            }
            Self::KeysAreGivenAgain => {
                "a key that was given in a transaction that was rolled back is given again"
            }
            Self::AnyTypeInAColumn => "a column takes a value of any type",
            Self::StoresNan => "a float may be NaN",
            Self::ForeignKeysAreNamed => "the error of a foreign key names its columns",
        }
    }
}

impl Backend {
    /// Whether it can do this.
    pub const fn has(self, capability: Capability) -> bool {
        match capability {
            Capability::SeveralConnections => !matches!(self, Self::Memory),
            Capability::InTheProcess
            | Capability::OneWriter
            | Capability::KeysFollowTheLargest
            | Capability::KeysAreGivenAgain
            | Capability::AnyTypeInAColumn => self.is_sqlite(),
            Capability::StoresNan | Capability::ForeignKeysAreNamed => !self.is_sqlite(),
        }
    }
}
