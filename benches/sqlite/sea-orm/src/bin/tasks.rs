//! The ten tasks with SeaORM: entities in its dense format, graphs by its builders, relations by its loader.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, ExprTrait as _, FromQueryResult,
    IntoActiveModel as _, QueryOrder as _, QuerySelect as _, Set, SqlErr, Statement, TransactionTrait as _,
};
use sqlite_bench_common::{Fault, ten};

mod user {
    use sea_orm::entity::prelude::*;

    // begin: models
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(unique)]
        pub email: String,
        #[sea_orm(has_many)]
        pub posts: HasMany<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    // end: models
}

mod post {
    use sea_orm::entity::prelude::*;

    // begin: models
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "posts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        pub views: i64,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        pub author: BelongsTo<super::user::Entity>,
        #[sea_orm(has_many, via = "post_tag")]
        pub tags: HasMany<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    // end: models
}

mod tag {
    use sea_orm::entity::prelude::*;

    // begin: models
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tags")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        #[sea_orm(has_many, via = "post_tag")]
        pub posts: HasMany<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    // end: models
}

mod post_tag {
    use sea_orm::entity::prelude::*;

    // begin: models
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "post_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub post_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag_id: i64,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
        #[sea_orm(belongs_to, from = "tag_id", to = "id")]
        pub tag: BelongsTo<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
    // end: models
}

// begin: models
async fn create_tables(db: &DatabaseConnection) -> Result<(), DbErr> {
    db.get_schema_registry(module_path!()).apply(db).await
}
// end: models

// begin: insert_graph
async fn insert_graph(db: &DatabaseConnection) -> Result<user::ModelEx, DbErr> {
    user::ActiveModel::builder()
        .set_name("Ada")
        .set_email("ada@example.org")
        .add_post(post::ActiveModel::builder().set_title("Notes on engines").set_views(12))
        .add_post(post::ActiveModel::builder().set_title("Letters").set_views(3))
        .add_post(post::ActiveModel::builder().set_title("Looms and engines").set_views(40))
        .insert(db)
        .await
}
// end: insert_graph

// begin: read_by_key
async fn read_by_key(db: &DatabaseConnection, id: i64) -> Result<Option<user::Model>, DbErr> {
    user::Entity::find_by_id(id).one(db).await
}
// end: read_by_key

// begin: filter
async fn filter(db: &DatabaseConnection, word: &str) -> Result<Vec<post::Model>, DbErr> {
    post::Entity::find()
        .filter(post::COLUMN.views.gte(10))
        .filter(post::COLUMN.title.contains(word))
        .order_by_desc(post::COLUMN.views)
        .order_by_asc(post::COLUMN.title)
        .limit(5)
        .all(db)
        .await
}
// end: filter

// begin: with_children
async fn with_children(db: &DatabaseConnection) -> Result<Vec<user::ModelEx>, DbErr> {
    user::Entity::load().order_by_asc(user::COLUMN.name).with(post::Entity).all(db).await
}
// end: with_children

// begin: change
async fn change(db: &DatabaseConnection, id: i64) -> Result<post::Model, DbErr> {
    let post = post::Entity::find_by_id(id).require_one(db).await?;
    let (views, title) = (post.views + 1, format!("{}, revised", post.title));
    let mut post = post.into_active_model();
    post.views = Set(views);
    post.title = Set(title);
    post.update(db).await
}
// end: change

// begin: many_to_many
async fn many_to_many(db: &DatabaseConnection, post: i64) -> Result<Vec<post::Model>, DbErr> {
    let post = post::Entity::find_by_id(post).require_one(db).await?;
    let engines = tag::Entity::find_by_name("engines").require_one(db).await?;
    post.into_ex()
        .into_active_model()
        .add_tag(engines.clone().into_active_model())
        .add_tag(tag::ActiveModel::builder().set_name("history"))
        .save(db)
        .await?;
    engines.find_related(post::Entity).order_by_asc(post::COLUMN.title).all(db).await
}
// end: many_to_many

