//! The JSON API.

use anyorm::prelude::*;
use anyorm::query::Whole;
use anyorm::stmt::Select;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::entities::{Comment, Post, Tag, User};
use crate::failure::{Answer, Failure};
use crate::request::{Fields, Id, RequestSession};
use crate::view::{PostView, UserView};

pub(crate) fn routes() -> Router<SessionFactory> {
    Router::new()
        .route("/posts", get(list_posts).post(add_post))
        .route("/posts/{id}", get(read_post).put(change_post).delete(delete_post))
        .route("/posts/{id}/comments", post(add_comment))
        .route("/users", post(add_user))
        .route("/users/{id}", get(read_user))
}

/// Which posts: `?page=2&per_page=5&tag=engines`.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    #[serde(default = "first")]
    pub(crate) page: u32,
    #[serde(default = "ten")]
    pub(crate) per_page: u32,
    pub(crate) tag: Option<String>,
}

fn first() -> u32 {
    1
}

fn ten() -> u32 {
    10
}

/// Posts of one page, and how many there are on all.
pub(crate) struct Found {
    pub(crate) posts: Vec<PostView>,
    pub(crate) total: u64,
}

impl Page {
    fn checked(self) -> Answer<Self> {
        match (self.page, self.per_page) {
            (0, _) => Err(Failure::field("Page", "page", "pages are counted from 1")),
            (_, 0 | 101..) => Err(Failure::field("Page", "per_page", "1 to 100 are taken")),
            _ => Ok(self),
        }
    }

    /// Reads the page: newest first, with all that is shown of a post. The count is one hop; the posts, their authors,
    /// tags and comments, and the authors of those, are another one.
    pub(crate) async fn read(&self, session: &mut Session) -> Answer<Found> {
        let total = session.count(self.of_tag(Post::select())).await?;
        let query = self
            .of_tag(Post::select())
            .order_by((Post::PUBLISHED.desc(), Post::ID.desc()))
            .limit(self.per_page.into())
            .offset(u64::from(self.page - 1) * u64::from(self.per_page))
            .with(Post::AUTHOR)
            .with(Post::TAGS)
            .with(Post::COMMENTS.then(Comment::AUTHOR));
        let posts = session.all(query).await?;
        Ok(Found { posts: posts.into_iter().map(|post| PostView::of(session, post)).collect(), total })
    }

    fn of_tag(&self, query: Select<Post, Whole<Post>>) -> Select<Post, Whole<Post>> {
        match &self.tag {
            Some(tag) => query.join(Post::TAGS).filter(Tag::NAME.eq(tag.as_str())),
            None => query,
        }
    }
}

/// The query of a URL as a [`Page`].
pub(crate) fn page_of(query: Result<Query<Page>, axum::extract::rejection::QueryRejection>) -> Answer<Page> {
    match query {
        Ok(Query(page)) => page.checked(),
        Err(error) => Err(Failure::unreadable(error.body_text())),
    }
}

type PageQuery = Result<Query<Page>, axum::extract::rejection::QueryRejection>;

async fn list_posts(RequestSession(mut session): RequestSession, query: PageQuery) -> Answer<Json<Value>> {
    let page = page_of(query)?;
    let Found { posts, total } = page.read(&mut session).await?;
    Ok(Json(json!({ "page": page.page, "per_page": page.per_page, "total": total, "posts": posts })))
}

async fn read_post(RequestSession(mut session): RequestSession, Id(id): Id) -> Answer<Json<PostView>> {
    let post = load_post(&mut session, id).await?;
    Ok(Json(PostView::of(&session, post)))
}

/// A post with all that is shown of it.
async fn load_post(session: &mut Session, id: i64) -> Answer<Handle<Post>> {
    let post = session.get_one::<Post>(id).await?;
    session.load(&[post], Post::AUTHOR).await?;
    session.load(&[post], Post::TAGS).await?;
    session.load(&[post], Post::COMMENTS.then(Comment::AUTHOR)).await?;
    Ok(post)
}

async fn add_post(
    RequestSession(mut session): RequestSession,
    mut fields: Fields,
) -> Answer<impl IntoResponse> {
    let (title, text) = (fields.text("Post", "title", 200)?, fields.text("Post", "text", 20_000)?);
    let (author, names) = (fields.number("Post", "author")?, fields.names("Post", "tags")?);
    fields.end("Post")?;

    let author = user_of(&mut session, "Post", author).await?;
    let tags = tags_of(&mut session, &names).await?;
    let post = session.add(Post { title, text, author: author.into(), ..Post::default() });
    tags.into_iter().for_each(|tag| session[post].tags.push(tag));
    session.commit().await?; // new tags, the post and its pairs: one hop
    let location = format!("/api/posts/{}", session[post].id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(PostView::of(&session, post))))
}

