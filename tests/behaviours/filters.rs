//! Default filters of a factory: where they stand, where not, and the ways round.

use anyorm::prelude::*;
use anyorm::{Hooks, Result, SessionHooks, schema};
use anyorm_tests::{Account, Post, Tag, User, blog};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, tags};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_filter_stands_in_what_is_selected,
    a_filter_stands_in_each_verb,
    a_filter_of_one_entity_leaves_others_alone,
    a_filter_stands_in_the_on_of_a_join,
    a_left_join_keeps_rows_whose_partner_is_filtered_out,
    a_left_join_of_pairs_has_no_row_for_a_pair_that_is_filtered_out,
    a_filter_stands_in_subqueries_and_any,
    a_filter_narrows_what_is_loaded,
    a_filter_and_a_condition_on_what_is_loaded,
    a_to_one_that_is_filtered_out_keeps_its_key,
    a_joined_to_one_is_filtered_in_the_same_statement,
    joined_targets_of_a_filter_with_a_subquery_have_a_statement,
    load_of_handles_is_filtered,
    get_asks_for_rows_that_meet_the_filter,
    get_of_what_the_session_has_is_not_filtered,
    refresh_and_merge_name_their_row,
    updates_and_deletes_by_criteria_are_filtered,
    an_update_that_hides_rows_is_followed,
    a_query_is_unfiltered_with_all_that_it_loads,
    a_subquery_is_unfiltered_by_itself,
    an_unfiltered_factory_keeps_its_other_options,
    several_filters_of_one_entity,
    a_filter_with_a_subquery_reads_its_tables,
    a_filter_on_columns_of_two_entities_is_refused,
    a_filter_without_a_column_is_refused,
    every_session_of_the_factory_is_filtered,
    a_filtered_collection_is_flushed_as_a_partial_one,
    orphans_that_are_filtered_out_go_with_their_parent,
    soft_deletes,
];

/// Ada (1) with the posts a (1) and hidden (2); gone (2) with x (3). The tags red (1) and hidden (2), both on a.
async fn shelf(db: &Database) -> Result<SessionFactory> {
    db.engine.create_all(&blog()).await?;
    elsewhere(
        db,
        "INSERT INTO users (id, email, name, age) VALUES (1, 'ada', 'Ada', 36), (2, 'bob', 'gone', 40)",
    )
    .await?;
    let rows = "(1, 'a', 1, 1), (2, 'hidden', 1, 1), (3, 'x', 2, 1)";
    elsewhere(db, &format!("INSERT INTO posts (id, title, author_id, version) VALUES {rows}")).await?;
    elsewhere(db, "INSERT INTO tags (id, name) VALUES (1, 'red'), (2, 'hidden')").await?;
    elsewhere(db, "INSERT INTO post_tags (post_id, tag_id) VALUES (1, 1), (1, 2)").await?;
    db.engine.advance_keys(&blog()).await?;
    db.log.clear();
    Ok(SessionFactory::new(db.engine.clone())
        .filter(Post::TITLE.ne("hidden"))
        .filter(Tag::NAME.ne("hidden"))
        .filter(User::NAME.ne("gone")))
}

fn titles(session: &Session, posts: &[Handle<Post>]) -> Vec<String> {
    posts.iter().map(|&post| session[post].title.clone()).collect()
}

async fn a_filter_stands_in_what_is_selected(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let posts = session.all(Post::select().filter(Post::ID.lt(3)).order_by(Post::ID)).await?;
    assert_eq!(titles(&session, &posts), ["a"]);
    let sql = &db.log.statements()[0];
    assert!(sql.contains("WHERE posts.id < ? AND posts.title <> ? ORDER BY"), "{sql}");
    // A condition that is written as an OR stays one.
    let either = Post::select().filter(Post::ID.eq(2) | Post::ID.eq(3)).columns(Post::ID);
    assert_eq!(session.all(either).await?, [3]);
    Ok(())
}

