//! Values that do not fit, on their way in and out.

use anyorm::prelude::*;
use anyorm::{Error, Result, Trusted};
use anyorm_tests::{Post, User, blog, post, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use anyorm_tests::check::{nothing_lost, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    text_in_an_integer_column_names_entity_column_and_sql,
    an_integer_that_is_too_large_is_shown,
    null_in_a_column_that_has_none_is_named,
    a_row_that_does_not_fit_fails_a_load_as_well,
    a_row_of_another_width_says_so,
    nul_in_text_names_entity_and_column,
    nul_in_a_parameter_names_the_parameter,
    nan_is_stored_or_names_entity_and_column,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "readings")]
struct Reading {
    #[key(auto)]
    id: i64,
    celsius: f64,
    wind: Option<f64>,
}

/// A user whose age, in a column of another type, is not what the entity says.
async fn odd_age(db: &Database, ty: &str, age: &str) -> Result<()> {
    let key = db.engine.dialect().auto_key;
    let table = format!("CREATE TABLE users (id {key}, email TEXT, name TEXT, age {ty})");
    db.engine.execute(sql(Trusted(table))).await?;
    db.engine.create_all(&blog()).await?;
    let text = format!("INSERT INTO users (id, email, name, age) VALUES (1, 'a', 'Ada', {age})");
    db.engine.execute(sql(Trusted(text))).await.map(drop)
}

#[track_caller]
fn is_decode(error: &Error, entity: Option<&str>, column: &str, found: &str) {
    let Error::Decode(decode) = error else { panic!("{error:?}") };
    assert_eq!((decode.entity, decode.column.as_str()), (entity, column));
    assert!(decode.found.contains(found), "{}", decode.found);
    assert!(decode.sql.starts_with("SELECT"), "{}", decode.sql);
}

async fn text_in_an_integer_column_names_entity_column_and_sql(db: Database) -> Result<()> {
    odd_age(&db, "TEXT", "'old'").await?;
    let mut session = db.engine.session();
    for error in [
        db.engine.all(User::select()).await.map(drop),
        db.engine.first(User::select()).await.map(drop),
        session.all(User::select()).await.map(drop),
        session.get::<User>(1).await.map(drop),
        session.get_one::<User>(1).await.map(drop),
    ] {
        let error = error.expect_err("it is text");
        is_decode(&error, Some("User"), "age", "text");
        says(&error, &["cannot read User.age: expected an integer", "found text", "  in: SELECT"]);
        says(&error, &[", in the row of users with id 1\n"]);
    }
    let error = db.engine.all(User::select().columns(User::AGE)).await.expect_err("it is text");
    is_decode(&error, None, "age", "text");
    says(&error, &[", in row 1 of the answer\n"]);
    let names: Vec<String> = session.all(User::select().columns(User::NAME)).await?;
    assert_eq!(names, ["Ada"], "the session goes on");
    nothing_lost(&db.engine).await
}

async fn an_integer_that_is_too_large_is_shown(db: Database) -> Result<()> {
    odd_age(&db, "BIGINT", "5000000000").await?;
    let mut session = db.engine.session();
    let error = session.all(User::select()).await.expect_err("it does not fit");
    is_decode(&error, Some("User"), "age", "5000000000");
    says(&error, &["an integer that fits i32", "found the integer 5000000000"]);
    let raw = sql("SELECT age FROM users").returning::<i32>();
    is_decode(&db.engine.one(raw).await.expect_err("it does not fit"), None, "age", "5000000000");
    let raw = sql("SELECT age FROM users").returning::<i64>();
    assert_eq!(db.engine.one(raw).await?, 5_000_000_000);
    // The one of several that does not fit.
    db.engine.execute(sql("INSERT INTO users (id, email, name, age) VALUES (0, 'b', 'Bo', 7)")).await?;
    let error = db.engine.all(User::select().order_by(User::ID)).await.expect_err("it does not fit");
    says(&error, &["found the integer 5000000000, in the row of users with id 1\n"]);
    let ages = User::select().columns(User::AGE).order_by(User::ID);
    let error = db.engine.all(ages).await.expect_err("it does not fit");
    says(&error, &["found the integer 5000000000, in row 2 of the answer\n"]);
    nothing_lost(&db.engine).await
}

async fn null_in_a_column_that_has_none_is_named(db: Database) -> Result<()> {
    let columns = "id BIGINT PRIMARY KEY, email TEXT, name TEXT, age INTEGER";
    db.engine.execute(sql(Trusted(format!("CREATE TABLE users ({columns})")))).await?;
    db.engine.execute(sql("INSERT INTO users VALUES (1, 'a', NULL, 3)")).await?;
    let error = db.engine.session().get::<User>(1).await.expect_err("it is NULL");
    is_decode(&error, Some("User"), "name", "NULL");
    let error = db.engine.one(sql("SELECT NULL").returning::<i64>()).await.expect_err("it is NULL");
    says(&error, &["found NULL"]);
    nothing_lost(&db.engine).await
}

