//! anyorm: plain values by the engine where nothing is tracked, sessions elsewhere.

use std::sync::Arc;
use std::time::Instant;

use anyorm::Dispatch;
use anyorm::prelude::*;

use crate::lap::{Fault, Lap};
use crate::line::{Line, Lines, Peer};
use crate::rows::{Family, NewUser, PostRow, Rows, UserRow, families, user, users};
use crate::work::{CHILDREN, Size, Work, older};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    id: i64,
    name: String,
    email: String,
    age: Option<i32>,
    #[has_many(Post::AUTHOR)]
    posts: HasMany<Post>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "posts")]
struct Post {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    author: BelongsTo<User>,
    title: String,
}

struct WithAnyorm {
    engine: Engine,
}

pub(crate) async fn lines(url: &str) -> Result<Vec<Line>, Fault> {
    let engine = Engine::builder(url).connections(crate::CONNECTIONS).open().await?;
    let auto = Engine::builder(url).connections(crate::CONNECTIONS).dispatch(Dispatch::Auto).open().await?;
    let us = Peer::Anyorm;
    let auto = Lines::of(WithAnyorm { engine: auto })
        .and_bare(us, Work::ReadByKey, "anyorm, Auto, engine.first", WithAnyorm::read_by_key)
        .add(us, Work::ReadByKey, "anyorm, Auto, session.get_one", WithAnyorm::track_by_key)
        .and_bare(us, Work::Mixed, "anyorm, Auto, session.begin", WithAnyorm::mixed)
        .done();
    Ok(Lines::of(WithAnyorm { engine })
        .and_bare(us, Work::ReadByKey, "anyorm, engine.first", WithAnyorm::read_by_key)
        .add(us, Work::ReadByKey, "anyorm, session.get_one, each a session", WithAnyorm::track_by_key)
        .and_bare(us, Work::ReadRows, "anyorm, engine.all", WithAnyorm::read_rows)
        .add(us, Work::ReadRows, "anyorm, session.all", WithAnyorm::track_rows)
        .and_bare(us, Work::InsertRows, "anyorm, session.add_all, commit", WithAnyorm::insert_rows)
        .add(us, Work::InsertBlind, "anyorm, engine.insert_many", WithAnyorm::insert_blind)
        .and_bare(us, Work::ReadFamilies, "anyorm, session.all with posts", WithAnyorm::read_families)
        .add(us, Work::InsertFamilies, "anyorm, session.add_all, commit", WithAnyorm::insert_families)
        .and_bare(us, Work::Mixed, "anyorm, session.begin", WithAnyorm::mixed)
        .add(us, Work::Mixed, "anyorm, read before the transaction", WithAnyorm::mixed_late)
        .done()
        .into_iter()
        .chain(auto)
        .collect())
}

impl WithAnyorm {
    async fn read_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut users = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            let user = self.engine.first(User::select().filter(User::ID.eq(key))).await?;
            users.push(user.ok_or("a user is missing")?);
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn track_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut users = Vec::with_capacity(size.reads);
        let start = Instant::now();
        for key in size.keys_to_read() {
            let mut session = self.engine.session();
            let user = session.get_one::<User>(key).await?;
            users.push(session.detach(user));
        }
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn read_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let users = self.engine.all(User::select()).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn track_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let mut session = self.engine.session();
        let users = session.all(User::select()).await?;
        let time = start.elapsed();
        Ok(Lap::users(time, users.iter().map(|&user| session[user].clone())))
    }

    async fn insert_rows(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let users: Vec<User> = users(size.rows).into_iter().map(User::from).collect();
        let start = Instant::now();
        let mut session = self.engine.session();
        let users = session.add_all(users);
        session.commit().await?;
        let time = start.elapsed();
        Ok(Lap::users(time, users.iter().map(|&user| session[user].clone())))
    }

    async fn insert_blind(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let users: Vec<User> = users(size.rows).into_iter().map(User::from).collect();
        let start = Instant::now();
        self.engine.insert_many(users).await?;
        Ok(Lap::blind(start.elapsed()))
    }

    async fn read_families(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let mut session = self.engine.session();
        let users = session.all(User::select().with(User::POSTS)).await?;
        let time = start.elapsed();
        Ok(Lap { time, found: families_of(&session, &users) })
    }

    async fn insert_families(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let users: Vec<User> = families(size.parents, CHILDREN).into_iter().map(User::from).collect();
        let start = Instant::now();
        let mut session = self.engine.session();
        let users = session.add_all(users);
        session.commit().await?;
        let time = start.elapsed();
        Ok(Lap { time, found: families_of(&session, &users) })
    }

    async fn mixed(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        self.requests(size, true).await
    }

    async fn mixed_late(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        self.requests(size, false).await
    }

    /// As one writes a request. Without `begin` the transaction is what the commit opens, and the read is before it.
    async fn requests(&self, size: Size, begin: bool) -> Result<Lap, Fault> {
        let mut users = Vec::with_capacity(2 * size.requests);
        let new: Vec<User> = (0..size.requests).map(user).map(User::from).collect();
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let mut session = self.engine.session();
            if begin {
                session.begin().await?;
            }
            let user = session.get_one::<User>(size.key(request)).await?;
            let age = session[user].age;
            session[user].age = age.map(older);
            let new = session.add(new);
            session.commit().await?;
            users.extend([session.detach(user), session.detach(new)]);
        }
        Ok(Lap::users(start.elapsed(), users))
    }
}

/// The authors of posts are those in whose collections they are.
fn families_of(session: &Session, users: &[Handle<User>]) -> Rows {
    let mut found = Rows::default();
    for user in users.iter().map(|&user| &session[user]) {
        found.users.push(user.clone().into());
        found.posts.extend(user.posts.iter().map(|&post| PostRow {
            id: session[post].id,
            author_id: user.id,
            title: session[post].title.clone(),
        }));
    }
    found
}

impl From<NewUser> for User {
    fn from(NewUser { name, email, age }: NewUser) -> Self {
        Self { name, email, age, ..Self::default() }
    }
}

impl From<Family> for User {
    fn from(Family { user, titles }: Family) -> Self {
        let posts: Vec<Post> = titles.into_iter().map(|title| Post { title, ..Post::default() }).collect();
        Self { posts: posts.into(), ..user.into() }
    }
}

impl From<User> for UserRow {
    fn from(User { id, name, email, age, .. }: User) -> Self {
        Self { id, name, email, age }
    }
}
