//! The files: one is filled for each work, and copied for each sample.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sqlite_bench_common::{Checksum, Fault, PRAGMAS, SCHEMA, Size, Work};

use crate::tables::Tables;

pub(crate) struct Databases {
    folder: PathBuf,
}

impl Databases {
    pub(crate) fn new(work: Work, size: Size) -> Result<Self, Fault> {
        let folder = std::env::temp_dir().join(format!("anyorm-sqlite-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let databases = Self { folder };
        let mut connection = Connection::open(databases.template())?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch(SCHEMA)?;
        Tables::before(work, size).write(&mut connection)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(databases)
    }

    /// A new file, as it is before the work.
    pub(crate) fn fresh(&self) -> Result<PathBuf, Fault> {
        let file = self.folder.join("sample.db");
        for end in ["", "-wal", "-shm"] {
            let mut name = file.clone().into_os_string();
            name.push(end);
            match std::fs::remove_file(name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        std::fs::copy(self.template(), &file)?;
        Ok(file)
    }

    fn template(&self) -> PathBuf {
        self.folder.join("template.db")
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a second connection finds.
pub(crate) fn stored(file: &Path) -> Result<Checksum, Fault> {
    Ok(Tables::sum_of(&Connection::open(file)?)?)
}