async fn a_filter_stands_in_each_verb(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let hidden = Post::select().filter(Post::TITLE.eq("hidden"));
    assert_eq!(session.count(Post::select()).await?, 2);
    assert_eq!(session.count(Post::select().order_by(Post::ID).limit(5)).await?, 2);
    assert!(!session.exists(hidden.clone()).await?);
    assert_eq!(session.first(hidden.clone()).await?, None);
    assert!(session.one(hidden.clone()).await.is_err());
    assert_eq!(session.scalar(Post::select().columns(count(Post::ID))).await?, 2);
    let titles = Post::select().columns(Post::TITLE).distinct().order_by(Post::TITLE);
    assert_eq!(session.all(titles).await?, ["a", "x"]);
    let each = Post::select().group_by(Post::AUTHOR_ID).order_by(Post::AUTHOR_ID);
    assert_eq!(session.all(each.columns((Post::AUTHOR_ID, count(Post::ID)))).await?, [(1, 1), (2, 1)]);
    assert_eq!(db.engine.count(hidden).await?, 1); // an engine has no filters
    Ok(())
}

async fn a_filter_of_one_entity_leaves_others_alone(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    session.count(Account::select()).await?;
    assert_eq!(sent(&db), ["SELECT count(*) FROM accounts x1"]);
    Ok(())
}

async fn a_filter_stands_in_the_on_of_a_join(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let pairs = Post::select().join(Post::AUTHOR).columns((Post::TITLE, User::NAME));
    assert_eq!(session.all(pairs).await?, [("a".to_owned(), "Ada".to_owned())]);
    let sql = &db.log.statements()[0];
    let join = "JOIN users ON users.id = posts.author_id AND users.name <> ? WHERE posts.title <> ?";
    assert!(sql.ends_with(join), "{sql}");
    let tags = User::select().join(User::POSTS.then(Post::TAGS)).columns(Tag::NAME);
    assert_eq!(session.all(tags).await?, ["red"]);
    Ok(())
}

async fn a_left_join_keeps_rows_whose_partner_is_filtered_out(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let rows = Post::select().left_join(Post::AUTHOR).order_by(Post::ID);
    let rows = session.all(rows.columns((Post::TITLE, User::NAME.optional()))).await?;
    assert_eq!(rows, [("a".to_owned(), Some("Ada".to_owned())), ("x".to_owned(), None)]);
    Ok(())
}

async fn a_left_join_of_pairs_has_no_row_for_a_pair_that_is_filtered_out(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let rows = Post::select().left_join(Post::TAGS).order_by((Post::ID, Tag::ID));
    let rows = session.all(rows.columns((Post::ID, Tag::NAME.optional()))).await?;
    assert_eq!(rows, [(1, Some("red".to_owned())), (3, None)]);
    Ok(())
}

async fn a_filter_stands_in_subqueries_and_any(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    elsewhere(&db, "DELETE FROM posts WHERE id = 1").await?; // only a hidden one is left
    assert_eq!(session.count(User::select().filter(User::POSTS.any(Post::ID.gt(0)))).await?, 0);
    let authors = Post::select().columns(Post::AUTHOR_ID);
    assert_eq!(session.count(User::select().filter(User::ID.is_in_query(authors))).await?, 0);
    let mut unfiltered = db.engine.session();
    assert_eq!(unfiltered.count(User::select().filter(User::POSTS.any(Post::ID.gt(0)))).await?, 2);
    Ok(())
}

async fn a_filter_narrows_what_is_loaded(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let ada = session.one(User::select().with(User::POSTS.then(Post::TAGS))).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3), "{:?}", db.log.statements());
    let posts = session[ada].posts.loaded().expect("loaded").to_vec();
    assert_eq!(titles(&session, &posts), ["a"]);
    assert!(session[ada].posts.is_partial());
    let tags: Vec<&str> = session[posts[0]].tags.iter().map(|&tag| session[tag].name.as_str()).collect();
    assert_eq!(tags, ["red"]);
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_filter_and_a_condition_on_what_is_loaded(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let ada = session
        .one(User::select().with(User::POSTS.filter(Post::ID.gt(1)).order_by(Post::ID).limit(1)))
        .await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
    // Paths that begin alike still share their beginning.
    let twice = User::select().with(User::POSTS).with(User::POSTS.then(Post::TAGS)).populate_existing();
    let ada = session.one(twice).await?;
    assert_eq!(session[ada].posts.len(), 1);
    Ok(())
}

