//! What behaviours have to say to databases in words that differ.

use std::time::Duration;

use anyorm::{Engine, Result, Trusted, sql};

use crate::backend::Database;
use crate::capability::Capability;

impl Database {
    /// Whether it can do this.
    pub const fn has(&self, capability: Capability) -> bool {
        self.backend.has(capability)
    }

    /// The first where it is SQLite, the second where it is PostgreSQL: for SQL that says the same in other words.
    pub fn by_dialect<T>(&self, sqlite: T, postgres: T) -> T {
        if self.backend.is_sqlite() { sqlite } else { postgres }
    }

    /// Runs a statement after each row of a table that an `INSERT`, `UPDATE` or `DELETE` changes. The row is `new` or `old` there.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn after_each(&self, event: &str, table: &str, statement: &str) -> Result<()> {
        let run = if self.backend.is_sqlite() {
            format!("BEGIN {statement}; END")
        } else {
            let body = format!("$$ BEGIN {statement}; RETURN NULL; END $$");
            let function = format!("CREATE FUNCTION after_each() RETURNS trigger LANGUAGE plpgsql AS {body}");
            self.engine.execute(sql(Trusted(function))).await?;
            "EXECUTE FUNCTION after_each()".to_owned()
        };
        let trigger = format!("CREATE TRIGGER after_each AFTER {event} ON {table} FOR EACH ROW {run}");
        self.engine.execute(sql(Trusted(trigger))).await.map(drop)
    }

    /// How many tables there are.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn tables(&self) -> Result<i64> {
        let tables = self.by_dialect(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
            "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()",
        );
        self.engine.scalar(sql(tables).returning::<i64>()).await
    }

    /// Another engine on the same database, which does not wait for locks.
    ///
    /// # Errors
    /// If it cannot be opened.
    ///
    /// # Panics
    /// If this has not [`Capability::SeveralConnections`].
    pub async fn impatient(&self) -> Result<Engine> {
        let url = self.url_with(&[("lock_timeout", "1")]).expect("several connections have one database");
        let engine = Engine::builder(&url);
        let engine =
            if self.backend.is_sqlite() { engine.busy_timeout(Duration::from_millis(1)) } else { engine };
        engine.open().await
    }
}
