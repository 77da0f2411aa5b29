//! Relations that are loaded in part: filtered, ordered, limited for each parent; and what their fields do afterwards.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Node, Post, Tag, User, blog, post, tag};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, nodes, pairs, posts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_filter_order_and_limit_count_for_each_parent,
    a_narrowed_relation_is_one_statement_of_the_same_hop,
    pairs_are_limited_for_each_source,
    a_to_one_that_is_filtered_out_stays_a_key,
    load_narrows_too,
    a_level_of_a_tree_is_narrowed_by_itself,
    one_relation_in_two_ways_is_refused,
    two_relations_to_one_table_are_narrowed_apart,
    a_column_of_another_entity_is_refused,
    a_condition_on_what_is_related_is_a_subquery,
    an_order_alone_loads_all_members,
    a_plain_load_reads_the_rest,
    a_later_filter_takes_the_place_of_an_earlier_one,
    a_loaded_collection_is_not_cut_down,
    pushes_and_removes_of_a_partial_collection,
    a_member_that_is_not_shown_can_be_removed,
    pairs_that_are_not_shown_can_be_removed,
    an_unlinked_pair_that_is_not_shown_goes,
    a_list_assigned_to_a_partial_collection_replaces_all_members,
    a_partial_collection_cleared_is_empty,
    pending_changes_of_a_partial_collection_survive_a_load,
    a_rollback_brings_a_partial_collection_back,
    a_savepoint_brings_a_partial_collection_back,
    recover_keeps_the_changes_of_a_partial_collection,
    a_limit_of_many_parents_counts_in_every_chunk,
    a_parent_deleted_with_a_partial_collection,
    what_is_pending_and_meets_the_condition_is_flushed_before,
];

