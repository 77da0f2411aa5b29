//! sqlx: one connection is held for the work, its statements are cached, many rows travel as arrays.
//!
//! A connection that goes back to sqlx's pool is pinged there. So reads by key are measured both ways.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, FromRow, PgConnection, PgPool};

use crate::lap::{Fault, Lap};
use crate::line::{Line, Lines, Peer};
use crate::rows::{NewUser, PostRow, Rows, UserRow, families_apart, user, users};
use crate::work::{CHILDREN, Size, Work, older};

#[derive(Debug, FromRow)]
struct User {
    id: i64,
    name: String,
    email: String,
    age: Option<i32>,
}

#[derive(Debug, FromRow)]
struct Post {
    id: i64,
    author_id: i64,
    title: String,
}

struct WithSqlx {
    pool: PgPool,
}

const SELECT_USER: &str = "SELECT id, name, email, age FROM users WHERE id = $1";
const SELECT_USERS: &str = "SELECT id, name, email, age FROM users";
const INSERT_USERS: &str = "INSERT INTO users (name, email, age)
     SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) RETURNING id";

pub(crate) async fn lines(url: &str) -> Result<Vec<Line>, Fault> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(crate::CONNECTIONS as u32)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(Lines::of(WithSqlx { pool })
        .add(Peer::Sqlx, Work::ReadByKey, "sqlx, connection held", WithSqlx::read_by_key)
        .add(Peer::Sqlx, Work::ReadByKey, "sqlx, each from the pool", WithSqlx::read_by_key_from_pool)
        .add(Peer::Sqlx, Work::ReadRows, "sqlx", WithSqlx::read_rows)
        .add(Peer::Sqlx, Work::InsertRows, "sqlx, arrays", WithSqlx::insert_rows)
        .add(Peer::Sqlx, Work::InsertBlind, "sqlx, arrays", WithSqlx::insert_blind)
        .add(Peer::Sqlx, Work::InsertBlind, "sqlx, COPY", WithSqlx::copy)
        .add(Peer::Sqlx, Work::ReadFamilies, "sqlx, two queries", WithSqlx::read_families)
        .add(Peer::Sqlx, Work::InsertFamilies, "sqlx, arrays", WithSqlx::insert_families)
        .add(Peer::Sqlx, Work::Mixed, "sqlx, connection held", WithSqlx::mixed)
        .done())
}

