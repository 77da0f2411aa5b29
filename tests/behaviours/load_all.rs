//! Several queries of a session in one hop.

use anyorm::prelude::*;
use anyorm::{Error, Result, batch};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    queries_and_their_relations_are_one_hop,
    what_is_pending_is_flushed_before_and_read_along,
    an_entity_of_several_queries_is_one_handle,
    members_ask_for_what_they_want_of_a_session,
    lists_load_their_relations,
    writes_are_refused_before_anything_is_sent,
    a_failure_tracks_nothing,
    filters_of_the_factory_stand_in_each_member,
    a_session_that_only_reads_loads_together,
];

/// Ada (1) with the posts a and b, on which is red; Bob (2) with none.
async fn shelf(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(user("Bob"));
    let a = session.add(post("a", ada));
    session.add(post("b", ada));
    let red = session.add(tag("red"));
    session.link(a, Post::TAGS, red);
    session.add_all([Account { id: 1, balance: 5 }, Account { id: 2, balance: 6 }]);
    session.commit().await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn users() -> impl anyorm::Query<Shape = anyorm::query::Graph<User>> {
    User::select().order_by(User::ID).with(User::POSTS.then(Post::TAGS))
}

async fn queries_and_their_relations_are_one_hop(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let joined = Post::select().order_by(Post::ID).with(Post::AUTHOR.joined());
    let (accounts, users, posts, names) =
        session.load_all((Account::select(), users(), joined, Tag::select().columns(Tag::NAME))).await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(db.log.transactions(), 1);
    assert_eq!(sent(&db).len(), 6, "{:?}", db.log.statements());
    assert!(!session.in_transaction());
    assert_eq!((accounts.len(), users.len(), posts.len(), names), (2, 2, 2, vec!["red".to_owned()]));
    assert_eq!(session[users[0]].posts.iter().copied().collect::<Vec<_>>(), posts);
    assert!(session[users[1]].posts.is_empty());
    let tags: Vec<&str> = session[posts[0]].tags.iter().map(|&tag| session[tag].name.as_str()).collect();
    assert_eq!(tags, ["red"]);
    assert_eq!(session[posts[1]].author.handle(), Some(users[0]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn what_is_pending_is_flushed_before_and_read_along(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let green = session.add(tag("green"));
    let (tags, accounts) =
        session.load_all((Tag::select().order_by(Tag::ID), batch::count(Account::select()))).await?;
    assert_eq!((tags.len(), tags[1], accounts), (2, green, 2));
    assert!(session.in_transaction(), "the flush began it, and the batch ran inside");
    session[green].name = "blue".into();
    let (names,) = session.load_all((Tag::select().columns(Tag::NAME).order_by(Tag::ID),)).await?;
    assert_eq!(names, ["red", "blue"]);
    session.rollback().await?;
    assert_eq!(db.engine.count(Tag::select()).await?, 1);
    // After `begin`, BEGIN rides with it, and the transaction stays.
    session.begin().await?;
    session.load_all((Tag::select(), User::select())).await?;
    assert!(session.in_transaction());
    session.commit().await
}

async fn an_entity_of_several_queries_is_one_handle(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    session.set_autoflush(false);
    session[ada].name = "Changed".into();
    let named = User::select().filter(User::NAME.eq("Ada"));
    let (all, named, posts) = session
        .load_all((User::select().order_by(User::ID), named, Post::select().with(Post::AUTHOR)))
        .await?;
    assert_eq!((all[0], named), (ada, vec![ada]));
    assert_eq!(session[posts[0]].author.handle(), Some(ada));
    assert_eq!(session[ada].name, "Changed", "a read overwrites no change");
    Ok(())
}

async fn members_ask_for_what_they_want_of_a_session(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let (first, none, one, exists) = session
        .load_all((
            batch::first(users()),
            batch::first(User::select().filter(User::ID.gt(9))),
            batch::one(Post::select().filter(Post::TITLE.eq("b"))),
            batch::exists(Tag::select()),
        ))
        .await?;
    let first = first.expect("there are users");
    assert_eq!((session[first].posts.len(), none, session[one].title.as_str(), exists), (2, None, "b", true));
    let several = session.load_all((batch::one(Post::select()),)).await;
    assert!(matches!(several, Err(Error::RowCount(_))));
    Ok(())
}

async fn lists_load_their_relations(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let of = |id: i64| User::select().filter(User::ID.eq(id)).with(User::POSTS.then(Post::TAGS));
    let found = session.load_all([of(2), of(1), of(9)]).await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!((session[found[0][0]].posts.len(), session[found[1][0]].posts.len()), (0, 2));
    let a = session[found[1][0]].posts.iter().next().copied().expect("there are posts");
    assert_eq!(session[a].tags.len(), 1);
    Ok(())
}

async fn writes_are_refused_before_anything_is_sent(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    session.add(tag("green"));
    let deletes = Tag::delete().everything().returning(Tag::ID);
    let error = session.load_all((Tag::select(), deletes)).await.unwrap_err();
    assert!(error.to_string().contains("only reads"), "{error}");
    assert_eq!(db.log.hops(), 0, "not even the flush");
    session.commit().await
}

async fn a_failure_tracks_nothing(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let nowhere = sql("SELECT n FROM nowhere").reading(["tags"]).returning::<i64>();
    assert!(session.load_all((User::select(), nowhere)).await.is_err());
    db.log.clear();
    session.get_one::<User>(1).await?;
    assert_eq!(db.log.hops(), 1, "it was not tracked");
    session.commit().await
}

async fn filters_of_the_factory_stand_in_each_member(db: Database) -> Result<()> {
    shelf(&db).await?;
    let sessions = SessionFactory::new(db.engine.clone()).filter(Post::TITLE.ne("b"));
    let mut session = sessions.session();
    let (users, posts, all) = session
        .load_all((users(), batch::count(Post::select()), batch::count(Post::select().unfiltered())))
        .await?;
    assert_eq!((session[users[0]].posts.len(), posts, all), (1, 1, 2));
    Ok(())
}

async fn a_session_that_only_reads_loads_together(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut reads = db.engine.read_session();
    let (users, tags) = reads.load_all((users(), Tag::select())).await?;
    assert_eq!((reads[users[0]].posts.len(), tags.len(), db.log.hops()), (2, 1, 1));
    Ok(())
}