/// Ada (1) with the posts a to e (1 to 5), Bob (2) with x and y (6, 7), Cid (3) with none; the tags red, green and blue
/// on a, green on b.
async fn shelf(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    let names = "(1, 'ada', 'Ada'), (2, 'bob', 'Bob'), (3, 'cid', 'Cid')";
    elsewhere(db, &format!("INSERT INTO users (id, email, name) VALUES {names}")).await?;
    let titles = "(1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 1, 1), (4, 'd', 1, 1), (5, 'e', 1, 1), \
                  (6, 'x', 2, 1), (7, 'y', 2, 1)";
    elsewhere(db, &format!("INSERT INTO posts (id, title, author_id, version) VALUES {titles}")).await?;
    elsewhere(db, "INSERT INTO tags (id, name) VALUES (1, 'red'), (2, 'green'), (3, 'blue')").await?;
    elsewhere(db, "INSERT INTO post_tags (post_id, tag_id) VALUES (1, 1), (1, 2), (1, 3), (2, 2)").await?;
    db.engine.advance_keys(&blog()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn titles(session: &Session, user: Handle<User>) -> Vec<&str> {
    session[user].posts.iter().map(|&post| session[post].title.as_str()).collect()
}

fn names(session: &Session, post: Handle<Post>) -> Vec<&str> {
    session[post].tags.iter().map(|&tag| session[tag].name.as_str()).collect()
}

/// The key and author of the posts that are stored.
async fn authors(db: &Database) -> Result<Vec<(i64, i64)>> {
    db.engine.all(Post::select().order_by(Post::ID).columns((Post::ID, Post::AUTHOR_ID))).await
}

/// Issue of the loaders: filtered, ordered and limited per parent.
async fn a_filter_order_and_limit_count_for_each_parent(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let latest = User::POSTS.filter(Post::TITLE.ne("e")).order_by(Post::TITLE.desc()).limit(2);
    let users = session.all(User::select().order_by(User::ID).with(latest.then(Post::TAGS))).await?;
    assert_eq!(titles(&session, users[0]), ["d", "c"]);
    assert_eq!(titles(&session, users[1]), ["y", "x"]);
    assert_eq!(session[users[2]].posts.loaded(), Some(&[][..]));
    assert!(users.iter().all(|&user| session[user].posts.is_partial()));
    let first = session[users[0]].posts.loaded().expect("loaded")[0];
    assert_eq!(
        session[first].tags.loaded(),
        Some(&[][..]),
        "what follows is loaded for those that were found"
    );
    assert_eq!(session[first].author.handle(), Some(users[0]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_narrowed_relation_is_one_statement_of_the_same_hop(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let some = User::POSTS.filter(Post::TITLE.starts_with("a")).limit(3);
    session.all(User::select().with(some.then(Post::TAGS.filter(Tag::NAME.ne("red"))))).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3), "{:?}", db.log.statements());
    Ok(())
}

async fn pairs_are_limited_for_each_source(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let two = Post::TAGS.order_by(Tag::NAME).limit(2);
    let all = session.all(Post::select().order_by(Post::ID).limit(3).with(two)).await?;
    assert_eq!(names(&session, all[0]), ["blue", "green"]);
    assert_eq!(names(&session, all[1]), ["green"]);
    assert!(session[all[2]].tags.is_empty());
    Ok(())
}

/// A to-one has its key whether or not its target is wanted.
async fn a_to_one_that_is_filtered_out_stays_a_key(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    let not_ada = Post::AUTHOR.filter(User::NAME.ne("Ada"));
    let all = session.all(Post::select().order_by(Post::ID).with(not_ada.clone())).await?;
    assert_eq!((session[all[0]].author.handle(), session[all[0]].author.key()), (None, Some(&1)));
    let bob = session[all[6]].author.handle().expect("he is not Ada");
    assert_eq!(session[bob].name, "Bob");
    session.load(&all, not_ada.then(User::POSTS)).await?;
    assert_eq!(session[all[0]].author.handle(), None, "the session has her, the condition does not");
    assert_eq!((session[bob].posts.len(), session[ada].posts.loaded()), (2, None));
    session.load(&all, Post::AUTHOR).await?;
    assert_eq!(session[all[0]].author.handle(), Some(ada));
    Ok(())
}

async fn load_narrows_too(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let users = session.all(User::select().order_by(User::ID)).await?;
    db.log.clear();
    session.load(&users, User::POSTS.order_by(Post::ID.desc()).limit(1).then(Post::TAGS)).await?;
    assert_eq!(db.log.statements().len(), 2);
    assert_eq!((titles(&session, users[0]), titles(&session, users[1])), (vec!["e"], vec!["y"]));
    Ok(())
}

async fn a_level_of_a_tree_is_narrowed_by_itself(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let rows = "(1, 'root', NULL), (2, 'a', 1), (3, 'b', 1), (4, 'a', 2), (5, 'b', 2), (6, 'b', 3)";
    elsewhere(&db, &format!("INSERT INTO nodes VALUES {rows}")).await?;
    let mut session = db.engine.session();
    let branches = Node::CHILDREN.then(Node::CHILDREN.filter(Node::NAME.eq("b")));
    let root = session.one(Node::select().filter(Node::PARENT_ID.is_null()).with(branches)).await?;
    let children = session[root].children.loaded().expect("loaded").to_vec();
    assert_eq!(children.len(), 2);
    let below: Vec<usize> = children.iter().map(|&child| session[child].children.len()).collect();
    assert_eq!(below, [1, 1]);
    assert!(!session[root].children.is_partial() && session[children[0]].children.is_partial());
    assert_eq!(session[children[0]].parent.handle(), Some(root));
    Ok(())
}

async fn one_relation_in_two_ways_is_refused(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = User::select().with(User::POSTS.limit(1)).with(User::POSTS.limit(2));
    let error = session.all(query).await.expect_err("a field holds one list");
    assert!(error.to_string().contains("User::posts is loaded twice"), "{error}");
    let same = || User::POSTS.filter(Post::TITLE.eq("a"));
    let query =
        User::select().filter(User::ID.eq(1)).with(same().then(Post::TAGS)).with(same().then(Post::AUTHOR));
    let ada = session.one(query).await?;
    assert_eq!((titles(&session, ada), db.log.statements().len()), (vec!["a"], 4));
    Ok(())
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "matches")]
struct Match {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    home: BelongsTo<Team>,
    #[belongs_to]
    away: BelongsTo<Team>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "teams")]
struct Team {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Match::HOME)]
    at_home: HasMany<Match>,
    #[has_many(Match::AWAY)]
    abroad: HasMany<Match>,
}

