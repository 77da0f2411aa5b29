//! diesel-async: its pool without a ping, its associations, and its pipelining where two statements need not wait for each
//! other.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use diesel::prelude::*;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl};
use futures_lite::future::try_zip;

use crate::lap::{Fault, Lap};
use crate::line::{Line, Lines, Peer};
use crate::rows::{NewUser, PostRow, Rows, UserRow, families_apart, user, users};
use crate::work::{CHILDREN, Size, Work, older};

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        email -> Text,
        age -> Nullable<Integer>,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        author_id -> BigInt,
        title -> Text,
    }
}

#[derive(Debug, Identifiable, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
struct User {
    id: i64,
    name: String,
    email: String,
    age: Option<i32>,
}

#[derive(Debug, Identifiable, Queryable, Selectable, Associations)]
#[diesel(table_name = posts, belongs_to(User, foreign_key = author_id), check_for_backend(diesel::pg::Pg))]
struct Post {
    id: i64,
    author_id: i64,
    title: String,
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
struct UserToInsert<'a> {
    name: &'a str,
    email: &'a str,
    age: Option<i32>,
}

#[derive(Insertable)]
#[diesel(table_name = posts, treat_none_as_default_value = false)]
struct PostToInsert<'a> {
    author_id: i64,
    title: &'a str,
}

/// Rows of one INSERT: not more than 65,535 parameters, and it is fastest with many.
const CHUNK: usize = 10_000;

struct WithDiesel {
    pool: Pool<AsyncPgConnection>,
}

pub(crate) async fn lines(url: &str) -> Result<Vec<Line>, Fault> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config);
    let pool = Pool::builder(manager).max_size(crate::CONNECTIONS).build()?;
    Ok(Lines::of(WithDiesel { pool })
        .add(Peer::Diesel, Work::ReadByKey, "diesel-async, connection held", WithDiesel::read_by_key)
        .add(
            Peer::Diesel,
            Work::ReadByKey,
            "diesel-async, each from the pool",
            WithDiesel::read_by_key_from_pool,
        )
        .add(Peer::Diesel, Work::ReadRows, "diesel-async", WithDiesel::read_rows)
        .add(Peer::Diesel, Work::InsertRows, "diesel-async, values of many rows", WithDiesel::insert_rows)
        .add(Peer::Diesel, Work::InsertBlind, "diesel-async, values of many rows", WithDiesel::insert_blind)
        .add(
            Peer::Diesel,
            Work::ReadFamilies,
            "diesel-async, belonging_to, grouped_by",
            WithDiesel::read_families,
        )
        .add(
            Peer::Diesel,
            Work::InsertFamilies,
            "diesel-async, values of many rows",
            WithDiesel::insert_families,
        )
        .add(Peer::Diesel, Work::Mixed, "diesel-async", WithDiesel::mixed)
        .add(Peer::Diesel, Work::Mixed, "diesel-async, both writes pipelined", WithDiesel::mixed_pipelined)
        .done())
}

impl WithDiesel {
    async fn connection(&self) -> Result<Object<AsyncPgConnection>, Fault> {
        Ok(self.pool.get().await?)
    }