async fn a_to_one_that_is_filtered_out_keeps_its_key(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let posts = session.all(Post::select().order_by(Post::ID).with(Post::AUTHOR)).await?;
    assert!(session[posts[0]].author.handle().is_some());
    assert_eq!((session[posts[1]].author.handle(), session[posts[1]].author.key()), (None, Some(&2)));
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_joined_to_one_is_filtered_in_the_same_statement(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let posts = session.all(Post::select().order_by(Post::ID).with(Post::AUTHOR.joined())).await?;
    let statements = db.log.statements();
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(
        statements[0].contains("joined_1.id = posts.author_id AND joined_1.name <> ? WHERE"),
        "{statements:?}"
    );
    assert!(session[posts[0]].author.handle().is_some());
    assert_eq!((session[posts[1]].author.handle(), session[posts[1]].author.key()), (None, Some(&2)));
    // The query's own join and the joined target are two tables.
    let own = Post::select().join(Post::AUTHOR).filter(User::NAME.eq("Ada")).with(Post::AUTHOR.joined());
    assert_eq!(session.all(own).await?, [posts[0]]);
    Ok(())
}

async fn joined_targets_of_a_filter_with_a_subquery_have_a_statement(db: Database) -> Result<()> {
    shelf(&db).await?;
    let writers = User::POSTS.any(Post::TITLE.eq("a"));
    let mut session = SessionFactory::new(db.engine.clone()).filter(writers).session();
    let posts = session.all(Post::select().order_by(Post::ID).with(Post::AUTHOR.joined())).await?;
    assert_eq!(db.log.statements().len(), 2);
    assert_eq!(db.log.hops(), 1);
    let found: Vec<bool> = posts.iter().map(|&post| session[post].author.handle().is_some()).collect();
    assert_eq!(found, [true, true, false]);
    Ok(())
}

async fn load_of_handles_is_filtered(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let ada = session.get_one::<User>(1).await?;
    session.load(&[ada], User::POSTS.then(Post::TAGS)).await?;
    let posts = session[ada].posts.loaded().expect("loaded").to_vec();
    assert_eq!(titles(&session, &posts), ["a"]);
    assert_eq!(session[posts[0]].tags.len(), 1);
    let x = session.get_one::<Post>(3).await?;
    session.load(&[x], Post::AUTHOR).await?;
    assert_eq!(session[x].author.handle(), None);
    Ok(())
}

async fn get_asks_for_rows_that_meet_the_filter(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    assert_eq!(session.get::<Post>(2).await?, None);
    let sql = &db.log.statements()[0];
    assert!(sql.ends_with("WHERE id = ? AND posts.title <> ?"), "{sql}");
    let missing = session.get_one::<Post>(2).await.unwrap_err();
    assert!(missing.to_string().contains("Post"), "{missing}");
    assert_eq!(session.get_for_update::<Post>(2).await?, None);
    assert!(session.get_for_update::<Post>(1).await?.is_some());
    assert!(session.get::<Post>(3).await?.is_some());
    Ok(())
}

async fn get_of_what_the_session_has_is_not_filtered(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let hidden = session.one(Post::select().filter(Post::ID.eq(2)).unfiltered()).await?;
    assert_eq!(session.get::<Post>(2).await?, Some(hidden));
    let a = session.get_one::<Post>(1).await?;
    session[a].title = "hidden".into();
    session.flush().await?;
    assert_eq!(session.get::<Post>(1).await?, Some(a));
    assert_eq!(session.count(Post::select()).await?, 1);
    Ok(())
}

async fn refresh_and_merge_name_their_row(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let hidden = session.one(Post::select().filter(Post::ID.eq(2)).unfiltered()).await?;
    session.refresh(hidden).await?;
    assert_eq!(session[hidden].title, "hidden");
    let tag = session.merge(Tag { id: 2, name: "blue".into(), ..Default::default() }).await?; // not inserted again
    session.commit().await?;
    assert_eq!(session[tag].name, "blue");
    assert_eq!(tags(&db).await?, ["red", "blue"]);
    Ok(())
}

async fn updates_and_deletes_by_criteria_are_filtered(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?;
    let mut session = sessions.session();
    let rename = Post::update().set(Post::TITLE, "new").everything();
    assert_eq!(session.execute(rename).await?, 2);
    let none = Tag::delete().filter(Tag::ID.eq(2));
    assert_eq!(session.execute(none.clone()).await?, 0);
    assert_eq!(session.execute(none.unfiltered()).await?, 1);
    let hidden = Post::update().set(Post::TITLE, "seen").filter(Post::ID.eq(2));
    assert_eq!(session.all(hidden.clone().returning(Post::ID)).await?, [0_i64; 0]);
    assert_eq!(session.execute(hidden.unfiltered()).await?, 1);
    session.commit().await?;
    assert_eq!(
        db.engine.all(Post::select().order_by(Post::ID).columns(Post::TITLE)).await?,
        ["new", "seen", "new"]
    );
    Ok(())
}

/// The rows that it changed do not meet the filter any more.
async fn an_update_that_hides_rows_is_followed(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let a = session.get_one::<Post>(1).await?;
    let hide = Post::update().set(Post::TITLE, "hidden").filter(Post::ID.eq(1));
    assert_eq!(session.execute(hide).await?, 1);
    assert_eq!(session[a].title, "hidden");
    assert_eq!(session.count(Post::select()).await?, 1);
    session.rollback().await?;
    assert_eq!(session.count(Post::select()).await?, 2);
    Ok(())
}

async fn a_query_is_unfiltered_with_all_that_it_loads(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let all = User::select().unfiltered().order_by(User::ID).with(User::POSTS.then(Post::TAGS));
    let users = session.all(all).await?;
    assert_eq!(users.len(), 2);
    assert_eq!(session[users[0]].posts.len(), 2);
    assert!(!session[users[0]].posts.is_partial());
    let joined = Post::select().join(Post::AUTHOR).unfiltered();
    assert_eq!(session.count(joined).await?, 3);
    assert!(session.exists(Post::select().filter(Post::TITLE.eq("hidden")).unfiltered()).await?);
    assert_eq!(session.count(Post::select()).await?, 2); // the same text but for the filter
    Ok(())
}

async fn a_subquery_is_unfiltered_by_itself(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    elsewhere(&db, "DELETE FROM posts WHERE id = 1").await?;
    let authors = Post::select().columns(Post::AUTHOR_ID).unfiltered();
    let users = User::select().filter(User::ID.is_in_query(authors)).columns(User::NAME);
    assert_eq!(session.all(users).await?, ["Ada"]); // the other one is gone
    Ok(())
}

async fn an_unfiltered_factory_keeps_its_other_options(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?.autoflush(false);
    let mut session = sessions.unfiltered().session();
    session.add(Tag { name: "new".into(), ..Default::default() });
    assert_eq!(session.count(Tag::select()).await?, 2);
    assert_eq!(sessions.session().count(Tag::select()).await?, 1);
    Ok(())
}

async fn several_filters_of_one_entity(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?.filter(Post::ID.gt(1));
    let mut session = sessions.session();
    assert_eq!(session.all(Post::select().columns(Post::ID)).await?, [3]);
    assert_eq!(session.get::<Post>(1).await?, None);
    Ok(())
}

/// Also for autoflush: what is pending in a table that only the filter reads is flushed before.
async fn a_filter_with_a_subquery_reads_its_tables(db: Database) -> Result<()> {
    shelf(&db).await?;
    let funded = User::ID.is_in_query(Account::select().filter(Account::BALANCE.gt(0)).columns(Account::ID));
    let mut session = SessionFactory::new(db.engine.clone()).filter(funded).session();
    assert_eq!(session.get::<User>(1).await?, None);
    session.add(Account { id: 1, balance: 5 });
    assert!(session.get::<User>(1).await?.is_some());
    session.add(Account { id: 2, balance: 5 });
    assert_eq!(session.count(User::select()).await?, 2);
    let posts = session.all(Post::select().filter(Post::AUTHOR.any(User::ID.gt(0)))).await?;
    assert_eq!(posts.len(), 3);
    Ok(())
}

async fn a_filter_on_columns_of_two_entities_is_refused(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?.filter(Post::TITLE.ne("x") & User::NAME.ne("x"));
    let mut session = sessions.session();
    let error = session.count(Account::select()).await.unwrap_err().to_string();
    assert!(error.contains("default filter") && error.contains("User.name"), "{error}");
    assert!(error.contains("Post::AUTHOR.any(..)"), "{error}");
    assert!(session.get::<Post>(1).await.is_err());
    assert!(sessions.unfiltered().session().get::<Post>(1).await?.is_some());
    assert_eq!(db.log.statements().len(), 1); // of the last one
    Ok(())
}

async fn a_filter_without_a_column_is_refused(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?;
    let no_column = Account::select().exists();
    let error = sessions.filter(no_column).session().count(Post::select()).await.unwrap_err().to_string();
    assert!(error.contains("names no column"), "{error}");
    Ok(())
}

async fn every_session_of_the_factory_is_filtered(db: Database) -> Result<()> {
    let sessions = shelf(&db).await?;
    assert_eq!(sessions.begin(|mut tx| async move { tx.count(Post::select()).await }).await?, 2);
    assert_eq!(sessions.on(&db.engine).session().count(Post::select()).await?, 2);
    assert_eq!(sessions.read_session().count(Post::select()).await?, 2);
    let mut session = sessions.session();
    session.begin().await?;
    assert_eq!(session.count(Post::select()).await?, 2);
    let raw = sql("SELECT count(*) FROM posts").returning::<i64>();
    assert_eq!(session.one(raw).await?, 3);
    Ok(())
}

async fn a_filtered_collection_is_flushed_as_a_partial_one(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?.session();
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    let blue = session.add(Tag { name: "blue".into(), ..Default::default() });
    session[a].tags.push(blue);
    session.commit().await?;
    let pairs = sql("SELECT tag_id FROM post_tags ORDER BY tag_id").returning::<i64>();
    assert_eq!(db.engine.all(pairs).await?, [1, 2, 3]); // the hidden one stays
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    session.delete(ada);
    session.commit().await?;
    assert_eq!(db.engine.all(Post::select().columns(Post::TITLE)).await?, ["x"]);
    Ok(())
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "folders")]
struct Folder {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Paper::FOLDER, delete_orphan)]
    papers: HasMany<Paper>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "papers")]