async fn two_relations_to_one_table_are_narrowed_apart(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Team, Match]).await?;
    elsewhere(&db, "INSERT INTO teams VALUES (1, 'a'), (2, 'b')").await?;
    elsewhere(&db, "INSERT INTO matches VALUES (1, 1, 2), (2, 1, 2), (3, 2, 1)").await?;
    let mut session = db.engine.session();
    let query = Team::select().order_by(Team::ID).with(Team::AT_HOME.limit(1)).with(Team::ABROAD);
    let teams = session.all(query).await?;
    assert_eq!((session[teams[0]].at_home.len(), session[teams[0]].abroad.len()), (1, 1));
    assert_eq!((session[teams[1]].at_home.len(), session[teams[1]].abroad.len()), (1, 2));
    let query = Match::select().order_by(Match::ID).with(Match::HOME.joined()).with(Match::AWAY.joined());
    let mut session = db.engine.session();
    db.log.clear();
    let all = session.all(query).await?;
    assert_eq!(db.log.statements().len(), 1);
    let first = &session[all[0]];
    let (home, away) = (first.home.handle().expect("joined"), first.away.handle().expect("joined"));
    assert_eq!((session[home].name.as_str(), session[away].name.as_str()), ("a", "b"));
    assert_eq!(session[all[2]].home.handle(), Some(away), "one handle for one row");
    Ok(())
}

async fn a_column_of_another_entity_is_refused(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let query = User::select().with(User::POSTS.filter(Tag::NAME.eq("red")));
    let error = session.all(query).await.expect_err("a tag is no post");
    assert!(error.to_string().contains("Tag.name is a column of table tags"), "{error}");
    let ada = session.get_one::<User>(1).await?;
    let error = session.load(&[ada], User::POSTS.order_by(User::NAME)).await.expect_err("a user is no post");
    assert!(error.to_string().contains("User.name is a column of table users"), "{error}");
    assert_eq!(session[ada].posts.loaded(), None);
    Ok(())
}

async fn a_condition_on_what_is_related_is_a_subquery(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let tagged = User::POSTS.filter(Post::TAGS.any(Tag::NAME.eq("green")));
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(tagged)).await?;
    assert_eq!(titles(&session, ada), ["a", "b"]);
    let about = Post::TAGS.filter(Tag::POSTS.any(Post::TITLE.eq("b")));
    let first = session.one(Post::select().filter(Post::ID.eq(1)).with(about)).await?;
    assert_eq!(names(&session, first), ["green"]);
    Ok(())
}

async fn an_order_alone_loads_all_members(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session
        .one(User::select().filter(User::ID.eq(1)).with(User::POSTS.order_by(Post::ID.desc())))
        .await?;
    assert_eq!(titles(&session, ada), ["e", "d", "c", "b", "a"]);
    assert!(!session[ada].posts.is_partial());
    db.log.clear();
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn a_plain_load_reads_the_rest(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.limit(2))).await?;
    session.load(&[ada], User::POSTS).await?;
    assert_eq!((session[ada].posts.len(), session[ada].posts.is_partial()), (5, false));
    let bob = session.one(User::select().filter(User::ID.eq(2)).with(User::POSTS.limit(1))).await?;
    session.all(User::select().with(User::POSTS)).await?;
    assert_eq!((session[bob].posts.len(), session[bob].posts.is_partial()), (2, false));
    Ok(())
}

async fn a_later_filter_takes_the_place_of_an_earlier_one(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.limit(2))).await?;
    session.load(&[ada], User::POSTS.filter(Post::TITLE.ge("d"))).await?;
    assert_eq!(titles(&session, ada), ["d", "e"]);
    assert!(!session.is_dirty());
    Ok(())
}

/// Rule 14: reads never overwrite.
async fn a_loaded_collection_is_not_cut_down(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    session.load(&[ada], User::POSTS.limit(1)).await?;
    session.all(User::select().with(User::POSTS.limit(1))).await?;
    assert_eq!((session[ada].posts.len(), session[ada].posts.is_partial()), (5, false));
    Ok(())
}