    async fn read_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let mut found = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            found.push(users::table.find(key).select(User::as_select()).get_result(connection).await?);
        }
        Ok(Lap::users(start.elapsed(), found))
    }

    async fn read_by_key_from_pool(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut found = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            let mut connection = self.connection().await?;
            found.push(users::table.find(key).select(User::as_select()).get_result(&mut connection).await?);
        }
        Ok(Lap::users(start.elapsed(), found))
    }

    async fn read_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let start = Instant::now();
        let found: Vec<User> = users::table.select(User::as_select()).load(connection).await?;
        Ok(Lap::users(start.elapsed(), found))
    }

    async fn insert_rows(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let new = users(size.rows);
        let start = Instant::now();
        let users = insert_users(connection, new).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_blind(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let new = users(size.rows);
        let start = Instant::now();
        for chunk in new.chunks(CHUNK) {
            let rows: Vec<UserToInsert<'_>> = chunk.iter().map(UserToInsert::from).collect();
            diesel::insert_into(users::table).values(rows).execute(connection).await?;
        }
        Ok(Lap::blind(start.elapsed()))
    }

    async fn read_families(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let start = Instant::now();
        let users: Vec<User> = users::table.select(User::as_select()).load(connection).await?;
        let posts: Vec<Post> = Post::belonging_to(&users).select(Post::as_select()).load(connection).await?;
        let posts = posts.grouped_by(&users);
        let families: Vec<(User, Vec<Post>)> = users.into_iter().zip(posts).collect();
        let time = start.elapsed();
        let mut found = Rows::default();
        for (user, posts) in black_box(families) {
            found.users.push(user.into());
            found.posts.extend(posts.into_iter().map(PostRow::from));
        }
        Ok(Lap { time, found })
    }

    async fn insert_families(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let (users, titles) = families_apart(size.parents);
        let start = Instant::now();
        let work = async |connection: &mut AsyncPgConnection| {
            let users = insert_users(connection, users).await?;
            let authors: Vec<i64> = users.iter().flat_map(|user| [user.id; CHILDREN]).collect();
            let mut keys: Vec<i64> = Vec::with_capacity(titles.len());
            for (authors, titles) in authors.chunks(CHUNK).zip(titles.chunks(CHUNK)) {
                let rows = authors.iter().zip(titles);
                let rows: Vec<PostToInsert<'_>> =
                    rows.map(|(&author_id, title)| PostToInsert { author_id, title }).collect();
                let insert = diesel::insert_into(posts::table).values(rows).returning(posts::id);
                keys.extend(insert.get_results::<i64>(connection).await?);
            }
            let posts = keys.into_iter().zip(authors).zip(titles);
            let posts = posts.map(|((id, author_id), title)| Post { id, author_id, title });
            Ok::<_, Fault>((users, posts.collect::<Vec<_>>()))
        };
        let (users, posts) = connection.transaction(work).await?;
        let time = start.elapsed();
        let found = Rows {
            users: users.into_iter().map(UserRow::from).collect(),
            posts: posts.into_iter().map(PostRow::from).collect(),
        };
        Ok(Lap { time, found })
    }

    async fn mixed(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let mut found = Vec::with_capacity(2 * size.requests);
        let new: Vec<NewUser> = (0..size.requests).map(user).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let work = async |connection: &mut AsyncPgConnection| {
                let mut user: User = users::table
                    .find(size.key(request))
                    .select(User::as_select())
                    .get_result(connection)
                    .await?;
                user.age = user.age.map(older);
                let update = diesel::update(users::table.find(user.id)).set(users::age.eq(user.age));
                if update.execute(connection).await? != 1 {
                    return Err("a user is missing".into());
                }
                let insert = diesel::insert_into(users::table).values(UserToInsert::from(&new));
                let key: i64 = insert.returning(users::id).get_result(connection).await?;
                Ok::<_, Fault>([user, with_key(new, key)])
            };
            found.extend(connection.transaction(work).await?);
        }
        Ok(Lap::users(start.elapsed(), found))
    }

    async fn mixed_pipelined(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut held = self.connection().await?;
        let connection: &mut AsyncPgConnection = &mut held;
        let mut found = Vec::with_capacity(2 * size.requests);
        let new: Vec<NewUser> = (0..size.requests).map(user).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let work = async |connection: &mut AsyncPgConnection| {
                let mut user: User = users::table
                    .find(size.key(request))
                    .select(User::as_select())
                    .get_result(connection)
                    .await?;
                user.age = user.age.map(older);
                let (mut one, mut other) = (&*connection, &*connection);
                let update = diesel::update(users::table.find(user.id)).set(users::age.eq(user.age));
                let insert = diesel::insert_into(users::table).values(UserToInsert::from(&new));
                let insert = insert.returning(users::id).get_result::<i64>(&mut other);
                let (changed, key) = try_zip(update.execute(&mut one), insert).await?;
                if changed != 1 {
                    return Err("a user is missing".into());
                }
                Ok::<_, Fault>([user, with_key(new, key)])
            };
            found.extend(connection.transaction(work).await?);
        }
        Ok(Lap::users(start.elapsed(), found))
    }
}

async fn insert_users(connection: &mut AsyncPgConnection, new: Vec<NewUser>) -> Result<Vec<User>, Fault> {
    let mut keys: Vec<i64> = Vec::with_capacity(new.len());
    for chunk in new.chunks(CHUNK) {
        let rows: Vec<UserToInsert<'_>> = chunk.iter().map(UserToInsert::from).collect();
        let insert = diesel::insert_into(users::table).values(rows).returning(users::id);
        keys.extend(insert.get_results::<i64>(connection).await?);
    }
    Ok(new.into_iter().zip(keys).map(|(user, key)| with_key(user, key)).collect())
}

fn with_key(NewUser { name, email, age }: NewUser, id: i64) -> User {
    User { id, name, email, age }
}

impl<'a> From<&'a NewUser> for UserToInsert<'a> {
    fn from(NewUser { name, email, age }: &'a NewUser) -> Self {
        Self { name, email, age: *age }
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
