//! SeaORM: its own bulk calls, its loader, its entity loader.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, IntoActiveModel as _};
use sea_orm::{TransactionTrait as _, TryIntoModel as _};

use crate::lap::{Fault, Lap};
use crate::line::{Line, Lines, Peer};
use crate::rows::{NewUser, PostRow, Rows, UserRow, families_apart, user, users};
use crate::work::{CHILDREN, Size, Work, older};

mod user_entity {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub email: String,
        pub age: Option<i32>,
        #[sea_orm(has_many)]
        pub posts: HasMany<super::post_entity::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post_entity {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "posts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
        pub title: String,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        pub author: HasOne<super::user_entity::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use post_entity::Entity as Posts;
use user_entity::Entity as Users;

struct WithSeaOrm {
    database: DatabaseConnection,
}

/// Rows of one INSERT: not more than 65,535 parameters, and it is fastest with many.
const CHUNK: usize = 10_000;

pub(crate) async fn lines(url: &str) -> Result<Vec<Line>, Fault> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(crate::CONNECTIONS as u32).test_before_acquire(false).sqlx_logging(false);
    let database = Database::connect(options).await?;
    Ok(Lines::of(WithSeaOrm { database })
        .add(Peer::SeaOrm, Work::ReadByKey, "sea-orm", WithSeaOrm::read_by_key)
        .add(Peer::SeaOrm, Work::ReadByKey, "sea-orm, in one transaction", WithSeaOrm::read_by_key_held)
        .add(Peer::SeaOrm, Work::ReadRows, "sea-orm", WithSeaOrm::read_rows)
        .add(Peer::SeaOrm, Work::InsertRows, "sea-orm, insert_many, returning keys", WithSeaOrm::insert_rows)
        .add(Peer::SeaOrm, Work::InsertBlind, "sea-orm, insert_many, not returning", WithSeaOrm::insert_blind)
        .add(Peer::SeaOrm, Work::ReadFamilies, "sea-orm, load_many", WithSeaOrm::read_families)
        .add(Peer::SeaOrm, Work::ReadFamilies, "sea-orm, find_with_related", WithSeaOrm::read_families_joined)
        .add(Peer::SeaOrm, Work::InsertFamilies, "sea-orm, insert_many twice", WithSeaOrm::insert_families)
        .add(Peer::SeaOrm, Work::Mixed, "sea-orm", WithSeaOrm::mixed)
        .done())
}

impl WithSeaOrm {
    async fn read_by_key(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        read_by_key(&self.database, size).await
    }

    async fn read_by_key_held(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let transaction = self.database.begin().await?;
        let lap = read_by_key(&transaction, size).await?;
        transaction.commit().await?;
        Ok(lap)
    }

    async fn read_rows(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let users = Users::find().all(&self.database).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_rows(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let users = models(users(size.rows));
        let start = Instant::now();
        let users = insert_users(&self.database, users).await?;
        Ok(Lap::users(start.elapsed(), users))
    }

    async fn insert_blind(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let users = models(users(size.rows));
        let start = Instant::now();
        for chunk in chunks(users) {
            Users::insert_many(chunk).exec_without_returning(&self.database).await?;
        }
        Ok(Lap::blind(start.elapsed()))
    }

    async fn read_families(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let users = Users::find().all(&self.database).await?;
        let posts = users.load_many(Posts::find(), &self.database).await?;
        let time = start.elapsed();
        let found = Rows {
            users: users.into_iter().map(UserRow::from).collect(),
            posts: black_box(posts).into_iter().flatten().map(PostRow::from).collect(),
        };
        Ok(Lap { time, found })
    }

    async fn read_families_joined(self: Arc<Self>, _: Size) -> Result<Lap, Fault> {
        let start = Instant::now();
        let families = Users::find().find_with_related(Posts).all(&self.database).await?;
        let time = start.elapsed();
        let mut found = Rows::default();
        for (user, posts) in black_box(families) {
            found.users.push(user.into());
            found.posts.extend(posts.into_iter().map(PostRow::from));
        }
        Ok(Lap { time, found })
    }

    async fn insert_families(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let (users, titles) = families_apart(size.parents);
        let users = models(users);
        let start = Instant::now();
        let transaction = self.database.begin().await?;
        let users = insert_users(&transaction, users).await?;
        let authors = users.iter().flat_map(|user| [user.id; CHILDREN]);
        let posts = authors.zip(titles).map(|(author_id, title)| post_entity::ActiveModel {
            id: NotSet,
            author_id: Set(author_id),
            title: Set(title),
        });
        let mut posts: Vec<_> = posts.collect();
        let insert = Posts::insert_many(posts.clone()).exec_with_returning_keys(&transaction);
        let keys = insert.await?;
        transaction.commit().await?;
        posts.iter_mut().zip(keys).for_each(|(post, key)| post.id = Set(key));
        let posts: Result<Vec<_>, _> = posts.into_iter().map(|post| post.try_into_model()).collect();
        let posts = posts?;
        let time = start.elapsed();
        let found = Rows {
            users: users.into_iter().map(UserRow::from).collect(),
            posts: posts.into_iter().map(PostRow::from).collect(),
        };
        Ok(Lap { time, found })
    }

    async fn mixed(self: Arc<Self>, size: Size) -> Result<Lap, Fault> {
        let mut users = Vec::with_capacity(2 * size.requests);
        let new = models((0..size.requests).map(user).collect());
        let start = Instant::now();
        for (request, new) in new.into_iter().enumerate() {
            let transaction = self.database.begin().await?;
            let found = Users::find_by_id(size.key(request)).one(&transaction).await?;
            let found = found.ok_or("a user is missing")?;
            let age = found.age.map(older);
            let mut found = found.into_active_model();
            found.age = Set(age);
            let user = found.update(&transaction).await?;
            let new = new.insert(&transaction).await?;
            transaction.commit().await?;
            users.extend([user, new]);
        }
        Ok(Lap::users(start.elapsed(), users))
    }
}

async fn read_by_key(connection: &impl ConnectionTrait, size: Size) -> Result<Lap, Fault> {
    let mut users = Vec::with_capacity(size.reads);
    let start = Instant::now();
    for key in size.keys_to_read() {
        let user = Users::find_by_id(key).one(connection).await?;
        users.push(user.ok_or("a user is missing")?);
    }
    Ok(Lap::users(start.elapsed(), users))
}

async fn insert_users(
    connection: &impl ConnectionTrait,
    users: Vec<user_entity::ActiveModel>,
) -> Result<Vec<user_entity::Model>, Fault> {
    let mut all = Vec::with_capacity(users.len());
    for chunk in chunks(users) {
        let keys = Users::insert_many(chunk.clone()).exec_with_returning_keys(connection).await?;
        for (mut user, key) in chunk.into_iter().zip(keys) {
            user.id = Set(key);
            all.push(user.try_into_model()?);
        }
    }
    Ok(all)
}

fn models(users: Vec<NewUser>) -> Vec<user_entity::ActiveModel> {
    let model = |NewUser { name, email, age }: NewUser| user_entity::ActiveModel {
        id: NotSet,
        name: Set(name),
        email: Set(email),
        age: Set(age),
    };
    users.into_iter().map(model).collect()
}

fn chunks<T>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = all.by_ref().take(CHUNK).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

impl From<user_entity::Model> for UserRow {
    fn from(user_entity::Model { id, name, email, age }: user_entity::Model) -> Self {
        Self { id, name, email, age }
    }
}

impl From<post_entity::Model> for PostRow {
    fn from(post_entity::Model { id, author_id, title }: post_entity::Model) -> Self {
        Self { id, author_id, title }
    }
}
