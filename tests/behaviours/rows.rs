//! Rows as structs, and rows whose columns nobody knew before.

use anyorm::prelude::*;
use anyorm::{DynamicRow, Result, Value};
use anyorm_tests::{Post, Tag, User, blog};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::elsewhere;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_struct_is_read_by_position,
    a_struct_selects_what_it_is_made_of,
    a_struct_of_many_columns_needs_no_tuple,
    a_nested_struct_reads_its_columns_in_place,
    a_nested_struct_of_a_left_join_may_be_none,
    a_value_that_does_not_fit_names_struct_and_column,
    columns_of_raw_sql_are_counted,
    writes_answer_structs,
    a_session_answers_structs_of_a_write_by_criteria,
    columns_of_any_row_are_found_by_name,
    a_name_that_is_not_there_is_told_with_those_that_are,
    any_row_is_a_map_for_serde,
    rows_of_a_stream_are_of_any_kind_too,
];

/// Ada (1) with the posts a and b, Bob (2) with none.
async fn stored(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(
        db,
        "INSERT INTO users (id, email, name, age) VALUES (1, 'ada', 'Ada', 36), (2, 'bob', 'Bob', NULL)",
    )
    .await?;
    elsewhere(db, "INSERT INTO posts (id, title, author_id, version) VALUES (1, 'a', 1, 1), (2, 'b', 1, 1)")
        .await?;
    db.engine.advance_keys(&blog()).await
}

#[derive(Debug, PartialEq, FromRow)]
struct Counted {
    #[row(User::NAME)]
    name: String,
    #[row(count(Post::ID))]
    posts: i64,
}

fn counted(name: &str, posts: i64) -> Counted {
    Counted { name: name.to_owned(), posts }
}

async fn a_struct_is_read_by_position(db: Database) -> Result<()> {
    stored(&db).await?;
    let users = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    let rows = users.columns((User::NAME, count(Post::ID))).rows_as::<Counted>();
    assert_eq!(db.engine.all(rows.clone()).await?, [counted("Ada", 2), counted("Bob", 0)]);
    assert_eq!(db.engine.first(rows.clone()).await?, Some(counted("Ada", 2)));
    assert_eq!(db.engine.session().all(rows).await?.len(), 2);
    let raw = sql("SELECT name, 7 FROM users ORDER BY id").returning::<Counted>();
    assert_eq!(db.engine.all(raw).await?, [counted("Ada", 7), counted("Bob", 7)]);
    Ok(())
}

async fn a_struct_selects_what_it_is_made_of(db: Database) -> Result<()> {
    stored(&db).await?;
    let users = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
    let rows = db.engine.all(users.project::<Counted>()).await?;
    assert_eq!(rows, [counted("Ada", 2), counted("Bob", 0)]);
    Ok(())
}

/// One more than a tuple has.
#[derive(Debug, PartialEq, FromRow)]
#[rustfmt::skip]
struct Wide {
    #[row(User::ID)] a: i64,
    #[row(User::ID + 1)] b: i64,
    #[row(User::ID + 2)] c: i64,
    #[row(User::ID + 3)] d: i64,
    #[row(User::ID + 4)] e: i64,
    #[row(User::ID + 5)] f: i64,
    #[row(User::ID + 6)] g: i64,
    #[row(User::ID + 7)] h: i64,
    #[row(User::ID + 8)] i: i64,
    #[row(User::ID + 9)] j: i64,
    #[row(User::ID + 10)] k: i64,
    #[row(User::ID + 11)] l: i64,
    #[row(User::ID + 12)] m: i64,
    #[row(User::ID + 13)] n: i64,
    #[row(User::ID + 14)] o: i64,
    #[row(User::ID + 15)] p: i64,
    #[row(User::NAME)] q: String,
}

async fn a_struct_of_many_columns_needs_no_tuple(db: Database) -> Result<()> {
    stored(&db).await?;
    let wide = db.engine.one(User::select().filter(User::ID.eq(1)).project::<Wide>()).await?;
    assert_eq!((wide.a, wide.b, wide.p, &*wide.q), (1, 2, 16, "Ada"));
    Ok(())
}

