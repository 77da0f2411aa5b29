//! tokio-postgres by hand: the line to reach. Statements are prepared once, many rows travel as arrays, and what can be sent
//! together without a thought is sent together.

use std::collections::HashMap;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_lite::StreamExt;
use futures_lite::future::try_zip;
use tokio::sync::Mutex;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

use crate::lap::{Fault, Lap};
use crate::line::{Line, Lines, Peer};
use crate::rows::{NewUser, PostRow, Rows, UserRow, families_apart, user, users};
use crate::server::connect;
use crate::work::{CHILDREN, Size, Work, older};

struct ByHand {
    /// Locked for a round: `Client::transaction` wants it for itself.
    client: Mutex<Client>,
    select_user: Statement,
    select_users: Statement,
    select_posts: Statement,
    insert_user: Statement,
    insert_users: Statement,
    insert_posts: Statement,
    update_age: Statement,
}

pub(crate) async fn lines(url: &str) -> Result<Vec<Line>, Fault> {
    let by_hand = ByHand::open(url).await?;
    Ok(Lines::of(by_hand)
        .add(Peer::ByHand, Work::ReadByKey, "tokio-postgres by-hand", ByHand::read_by_key)
        .add(Peer::ByHand, Work::ReadRows, "tokio-postgres by-hand", ByHand::read_rows)
        .add(Peer::ByHand, Work::InsertRows, "tokio-postgres by-hand, arrays", ByHand::insert_rows)
        .add(Peer::ByHand, Work::InsertBlind, "tokio-postgres by-hand, COPY", ByHand::insert_blind)
        .add(Peer::ByHand, Work::ReadFamilies, "tokio-postgres by-hand, two queries", ByHand::read_families)
        .add(Peer::ByHand, Work::InsertFamilies, "tokio-postgres by-hand, arrays", ByHand::insert_families)
        .add(Peer::ByHand, Work::Mixed, "tokio-postgres by-hand", ByHand::mixed)
        .add(Peer::Pipelined, Work::Mixed, "tokio-postgres by-hand, pipelined", ByHand::mixed_pipelined)
        .done())
}

/// A user with its posts, as one writes it by hand.
struct Author {
    user: UserRow,
    posts: Vec<PostRow>,
}

