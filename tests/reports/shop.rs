//! The database of the shop, for one test.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyorm::prelude::*;
use anyorm::query::{FromRow, Values};
use anyorm::{Query, sql};
use futures_lite::future::block_on;

/// Runs a test on a copy of the database, or says that there is none.
pub(crate) fn in_shop(test: impl AsyncFnOnce(&Shop) -> anyorm::Result<()>) {
    let Some(original) = original() else {
        #[allow(clippy::print_stderr, reason = "who runs the tests should know")]
        {
            eprintln!("skipped: Chinook is neither at `CHINOOK` nor in ../shared/data");
        }
        return;
    };
    let copy = Copy::of(&original);
    block_on(async {
        let engine = Engine::open(&format!("sqlite://{}", copy.0.display())).await?;
        test(&Shop { engine: engine.clone() }).await?;
        engine.close().await
    })
    .expect("the report can be made");
}

/// An open shop.
pub(crate) struct Shop {
    pub(crate) engine: Engine,
}

impl Shop {
    /// The rows of a report, which are those of an SQL text too.
    ///
    /// # Panics
    /// If they are not, or if there are none: two reports without rows are equal whatever they say.
    pub(crate) async fn report<Q, T>(&self, report: Q, by_hand: &str) -> anyorm::Result<Vec<T>>
    where
        Q: Query<Shape = Values<T>>,
        T: FromRow + Debug + PartialEq,
    {
        let rows = self.engine.all(report).await?;
        let expected = self.engine.all(sql(anyorm::Trusted(by_hand.to_owned())).returning::<T>()).await?;
        assert!(!rows.is_empty(), "nothing to report");
        for (at, (row, other)) in rows.iter().zip(&expected).enumerate() {
            assert_eq!(row, other, "row {at} of {by_hand}");
        }
        assert_eq!(rows.len(), expected.len(), "rows of {by_hand}");
        Ok(rows)
    }
}

fn original() -> Option<PathBuf> {
    let given = std::env::var_os("CHINOOK").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/Chinook_Sqlite.sqlite");
    Some(given.unwrap_or_else(beside)).filter(|path| path.is_file())
}

/// A file that is gone when it is dropped.
struct Copy(PathBuf);

impl Copy {
    /// Not by `fs::copy`, which would make the copy read-only if the original is.
    fn of(original: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("anyorm-reports-{}-{number}.db", std::process::id());
        let copy = Self(std::env::temp_dir().join(name));
        let bytes = std::fs::read(original).expect("Chinook can be read");
        std::fs::write(&copy.0, bytes).expect("it can be copied");
        copy
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", self.0.display()));
        }
    }
}