async fn pushes_and_removes_of_a_partial_collection(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let users = session.all(User::select().order_by(User::ID).with(User::POSTS.limit(2))).await?;
    let (ada, bob) = (users[0], users[1]);
    let (a, x) =
        (session[ada].posts.loaded().expect("loaded")[0], session[bob].posts.loaded().expect("loaded")[0]);
    session[ada].posts.push(x);
    session[ada].posts.push(post("new", BelongsTo::default()));
    session[bob].posts.push(a);
    db.log.clear();
    session.commit().await?;
    assert!(!sent(&db).iter().any(|statement| statement.starts_with("SELECT")), "{:?}", sent(&db));
    assert_eq!(authors(&db).await?, [(1, 2), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 2), (8, 1)]);
    assert_eq!(titles(&session, ada), ["b", "x", "new"]);
    assert_eq!(titles(&session, bob), ["y", "a"]);
    assert!(session[ada].posts.is_partial() && !session.is_dirty());
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(titles(&session, ada), ["b", "c", "d", "e", "x", "new"]);
    Ok(())
}

/// A tree, whose links may be empty: 1 over 2, 3 and 4.
async fn branches(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO nodes (name, parent_id) VALUES ('root', NULL), ('a', 1), ('b', 1), ('c', 1)")
        .await?;
    Ok(db.engine.session())
}

async fn a_member_that_is_not_shown_can_be_removed(db: Database) -> Result<()> {
    let mut session = branches(&db).await?;
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN.limit(1))).await?;
    let c = session.get_one::<Node>(4).await?;
    session[root].children.remove(c);
    assert!(session.is_dirty());
    session.commit().await?;
    assert_eq!(nodes(&db).await?[3], ("c".to_owned(), None));
    assert_eq!((session[root].children.len(), session[c].parent.is_empty()), (1, true));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0, "the queue is empty");
    session[root].children.remove(c);
    session[root].children.push(c);
    session.commit().await?;
    assert_eq!(nodes(&db).await?[3], ("c".to_owned(), Some(1)));
    Ok(())
}

async fn pairs_that_are_not_shown_can_be_removed(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session
        .one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS.filter(Tag::NAME.eq("red"))))
        .await?;
    let (green, yellow) = (session.get_one::<Tag>(2).await?, session.add(tag("yellow")));
    session[a].tags.remove(green);
    session[a].tags.push(yellow);
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 3), (1, 4), (2, 2)]);
    assert_eq!(names(&session, a), ["red", "yellow"]);
    Ok(())
}

async fn an_unlinked_pair_that_is_not_shown_goes(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS.limit(1))).await?;
    let blue = session.get_one::<Tag>(3).await?;
    session.unlink(a, Post::TAGS, blue);
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 2), (2, 2)]);
    Ok(())
}

/// Rule 11: all that is not in the list leaves, shown or not.
async fn a_list_assigned_to_a_partial_collection_replaces_all_members(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS.limit(1))).await?;
    let blue = session.get_one::<Tag>(3).await?;
    session[a].tags = vec![blue].into();
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 3), (2, 2)]);
    assert_eq!((names(&session, a), session[a].tags.is_partial()), (vec!["blue"], false));
    Ok(())
}

async fn a_partial_collection_cleared_is_empty(db: Database) -> Result<()> {
    let mut session = branches(&db).await?;
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN.limit(1))).await?;
    session[root].children.clear();
    session.commit().await?;
    assert!(nodes(&db).await?.iter().all(|(_, parent)| parent.is_none()));
    assert!(session[root].children.is_empty() && !session[root].children.is_partial());
    Ok(())
}

/// Rule 14: neither adds nor removes are lost, shown or not.
async fn pending_changes_of_a_partial_collection_survive_a_load(db: Database) -> Result<()> {
    let mut session = branches(&db).await?;
    session.set_autoflush(false);
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN.limit(2))).await?;
    let a = session[root].children.loaded().expect("loaded")[0];
    let c = session.get_one::<Node>(4).await?;
    let new = session.add(Node { name: "new".into(), ..Node::default() });
    session[root].children.remove(a);
    session[root].children.remove(c);
    session[root].children.push(new);
    let called = |session: &Session| -> Vec<String> {
        session[root].children.iter().map(|&child| session[child].name.clone()).collect()
    };
    session.load(&[root], Node::CHILDREN.filter(Node::NAME.ne("b"))).await?;
    assert_eq!(called(&session), ["new"]);
    session.load(&[root], Node::CHILDREN).await?;
    assert_eq!(called(&session), ["b", "new"]);
    session.commit().await?;
    let parents: Vec<Option<i64>> = nodes(&db).await?.into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents, [None, None, Some(1), None, Some(1)]);
    Ok(())
}

