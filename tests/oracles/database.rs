//! Databases with the same rows, which answer queries.

use anyorm::{Engine, sql};
use anyorm_tests::random::Random;
use futures_lite::future::block_on;
use orm_testkit::{Backend, Database};

use crate::names::Row;
use crate::schema;
use crate::select::AnyQuery;

/// How many queries are asked of the same rows.
pub(crate) const OF_SAME_ROWS: u64 = 50;

/// A database that is asked through an engine.
#[derive(Debug)]
pub(crate) struct Asked {
    engine: Engine,
    /// Holds the database as long as it is asked.
    _database: Database,
    /// The seed of the rows it has.
    rows: Option<u64>,
}

/// Answers queries: a database, or what it has answered.
pub(crate) trait Ask {
    /// The rows of a query.
    ///
    /// # Errors
    /// What the database says to it.
    fn values(&self, query: AnyQuery) -> Result<Vec<Row>, String>;

    /// What the database is asked.
    fn text(&self, query: AnyQuery) -> String;

    /// The rows of a query, sorted, as text.
    fn rows(&self, query: AnyQuery) -> Result<Vec<String>, String> {
        self.values(query).map(normal)
    }
}

impl Asked {
    /// SQLite, and PostgreSQL where there is one.
    pub(crate) fn all() -> Vec<Self> {
        let backends = Backend::all().iter().filter(|backend| **backend != Backend::File);
        backends.map(|backend| block_on(Self::open(*backend)).expect("an empty database")).collect()
    }

    async fn open(backend: Backend) -> anyorm::Result<Self> {
        let database = Database::open(backend).await?;
        let engine = match database.url() {
            // To compile such a query takes far longer than to run it.
            Some(url) => Engine::open(&url.replace("options=", "options=-c%20jit%3Doff%20")).await?,
            None => database.engine.clone(),
        };
        engine.create_all(&schema::tables()).await?;
        Ok(Self { engine, _database: database, rows: None })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.engine.dialect().name
    }

    /// Puts the rows in that the query of this number is about.
    pub(crate) fn fill(&mut self, number: u64) {
        let rows = number / OF_SAME_ROWS;
        if self.rows == Some(rows) {
            return;
        }
        let statements = schema::rows(&mut Random::new(rows), false);
        block_on(async {
            let mut transaction = self.engine.begin().await?;
            for statement in schema::EMPTIED.iter().map(ToString::to_string).chain(statements) {
                transaction.execute(sql(anyorm::Trusted(statement))).await?;
            }
            // Not the whole database: two that analyze the same catalogs may wait for each other.
            for table in schema::TABLES {
                transaction.execute(sql(anyorm::Trusted(format!("ANALYZE {table}")))).await?;
            }
            transaction.commit().await
        })
        .expect("the rows are stored");
        self.rows = Some(rows);
    }

    /// How many rows a query has, and whether it has any.
    ///
    /// # Errors
    /// What the database says to it.
    pub(crate) fn counted(&self, query: AnyQuery) -> Result<(u64, bool), String> {
        let both = block_on(async {
            let counted = self.engine.count(query.clone()).await?;
            Ok((counted, self.engine.exists(query.clone()).await?))
        });
        both.map_err(|error: anyorm::Error| format!("{error}\n{}", self.text(query)))
    }
}

impl Ask for Asked {
    fn values(&self, query: AnyQuery) -> Result<Vec<Row>, String> {
        block_on(self.engine.all(query)).map_err(|error| error.to_string())
    }

    fn text(&self, query: AnyQuery) -> String {
        let compiled = query.statement().and_then(|statement| statement.compile(self.engine.dialect()));
        match compiled {
            Ok(compiled) => {
                let values: Vec<String> =
                    (0..compiled.input.len()).map(|at| format!("{:?}", compiled.input.value(at))).collect();
                format!("{}\n  with {}", compiled.shape.sql, values.join(", "))
            }
            Err(error) => format!("no statement: {error}"),
        }
    }
}

/// Rows in an order of their own, as text.
pub(crate) fn normal(rows: Vec<Row>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(text).collect();
    rows.sort_unstable();
    rows
}

/// A row as text. Floats are exact, but for averages, shares, and sums of these, whose last digits are not the same everywhere.
pub(crate) fn text((integer, text, float, flag): Row) -> String {
    // Zero with a sign is zero.
    let float = float.map(|float| format!("{:.9e}", float + 0.0));
    format!("{integer:?} {text:?} {float:?} {flag:?}")
}