async fn a_row_that_does_not_fit_fails_a_load_as_well(db: Database) -> Result<()> {
    let users = "id BIGINT PRIMARY KEY, email TEXT, name TEXT, age INTEGER";
    db.engine.execute(sql(Trusted(format!("CREATE TABLE users ({users})")))).await?;
    let posts = "id BIGINT PRIMARY KEY, title TEXT, author_id BIGINT, version TEXT";
    db.engine.execute(sql(Trusted(format!("CREATE TABLE posts ({posts})")))).await?;
    db.engine.execute(sql("INSERT INTO users VALUES (1, 'ada', 'Ada', 36)")).await?;
    db.engine.execute(sql("INSERT INTO posts VALUES (1, 'Notes', 1, 'one')")).await?;
    let mut session = db.engine.session();
    let error = session.all(User::select().with(User::POSTS)).await.expect_err("it is text");
    is_decode(&error, Some("Post"), "version", "text");
    let ada = session.get_one::<User>(1).await?;
    let error = session.load(&[ada], User::POSTS).await.expect_err("it is text");
    is_decode(&error, Some("Post"), "version", "text");
    assert!(session[ada].posts.loaded().is_none(), "nothing was loaded");
    db.engine.execute(sql("DROP TABLE posts")).await?;
    db.engine
        .execute(sql("CREATE TABLE posts (id BIGINT, title TEXT, author_id BIGINT, version BIGINT)"))
        .await?;
    db.engine.execute(sql("INSERT INTO posts VALUES (1, 'Notes', 1, 1)")).await?;
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(session[ada].posts.len(), 1);
    nothing_lost(&db.engine).await
}

async fn a_row_of_another_width_says_so(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    db.engine.execute(User::insert().value(user("Ada"))).await?;
    let raw = || sql("SELECT id, email FROM users").entities::<User>();
    for error in [db.engine.all(raw()).await.map(drop), db.engine.session().all(raw()).await.map(drop)] {
        let error = error.expect_err("two columns are not four");
        says(&error, &["User", "a row of 2 columns", "  in: SELECT id, email FROM users"]);
    }
    let error = db.engine.one(sql("SELECT 1").returning::<(i64, i64)>()).await.expect_err("one is not two");
    says(&error, &["a row of 1 column", "  in: SELECT 1"]);
    nothing_lost(&db.engine).await
}

async fn nul_in_text_names_entity_and_column(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(User { name: "A\0da".into(), ..user("Ada") });
    let notes = session.add(post("Notes", ada));
    db.log.clear();
    let error = session.commit().await.expect_err("text has no NUL");
    let Error::Value(value) = &error else { panic!("{error:?}") };
    assert_eq!(value.place, "User.name of a new User");
    says(&error, &["User.name of a new User cannot be sent", "NUL"]);
    session.recover().await?;
    session[ada].name = "Ada".into();
    session.commit().await?;
    assert_eq!((session[ada].id, session[notes].id), (1, 1));

    session[notes].title = "No\0tes".into();
    let error = session.commit().await.expect_err("text has no NUL");
    says(&error, &["Post.title of Post 1 cannot be sent"]);
    session.rollback().await?;
    assert_eq!(session[notes].title, "Notes");
    assert_eq!(db.engine.one(Post::select().columns(Post::TITLE)).await?, "Notes");
    nothing_lost(&db.engine).await
}

async fn nul_in_a_parameter_names_the_parameter(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let raw = || sql("SELECT ? || ?").bind(1).bind_str("a\0b").returning::<String>();
    for error in [db.engine.one(raw()).await, session.one(raw()).await] {
        let place = db.by_dialect("  in: SELECT ? || ?", "  in: SELECT $1 || $2");
        says(&error.expect_err("text has no NUL"), &["parameter 2 cannot be sent", place]);
    }
    let insert = User::insert().value(User { email: "\0".into(), ..user("Ada") });
    says(&db.engine.execute(insert).await.expect_err("text has no NUL"), &["cannot be sent", "users"]);
    let filter = User::select().filter(User::NAME.eq("\0"));
    says(&session.all(filter).await.expect_err("text has no NUL"), &["cannot be sent", "users"]);
    assert_eq!(session.count(User::select()).await?, 0);
    nothing_lost(&db.engine).await
}

async fn nan_is_stored_or_names_entity_and_column(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Reading]).await?;
    let mut session = db.engine.session();
    let reading = session.add(Reading { celsius: f64::NAN, ..Reading::default() });
    if db.has(Capability::StoresNan) {
        session.commit().await?;
        session.refresh(reading).await?;
        assert!(session[reading].celsius.is_nan() && !session.is_dirty());
        let filter = Reading::select().filter(Reading::CELSIUS.eq(f64::NAN));
        assert_eq!(db.engine.count(filter).await?, 1);
        return nothing_lost(&db.engine).await;
    }
    let error = session.commit().await.expect_err("SQLite has no NaN");
    assert!(matches!(error, Error::Value(_)), "{error:?}");
    says(&error, &["Reading.celsius of a new Reading cannot be sent", "NaN", "stores as NULL"]);
    session.recover().await?;
    session[reading].celsius = 20.5;
    session.commit().await?;

    // A column that may be NULL does not take it either: it would come back as None.
    session[reading].wind = Some(f64::NAN);
    says(&session.commit().await.expect_err("SQLite has no NaN"), &["Reading.wind of Reading 1"]);
    session.rollback().await?;
    let filter = Reading::select().filter(Reading::CELSIUS.eq(f64::NAN));
    says(&db.engine.all(filter).await.expect_err("SQLite has no NaN"), &["parameter 1 cannot be sent"]);
    assert_eq!(db.engine.one(Reading::select()).await?, Reading { id: 1, celsius: 20.5, wind: None });
    nothing_lost(&db.engine).await
}