// begin: rollback
async fn rollback(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = db.begin().await?;
    user::ActiveModel::builder()
        .set_name("Eve")
        .set_email("eve@example.org")
        .add_post(post::ActiveModel::builder().set_title("Lost").set_views(0))
        .save(&transaction)
        .await?;
    user::ActiveModel::builder().set_name("Twin").set_email("ada@example.org").save(&transaction).await?;
    transaction.commit().await
}

fn is_unique(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
// end: rollback

// begin: aggregate
#[derive(Debug, FromQueryResult)]
struct Author {
    name: String,
    posts: i64,
    views: i64,
}

async fn aggregate(db: &DatabaseConnection) -> Result<Vec<Author>, DbErr> {
    user::Entity::find()
        .inner_join(post::Entity)
        .select_only()
        .column(user::Column::Name)
        .column_as(post::COLUMN.id.count(), "posts")
        .column_as(post::COLUMN.views.sum(), "views")
        .group_by(user::COLUMN.id)
        .having(post::COLUMN.id.count().gte(2))
        .order_by_desc(post::COLUMN.views.sum())
        .into_model()
        .all(db)
        .await
}
// end: aggregate

// begin: upsert
async fn upsert(db: &DatabaseConnection, name: &str, email: &str) -> Result<u64, DbErr> {
    let user = user::ActiveModel { name: Set(name.into()), email: Set(email.into()), ..Default::default() };
    user::Entity::insert(user)
        .on_conflict(OnConflict::column(user::Column::Email).update_column(user::Column::Name).to_owned())
        .exec_without_returning(db)
        .await
}
// end: upsert

async fn tasks() -> Result<(), Fault> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", ten::file()?.display()));
    options.sqlx_logging(false);
    let db = &Database::connect(options).await?;
    create_tables(db).await?;
    ten::tell("models", [format!("{} tables", number(db, ten::TABLES).await?)]);

    let ada = insert_graph(db).await?;
    let posts = ada.posts.iter().map(|post| format!("post {}", post.id));
    ten::tell("insert_graph", [format!("user {}", ada.id)].into_iter().chain(posts));

    for statement in ten::seed() {
        db.execute_unprepared(statement).await?;
    }

    let name = |user: Option<user::Model>| {
        user.map_or("none".into(), |user| format!("{} <{}>", user.name, user.email))
    };
    ten::tell("read_by_key", [name(read_by_key(db, 1).await?), name(read_by_key(db, 99).await?)]);

    let posts = filter(db, "engines").await?;
    ten::tell("filter", posts.iter().map(|post| format!("{} ({})", post.title, post.views)));

    let users = with_children(db).await?;
    ten::tell("with_children", users.iter().map(|user| format!("{} {}", user.name, user.posts.len())));

    let post = change(db, 2).await?;
    ten::tell("change", [format!("{} ({})", post.title, post.views)]);

    let posts = many_to_many(db, 1).await?;
    ten::tell("many_to_many", posts.iter().map(|post| &post.title));

    let error = rollback(db).await.expect_err("the email is taken");
    let (users, posts) = (number(db, ten::USERS).await?, number(db, ten::POSTS).await?);
    let told = format!("told to be unique by its type: {}", is_unique(&error));
    ten::tell("rollback", [told, format!("{users} users"), format!("{posts} posts")]);

    let authors = aggregate(db).await?;
    let line = |Author { name, posts, views }: &Author| format!("{name} {posts} {views}");
    ten::tell("aggregate", authors.iter().map(line));

    upsert(db, "Ada Lovelace", "ada@example.org").await?;
    upsert(db, "Rosa", "rosa@example.org").await?;
    ten::tell("upsert", [value::<String>(db, ten::NAMES).await?]);
    Ok(())
}

async fn number(db: &DatabaseConnection, statement: &str) -> Result<i64, DbErr> {
    value(db, statement).await
}

async fn value<T: sea_orm::TryGetable>(db: &DatabaseConnection, statement: &str) -> Result<T, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), statement)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("no row".into()))?.try_get_by_index(0)
}

fn main() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(tasks())
}