#[derive(Debug, PartialEq, FromRow)]
struct Author {
    #[row(User::NAME)]
    name: String,
    #[row(User::AGE)]
    age: Option<i32>,
}

#[derive(Debug, PartialEq, FromRow)]
struct Written {
    #[row(Post::ID)]
    id: i64,
    #[row(nested)]
    author: Author,
    #[row(Post::TITLE)]
    title: String,
}

async fn a_nested_struct_reads_its_columns_in_place(db: Database) -> Result<()> {
    stored(&db).await?;
    let posts = Post::select().join(Post::AUTHOR).order_by(Post::ID).project::<Written>();
    let author = || Author { name: "Ada".into(), age: Some(36) };
    let a = Written { id: 1, author: author(), title: "a".into() };
    assert_eq!(db.engine.all(posts).await?, [a, Written { id: 2, author: author(), title: "b".into() }]);
    let raw = sql(
        "SELECT p.id, u.name, u.age, p.title FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = 2",
    );
    let raw = db.engine.one(raw.returning::<Written>()).await?;
    assert_eq!((raw.author, &*raw.title), (author(), "b"));
    Ok(())
}

#[derive(Debug, PartialEq, FromRow)]
struct Piece {
    #[row(Post::ID)]
    id: i64,
    #[row(Post::TITLE)]
    title: String,
}

#[derive(Debug, PartialEq, FromRow)]
struct Writer {
    #[row(nested)]
    piece: Option<Piece>,
    #[row(User::NAME)]
    name: String,
}

async fn a_nested_struct_of_a_left_join_may_be_none(db: Database) -> Result<()> {
    stored(&db).await?;
    let writers = User::select().left_join(User::POSTS).order_by((User::ID, Post::ID)).project::<Writer>();
    let writers = db.engine.all(writers).await?;
    assert_eq!(writers[1].piece, Some(Piece { id: 2, title: "b".into() }));
    assert_eq!(writers[2], Writer { piece: None, name: "Bob".into() });
    // A part of it that is NULL is no missing struct, but a value that does not fit.
    let half = sql("SELECT 1, NULL, 'Ada'").returning::<Writer>();
    let error = db.engine.one(half).await.unwrap_err().to_string();
    assert!(error.contains(": expected text, found NULL"), "{error}");
    Ok(())
}

async fn a_value_that_does_not_fit_names_struct_and_column(db: Database) -> Result<()> {
    stored(&db).await?;
    let error = db.engine.all(sql("SELECT name, age FROM users ORDER BY id").returning::<Counted>()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("cannot read Counted.age: expected an integer"), "{error}");
    Ok(())
}

async fn columns_of_raw_sql_are_counted(db: Database) -> Result<()> {
    stored(&db).await?;
    let wide = sql("SELECT name, id, age FROM users").returning::<Counted>();
    let error = db.engine.all(wide).await.unwrap_err().to_string();
    let said = "cannot read Counted: expected a row with a column for each field, in their order, \
                found 3 columns, where it reads 2: `name`, `id`, `age`";
    assert!(error.starts_with(said), "{error}");
    let narrow = sql("SELECT name FROM users").returning::<Counted>();
    let error = db.engine.first(narrow).await.unwrap_err().to_string();
    assert!(error.contains("found 1 column, where it reads 2: `name`"), "{error}");
    Ok(())
}

#[derive(Debug, PartialEq, FromRow)]
struct Named {
    #[row(Tag::ID)]
    id: i64,
    #[row(Tag::NAME)]
    name: String,
}