impl ByHand {
    async fn open(url: &str) -> Result<Self, Fault> {
        let client = connect(url).await?;
        Ok(Self {
            select_user: client.prepare("SELECT id, name, email, age FROM users WHERE id = $1").await?,
            select_users: client.prepare("SELECT id, name, email, age FROM users").await?,
            select_posts: client
                .prepare("SELECT id, author_id, title FROM posts WHERE author_id = ANY($1)")
                .await?,
            insert_user: client
                .prepare("INSERT INTO users (name, email, age) VALUES ($1, $2, $3) RETURNING id")
                .await?,
            insert_users: client
                .prepare(
                    "INSERT INTO users (name, email, age)
                     SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) RETURNING id",
                )
                .await?,
            insert_posts: client
                .prepare(
                    "INSERT INTO posts (author_id, title)
                     SELECT * FROM unnest($1::bigint[], $2::text[]) RETURNING id",
                )
                .await?,
            update_age: client.prepare("UPDATE users SET age = $1 WHERE id = $2").await?,
            client: Mutex::new(client),
        })
    }

    async fn read_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let mut users = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            users.push(decode_user(&client.query_one(&self.select_user, &[&key]).await?));
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn read_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let start = Instant::now();
        let users = select(&client, &self.select_users, &[], decode_user).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_rows(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let users = users(size.rows);
        let start = Instant::now();
        let users = self.insert_users(&client, users).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_blind(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let users = users(size.rows);
        let start = Instant::now();
        let copy = client.copy_in("COPY users (name, email, age) FROM STDIN BINARY").await?;
        let mut writer = pin!(BinaryCopyInWriter::new(copy, &[Type::TEXT, Type::TEXT, Type::INT4]));
        for user in &users {
            writer.as_mut().write(&[&user.name, &user.email, &user.age]).await?;
        }
        writer.finish().await?;
        Ok(Lap::blind(start.elapsed()))
    }

    async fn read_families(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let start = Instant::now();
        let decode = |row: &Row| Author { user: decode_user(row), posts: Vec::new() };
        let mut authors = select(&client, &self.select_users, &[], decode).await?;
        let keys: Vec<i64> = authors.iter().map(|author| author.user.id).collect();
        let places: HashMap<i64, usize> = keys.iter().enumerate().map(|(place, &key)| (key, place)).collect();
        let posts = client.query_raw(&self.select_posts, [&keys]).await?;
        let mut posts = pin!(posts);
        while let Some(row) = posts.try_next().await? {
            let post = PostRow { id: row.get(0), author_id: row.get(1), title: row.get(2) };
            let place = *places.get(&post.author_id).ok_or("a post without an author")?;
            authors[place].posts.push(post);
        }
        let time = start.elapsed();
        let mut found = Rows::default();
        for Author { user, posts } in black_box(authors) {
            found.users.push(user);
            found.posts.extend(posts);
        }
        Ok(Lap { time, found })
    }

    async fn insert_families(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let (users, titles) = families_apart(size.parents);
        let start = Instant::now();
        let begin = async { Ok::<_, Fault>(client.batch_execute("BEGIN").await?) };
        let ((), users) = try_zip(begin, self.insert_users(&client, users)).await?;
        let authors: Vec<i64> = users.iter().flat_map(|user| [user.id; CHILDREN]).collect();
        let values: [&(dyn ToSql + Sync); 2] = [&authors, &titles];
        let keys = client.query(&self.insert_posts, &values);
        let (keys, ()) = try_zip(keys, client.batch_execute("COMMIT")).await?;
        let posts = keys.iter().zip(authors).zip(titles);
        let posts = posts.map(|((key, author_id), title)| PostRow { id: key.get(0), author_id, title });
        let posts: Vec<PostRow> = posts.collect();
        let time = start.elapsed();
        Ok(Lap { time, found: Rows { users, posts } })
    }

    async fn mixed(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut client = self.client.lock().await;
        let mut users = Vec::with_capacity(2 * size.requests);
        let new: Vec<NewUser> = (0..size.requests).map(user).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let transaction = client.transaction().await?;
            let mut user =
                decode_user(&transaction.query_one(&self.select_user, &[&size.key(request)]).await?);
            user.age = user.age.map(older);
            if transaction.execute(&self.update_age, &[&user.age, &user.id]).await? != 1 {
                return Err("a user is missing".into());
            }
            let key = transaction.query_one(&self.insert_user, &[&new.name, &new.email, &new.age]).await?;
            transaction.commit().await?;
            users.extend([user, with_key(new, key.get(0))]);
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    /// Two round trips: BEGIN with the read, COMMIT with the writes. It trusts that the row that was read is still there.
    async fn mixed_pipelined(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let client = self.client.lock().await;
        let mut users = Vec::with_capacity(2 * size.requests);
        let new: Vec<NewUser> = (0..size.requests).map(user).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let key = size.key(request);
            let key: [&(dyn ToSql + Sync); 1] = [&key];
            let read = client.query_one(&self.select_user, &key);
            let ((), row) = try_zip(client.batch_execute("BEGIN"), read).await?;
            let mut user = decode_user(&row);
            user.age = user.age.map(older);
            let changed: [&(dyn ToSql + Sync); 2] = [&user.age, &user.id];
            let values: [&(dyn ToSql + Sync); 3] = [&new.name, &new.email, &new.age];
            let update = client.execute(&self.update_age, &changed);
            let insert = client.query_one(&self.insert_user, &values);
            let (changed, (key, ())) =
                try_zip(update, try_zip(insert, client.batch_execute("COMMIT"))).await?;
            if changed != 1 {
                return Err("a user is missing".into());
            }
            users.extend([user, with_key(new, key.get(0))]);
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_users(&self, client: &Client, users: Vec<NewUser>) -> Result<Vec<UserRow>, Fault> {
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        let emails: Vec<&str> = users.iter().map(|user| user.email.as_str()).collect();
        let ages: Vec<Option<i32>> = users.iter().map(|user| user.age).collect();
        let keys = client.query(&self.insert_users, &[&names, &emails, &ages]).await?;
        Ok(users.into_iter().zip(&keys).map(|(user, key)| with_key(user, key.get(0))).collect())
    }
}

async fn select<T>(
    client: &Client,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
    decode: impl Fn(&Row) -> T,
) -> Result<Vec<T>, Fault> {
    let rows = client.query_raw(statement, parameters.iter().copied()).await?;
    let mut rows = pin!(rows);
    let mut all = Vec::new();
    while let Some(row) = rows.try_next().await? {
        all.push(decode(&row));
    }
    Ok(all)
}

fn decode_user(row: &Row) -> UserRow {
    UserRow { id: row.get(0), name: row.get(1), email: row.get(2), age: row.get(3) }
}

fn with_key(user: NewUser, id: i64) -> UserRow {
    let NewUser { name, email, age } = user;
    UserRow { id, name, email, age }
}
