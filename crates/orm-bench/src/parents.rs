//! Parents with their children.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyorm::Dispatch;
use anyorm::prelude::*;
use rusqlite::Connection;

use crate::case::{CHILDREN, Case, Fault, Lap, Ours, Size, Watch, check};
use crate::model::{Author, fill_authors, fill_authors_by_hand};

pub(crate) fn cases() -> [Case; 1] {
    [Case {
        name: "1,000 parents with 10 children each",
        dispatch: Dispatch::Worker,
        per: |size| size.parents,
        hops_of: |_| 1,
        goal: Some(1.3),
        by_hand,
        ours: |engine, size| Box::pin(ours(engine, size)) as Ours,
    }]
}

/// An author as one writes it by hand.
struct Parent {
    id: i64,
    _name: String,
    _email: String,
    _age: Option<i32>,
    books: Vec<Child>,
}

struct Child {
    _id: i64,
    _title: String,
    _pages: Option<i32>,
    _author_id: i64,
}

fn by_hand(raw: &mut Connection, size: Size) -> Result<Duration, Fault> {
    fill_authors_by_hand(raw, size.parents)?;
    let start = Instant::now();
    let parents = black_box(load_by_hand(raw)?);
    let time = start.elapsed();
    check("parents", parents.len(), size.parents)?;
    check("children", parents.iter().map(|parent| parent.books.len()).sum(), size.parents * CHILDREN)?;
    Ok(time)
}

/// Two queries: the children by the keys of the parents, in one list of the parents' number.
fn load_by_hand(raw: &Connection) -> Result<Vec<Parent>, Fault> {
    let mut statement = raw.prepare_cached("SELECT id, name, email, age FROM authors")?;
    let mut parents = Vec::new();
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        parents.push(Parent {
            id: row.get(0)?,
            _name: row.get(1)?,
            _email: row.get(2)?,
            _age: row.get(3)?,
            books: Vec::new(),
        });
    }
    let mut places: HashMap<i64, usize, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(parents.len(), foldhash::fast::RandomState::default());
    places.extend(parents.iter().enumerate().map(|(at, parent)| (parent.id, at)));
    let list = vec!["?"; parents.len()].join(", ");
    let sql =
        format!("SELECT id, title, pages, author_id FROM books WHERE author_id IN ({list}) ORDER BY id");
    let mut statement = raw.prepare_cached(&sql)?;
    let mut found = statement.query(rusqlite::params_from_iter(parents.iter().map(|parent| parent.id)))?;
    while let Some(row) = found.next()? {
        let author = row.get(3)?;
        let place = places.get(&author).copied().ok_or("a book without an author")?;
        let child = Child { _id: row.get(0)?, _title: row.get(1)?, _pages: row.get(2)?, _author_id: author };
        parents[place].books.push(child);
    }
    Ok(parents)
}

async fn ours(engine: Engine, size: Size) -> Result<Lap, Fault> {
    fill_authors(&engine, size.parents).await?;
    let watch = Watch::start(&engine);
    let mut session = engine.session();
    let authors = session.all(Author::select().with(Author::BOOKS)).await?;
    let lap = watch.stop();
    check("parents", authors.len(), size.parents)?;
    check(
        "children",
        authors.iter().map(|&author| session[author].books.len()).sum(),
        size.parents * CHILDREN,
    )?;
    Ok(lap)
}