/// Changes a post that the client has read as `version`. Somebody who has seen another version is told so, and so is who
/// comes second of two at the same moment.
async fn change_post(
    RequestSession(mut session): RequestSession,
    Id(id): Id,
    mut fields: Fields,
) -> Answer<Json<PostView>> {
    let (title, text) = (fields.text("Post", "title", 200)?, fields.text("Post", "text", 20_000)?);
    let (version, names) = (fields.number("Post", "version")?, fields.names("Post", "tags")?);
    fields.end("Post")?;

    let post = load_post(&mut session, id).await?;
    if session[post].version != version {
        return Err(Failure::changed_meanwhile("Post", &id.to_string()));
    }
    // Only what differs is written.
    (session[post].title, session[post].text) = (title, text);
    let tags = tags_of(&mut session, &names).await?;
    for gone in session[post].tags.iter().copied().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>() {
        session[post].tags.remove(gone);
    }
    for tag in tags {
        if !session[post].tags.contains(tag) {
            session[post].tags.push(tag);
        }
    }
    session.commit().await?; // UPDATE posts SET .. WHERE id = ? AND version = ?
    Ok(Json(PostView::of(&session, post)))
}

/// Deletes a post; the database deletes its comments along.
async fn delete_post(RequestSession(mut session): RequestSession, Id(id): Id) -> Answer<StatusCode> {
    let post = session.get_one::<Post>(id).await?;
    session.delete(post);
    session.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_comment(
    RequestSession(mut session): RequestSession,
    Id(id): Id,
    mut fields: Fields,
) -> Answer<(StatusCode, Json<PostView>)> {
    let (text, author) = (fields.text("Comment", "text", 2_000)?, fields.number("Comment", "author")?);
    fields.end("Comment")?;

    let post = load_post(&mut session, id).await?;
    let author = user_of(&mut session, "Comment", author).await?;
    session[post].comments.push(Comment { text, author: author.into(), ..Comment::default() });
    session.commit().await?;
    Ok((StatusCode::CREATED, Json(PostView::of(&session, post))))
}

async fn add_user(
    RequestSession(mut session): RequestSession,
    mut fields: Fields,
) -> Answer<impl IntoResponse> {
    let (name, email) = (fields.text("User", "name", 100)?, fields.text("User", "email", 200)?);
    fields.end("User")?;
    if !email.contains('@') {
        return Err(Failure::field("User", "email", "this is no address"));
    }
    let user = session.add(User { name, email, ..User::default() });
    session.commit().await?; // an address that is taken: 409
    let location = format!("/api/users/{}", session[user].id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(UserView::of(&session[user]))))
}

async fn read_user(RequestSession(mut session): RequestSession, Id(id): Id) -> Answer<Json<UserView>> {
    let user = session.get_one::<User>(id).await?;
    Ok(Json(UserView::of(&session[user])))
}

/// Whether the database answers, and what its connections are doing.
pub(crate) async fn health(State(sessions): State<SessionFactory>) -> Answer<Json<Value>> {
    let engine = sessions.engine();
    engine.scalar(sql("SELECT 1").returning::<i64>()).await?;
    let numbers = engine.statistics();
    Ok(Json(json!({
        "status": "ok",
        "in_use": numbers.in_use(),
        "readers": {
            "size": numbers.readers_size,
            "idle": numbers.readers_idle,
            "in_use": numbers.readers_in_use,
            "waiting": numbers.readers_waiting,
        },
        "writer": {
            "idle": numbers.writer_idle,
            "in_use": numbers.writer_in_use,
            "waiting": numbers.writer_waiting,
        },
        "hops": numbers.hops,
    })))
}

/// The user that a body names.
async fn user_of(session: &mut Session, entity: &str, id: i64) -> Answer<Handle<User>> {
    let user = session.get::<User>(id).await?;
    user.ok_or_else(|| Failure::field(entity, "author", format!("there is no user {id}")))
}

/// The tags of these names, made where there are none yet. Two requests that make the same one at the same moment: the
/// second is refused by the unique name, with 409, and sent again it finds the tag.
async fn tags_of(session: &mut Session, names: &[String]) -> Answer<Vec<Handle<Tag>>> {
    let known = Tag::NAME.is_in(names.iter().map(String::as_str));
    let known = session.all(Tag::select().filter(known)).await?;
    let mut tags = Vec::with_capacity(names.len());
    for name in names {
        let found = known.iter().copied().find(|&tag| session[tag].name == *name);
        tags.push(found.unwrap_or_else(|| session.add(Tag { name: name.clone(), ..Tag::default() })));
    }
    Ok(tags)
}
