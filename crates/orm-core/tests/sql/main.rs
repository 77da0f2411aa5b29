//! The SQL of every statement, next to the call that makes it: SQLite first, then PostgreSQL, then MariaDB. Each is executed on the
//! database of its dialect.

mod aggregate;
mod begin;
mod composite;
mod compound;
mod ddl;
mod edges;
mod entities;
mod executed;
mod expression;
mod faults;
mod filled;
mod filters;
mod function;
mod join;
mod joined_write;
mod loads;
mod lock;
mod natural_key;
mod outline;
mod page;
mod raw;
mod select;
mod shapes;
mod source;
mod subquery;
mod window;
mod write;

use orm_core::{MARIADB, POSTGRES, Query, SQLITE, Statement, Value};

/// Asserts the text of a query in all dialects, that it has a value for every placeholder, and that the databases take it.
/// Where a dialect cannot say it, the text is `!` and the error.
#[track_caller]
fn assert_sql(query: impl Query, sqlite: &str, postgres: &str, mariadb: &str) {
    assert_statement(&query.statement().expect("the query is built"), sqlite, postgres, mariadb);
}

#[track_caller]
fn assert_statement(statement: &Statement, sqlite: &str, postgres: &str, mariadb: &str) {
    for (dialect, expected) in [(&SQLITE, sqlite), (&POSTGRES, postgres), (&MARIADB, mariadb)] {
        let compiled = match statement.compile(dialect) {
            Ok(compiled) => compiled,
            Err(error) => {
                let error = error.to_string().replace("nothing was sent: ", "!");
                assert_eq!(error, expected, "{}", dialect.name);
                continue;
            }
        };
        assert_eq!(&*compiled.shape.sql, expected, "{}", dialect.name);
        let placeholders = placeholders_of(expected);
        assert_eq!(compiled.input.len(), placeholders, "values of {expected}");
        assert_eq!(usize::from(compiled.shape.parameters), placeholders, "parameters of {expected}");
        executed::execute(&compiled, dialect);
    }
}

/// How many values a text needs: one that has numbers may name a value more than once.
fn placeholders_of(sql: &str) -> usize {
    let number = |part: &str| part.split(|other: char| !other.is_ascii_digit()).next()?.parse::<usize>().ok();
    let numbered = sql.split('$').skip(1).filter_map(number).max();
    numbered.unwrap_or_else(|| sql.matches('?').count())
}

/// Asserts the values of a query on SQLite, in the order of its placeholders.
#[track_caller]
fn assert_input(query: impl Query, expected: &[Value]) {
    let compiled =
        query.statement().and_then(|statement| statement.compile(&SQLITE)).expect("it is compiled");
    let values: Vec<_> = (0..compiled.input.len()).map(|at| compiled.input.value(at).to_value()).collect();
    assert_eq!(values, expected);
}

/// Asserts that a query is refused before anything is sent, and how.
#[track_caller]
fn assert_refused(query: impl Query, message: &str) {
    let error = query.statement().expect_err("the query contradicts itself");
    assert_eq!(error.to_string(), format!("nothing was sent: {message}"));
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