struct Paper {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to]
    folder: BelongsTo<Folder>,
    deleted_at: Option<i64>,
}

/// A folder (1) with the papers a (1), which is there, and b (2), which is deleted.
async fn folders(db: &Database) -> Result<SessionFactory> {
    db.engine.create_all(&schema![Folder, Paper]).await?;
    elsewhere(db, "INSERT INTO folders VALUES (1, 'mine')").await?;
    elsewhere(
        db,
        "INSERT INTO papers (id, text, folder_id, deleted_at) VALUES (1, 'a', 1, NULL), (2, 'b', 1, 7)",
    )
    .await?;
    db.log.clear();
    Ok(SessionFactory::new(db.engine.clone()).filter(Paper::DELETED_AT.is_null()))
}

/// The flush reads by itself which members go, or the parent could not.
async fn orphans_that_are_filtered_out_go_with_their_parent(db: Database) -> Result<()> {
    let mut session = folders(&db).await?.session();
    let mine = session.one(Folder::select().with(Folder::PAPERS)).await?;
    assert_eq!(session[mine].papers.len(), 1);
    session.delete(mine);
    session.commit().await?;
    assert_eq!(db.engine.count(Paper::select()).await?, 0);
    Ok(())
}

struct SoftDeletes;

impl SessionHooks for SoftDeletes {
    fn moments(&self) -> anyorm::Moments {
        anyorm::Moments::BEFORE_FLUSH
    }