async fn writes_answer_structs(db: Database) -> Result<()> {
    stored(&db).await?;
    let named = |id: i64, name: &str| Named { id, name: name.to_owned() };
    let insert = Tag::insert().value(Tag { name: "red".into(), ..Default::default() });
    assert_eq!(db.engine.one(insert.returning_as::<Named>()).await?, named(1, "red"));
    let update = Tag::update().set(Tag::NAME, "blue").filter(Tag::ID.eq(1));
    let update = update.returning((Tag::ID, Tag::NAME)).rows_as::<Named>();
    assert_eq!(db.engine.all(update).await?, [named(1, "blue")]);
    let delete = Tag::delete().filter(Tag::ID.eq(1)).returning_as::<Named>();
    assert_eq!(db.engine.all(delete).await?, [named(1, "blue")]);
    let refused = Tag::delete().everything().returning_as::<Counted>();
    let error = db.engine.all(refused).await.unwrap_err().to_string();
    assert!(
        error.contains("User.name is a column of table users, but this statement reads tags only"),
        "{error}"
    );
    Ok(())
}

/// The session adds the keys to such an answer, which the struct must not see.
async fn a_session_answers_structs_of_a_write_by_criteria(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    let update = User::update().set(User::NAME, "Ada L.").filter(User::ID.eq(1));
    let author = session.one(update.returning_as::<Author>()).await?;
    assert_eq!(author, Author { name: "Ada L.".into(), age: Some(36) });
    assert_eq!(session[ada].name, "Ada L.");
    session.commit().await
}

async fn columns_of_any_row_are_found_by_name(db: Database) -> Result<()> {
    stored(&db).await?;
    let users = sql("SELECT id, name, age, 1.5 AS half FROM users ORDER BY id").returning::<DynamicRow>();
    let users = db.engine.all(users).await?;
    assert_eq!(users[1].columns(), ["id", "name", "age", "half"]);
    assert_eq!((users[0].get::<i64>("id")?, users[0].get::<String>("name")?), (1, "Ada".to_owned()));
    assert_eq!((users[0].get::<Option<i32>>("age")?, users[1].at::<Option<i32>>(2)?), (Some(36), None));
    assert_eq!(users[1].value("age")?, &Value::Null);
    assert_eq!(users[1].values().len(), 4);
    let typed = User::select().filter(User::ID.eq(2)).columns((User::ID, User::NAME));
    assert_eq!(db.engine.one(typed).await?.1, "Bob");
    Ok(())
}

async fn a_name_that_is_not_there_is_told_with_those_that_are(db: Database) -> Result<()> {
    stored(&db).await?;
    let row = sql("SELECT id, name, id AS id FROM users WHERE id = 1").returning::<DynamicRow>();
    let row = db.engine.one(row).await?;
    let error = row.get::<String>("nmae").unwrap_err().to_string();
    assert_eq!(error, "cannot read nmae: expected a column of this name, found `id`, `name`, `id`");
    let error = row.get::<i64>("id").unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read id: expected one column of this name, found #1 and #3"),
        "{error}"
    );
    let error = row.get::<i64>("name").unwrap_err().to_string();
    assert!(error.starts_with("cannot read name: expected an integer"), "{error}");
    let error = row.at::<i64>(3).unwrap_err().to_string();
    assert_eq!(error, "cannot read #4: expected a column here, found a row of 3 columns");
    Ok(())
}

async fn any_row_is_a_map_for_serde(db: Database) -> Result<()> {
    stored(&db).await?;
    let rows = sql("SELECT name, id, age FROM users ORDER BY id").returning::<DynamicRow>();
    let json = serde_json::to_string(&db.engine.all(rows).await?).expect("rows are JSON");
    assert_eq!(json, r#"[{"name":"Ada","id":1,"age":36},{"name":"Bob","id":2,"age":null}]"#);
    Ok(())
}

async fn rows_of_a_stream_are_of_any_kind_too(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut names = Vec::new();
    let mut stream = db.engine.stream(sql("SELECT name FROM users ORDER BY id").returning::<DynamicRow>());
    while let Some(row) = stream.next().await? {
        names.push(row.get::<String>("name")?);
    }
    let mut stream = db.engine.stream(User::select().order_by(User::ID).project::<Author>());
    while let Some(row) = stream.next().await? {
        names.push(row.name);
    }
    assert_eq!(names, ["Ada", "Bob", "Ada", "Bob"]);
    Ok(())
}