async fn a_rollback_brings_a_partial_collection_back(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS.limit(2))).await?;
    let blue = session.get_one::<Tag>(3).await?;
    let red = session[a].tags.loaded().expect("loaded")[0];
    session[a].tags.remove(blue);
    session[a].tags.remove(red);
    session.flush().await?;
    assert_eq!(names(&session, a), ["green"]);
    session.rollback().await?;
    assert_eq!((names(&session, a), session[a].tags.is_partial()), (vec!["red", "green"], true));
    session.commit().await?;
    assert_eq!(pairs(&db).await?.len(), 4);
    Ok(())
}

async fn a_savepoint_brings_a_partial_collection_back(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS.limit(2))).await?;
    session[ada].name = "Ada L".into();
    let mut nested = session.begin_nested().await?;
    nested.load(&[ada], User::POSTS).await?;
    assert_eq!(nested[ada].posts.len(), 5);
    nested.rollback().await?;
    assert_eq!(session[ada].posts.len(), 2, "as it was when the savepoint was set");
    assert!(session[ada].posts.is_partial());
    session.commit().await?;
    assert_eq!(posts(&db).await?.len(), 7);
    Ok(())
}

async fn recover_keeps_the_changes_of_a_partial_collection(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let a = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS.limit(1))).await?;
    let (green, yellow) = (session.get_one::<Tag>(2).await?, session.add(tag("yellow")));
    session[a].tags.remove(green);
    session[a].tags.push(yellow);
    session.flush().await?;
    let double = session.add(tag("red"));
    session.flush().await.expect_err("there is a red one");
    session.recover().await?;
    session[double].name = "crimson".into();
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 3), (1, session[yellow].id), (2, 2)]);
    Ok(())
}

/// Promise 4, beyond any limit of parameters.
async fn a_limit_of_many_parents_counts_in_every_chunk(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let count = 2_500;
    let mut session = db.engine.session();
    session.add_all((0..count).map(|at| User {
        posts: ["p", "q", "r"].map(|title| post(title, BelongsTo::default())).to_vec().into(),
        ..anyorm_tests::user(&format!("u{at}"))
    }));
    session.commit().await?;
    let last = User::POSTS.filter(Post::TITLE.ne("q")).order_by(Post::TITLE.desc()).limit(1);
    let mut session = db.engine.session();
    db.log.clear();
    let users = session.all(User::select().order_by(User::ID).with(last.clone())).await?;
    assert_eq!((users.len(), db.log.hops()), (count, 1));
    assert!(users.iter().all(|&user| titles(&session, user) == ["r"]));
    let mut session = db.engine.session();
    let users = session.all(User::select().order_by(User::ID)).await?;
    db.log.clear();
    session.load(&users, last).await?;
    assert_eq!(db.log.hops(), 1);
    assert!(users.iter().all(|&user| titles(&session, user) == ["r"]));
    Ok(())
}

/// What a collection does not show is not forgotten by a delete.
async fn a_parent_deleted_with_a_partial_collection(db: Database) -> Result<()> {
    let mut session = branches(&db).await?;
    let root = session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN.limit(1))).await?;
    let shown = session[root].children.loaded().expect("loaded")[0];
    session.delete(shown);
    session.delete(root);
    session.commit().await?;
    assert_eq!(nodes(&db).await?, [("b".to_owned(), None), ("c".to_owned(), None)]);
    Ok(())
}

/// Rule 18: a table that only the condition reads counts as read.
async fn what_is_pending_and_meets_the_condition_is_flushed_before(db: Database) -> Result<()> {
    let mut session = shelf(&db).await?;
    let red = session.get_one::<Tag>(1).await?;
    session[red].name = "pink".into();
    let pink = User::POSTS.filter(Post::TAGS.any(Tag::NAME.eq("pink")));
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(pink)).await?;
    assert_eq!(titles(&session, ada), ["a"]);
    session.rollback().await?;
    Ok(())
}
