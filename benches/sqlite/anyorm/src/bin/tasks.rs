//! The ten tasks with anyorm. What changes something takes a session, what only reads takes the engine.

use anyorm::prelude::*;
use sqlite_bench_common::{Fault, ten};

// begin: models
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "users")]
struct User {
    #[key(auto)]
    id: i64,
    name: String,
    #[column(unique)]
    email: String,
    #[has_many(Post::AUTHOR)]
    posts: HasMany<Post>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "posts")]
struct Post {
    #[key(auto)]
    id: i64,
    title: String,
    views: i64,
    #[belongs_to]
    author: BelongsTo<User>,
    #[many_to_many(through = "post_tags")]
    tags: ManyToMany<Tag>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "tags")]
struct Tag {
    #[key(auto)]
    id: i64,
    #[column(unique)]
    name: String,
}

async fn create_tables(engine: &Engine) -> anyorm::Result<()> {
    engine.create_all(&schema![User, Post, Tag]).await
}
// end: models

// begin: insert_graph
async fn insert_graph(session: &mut Session) -> anyorm::Result<Handle<User>> {
    let post = |title: &str, views| Post { title: title.into(), views, ..Default::default() };
    let ada = session.add(User {
        name: "Ada".into(),
        email: "ada@example.org".into(),
        posts: vec![post("Notes on engines", 12), post("Letters", 3), post("Looms and engines", 40)].into(),
        ..Default::default()
    });
    session.commit().await?;
    Ok(ada)
}
// end: insert_graph

// begin: read_by_key
async fn read_by_key(engine: &Engine, id: i64) -> anyorm::Result<Option<User>> {
    engine.first(User::select().filter(User::ID.eq(id))).await
}
// end: read_by_key

// begin: filter
async fn filter(engine: &Engine, word: &str) -> anyorm::Result<Vec<Post>> {
    let posts = Post::select()
        .filter(Post::VIEWS.ge(10) & Post::TITLE.contains(word))
        .order_by((Post::VIEWS.desc(), Post::TITLE))
        .limit(5);
    engine.all(posts).await
}
// end: filter

// begin: with_children
async fn with_children(session: &mut Session) -> anyorm::Result<Vec<Handle<User>>> {
    session.all(User::select().order_by(User::NAME).with(User::POSTS)).await
}
// end: with_children

// begin: change
async fn change(session: &mut Session, id: i64) -> anyorm::Result<Handle<Post>> {
    let post = session.get_one::<Post>(id).await?;
    session[post].views += 1;
    session[post].title.push_str(", revised");
    session.commit().await?;
    Ok(post)
}
// end: change

// begin: many_to_many
async fn many_to_many(session: &mut Session, post: i64) -> anyorm::Result<Vec<Handle<Post>>> {
    let post = session.get_one::<Post>(post).await?;
    let engines = session.one(Tag::select().filter(Tag::NAME.eq("engines"))).await?;
    session[post].tags.push(engines);
    session[post].tags.push(Tag { name: "history".into(), ..Default::default() });
    session.commit().await?;
    session.all(Post::select().filter(Post::TAGS.any(Tag::NAME.eq("engines"))).order_by(Post::TITLE)).await
}
// end: many_to_many

// begin: rollback
async fn rollback(session: &mut Session) -> anyorm::Result<()> {
    let eve = User { name: "Eve".into(), email: "eve@example.org".into(), ..Default::default() };
    session.add(Post { title: "Lost".into(), author: eve.into(), ..Default::default() });
    session.add(User { name: "Twin".into(), email: "ada@example.org".into(), ..Default::default() });
    session.commit().await
}

fn is_unique(error: &anyorm::Error) -> bool {
    error.is_unique_violation()
}
// end: rollback

// begin: aggregate
#[derive(Debug, FromRow)]
struct Author {
    #[row(User::NAME)]
    name: String,
    #[row(count(Post::ID))]
    posts: i64,
    #[row(sum(Post::VIEWS))]
    views: Option<i64>,
}

async fn aggregate(engine: &Engine) -> anyorm::Result<Vec<Author>> {
    let authors = User::select()
        .join(User::POSTS)
        .group_by(User::ID)
        .having(count(Post::ID).ge(2))
        .order_by(sum(Post::VIEWS).desc())
        .project::<Author>();
    engine.all(authors).await
}
// end: aggregate

// begin: upsert
async fn upsert(engine: &Engine, name: &str, email: &str) -> anyorm::Result<u64> {
    let user = User { name: name.into(), email: email.into(), ..Default::default() };
    engine.execute(User::insert().value(user).on_conflict(User::EMAIL).do_update(User::NAME)).await
}
// end: upsert

async fn tasks() -> Result<(), Fault> {
    let engine = Engine::open(&format!("sqlite://{}", ten::file()?.display())).await?;
    create_tables(&engine).await?;
    ten::tell("models", [format!("{} tables", number(&engine, ten::TABLES).await?)]);

    let session = &mut engine.session();
    let ada = insert_graph(session).await?;
    let ada = &session[ada];
    let posts = ada.posts.iter().map(|&post| format!("post {}", session[post].id));
    ten::tell("insert_graph", [format!("user {}", ada.id)].into_iter().chain(posts));

    for statement in ten::seed() {
        engine.execute(sql(statement)).await?;
    }

    let name =
        |user: Option<User>| user.map_or("none".into(), |user| format!("{} <{}>", user.name, user.email));
    let found = [name(read_by_key(&engine, 1).await?), name(read_by_key(&engine, 99).await?)];
    ten::tell("read_by_key", found);

    let posts = filter(&engine, "engines").await?;
    ten::tell("filter", posts.iter().map(|post| format!("{} ({})", post.title, post.views)));

    let session = &mut engine.session();
    let users = with_children(session).await?;
    let users = users.iter().map(|&user| &session[user]);
    ten::tell("with_children", users.map(|user| format!("{} {}", user.name, user.posts.len())));

    let session = &mut engine.session();
    let post = change(session, 2).await?;
    let post = &session[post];
    ten::tell("change", [format!("{} ({})", post.title, post.views)]);

    let session = &mut engine.session();
    let posts = many_to_many(session, 1).await?;
    ten::tell("many_to_many", posts.iter().map(|&post| &session[post].title));

    let error = rollback(&mut engine.session()).await.expect_err("the email is taken");
    let (users, posts) = (number(&engine, ten::USERS).await?, number(&engine, ten::POSTS).await?);
    let told = format!("told to be unique by its type: {}", is_unique(&error));
    ten::tell("rollback", [told, format!("{users} users"), format!("{posts} posts")]);

    let authors = aggregate(&engine).await?;
    let line =
        |Author { name, posts, views }: &Author| format!("{name} {posts} {}", views.unwrap_or_default());
    ten::tell("aggregate", authors.iter().map(line));

    upsert(&engine, "Ada Lovelace", "ada@example.org").await?;
    upsert(&engine, "Rosa", "rosa@example.org").await?;
    ten::tell("upsert", [engine.scalar(sql(ten::NAMES).returning::<String>()).await?]);
    Ok(engine.close().await?)
}

async fn number(engine: &Engine, statement: &'static str) -> anyorm::Result<i64> {
    engine.scalar(sql(statement).returning::<i64>()).await
}

fn main() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(tasks())
}
