//! The entities, and the database of each side.

use std::path::Path;

use anyorm::prelude::*;
use anyorm::{Dispatch, EngineBuilder, SQLITE, Schema};
use rusqlite::{Connection, OpenFlags, params};

use crate::case::{CHILDREN, Fault};

/// Four columns, no relations.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "users")]
pub(crate) struct User {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i32>,
}

/// A user with children.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "authors")]
pub(crate) struct Author {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i32>,
    #[has_many(Book::AUTHOR)]
    pub(crate) books: HasMany<Book>,
}

/// A child of four columns.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "books")]
pub(crate) struct Book {
    #[key(auto)]
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) pages: Option<i32>,
    #[belongs_to]
    pub(crate) author: BelongsTo<Author>,
}

fn schema() -> Schema {
    schema![User, Author, Book]
}

/// A user that is not in the database yet.
pub(crate) fn user(number: usize) -> User {
    User {
        id: 0,
        name: format!("User {number}"),
        email: format!("user{number}@example.org"),
        age: Some((number % 90) as i32),
    }
}

/// The work by hand decodes its users as anybody would.
pub(crate) fn decode_user(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, email: row.get(2)?, age: row.get(3)? })
}

/// A database with the same tables and the same pragmas as anyorm's.
pub(crate) fn open_by_hand(file: &Path) -> Result<Connection, Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let raw = Connection::open_with_flags(file, flags)?;
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")?;
    for statement in schema().create(&SQLITE)? {
        raw.execute_batch(&statement)?;
    }
    Ok(raw)
}

pub(crate) async fn open(file: &Path, dispatch: Dispatch) -> Result<Engine, Fault> {
    let engine = builder(file, dispatch).open().await?;
    create(&engine).await?;
    Ok(engine)
}

pub(crate) fn builder(file: &Path, dispatch: Dispatch) -> EngineBuilder {
    Engine::builder(&format!("sqlite://{}", file.display())).dispatch(dispatch)
}

pub(crate) async fn create(engine: &Engine) -> Result<(), Fault> {
    Ok(engine.create_all(&schema()).await?)
}

/// Users 1 to `count`, and no others. Not part of what is measured.
pub(crate) fn fill_by_hand(raw: &mut Connection, count: usize) -> Result<(), Fault> {
    let found: i64 = raw.query_row("SELECT count(*) FROM users", [], |row| row.get(0))?;
    if found as usize == count {
        return Ok(());
    }
    let transaction = raw.transaction()?;
    transaction.execute("DELETE FROM users", [])?;
    {
        let mut insert = transaction.prepare(INSERT_USER_WITH_KEY)?;
        for number in 1..=count {
            let User { name, email, age, .. } = user(number);
            insert.execute(params![number as i64, name, email, age])?;
        }
    }
    Ok(transaction.commit()?)
}

/// As [`fill_by_hand`].
pub(crate) async fn fill(engine: &Engine, count: usize) -> Result<(), Fault> {
    if engine.count(User::select()).await? == count as u64 {
        return Ok(());
    }
    engine.execute(User::delete().everything()).await?;
    let mut session = engine.session();
    session.add_all((1..=count).map(|number| User { id: number as i64, ..user(number) }));
    Ok(session.commit().await?)
}

/// Authors with their books, once.
pub(crate) fn fill_authors_by_hand(raw: &mut Connection, parents: usize) -> Result<(), Fault> {
    let found: i64 = raw.query_row("SELECT count(*) FROM authors", [], |row| row.get(0))?;
    if found as usize == parents {
        return Ok(());
    }
    let transaction = raw.transaction()?;
    for parent in 1..=parents {
        let User { name, email, age, .. } = user(parent);
        transaction.execute(
            "INSERT INTO authors (id, name, email, age) VALUES (?, ?, ?, ?)",
            params![parent as i64, name, email, age],
        )?;
        for child in 0..CHILDREN {
            transaction.execute(
                "INSERT INTO books (title, pages, author_id) VALUES (?, ?, ?)",
                params![format!("Book {parent}.{child}"), child as i64, parent as i64],
            )?;
        }
    }
    Ok(transaction.commit()?)
}

/// As [`fill_authors_by_hand`].
pub(crate) async fn fill_authors(engine: &Engine, parents: usize) -> Result<(), Fault> {
    if engine.count(Author::select()).await? == parents as u64 {
        return Ok(());
    }
    let mut session = engine.session();
    for parent in 1..=parents {
        let User { name, email, age, .. } = user(parent);
        let author = session.add(Author { id: parent as i64, name, email, age, ..Author::default() });
        session.add_all((0..CHILDREN).map(|child| Book {
            title: format!("Book {parent}.{child}"),
            pages: Some(child as i32),
            author: author.into(),
            ..Book::default()
        }));
    }
    Ok(session.commit().await?)
}

pub(crate) const INSERT_USER: &str = "INSERT INTO users (name, email, age) VALUES (?, ?, ?)";
pub(crate) const INSERT_USER_WITH_KEY: &str = "INSERT INTO users (id, name, email, age) VALUES (?, ?, ?, ?)";
pub(crate) const SELECT_USERS: &str = "SELECT id, name, email, age FROM users";
pub(crate) const SELECT_USER: &str = "SELECT id, name, email, age FROM users WHERE id = ?";