impl WithSqlx {
    async fn read_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let mut users = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            let user = sqlx::query_as::<_, User>(SELECT_USER).bind(key).fetch_one(&mut *connection).await?;
            users.push(user);
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn read_by_key_from_pool(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut users = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            users.push(sqlx::query_as::<_, User>(SELECT_USER).bind(key).fetch_one(&self.pool).await?);
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn read_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let start = Instant::now();
        let users = sqlx::query_as::<_, User>(SELECT_USERS).fetch_all(&mut *connection).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_rows(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let users = users(size.rows);
        let start = Instant::now();
        let users = insert_users(&mut connection, users).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_blind(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let users = users(size.rows);
        let start = Instant::now();
        let Columns { names, emails, ages } = Columns::of(&users);
        let insert =
            "INSERT INTO users (name, email, age) SELECT * FROM unnest($1::text[], $2::text[], $3::int[])";
        sqlx::query(insert).bind(names).bind(emails).bind(ages).execute(&mut *connection).await?;
        Ok(Lap::blind(start.elapsed()))
    }

    async fn copy(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let users = users(size.rows);
        let start = Instant::now();
        let mut copy = connection.copy_in_raw("COPY users (name, email, age) FROM STDIN").await?;
        let mut text = String::new();
        for user in &users {
            escape(&user.name, &mut text);
            text.push('\t');
            escape(&user.email, &mut text);
            match user.age {
                Some(age) => writeln!(text, "\t{age}")?,
                None => text.push_str("\t\\N\n"),
            }
        }
        copy.send(text.into_bytes()).await?;
        copy.finish().await?;
        Ok(Lap::blind(start.elapsed()))
    }

    async fn read_families(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let start = Instant::now();
        let users = sqlx::query_as::<_, User>(SELECT_USERS).fetch_all(&mut *connection).await?;
        let keys: Vec<i64> = users.iter().map(|user| user.id).collect();
        let select = "SELECT id, author_id, title FROM posts WHERE author_id = ANY($1)";
        let posts = sqlx::query_as::<_, Post>(select).bind(&keys).fetch_all(&mut *connection).await?;
        let places: HashMap<i64, usize> = keys.iter().enumerate().map(|(place, &key)| (key, place)).collect();
        let mut families: Vec<(User, Vec<Post>)> = users.into_iter().map(|user| (user, Vec::new())).collect();
        for post in posts {
            let place = *places.get(&post.author_id).ok_or("a post without an author")?;
            families[place].1.push(post);
        }
        let time = start.elapsed();
        let mut found = Rows::default();
        for (user, posts) in black_box(families) {
            found.users.push(user.into());
            found.posts.extend(posts.into_iter().map(PostRow::from));
        }
        Ok(Lap { time, found })
    }

    async fn insert_families(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let (users, titles) = families_apart(size.parents);
        let start = Instant::now();
        let mut transaction = connection.begin().await?;
        let users = insert_users(&mut transaction, users).await?;
        let authors: Vec<i64> = users.iter().flat_map(|user| [user.id; CHILDREN]).collect();
        let insert = "INSERT INTO posts (author_id, title) SELECT * FROM unnest($1::bigint[], $2::text[]) RETURNING id";
        let keys: Vec<i64> =
            sqlx::query_scalar(insert).bind(&authors).bind(&titles).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        let posts = keys.into_iter().zip(authors).zip(titles);
        let posts: Vec<Post> = posts.map(|((id, author_id), title)| Post { id, author_id, title }).collect();
        let time = start.elapsed();
        let found = Rows {
            users: users.into_iter().map(UserRow::from).collect(),
            posts: posts.into_iter().map(PostRow::from).collect(),
        };
        Ok(Lap { time, found })
    }

    async fn mixed(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut connection = self.pool.acquire().await?;
        let mut users = Vec::with_capacity(2 * size.requests);
        let new: Vec<NewUser> = (0..size.requests).map(user).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let mut transaction = connection.begin().await?;
            let mut user: User =
                sqlx::query_as(SELECT_USER).bind(size.key(request)).fetch_one(&mut *transaction).await?;
            user.age = user.age.map(older);
            let update = "UPDATE users SET age = $1 WHERE id = $2";
            let done = sqlx::query(update).bind(user.age).bind(user.id).execute(&mut *transaction).await?;
            if done.rows_affected() != 1 {
                return Err("a user is missing".into());
            }
            let insert = "INSERT INTO users (name, email, age) VALUES ($1, $2, $3) RETURNING id";
            let insert = sqlx::query_scalar(insert).bind(&new.name).bind(&new.email).bind(new.age);
            let key: i64 = insert.fetch_one(&mut *transaction).await?;
            transaction.commit().await?;
            users.extend([user, with_key(new, key)]);
        }
        Ok(Lap::users(start.elapsed(), users))
    }
}

/// Users column by column.
struct Columns<'a> {
    names: Vec<&'a str>,
    emails: Vec<&'a str>,
    ages: Vec<Option<i32>>,
}

impl<'a> Columns<'a> {
    fn of(users: &'a [NewUser]) -> Self {
        Self {
            names: users.iter().map(|user| user.name.as_str()).collect(),
            emails: users.iter().map(|user| user.email.as_str()).collect(),
            ages: users.iter().map(|user| user.age).collect(),
        }
    }
}

async fn insert_users(connection: &mut PgConnection, users: Vec<NewUser>) -> Result<Vec<User>, Fault> {
    let Columns { names, emails, ages } = Columns::of(&users);
    let insert = sqlx::query_scalar(INSERT_USERS).bind(names).bind(emails).bind(ages);
    let keys: Vec<i64> = insert.fetch_all(connection).await?;
    Ok(users.into_iter().zip(keys).map(|(user, key)| with_key(user, key)).collect())
}

fn with_key(NewUser { name, email, age }: NewUser, id: i64) -> User {
    User { id, name, email, age }
}

/// A value in the text format of COPY.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

impl From<User> for UserRow {
    fn from(User { id, name, email, age }: User) -> Self {
        Self { id, name, email, age }
    }
}

impl From<Post> for PostRow {
    fn from(Post { id, author_id, title }: Post) -> Self {
        Self { id, author_id, title }
    }
}