    async fn before_flush(&self, session: &mut Session) -> Result<()> {
        for paper in session.deleted::<Paper>() {
            session.undelete(paper);
            session[paper].deleted_at = Some(9);
        }
        Ok(())
    }
}

async fn soft_deletes(db: Database) -> Result<()> {
    let lower = Hooks::<Paper>::new().before_insert(|paper| {
        paper.text.make_ascii_lowercase();
        Ok(())
    });
    let sessions = folders(&db).await?.listen(SoftDeletes).listen_to(lower);
    let mut session = sessions.session();
    let a = session.get_one::<Paper>(1).await?;
    session.delete(a);
    session.commit().await?;
    assert_eq!(session[a].deleted_at, Some(9));
    assert_eq!(session.count(Paper::select()).await?, 0);
    assert_eq!(sessions.session().get::<Paper>(1).await?, None);
    // It comes back as it went.
    let mut all = sessions.unfiltered().session();
    let gone = all.get_one::<Paper>(2).await?;
    all[gone].deleted_at = None;
    all.commit().await?;
    assert_eq!(session.count(Folder::select().filter(Folder::PAPERS.any(Paper::TEXT.eq("b")))).await?, 1);
    // A row that is deleted already stays, by a session that sees it; and goes for good by a statement.
    let hidden = session.one(Paper::select().filter(Paper::ID.eq(1)).unfiltered()).await?;
    session.delete(hidden);
    session.commit().await?;
    assert_eq!(db.engine.count(Paper::select()).await?, 2);
    assert_eq!(session.execute(Paper::delete().filter(Paper::ID.eq(1))).await?, 0);
    assert_eq!(session.execute(Paper::delete().filter(Paper::ID.eq(1)).unfiltered()).await?, 1);
    session.commit().await?;
    assert_eq!(db.engine.all(Paper::select().columns(Paper::ID)).await?, [2]);
    Ok(())
}
